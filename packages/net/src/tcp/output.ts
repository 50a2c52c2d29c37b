/** What goes out: segments, acknowledgements, resets; when new data may be sent (windows, Nagle, cork). */
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
} from '@sandbox/abi';
import {
  ACK,
  CWR,
  ECE,
  FIN,
  PSH,
  RST,
  SYN,
  type SynOptions,
  TCP_HEADER,
  TIMESTAMP_SPACE,
  URG,
  writeHeader,
  writeSacks,
  writeSynOptions,
  writeTimestamps,
} from '../wire/tcp.js';
import { armProbe, armRetransmit, scheduleLossProbe } from './arming.js';
import type { TcpConnection } from './connection.js';
import { CA_CWR, INITIAL_CWND, PENDING_NONE, PENDING_REORDER, PENDING_RTO } from './constants.js';
import { seqGe, seqGt, seqLe } from './seq.js';
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, SACKED, type SentSegment } from './transmit-queue.js';
import { freeWindow, receiveWindow, selectWindow, setPingpong } from './window.js';

const blocks = new Int32Array(8);
const synOptions: SynOptions = {
  mss: 0,
  sackPermitted: false,
  timestamps: false,
  tsVal: 0,
  tsEcr: 0,
  windowScale: -1,
};

/** As Nagle's algorithm and TCP_CORK say; the same without Nagle; only full segments (MSG_MORE). */
export const PUSH_NORMAL = 0;
export const PUSH_NOW = 1;
export const PUSH_FULL = 2;

/** Segments under way: RFC 6675's pipe. */
export function inFlight(c: TcpConnection): number {
  const { tx } = c;
  return tx.length - tx.sacked - c.dupAcks - tx.lost + tx.retransmitted;
}

/** Blocks the next acknowledgement reports. */
function sackBlocks(c: TcpConnection): number {
  if (!c.sackOk) return 0;
  const count = c.rx.blockCount + (c.dsackPending ? 1 : 0);
  const most = c.timestampOk ? 3 : 4;
  return Math.min(count, most);
}

/** Payload of a full segment now. */
export function currentMss(c: TcpConnection): number {
  const count = sackBlocks(c);
  return count === 0 ? c.mss : Math.max(8, c.mss - 4 - 8 * count);
}

/** The timestamp clock: ms. */
export function timestampNow(c: TcpConnection): number {
  return (c.now + c.tsOffset) | 0;
}

/**
 * Sends one segment with the bytes `[seq, seq + length)` of the stream. Options, window and the
 * acknowledgement are added.
 */
function emit(c: TcpConnection, seq: number, length: number, flags: number, ecn: number): number {
  const { host } = c;
  const count = sackBlocks(c);
  let header = TCP_HEADER;
  if (c.timestampOk) header += TIMESTAMP_SPACE;
  if (count > 0) header += 4 + 8 * count;
  const packet = host.allocate(header + length);
  const { bytes } = packet;
  let at = packet.start;
  let urgent = 0;
  if (c.urgentSend) {
    const distance = (c.sndUp - seq) | 0;
    if (distance > 0) {
      flags |= URG;
      urgent = Math.min(distance, 0xffff);
    }
  }
  if (c.ecnDemandCwr) flags |= ECE;
  const window = selectWindow(c);
  writeHeader(bytes, at, host.localPort, host.remotePort, seq, c.rx.next, header, flags, window, urgent);
  at += TCP_HEADER;
  if (c.timestampOk) at = writeTimestamps(bytes, at, timestampNow(c), c.tsRecent);
  if (count > 0) at = putSacks(c, bytes, at, count);
  if (length > 0) {
    c.sendRing.read((seq - c.sendBase) | 0, length, bytes, at);
    at += length;
  }
  packet.end = at;
  c.segsOut++;
  c.shared.counters.OutSegs++;
  ackSent(c);
  const result = host.transmit(packet, ecn);
  if (result < 0) c.softError = -result;
  return result;
}

function putSacks(c: TcpConnection, bytes: Uint8Array, at: number, count: number): number {
  let n = 0;
  if (c.dsackPending) {
    blocks[0] = c.dsackStart;
    blocks[1] = c.dsackEnd;
    n = 1;
    c.dsackPending = false;
  }
  for (let i = 0; n < count; i++, n++) {
    blocks[2 * n] = c.rx.blocks[2 * i];
    blocks[2 * n + 1] = c.rx.blocks[2 * i + 1];
  }
  return writeSacks(bytes, at, blocks, count);
}

/** Any segment carries the acknowledgement: none is owed any more. */
function ackSent(c: TcpConnection): void {
  if (c.quickAcks > 0) c.quickAcks--;
  c.lastAckSent = Math.floor(c.now);
  if (!c.ackScheduled) return;
  c.ackScheduled = false;
  c.ackNow = false;
  c.smallSegments = 0;
  c.host.timers.cancel(c.delackTimer);
}

/** Sends an acknowledgement now. */
export function sendAck(c: TcpConnection): void {
  if (c.state === TCP_CLOSE) return;
  emit(c, c.sndNxt, 0, ACK, 0);
}

/**
 * RFC 5961: answers what may be an attack, or an old duplicate, with the truth; not more than twice a second.
 */
export function sendChallengeAck(c: TcpConnection): void {
  if (outOfWindowLimited(c)) return;
  c.shared.counters.TCPChallengeACK++;
  sendAck(c);
}

/**
 * Answers to segments out of the window are limited, or two sides that disagree would answer each other for
 * ever.
 */
export function outOfWindowLimited(c: TcpConnection): boolean {
  if (c.now - c.lastOutOfWindowAck < c.shared.settings.invalidRateLimit) return true;
  c.lastOutOfWindowAck = Math.floor(c.now);
  return false;
}

/** RST: this side gives up. */
export function sendReset(c: TcpConnection): void {
  c.shared.counters.OutRsts++;
  emit(c, c.sndNxt, 0, RST | ACK, 0);
}

/**
 * RST in answer to an acknowledgement of what was never sent (section 3.10.7.4, SYN_RECEIVED and SYN_SENT).
 */
export function sendResetAt(c: TcpConnection, seq: number): void {
  const packet = c.host.allocate(TCP_HEADER);
  writeHeader(packet.bytes, packet.start, c.host.localPort, c.host.remotePort, seq, 0, TCP_HEADER, RST, 0, 0);
  packet.end = packet.start + TCP_HEADER;
  c.shared.counters.OutRsts++;
  c.host.transmit(packet, 0);
}

/**
 * A segment with one old byte's number and no data: makes the other side answer (keepalive, window probe).
 */
export function sendProbe(c: TcpConnection, urgent: boolean): void {
  emit(c, (c.sndUna - (urgent ? 0 : 1)) | 0, 0, ACK, 0);
}

/** Sends SYN or SYN-ACK, for the first time or again. */
export function emitSyn(c: TcpConnection, flags: number): number {
  const { host, options } = c;
  const { settings } = c.shared;
  const answer = (flags & ACK) !== 0;
  synOptions.mss = c.advMss;
  synOptions.sackPermitted = answer ? c.sackOk : settings.sack;
  synOptions.timestamps = answer ? c.timestampOk : settings.timestamps;
  synOptions.windowScale = (answer ? c.wscaleOk : settings.windowScaling) ? c.rcvWscale : -1;
  synOptions.tsVal = timestampNow(c);
  synOptions.tsEcr = answer ? c.tsRecent : 0;
  if (options.windowClamp > 0 && c.rcvWnd > options.windowClamp) c.rcvWnd = options.windowClamp;
  const packet = host.allocate(TCP_HEADER + 40);
  const at = packet.start;
  packet.end = writeSynOptions(packet.bytes, at + TCP_HEADER, synOptions);
  const header = packet.end - at;
  if (answer) {
    if (c.ecnOk) flags |= ECE;
    c.rcvWup = c.rx.next;
  } else if (c.ecnAsked) flags |= ECE | CWR;
  const window = Math.min(c.rcvWnd, 65535);
  const ack = answer ? c.rx.next : 0;
  writeHeader(packet.bytes, at, host.localPort, host.remotePort, c.iss, ack, header, flags, window, 0);
  c.segsOut++;
  c.shared.counters.OutSegs++;
  ackSent(c);
  return host.transmit(packet, 0);
}

/** Whether data may be sent in this state (a FIN that waits is data here). */
function sendsData(state: number): boolean {
  return (
    state === TCP_ESTABLISHED ||
    state === TCP_CLOSE_WAIT ||
    state === TCP_FIN_WAIT1 ||
    state === TCP_LAST_ACK ||
    state === TCP_CLOSING
  );
}

/**
 * Sends what is queued, as far as windows and Nagle's algorithm let it go (sections 3.7.4, 3.8.6.2.1). A
 * segment is sent if it is full, or ends the queue; it is never cut to fit a window: that is left to the
 * probe timer.
 */
export function pushPending(c: TcpConnection, mode: number): void {
  if (c.sndNxt === c.writeSeq || !sendsData(c.state)) return;
  const { tx } = c;
  if (tx.length === 0) restartAfterIdle(c);
  const mss = currentMss(c);
  const end = (c.sndUna + c.sndWnd) | 0;
  let quota = c.cwnd - inFlight(c);
  const wasEmpty = tx.length === 0;
  let sent = false;
  c.cwndLimited = false;
  for (;;) {
    const unsent = (c.writeSeq - c.sndNxt) | 0;
    if (unsent <= 0) break;
    if (quota <= 0) {
      c.cwndLimited = true;
      break;
    }
    const data = c.finQueued ? unsent - 1 : unsent;
    const length = Math.min(data, mss);
    const room = (end - c.sndNxt) | 0;
    if (length > room) break;
    const fin = c.finQueued && length === data && length < room;
    if (length === 0 && !fin) break;
    if (length < mss && !fin && nagleHolds(c, mode)) break;
    sendNew(c, length, length === data, fin, mss);
    quota--;
    sent = true;
  }
  if (sent) {
    afterNewData(c, wasEmpty);
  } else if (tx.length === 0 && c.pending === PENDING_NONE && c.sndNxt !== c.writeSeq) {
    armProbe(c);
  }
}

function sendNew(c: TcpConnection, length: number, last: boolean, fin: boolean, mss: number): void {
  const { now, tx } = c;
  const seq = c.sndNxt;
  let flags = ACK;
  if (last && length > 0) flags |= PSH;
  if (fin) flags |= FIN;
  const end = (seq + length + (fin ? 1 : 0)) | 0;
  if (tx.length === 0) {
    c.flightStart = now;
    c.deliveredAt = now;
    c.busySince = now;
  }
  const record = tx.push(seq, end, flags & (FIN | PSH), now);
  stamp(c, record);
  let ecn = 0;
  if (c.ecnOk && length > 0) {
    ecn = 2;
    if (c.ecnQueueCwr) {
      flags |= CWR;
      c.ecnQueueCwr = false;
    }
  }
  c.sndNxt = end;
  if (length < mss && length > 0) c.sndSml = end;
  c.bytesSent += length;
  if (length > 0) c.dataSegsOut++;
  if (c.caState >= CA_CWR) c.prrOut++;
  if (now - c.lastDataReceived < c.ato && length > 0 && c.pingpong === 0) setPingpong(c, 1);
  c.lastDataSent = Math.floor(now);
  emit(c, seq, length, flags, ecn);
}

/** Notes what delivery rate samples need. */
function stamp(c: TcpConnection, record: SentSegment): void {
  record.delivered = c.delivered;
  record.deliveredAt = c.deliveredAt;
  record.flightStart = c.flightStart;
  record.appLimited = c.appLimitedUntil !== 0;
}

function afterNewData(c: TcpConnection, wasEmpty: boolean): void {
  const { tx } = c;
  // Was the window the limit? Only then may it grow (RFC 7661's idea; Linux's is_cwnd_limited).
  if (seqGe(c.sndUna, c.maxPacketsSeq) || tx.length > c.maxPacketsOut || c.cwndLimited) {
    c.maxPacketsOut = tx.length;
    c.maxPacketsSeq = c.sndNxt;
  }
  if (!scheduleLossProbe(c) && (wasEmpty || c.pending !== PENDING_RTO)) armRetransmit(c);
}

function nagleHolds(c: TcpConnection, mode: number): boolean {
  if (mode === PUSH_NOW) return false;
  if (c.options.cork || mode === PUSH_FULL) return true;
  if (c.options.noDelay || c.tx.length === 0) return false;
  // Minshall: only while another small segment is under way.
  return seqGt(c.sndSml, c.sndUna) && seqLe(c.sndSml, c.sndNxt);
}

/** RFC 5681 section 4.1: what was known of the path is forgotten while nothing is sent. */
function restartAfterIdle(c: TcpConnection): void {
  const idle = c.now - c.lastDataSent;
  if (c.lastDataSent === 0 || idle <= c.rto) return;
  c.congestionMade?.onRestart(idle);
  if (!c.shared.settings.slowStartAfterIdle) return;
  c.ssthresh = Math.max(c.ssthresh, (c.cwnd >> 1) + (c.cwnd >> 2));
  const restart = Math.min(INITIAL_CWND, c.cwnd);
  for (let left = idle - c.rto; left > 0 && c.cwnd > restart; left -= c.rto) c.cwnd >>= 1;
  c.cwnd = Math.max(c.cwnd, restart);
  c.cwndUsed = 0;
}

/** Sends segment `i` of the transmit queue again. false: the window does not let it. */
export function retransmit(c: TcpConnection, i: number): boolean {
  const { tx } = c;
  const record = tx.at(i);
  if ((record.flags & SYN) === 0) {
    const mss = currentMss(c);
    const room = (c.sndUna + c.sndWnd - record.seq) | 0;
    // The other side took back its window: only the first byte is tried, as a probe.
    if (room <= 0 && record.seq !== c.sndUna) return false;
    const length = (record.end - record.seq) | 0;
    let most = mss;
    if (room > 0 && room < most) most = room;
    else if (room <= 0) most = 1;
    if (length - (record.flags & FIN) > most) tx.split(i, (record.seq + most) | 0, FIN | PSH);
  }
  const wasRetransmitted = (record.marks & RETRANSMITTED) !== 0;
  if (wasRetransmitted) c.shared.counters.TCPLostRetransmit++;
  if (tx.length === 1) c.flightStart = c.now;
  stamp(c, record);
  c.totalRetrans++;
  c.shared.counters.RetransSegs++;
  if (c.retransStamp === 0) c.retransStamp = c.now;
  if (c.undoStamp === 0) c.undoStamp = timestampNow(c);
  c.undoRetrans++;
  tx.mark(record, RETRANSMITTED | EVER_RETRANSMITTED);
  tx.sent(record, c.now);
  if ((record.flags & SYN) !== 0) {
    // Something on the way may drop those that ask (RFC 3168 section 6.1.1.1).
    c.ecnAsked = false;
    emitSyn(c, c.state === TCP_SYN_RECV ? SYN | ACK : SYN);
    return true;
  }
  const length = ((record.end - record.seq) | 0) - (record.flags & FIN);
  c.bytesRetrans += length;
  c.bytesSent += length;
  if (length > 0) c.dataSegsOut++;
  emit(c, record.seq, length, ACK | (record.flags & (FIN | PSH)), 0);
  return true;
}

/** Sends the segments marked lost, oldest first, then new data, as long as the congestion window has room. */
export function retransmitLost(c: TcpConnection): void {
  const { tx } = c;
  let quota = c.cwnd - inFlight(c);
  for (let i = 0; tx.waiting > 0 && i < tx.length && quota > 0; i++) {
    const record = tx.at(i);
    if ((record.marks & (LOST | RETRANSMITTED | SACKED)) !== LOST) continue;
    if (!retransmit(c, i)) return;
    // The timer counts from the first segment's last transmission.
    if (i === 0 && c.pending !== PENDING_REORDER) armRetransmit(c);
    c.prrOut++;
    quota--;
  }
}

/**
 * A window that opened up much since it was told is told anew (section 3.8.6.2.2), or an owed acknowledgement
 * is due after a read.
 */
export function afterRead(c: TcpConnection, copied: number): void {
  let due = false;
  if (c.ackScheduled) {
    const waited = c.smallSegments === 2 || (c.smallSegments === 1 && c.pingpong === 0);
    due = ((c.rx.next - c.rcvWup) | 0) > c.rcvMss || (copied > 0 && waited && c.rx.length === 0);
  }
  if (!due && copied > 0 && !c.receiveShut) {
    const now = receiveWindow(c);
    if (2 * now <= c.windowClamp) {
      const window = freeWindow(c);
      due = window > 0 && window >= 2 * now;
    }
  }
  if (due) sendAck(c);
}
