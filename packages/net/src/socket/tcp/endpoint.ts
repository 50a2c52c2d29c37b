import {
  EADDRINUSE,
  EAGAIN,
  EALREADY,
  ECONNABORTED,
  ECONNRESET,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENETUNREACH,
  ENOTCONN,
  EPIPE,
  IPPROTO_TCP,
  MSG_DONTWAIT,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
  RTN_BROADCAST,
  RTN_MULTICAST,
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from '@sandbox/abi';
import { IpAddress, type SocketAddress } from '../../core/address.js';
import { putU16 } from '../../core/bytes.js';
import { allocatePacket, type Packet } from '../../core/packet.js';
import type { Timers } from '../../core/timers.js';
import type { NetInterface } from '../../ip/interface.js';
import { IpOut, type Path } from '../../ip/path.js';
import type { IcmpError } from '../../ip/protocol.js';
import type { IpStack } from '../../ip/stack.js';
import { type TcpHost, type TcpInfo, type TcpMachine, TcpOptions } from '../../tcp/contract.js';
import { internetChecksum, pseudoHeader } from '../../wire/checksum.js';
import type { Endpoint } from '../endpoint.js';
import { InetEndpoint } from '../inet-endpoint.js';
import type { ReceiveRequest, SendRequest } from '../request.js';
import { TcpBacklog } from './backlog.js';
import type { TcpFlow } from './flows.js';
import type { TcpProtocol } from './protocol.js';

const SHUT_RD = 0;
const SHUT_WR = 1;
/** Packets have 65535 bytes at most, whatever the interface could take. */
const MOST_PACKET = 65535;
const out = new IpOut();

/** Where connect(2) stands (SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED). */
type Phase = 'unconnected' | 'connecting' | 'connected';

/** A TCP socket's other half (tcp(7)): listens, or is one end of a connection, which a `TcpMachine` keeps. */
export class TcpEndpoint extends InetEndpoint implements TcpHost, TcpFlow {
  readonly tcp = new TcpOptions();
  /** The connection; null: none was begun. */
  machine: TcpMachine | null = null;
  /** Present while it listens. */
  backlog: TcpBacklog | null = null;
  /** The listener whose child it is, until it is accepted. */
  parent: TcpEndpoint | null = null;
  nextFlow: TcpFlow | null = null;
  /** Its local port is in the table of ports. A connection that ended keeps the number only. */
  holdsPort = false;
  private phase: Phase = 'unconnected';
  /** In the table of flows. */
  private linked = false;
  private way: Path | null = null;
  private source: IpAddress = IpAddress.ANY4;

  constructor(
    stack: IpStack,
    private readonly protocolState: TcpProtocol,
    family: number,
  ) {
    super(stack, family, IPPROTO_TCP);
    const { settings } = stack;
    this.tcp.receiveBuffer = settings.tcp.receiveMemory[1];
    this.tcp.sendBuffer = settings.tcp.sendMemory[1];
    this.tcp.congestion = settings.congestionControl;
    this.tcp.linger2 = settings.tcp.finTimeout;
  }

  // What tables ask

  get localAddress(): IpAddress {
    return this.local.address;
  }
  get remoteAddress(): IpAddress {
    return this.remote.address;
  }
  get localPort(): number {
    return this.local.port;
  }
  get remotePort(): number {
    return this.remote.port;
  }
  override get listening(): boolean {
    return this.backlog !== null;
  }
  protected override get portMates(): Iterable<TcpEndpoint> {
    return this.listening ? this.protocolState.listenersAt(this.local.port) : [];
  }
  /** IPv4 lets a stream be bound to a group, which is of no use to it. */
  protected override get bindsToGroups(): boolean {
    return !this.isV6;
  }
  /** TCP_ESTABLISHED... */
  get state(): number {
    if (this.backlog !== null) return TCP_LISTEN;
    return this.machine === null ? TCP_CLOSE : this.machine.state;
  }
  /** bind(2) named the port: it is kept when a connection ends. */
  get hasBoundPort(): boolean {
    return this.portLocked;
  }

  // Calls

  bind(address: SocketAddress): number {
    if (this.state !== TCP_CLOSE || this.holdsPort) return -EINVAL;
    const r = this.checkBind(address);
    if (r < 0) return r;
    const plain = address.address.unmapped;
    this.local.address = plain.isAny && !address.address.isMapped ? this.wildcard : plain;
    this.local.scopeId = address.scopeId;
    const taken = this.protocolState.take(this, address.port);
    if (taken < 0) {
      this.local.address = this.wildcard;
      return taken;
    }
    this.portLocked = address.port !== 0;
    this.addressLocked = !plain.isAny;
    return 0;
  }

  private get wildcard(): IpAddress {
    return this.isV6 ? IpAddress.ANY6 : IpAddress.ANY4;
  }

  /**
   * connect(2). -EINPROGRESS: begun; call again (with any address) after a wake-up: -EALREADY while it goes
   * on, 0 once it is done, then -EISCONN, or what went wrong.
   */
  connect(address: SocketAddress): number {
    if (this.backlog !== null) return -EISCONN;
    if (this.phase === 'connected') return -EISCONN;
    if (this.phase === 'connecting') return this.connectAgain();
    if (this.state !== TCP_CLOSE) return -EISCONN;
    if (this.machine !== null) this.startOver();
    this.stack.enter();
    try {
      return this.begin(address);
    } finally {
      this.stack.leave();
    }
  }

  private connectAgain(): number {
    const { state } = this;
    if (state === TCP_SYN_SENT || state === TCP_SYN_RECV) return -EALREADY;
    if (state !== TCP_CLOSE || (this.error === 0 && this.machine?.error === 0 && this.connected)) {
      this.phase = 'connected';
      return 0;
    }
    const e = this.takeError() || -ECONNABORTED;
    this.phase = 'unconnected';
    this.startOver();
    return e;
  }

  private begin(address: SocketAddress): number {
    const to = this.target(address.address);
    if (typeof to === 'number') return to;
    const { options, stack, protocolState } = this;
    const oif = options.boundInterface || address.scopeId;
    if (!to.isV4 && to.isLinkLocal && oif === 0) return -EINVAL;
    if (!to.isV4 && to.isMulticast) return -ENETUNREACH;
    const path = stack.resolve(to, this.addressLocked ? this.local.address : null, oif, options.mark);
    if (typeof path === 'number') return path;
    if (path.type === RTN_BROADCAST || path.type === RTN_MULTICAST) return -ENETUNREACH;
    const source = this.addressLocked ? this.local.address : path.source;
    this.remote.set(to, address.port, address.scopeId, address.flowInfo);
    this.way = path;
    this.source = source;
    const r = protocolState.connectPort(this, source);
    if (r < 0) {
      this.remote.set(this.wildcard, 0);
      return r;
    }
    this.local.address = source;
    this.link();
    this.machine = protocolState.makeMachine(this);
    this.phase = 'connecting';
    const sent = this.machine.connect();
    if (sent < 0) {
      this.phase = 'unconnected';
      this.unlink();
      this.machine = null;
      return sent;
    }
    stack.counters.tcp.ActiveOpens++;
    return -EINPROGRESS;
  }

  /** Back to before connect(2): a connection failed or was dissolved. */
  private startOver(): void {
    this.unlink();
    this.machine = null;
    this.connected = false;
    this.phase = 'unconnected';
    this.way = null;
    this.remote.set(this.wildcard, 0);
    if (!this.addressLocked) this.local.address = this.wildcard;
    // getsockname(2) goes on showing the port, although it is free again.
    if (!this.portLocked) this.protocolState.release(this);
  }

  override disconnect(): number {
    this.stack.enter();
    try {
      if (this.backlog !== null) this.stopListening();
      else this.machine?.abort();
    } finally {
      this.stack.leave();
    }
    this.error = 0;
    this.startOver();
    return 0;
  }

  override listen(backlog: number): number {
    if (this.phase !== 'unconnected' || (this.state !== TCP_CLOSE && this.state !== TCP_LISTEN))
      return -EINVAL;
    const { somaxconn } = this.stack.settings;
    // The count is unsigned: a negative one asks for as much as there may be.
    const most = Math.min(backlog >>> 0, somaxconn);
    if (this.backlog !== null) {
      this.backlog.limit = most;
      return 0;
    }
    if (!this.holdsPort) {
      const r = this.protocolState.take(this, 0);
      if (r < 0) return r;
    } else if (this.protocolState.ports.conflict(this.local.port, this)) return -EADDRINUSE;
    this.machine = null;
    this.backlog = new TcpBacklog(most);
    this.protocolState.addListener(this);
    return 0;
  }

  /** Listen without a port: no segment finds it, children come by `TcpProtocol.admit` alone. */
  listenUnseen(backlog: number): void {
    this.backlog = new TcpBacklog(backlog);
  }

  override accept(): Endpoint | number {
    if (this.backlog === null) return -EINVAL;
    const child = this.backlog.shift();
    if (child === undefined) return this.error !== 0 ? this.takeError() : -EAGAIN;
    child.parent = null;
    return child;
  }

  send(request: SendRequest): number {
    const { machine, phase } = this;
    if (phase === 'connecting') {
      const { state } = this;
      if (state === TCP_SYN_SENT || state === TCP_SYN_RECV) return -EAGAIN;
    }
    if (machine === null) return this.error !== 0 ? this.takeError() : -EPIPE;
    this.stack.enter();
    try {
      const e = this.takeError();
      return e < 0 ? e : machine.send(request.source, request.flags);
    } finally {
      this.stack.leave();
    }
  }

  receive(request: ReceiveRequest): number {
    const { machine } = this;
    if (this.backlog !== null || machine === null) return this.error !== 0 ? this.takeError() : -ENOTCONN;
    const { state } = this;
    if (this.phase === 'connecting' && (state === TCP_SYN_SENT || state === TCP_SYN_RECV)) {
      return -EAGAIN;
    }
    this.stack.enter();
    try {
      return machine.read(request.sink, request.flags & ~MSG_DONTWAIT, request.peekOffset);
    } finally {
      this.stack.leave();
    }
  }

  override shutdown(how: number): number {
    const { machine } = this;
    if (this.backlog !== null) {
      if (how !== SHUT_WR) {
        this.stopListening();
        this.wake(POLLIN | POLLHUP | POLLRDHUP);
      }
      return 0;
    }
    if (machine === null || this.state === TCP_CLOSE) return -ENOTCONN;
    this.stack.enter();
    try {
      if (this.state === TCP_SYN_SENT) {
        machine.abort();
        this.startOver();
        return -ENOTCONN;
      }
      if (how !== SHUT_RD) machine.shutdownSend();
      if (how !== SHUT_WR) machine.shutdownReceive();
      return 0;
    } finally {
      this.stack.leave();
    }
  }

  poll(): number {
    const { backlog, machine } = this;
    if (backlog !== null) return backlog.ready > 0 ? POLLIN | POLLRDNORM : 0;
    let mask = this.error !== 0 ? POLLERR : 0;
    if (machine === null) return mask | POLLOUT | POLLWRNORM | POLLHUP;
    mask |= machine.poll();
    return mask;
  }

  override takeError(): number {
    const e = super.takeError();
    const { machine } = this;
    if (machine === null || machine.error === 0) return e;
    const { error } = machine;
    machine.error = 0;
    return e < 0 ? e : -error;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.observer = null;
    this.stack.enter();
    try {
      if (this.backlog !== null) this.stopListening();
      const { machine } = this;
      if (machine !== null && this.lingerZero && machine.state !== TCP_CLOSE) machine.abort();
      else machine?.close();
      if (!this.linked) this.protocolState.release(this);
    } finally {
      this.stack.leave();
    }
  }

  /** SO_LINGER with zero seconds: close resets. Set by whoever keeps that option. */
  lingerZero = false;

  private stopListening(): void {
    const { backlog } = this;
    this.backlog = null;
    this.protocolState.removeListener(this);
    if (!this.portLocked) this.protocolState.release(this);
    for (const child of backlog?.all() ?? []) {
      child.parent = null;
      child.observer = null;
      child.isClosed = true;
      child.machine?.abort();
    }
  }

  override get readable(): number {
    return this.machine?.readable ?? 0;
  }
  override get unsent(): number {
    return this.machine?.unacknowledged ?? 0;
  }
  get notSent(): number {
    return this.machine?.notSent ?? 0;
  }
  get atMark(): boolean {
    return this.machine?.atMark ?? false;
  }

  override peerName(out: SocketAddress): number {
    const { state } = this;
    if (this.remote.port === 0 || state === TCP_CLOSE || state === TCP_SYN_SENT) return -ENOTCONN;
    this.show(out, this.remote);
    return 0;
  }

  /** The other end of a connection just accepted, also when it has ended meanwhile. */
  acceptedName(out: SocketAddress): void {
    this.show(out, this.remote);
  }

  /** struct tcp_info. */
  info(fields: TcpInfo): void {
    fields.tcpi_state = this.state;
    if (this.backlog !== null) {
      fields.tcpi_unacked = this.backlog.ready;
      fields.tcpi_sacked = this.backlog.limit;
      // What its connections will begin with.
      fields.tcpi_reordering = 3;
      fields.tcpi_snd_cwnd = 10;
    } else this.machine?.info(fields);
  }

  /** An option of `tcp` was changed. */
  optionsChanged(): void {
    if (this.machine === null) return;
    this.stack.enter();
    try {
      this.machine.optionsChanged();
    } finally {
      this.stack.leave();
    }
  }

  // Passive opening

  /** @internal Become the child of `listener` for a SYN (or the ACK of a cookie) from `source`. */
  adopt(
    listener: TcpEndpoint,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    path: Path,
    ifindex: number,
  ): TcpMachine {
    this.shareOptions(listener);
    this.tcp.copyFrom(listener.tcp);
    this.uid = listener.uid;
    this.filter = listener.filter;
    this.gid = listener.gid;
    this.lingerZero = listener.lingerZero;
    this.parent = listener;
    this.local.set(local, localPort);
    this.remote.set(remote, remotePort, remote.isLinkLocal && !remote.isV4 ? ifindex : 0);
    this.addressLocked = true;
    this.way = path;
    this.source = local;
    this.phase = 'connected';
    this.protocolState.share(this);
    this.link();
    return (this.machine = this.protocolState.makeMachine(this));
  }

  private link(): void {
    if (this.linked) return;
    this.linked = true;
    this.protocolState.flows.add(this);
  }

  private unlink(): void {
    if (!this.linked) return;
    this.linked = false;
    this.protocolState.flows.remove(this);
  }

  // TcpFlow

  /** Is the segment not for its eyes: from too far away, or filtered out? */
  refuses(packet: Packet): boolean {
    const { filter, options } = this;
    return options.minTtl > packet.ttl || (filter !== null && filter(packet, packet.transport) === 0);
  }

  segment(packet: Packet, iface: NetInterface): boolean {
    const { parent, machine } = this;
    if (this.refuses(packet)) {
      packet.release();
      return true;
    }
    // The last ACK of a handshake waits outside while the queue of finished ones is full; it will be sent
    // again.
    if (parent !== null && machine!.state === TCP_SYN_RECV && this.protocolState.mustWait(parent, packet)) {
      packet.release();
      return true;
    }
    machine!.receive(packet);
    return true;
  }

  /** An ICMP error about a segment of this connection's. `sequence`: the one quoted. */
  tell(error: IcmpError, sequence: number): void {
    const { machine } = this;
    if (machine === null) return;
    if (error.errno === EMSGSIZE) {
      this.way = null;
      machine.pathChanged(sequence);
    } else machine.icmpError(error.errno, sequence);
  }

  /** The way has changed, or may have. */
  pathMtuChanged(): void {
    if (this.machine === null || this.state === TCP_CLOSE) return;
    this.way = null;
    this.machine.pathChanged();
  }

  // TcpHost

  get timers(): Timers {
    return this.stack.timers;
  }
  now(): number {
    return this.stack.now();
  }
  random32(): number {
    return this.stack.host.random32();
  }
  initialSequence(): number {
    return this.protocolState.initialSequence(this);
  }
  timestampOffset(): number {
    return this.protocolState.timestampOffset(this);
  }
  get pathMtu(): number {
    const path = this.route();
    return Math.min(typeof path === 'number' ? 1500 : path.mtu, MOST_PACKET);
  }
  get interfaceMtu(): number {
    const path = this.route();
    return Math.min(typeof path === 'number' ? 1500 : path.iface.mtu, MOST_PACKET);
  }
  get ipHeaderLength(): number {
    return this.remote.address.isV4 ? 20 + this.options.ipOptions.length : 40;
  }

  private route(): Path | number {
    const { way, stack } = this;
    if (way !== null && way.generation === stack.generation) return way;
    const { options, remote } = this;
    const oif = options.boundInterface || remote.scopeId;
    const path = stack.resolve(remote.address, this.source, oif, options.mark, options.tos);
    this.way = typeof path === 'number' ? null : path;
    return path;
  }

  allocate(length: number): Packet {
    return allocatePacket(length);
  }

  transmit(packet: Packet, ecn: number): number {
    const { options, stack, source } = this;
    const path = this.route();
    if (typeof path === 'number') {
      packet.release();
      return path;
    }
    const { bytes, start } = packet;
    const { address } = this.remote;
    putU16(bytes, start, this.local.port);
    putU16(bytes, start + 2, this.remote.port);
    if (path.iface.link.trusted) putU16(bytes, start + 16, 0);
    else {
      putU16(bytes, start + 16, 0);
      const initial = pseudoHeader(source, address, IPPROTO_TCP, packet.end - start);
      putU16(bytes, start + 16, internetChecksum(bytes, start, packet.end, initial));
    }
    stack.enter();
    try {
      if (address.isV4) {
        const ttl = options.ttl > 0 ? options.ttl : stack.settings.defaultTtl;
        out.set(source, address, IPPROTO_TCP, ttl, (options.tos & ~3) | ecn);
        out.dontFragment = options.mtuDiscover !== 0;
        out.mark = options.mark;
        out.owner = this;
        if (options.ipOptions.length > 0) out.options = options.ipOptions;
        return stack.ipv4.send(path, packet, out);
      }
      const hops = options.hopLimit >= 0 ? options.hopLimit : stack.settings.defaultHopLimit;
      out.set(source, address, IPPROTO_TCP, hops, (options.trafficClass & ~3) | ecn);
      out.mark = options.mark;
      out.owner = this;
      return stack.ipv6.send(path, packet, out);
    } finally {
      stack.leave();
    }
  }

  progress(): void {
    const { way } = this;
    if (way !== null && way.iface.resolves) this.stack.neighbours.confirm(way.iface, way.nextHop);
  }

  pathSuspect(): void {
    this.way = null;
  }

  override wake(events: number): void {
    super.wake(events);
  }

  established(): void {
    this.connected = true;
    const { parent } = this;
    this.stack.counters.tcp.CurrEstab++;
    if (parent === null) return;
    parent.backlog?.finish(this);
    this.stack.counters.tcp.PassiveOpens++;
    parent.wake(POLLIN | POLLRDNORM);
  }

  timeWait(): void {
    this.unlink();
    this.protocolState.keepTimeWait(this);
  }

  closed(): void {
    this.unlink();
    const { tcp } = this.stack.counters;
    if (!this.connected) tcp.AttemptFails++;
    else {
      tcp.CurrEstab--;
      if (this.machine?.error === ECONNRESET) tcp.EstabResets++;
    }
    const { parent } = this;
    // A connection that was made and lost again still waits to be accepted; an attempt that failed does not.
    if (parent !== null && !this.connected) {
      parent.backlog?.abandon(this);
      this.parent = null;
    }
    this.connected = false;
    if (!this.portLocked || this.isClosed) this.protocolState.release(this);
  }
}
