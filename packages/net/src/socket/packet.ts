import {
  AF_PACKET,
  EAGAIN,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENETDOWN,
  ENODEV,
  ENOTCONN,
  ENXIO,
  EOPNOTSUPP,
  ETH_HLEN,
  ETH_P_ALL,
  MSG_PEEK,
  MSG_TRUNC,
  POLLERR,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '@sandbox/abi';
import type { SocketAddress } from '../core/address.js';
import { getU16 } from '../core/bytes.js';
import { allocatePacket, OUTGOING, type Packet } from '../core/packet.js';
import type { NetInterface } from '../ip/interface.js';
import type { IpStack } from '../ip/stack.js';
import { writeEthernet } from '../wire/ethernet.js';
import { writeChecksums } from '../wire/offload.js';
import { DatagramQueue } from './datagram-queue.js';
import { Endpoint } from './endpoint.js';
import type { LinkAddress, ReceiveRequest, SendRequest } from './request.js';

const NO_ADDRESS = new Uint8Array(0);

/**
 * A packet socket's other half (packet(7)): frames as links carry them, or without their link header
 * (`cooked`, SOCK_DGRAM).
 */
export class PacketEndpoint extends Endpoint {
  readonly queue = new DatagramQueue();
  /** ETH_P_*, host order; 0: nothing is received. */
  etherType: number;
  /** 0: every interface. */
  ifindex = 0;
  /** PACKET_IGNORE_OUTGOING. */
  ignoreOutgoing = false;
  /** PACKET_AUXDATA is the caller's; counters for PACKET_STATISTICS, which reading resets. */
  received = 0;
  drops = 0;
  isClosed = false;

  constructor(
    private readonly stack: IpStack,
    private readonly owner: PacketSockets,
    readonly cooked: boolean,
    protocol: number,
  ) {
    super(AF_PACKET, protocol);
    this.etherType = protocol;
    owner.add(this);
  }

  bind(_address: SocketAddress): number {
    return -EINVAL;
  }

  /** bind(2) with a struct sockaddr_ll. `protocol` 0: as before. -ENODEV. */
  bindLink(ifindex: number, protocol: number): number {
    if (ifindex !== 0) {
      const iface = this.stack.interfaceByIndex(ifindex);
      if (iface === undefined) return -ENODEV;
      if (!iface.adminUp) this.error = ENETDOWN;
    }
    this.ifindex = ifindex;
    if (protocol !== 0) this.etherType = protocol;
    return 0;
  }

  connect(_address: SocketAddress): number {
    return -EOPNOTSUPP;
  }
  name(_out: SocketAddress): number {
    return 0;
  }
  peerName(_out: SocketAddress): number {
    return -EOPNOTSUPP;
  }

  /** getsockname(2). */
  linkName(): LinkAddress {
    const iface = this.ifindex === 0 ? undefined : this.stack.interfaceByIndex(this.ifindex);
    return {
      protocol: this.etherType,
      ifindex: this.ifindex,
      hatype: iface?.type ?? 0,
      packetType: 0,
      address: iface?.mac ?? NO_ADDRESS,
    };
  }

  /** @internal A copy of a frame; given away. */
  enqueue(copy: Packet): void {
    this.received++;
    copy.time = this.stack.now();
    if (this.queue.push(copy, this.options.receiveBuffer)) this.wake(POLLIN | POLLRDNORM);
    else {
      copy.release();
      this.drops++;
    }
  }

  receive(request: ReceiveRequest): number {
    const packet = this.queue.first;
    if (packet === null) return this.error !== 0 ? this.takeError() : -EAGAIN;
    const start = this.cooked ? packet.network : packet.start;
    const length = packet.end - start;
    const wanted = Math.min(length, request.sink.remaining);
    if (wanted > 0 && request.sink.put(packet.bytes, start, wanted) < wanted) return -EFAULT;
    request.length = length;
    if (wanted < length) request.outFlags |= MSG_TRUNC;
    const iface = this.stack.interfaceByIndex(packet.ifindex);
    const framed = packet.network - packet.start === ETH_HLEN;
    request.link = {
      protocol: packet.etherType,
      ifindex: packet.ifindex,
      hatype: iface?.type ?? 0,
      packetType: packet.addressed,
      address: framed ? packet.bytes.slice(packet.start + 6, packet.start + 12) : new Uint8Array(6),
    };
    request.ifindex = packet.ifindex;
    request.time = packet.time;
    request.dropped = this.drops;
    if ((request.flags & MSG_PEEK) === 0) {
      this.queue.shift();
      packet.release();
    }
    return (request.flags & MSG_TRUNC) !== 0 ? length : wanted;
  }

  send(request: SendRequest): number {
    this.stack.enter();
    try {
      return this.sendNow(request);
    } finally {
      this.stack.leave();
    }
  }

  private sendNow(request: SendRequest): number {
    const { link } = request;
    const ifindex = link?.ifindex || this.ifindex;
    if (link === null && this.ifindex === 0) return this.cooked ? -EDESTADDRREQ : -ENOTCONN;
    const iface = this.stack.interfaceByIndex(ifindex);
    if (iface === undefined) return -ENXIO;
    if (!iface.adminUp) return -ENETDOWN;
    const framed = iface.link.framing === 'ethernet' && !iface.loopback;
    const header = framed || iface.loopback ? ETH_HLEN : 0;
    const length = request.source.remaining;
    const limit = iface.mtu + (this.cooked ? 0 : header);
    if (length > limit) return -EMSGSIZE;
    if (!this.cooked && length < header) return -EINVAL;
    const packet = allocatePacket(length);
    packet.end = packet.start + length;
    if (request.source.get(packet.bytes, packet.start, length) < length) {
      packet.release();
      return -EFAULT;
    }
    packet.etherType = link?.protocol || this.etherType;
    packet.network = packet.start;
    if (this.cooked) {
      if (framed) {
        const to = link?.address ?? NO_ADDRESS;
        if (to.length < 6) {
          packet.release();
          return -EINVAL;
        }
        packet.start -= ETH_HLEN;
        writeEthernet(packet.bytes, packet.start, to, iface.mac!, packet.etherType);
      }
    } else if (header > 0) {
      packet.network += ETH_HLEN;
      packet.etherType = getU16(packet.bytes, packet.start + 12);
      // Loopback's links carry bare packets here.
      if (!framed) packet.start += ETH_HLEN;
    }
    this.owner.tap(packet, iface, OUTGOING, packet.network, this);
    iface.transmit(packet);
    return length;
  }

  poll(): number {
    let mask = POLLOUT | POLLWRNORM;
    if (this.error !== 0) mask |= POLLERR;
    if (this.queue.first !== null) mask |= POLLIN | POLLRDNORM;
    return mask;
  }

  override get readable(): number {
    const packet = this.queue.first;
    return packet === null ? 0 : packet.end - (this.cooked ? packet.network : packet.start);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.observer = null;
    this.queue.clear();
    this.owner.remove(this);
  }
}

/** The packet sockets of a stack: taps on every interface. */
export class PacketSockets {
  private readonly endpoints = new Set<PacketEndpoint>();

  constructor(private readonly stack: IpStack) {}

  /** Is there any? Nothing is copied otherwise. */
  get active(): boolean {
    return this.endpoints.size > 0;
  }

  /** `protocol`: ETH_P_* in host order. */
  open(cooked: boolean, protocol: number): PacketEndpoint {
    return new PacketEndpoint(this.stack, this, cooked, protocol);
  }

  all(): Iterable<PacketEndpoint> {
    return this.endpoints;
  }

  /** @internal */
  add(endpoint: PacketEndpoint): void {
    this.endpoints.add(endpoint);
  }
  /** @internal */
  remove(endpoint: PacketEndpoint): void {
    this.endpoints.delete(endpoint);
  }

  /**
   * Copies of a frame for whoever wants it; `network`: where its network header begins. The packet stays the
   * caller's.
   */
  tap(
    packet: Packet,
    iface: NetInterface,
    addressed: number,
    network: number,
    except?: PacketEndpoint,
  ): void {
    for (const endpoint of this.endpoints) {
      if (endpoint === except || (endpoint.ifindex !== 0 && endpoint.ifindex !== iface.index)) continue;
      const { etherType } = endpoint;
      if (etherType !== ETH_P_ALL && etherType !== packet.etherType) continue;
      // Only sockets for everything see what is sent.
      if (addressed === OUTGOING && (etherType !== ETH_P_ALL || endpoint.ignoreOutgoing)) continue;
      this.copyTo(endpoint, packet, iface, addressed, network);
    }
  }

  private copyTo(
    endpoint: PacketEndpoint,
    packet: Packet,
    iface: NetInterface,
    addressed: number,
    network: number,
  ): void {
    const loopback = iface.loopback && packet.start === network;
    const copy = packet.clone();
    if (packet.trusted) writeChecksums(copy.bytes, packet.etherType, network, copy.end);
    copy.network = network;
    copy.transport = network;
    copy.addressed = addressed;
    copy.ifindex = iface.index;
    if (loopback) {
      // Linux' loopback is an Ethernet device as far as packet sockets see it: zero addresses.
      copy.start -= ETH_HLEN;
      copy.bytes.fill(0, copy.start, copy.start + 12);
      copy.bytes[copy.start + 12] = copy.etherType >>> 8;
      copy.bytes[copy.start + 13] = copy.etherType;
    }
    if (endpoint.filter !== null) {
      const from = endpoint.cooked ? network : copy.start;
      const kept = endpoint.filter(copy, from);
      if (kept === 0) {
        copy.release();
        return;
      }
      copy.end = Math.min(copy.end, from + kept);
    }
    endpoint.enqueue(copy);
  }
}
