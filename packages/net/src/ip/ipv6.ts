import {
  EMSGSIZE,
  EPERM,
  ETH_P_IPV6,
  IPPROTO_FRAGMENT,
  IPPROTO_NONE,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU16, getU32, putU16, putU32 } from '../core/bytes.js';
import { allocatePacket, type Packet, TO_HOST } from '../core/packet.js';
import {
  ICMPV6_ADDR_UNREACH,
  ICMPV6_ADM_PROHIBITED,
  ICMPV6_DEST_UNREACH,
  ICMPV6_EXC_FRAGTIME,
  ICMPV6_EXC_HOPLIMIT,
  ICMPV6_NOROUTE,
  ICMPV6_PARAMPROB,
  ICMPV6_PKT_TOOBIG,
  ICMPV6_TIME_EXCEED,
  ICMPV6_UNK_NEXTHDR,
  ICMPV6_UNK_OPTION,
} from '../wire/icmp.js';
import {
  checkIpv6,
  ExtensionWalk,
  FRAGMENT_HEADER,
  IPV6,
  IPV6_HEADER,
  trafficClassOf,
  walkExtensions,
  writeIpv6,
} from '../wire/ipv6.js';
import { writeTransportChecksum } from '../wire/offload.js';
import { Fragments } from './fragments.js';
import type { NetInterface } from './interface.js';
import type { IpOut, Path } from './path.js';
import { RouteQuery } from './routes.js';
import type { IpStack } from './stack.js';

const EACCES = 13;

/** IPv6: what comes in, what goes out, what passes through. */
export class Ipv6 {
  readonly fragments: Fragments;
  private readonly walk = new ExtensionWalk();
  private readonly query = new RouteQuery();
  private nextId: number;

  constructor(private readonly stack: IpStack) {
    this.nextId = stack.host.random32();
    this.fragments = new Fragments({
      timers: stack.timers,
      now: () => stack.host.now(),
      get fragmentMemory() {
        return stack.settings.fragmentMemory;
      },
      // 60 seconds by RFC 8200 section 4.5, twice what IPv4 has.
      get fragmentTime() {
        return stack.settings.fragmentTime * 2;
      },
      reassemblyTimedOut: (first) => this.reassemblyTimedOut(first),
    });
  }

  /** A packet came in: header at `packet.start`. Given away. */
  receive(packet: Packet, iface: NetInterface): void {
    const { stack } = this;
    const { bytes, start } = packet;
    stack.counters.ip6.InReceives++;
    if (!checkIpv6(bytes, start, packet.end) || stack.settings.disableIpv6) {
      stack.counters.ip6.InHdrErrors++;
      packet.release();
      return;
    }
    packet.network = start;
    packet.end = start + IPV6_HEADER + getU16(bytes, start + IPV6.payloadLength);
    packet.tos = trafficClassOf(bytes, start);
    packet.ttl = bytes[start + IPV6.hopLimit];
    stack.counters.ip6.InOctets += packet.end - start;
    const source = IpAddress.fromBytes6(bytes, start + IPV6.source);
    let destination = IpAddress.fromBytes6(bytes, start + IPV6.destination);
    if (isMartian(source, destination, iface)) {
      stack.counters.ip6.InAddrErrors++;
      packet.release();
      return;
    }
    if (stack.filter !== null) {
      const whole = this.wholeForFilter(packet, source, destination, iface);
      if (whole === null || !stack.filter.prerouting(whole, iface)) return;
      packet = whole;
      destination = IpAddress.fromBytes6(packet.bytes, packet.network + IPV6.destination);
    }
    if (destination.isMulticast) {
      stack.counters.ip6.InMcastPkts++;
      if (stack.multicast.isMember(iface, destination)) {
        iface.statistics.multicast++;
        this.deliver(packet, source, destination, iface);
      } else packet.release();
      return;
    }
    const owner = stack.addresses.owner(destination);
    // A link-local address is this host's on its own link only.
    if (owner !== undefined && (!destination.isLinkLocal || owner === iface || iface.loopback)) {
      this.deliver(packet, source, destination, iface);
      return;
    }
    this.forward(packet, source, destination, iface);
  }

  /**
   * Rules see what is for this host whole; what is only passed on is not put together. null: it is not all
   * there yet. Given away.
   */
  private wholeForFilter(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): Packet | null {
    if (this.stack.addresses.owner(destination) === undefined) return packet;
    if (!walkExtensions(packet.bytes, packet.network, packet.end, true, this.walk)) return packet;
    if (this.walk.protocol !== IPPROTO_FRAGMENT) return packet;
    return this.reassemble(packet, source, destination, iface);
  }

  /** For this host: through the extension headers, put fragments together, then up. */
  deliver(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const { stack, walk } = this;
    for (let round = 0; ; round++) {
      if (!walkExtensions(packet.bytes, packet.network, packet.end, true, walk) || round > 1) {
        stack.counters.ip6.InHdrErrors++;
        packet.release();
        return;
      }
      if (!this.acceptable(packet, destination, iface)) {
        packet.release();
        return;
      }
      packet.transport = walk.offset;
      if (walk.protocol !== IPPROTO_FRAGMENT) break;
      const whole = this.reassemble(packet, source, destination, iface);
      if (whole === null) return;
      packet = whole;
    }
    if (stack.filter !== null) {
      if (!stack.filter.input(packet, iface)) return;
      source = IpAddress.fromBytes6(packet.bytes, packet.network + IPV6.source);
    }
    const { protocol, pointer } = walk;
    if (protocol === IPPROTO_NONE) {
      packet.release();
      return;
    }
    const raw = stack.raw.active && stack.raw.deliver(packet, protocol, source, destination, iface);
    const handler = stack.protocols6[protocol];
    if (handler !== undefined) {
      stack.counters.ip6.InDelivers++;
      if (handler.receive(packet, source, destination, iface)) return;
    } else if (raw) stack.counters.ip6.InDelivers++;
    else {
      stack.counters.ip6.InUnknownProtos++;
      stack.icmp6.sendError(packet, iface, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, pointer - packet.network);
    }
    packet.release();
  }

  /** What RFC 8200 section 4.2 and 4.4 say of options and routing headers nobody knows. */
  private acceptable(packet: Packet, destination: IpAddress, iface: NetInterface): boolean {
    const { walk, stack } = this;
    if (walk.badOption >= 0) {
      // 01: drop; 10: tell; 11: tell unless it went to many.
      if (walk.badAction === 2 || (walk.badAction === 3 && !destination.isMulticast)) {
        stack.icmp6.sendError(
          packet,
          iface,
          ICMPV6_PARAMPROB,
          ICMPV6_UNK_OPTION,
          walk.badOption - packet.network,
          walk.badAction === 2,
        );
      }
      return false;
    }
    if (walk.routing >= 0) {
      // No type is followed (type 0 is deprecated, RFC 5095).
      stack.icmp6.sendError(packet, iface, ICMPV6_PARAMPROB, 0, walk.routing + 2 - packet.network);
      return false;
    }
    return true;
  }

  private reassemble(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): Packet | null {
    const { stack, walk } = this;
    const { bytes, network } = packet;
    const at = walk.offset;
    const { pointer } = walk;
    stack.counters.ip6.ReasmReqds++;
    const field = getU16(bytes, at + 2);
    const offset = field & 0xfff8;
    const more = (field & 1) !== 0;
    const payload = at + FRAGMENT_HEADER;
    if (more && ((packet.end - payload) & 7) !== 0) {
      stack.counters.ip6.ReasmFails++;
      stack.icmp6.sendError(packet, iface, ICMPV6_PARAMPROB, 0, IPV6.payloadLength);
      packet.release();
      return null;
    }
    if (offset + packet.end - payload > 65535) {
      stack.counters.ip6.ReasmFails++;
      stack.icmp6.sendError(packet, iface, ICMPV6_PARAMPROB, 0, at + 2 - network);
      packet.release();
      return null;
    }
    let whole: Packet | null;
    if (offset === 0 && !more) {
      // An atomic fragment is a packet of its own (RFC 6946).
      whole = packet.shared ? packet.clone() : packet.retain();
      packet.release();
      whole.start = payload;
    } else {
      const pointerOffset = pointer - network;
      const id = getU32(bytes, at + 4);
      whole = this.fragments.add(packet, payload, offset, more, source, destination, id, 0);
      if (whole === null) return null;
      return this.unwrap(whole, whole.start - whole.network - FRAGMENT_HEADER, pointerOffset);
    }
    return this.unwrap(whole, at - network, pointer - network);
  }

  /**
   * Take the fragment header at `fragment` (relative to the packet) out of a whole packet whose payload
   * begins at `start`.
   */
  private unwrap(whole: Packet, fragment: number, pointer: number): Packet {
    const { bytes, network } = whole;
    // The first fragment's header names what follows; other fragments' were not looked at (RFC 8200 section
    // 4.5).
    bytes[network + pointer] = bytes[network + fragment];
    bytes.copyWithin(network + FRAGMENT_HEADER, network, network + fragment);
    whole.network = network + FRAGMENT_HEADER;
    whole.start = whole.network;
    putU16(bytes, whole.network + IPV6.payloadLength, whole.end - whole.network - IPV6_HEADER);
    this.stack.counters.ip6.ReasmOKs++;
    return whole;
  }

  private forward(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const { stack } = this;
    const { bytes, network } = packet;
    const query = this.query.reset(source, 0, packet.mark, packet.tos);
    query.iif = iface.index;
    const route = stack.routes6.lookup(destination, query);
    const forwards = iface.forwarding6 ?? stack.settings.forwarding6;
    if (typeof route !== 'number' && route.type === RTN_LOCAL) {
      this.deliver(packet, source, destination, iface);
      return;
    }
    const may = forwards && packet.addressed === TO_HOST && !source.isLinkLocal && !destination.isLinkLocal;
    if (!may || typeof route === 'number' || route.type !== RTN_UNICAST) {
      stack.counters.ip6.InAddrErrors++;
      if (may) {
        const code = route === -EACCES ? ICMPV6_ADM_PROHIBITED : ICMPV6_NOROUTE;
        stack.icmp6.sendError(packet, iface, ICMPV6_DEST_UNREACH, code, 0);
      }
      packet.release();
      return;
    }
    if (packet.ttl <= 1) {
      stack.icmp6.sendError(packet, iface, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
      packet.release();
      return;
    }
    const path = stack.resolve(destination, null, 0, packet.mark, packet.tos, iface.index);
    if (typeof path === 'number') {
      packet.release();
      return;
    }
    if (stack.filter !== null && !stack.filter.forward(packet, iface, path.iface)) return;
    packet.start = network;
    if (packet.length > path.mtu) {
      stack.counters.ip6.InTooBigErrors++;
      stack.icmp6.sendError(packet, iface, ICMPV6_PKT_TOOBIG, 0, path.mtu);
      packet.release();
      return;
    }
    packet.ttl--;
    bytes[network + IPV6.hopLimit]--;
    stack.counters.ip6.OutForwDatagrams++;
    if (stack.filter !== null && !stack.filter.postrouting(packet, path.iface)) return;
    stack.frames.transmit(path, packet);
  }

  /**
   * Send `[packet.start, packet.end)`, a transport packet, as `out` says. Given away. 0, -EMSGSIZE, -ENOBUFS.
   */
  send(path: Path, packet: Packet, out: IpOut): number {
    const { stack } = this;
    const payloadLength = packet.end - packet.start + out.options.length;
    const mtu = out.mtu > 0 ? Math.min(out.mtu, path.mtu) : path.mtu;
    stack.counters.ip6.OutRequests++;
    if (payloadLength > 65535) {
      packet.release();
      return -EMSGSIZE;
    }
    packet.transport = packet.start;
    packet.etherType = ETH_P_IPV6;
    packet.tos = out.tos;
    packet.ttl = out.ttl;
    packet.mark = out.mark;
    packet.owner = out.owner;
    packet.trusted = path.iface.link.trusted;
    if (payloadLength + IPV6_HEADER > mtu) {
      if (out.dontFragment) {
        packet.release();
        return -EMSGSIZE;
      }
      return this.fragment(path, packet, out, mtu);
    }
    let first = out.protocol;
    if (out.options.length > 0) {
      packet.start -= out.options.length;
      packet.bytes.set(out.options, packet.start);
      first = out.extensionFirst;
    }
    packet.start -= IPV6_HEADER;
    packet.network = packet.start;
    writeIpv6(
      packet.bytes,
      packet.start,
      payloadLength,
      out.tos,
      out.flowLabel,
      first,
      out.ttl,
      out.source,
      out.destination,
    );
    return this.sendWritten(path, packet, out.multicastLoop);
  }

  /** A packet with its IP header written. Given away. */
  sendWritten(path: Path, packet: Packet, multicastLoop: boolean): number {
    const { stack } = this;
    if (stack.filter !== null) {
      if (!stack.filter.output(packet, path.iface)) return -EPERM;
      const rerouted = this.reroute(path, packet);
      if (typeof rerouted === 'number') return rerouted;
      path = rerouted;
    }
    stack.counters.ip6.OutOctets += packet.end - packet.start;
    if (!path.local && path.type === RTN_MULTICAST) {
      stack.counters.ip6.OutMcastPkts++;
      if (multicastLoop && stack.multicast.isMember(path.iface, path.destination)) {
        stack.frames.loopBack(packet, path.iface);
      }
      if (packet.ttl === 0) {
        packet.release();
        return 0;
      }
    }
    if (stack.filter !== null && !stack.filter.postrouting(packet, path.iface)) return -EPERM;
    return stack.frames.transmit(path, packet);
  }

  /**
   * The path of a packet that may have been given another destination (ip6_route_me_harder). -errno: there is
   * none; the packet is gone.
   */
  private reroute(path: Path, packet: Packet): Path | number {
    const { bytes, network } = packet;
    const destination = IpAddress.fromBytes6(bytes, network + IPV6.destination);
    if (destination.equals(path.destination) && !packet.misrouted) return path;
    packet.misrouted = false;
    const source = IpAddress.fromBytes6(bytes, network + IPV6.source);
    const found = this.stack.resolve(destination, source, 0, packet.mark, packet.tos);
    if (typeof found === 'number') packet.release();
    return found;
  }

  /** Cut a transport packet into fragments. Given away. */
  private fragment(path: Path, packet: Packet, out: IpOut, mtu: number): number {
    const { stack } = this;
    const { bytes, start } = packet;
    const total = packet.end - start;
    const headers = IPV6_HEADER + out.options.length + FRAGMENT_HEADER;
    const room = (mtu - headers) & ~7;
    if (room <= 0) {
      packet.release();
      return -EMSGSIZE;
    }
    if (packet.trusted && !path.iface.loopback) {
      writeTransportChecksum(bytes, start, packet.end, out.protocol, out.source, out.destination);
    }
    const id = (this.nextId = (this.nextId + 1) >>> 0);
    let result = 0;
    for (let offset = 0; offset < total; offset += room) {
      const size = Math.min(room, total - offset);
      const piece = allocatePacket(size);
      piece.bytes.set(bytes.subarray(start + offset, start + offset + size), piece.start);
      piece.end = piece.start + size;
      piece.transport = piece.start;
      piece.start -= FRAGMENT_HEADER;
      piece.bytes[piece.start] = out.protocol;
      piece.bytes[piece.start + 1] = 0;
      putU16(piece.bytes, piece.start + 2, offset | (offset + size < total ? 1 : 0));
      putU32(piece.bytes, piece.start + 4, id);
      let first = IPPROTO_FRAGMENT;
      if (out.options.length > 0) {
        piece.start -= out.options.length;
        piece.bytes.set(out.options, piece.start);
        // The last extension header's next header names the fragment header.
        piece.bytes[piece.start + lastHeader(out.options)] = IPPROTO_FRAGMENT;
        first = out.extensionFirst;
      }
      piece.start -= IPV6_HEADER;
      piece.network = piece.start;
      const length = piece.end - piece.start - IPV6_HEADER;
      writeIpv6(
        piece.bytes,
        piece.start,
        length,
        out.tos,
        out.flowLabel,
        first,
        out.ttl,
        out.source,
        out.destination,
      );
      piece.etherType = ETH_P_IPV6;
      piece.tos = out.tos;
      piece.ttl = out.ttl;
      piece.mark = out.mark;
      piece.owner = out.owner;
      piece.trusted = packet.trusted;
      stack.counters.ip6.FragCreates++;
      const r = this.sendWritten(path, piece, out.multicastLoop);
      if (r < 0) result = r;
    }
    stack.counters.ip6.FragOKs++;
    packet.release();
    return result;
  }

  private reassemblyTimedOut(first: Packet | null): void {
    const { stack } = this;
    stack.counters.ip6.ReasmTimeout++;
    stack.counters.ip6.ReasmFails++;
    if (first === null) return;
    const iface = stack.interfaceByIndex(first.ifindex);
    if (iface !== undefined) {
      stack.icmp6.sendError(first, iface, ICMPV6_TIME_EXCEED, ICMPV6_EXC_FRAGTIME, 0);
    }
    first.release();
  }

  /** The next hop of an outgoing packet does not answer. Given away. */
  unreachable(packet: Packet): void {
    const { stack } = this;
    const source = IpAddress.fromBytes6(packet.bytes, packet.network + IPV6.source);
    if (stack.addresses.owner(source) !== undefined) {
      stack.icmp6.localError(packet, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, source);
    } else {
      const from = stack.interfaceByIndex(packet.ifindex);
      if (from !== undefined)
        stack.icmp6.sendError(packet, from, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
    }
    packet.release();
  }
}

/** Offset of the last header in a chain of extension headers. */
function lastHeader(options: Uint8Array): number {
  let at = 0;
  for (;;) {
    const next = at + (options[at + 1] + 1) * 8;
    if (next >= options.length) return at;
    at = next;
  }
}

function isMartian(source: IpAddress, destination: IpAddress, iface: NetInterface): boolean {
  if (source.isMulticast || destination.isAny) return true;
  // Interface-local multicast never crosses a link (RFC 4291 section 2.7).
  if (destination.isMulticast && ((destination.w0 >>> 16) & 15) <= 1 && !iface.loopback) return true;
  if (iface.loopback) return false;
  return source.isLoopback || destination.isLoopback || source.isMapped || destination.isMapped;
}
