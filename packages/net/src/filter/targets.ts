import { IPPROTO_TCP } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU32 } from '../core/bytes.js';
import { allocatePacket } from '../core/packet.js';
import { IpOut } from '../ip/path.js';
import type { IpStack } from '../ip/stack.js';
import { writeTransportChecksum } from '../wire/offload.js';
import { ACK, RST, TCP_HEADER, writeHeader } from '../wire/tcp.js';
import { CT_UNTRACKED } from './conntrack.js';
import { logLine } from './log.js';
import type { Netfilter } from './netfilter.js';
import { ACCEPT, CONTINUE, DROP, HOOK_OUTPUT, type Target, type Visit } from './rules.js';
import { type NatRange, translate } from './translate.js';

/** SNAT and DNAT. */
export class NatTarget implements Target {
  constructor(
    private readonly stack: IpStack,
    private readonly source: boolean,
    private readonly range: NatRange,
  ) {}

  act(visit: Visit): number {
    return translateBy(this.stack, visit, this.source, this.range);
  }
}

/** MASQUERADE: the source is the address of the interface the packet leaves by. */
export class MasqueradeTarget implements Target {
  constructor(
    private readonly stack: IpStack,
    private readonly range: NatRange,
  ) {}

  act(visit: Visit): number {
    return masquerade(this.stack, visit, this.range);
  }
}

/** REDIRECT: to this host itself, where the packet came in. */
export class RedirectTarget implements Target {
  constructor(
    private readonly stack: IpStack,
    private readonly range: NatRange,
  ) {}

  act(visit: Visit): number {
    return redirect(this.stack, visit, this.range);
  }
}

/** Translate the connection of a packet. ACCEPT; DROP: no port is left. */
export function translateBy(stack: IpStack, { packet }: Visit, source: boolean, range: NatRange): number {
  const entry = packet.connection;
  if (entry === null) return ACCEPT;
  if (source) entry.sourceDecided = true;
  else entry.destinationDecided = true;
  return translate(entry, source, range, () => stack.host.random32()) ? ACCEPT : DROP;
}

/** The source becomes an address of the interface the packet leaves by. */
export function masquerade(stack: IpStack, visit: Visit, range: NatRange): number {
  const { output, flow } = visit;
  const low = output === null ? null : stack.sourceFor(output, flow.destination, flow.destination);
  return low === null ? DROP : translateBy(stack, visit, true, { ...range, low, high: low });
}

/** The destination becomes this host, where the packet came in. */
export function redirect(stack: IpStack, visit: Visit, range: NatRange): number {
  const { isV4 } = visit.flow;
  const own = isV4 ? IpAddress.LOOPBACK4 : IpAddress.LOOPBACK6;
  const low =
    visit.hook === HOOK_OUTPUT ? own : visit.input?.addresses.find((a) => a.address.isV4 === isV4)?.address;
  return low === undefined ? DROP : translateBy(stack, visit, false, { ...range, low, high: low });
}

/** NOTRACK, CT --notrack: the packet belongs to no connection. */
export const NO_TRACK_TARGET: Target = {
  act({ packet }) {
    if (packet.connection === null) packet.connectionInfo = CT_UNTRACKED;
    return CONTINUE;
  },
};

/** LOG: a line about the packet, on to the next rule. */
export class LogTarget implements Target {
  constructor(
    private readonly filter: Netfilter,
    private readonly level: number,
    private readonly prefix: string,
    /** XT_LOG_*. */
    private readonly flags: number,
  ) {}

  act(visit: Visit): number {
    this.filter.log?.(this.level, logLine(visit, this.prefix, this.flags));
    return CONTINUE;
  }
}

/** CONNMARK: marks of connections and of their packets. */
export class ConnectionMarkTarget implements Target {
  constructor(
    private readonly mode: 'set' | 'save' | 'restore',
    private readonly mark: number,
    private readonly connectionMask: number,
    private readonly packetMask: number,
  ) {}

  act({ packet }: Visit): number {
    const entry = packet.connection;
    if (entry === null) return CONTINUE;
    if (this.mode === 'set') entry.mark = ((entry.mark & ~this.connectionMask) ^ this.mark) >>> 0;
    else if (this.mode === 'save')
      entry.mark = ((entry.mark & ~this.connectionMask) ^ (packet.mark & this.packetMask)) >>> 0;
    else packet.mark = ((packet.mark & ~this.packetMask) ^ (entry.mark & this.connectionMask)) >>> 0;
    return CONTINUE;
  }
}

/** MARK --set-xmark: the packet's mark. */
export class MarkTarget implements Target {
  constructor(
    private readonly mark: number,
    private readonly mask: number,
  ) {}

  act({ packet }: Visit): number {
    packet.mark = ((packet.mark & ~this.mask) ^ this.mark) >>> 0;
    return CONTINUE;
  }
}

/** REJECT: dropped, and the sender is told by an ICMP error. */
export class RejectTarget implements Target {
  constructor(
    private readonly stack: IpStack,
    private readonly type: number,
    private readonly code: number,
  ) {}

  act(visit: Visit): number {
    return rejectBy(this.stack, visit, this.type, this.code);
  }
}

/** Drop a packet, and tell its sender by an ICMP error. */
export function rejectBy(stack: IpStack, visit: Visit, type: number, code: number): number {
  const { packet, flow, input, output } = visit;
  const iface = input ?? output ?? stack.loopback;
  if (flow.isV4) stack.icmp4.sendError(packet, iface, type, code, 0);
  else stack.icmp6.sendError(packet, iface, type, code, 0);
  return DROP;
}

/** REJECT --reject-with tcp-reset. */
export class ResetTarget implements Target {
  private readonly out = new IpOut();

  constructor(private readonly stack: IpStack) {}

  act({ packet: { bytes }, flow }: Visit): number {
    if (flow.protocol !== IPPROTO_TCP || flow.laterFragment) return DROP;
    const at = flow.transport;
    const flags = bytes[at + 13];
    if ((flags & RST) !== 0) return DROP;
    const acks = (flags & ACK) !== 0;
    const { stack } = this;
    const path = stack.resolve(flow.source, flow.destination);
    if (typeof path === 'number') return DROP;
    // SYN and FIN count one each (RFC 9293 section 3.10.7.1).
    const length = flow.end - at - (bytes[at + 12] >>> 4) * 4 + (flags & 1) + ((flags >> 1) & 1);
    const answer = allocatePacket(TCP_HEADER);
    const start = answer.start;
    const sequence = acks ? getU32(bytes, at + 8) : 0;
    const acknowledged = acks ? 0 : (getU32(bytes, at + 4) + length) | 0;
    const { sourcePort, destinationPort } = flow;
    writeHeader(
      answer.bytes,
      start,
      destinationPort,
      sourcePort,
      sequence,
      acknowledged,
      TCP_HEADER,
      acks ? RST : RST | ACK,
      0,
      0,
    );
    answer.end = start + TCP_HEADER;
    writeTransportChecksum(answer.bytes, start, answer.end, IPPROTO_TCP, flow.destination, flow.source);
    const out = this.out.set(flow.destination, flow.source, IPPROTO_TCP, stack.settings.defaultTtl, 0);
    if (flow.isV4) stack.ipv4.send(path, answer, out);
    else stack.ipv6.send(path, answer, out);
    return DROP;
  }
}
