import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '@sandbox/abi';
import { getU16, getU32 } from '../core/bytes.js';
import type { Visit } from './rules.js';

/** XT_LOG_*: what else is told. */
const SEQUENCE = 1;
const OPTIONS = 4;
const UID = 8;

/** A line about a packet as Linux writes it into its log (nf_log_syslog). */
export function logLine(visit: Visit, prefix: string, flags: number): string {
  const { packet, flow, input, output } = visit;
  let line = `${prefix}IN=${input?.name ?? ''} OUT=${output?.name ?? ''} `;
  if (input?.resolves === true && !packet.looped && flow.network >= 14) {
    const header = packet.bytes.subarray(flow.network - 14, flow.network);
    line += `MAC=${[...header].map((byte) => byte.toString(16).padStart(2, '0')).join(':')} `;
  }
  line += flow.isV4 ? v4(visit) : v6(visit);
  line += transport(visit, flags);
  const { owner } = packet;
  if ((flags & UID) !== 0 && owner !== null) line += `UID=${owner.uid} GID=${owner.gid} `;
  return packet.mark === 0 ? line : `${line}MARK=0x${packet.mark.toString(16)} `;
}

const hex2 = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(2, '0')}`;

function v4({ packet: { bytes }, flow }: Visit): string {
  const at = flow.network;
  const fragment = getU16(bytes, at + 6);
  let line = `SRC=${flow.source} DST=${flow.destination} LEN=${getU16(bytes, at + 2)} `;
  line += `TOS=${hex2(flow.tos & 0x1e)} PREC=${hex2(flow.tos & 0xe0)} TTL=${bytes[at + 8]} `;
  line += `ID=${getU16(bytes, at + 4)} `;
  if ((fragment & 0x8000) !== 0) line += 'CE ';
  if ((fragment & 0x4000) !== 0) line += 'DF ';
  if ((fragment & 0x2000) !== 0) line += 'MF ';
  return (fragment & 0x1fff) === 0 ? line : `${line}FRAG:${fragment & 0x1fff} `;
}

function v6({ packet: { bytes }, flow }: Visit): string {
  const at = flow.network;
  const label = getU32(bytes, at) & 0xfffff;
  const length = getU16(bytes, at + 4) + 40;
  return `SRC=${flow.source} DST=${flow.destination} LEN=${length} TC=${flow.tos} HOPLIMIT=${bytes[at + 7]} FLOWLBL=${label} `;
}

function transport({ packet: { bytes }, flow }: Visit, flags: number): string {
  const at = flow.transport;
  if (flow.laterFragment) return `PROTO=${flow.protocol} `;
  switch (flow.protocol) {
    case IPPROTO_TCP:
      return tcp(bytes, at, flow.sourcePort, flow.destinationPort, flags);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE: {
      const name = flow.protocol === IPPROTO_UDP ? 'UDP' : 'UDPLITE';
      return `PROTO=${name} SPT=${flow.sourcePort} DPT=${flow.destinationPort} LEN=${getU16(bytes, at + 4)} `;
    }
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
      let line = `PROTO=${flow.protocol === IPPROTO_ICMP ? 'ICMP' : 'ICMPv6'} TYPE=${bytes[at]} CODE=${bytes[at + 1]} `;
      if (flow.isEcho(bytes)) line += `ID=${getU16(bytes, at + 4)} SEQ=${getU16(bytes, at + 6)} `;
      return line;
    }
    default:
      return `PROTO=${flow.protocol} `;
  }
}

const TCP_FLAGS = ['CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'] as const;

function tcp(bytes: Uint8Array, at: number, source: number, destination: number, flags: number): string {
  let line = `PROTO=TCP SPT=${source} DPT=${destination} `;
  if ((flags & SEQUENCE) !== 0) line += `SEQ=${getU32(bytes, at + 4)} ACK=${getU32(bytes, at + 8)} `;
  line += `WINDOW=${getU16(bytes, at + 14)} RES=${hex2((bytes[at + 12] & 0xf) << 2)} `;
  TCP_FLAGS.forEach((name, i) => {
    if ((bytes[at + 13] & (0x80 >>> i)) !== 0) line += `${name} `;
  });
  line += `URGP=${getU16(bytes, at + 18)} `;
  const end = at + (bytes[at + 12] >>> 4) * 4;
  if ((flags & OPTIONS) === 0 || end <= at + 20) return line;
  return `${line}OPT (${Buffer.from(bytes.subarray(at + 20, end))
    .toString('hex')
    .toUpperCase()}) `;
}
