import { IPPROTO_FRAGMENT, IPPROTO_ICMPV6, IPPROTO_NONE } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU32, putU16, putU32 } from '../core/bytes.js';
import { allocatePacket, type Packet, TO_HOST } from '../core/packet.js';
import { internetChecksum, pseudoHeader } from '../wire/checksum.js';
import {
  ICMP_HEADER,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  ICMPV6_PARAMPROB,
  ICMPV6_PKT_TOOBIG,
  ICMPV6_UNK_OPTION,
  IcmpMeaning,
  isIcmpError,
  MLD_QUERY,
  NDP_NEIGHBOUR_ADVERTISEMENT,
  NDP_NEIGHBOUR_SOLICITATION,
} from '../wire/icmp.js';
import { ExtensionWalk, IPV6, IPV6_HEADER, IPV6_MIN_MTU, walkExtensions } from '../wire/ipv6.js';
import type { NetInterface } from './interface.js';
import { IpOut, type Path } from './path.js';
import { IcmpError, type TransportProtocol } from './protocol.js';
import { RateLimit } from './rate-limit.js';
import type { IpStack } from './stack.js';

/** The whole error message fits the least MTU (RFC 4443 section 2.4 (c)). */
const MOST_QUOTED = IPV6_MIN_MTU - IPV6_HEADER - ICMP_HEADER;

/** ICMPv6, but neighbour discovery (ndp.ts). */
export class Icmp6 implements TransportProtocol {
  private readonly limit: RateLimit;
  private readonly error = new IcmpError();
  private readonly meaning = new IcmpMeaning();
  private readonly out = new IpOut();
  private readonly walk = new ExtensionWalk();

  constructor(private readonly stack: IpStack) {
    this.limit = new RateLimit(() => stack.now());
  }

  receive(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): boolean {
    const { stack } = this;
    const { counters } = stack;
    const { bytes, transport, end } = packet;
    counters.icmp6.InMsgs++;
    if (end - transport < ICMP_HEADER) {
      counters.icmp6.InErrors++;
      packet.release();
      return true;
    }
    const initial = pseudoHeader(source, destination, IPPROTO_ICMPV6, end - transport);
    if (!packet.trusted && internetChecksum(bytes, transport, end, initial) !== 0) {
      counters.icmp6.InCsumErrors++;
      packet.release();
      return true;
    }
    const type = bytes[transport];
    switch (type) {
      case ICMPV6_ECHO_REQUEST:
        this.echo(packet, source, destination);
        return true;
      case ICMPV6_ECHO_REPLY:
        stack.ping.deliver(packet, source, destination, iface);
        return true;
      case NDP_NEIGHBOUR_SOLICITATION:
      case NDP_NEIGHBOUR_ADVERTISEMENT:
        stack.ndp.receive(packet, source, destination, iface);
        break;
      case MLD_QUERY:
        stack.multicast.receiveMldQuery(packet, source, iface);
        break;
      default:
        if (isIcmpError(type, false)) this.receiveError(packet, source);
    }
    packet.release();
    return true;
  }

  private echo(packet: Packet, source: IpAddress, destination: IpAddress): void {
    const { stack } = this;
    const from = destination.isMulticast ? null : destination;
    const oif = source.isLinkLocal ? packet.ifindex : 0;
    const path = stack.settings.echoIgnoreAll ? -1 : stack.resolve(source, from, oif, packet.mark);
    if (typeof path === 'number') {
      packet.release();
      return;
    }
    const reply = packet.shared ? packet.clone() : packet.retain();
    packet.release();
    reply.start = reply.transport;
    reply.bytes[reply.start] = ICMPV6_ECHO_REPLY;
    reply.addressed = TO_HOST;
    this.send(path, reply, from ?? path.source, source, stack.settings.defaultHopLimit, packet.tos);
  }

  /** Send a message, its checksum left to be written. Given away. */
  send(
    path: Path,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    tos = 0,
    extensions: Uint8Array | null = null,
  ): number {
    const { bytes, start, end } = packet;
    putU16(bytes, start + 2, 0);
    // Always written: raw sockets show it to programs that look.
    const initial = pseudoHeader(source, destination, IPPROTO_ICMPV6, end - start);
    putU16(bytes, start + 2, internetChecksum(bytes, start, end, initial));
    this.stack.counters.icmp6.OutMsgs++;
    this.out.set(source, destination, IPPROTO_ICMPV6, hopLimit, tos);
    if (extensions !== null) {
      this.out.options = extensions;
      this.out.extensionFirst = 0;
    }
    return this.stack.ipv6.send(path, packet, this.out);
  }

  private receiveError(packet: Packet, offender: IpAddress): void {
    const { bytes, transport, end } = packet;
    const inner = transport + ICMP_HEADER;
    const type = bytes[transport];
    const info = type === ICMPV6_PKT_TOOBIG || type === ICMPV6_PARAMPROB ? getU32(bytes, transport + 4) : 0;
    this.dispatch(packet, inner, end, type, bytes[transport + 1], info, offender);
  }

  /**
   * An error this stack met with a packet of its own, its IP header at `packet.network`. The packet stays the
   * caller's.
   */
  localError(packet: Packet, type: number, code: number, offender: IpAddress): void {
    this.dispatch(packet, packet.network, packet.end, type, code, 0, offender);
  }

  private dispatch(
    packet: Packet,
    inner: number,
    end: number,
    type: number,
    code: number,
    info: number,
    offender: IpAddress,
  ): void {
    const { bytes } = packet;
    const { error, stack, walk } = this;
    if (end - inner < IPV6_HEADER + 8 || bytes[inner] >>> 4 !== 6) {
      stack.counters.icmp6.InErrors++;
      return;
    }
    if (!walkExtensions(bytes, inner, end, false, walk) || walk.offset + 8 > end) return;
    error.isV4 = false;
    error.offender = offender;
    error.source = IpAddress.fromBytes6(bytes, inner + IPV6.source);
    error.destination = IpAddress.fromBytes6(bytes, inner + IPV6.destination);
    error.type = type;
    error.code = code;
    error.info = info;
    error.bytes = bytes;
    error.offset = walk.offset;
    error.end = end;
    error.ifindex = packet.ifindex;
    this.meaning.set(false, type, code);
    error.errno = this.meaning.errno;
    error.hard = this.meaning.hard;
    if (stack.addresses.owner(error.source) === undefined) return;
    const { protocol } = walk;
    if (type === ICMPV6_PKT_TOOBIG) {
      stack.pathMtu.update(error.destination, Math.max(info, IPV6_MIN_MTU), stack.now());
    }
    if (stack.raw.active) stack.raw.icmpError(protocol, error);
    stack.protocols6[protocol]?.icmpError(error);
  }

  /** An error about a ping of this host's. */
  icmpError(error: IcmpError): void {
    if (error.bytes[error.offset] === ICMPV6_ECHO_REQUEST) this.stack.ping.icmpError(error);
  }

  /**
   * Tell the sender of `packet` (IP header at `network`, still the caller's) that something is wrong with it
   * (RFC 4443 section 2.4). `toMany`: also when it was sent to a group.
   */
  sendError(
    packet: Packet,
    iface: NetInterface,
    type: number,
    code: number,
    info: number,
    toMany = false,
  ): void {
    const { stack, walk } = this;
    const { bytes, network, end } = packet;
    const source = IpAddress.fromBytes6(bytes, network + IPV6.source);
    const destination = IpAddress.fromBytes6(bytes, network + IPV6.destination);
    if (source.isAny || source.isMulticast) return;
    const many = packet.addressed !== TO_HOST || destination.isMulticast;
    const allowed =
      type === ICMPV6_PKT_TOOBIG || toMany || (type === ICMPV6_PARAMPROB && code === ICMPV6_UNK_OPTION);
    if (many && !allowed) return;
    // Never about an error, nor about a piece that does not tell what it is a piece of.
    const known = walkExtensions(bytes, network, end, false, walk);
    const about = walk.protocol;
    if (known && about === IPPROTO_ICMPV6 && isIcmpError(bytes[walk.offset] ?? 0, false)) return;
    if (!known && (about === IPPROTO_FRAGMENT || about === IPPROTO_NONE)) return;
    if (!iface.loopback && !this.limit.allow(source, stack.settings.icmpRateLimit)) {
      stack.counters.icmp6.OutRateLimitHost++;
      return;
    }
    const own = !destination.isMulticast && stack.addresses.owner(destination) !== undefined;
    const oif = source.isLinkLocal ? iface.index : 0;
    const path = stack.resolve(source, own ? destination : null, oif, packet.mark);
    if (typeof path === 'number') return;
    if (packet.trusted && !path.iface.link.trusted) stack.completeChecksum(packet);
    const quoted = Math.min(end - network, MOST_QUOTED);
    const message = allocatePacket(ICMP_HEADER + quoted);
    const start = message.start;
    message.end = start + ICMP_HEADER + quoted;
    message.bytes[start] = type;
    message.bytes[start + 1] = code;
    putU32(message.bytes, start + 4, info);
    message.bytes.set(bytes.subarray(network, network + quoted), start + ICMP_HEADER);
    this.send(path, message, own ? destination : path.source, source, stack.settings.defaultHopLimit);
  }
}
