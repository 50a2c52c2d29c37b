import { EINVAL, TCP_CLOSE } from '@sandbox/abi';
import type { ByteSink, ByteSource } from '../core/bytes.js';
import type { Packet } from '../core/packet.js';
import { Timer, type TimerOwner } from '../core/timers.js';
import { acceptCookie } from './accept-cookie.js';
import { timerKindOf, timerLeftOf } from './arming.js';
import { ByteRing } from './byte-ring.js';
import { resetByUser, userClosed } from './close.js';
import type { CongestionControl } from './congestion.js';
import { makeCongestionControl } from './congestion.js';
import {
  CA_OPEN,
  DEFAULT_MSS,
  INITIAL_CWND,
  PENDING_NONE,
  RTO_INITIAL,
  TIMER_DELACK,
  TIMER_RETRANSMIT,
} from './constants.js';
import type { TcpHost, TcpInfo, TcpMachine, TcpOptions, TcpTimeWaitRecord } from './contract.js';
import { ConnectionFlags } from './flags.js';
import { icmpError, pathChanged } from './icmp.js';
import { fillInfo } from './info.js';
import { receiveSegment } from './input.js';
import { acceptSyn, connect } from './open.js';
import { ReceiveQueue } from './receive-queue.js';
import type { TcpShared } from './shared.js';
import { TimeWaitRecord } from './time-wait.js';
import { onDelayedAck, onKeepTimer, onRetransmitTimer } from './timers.js';
import { TransmitQueue } from './transmit-queue.js';
import {
  optionsChanged,
  poll,
  readableBytes,
  readStream,
  sendStream,
  shutdownReceive,
  shutdownSend,
} from './user.js';

/** Long before anything. */
const NEVER = -1_000_000_000;
const NO_BLOCKS: Int32Array = new Int32Array(0);

/**
 * A TCP connection: RFC 9293's transmission control block and what belongs to it. Only numbers and a few
 * queues; what happens to them is in the modules beside this one, each about one matter. Sequence numbers are
 * signed 32-bit, times are ms, windows in bytes except `cwnd` and `ssthresh`, which count segments as Linux
 * does.
 *
 * Entered by the methods below only, which never call each other; each reads the clock once, into `now`.
 */
export class TcpConnection extends ConnectionFlags implements TcpMachine, TimerOwner {
  state = TCP_CLOSE;
  error = 0;
  /** An error ICMP told of, reported if the connection gives up: RFC 9293 section 3.9.2.2. */
  softError = 0;

  // Sending: RFC 9293 section 3.3.1.
  iss = 0;
  sndUna = 0;
  sndNxt = 0;
  /** Behind the last byte (or FIN) given to send. */
  writeSeq = 0;
  sndWnd = 0;
  sndWl1 = 0;
  /** The largest window the other side ever offered. */
  maxWindow = 0;
  sndWscale = 0;
  /** Behind the last urgent byte; meaningful while `urgentSend`. */
  sndUp = 0;
  /** Payload of a full segment without SACK blocks. */
  mss = DEFAULT_MSS;
  /** What the other side said in its MSS option, and the user in TCP_MAXSEG. */
  peerMss = DEFAULT_MSS;
  /** The MSS the other side was told. */
  advMss = DEFAULT_MSS;
  /** Path MTU `mss` was made for. */
  pathMtu = 0;
  readonly sendRing: ByteRing;
  /** Sequence number of the first byte in `sendRing`. */
  sendBase = 0;
  readonly tx = new TransmitQueue();
  /** Behind the last segment shorter than `mss` (Minshall's variant of Nagle's algorithm). */
  sndSml = 0;
  /** Behind the last byte that has to leave at once although more may follow. */
  pushedSeq = 0;

  // Receiving.
  irs = 0;
  readonly rx: ReceiveQueue;
  rcvWnd = 0;
  /** `rx.next` when the window was last told. */
  rcvWup = 0;
  rcvWscale = 0;
  /** The window is opened up to here; grows as data comes (tcpi_rcv_ssthresh). */
  rcvSsthresh = 0;
  windowClamp = 0;
  /** Guess of the other side's segment size, for acknowledging every second one. */
  rcvMss = DEFAULT_MSS;
  /** The urgent byte: none, its place known, arrived. */
  urgentState = 0;
  urgentSeq = 0;
  urgentByte = 0;
  /** Receive buffer tuning: a measure of what the user reads in a round trip. */
  spaceWindow = 0;
  spaceSeq = 0;
  spaceTime = 0;
  rcvRtt = 0;
  rcvRttSeq = 0;
  rcvRttTime = 0;
  rcvRttEcr = 0;

  // Options in use.
  /** Added to the clock to make timestamps. */
  tsOffset = 0;
  tsRecent = 0;
  /** When `tsRecent` was noted; -1: never. */
  tsRecentAt = -1;

  // Acknowledging.
  /** Data goes both ways in turns, so acknowledgements wait for data to ride on. */
  pingpong = 0;
  quickAcks = 0;
  /** Delay of acknowledgements as data has been coming in lately; 0: none came yet. */
  ato = 0;
  lastDataReceived = 0;
  /**
   * Segments below `rcvMss` (or one that ends a write) since an acknowledgement was sent; counted up to two.
   */
  smallSegments = 0;
  lastSegmentSize = 0;
  /** Of the FIN that came early (`finSeen`). */
  finSeq = 0;
  /** A block to report as received twice (RFC 2883). */
  dsackStart = 0;
  dsackEnd = 0;
  lastOutOfWindowAck = NEVER;

  // Round trip and retransmission timeout: RFC 6298.
  srtt = 0;
  rttvar = 0;
  rto = RTO_INITIAL;
  rttSeq = 0;
  mdev = 0;
  mdevMax = 0;
  minRtt = Number.POSITIVE_INFINITY;
  minRttAt = 0;
  backoff = 0;
  retransmits = 0;
  /** When the first of these retransmissions was made; 0: none. */
  retransStamp = 0;
  probesOut = 0;
  probesSince = 0;
  keepProbes = 0;

  // Congestion and recovery.
  /** As far as there is one: an idle connection, whose window nothing ever uses up, has no need of it. */
  congestionMade: CongestionControl | null = null;
  caState = CA_OPEN;
  cwnd = INITIAL_CWND;
  ssthresh = 0x7fffffff;
  /** `sndNxt` when recovery began. */
  highSeq = 0;
  reordering = 3;
  reorderSeen = 0;
  /** Duplicate acknowledgements counted when there is no SACK. */
  dupAcks = 0;
  priorCwnd = 0;
  priorSsthresh = 0;
  prrDelivered = 0;
  prrOut = 0;
  /** Retransmissions that may have been for nothing. */
  undoRetrans = 0;
  /** Timestamp of the first retransmission, for Eifel detection (RFC 3522). */
  undoStamp = 0;
  maxPacketsOut = 0;
  maxPacketsSeq = 0;
  cwndUsed = 0;
  cwndStamp = 0;

  // RACK-TLP: RFC 8985.
  /** `order` of the segment sent last of those delivered. */
  rackOrder = 0;
  rackRtt = 0;
  /** Behind the highest segment delivered. */
  rackFack = 0;
  rackSteps = 1;
  rackPersist = 0;
  rackRoundDelivered = 0;
  tlpHighSeq = 0;

  /** SACK blocks of the last acknowledgement, so that only news are looked at. */
  lastSacks = NO_BLOCKS;
  lastSackCount = 0;

  // Timers.
  readonly retransmitTimer: Timer;
  /** Made when first armed, as the next one: an idle connection has neither. */
  delackTimer: Timer | null = null;
  /** Keepalive, and FIN_WAIT2 without an owner. */
  keepTimer: Timer | null = null;
  pending = PENDING_NONE;

  // For tcp_info and keepalive.
  lastDataSent = 0;
  lastAckSent = 0;
  lastAckReceived = 0;
  totalRetrans = 0;
  bytesAcked = 0;
  bytesReceived = 0;
  bytesSent = 0;
  bytesRetrans = 0;
  segsOut = 0;
  segsIn = 0;
  dataSegsIn = 0;
  dataSegsOut = 0;
  dsackDups = 0;
  delivered = 0;
  deliveredAt = 0;
  deliveredCe = 0;
  flightStart = 0;
  rateDelivered = 0;
  rateInterval = 0;
  appLimitedUntil = 0;
  busySince = -1;
  busyTime = 0;

  constructor(
    readonly host: TcpHost,
    readonly options: TcpOptions,
    readonly shared: TcpShared,
  ) {
    super();
    this.sendRing = new ByteRing(shared.pool);
    this.rx = new ReceiveQueue(shared.pool);
    this.retransmitTimer = new Timer(this, TIMER_RETRANSMIT);
  }

  // Opening.

  connect(): number {
    if (this.state !== TCP_CLOSE) return -EINVAL;
    this.enter();
    return connect(this);
  }

  acceptSyn(packet: Packet): number {
    this.enter();
    return acceptSyn(this, packet);
  }

  acceptCookie(packet: Packet, mss: number): number {
    this.enter();
    return acceptCookie(this, packet, mss);
  }

  // What the network and the clock do.

  receive(packet: Packet): void {
    this.enter();
    receiveSegment(this, packet);
    packet.release();
  }

  icmpError(errno: number, sequence: number): void {
    this.enter();
    icmpError(this, errno, sequence);
  }

  pathChanged(sequence?: number): void {
    this.enter();
    pathChanged(this, sequence);
  }

  onTimer(kind: number): void {
    this.enter();
    if (kind === TIMER_RETRANSMIT) onRetransmitTimer(this);
    else if (kind === TIMER_DELACK) onDelayedAck(this);
    else onKeepTimer(this);
  }

  // What the user does.

  send(source: ByteSource, flags: number): number {
    this.enter();
    return sendStream(this, source, flags);
  }

  read(sink: ByteSink, flags: number, peekOffset: number): number {
    this.enter();
    return readStream(this, sink, flags, peekOffset);
  }

  poll(): number {
    return poll(this);
  }

  shutdownSend(): void {
    this.enter();
    shutdownSend(this);
  }

  shutdownReceive(): void {
    shutdownReceive(this);
  }

  optionsChanged(): void {
    this.enter();
    optionsChanged(this);
  }

  close(): void {
    this.enter();
    userClosed(this);
  }

  abort(): void {
    this.enter();
    resetByUser(this);
  }

  timeWaitRecord(): TcpTimeWaitRecord {
    return new TimeWaitRecord(this);
  }

  // What others look at.

  get readable(): number {
    return readableBytes(this);
  }

  get unacknowledged(): number {
    return (this.writeSeq - this.sndUna) | 0;
  }

  get notSent(): number {
    return Math.max(0, (this.writeSeq - this.sndNxt) | 0);
  }

  get atMark(): boolean {
    return this.urgentState !== 0 && this.urgentSeq === this.rx.first;
  }

  info(out: TcpInfo): void {
    fillInfo(this, out);
  }

  get timerKind(): number {
    return timerKindOf(this);
  }

  get timerLeft(): number {
    return timerLeftOf(this);
  }

  /** When the entry now being served began. */
  get now(): number {
    return this.shared.now;
  }

  get congestion(): CongestionControl {
    return (this.congestionMade ??= makeCongestionControl(this.options.congestion));
  }

  private enter(): void {
    this.shared.now = this.host.now();
  }
}
