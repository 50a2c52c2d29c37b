import {
  AF_INET,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  EOPNOTSUPP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  MSG_MORE,
  MSG_OOB,
} from '@sandbox/abi';
import type { IpAddress, SocketAddress } from '../core/address.js';
import { getU16, putU16 } from '../core/bytes.js';
import { allocatePacket, type Packet, TO_HOST } from '../core/packet.js';
import type { NetInterface } from '../ip/interface.js';
import { IpOut, type Path } from '../ip/path.js';
import type { IcmpError, TransportProtocol } from '../ip/protocol.js';
import type { IpStack } from '../ip/stack.js';
import { internetChecksum, pseudoHeader } from '../wire/checksum.js';
import {
  ICMP_DEST_UNREACH,
  ICMP_PORT_UNREACH,
  ICMPV6_DEST_UNREACH,
  ICMPV6_PORT_UNREACH,
} from '../wire/icmp.js';
import { liteCoverage, UDP_HEADER, udpLength, writeUdp } from '../wire/udp.js';
import { DatagramEndpoint, portAt } from './datagram-endpoint.js';
import { joinGroup, memberOf, PortTable } from './ports.js';
import type { SendRequest } from './request.js';

const MOST_PAYLOAD4 = 65535 - 20 - UDP_HEADER;
const MOST_PAYLOAD6 = 65535 - UDP_HEADER;
const MOST_SEGMENTS = 128;
const out = new IpOut();

/** A UDP socket's other half (udp(7)). */
export class UdpEndpoint extends DatagramEndpoint {
  protected readonly headerLength = UDP_HEADER;
  /** UDP_CORK. */
  cork = false;
  /** UDP_SEGMENT; 0: none. */
  segment = 0;
  /** UDP_NO_CHECK6_TX and RX. */
  noCheckSend6 = false;
  noCheckReceive6 = false;
  /** UDP-Lite: bytes of each datagram the checksum covers (UDPLITE_SEND_CSCOV), header included; 0: all. */
  sendCoverage = 0;
  /** UDP-Lite: the least that must be covered (UDPLITE_RECV_CSCOV); 0: all, -1: not asked for. */
  receiveCoverage = -1;
  /** Bytes held back by MSG_MORE or UDP_CORK, with what their first call said. */
  private held: { path: Path; parts: Uint8Array[]; length: number; port: number } | null = null;

  constructor(
    stack: IpStack,
    private readonly protocolState: UdpProtocol,
    family: number,
  ) {
    super(stack, family, protocolState.number);
  }

  protected sourcePort(packet: Packet): number {
    return portAt(packet, 0);
  }
  protected destinationPort(packet: Packet): number {
    return portAt(packet, 2);
  }

  bind(address: SocketAddress): number {
    if (this.local.port !== 0 || this.addressLocked) return -EINVAL;
    const r = this.checkBind(address);
    if (r < 0) return r;
    this.local.address = this.anyOr(address.address);
    this.local.scopeId = address.scopeId;
    const port = this.protocolState.take(this, address.port);
    if (port < 0) {
      this.local.address = this.wildcard;
      return port;
    }
    this.portLocked = address.port !== 0;
    this.addressLocked = !this.local.address.isAny;
    return 0;
  }

  /** The wildcard of an IPv6 socket stays IPv6, so that it takes in both. */
  private anyOr(address: IpAddress): IpAddress {
    const plain = address.unmapped;
    return plain.isAny && !address.isMapped ? this.wildcard : plain;
  }

  protected override get portMates(): Iterable<UdpEndpoint> {
    return this.protocolState.ports.at(this.local.port);
  }

  protected override takePort(): number {
    return this.protocolState.take(this, 0);
  }
  protected override releasePort(): void {
    this.protocolState.release(this);
  }

  protected sendNow(request: SendRequest): number {
    const length = request.source.remaining;
    if (length > 0xffff) return -EMSGSIZE;
    if ((request.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (this.held !== null) return this.hold(request, this.held.path, this.held.port, length);
    // Whatever becomes of the message, whoever sends has a port (inet_send_prepare).
    const bound = this.bindToAny();
    if (bound < 0) return bound;
    const { to } = request;
    if (to !== null && to.port === 0) return -EINVAL;
    if (to === null && !this.connected) return -EDESTADDRREQ;
    const refused = this.refusesSend;
    if (refused < 0) return refused;
    const path = this.prepare(request, to, this.protocol);
    if (typeof path === 'number') return path;
    const port = (to ?? this.remote).port;
    if (this.cork || (request.flags & MSG_MORE) !== 0) return this.hold(request, path, port, length);
    const size = request.segment || this.segment;
    if (size > 0 && length > size) return this.sendSegments(request, path, port, length, size);
    return this.sendOne(request, path, port, length);
  }

  private sendSegments(request: SendRequest, path: Path, port: number, length: number, size: number): number {
    if (length > size * MOST_SEGMENTS) return -EINVAL;
    let sent = 0;
    while (sent < length) {
      const n = Math.min(size, length - sent);
      const r = this.sendOne(request, path, port, n);
      if (r < 0) return sent > 0 ? sent : r;
      sent += n;
    }
    return sent;
  }

  private sendOne(request: SendRequest, path: Path, port: number, length: number): number {
    const isV4 = path.destination.isV4;
    if (length > (isV4 ? MOST_PAYLOAD4 - this.out.options.length : MOST_PAYLOAD6)) {
      return this.tooLong(path.mtu, path.destination, port);
    }
    const packet = this.copyIn(request, UDP_HEADER, length);
    if (typeof packet === 'number') return packet;
    const r = this.finish(path, packet, port);
    return r < 0 ? r : length;
  }

  /** Header and checksum; then out. */
  private finish(path: Path, packet: Packet, port: number): number {
    const { bytes, start, end } = packet;
    const { out } = this;
    const { lite, number } = this.protocolState;
    const length = end - start;
    // UDP-Lite has the bytes covered where UDP has the length, and always a checksum (RFC 3828 section 3.1).
    const covered = lite && this.sendCoverage > 0 ? Math.min(this.sendCoverage, length) : length;
    writeUdp(bytes, start, this.local.port, port, covered);
    const unchecked = !lite && (path.destination.isV4 ? this.options.noCheck : this.noCheckSend6);
    if (!unchecked && (lite || !path.iface.link.trusted)) {
      const initial = pseudoHeader(out.source, out.destination, number, length);
      putU16(bytes, start + 6, internetChecksum(bytes, start, start + covered, initial) || 0xffff);
    }
    const counters = this.isV6 ? this.stack.counters.udp6 : this.stack.counters.udp;
    counters.OutDatagrams++;
    const r = this.transmit(path, packet);
    return r === -EMSGSIZE ? this.tooLong(path.mtu, path.destination, port) : r;
  }

  /** MSG_MORE, UDP_CORK: gather, and send when the last part has come. */
  private hold(request: SendRequest, path: Path, port: number, length: number): number {
    this.held ??= { path, parts: [], length: 0, port };
    const { held } = this;
    if (held.length + length > (path.destination.isV4 ? MOST_PAYLOAD4 : MOST_PAYLOAD6)) return -EMSGSIZE;
    const part = new Uint8Array(length);
    if (request.source.get(part, 0, length) < length) return -EFAULT;
    held.parts.push(part);
    held.length += length;
    if (!this.cork && (request.flags & MSG_MORE) === 0) {
      const r = this.flush();
      if (r < 0) return r;
    }
    return length;
  }

  /** Send what is held back: UDP_CORK was cleared. 0 or -errno. */
  flush(): number {
    const { held } = this;
    this.held = null;
    if (held === null) return 0;
    const all = new Uint8Array(held.length);
    let at = 0;
    for (const part of held.parts) {
      all.set(part, at);
      at += part.length;
    }
    this.stack.enter();
    try {
      const packet = packetOf(all);
      const r = this.finish(held.path, packet, held.port);
      return Math.min(r, 0);
    } finally {
      this.stack.leave();
    }
  }

  override close(): void {
    if (this.isClosed) return;
    super.close();
    this.protocolState.release(this);
  }
}

/** UDP: ports and demultiplexing. */
export class UdpProtocol implements TransportProtocol {
  /** Asked about datagrams nobody here wants; true: it takes care. The packet stays the stack's. */
  fallback:
    | ((packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface) => boolean)
    | null = null;
  readonly ports: PortTable<UdpEndpoint>;

  /** @param number IPPROTO_UDP or IPPROTO_UDPLITE */
  constructor(
    private readonly stack: IpStack,
    readonly number = IPPROTO_UDP,
  ) {
    this.ports = new PortTable<UdpEndpoint>(() => stack.host.random32(), false);
  }

  /** UDP-Lite (RFC 3828): a checksum that may cover a part only. */
  get lite(): boolean {
    return this.number === IPPROTO_UDPLITE;
  }

  /** A new endpoint of AF_INET or AF_INET6. */
  open(family: number = AF_INET): UdpEndpoint {
    return new UdpEndpoint(this.stack, this, family);
  }

  /** @internal Give `endpoint` the port, or one of the range for 0. 0 or -EADDRINUSE. */
  take(endpoint: UdpEndpoint, port: number): number {
    if (port === 0) {
      const { settings } = this.stack;
      const low = endpoint.options.portLow || settings.portLow;
      const high = endpoint.options.portHigh || settings.portHigh;
      port = this.ports.pick(low, high, endpoint);
      if (port < 0) return port;
      this.ports.add(port, endpoint);
    } else {
      const r = this.ports.claim(port, endpoint);
      if (r < 0) return r;
    }
    endpoint.local.port = port;
    joinGroup(this.ports.at(port), endpoint);
    return 0;
  }

  /** @internal */
  release(endpoint: UdpEndpoint): void {
    if (endpoint.local.port === 0) return;
    this.ports.release(endpoint.local.port, endpoint);
    endpoint.local.port = 0;
  }

  receive(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): boolean {
    const { stack } = this;
    const { bytes, transport } = packet;
    const counters = source.isV4 ? stack.counters.udp : stack.counters.udp6;
    const covered = this.lite
      ? liteCoverage(bytes, transport, packet.end)
      : udpLength(bytes, transport, packet.end);
    const length = this.lite ? packet.end - transport : covered;
    if (covered === 0) {
      counters.InErrors++;
      packet.release();
      return true;
    }
    if (packet.end !== transport + length) {
      // What is behind the datagram is none of it, though a raw socket that has the packet already is shown
      // it.
      packet = packet.unshare();
      packet.end = transport + length;
    }
    const checksum = getU16(bytes, transport + 6);
    if (!packet.trusted && !this.checksumGood(packet, checksum, covered, source, destination)) {
      counters.InErrors++;
      counters.InCsumErrors++;
      packet.release();
      return true;
    }
    const port = getU16(bytes, transport + 2);
    const toMany =
      destination.isMulticast || packet.addressed !== TO_HOST || stack.localType(destination) === 'broadcast';
    if (toMany) {
      this.deliverToMany(packet, source, destination, iface, port);
      packet.release();
      return true;
    }
    const endpoint = this.find(destination, port, source, getU16(bytes, transport), iface.index, packet);
    if (endpoint === null && this.fallback?.(packet, source, destination, iface) === true) {
      packet.release();
      return true;
    }
    if (endpoint === null) {
      counters.NoPorts++;
      if (source.isV4) stack.icmp4.sendError(packet, iface, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
      else stack.icmp6.sendError(packet, iface, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
    } else if (this.tooFew(endpoint, packet) || !endpoint.enqueue(packet)) {
      counters.InErrors++;
      counters.RcvbufErrors++;
    } else counters.InDatagrams++;
    packet.release();
    return true;
  }

  private tooFew(endpoint: UdpEndpoint, packet: Packet): boolean {
    if (endpoint.options.minTtl > 0 && packet.ttl < endpoint.options.minTtl) return true;
    const least = endpoint.receiveCoverage;
    if (!this.lite || least < 0) return false;
    const length = packet.end - packet.transport;
    const covered = liteCoverage(packet.bytes, packet.transport, packet.end);
    return covered < length && (least === 0 || covered < least);
  }

  private checksumGood(
    packet: Packet,
    checksum: number,
    covered: number,
    source: IpAddress,
    destination: IpAddress,
  ): boolean {
    const { transport, end } = packet;
    // No checksum: UDP over IPv4 only (RFC 8200 section 8.1).
    if (checksum === 0) return source.isV4 && !this.lite;
    const initial = pseudoHeader(source, destination, this.number, end - transport);
    return internetChecksum(packet.bytes, transport, transport + covered, initial) === 0;
  }

  private deliverToMany(
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
    port: number,
  ): void {
    const counters = source.isV4 ? this.stack.counters.udp : this.stack.counters.udp6;
    const sourcePort = getU16(packet.bytes, packet.transport);
    for (const endpoint of this.ports.at(port)) {
      if (score(endpoint, destination, source, sourcePort, iface.index) < 0) continue;
      const { options } = endpoint;
      const all = source.isV4 ? options.multicastAll : options.multicastAll6;
      if (destination.isMulticast && !endpoint.groups.wants(destination, source, iface.index, all)) continue;
      if (endpoint.enqueue(packet)) counters.InDatagrams++;
      else counters.RcvbufErrors++;
    }
  }

  private find(
    destination: IpAddress,
    port: number,
    source: IpAddress,
    sourcePort: number,
    ifindex: number,
    packet: Packet | null = null,
  ): UdpEndpoint | null {
    const set = this.ports.at(port);
    let best: UdpEndpoint | null = null;
    let bestScore = -1;
    let alike = 0;
    for (const endpoint of set) {
      const points = score(endpoint, destination, source, sourcePort, ifindex);
      if (points < 0 || points < bestScore) continue;
      if (points > bestScore) {
        best = endpoint;
        bestScore = points;
        alike = 1;
      } else alike++;
    }
    if (alike > 1 && best!.options.reusePort) {
      return this.pickOfGroup(set, destination, source, sourcePort, ifindex, bestScore, alike, packet, best!);
    }
    return best;
  }

  /** SO_REUSEPORT: what the group's program says, else the same sender always gets the same one. */
  private pickOfGroup(
    set: Iterable<UdpEndpoint>,
    destination: IpAddress,
    source: IpAddress,
    sourcePort: number,
    ifindex: number,
    points: number,
    size: number,
    packet: Packet | null,
    first: UdpEndpoint,
  ): UdpEndpoint | null {
    const start = packet === null ? 0 : packet.transport + UDP_HEADER;
    let skip = memberOf(first, packet, start, source, sourcePort, size);
    for (const endpoint of set) {
      if (score(endpoint, destination, source, sourcePort, ifindex) === points && skip-- === 0)
        return endpoint;
    }
    return null;
  }

  /**
   * Send a datagram from any address and port, an endpoint's or not: a gateway speaks for other hosts. 0 or
   * -errno.
   */
  sendFrom(source: SocketAddress, destination: SocketAddress, payload: Uint8Array): number {
    const { stack } = this;
    const to = destination.address;
    if (payload.length > (to.isV4 ? MOST_PAYLOAD4 : MOST_PAYLOAD6)) return -EMSGSIZE;
    const path = stack.resolve(to, source.address);
    if (typeof path === 'number') return path;
    const packet = packetOf(payload);
    const { bytes, start, end } = packet;
    writeUdp(bytes, start, source.port, destination.port, end - start);
    if (!path.iface.link.trusted) {
      const initial = pseudoHeader(source.address, to, IPPROTO_UDP, end - start);
      putU16(bytes, start + 6, internetChecksum(bytes, start, end, initial) || 0xffff);
    }
    const { defaultTtl, defaultHopLimit } = stack.settings;
    out.set(source.address, to, IPPROTO_UDP, to.isV4 ? defaultTtl : defaultHopLimit, 0);
    stack.enter();
    try {
      return to.isV4 ? stack.ipv4.send(path, packet, out) : stack.ipv6.send(path, packet, out);
    } finally {
      stack.leave();
    }
  }

  icmpError(error: IcmpError): void {
    const localPort = getU16(error.bytes, error.offset);
    const remotePort = getU16(error.bytes, error.offset + 2);
    const endpoint = this.find(error.source, localPort, error.destination, remotePort, error.ifindex);
    if (endpoint !== null) endpoint.tell(error, remotePort, UDP_HEADER);
  }
}

/** A packet of `payload` with room for the header. */
function packetOf(payload: Uint8Array): Packet {
  const packet = allocatePacket(UDP_HEADER + payload.length);
  packet.end = packet.start + UDP_HEADER + payload.length;
  packet.bytes.set(payload, packet.start + UDP_HEADER);
  return packet;
}

/** How well an endpoint fits a packet; -1: not at all (compute_score). */
function score(
  endpoint: UdpEndpoint,
  destination: IpAddress,
  source: IpAddress,
  sourcePort: number,
  ifindex: number,
): number {
  const local = endpoint.local.address;
  let points = endpoint.isV6 === !destination.isV4 ? 2 : 1;
  if (local.isAny) {
    if (local.isV4 !== destination.isV4 && !(endpoint.dualStack && destination.isV4)) return -1;
  } else {
    if (!local.equals(destination)) return -1;
    points += 4;
  }
  if (endpoint.connected) {
    if (!endpoint.remote.address.equals(source) || endpoint.remote.port !== sourcePort) return -1;
    points += 8;
  }
  const bound = endpoint.options.boundInterface;
  if (bound !== 0) {
    if (bound !== ifindex) return -1;
    points += 4;
  }
  return points;
}
