import {
  EACCES,
  EAGAIN,
  EDESTADDRREQ,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_INTERFACE,
  IP_PMTUDISC_OMIT,
  IP_PMTUDISC_PROBE,
  MSG_DONTROUTE,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  RTN_BROADCAST,
  RTN_UNICAST,
} from '@sandbox/abi';
import { IpAddress, type SocketAddress } from '../core/address.js';
import { getU16 } from '../core/bytes.js';
import { allocatePacket, type Packet } from '../core/packet.js';
import { IpOut, type Path } from '../ip/path.js';
import type { IcmpError } from '../ip/protocol.js';
import type { IpStack } from '../ip/stack.js';
import { IPV4, IPV4_HEADER } from '../wire/ipv4.js';
import { flowLabelOf, IPV6, IPV6_HEADER } from '../wire/ipv6.js';
import { DatagramQueue } from './datagram-queue.js';
import { ErrorQueue, queuedIcmp, queuedLocal } from './error-queue.js';
import { InetEndpoint } from './inet-endpoint.js';
import { Memberships } from './memberships.js';
import type { ReceiveRequest, SendRequest } from './request.js';

const SHUT_RD = 0;
const SHUT_WR = 1;
const NOTHING = new Uint8Array(0);

/** Endpoints that deal in messages over IP: UDP, raw and ping sockets. */
export abstract class DatagramEndpoint extends InetEndpoint {
  readonly queue = new DatagramQueue();
  readonly errors = new ErrorQueue();
  readonly groups: Memberships;
  /** Messages dropped for want of room. */
  drops = 0;
  protected readonly out = new IpOut();
  protected readShut = false;
  protected writeShut = false;

  constructor(stack: IpStack, family: number, protocol: number) {
    super(stack, family, protocol);
    this.groups = new Memberships(stack);
    const { receiveBufferDefault, sendBufferDefault } = stack.settings;
    if (this.options.receiveBuffer !== receiveBufferDefault)
      this.changeOptions().receiveBuffer = receiveBufferDefault;
    if (this.options.sendBuffer !== sendBufferDefault) this.changeOptions().sendBuffer = sendBufferDefault;
  }

  /** Bytes of the protocol's own header in front of the payload a reader gets. */
  protected abstract readonly headerLength: number;
  /** Port the message in `packet` came from, and the one it was sent to. */
  protected abstract sourcePort(packet: Packet): number;
  protected abstract destinationPort(packet: Packet): number;
  /** Where a reader's bytes begin in `packet`. */
  protected payloadStart(packet: Packet): number {
    return packet.transport + this.headerLength;
  }

  /** Take any free port: 0 or -EADDRINUSE. Raw sockets have none to take. */
  protected takePort(): number {
    return 0;
  }
  protected releasePort(): void {}
  /** Sends with the stack entered. */
  protected abstract sendNow(request: SendRequest): number;

  /** The address that stands for all of this host. */
  protected get wildcard(): IpAddress {
    return this.isV6 ? IpAddress.ANY6 : IpAddress.ANY4;
  }

  /** Where socket filters begin to look at a packet: at the transport header, or where a reader does. */
  protected filterStart(packet: Packet): number {
    return packet.transport;
  }

  // Connecting

  /** Have a port, whichever (inet_autobind). 0 or -EAGAIN. */
  protected bindToAny(): number {
    return this.local.port === 0 && this.takePort() < 0 ? -EAGAIN : 0;
  }

  /**
   * Where messages go and come from, for all of these protocols alike (ip4_datagram_connect,
   * ip6_datagram_connect).
   */
  connect(address: SocketAddress): number {
    const bound = this.bindToAny();
    if (bound < 0) return bound;
    const to = this.target(address.address);
    if (typeof to === 'number') return to;
    const { options } = this;
    let oif = options.boundInterface || address.scopeId;
    if (!to.isV4 && to.isLinkLocal && oif === 0) return -EINVAL;
    if (to.isMulticast && oif === 0) oif = to.isV4 ? options.multicastInterface : options.multicastInterface6;
    const path = this.stack.resolve(to, this.sourceTo(to), oif, options.mark);
    if (typeof path === 'number') return path;
    if (path.type === RTN_BROADCAST && !options.broadcast) return -EACCES;
    if (this.local.address.isAny) this.local.address = path.source;
    this.remote.set(to, address.port, address.scopeId, address.flowInfo);
    this.connected = true;
    this.forgetPath();
    return 0;
  }

  override peerName(out: SocketAddress): number {
    // Without a port there is no peer to name, wherever messages go (inet_getname).
    return this.remote.port === 0 ? -ENOTCONN : super.peerName(out);
  }

  override disconnect(): number {
    this.connected = false;
    this.forgetPath();
    if (!this.addressLocked) this.local.address = this.wildcard;
    this.remote.set(this.wildcard, 0);
    if (!this.portLocked) this.releasePort();
    return 0;
  }

  // Receiving

  /** A packet for this endpoint; it stays the caller's (a reference is kept when it is queued). */
  enqueue(packet: Packet): boolean {
    if (this.isClosed) return false;
    const start = this.filterStart(packet);
    const wanted = this.filter === null ? packet.end - start : this.filter(packet, start);
    if (wanted === 0 && this.filter !== null) {
      this.drops++;
      return false;
    }
    const cut = packet.end - start - Math.max(wanted, this.headerLength);
    const kept = packet.next === null && !packet.shared && cut <= 0 ? packet.retain() : packet.clone();
    if (cut > 0) kept.end -= cut;
    kept.time = this.stack.now();
    if (!this.queue.push(kept, this.options.receiveBuffer)) {
      kept.release();
      this.drops++;
      return false;
    }
    this.wake(POLLIN | POLLRDNORM);
    return true;
  }

  receive(request: ReceiveRequest): number {
    if ((request.flags & MSG_ERRQUEUE) !== 0) return this.receiveError(request);
    if ((request.flags & MSG_OOB) !== 0 && this.refusesOob) return -EOPNOTSUPP;
    const packet = this.queue.first;
    if (packet === null) {
      if (this.error !== 0) return this.takeError();
      // Shut for reading or not: who may wait for it gets 0 instead (__skb_wait_for_more_packets).
      return -EAGAIN;
    }
    const start = this.payloadStart(packet);
    const length = Math.max(packet.end - start, 0);
    const skip = (request.flags & MSG_PEEK) !== 0 ? Math.min(request.peekOffset, length) : 0;
    const wanted = Math.min(length - skip, request.sink.remaining);
    if (wanted > 0 && request.sink.put(packet.bytes, start + skip, wanted) < wanted) return -EFAULT;
    request.length = length - skip;
    if (wanted < length - skip) request.outFlags |= MSG_TRUNC;
    this.describe(packet, request);
    if ((request.flags & MSG_PEEK) === 0) {
      this.queue.shift();
      packet.release();
    }
    return (request.flags & MSG_TRUNC) !== 0 ? length - skip : wanted;
  }

  protected get refusesOob(): boolean {
    return false;
  }

  /** Fill in who sent it, where to, and how it travelled. */
  protected describe(packet: Packet, request: ReceiveRequest): void {
    const { bytes, network } = packet;
    const isV4 = bytes[network] >>> 4 === 4;
    const source = isV4
      ? IpAddress.fromBytes4(bytes, network + IPV4.source)
      : IpAddress.fromBytes6(bytes, network + IPV6.source);
    const destination = isV4
      ? IpAddress.fromBytes4(bytes, network + IPV4.destination)
      : IpAddress.fromBytes6(bytes, network + IPV6.destination);
    const scope = source.isLinkLocal && !isV4 ? packet.ifindex : 0;
    const flowInfo = isV4 ? 0 : flowLabelOf(bytes, network);
    this.showAs(request.from, source, this.sourcePort(packet), scope, flowInfo);
    request.hasFrom = true;
    this.showAs(request.to, destination, this.destinationPort(packet));
    request.local = this.localFor(destination, packet.ifindex);
    request.ifindex = packet.ifindex;
    request.ttl = packet.ttl;
    request.tos = packet.tos;
    request.flowInfo = isV4 ? 0 : flowInfo | (packet.tos << 20);
    request.time = packet.time;
    request.dropped = this.drops;
    if (isV4) {
      const headerLength = (bytes[network] & 15) * 4;
      request.ipOptions =
        headerLength > IPV4_HEADER ? bytes.slice(network + IPV4_HEADER, network + headerLength) : NOTHING;
    } else {
      request.ipOptions =
        packet.transport - network > IPV6_HEADER
          ? bytes.slice(network + IPV6_HEADER, packet.transport)
          : NOTHING;
      request.firstHeader = bytes[network + IPV6.nextHeader];
    }
  }

  /** ipi_spec_dst: the address to answer from. */
  private localFor(destination: IpAddress, ifindex: number): IpAddress {
    if (this.stack.addresses.owner(destination) !== undefined || destination.isLoopback) return destination;
    const iface = this.stack.interfaceByIndex(ifindex);
    return (iface && this.stack.sourceFor(iface, destination, destination)) ?? destination;
  }

  private receiveError(request: ReceiveRequest): number {
    const entry = this.errors.take((request.flags & MSG_PEEK) !== 0);
    if (entry === undefined) return -EAGAIN;
    const wanted = Math.min(entry.payload.length, request.sink.remaining);
    if (wanted > 0 && request.sink.put(entry.payload, 0, wanted) < wanted) return -EFAULT;
    request.length = entry.payload.length;
    request.outFlags |= MSG_ERRQUEUE | (wanted < entry.payload.length ? MSG_TRUNC : 0);
    request.error = entry.error;
    this.showAs(request.from, entry.destination, entry.port);
    request.hasFrom = true;
    request.ifindex = entry.ifindex;
    request.time = entry.time;
    // Errors behind this one keep the socket's error set.
    const next = this.errors.take(true);
    this.error = next === undefined ? 0 : next.error.errno;
    return wanted;
  }

  // Errors

  protected get receiveErrors(): boolean {
    return this.options.receiveErrors || (this.isV6 && this.options.receiveErrors6);
  }

  /**
   * An ICMP error about a packet of this endpoint's (ip_icmp_error, __udp4_lib_err). `port`: where it was
   * going.
   */
  tell(e: IcmpError, port: number, headerLength: number): void {
    let { hard } = e;
    if (this.isTooBig(e)) {
      const discover = e.isV4 ? this.options.mtuDiscover : this.options.mtuDiscover6;
      hard = discover !== IP_PMTUDISC_DONT;
      if (!e.isV4) hard = discover === IP_PMTUDISC_DO;
    }
    const wants = e.isV4
      ? this.options.receiveErrors || (this.isV6 && this.options.receiveErrors6)
      : this.options.receiveErrors6;
    if (wants) this.errors.push(queuedIcmp(e, e.errno, port, headerLength, this.stack.now()));
    else if (!hard || !this.connected) return;
    this.error = e.errno;
    this.wake(POLLERR | (wants ? 0 : POLLIN | POLLOUT));
  }

  private isTooBig(e: IcmpError): boolean {
    return e.errno === EMSGSIZE;
  }

  /** A message did not fit (ip_local_error): tell the error queue when it is wanted. Answers -EMSGSIZE. */
  protected tooLong(mtu: number, destination: IpAddress, port: number): number {
    if (this.receiveErrors) {
      this.errors.push(queuedLocal(EMSGSIZE, mtu, destination, port, NOTHING, this.stack.now()));
      this.error = EMSGSIZE;
      this.wake(POLLERR);
      this.error = 0;
    }
    return -EMSGSIZE;
  }

  // Sending

  send(request: SendRequest): number {
    this.stack.enter();
    try {
      return this.sendNow(request);
    } finally {
      this.stack.leave();
    }
  }

  /**
   * The way a message takes, and what its IP header says: fills `out` (but the protocol). `to` null: where
   * the endpoint is connected to. -EDESTADDRREQ, -EACCES (broadcast without leave), -EINVAL, -ENETUNREACH...
   */
  protected prepare(request: SendRequest, to: SocketAddress | null, protocol: number): Path | number {
    const { options } = this;
    if (to === null && !this.connected) return -EDESTADDRREQ;
    const address = to ?? this.remote;
    const destination = to === null ? this.remote.address : this.target(to.address);
    if (typeof destination === 'number') return destination;
    let source = request.from ?? (this.local.address.isAny ? null : this.local.address);
    if (source !== null) {
      source = source.unmapped;
      if (source.isAny || source.isV4 !== destination.isV4 || source.isMulticast) source = null;
      else if (request.from !== null && !this.mayUse(source)) return source.isV4 ? -ENETUNREACH : -EINVAL;
      else if (source.isLimitedBroadcast) source = null;
    }
    let oif = request.ifindex || options.boundInterface || address.scopeId;
    const multicast = destination.isMulticast;
    if (oif === 0) {
      if (multicast) oif = destination.isV4 ? options.multicastInterface : options.multicastInterface6;
      else oif = destination.isV4 ? options.unicastInterface : options.unicastInterface6;
      if (oif === 0 && !destination.isV4) oif = options.stickyInterface6;
    }
    if (multicast && source === null && destination.isV4 && !options.multicastSource.isAny) {
      source = options.multicastSource;
    }
    const mark = request.mark >= 0 ? request.mark : options.mark;
    const path = this.pathTo(destination, source, oif, mark);
    if (typeof path === 'number') return path;
    if (path.type === RTN_BROADCAST && !options.broadcast) return -EACCES;
    if (options.dontRoute || (request.flags & MSG_DONTROUTE) !== 0) {
      // Neighbours only: no gateway.
      if (!path.local && path.type === RTN_UNICAST && !path.nextHop.equals(destination)) return -ENETUNREACH;
    }
    const from = source ?? path.source;
    const { out } = this;
    out.set(
      from,
      destination,
      protocol,
      this.ttlFor(request, destination),
      this.tosFor(request, destination),
    );
    out.mark = mark;
    out.owner = this;
    this.setFragmenting(request, destination, path);
    if (destination.isV4) {
      const ipOptions = request.ipOptions.length > 0 ? request.ipOptions : options.ipOptions;
      if (ipOptions.length > 0) out.options = ipOptions;
      out.multicastLoop = options.multicastLoop;
    } else {
      out.multicastLoop = options.multicastLoop6;
      if (options.flowInfoSend) out.flowLabel = address.flowInfo & 0xfffff;
      this.addExtensions(request, protocol);
    }
    return path;
  }

  private mayUse(source: IpAddress): boolean {
    return (
      this.options.freeBind ||
      this.options.transparent ||
      this.stack.settings.nonlocalBind ||
      this.stack.localType(source) === 'local'
    );
  }

  private ttlFor(request: SendRequest, destination: IpAddress): number {
    const { options, stack } = this;
    if (request.ttl >= 0) return request.ttl;
    if (destination.isV4) {
      if (destination.isMulticast) return options.multicastTtl;
      return options.ttl > 0 ? options.ttl : stack.settings.defaultTtl;
    }
    if (destination.isMulticast) return options.multicastHops >= 0 ? options.multicastHops : 1;
    return options.hopLimit >= 0 ? options.hopLimit : stack.settings.defaultHopLimit;
  }

  private tosFor(request: SendRequest, destination: IpAddress): number {
    if (request.tos >= 0) return request.tos;
    return destination.isV4 ? this.options.tos : this.options.trafficClass;
  }

  private setFragmenting(request: SendRequest, destination: IpAddress, path: Path): void {
    const { options, out } = this;
    const discover = destination.isV4 ? options.mtuDiscover : options.mtuDiscover6;
    out.dontFragment =
      discover === IP_PMTUDISC_DO ||
      discover === IP_PMTUDISC_PROBE ||
      (!destination.isV4 && options.dontFragment);
    if (request.dontFragment >= 0) out.dontFragment = request.dontFragment !== 0;
    const ignoresTold =
      discover === IP_PMTUDISC_PROBE || discover === IP_PMTUDISC_INTERFACE || discover === IP_PMTUDISC_OMIT;
    out.mtu = ignoresTold ? path.iface.mtu : 0;
    if (!destination.isV4 && options.mtu6 >= 1280) out.mtu = options.mtu6;
  }

  /** Chain the extension headers of ancillary data in the order RFC 8200 section 4.1 wants. */
  private addExtensions(request: SendRequest, protocol: number): void {
    const { options } = this;
    const { routingHeader } = request;
    const hopOptions = request.hopOptions.length > 0 ? request.hopOptions : options.hopOptions;
    const destinationOptions =
      request.destinationOptions.length > 0 ? request.destinationOptions : options.destinationOptions;
    const total = hopOptions.length + routingHeader.length + destinationOptions.length;
    if (total === 0) return;
    const chain = new Uint8Array(total);
    let at = 0;
    let previous = -1;
    for (const [type, header] of [
      [0, hopOptions],
      [43, routingHeader],
      [60, destinationOptions],
    ] as const) {
      if (header.length === 0) continue;
      chain.set(header, at);
      if (previous < 0) this.out.extensionFirst = type;
      else chain[previous] = type;
      previous = at;
      at += header.length;
    }
    chain[previous] = protocol;
    this.out.options = chain;
  }

  /** A packet with `length` bytes of the request's payload behind `header` bytes of room. -EFAULT. */
  protected copyIn(request: SendRequest, header: number, length: number): Packet | number {
    const packet = allocatePacket(header + length + this.out.options.length);
    packet.start += this.out.options.length;
    packet.end = packet.start + header + length;
    if (request.source.get(packet.bytes, packet.start + header, length) < length) {
      packet.release();
      return -EFAULT;
    }
    return packet;
  }

  protected transmit(path: Path, packet: Packet): number {
    return path.destination.isV4
      ? this.stack.ipv4.send(path, packet, this.out)
      : this.stack.ipv6.send(path, packet, this.out);
  }

  // State

  poll(): number {
    let mask = 0;
    if (this.error !== 0 || this.errors.length > 0) mask |= POLLERR;
    if (this.readShut) mask |= POLLRDHUP | POLLIN | POLLRDNORM;
    if (this.readShut && this.writeShut) mask |= POLLHUP;
    if (this.queue.first !== null) mask |= POLLIN | POLLRDNORM;
    return mask | POLLOUT | POLLWRNORM | POLLWRBAND;
  }

  override get readable(): number {
    const packet = this.queue.first;
    return packet === null ? 0 : packet.end - this.payloadStart(packet);
  }

  override shutdown(how: number): number {
    if (!this.connected) return -ENOTCONN;
    if (how !== SHUT_WR) this.readShut = true;
    if (how !== SHUT_RD) this.writeShut = true;
    this.wake(POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLHUP);
    return 0;
  }

  protected get refusesSend(): number {
    return this.writeShut ? -EPIPE : this.error !== 0 ? this.takeError() : 0;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.groups.clear();
    this.queue.clear();
    this.observer = null;
  }
}

/** Port fields of a transport header. */
export function portAt(packet: Packet, offset: number): number {
  return getU16(packet.bytes, packet.transport + offset);
}
