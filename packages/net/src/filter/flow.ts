import {
  IPPROTO_DCCP,
  IPPROTO_FRAGMENT,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU16, getU32 } from '../core/bytes.js';
import type { Packet } from '../core/packet.js';
import { ICMP_ECHO, ICMP_ECHOREPLY, ICMPV6_ECHO_REPLY, ICMPV6_ECHO_REQUEST } from '../wire/icmp.js';
import { IPV4 } from '../wire/ipv4.js';
import { ExtensionWalk, IPV6, walkExtensions } from '../wire/ipv6.js';

const OFFSET_MASK = 0x1fff;

/** Protocols whose header begins with a source and a destination port. */
export function hasPorts(protocol: number): boolean {
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
      return true;
    default:
      return false;
  }
}

/** What rules and connection tracking look at in a packet. One object, filled again and again. */
export class Flow {
  isV4 = true;
  protocol = 0;
  source: IpAddress = IpAddress.ANY4;
  destination: IpAddress = IpAddress.ANY4;
  /** Ports; of an echo its identifier, in both; else 0. */
  sourcePort = 0;
  destinationPort = 0;
  tos = 0;
  /** The network and transport header, and the end; `transport` may be `end`. */
  network = 0;
  transport = 0;
  end = 0;
  /** A fragment that is not the first: there is no transport header. */
  laterFragment = false;
  private readonly walk = new ExtensionWalk();

  /** Read the packet whose IP header is at `network`. false: its headers are not sound. */
  read(packet: Packet): boolean {
    return this.readAt(packet.bytes, packet.network, packet.end, true);
  }

  /**
   * The same of bytes that may be cut off (inside of an ICMP error): the transport header needs 8 bytes only.
   */
  readAt(bytes: Uint8Array, network: number, end: number, whole: boolean): boolean {
    this.network = network;
    this.end = end;
    this.laterFragment = false;
    if (end - network < 20) return false;
    const version = bytes[network] >>> 4;
    if (version === 4) this.readV4(bytes, network);
    else if (version !== 6 || end - network < 40 || !this.readV6(bytes, network, end)) return false;
    if (this.transport > end) return false;
    return this.readTransport(bytes, whole);
  }

  private readV4(bytes: Uint8Array, network: number): void {
    this.isV4 = true;
    this.protocol = bytes[network + IPV4.protocol];
    this.source = IpAddress.v4(getU32(bytes, network + IPV4.source));
    this.destination = IpAddress.v4(getU32(bytes, network + IPV4.destination));
    this.tos = bytes[network + IPV4.tos];
    this.transport = network + (bytes[network] & 15) * 4;
    this.laterFragment = (getU16(bytes, network + IPV4.fragment) & OFFSET_MASK) !== 0;
  }

  private readV6(bytes: Uint8Array, network: number, end: number): boolean {
    this.isV4 = false;
    this.source = IpAddress.fromBytes6(bytes, network + IPV6.source);
    this.destination = IpAddress.fromBytes6(bytes, network + IPV6.destination);
    this.tos = (getU16(bytes, network) >>> 4) & 0xff;
    if (!walkExtensions(bytes, network, end, true, this.walk)) return false;
    this.protocol = this.walk.protocol;
    this.transport = this.walk.offset;
    this.laterFragment = this.protocol === IPPROTO_FRAGMENT;
    return true;
  }

  private readTransport(bytes: Uint8Array, whole: boolean): boolean {
    this.sourcePort = this.destinationPort = 0;
    const { protocol, transport: at, end } = this;
    if (this.laterFragment) return true;
    if (hasPorts(protocol)) {
      if (end - at < (whole && protocol === IPPROTO_TCP ? 20 : 8)) return false;
      this.sourcePort = getU16(bytes, at);
      this.destinationPort = getU16(bytes, at + 2);
    } else if (protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6) {
      if (end - at < 8) return false;
      if (this.isEcho(bytes)) this.sourcePort = this.destinationPort = getU16(bytes, at + 4);
    }
    return true;
  }

  /** Is it an echo request or reply? */
  isEcho(bytes: Uint8Array): boolean {
    const type = bytes[this.transport];
    if (this.protocol === IPPROTO_ICMP) return type === ICMP_ECHO || type === ICMP_ECHOREPLY;
    return this.protocol === IPPROTO_ICMPV6 && (type === ICMPV6_ECHO_REQUEST || type === ICMPV6_ECHO_REPLY);
  }
}
