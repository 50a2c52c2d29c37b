import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '@sandbox/abi';
import { Connection, type ConnectionTable, keyOf, Tuple } from '../core/connection.js';
import type { Packet } from '../core/packet.js';
import { Timer, type TimerOwner, type Timers } from '../core/timers.js';
import { isIcmpError } from '../wire/icmp.js';
import { ACK, FIN, RST, SYN, tcpFlags } from '../wire/tcp.js';
import { Flow } from './flow.js';

/** What a packet is to its connection (enum ip_conntrack_info, without the direction). */
export const CT_ESTABLISHED = 0;
export const CT_RELATED = 1;
export const CT_NEW = 2;
export const CT_INVALID = 3;
/** Rules said that it shall belong to none. */
export const CT_UNTRACKED = 7;

const MOST = 65536;
const SWEEP_MS = 5000;
const SECOND = 1000;
/** Timeouts, ms (Documentation/networking/nf_conntrack-sysctl.rst). */
const GENERIC = 600 * SECOND;
const UDP_FIRST = 30 * SECOND;
const UDP_STREAM = 120 * SECOND;
const ICMP = 30 * SECOND;
const TCP_SYN_SENT = 120 * SECOND;
const TCP_SYN_RECV = 60 * SECOND;
const TCP_ESTABLISHED = 432_000 * SECOND;
const TCP_FIN_WAIT = 120 * SECOND;
const TCP_TIME_WAIT = 120 * SECOND;
const TCP_CLOSE = 10 * SECOND;

/** The connections a stack sees (conntrack(8)). */
export class Conntrack implements TimerOwner, ConnectionTable {
  private readonly entries = new Map<string, Connection>();
  private readonly timer = new Timer(this);
  private readonly flow = new Flow();

  constructor(
    private readonly timers: Timers,
    private readonly now: () => number,
  ) {}

  private lastId = 0;

  /** A number for a new connection. */
  nextId(): number {
    return (this.lastId = (this.lastId + 1) >>> 0);
  }

  /** Connections there are. */
  *all(): Iterable<Connection> {
    for (const [key, entry] of this.entries) if (key === entry.original.key) yield entry;
  }

  get size(): number {
    return this.entries.size / 2;
  }

  /** Is there a connection whose packets come in like `tuple`? */
  has(tuple: Tuple): boolean {
    return this.find(tuple.key) !== undefined;
  }

  private find(key: string): Connection | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined || entry.expires > this.now()) return entry;
    this.remove(entry);
    return undefined;
  }

  /**
   * Say what `packet`, read as `flow`, belongs to: `packet.connection`, `packet.reply`,
   * `packet.connectionInfo`.
   */
  track(packet: Packet, flow: Flow): void {
    // On loopback a packet is still what it was when it was sent.
    if (packet.connection?.table === this) return;
    if (packet.connection === null && packet.connectionInfo === CT_UNTRACKED) return;
    packet.connection = null;
    packet.reply = false;
    packet.connectionInfo = CT_INVALID;
    if (flow.laterFragment) return;
    if (flow.protocol === IPPROTO_ICMP || flow.protocol === IPPROTO_ICMPV6) {
      if (isIcmpError(packet.bytes[flow.transport], flow.isV4)) {
        this.relate(packet, flow);
        return;
      }
      if (!flow.isEcho(packet.bytes)) return;
    }
    const key = keyOf(flow.source, flow.sourcePort, flow.destination, flow.destinationPort, flow.protocol);
    let entry = this.find(key);
    if (entry !== undefined && this.begunAnew(entry, packet, flow)) {
      this.remove(entry);
      entry = undefined;
    }
    if (entry === undefined) {
      if (!mayBegin(packet.bytes, flow)) return;
      const { source, sourcePort, destination, destinationPort, protocol } = flow;
      entry = new Connection(this, new Tuple(source, sourcePort, destination, destinationPort, protocol));
    }
    packet.connection = entry;
    packet.reply = entry.confirmed && key !== entry.original.key;
    this.advance(entry, packet, flow);
    packet.connectionInfo = packet.reply || entry.seenReply ? CT_ESTABLISHED : CT_NEW;
  }

  /** An ICMP error belongs to the connection of the packet inside. */
  private relate(packet: Packet, flow: Flow): void {
    const inner = this.flow;
    if (!inner.readAt(packet.bytes, flow.transport + 8, packet.end, false)) return;
    const { source, sourcePort, destination, destinationPort, protocol } = inner;
    // The packet inside was sent on: answers to it come in the other way round.
    const entry = this.find(keyOf(destination, destinationPort, source, sourcePort, protocol));
    if (entry === undefined) return;
    packet.connection = entry;
    packet.reply = keyOf(destination, destinationPort, source, sourcePort, protocol) !== entry.original.key;
    packet.connectionInfo = CT_RELATED;
  }

  /** A SYN for a connection that is over begins another one. */
  private begunAnew(entry: Connection, packet: Packet, flow: Flow): boolean {
    if (flow.protocol !== IPPROTO_TCP || (!entry.reset && entry.fins !== 3)) return false;
    return (tcpFlags(packet.bytes, flow.transport) & (SYN | ACK | RST)) === SYN;
  }

  private advance(entry: Connection, packet: Packet, flow: Flow): void {
    if (packet.reply) entry.seenReply = true;
    let timeout = GENERIC;
    switch (flow.protocol) {
      case IPPROTO_TCP: {
        const flags = tcpFlags(packet.bytes, flow.transport);
        if ((flags & RST) !== 0) entry.reset = true;
        if ((flags & FIN) !== 0) entry.fins |= packet.reply ? 2 : 1;
        timeout = entry.reset
          ? TCP_CLOSE
          : entry.fins === 3
            ? TCP_TIME_WAIT
            : entry.fins !== 0
              ? TCP_FIN_WAIT
              : !entry.seenReply
                ? TCP_SYN_SENT
                : (flags & SYN) !== 0
                  ? TCP_SYN_RECV
                  : TCP_ESTABLISHED;
        if (timeout === TCP_ESTABLISHED) entry.assured = true;
        break;
      }
      case IPPROTO_UDP:
      case IPPROTO_UDPLITE:
        // Packets of the one who began, after an answer: both sides mean it.
        if (entry.seenReply && !packet.reply) entry.assured = true;
        timeout = entry.assured ? UDP_STREAM : UDP_FIRST;
        break;
      case IPPROTO_ICMP:
      case IPPROTO_ICMPV6:
        timeout = ICMP;
    }
    entry.expires = this.now() + timeout;
  }

  /** The packet passed: its connection is remembered. false: it cannot be, and the packet must go. */
  confirm(packet: Packet): boolean {
    const entry = packet.connection;
    if (entry === null || entry.table !== this || entry.confirmed) return true;
    const [there, back] = [entry.original.key, entry.reply.key];
    if (this.find(there) !== undefined || this.find(back) !== undefined) return there === back;
    if (this.size >= MOST) {
      this.sweep();
      if (this.size >= MOST) return false;
    }
    entry.confirmed = true;
    this.entries.set(there, entry);
    this.entries.set(back, entry);
    if (this.timer.index < 0) this.timers.armIn(this.timer, SWEEP_MS);
    return true;
  }

  private remove(entry: Connection): void {
    this.entries.delete(entry.original.key);
    this.entries.delete(entry.reply.key);
    entry.confirmed = false;
  }

  private sweep(): void {
    const now = this.now();
    for (const entry of this.entries.values()) if (entry.expires <= now) this.remove(entry);
  }

  onTimer(): void {
    this.sweep();
    if (this.entries.size > 0) this.timers.armIn(this.timer, SWEEP_MS);
  }
}

/**
 * May a packet that belongs to nothing begin something? A RST or an answer to nothing does not; other
 * segments may be of one begun earlier.
 */
function mayBegin(bytes: Uint8Array, flow: Flow): boolean {
  const at = flow.transport;
  if (flow.protocol === IPPROTO_TCP) {
    const flags = tcpFlags(bytes, at);
    return (flags & RST) === 0 && (flags & (SYN | ACK)) !== (SYN | ACK) && (flags & (SYN | ACK | FIN)) !== 0;
  }
  if (flow.protocol === IPPROTO_ICMP) return bytes[at] !== 0;
  if (flow.protocol === IPPROTO_ICMPV6) return bytes[at] !== 129;
  return true;
}
