import {
  EMSGSIZE,
  EPERM,
  ETH_P_IP,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import { getU16, getU32, putU16 } from '../core/bytes.js';
import { allocatePacket, type Packet, TO_HOST } from '../core/packet.js';
import { internetChecksum } from '../wire/checksum.js';
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_FRAGTIME,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PARAMETERPROB,
  ICMP_PKT_FILTERED,
  ICMP_PROT_UNREACH,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmp.js';
import {
  checkIpv4,
  checkOptions,
  copiedOptions,
  IP_DF,
  IP_MF,
  IP_OFFSET_MASK,
  IPV4,
  IPV4_HEADER,
  writeIpv4,
} from '../wire/ipv4.js';
import type { PacketFilter } from './filter.js';
import { Fragments } from './fragments.js';
import type { NetInterface } from './interface.js';
import type { IpOut, Path } from './path.js';
import { RouteQuery } from './routes.js';
import type { IpStack } from './stack.js';

const EACCES = 13;

/** IPv4: what comes in, what goes out, what passes through. */
export class Ipv4 {
  readonly fragments: Fragments;
  private nextId: number;
  private readonly query = new RouteQuery();

  constructor(private readonly stack: IpStack) {
    this.nextId = stack.host.random32() & 0xffff;
    this.fragments = new Fragments({
      timers: stack.timers,
      now: () => stack.host.now(),
      get fragmentMemory() {
        return stack.settings.fragmentMemory;
      },
      get fragmentTime() {
        return stack.settings.fragmentTime;
      },
      reassemblyTimedOut: (first) => this.reassemblyTimedOut(first),
    });
  }

  /** A packet came in: IP header at `packet.start`. Given away. */
  receive(packet: Packet, iface: NetInterface): void {
    const { stack } = this;
    const { bytes, start } = packet;
    stack.counters.ip.InReceives++;
    const headerLength = checkIpv4(bytes, start, packet.end, packet.trusted);
    if (headerLength === 0) {
      stack.counters.ip.InHdrErrors++;
      packet.release();
      return;
    }
    packet.network = start;
    packet.transport = start + headerLength;
    packet.end = start + getU16(bytes, start + IPV4.totalLength);
    packet.tos = bytes[start + IPV4.tos];
    packet.ttl = bytes[start + IPV4.ttl];
    const source = IpAddress.v4(getU32(bytes, start + IPV4.source));
    const destination = IpAddress.v4(getU32(bytes, start + IPV4.destination));
    if (isMartian(source, destination, iface)) {
      stack.counters.ip.InAddrErrors++;
      packet.release();
      return;
    }
    if (headerLength > IPV4_HEADER) {
      const bad = checkOptions(bytes, start + IPV4_HEADER, packet.transport);
      if (bad >= 0) {
        stack.counters.ip.InHdrErrors++;
        stack.icmp4.sendError(packet, iface, ICMP_PARAMETERPROB, 0, ((bad - start) << 24) >>> 0);
        packet.release();
        return;
      }
    }
    if (stack.filter === null) this.route(packet, source, destination, iface);
    else this.filtered(packet, source, destination, iface, stack.filter);
  }

  private filtered(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
    filter: PacketFilter,
  ): void {
    if (filter.reassembles === true) {
      const whole = this.reassemble(packet, source, destination);
      if (whole === null) return;
      packet = whole;
    }
    if (!filter.prerouting(packet, iface)) return;
    const { bytes, network } = packet;
    this.route(packet, source, IpAddress.v4(getU32(bytes, network + IPV4.destination)), iface);
  }

  private route(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const { stack } = this;
    if (stack.addresses.owner(destination) !== undefined) {
      this.deliver(packet, source, destination, iface);
      return;
    }
    if (destination.isMulticast) {
      if (stack.multicast.isMember(iface, destination)) {
        iface.statistics.multicast++;
        this.deliver(packet, source, destination, iface);
      } else packet.release();
      return;
    }
    if (destination.isLimitedBroadcast) {
      this.deliver(packet, source, destination, iface);
      return;
    }
    const query = this.query.reset(source, 0, packet.mark, packet.tos);
    query.iif = iface.index;
    const route = stack.routes4.lookup(destination, query);
    if (typeof route !== 'number') {
      const here =
        route.type === RTN_LOCAL || (route.type === RTN_BROADCAST && route.ifindex === iface.index);
      if (here) {
        this.deliver(packet, source, destination, iface);
        return;
      }
      if (route.type === RTN_UNICAST && this.forwards(iface) && packet.addressed === TO_HOST) {
        this.forward(packet, source, destination, iface);
        return;
      }
    } else if (this.forwards(iface) && packet.addressed === TO_HOST) {
      stack.counters.ip.OutNoRoutes++;
      const code = route === -EACCES ? ICMP_PKT_FILTERED : ICMP_NET_UNREACH;
      stack.icmp4.sendError(packet, iface, ICMP_DEST_UNREACH, code, 0);
    }
    stack.counters.ip.InAddrErrors++;
    packet.release();
  }

  private forwards(iface: NetInterface): boolean {
    return iface.forwarding ?? this.stack.settings.forwarding4;
  }

  /** For this host: put fragments together, then up. */
  deliver(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const { stack } = this;
    const whole = this.reassemble(packet, source, destination);
    if (whole === null) return;
    packet = whole;
    if (stack.filter !== null) {
      if (!stack.filter.input(packet, iface)) return;
      source = IpAddress.v4(getU32(packet.bytes, packet.network + IPV4.source));
    }
    const protocol = packet.bytes[packet.network + IPV4.protocol];
    const raw = stack.raw.active && stack.raw.deliver(packet, protocol, source, destination, iface);
    const handler = stack.protocols4[protocol];
    if (handler !== undefined) {
      stack.counters.ip.InDelivers++;
      if (handler.receive(packet, source, destination, iface)) return;
    } else if (raw) stack.counters.ip.InDelivers++;
    else {
      stack.counters.ip.InUnknownProtos++;
      stack.icmp4.sendError(packet, iface, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
    }
    packet.release();
  }

  /** The whole packet, once all of its fragments are there; null: not yet. Given away. */
  private reassemble(packet: Packet, source: IpAddress, destination: IpAddress): Packet | null {
    const { stack } = this;
    const { bytes, network } = packet;
    const fragment = getU16(bytes, network + IPV4.fragment);
    if ((fragment & (IP_MF | IP_OFFSET_MASK)) === 0) return packet;
    stack.counters.ip.ReasmReqds++;
    const whole = this.fragments.add(
      packet,
      packet.transport,
      (fragment & IP_OFFSET_MASK) * 8,
      (fragment & IP_MF) !== 0,
      source,
      destination,
      getU16(bytes, network + IPV4.id),
      bytes[network + IPV4.protocol],
    );
    if (whole === null) return null;
    stack.counters.ip.ReasmOKs++;
    whole.transport = whole.start;
    whole.start = whole.network;
    putU16(whole.bytes, whole.network + IPV4.totalLength, Math.min(whole.end - whole.network, 65535));
    putU16(whole.bytes, whole.network + IPV4.fragment, 0);
    return whole;
  }

  private forward(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    const { stack } = this;
    const { bytes, network } = packet;
    if (packet.ttl <= 1) {
      stack.counters.ip.InHdrErrors++;
      stack.icmp4.sendError(packet, iface, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
      packet.release();
      return;
    }
    const path = stack.resolve(destination, null, 0, packet.mark, packet.tos, iface.index);
    if (typeof path === 'number') {
      packet.release();
      return;
    }
    if (stack.filter !== null && !stack.filter.forward(packet, iface, path.iface)) return;
    packet.ttl--;
    bytes[network + IPV4.ttl]--;
    if (!packet.trusted) {
      // The checksum goes up by what the TTL went down (RFC 1141).
      const sum = getU16(bytes, network + IPV4.checksum) + 0x100;
      putU16(bytes, network + IPV4.checksum, (sum & 0xffff) + (sum >>> 16));
    }
    stack.counters.ip.ForwDatagrams++;
    packet.start = network;
    const tooLong = packet.length > path.mtu;
    if (tooLong && (getU16(bytes, network + IPV4.fragment) & IP_DF) !== 0) {
      stack.counters.ip.FragFails++;
      stack.icmp4.sendError(packet, iface, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, path.mtu);
      packet.release();
      return;
    }
    if (stack.filter !== null && !stack.filter.postrouting(packet, path.iface)) return;
    if (!tooLong) {
      stack.frames.transmit(path, packet);
      return;
    }
    stack.completeChecksum(packet);
    this.fragment(path, packet, path.mtu);
  }

  /**
   * Send `[packet.start, packet.end)`, a transport packet, as `out` says. Given away. 0, -EMSGSIZE, -ENOBUFS.
   */
  send(path: Path, packet: Packet, out: IpOut): number {
    const { stack } = this;
    const { trusted } = path.iface.link;
    const headerLength = IPV4_HEADER + out.options.length;
    const length = packet.end - packet.start + headerLength;
    const mtu = out.mtu > 0 ? Math.min(out.mtu, path.mtu) : path.mtu;
    packet.transport = packet.start;
    packet.start -= headerLength;
    packet.network = packet.start;
    packet.etherType = ETH_P_IP;
    packet.tos = out.tos;
    packet.ttl = out.ttl;
    packet.mark = out.mark;
    packet.owner = out.owner;
    packet.trusted = trusted;
    stack.counters.ip.OutRequests++;
    if ((length > mtu && out.dontFragment) || length > 65535) {
      stack.counters.ip.FragFails++;
      packet.release();
      return -EMSGSIZE;
    }
    // Identification matters to fragments only; packets that never are fragmented may have any (RFC 6864).
    const id = out.dontFragment && length <= mtu ? 0 : (this.nextId = (this.nextId + 1) & 0xffff);
    writeIpv4(
      packet.bytes,
      packet.start,
      length,
      out.tos,
      id,
      out.dontFragment ? IP_DF : 0,
      out.ttl,
      out.protocol,
      out.source.w3,
      out.destination.w3,
      out.options,
      trusted,
    );
    return this.sendWritten(path, packet, out.multicastLoop, mtu);
  }

  /** A packet with its IP header written (raw sockets with IP_HDRINCL too). Given away. */
  sendWritten(path: Path, packet: Packet, multicastLoop: boolean, mtu = path.mtu): number {
    const { stack } = this;
    if (stack.filter !== null) {
      if (!stack.filter.output(packet, path.iface)) return -EPERM;
      const rerouted = this.reroute(path, packet);
      if (typeof rerouted === 'number') return rerouted;
      if (mtu === path.mtu) ({ mtu } = rerouted);
      path = rerouted;
    }
    if (!path.local && (path.type === RTN_MULTICAST || path.type === RTN_BROADCAST)) {
      const here =
        path.type === RTN_BROADCAST ||
        (multicastLoop && stack.multicast.isMember(path.iface, path.destination));
      if (here) stack.frames.loopBack(packet, path.iface);
      if (packet.ttl === 0) {
        packet.release();
        return 0;
      }
    }
    if (stack.filter !== null && !stack.filter.postrouting(packet, path.iface)) return -EPERM;
    if (packet.end - packet.start > mtu) return this.fragment(path, packet, mtu);
    return stack.frames.transmit(path, packet);
  }

  /**
   * The path of a packet that may have been given another destination (ip_route_me_harder). -errno: there is
   * none; the packet is gone.
   */
  private reroute(path: Path, packet: Packet): Path | number {
    const destination = IpAddress.v4(getU32(packet.bytes, packet.network + IPV4.destination));
    if (destination.equals(path.destination) && !packet.misrouted) return path;
    packet.misrouted = false;
    const source = IpAddress.v4(getU32(packet.bytes, packet.network + IPV4.source));
    const found = this.stack.resolve(destination, source, 0, packet.mark, packet.tos);
    if (typeof found === 'number') packet.release();
    return found;
  }

  /** Cut a packet with its header written into pieces and send them. Given away. */
  private fragment(path: Path, packet: Packet, mtu: number): number {
    const { stack } = this;
    const { bytes, start } = packet;
    // A piece cannot be given its checksum later, should it be forwarded to where checksums count.
    if (packet.trusted && !path.iface.loopback) stack.completeChecksum(packet);
    const headerLength = (bytes[start] & 15) * 4;
    const options = bytes.slice(start + IPV4_HEADER, start + headerLength);
    const later = options.length > 0 ? copiedOptions(options) : options;
    const flags = getU16(bytes, start + IPV4.fragment);
    const base = flags & IP_OFFSET_MASK;
    const total = packet.end - start - headerLength;
    const { trusted } = packet;
    let result = 0;
    for (let offset = 0; offset < total; ) {
      const own = offset === 0 ? options : later;
      const room = (mtu - IPV4_HEADER - own.length) & ~7;
      if (room <= 0) break;
      const size = Math.min(room, total - offset);
      const more = offset + size < total || (flags & IP_MF) !== 0;
      const piece = allocatePacket(size + IPV4_HEADER + own.length);
      piece.start = piece.network = piece.start + 0;
      writeIpv4(
        piece.bytes,
        piece.start,
        size + IPV4_HEADER + own.length,
        bytes[start + IPV4.tos],
        getU16(bytes, start + IPV4.id),
        (base + offset / 8) | (more ? IP_MF : 0),
        bytes[start + IPV4.ttl],
        bytes[start + IPV4.protocol],
        getU32(bytes, start + IPV4.source),
        getU32(bytes, start + IPV4.destination),
        own,
        trusted,
      );
      const payload = piece.start + IPV4_HEADER + own.length;
      const from = start + headerLength + offset;
      piece.bytes.set(bytes.subarray(from, from + size), payload);
      piece.transport = payload;
      piece.end = payload + size;
      piece.etherType = ETH_P_IP;
      piece.tos = packet.tos;
      piece.ttl = packet.ttl;
      piece.mark = packet.mark;
      piece.trusted = trusted;
      stack.counters.ip.FragCreates++;
      const r = stack.frames.transmit(path, piece);
      if (r < 0) result = r;
      offset += size;
    }
    stack.counters.ip.FragOKs++;
    packet.release();
    return result;
  }

  private reassemblyTimedOut(first: Packet | null): void {
    const { stack } = this;
    stack.counters.ip.ReasmTimeout++;
    stack.counters.ip.ReasmFails++;
    if (first === null) return;
    const iface = stack.interfaceByIndex(first.ifindex);
    if (iface !== undefined) {
      first.start = first.network;
      stack.icmp4.sendError(first, iface, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
    }
    first.release();
  }

  /** The next hop of an outgoing packet does not answer. Given away. */
  unreachable(packet: Packet): void {
    const { stack } = this;
    const { bytes, network } = packet;
    const source = IpAddress.v4(getU32(bytes, network + IPV4.source));
    const iface = stack.addresses.owner(source);
    if (iface !== undefined) {
      stack.icmp4.localError(packet, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, source);
    } else {
      const from = stack.interfaceByIndex(packet.ifindex);
      if (from !== undefined) stack.icmp4.sendError(packet, from, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
    }
    packet.release();
  }

  /** Header checksum of a packet that was trusted and must not be any more. */
  completeHeader(packet: Packet): void {
    const { bytes, network } = packet;
    const headerLength = (bytes[network] & 15) * 4;
    putU16(bytes, network + IPV4.checksum, 0);
    putU16(bytes, network + IPV4.checksum, internetChecksum(bytes, network, network + headerLength));
  }

  /** Identification for a packet whose sender left it to the stack (IP_HDRINCL). */
  freshId(): number {
    return (this.nextId = (this.nextId + 1) & 0xffff);
  }
}

/** Addresses that cannot be (RFC 1812 section 5.3.7). */
function isMartian(source: IpAddress, destination: IpAddress, iface: NetInterface): boolean {
  if (source.isMulticast || source.isLimitedBroadcast) return true;
  if (destination.isAny) return true;
  if (iface.loopback) return false;
  if (source.isAny) return !destination.isLimitedBroadcast && !destination.isMulticast;
  return source.isLoopback || destination.isLoopback;
}
