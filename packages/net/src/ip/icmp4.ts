import { IPPROTO_ICMP } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU16, getU32, putU16, putU32 } from '../core/bytes.js';
import { allocatePacket, type Packet, TO_HOST } from '../core/packet.js';
import { internetChecksum } from '../wire/checksum.js';
import {
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  ICMP_FRAG_NEEDED,
  ICMP_HEADER,
  ICMP_PARAMETERPROB,
  ICMP_REDIRECT,
  ICMP_TIMESTAMP,
  ICMP_TIMESTAMPREPLY,
  IcmpMeaning,
  isIcmpError,
} from '../wire/icmp.js';
import { IP_OFFSET_MASK, IPV4, IPV4_HEADER, IPV4_MAX_HEADER } from '../wire/ipv4.js';
import type { NetInterface } from './interface.js';
import { IpOut } from './path.js';
import { IcmpError, type TransportProtocol } from './protocol.js';
import { RateLimit } from './rate-limit.js';
import type { IpStack } from './stack.js';

/** What an error quotes at most: the whole message fits 576 bytes (RFC 1812 section 4.3.2.3). */
const MOST_QUOTED = 576 - IPV4_HEADER - ICMP_HEADER;

/** ICMP for IPv4. */
export class Icmp4 implements TransportProtocol {
  private readonly limit: RateLimit;
  private readonly error = new IcmpError();
  private readonly meaning = new IcmpMeaning();
  private readonly out = new IpOut();

  constructor(private readonly stack: IpStack) {
    this.limit = new RateLimit(() => stack.now());
  }

  receive(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): boolean {
    const { stack } = this;
    const { counters } = stack;
    const { bytes, transport, end } = packet;
    counters.icmp.InMsgs++;
    if (end - transport < ICMP_HEADER || (!packet.trusted && internetChecksum(bytes, transport, end) !== 0)) {
      counters.icmp[end - transport < ICMP_HEADER ? 'InErrors' : 'InCsumErrors']++;
      packet.release();
      return true;
    }
    const type = bytes[transport];
    if (type === ICMP_ECHO) {
      counters.icmp.InEchos++;
      this.echo(packet, source, destination, iface);
      return true;
    }
    if (type === ICMP_ECHOREPLY) {
      counters.icmp.InEchoReps++;
      stack.ping.deliver(packet, source, destination, iface);
      return true;
    }
    if (type === ICMP_DEST_UNREACH) counters.icmp.InDestUnreachs++;
    if (isIcmpError(type, true) && type !== ICMP_REDIRECT) this.receiveError(packet, source);
    else if (type === ICMP_TIMESTAMP) {
      this.timestamp(packet, source, destination, iface);
      return true;
    }
    packet.release();
    return true;
  }

  private echo(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const { settings } = this.stack;
    const toMany = packet.addressed !== TO_HOST || destination.isMulticast || destination.isLimitedBroadcast;
    if (settings.echoIgnoreAll || (toMany && settings.echoIgnoreBroadcasts)) {
      packet.release();
      return;
    }
    this.stack.counters.icmp.OutEchoReps++;
    this.reply(packet, ICMP_ECHOREPLY, source, toMany ? null : destination, iface);
  }

  private timestamp(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const at = packet.transport;
    if (packet.end - at < 20 || packet.addressed !== TO_HOST || destination.isMulticast) {
      packet.release();
      return;
    }
    const copy = packet.shared ? packet.clone() : packet.retain();
    // Milliseconds since some midnight: the high bit says that it is not a standard one (RFC 792).
    const now = (Math.floor(this.stack.now()) % 86_400_000) + 0x80000000;
    putU32(copy.bytes, at + 12, now);
    putU32(copy.bytes, at + 16, now);
    packet.release();
    this.reply(copy, ICMP_TIMESTAMPREPLY, source, destination, iface);
  }

  /** Send the message back with another type. Given away. */
  private reply(
    request: Packet,
    type: number,
    to: IpAddress,
    from: IpAddress | null,
    iface: NetInterface,
  ): void {
    const path = this.stack.resolve(to, from, 0, request.mark);
    if (typeof path === 'number') {
      request.release();
      return;
    }
    let packet = request;
    if (request.shared) {
      packet = request.clone();
      request.release();
    }
    packet.start = packet.transport;
    const { bytes, start } = packet;
    bytes[start] = type;
    putU16(bytes, start + 2, 0);
    // Always written: raw sockets show it to programs that look.
    putU16(bytes, start + 2, internetChecksum(bytes, start, packet.end));
    packet.addressed = TO_HOST;
    packet.next = null;
    this.stack.counters.icmp.OutMsgs++;
    const { defaultTtl } = this.stack.settings;
    this.out.set(from ?? path.source, to, IPPROTO_ICMP, defaultTtl, request.tos);
    this.stack.ipv4.send(path, packet, this.out);
  }

  private receiveError(packet: Packet, offender: IpAddress): void {
    const { bytes, transport, end } = packet;
    const inner = transport + ICMP_HEADER;
    const headerLength = end - inner >= IPV4_HEADER ? (bytes[inner] & 15) * 4 : 0;
    if (bytes[inner] >>> 4 !== 4 || headerLength < IPV4_HEADER || inner + headerLength + 8 > end) {
      this.stack.counters.icmp.InErrors++;
      return;
    }
    const type = bytes[transport];
    const code = bytes[transport + 1];
    let info = 0;
    if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) {
      info = getU16(bytes, transport + 6);
      // Old routers name no MTU: take the next smaller plateau (RFC 1191 section 5).
      if (info === 0) info = plateauBelow(getU16(bytes, inner + IPV4.totalLength));
    } else if (type === ICMP_PARAMETERPROB) info = bytes[transport + 4];
    this.dispatch(packet, inner, headerLength, end, type, code, info, offender);
  }

  /**
   * An error this stack met with a packet of its own, its IP header at `packet.network`. The packet stays the
   * caller's.
   */
  localError(packet: Packet, type: number, code: number, offender: IpAddress): void {
    const headerLength = (packet.bytes[packet.network] & 15) * 4;
    this.dispatch(packet, packet.network, headerLength, packet.end, type, code, 0, offender);
  }

  private dispatch(
    packet: Packet,
    inner: number,
    headerLength: number,
    end: number,
    type: number,
    code: number,
    info: number,
    offender: IpAddress,
  ): void {
    const { bytes } = packet;
    const { error, stack } = this;
    error.isV4 = true;
    error.offender = offender;
    error.source = IpAddress.v4(getU32(bytes, inner + IPV4.source));
    error.destination = IpAddress.v4(getU32(bytes, inner + IPV4.destination));
    error.type = type;
    error.code = code;
    error.info = info;
    error.bytes = bytes;
    error.offset = inner + headerLength;
    error.end = end;
    error.ifindex = packet.ifindex;
    this.meaning.set(true, type, code);
    error.errno = this.meaning.errno;
    error.hard = this.meaning.hard;
    if (stack.addresses.owner(error.source) === undefined && !error.source.isLoopback) return;
    const protocol = bytes[inner + IPV4.protocol];
    if (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED) {
      stack.pathMtu.update(error.destination, Math.max(info, MIN_PATH_MTU), stack.now());
    }
    if (stack.raw.active) stack.raw.icmpError(protocol, error);
    stack.protocols4[protocol]?.icmpError(error);
  }

  /** An error about a ping of this host's. */
  icmpError(error: IcmpError): void {
    if (error.bytes[error.offset] === ICMP_ECHO) this.stack.ping.icmpError(error);
  }

  /**
   * Tell the sender of `packet` (IP header at `network`, still the caller's) that something is wrong with it
   * (RFC 1122 section 3.2.2).
   */
  sendError(packet: Packet, iface: NetInterface, type: number, code: number, info: number): void {
    const { stack } = this;
    const { bytes, network, end } = packet;
    const source = IpAddress.v4(getU32(bytes, network + IPV4.source));
    const destination = IpAddress.v4(getU32(bytes, network + IPV4.destination));
    const headerLength = (bytes[network] & 15) * 4;
    if (source.isAny || source.isMulticast || source.isLimitedBroadcast) return;
    if (packet.addressed !== TO_HOST || destination.isMulticast || destination.isLimitedBroadcast) return;
    if ((getU16(bytes, network + IPV4.fragment) & IP_OFFSET_MASK) !== 0) return;
    const protocol = bytes[network + IPV4.protocol];
    if (protocol === IPPROTO_ICMP && isIcmpError(bytes[network + headerLength] ?? ICMP_REDIRECT, true))
      return;
    const unlimited = iface.loopback || (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED);
    if (!unlimited && !this.limit.allow(source, stack.settings.icmpRateLimit)) {
      stack.counters.icmp.OutRateLimitGlobal++;
      return;
    }
    const own = stack.addresses.owner(destination) !== undefined || destination.isLoopback;
    const path = stack.resolve(source, own ? destination : null, 0, packet.mark);
    if (typeof path === 'number') return;
    if (packet.trusted && !path.iface.link.trusted) stack.completeChecksum(packet);
    const quoted = Math.min(end - network, MOST_QUOTED);
    const message = allocatePacket(ICMP_HEADER + quoted + IPV4_MAX_HEADER);
    const at = message.start;
    message.end = at + ICMP_HEADER + quoted;
    message.bytes[at] = type;
    message.bytes[at + 1] = code;
    putU16(message.bytes, at + 2, 0);
    putU32(message.bytes, at + 4, info);
    message.bytes.set(bytes.subarray(network, network + quoted), at + ICMP_HEADER);
    putU16(message.bytes, at + 2, internetChecksum(message.bytes, at, message.end));
    stack.counters.icmp.OutMsgs++;
    if (type === ICMP_DEST_UNREACH) stack.counters.icmp.OutDestUnreachs++;
    // Internetwork control precedence, as Linux gives to errors (RFC 1812 section 4.3.2.5).
    const tos = (packet.tos & 0x1e) | 0xc0;
    this.out.set(own ? destination : path.source, source, IPPROTO_ICMP, stack.settings.defaultTtl, tos);
    stack.ipv4.send(path, message, this.out);
  }
}

/** min_pmtu of Linux: smaller claims are not believed. */
const MIN_PATH_MTU = 552;
const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 576, 296, 68];

function plateauBelow(length: number): number {
  return PLATEAUS.find((plateau) => plateau < length) ?? 68;
}
