import {
  AF_INET,
  AF_INET6,
  IPPROTO_UDP,
  SOCK_DGRAM,
  SOCK_RAW,
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_TIME_WAIT,
} from '@sandbox/abi';
import type { IpAddress } from '@sandbox/net';
import { datagramSockets, type ListedSocket, listedAddress, tcpSockets } from '../connections.js';
import { TcpSocket } from '../inet/tcp.js';
import type { Network } from '../network.js';
import { PacketSocket } from '../packet/socket.js';

/** Clock ticks a second, as programs count them. */
const TICK_MS = 10;

/** Addresses are shown as the words a little-endian host reads from them. */
function addressText(address: IpAddress, family: number): string {
  const shown = listedAddress(address, family);
  const bytes = new Uint8Array(16);
  const n = shown.toBytes(bytes);
  let text = '';
  for (let i = 0; i < n; i += 4)
    for (let j = 3; j >= 0; j--) text += bytes[i + j]!.toString(16).padStart(2, '0').toUpperCase();
  return text;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0').toUpperCase();
}

function port(value: number): string {
  return value.toString(16).padStart(4, '0').toUpperCase();
}

function ends(s: ListedSocket): string {
  return `${addressText(s.local, s.family)}:${port(s.localPort)} ${addressText(s.remote, s.family)}:${port(s.remotePort)}`;
}

/** Lines of IPv4 tables are padded to one length. */
function pad(line: string, family: number, width: number): string {
  return `${family === AF_INET ? line.padEnd(width) : line}\n`;
}

/** /proc/net/tcp and tcp6, behind the header. */
export function tcpLines(network: Network, family: number): string {
  let text = '';
  let index = 0;
  for (const s of tcpSockets(network)) {
    if (s.family !== family) continue;
    const state = s.state.toString(16).padStart(2, '0').toUpperCase();
    const ticks = Math.max(0, Math.round(s.timerLeft / TICK_MS));
    let line =
      `${String(index++).padStart(4)}: ${ends(s)} ${state} ${hex(s.sendQueue, 8)}:${hex(s.receiveQueue, 8)} ` +
      `${hex(s.timer, 2)}:${hex(ticks, 8)} ${hex(s.retransmits, 8)} ${String(s.uid).padStart(5)} ${String(0).padStart(8)} ${s.inode} `;
    if (s.state === TCP_TIME_WAIT) line += '3 0000000000000000';
    else line += `1 0000000000000000 ${details(s)}`;
    text += pad(line, family, 149);
  }
  return text;
}

/** RTO, ATO, quick ACK, congestion window, slow start threshold. */
function details(s: ListedSocket): string {
  if (s.state === TCP_LISTEN || s.tcp === null) return '100 0 0 10 0';
  const info: Record<string, number> = {};
  s.tcp.info(info);
  const rto = Math.round((info.tcpi_rto ?? 200_000) / 1000 / TICK_MS);
  const threshold = info.tcpi_snd_ssthresh ?? 0x7fffffff;
  return `${rto} 4 0 ${info.tcpi_snd_cwnd ?? 10} ${threshold >= 0x7fffffff ? -1 : threshold}`;
}

function datagramLine(s: ListedSocket, index: number): string {
  const state = s.state === TCP_CLOSE ? '07' : '01';
  return (
    `${String(index).padStart(5)}: ${ends(s)} ${state} ${hex(s.sendQueue, 8)}:${hex(s.receiveQueue, 8)} ` +
    `00:00000000 00000000 ${String(s.uid).padStart(5)} ${String(0).padStart(8)} ${s.inode} 2 0000000000000000 ${s.drops}`
  );
}

/** /proc/net/udp, udp6, raw, raw6, behind the header. */
export function datagramLines(network: Network, family: number, raw: boolean): string {
  let text = '';
  for (const s of datagramSockets(network, raw ? SOCK_RAW : SOCK_DGRAM, raw ? null : IPPROTO_UDP)) {
    if (s.family === family) text += pad(datagramLine(s, s.localPort), family, 127);
  }
  return text;
}

/** /proc/net/packet, behind the header. */
export function packetLines(network: Network): string {
  let text = '';
  for (const s of network.sockets) {
    if (!(s instanceof PacketSocket)) continue;
    const { packets } = s;
    text +=
      `0000000000000000 ${String(3).padEnd(6)} ${String(s.type).padEnd(4)} ${hex(packets.etherType, 4)}   ` +
      `${String(packets.ifindex).padEnd(5)} 1 ${String(packets.queue.used).padEnd(6)} ${String(packets.uid).padEnd(6)} ${String(s.inode.ino).padEnd(6)}\n`;
  }
  return text;
}

/** /proc/net/netlink, behind the header. */
export function netlinkLines(network: Network): string {
  let text = '';
  for (const s of network.netlink.all()) {
    text +=
      `0000000000000000 ${String(s.protocol).padEnd(3)} ${String(s.port).padEnd(10)} ${hex(s.groups[0]!, 8)} ` +
      `${String(0).padEnd(8)} ${String(0).padEnd(8)} ${String(0).padEnd(5)} ${String(2).padEnd(8)} ${String(s.drops).padEnd(8)} ${String(s.inode.ino).padEnd(8)}\n`;
  }
  return text;
}

interface Counts {
  tcp: number;
  tcp6: number;
  udp: number;
  udp6: number;
  raw: number;
  raw6: number;
  all: number;
}

function count(network: Network): Counts {
  const counts: Counts = { tcp: 0, tcp6: 0, udp: 0, udp6: 0, raw: 0, raw6: 0, all: 0 };
  for (const s of network.sockets) {
    counts.all++;
    const six = s.domain === AF_INET6;
    if (s instanceof TcpSocket) {
      if (s.tcp.state !== TCP_CLOSE) counts[six ? 'tcp6' : 'tcp']++;
    } else if (s.type === SOCK_RAW) counts[six ? 'raw6' : 'raw']++;
    else if (s.type === SOCK_DGRAM) counts[six ? 'udp6' : 'udp']++;
  }
  return counts;
}

/** /proc/net/sockstat */
export function sockstatText(network: Network): string {
  const c = count(network);
  return (
    `sockets: used ${c.all}\n` +
    `TCP: inuse ${c.tcp} orphan 0 tw ${network.stack.tcp.timeWaitCount} alloc ${c.tcp + c.tcp6} mem 0\n` +
    `UDP: inuse ${c.udp} mem 0\nUDPLITE: inuse 0\nRAW: inuse ${c.raw}\nFRAG: inuse 0 memory 0\n`
  );
}

/** /proc/net/sockstat6 */
export function sockstat6Text(network: Network): string {
  const c = count(network);
  return `TCP6: inuse ${c.tcp6}\nUDP6: inuse ${c.udp6}\nUDPLITE6: inuse 0\nRAW6: inuse ${c.raw6}\nFRAG6: inuse 0 memory 0\n`;
}
