import {
  AF_INET,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  EOPNOTSUPP,
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_RAW,
  MSG_OOB,
} from '@sandbox/abi';
import type { IpAddress, SocketAddress } from '../core/address.js';
import { getU16, getU32, putU16, putU32 } from '../core/bytes.js';
import { allocatePacket, type Packet } from '../core/packet.js';
import type { NetInterface } from '../ip/interface.js';
import type { Path } from '../ip/path.js';
import type { IcmpError } from '../ip/protocol.js';
import type { IpStack } from '../ip/stack.js';
import { internetChecksum, pseudoHeader } from '../wire/checksum.js';
import { IPV4, IPV4_HEADER } from '../wire/ipv4.js';
import { writeChecksums } from '../wire/offload.js';
import { DatagramEndpoint } from './datagram-endpoint.js';
import type { SendRequest } from './request.js';

/**
 * A raw IP socket's other half (raw(7)): IPv4 readers get the IP header too, IPv6 readers what is behind the
 * headers.
 */
export class RawEndpoint extends DatagramEndpoint {
  protected readonly headerLength = 0;
  /** ICMP_FILTER (a set bit: the type is not wanted), IPv4. */
  icmpFilter = 0;
  /** ICMP6_FILTER, eight words; a set bit: the type is not wanted. */
  readonly icmp6Filter = new Uint32Array(8);

  constructor(
    stack: IpStack,
    private readonly owner: RawProtocol,
    family: number,
    protocol: number,
  ) {
    super(stack, family, protocol);
    // IPPROTO_RAW writes its own headers.
    if (protocol === IPPROTO_RAW) this.changeOptions().headerIncluded = true;
    if (protocol === IPPROTO_ICMPV6 && family !== AF_INET) this.changeOptions().checksumOffset = 2;
    owner.add(this);
  }

  /** Unlike others it can have none taken again: disconnecting ends receiving (__udp_disconnect). */
  private receives = true;

  protected override releasePort(): void {
    this.receives = false;
    this.owner.remove(this);
  }

  protected override payloadStart(packet: Packet): number {
    return this.family === AF_INET ? packet.network : packet.transport;
  }
  protected override filterStart(packet: Packet): number {
    return this.payloadStart(packet);
  }
  protected sourcePort(): number {
    return 0;
  }
  protected destinationPort(): number {
    return 0;
  }
  protected override get refusesOob(): boolean {
    return true;
  }

  bind(address: SocketAddress): number {
    const r = this.checkBind(address);
    if (r < 0) return r;
    this.local.address = address.address.unmapped;
    this.local.scopeId = address.scopeId;
    this.addressLocked = !this.local.address.isAny;
    this.forgetPath();
    return 0;
  }

  protected sendNow(request: SendRequest): number {
    const length = request.source.remaining;
    if (length > 0xffff) return -EMSGSIZE;
    if ((request.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    const refused = this.refusesSend;
    if (refused < 0) return refused;
    const { to } = request;
    if (to === null && !this.connected) return -EDESTADDRREQ;
    let protocol = this.protocol;
    // The port of an IPv6 destination may name the protocol (rawv6_sendmsg).
    if (this.isV6 && to !== null && to.port !== 0) {
      if (to.port > 255) return -EINVAL;
      if (this.protocol !== IPPROTO_RAW && to.port !== this.protocol) return -EINVAL;
      protocol = to.port;
    }
    const path = this.prepare(request, to, protocol);
    if (typeof path === 'number') return path;
    if (this.options.headerIncluded) return this.sendWhole(request, path, length);
    if (length + 20 > path.mtu && this.out.dontFragment) return this.tooLong(path.mtu, path.destination, 0);
    const packet = this.copyIn(request, 0, length);
    if (typeof packet === 'number') return packet;
    const r = this.addChecksum(packet, protocol);
    if (r < 0) {
      packet.release();
      return r;
    }
    const sent = this.transmit(path, packet);
    if (sent === -EMSGSIZE) return this.tooLong(path.mtu, path.destination, 0);
    return sent < 0 ? sent : length;
  }

  /** IPV6_CHECKSUM: the stack writes it, as it knows the source. */
  private addChecksum(packet: Packet, protocol: number): number {
    const { checksumOffset } = this.options;
    if (!this.isV6 || checksumOffset < 0 || this.out.destination.isV4) return 0;
    const { bytes, start, end } = packet;
    if (checksumOffset + 2 > end - start) return -EINVAL;
    putU16(bytes, start + checksumOffset, 0);
    const initial = pseudoHeader(this.out.source, this.out.destination, protocol, end - start);
    putU16(bytes, start + checksumOffset, internetChecksum(bytes, start, end, initial) || 0xffff);
    return 0;
  }

  /** IP_HDRINCL: the caller wrote the header; what it left zero is filled in (raw(7)). */
  private sendWhole(request: SendRequest, path: Path, length: number): number {
    if (length > path.mtu) return this.tooLong(path.mtu, path.destination, 0);
    const packet = allocatePacket(length);
    packet.end = packet.start + length;
    if (request.source.get(packet.bytes, packet.start, length) < length) {
      packet.release();
      return -EFAULT;
    }
    const { bytes, start, end } = packet;
    packet.network = start;
    packet.mark = this.out.mark;
    if (this.isV6) {
      packet.etherType = ETH_P_IPV6;
      if (length < 40) {
        packet.release();
        return -EINVAL;
      }
      packet.ttl = bytes[start + 7];
      const r = this.stack.ipv6.sendWritten(path, packet, this.out.multicastLoop);
      return r < 0 ? r : length;
    }
    const headerLength = length > 0 ? (bytes[start] & 15) * 4 : 0;
    if (length < IPV4_HEADER || headerLength < IPV4_HEADER || headerLength > length) {
      packet.release();
      return -EINVAL;
    }
    packet.etherType = ETH_P_IP;
    packet.transport = start + headerLength;
    if (getU32(bytes, start + IPV4.source) === 0) putU32(bytes, start + IPV4.source, this.out.source.w3);
    putU16(bytes, start + IPV4.totalLength, end - start);
    if (getU16(bytes, start + IPV4.id) === 0) putU16(bytes, start + IPV4.id, this.stack.ipv4.freshId());
    this.stack.ipv4.completeHeader(packet);
    packet.ttl = bytes[start + IPV4.ttl];
    packet.tos = bytes[start + IPV4.tos];
    const r = this.stack.ipv4.sendWritten(path, packet, this.out.multicastLoop);
    return r < 0 ? r : length;
  }

  override name(out: SocketAddress): number {
    super.name(out);
    // Raw sockets show their protocol where others have a port (inet_sport).
    out.port = this.receives ? this.protocol : 0;
    return 0;
  }

  /** Does it want this packet? */
  matches(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): boolean {
    const { local, remote, options } = this;
    if (this.isV6 === destination.isV4) return false;
    if (!local.address.isAny && !local.address.equals(destination)) return false;
    if (this.connected && !remote.address.equals(source)) return false;
    if (options.boundInterface !== 0 && options.boundInterface !== iface.index) return false;
    if (destination.isMulticast) {
      const all = this.isV6 ? options.multicastAll6 : options.multicastAll;
      if (!this.groups.wants(destination, source, iface.index, all)) return false;
    }
    const type = packet.bytes[packet.transport];
    if (this.protocol === IPPROTO_ICMP && !this.isV6 && type < 32)
      return ((this.icmpFilter >>> type) & 1) === 0;
    if (this.protocol === IPPROTO_ICMPV6) return ((this.icmp6Filter[type >> 5] >>> (type & 31)) & 1) === 0;
    return true;
  }

  override close(): void {
    if (this.isClosed) return;
    super.close();
    this.owner.remove(this);
  }
}

/** Raw sockets of both families. */
export class RawProtocol {
  private readonly endpoints = new Set<RawEndpoint>();

  constructor(private readonly stack: IpStack) {}

  /** Is there any? Packets are not looked at otherwise. */
  get active(): boolean {
    return this.endpoints.size > 0;
  }

  open(family: number, protocol: number): RawEndpoint {
    return new RawEndpoint(this.stack, this, family, protocol);
  }

  all(): Iterable<RawEndpoint> {
    return this.endpoints;
  }

  /** @internal */
  add(endpoint: RawEndpoint): void {
    this.endpoints.add(endpoint);
  }
  /** @internal */
  remove(endpoint: RawEndpoint): void {
    this.endpoints.delete(endpoint);
  }

  /** Copies for whoever wants it; the packet stays the caller's. true: somebody did. */
  deliver(
    packet: Packet,
    protocol: number,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): boolean {
    let taken = false;
    // Its reader sees headers: the checksums that were left out must be there.
    if (packet.trusted && this.endpoints.size > 0 && !packet.shared)
      writeChecksums(packet.bytes, packet.etherType, packet.network, packet.end);
    for (const endpoint of this.endpoints) {
      if (endpoint.protocol !== protocol || !endpoint.matches(packet, source, destination, iface)) continue;
      if (!endpoint.isV6 || this.checksumGood(endpoint, packet, source, destination))
        endpoint.enqueue(packet);
      taken = true;
    }
    return taken;
  }

  private checksumGood(
    endpoint: RawEndpoint,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
  ): boolean {
    const { checksumOffset } = endpoint.options;
    if (packet.trusted || checksumOffset < 0) return true;
    const { bytes, transport, end } = packet;
    const initial = pseudoHeader(source, destination, endpoint.protocol, end - transport);
    return internetChecksum(bytes, transport, end, initial) === 0;
  }

  icmpError(protocol: number, error: IcmpError): void {
    for (const endpoint of this.endpoints) {
      if (endpoint.protocol !== protocol || endpoint.isV6 === error.isV4) continue;
      const { local, remote } = endpoint;
      if (!local.address.isAny && !local.address.equals(error.source)) continue;
      if (endpoint.connected && !remote.address.equals(error.destination)) continue;
      endpoint.tell(error, 0, 0);
    }
  }
}
