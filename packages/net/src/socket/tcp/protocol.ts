import { AF_INET, AF_INET6, EADDRNOTAVAIL, IPPROTO_TCP, RTN_UNICAST } from '@sandbox/abi';
import type { IpAddress } from '../../core/address.js';
import { getU16, getU32, putU16, putU32 } from '../../core/bytes.js';
import { HalfSipHash } from '../../core/half-sip-hash.js';
import { allocatePacket, type Packet, TO_HOST } from '../../core/packet.js';
import { Timer } from '../../core/timers.js';
import type { NetInterface } from '../../ip/interface.js';
import { IpOut } from '../../ip/path.js';
import type { IcmpError, TransportProtocol } from '../../ip/protocol.js';
import type { IpStack } from '../../ip/stack.js';
import { TcpConnection } from '../../tcp/connection.js';
import type { TcpMachine, TcpTimeWaitRecord } from '../../tcp/contract.js';
import { writeCookieAnswer } from '../../tcp/cookie-options.js';
import { TcpShared } from '../../tcp/shared.js';
import { windowScale } from '../../tcp/window.js';
import { internetChecksum, pseudoHeader } from '../../wire/checksum.js';
import { Segment } from '../../wire/tcp.js';
import { joinGroup, memberOf, PortTable, type PortUser } from '../ports.js';
import { SynCookies } from './cookies.js';
import { TcpEndpoint } from './endpoint.js';
import { type TcpFlow, TcpFlows } from './flows.js';

const HEADER = 20;
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const DEFAULT_MSS4 = 536;
const DEFAULT_MSS6 = 1220;
/** A port in TIME_WAIT may be used for another connection after this long (tcp_tw_reuse). */
const REUSE_AFTER = 1000;
const out = new IpOut();

export type SegmentFallback = (
  packet: Packet,
  source: IpAddress,
  destination: IpAddress,
  iface: NetInterface,
) => boolean;

/** What stays of a connection: two ends and a record that answers. */
class TimeWaitFlow implements TcpFlow, PortUser {
  nextFlow: TcpFlow | null = null;
  readonly listening = false;
  /** Monotonic ms when it began. */
  readonly since: number;
  /** When its place in the queue says it ends. */
  expected: number;

  constructor(
    private readonly owner: TcpProtocol,
    readonly record: TcpTimeWaitRecord,
    readonly localAddress: IpAddress,
    readonly localPort: number,
    readonly remoteAddress: IpAddress,
    readonly remotePort: number,
    readonly reuseAddress: boolean,
    readonly reusePort: boolean,
    readonly uid: number,
    readonly boundInterface: number,
    now: number,
  ) {
    this.since = now;
    this.expected = record.expires;
  }

  get boundAddress(): IpAddress {
    return this.localAddress;
  }
  get dualStack(): boolean {
    return false;
  }

  segment(packet: Packet): boolean {
    const verdict = this.record.receive(packet);
    if (verdict === 'reopen') {
      this.owner.endTimeWait(this);
      return false;
    }
    if (verdict === 'acknowledge') this.owner.acknowledge(this, packet);
    else if (this.record.expires <= this.owner.now()) this.owner.endTimeWait(this);
    packet.release();
    return true;
  }
}

/** TCP: ports, listeners and connections; segments find their way here. */
export class TcpProtocol implements TransportProtocol {
  readonly flows = new TcpFlows();
  readonly ports: PortTable<TcpEndpoint | TimeWaitFlow>;
  private readonly listeners = new Map<number, TcpEndpoint[]>();
  /** Oldest first. */
  private readonly timeWaits = new Set<TimeWaitFlow>();
  private readonly timeWaitTimer = new Timer(this);
  private readonly hash: HalfSipHash;
  private readonly cookies: SynCookies;
  private readonly syn = new Segment();
  /** What all connections have in common. */
  readonly shared: TcpShared;
  /**
   * Asked about segments nobody here wants, before RST answers them; true: it takes care. The packet stays
   * the stack's (`retain` it to keep it). A gateway answers for other hosts this way.
   */
  fallback: SegmentFallback | null = null;

  constructor(private readonly stack: IpStack) {
    const random = () => stack.host.random32();
    this.shared = new TcpShared(stack.settings.tcp);
    this.ports = new PortTable<TcpEndpoint | TimeWaitFlow>(random, true);
    this.hash = new HalfSipHash(random);
    this.cookies = new SynCookies(random, () => stack.now());
  }

  /** A new endpoint of AF_INET or AF_INET6. */
  open(family: number = AF_INET): TcpEndpoint {
    return new TcpEndpoint(this.stack, this, family);
  }

  now(): number {
    return this.stack.now();
  }

  /** Connections in TIME_WAIT. */
  get timeWaitCount(): number {
    return this.timeWaits.size;
  }

  /** @internal */
  makeMachine(endpoint: TcpEndpoint): TcpMachine {
    return new TcpConnection(endpoint, endpoint.tcp, this.shared);
  }

  // Ports

  /** @internal Give `endpoint` the port, or one of the range for 0. 0 or -EADDRINUSE. */
  take(endpoint: TcpEndpoint, port: number): number {
    if (port === 0) {
      port = this.ports.pick(this.low(endpoint), this.high(endpoint), endpoint);
      if (port < 0) return port;
      this.ports.add(port, endpoint);
    } else {
      const r = this.ports.claim(port, endpoint);
      if (r < 0) return r;
    }
    endpoint.local.port = port;
    endpoint.holdsPort = true;
    return 0;
  }

  /** @internal The port its listener has. */
  share(endpoint: TcpEndpoint): void {
    this.ports.add(endpoint.local.port, endpoint);
    endpoint.holdsPort = true;
  }

  /** @internal */
  release(endpoint: TcpEndpoint): void {
    if (!endpoint.holdsPort) return;
    endpoint.holdsPort = false;
    this.ports.release(endpoint.local.port, endpoint);
  }

  /**
   * @internal A port to connect from, so that no other connection has the same two ends: many connections
   * share one. 0, -EADDRNOTAVAIL.
   */
  connectPort(endpoint: TcpEndpoint, source: IpAddress): number {
    const { address, port: remotePort } = endpoint.remote;
    const free = (port: number) => {
      const flow = this.flows.find(source, port, address, remotePort);
      return flow === null || this.mayReplace(flow, source);
    };
    if (!endpoint.holdsPort) {
      const port = this.ports.pick(this.low(endpoint), this.high(endpoint), endpoint, (candidate) => {
        for (const user of this.ports.at(candidate)) {
          if (user instanceof TcpEndpoint && (user.hasBoundPort || user.listening)) return false;
        }
        return free(candidate);
      });
      if (port < 0) return port;
      endpoint.local.port = port;
      endpoint.holdsPort = true;
      this.ports.add(port, endpoint);
    } else if (!free(endpoint.local.port)) return -EADDRNOTAVAIL;
    const old = this.flows.find(source, endpoint.local.port, address, remotePort);
    if (old instanceof TimeWaitFlow) this.endTimeWait(old);
    return 0;
  }

  private mayReplace(flow: TcpFlow, source: IpAddress): boolean {
    if (!(flow instanceof TimeWaitFlow)) return false;
    const { timeWaitReuse } = this.stack.settings;
    const allowed = timeWaitReuse === 1 || (timeWaitReuse === 2 && source.isLoopback);
    return allowed && this.now() - flow.since > REUSE_AFTER;
  }

  private low(endpoint: TcpEndpoint): number {
    return endpoint.options.portLow || this.stack.settings.portLow;
  }
  private high(endpoint: TcpEndpoint): number {
    return endpoint.options.portHigh || this.stack.settings.portHigh;
  }

  // Listeners

  /** @internal */
  addListener(endpoint: TcpEndpoint): void {
    const port = endpoint.local.port;
    const list = this.listeners.get(port);
    if (list === undefined) this.listeners.set(port, [endpoint]);
    else {
      joinGroup(list, endpoint);
      list.push(endpoint);
    }
    for (const monitor of this.stack.monitors) monitor.listening?.(endpoint);
  }

  /** @internal */
  removeListener(endpoint: TcpEndpoint): void {
    const port = endpoint.local.port;
    const list = this.listeners.get(port)?.filter((other) => other !== endpoint);
    if (list !== undefined && list.length > 0) {
      this.listeners.set(port, list);
      return;
    }
    if (!this.listeners.delete(port)) return;
    for (const monitor of this.stack.monitors) monitor.notListening?.(port);
  }

  /** @internal Who listens at `port`. */
  listenersAt(port: number): readonly TcpEndpoint[] {
    return this.listeners.get(port) ?? [];
  }

  /** Everybody who listens. */
  *allListeners(): Iterable<TcpEndpoint> {
    for (const list of this.listeners.values()) yield* list;
  }

  private findListener(
    destination: IpAddress,
    port: number,
    source: IpAddress,
    sourcePort: number,
    ifindex: number,
    packet: Packet | null = null,
    start = 0,
  ) {
    const list = this.listeners.get(port);
    if (list === undefined) return null;
    let best: TcpEndpoint | null = null;
    let bestScore = -1;
    let alike = 0;
    for (const listener of list) {
      const points = score(listener, destination, ifindex);
      if (points < 0 || points < bestScore) continue;
      alike = points > bestScore ? 1 : alike + 1;
      if (points > bestScore) best = listener;
      bestScore = points;
    }
    if (alike < 2 || !best!.options.reusePort) return best;
    let skip = memberOf(best!, packet, start, source, sourcePort, alike);
    for (const listener of list) {
      if (score(listener, destination, ifindex) === bestScore && skip-- === 0) return listener;
    }
    return best;
  }

  // Segments

  receive(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): boolean {
    const { counters } = this.stack;
    const { bytes, transport, end } = packet;
    const headerLength = end - transport >= HEADER ? (bytes[transport + 12] >>> 4) * 4 : 0;
    if (headerLength < HEADER || transport + headerLength > end || packet.addressed !== TO_HOST) {
      this.shared.counters.InErrs++;
      packet.release();
      return true;
    }
    if (!packet.trusted) {
      const initial = pseudoHeader(source, destination, IPPROTO_TCP, end - transport);
      if (internetChecksum(bytes, transport, end, initial) !== 0) {
        counters.tcp.InCsumErrors++;
        this.shared.counters.InErrs++;
        packet.release();
        return true;
      }
    }
    const sourcePort = getU16(bytes, transport);
    const port = getU16(bytes, transport + 2);
    const flow = this.flows.find(destination, port, source, sourcePort);
    if (flow !== null && flow.segment(packet, iface)) return true;
    // Connections count their own.
    this.shared.counters.InSegs++;
    const start = transport + headerLength;
    const listener = this.findListener(destination, port, source, sourcePort, iface.index, packet, start);
    if (listener === null && this.fallback?.(packet, source, destination, iface) === true) {
      packet.release();
      return true;
    }
    if (listener?.refuses(packet)) {
      packet.release();
      return true;
    }
    if (listener === null || !this.welcome(listener, packet, source, destination, iface)) {
      this.reset(packet, source, destination);
    }
    packet.release();
    return true;
  }

  /** Answer a segment that was kept with RST. The packet stays the caller's. */
  refuse(packet: Packet, source: IpAddress, destination: IpAddress): void {
    this.stack.enter();
    this.reset(packet, source, destination);
    this.stack.leave();
  }

  /**
   * Let `listener` take a SYN that was kept, whatever address and port it was for. The packet stays the
   * caller's. null: there is no way back to its sender, or the listener's queue is full.
   */
  admit(
    listener: TcpEndpoint,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): TcpEndpoint | null {
    const backlog = listener.backlog!;
    if (backlog.full) return null;
    this.stack.enter();
    try {
      const child = this.child(listener, packet, source, destination, iface);
      if (child === null) return null;
      backlog.begin(child);
      if (child.machine!.acceptSyn(packet) < 0) child.machine!.abort();
      return child;
    } finally {
      this.stack.leave();
    }
  }

  /**
   * A segment for a listener (RFC 9293 section 3.10.7.2). false: to be answered with RST. The packet stays
   * the caller's.
   */
  private welcome(
    listener: TcpEndpoint,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): boolean {
    const { bytes, transport } = packet;
    const flags = bytes[transport + 13];
    if ((flags & RST) !== 0) return true;
    if ((flags & ACK) !== 0)
      return (flags & SYN) === 0 && this.redeem(listener, packet, source, destination, iface);
    if ((flags & SYN) === 0 || (flags & FIN) !== 0) return true;
    if (listener.options.minTtl > packet.ttl) return true;
    const { counters, settings } = this.stack;
    const backlog = listener.backlog!;
    if (backlog.full) {
      counters.tcpExt.ListenOverflows++;
      counters.tcpExt.ListenDrops++;
      return true;
    }
    const many = backlog.embryonic >= Math.min(Math.max(backlog.limit, 8), settings.maxSynBacklog);
    if ((many && settings.synCookies > 0) || settings.synCookies === 2) {
      this.sendCookie(listener, packet, source, destination);
      return true;
    }
    if (many) {
      counters.tcpExt.ListenDrops++;
      return true;
    }
    const child = this.child(listener, packet, source, destination, iface);
    if (child === null) return true;
    backlog.begin(child);
    if (child.machine!.acceptSyn(packet) < 0) child.machine!.abort();
    return true;
  }

  private child(
    listener: TcpEndpoint,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): TcpEndpoint | null {
    const oif = source.isLinkLocal && !source.isV4 ? iface.index : listener.options.boundInterface;
    const path = this.stack.resolve(source, destination, oif, listener.options.mark);
    if (typeof path === 'number' || (path.type !== RTN_UNICAST && !path.local)) return null;
    const { bytes, transport } = packet;
    const child = new TcpEndpoint(this.stack, this, listener.family);
    const port = getU16(bytes, transport + 2);
    child.adopt(listener, destination, port, source, getU16(bytes, transport), path, iface.index);
    return child;
  }

  /** @internal Must this segment of a handshake wait because the listener's queue is full? */
  mustWait(listener: TcpEndpoint, packet: Packet): boolean {
    const flags = packet.bytes[packet.transport + 13];
    if (listener.backlog?.full !== true || (flags & RST) !== 0 || (flags & ACK) === 0) return false;
    this.stack.counters.tcpExt.ListenOverflows++;
    return true;
  }

  private sendCookie(listener: TcpEndpoint, packet: Packet, source: IpAddress, destination: IpAddress): void {
    const { syn, stack } = this;
    if (!syn.parse(packet.bytes, packet.transport, packet.end)) return;
    const { sourcePort, destinationPort: port } = syn;
    const mss = syn.mss || (source.isV4 ? DEFAULT_MSS4 : DEFAULT_MSS6);
    const cookie = this.cookies.make(destination, port, source, sourcePort, syn.seq >>> 0, mss);
    const path = stack.resolve(source, destination);
    if (typeof path === 'number') return;
    const own = Math.min(path.mtu, 65535) - HEADER - (source.isV4 ? 20 : 40);
    const answer = allocatePacket(HEADER + 40);
    const clock = (this.now() + this.hashOf(destination, source, 0)) | 0;
    const scale = windowScale(listener.tcp, stack.settings.tcp);
    writeCookieAnswer(answer, syn, cookie, own, scale, stack.settings.tcp, clock);
    stack.counters.tcpExt.SyncookiesSent++;
    this.sendBare(answer, destination, source, 0);
  }

  /** The ACK that answers a cookie. false: it is none. */
  private redeem(
    listener: TcpEndpoint,
    packet: Packet,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): boolean {
    const { settings, counters } = this.stack;
    if (settings.synCookies === 0) return false;
    const { bytes, transport } = packet;
    const sequence = (getU32(bytes, transport + 4) - 1) >>> 0;
    const cookie = (getU32(bytes, transport + 8) - 1) >>> 0;
    const port = getU16(bytes, transport + 2);
    const mss = this.cookies.check(destination, port, source, getU16(bytes, transport), sequence, cookie);
    if (mss === 0) {
      counters.tcpExt.SyncookiesFailed++;
      return false;
    }
    if (listener.backlog!.full) {
      counters.tcpExt.ListenOverflows++;
      return true;
    }
    counters.tcpExt.SyncookiesRecv++;
    const child = this.child(listener, packet, source, destination, iface);
    if (child === null) return true;
    listener.backlog!.begin(child);
    if (child.machine!.acceptCookie(packet, mss) < 0) child.machine!.abort();
    return true;
  }

  /** RST for a segment nobody wants (RFC 9293 section 3.10.7.1). The packet stays the caller's. */
  private reset(packet: Packet, source: IpAddress, destination: IpAddress): void {
    const { bytes, transport, end } = packet;
    const flags = bytes[transport + 13];
    if ((flags & RST) !== 0 || destination.isMulticast) return;
    const answer = allocatePacket(HEADER);
    const sourcePort = getU16(bytes, transport);
    const port = getU16(bytes, transport + 2);
    if ((flags & ACK) !== 0) writeBare(answer, port, sourcePort, getU32(bytes, transport + 8), 0, RST, 0);
    else {
      const headerLength = (bytes[transport + 12] >>> 4) * 4;
      const taken = end - transport - headerLength + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
      const next = (getU32(bytes, transport + 4) + taken) >>> 0;
      writeBare(answer, port, sourcePort, 0, next, RST | ACK, 0);
    }
    this.shared.counters.OutRsts++;
    this.sendBare(answer, destination, source, packet.mark);
  }

  /** Send a segment that belongs to no connection. Given away. */
  private sendBare(packet: Packet, from: IpAddress, to: IpAddress, mark: number): void {
    const { stack } = this;
    const path = stack.resolve(to, from, to.isLinkLocal && !to.isV4 ? packet.ifindex : 0, mark);
    if (typeof path === 'number') {
      packet.release();
      return;
    }
    if (!path.iface.link.trusted) {
      const { bytes, start, end } = packet;
      const initial = pseudoHeader(from, to, IPPROTO_TCP, end - start);
      putU16(bytes, start + 16, internetChecksum(bytes, start, end, initial));
    }
    this.shared.counters.OutSegs++;
    const { defaultTtl, defaultHopLimit } = stack.settings;
    out.set(from, to, IPPROTO_TCP, to.isV4 ? defaultTtl : defaultHopLimit, 0);
    out.dontFragment = to.isV4;
    if (to.isV4) stack.ipv4.send(path, packet, out);
    else stack.ipv6.send(path, packet, out);
  }

  // TIME_WAIT

  /** @internal A connection's place is taken by its record. */
  keepTimeWait(endpoint: TcpEndpoint): void {
    const { stack } = this;
    const now = this.now();
    if (this.timeWaits.size >= stack.settings.maxTimeWait) return;
    const flow = new TimeWaitFlow(
      this,
      endpoint.machine!.timeWaitRecord(),
      endpoint.local.address,
      endpoint.local.port,
      endpoint.remote.address,
      endpoint.remote.port,
      endpoint.options.reuseAddress,
      endpoint.options.reusePort,
      endpoint.uid,
      endpoint.options.boundInterface,
      now,
    );
    this.flows.add(flow);
    this.ports.add(flow.localPort, flow);
    this.timeWaits.add(flow);
    stack.counters.tcpExt.TW++;
    if (!this.timeWaitTimer.armed) stack.timers.arm(this.timeWaitTimer, flow.record.expires);
  }

  /** @internal */
  endTimeWait(flow: TimeWaitFlow): void {
    if (!this.timeWaits.delete(flow)) return;
    this.flows.remove(flow);
    this.ports.release(flow.localPort, flow);
  }

  /** @internal The ACK that answers a stray segment in TIME_WAIT. */
  acknowledge(flow: TimeWaitFlow, about: Packet): void {
    const packet = allocatePacket(60);
    packet.ifindex = about.ifindex;
    flow.record.acknowledgement(packet);
    putU16(packet.bytes, packet.start + 16, 0);
    this.sendBare(packet, flow.localAddress, flow.remoteAddress, about.mark);
  }

  /** Records last equally long, so the first ends first; one whose wait began anew goes to the end. */
  onTimer(): void {
    const now = this.now();
    for (const flow of this.timeWaits) {
      if (flow.record.expires <= now) {
        this.endTimeWait(flow);
      } else if (flow.expected < flow.record.expires) {
        flow.expected = flow.record.expires;
        this.timeWaits.delete(flow);
        this.timeWaits.add(flow);
      } else {
        this.stack.timers.arm(this.timeWaitTimer, flow.record.expires);
        return;
      }
    }
  }

  // Errors

  icmpError(error: IcmpError): void {
    const port = getU16(error.bytes, error.offset);
    const remotePort = getU16(error.bytes, error.offset + 2);
    const flow = this.flows.find(error.source, port, error.destination, remotePort);
    if (flow instanceof TcpEndpoint) flow.tell(error, getU32(error.bytes, error.offset + 4));
  }

  /** @internal What is known of the path to `destination` has changed. */
  pathMtuChanged(_destination: IpAddress): void {}

  // Secrets

  /** @internal RFC 6528: a clock of 4 microseconds plus a keyed hash of the two ends. */
  initialSequence(endpoint: TcpEndpoint): number {
    const ticks = Math.floor(this.now() * 250) | 0;
    const ports = (endpoint.localPort << 16) | endpoint.remotePort;
    return (this.hashOf(endpoint.localAddress, endpoint.remoteAddress, ports) + ticks) >>> 0;
  }

  /** @internal One for each pair of hosts. */
  timestampOffset(endpoint: TcpEndpoint): number {
    return this.hashOf(endpoint.localAddress, endpoint.remoteAddress, 0) >>> 0;
  }

  private hashOf(a: IpAddress, b: IpAddress, ports: number): number {
    return this.hash.hash(a.w0, a.w1, a.w2, a.w3, b.w0, b.w1, b.w2, b.w3, ports, 1);
  }
}

/** How well a listener fits; -1: not at all. */
function score(listener: TcpEndpoint, destination: IpAddress, ifindex: number): number {
  const local = listener.local.address;
  let points = listener.family === (destination.isV4 ? AF_INET : AF_INET6) ? 2 : 1;
  if (local.isAny) {
    if (local.isV4 !== destination.isV4 && !(listener.dualStack && destination.isV4)) return -1;
  } else {
    if (!local.equals(destination)) return -1;
    points += 4;
  }
  const bound = listener.options.boundInterface;
  if (bound !== 0) {
    if (bound !== ifindex) return -1;
    points += 4;
  }
  return points;
}

/** A header of 20 bytes, its checksum zero. */
function writeBare(
  packet: Packet,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgement: number,
  flags: number,
  window: number,
): void {
  const { bytes, start } = packet;
  putU16(bytes, start, sourcePort);
  putU16(bytes, start + 2, destinationPort);
  putU32(bytes, start + 4, sequence);
  putU32(bytes, start + 8, acknowledgement);
  bytes[start + 12] = 5 << 4;
  bytes[start + 13] = flags;
  putU16(bytes, start + 14, window);
  putU32(bytes, start + 16, 0);
  packet.end = start + HEADER;
}
