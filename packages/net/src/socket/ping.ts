import {
  AF_INET,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EDESTADDRREQ,
  EINVAL,
  EMSGSIZE,
  EOPNOTSUPP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  MSG_OOB,
} from '@sandbox/abi';
import type { IpAddress, SocketAddress } from '../core/address.js';
import { getU16, putU16 } from '../core/bytes.js';
import type { Packet } from '../core/packet.js';
import type { NetInterface } from '../ip/interface.js';
import type { IcmpError } from '../ip/protocol.js';
import type { IpStack } from '../ip/stack.js';
import { internetChecksum, pseudoHeader } from '../wire/checksum.js';
import { ICMP_ECHO, ICMP_HEADER, ICMPV6_ECHO_REQUEST } from '../wire/icmp.js';
import { writeChecksums } from '../wire/offload.js';
import { DatagramEndpoint } from './datagram-endpoint.js';
import { PortTable } from './ports.js';
import type { SendRequest } from './request.js';

/**
 * A ping socket's other half: echo requests without privileges (icmp(7), SOCK_DGRAM). Its port is the echo
 * identifier.
 */
export class PingEndpoint extends DatagramEndpoint {
  protected readonly headerLength = 0;

  constructor(
    stack: IpStack,
    private readonly owner: PingProtocol,
    family: number,
  ) {
    super(stack, family, family === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    this.changeOptions().v6Only = true;
  }

  protected sourcePort(): number {
    return 0;
  }
  protected destinationPort(): number {
    return 0;
  }

  bind(address: SocketAddress): number {
    if (this.local.port !== 0) return -EINVAL;
    const r = this.checkBind(address);
    if (r < 0) return r;
    if (address.address.isMulticast || address.address.isLimitedBroadcast) return -EADDRNOTAVAIL;
    this.local.address = address.address;
    this.local.scopeId = address.scopeId;
    const taken = this.owner.take(this, address.port);
    if (taken < 0) {
      this.local.address = this.wildcard;
      return taken;
    }
    this.portLocked = address.port !== 0;
    this.addressLocked = !address.address.isAny;
    return 0;
  }

  protected override takePort(): number {
    return this.owner.take(this, 0);
  }
  protected override releasePort(): void {
    this.owner.release(this);
  }

  protected sendNow(request: SendRequest): number {
    const length = request.source.remaining;
    if (length > 0xffff) return -EMSGSIZE;
    if (length < ICMP_HEADER) return -EINVAL;
    if ((request.flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
    if (request.to === null && !this.connected) return -EDESTADDRREQ;
    const refused = this.refusesSend;
    if (refused < 0) return refused;
    const path = this.prepare(request, request.to, this.protocol);
    if (typeof path === 'number') return path;
    const packet = this.copyIn(request, 0, length);
    if (typeof packet === 'number') return packet;
    const { bytes, start, end } = packet;
    // Echo requests only; the identifier is the stack's.
    if (bytes[start] !== (this.isV6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO) || bytes[start + 1] !== 0) {
      packet.release();
      return -EINVAL;
    }
    const bound = this.bindToAny();
    if (bound < 0) {
      packet.release();
      return bound;
    }
    putU16(bytes, start + 4, this.local.port);
    putU16(bytes, start + 2, 0);
    const { out } = this;
    const initial = this.isV6 ? pseudoHeader(out.source, out.destination, IPPROTO_ICMPV6, length) : 0;
    putU16(bytes, start + 2, internetChecksum(bytes, start, end, initial));
    const r = this.transmit(path, packet);
    if (r === -EMSGSIZE) return this.tooLong(path.mtu, path.destination, 0);
    return r < 0 ? r : length;
  }

  override close(): void {
    if (this.isClosed) return;
    super.close();
    this.owner.release(this);
  }
}

/** Ping sockets of both families. */
export class PingProtocol {
  private readonly ports4: PortTable<PingEndpoint>;
  private readonly ports6: PortTable<PingEndpoint>;

  constructor(private readonly stack: IpStack) {
    const random = () => stack.host.random32();
    this.ports4 = new PortTable<PingEndpoint>(random, false);
    this.ports6 = new PortTable<PingEndpoint>(random, false);
  }

  open(family: number = AF_INET): PingEndpoint {
    return new PingEndpoint(this.stack, this, family);
  }

  *all(): Iterable<PingEndpoint> {
    yield* this.ports4.all();
    yield* this.ports6.all();
  }

  /** @internal Give it the identifier, or a free one for 0. 0 or -EADDRINUSE. */
  take(endpoint: PingEndpoint, ident: number): number {
    const ports = endpoint.isV6 ? this.ports6 : this.ports4;
    if (ident === 0) {
      ident = ports.pick(1, 65535, endpoint);
      if (ident < 0) return ident;
      ports.add(ident, endpoint);
    } else if (ports.claim(ident, endpoint) < 0) return -EADDRINUSE;
    endpoint.local.port = ident;
    return 0;
  }

  /** @internal */
  release(endpoint: PingEndpoint): void {
    if (endpoint.local.port === 0) return;
    (endpoint.isV6 ? this.ports6 : this.ports4).release(endpoint.local.port, endpoint);
    endpoint.local.port = 0;
  }

  /** An echo reply. Given away. */
  deliver(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void {
    // Its reader looks at the checksum.
    if (packet.trusted && !packet.shared)
      writeChecksums(packet.bytes, packet.etherType, packet.network, packet.end);
    const ident = getU16(packet.bytes, packet.transport + 4);
    const ports = destination.isV4 ? this.ports4 : this.ports6;
    for (const endpoint of ports.at(ident)) {
      const { local, options } = endpoint;
      if (!local.address.isAny && !local.address.equals(destination)) continue;
      if (options.boundInterface !== 0 && options.boundInterface !== iface.index) continue;
      if (endpoint.connected && !endpoint.remote.address.equals(source)) continue;
      endpoint.enqueue(packet);
      break;
    }
    packet.release();
  }

  icmpError(error: IcmpError): void {
    const ident = getU16(error.bytes, error.offset + 4);
    const ports = error.isV4 ? this.ports4 : this.ports6;
    for (const endpoint of ports.at(ident)) endpoint.tell(error, 0, 0);
  }
}
