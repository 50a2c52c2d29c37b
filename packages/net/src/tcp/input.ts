/** A segment arrives: RFC 9293 section 3.10.7.4, with RFC 5961's answers to what may be forged. */
import {
  ECONNRESET,
  POLLHUP,
  POLLIN,
  POLLRDHUP,
  POLLRDNORM,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from '@sandbox/abi';
import type { Packet } from '../core/packet.js';
import { ACK, CWR, FIN, RST, Segment, SYN, URG } from '../wire/tcp.js';
import { processAck } from './ack.js';
import { scheduleDelayedAck } from './arming.js';
import { endConnection, enterFinWait2, enterTimeWait, resetReceived } from './close.js';
import type { TcpConnection } from './connection.js';
import { PAWS_EXPIRY } from './constants.js';
import { established, receiveInSynSent } from './open.js';
import {
  emitSyn,
  outOfWindowLimited,
  PUSH_NORMAL,
  pushPending,
  sendAck,
  sendChallengeAck,
  sendReset,
  sendResetAt,
} from './output.js';
import { DROPPED, DUPLICATE } from './receive-queue.js';
import { seqGt, seqLe, seqLt } from './seq.js';
import { URGENT_EXPECTED, urgentByteArrived, urgentPointer } from './urgent.js';
import { enoughToRead } from './user.js';
import { dataArrived, enterQuickAck, freeWindow, receiveWindow } from './window.js';

const segment = new Segment();

/** `packet.transport` is where the TCP header is. The packet stays the caller's. */
export function receiveSegment(c: TcpConnection, packet: Packet): void {
  if (!segment.parse(packet.bytes, packet.transport, packet.end)) {
    c.shared.counters.InErrs++;
    return;
  }
  c.segsIn++;
  c.shared.counters.InSegs++;
  const ecn = packet.tos & 3;
  segment.congestionExperienced = ecn === 3;
  segment.ecnCapable = ecn !== 0;
  if (c.state === TCP_SYN_SENT) {
    receiveInSynSent(c, segment);
    return;
  }
  if (c.state === TCP_CLOSE || c.state === TCP_TIME_WAIT) return;
  if (!acceptable(c)) return;
  if ((segment.flags & ACK) === 0) return;
  if (c.state === TCP_SYN_RECV) {
    if (!completesHandshake(c)) return;
  } else if (!processAck(c, segment)) return;
  if (!afterAck(c)) return;
  if ((segment.flags & URG) !== 0) receiveUrgentPointer(c);
  if (segment.dataEnd > segment.dataStart || (segment.flags & FIN) !== 0) receiveData(c);
  if (isClosed(c)) return;
  if (c.sndNxt !== c.writeSeq) pushPending(c, PUSH_NORMAL);
  acknowledge(c);
}

function isClosed(c: TcpConnection): boolean {
  return c.state === TCP_CLOSE;
}

/** First to fourth: PAWS, sequence number, RST, SYN. */
function acceptable(c: TcpConnection): boolean {
  const { flags, seq } = segment;
  const { rx } = c;
  if (
    c.timestampOk &&
    segment.hasTimestamp &&
    seqLt(segment.tsVal, c.tsRecent) &&
    (flags & RST) === 0 &&
    c.now - c.tsRecentAt < PAWS_EXPIRY &&
    !disordered(c)
  ) {
    c.shared.counters.PAWSEstab++;
    if ((flags & SYN) !== 0) sendChallengeAck(c);
    else if (!(segment.dataStart === segment.dataEnd && outOfWindowLimited(c))) sendDuplicateAck(c);
    return false;
  }
  if (seqLt(segment.end, c.rcvWup) || ((seq - rx.next) | 0) > receiveWindow(c)) {
    return outside(c);
  }
  if ((flags & RST) !== 0) {
    // RFC 5961 section 3.2: only the very number expected; the far end of what SACK told of is as good a
    // proof.
    if (seq === rx.next || (rx.ranges > 0 && c.sackOk && seq === highestBlock(c))) resetReceived(c);
    else sendChallengeAck(c);
    return false;
  }
  if ((flags & SYN) !== 0) return synInWindow(c);
  return true;
}

/** The right end of the block reported that reaches farthest. */
function highestBlock(c: TcpConnection): number {
  const { blocks, blockCount } = c.rx;
  let end = c.rx.next;
  for (let i = 0; i < blockCount; i++) if (seqGt(blocks[2 * i + 1], end)) end = blocks[2 * i + 1];
  return end;
}

/** An acknowledgement without data that others overtook: old by its timestamp, harmless. */
function disordered(c: TcpConnection): boolean {
  return (
    (segment.flags & ACK) !== 0 &&
    segment.seq === c.rx.next &&
    segment.dataStart === segment.dataEnd &&
    segment.ack === c.sndUna &&
    (segment.flags & (SYN | FIN)) === 0 &&
    segment.window << c.sndWscale === c.sndWnd &&
    ((c.tsRecent - segment.tsVal) | 0) <= c.rto
  );
}

/** Out of the window. */
function outside(c: TcpConnection): boolean {
  const { flags } = segment;
  if ((flags & RST) !== 0) {
    // Linux: a reset one short of what is expected, after a FIN was received, is from a peer that does not
    // count its FIN.
    const afterFin = c.state === TCP_CLOSE_WAIT || c.state === TCP_LAST_ACK || c.state === TCP_CLOSING;
    if (afterFin && segment.seq === ((c.rx.next - 1) | 0)) resetReceived(c);
    return false;
  }
  if ((flags & SYN) !== 0) return synInWindow(c);
  if (segment.dataStart === segment.dataEnd && outOfWindowLimited(c)) return false;
  sendDuplicateAck(c);
  return false;
}

function synInWindow(c: TcpConnection): boolean {
  const { flags } = segment;
  if (c.state === TCP_SYN_RECV && segment.seq === c.irs) {
    // Simultaneous open: the other side's SYN-ACK.
    if ((flags & ACK) !== 0) return segment.ack === c.sndNxt;
    // The SYN again: our answer was lost.
    if (c.passive && !outOfWindowLimited(c)) emitSyn(c, SYN | ACK);
    return false;
  }
  c.shared.counters.TCPSYNChallenge++;
  sendChallengeAck(c);
  return false;
}

/** An acknowledgement at once of something received twice or out of place, telling what it was (RFC 2883). */
function sendDuplicateAck(c: TcpConnection): void {
  if (segment.end !== segment.seq && seqLt(segment.seq, c.rx.next)) {
    c.shared.counters.DelayedACKLost++;
    enterQuickAck(c, 16);
    if (c.sackOk && c.shared.settings.dsack) {
      const beyond = seqGt(segment.end, c.rx.next);
      reportDuplicate(c, segment.seq, beyond ? c.rx.next : segment.end);
      c.shared.counters.TCPDSACKOldSent++;
    }
  }
  sendAck(c);
}

function reportDuplicate(c: TcpConnection, start: number, end: number): void {
  if (!c.sackOk || !c.shared.settings.dsack) return;
  c.dsackPending = true;
  c.dsackStart = start;
  c.dsackEnd = end;
}

/** State SYN_RECV: does the acknowledgement cover our SYN? */
function completesHandshake(c: TcpConnection): boolean {
  if (seqLe(segment.ack, c.sndUna) || seqGt(segment.ack, c.sndNxt)) {
    sendResetAt(c, segment.ack);
    return false;
  }
  if (c.passive && c.options.deferAccept > 0 && segment.dataStart === segment.dataEnd && deferred(c))
    return false;
  if ((segment.flags & SYN) === 0) {
    c.sndWnd = segment.window << c.sndWscale;
    c.maxWindow = Math.max(c.maxWindow, c.sndWnd);
  }
  processAck(c, segment);
  c.sndWl1 = segment.seq;
  established(c);
  return !isClosed(c);
}

/**
 * TCP_DEFER_ACCEPT: an acknowledgement without data is dropped, until the SYN-ACK has been sent that often.
 */
function deferred(c: TcpConnection): boolean {
  return c.retransmits < c.options.deferAccept && (segment.flags & FIN) === 0;
}

/** What an acknowledgement of our FIN means. false: the segment is done with. */
function afterAck(c: TcpConnection): boolean {
  switch (c.state) {
    case TCP_FIN_WAIT1: {
      if (c.sndUna !== c.writeSeq) return true;
      enterFinWait2(c);
      return !isClosed(c) && !lateData(c);
    }
    case TCP_FIN_WAIT2:
      return !lateData(c);
    case TCP_CLOSING:
      if (c.sndUna !== c.writeSeq) return true;
      enterTimeWait(c);
      return false;
    case TCP_LAST_ACK:
      if (c.sndUna !== c.writeSeq) return true;
      endConnection(c);
      return false;
    default:
      return true;
  }
}

/** Data for a user that will not read it (RFC 1122 section 4.2.2.13): RST. */
function lateData(c: TcpConnection): boolean {
  if (!c.orphan && !c.receiveShut) return false;
  const last = (segment.end - (segment.flags & FIN)) | 0;
  if (segment.dataEnd === segment.dataStart || seqLe(last, c.rx.next)) return false;
  c.shared.counters.TCPAbortOnData++;
  sendReset(c);
  c.error = ECONNRESET;
  endConnection(c);
  return true;
}

function receiveUrgentPointer(c: TcpConnection): void {
  if (c.state === TCP_ESTABLISHED || c.state === TCP_FIN_WAIT1 || c.state === TCP_FIN_WAIT2) {
    urgentPointer(c, segment);
  }
}

/** Seventh and eighth: data and FIN. */
function receiveData(c: TcpConnection): void {
  const { rx } = c;
  if (c.state !== TCP_ESTABLISHED && c.state !== TCP_FIN_WAIT1 && c.state !== TCP_FIN_WAIT2) {
    // Beyond a FIN there is nothing; a FIN sent again is acknowledged again.
    if (seqLe(segment.end, rx.next)) sendDuplicateAck(c);
    return;
  }
  noteEcn(c);
  const ahead = (segment.seq - rx.next) | 0;
  if (ahead > 0) {
    outOfOrder(c);
    return;
  }
  if (seqLe(segment.end, rx.next)) {
    // All of it was here before.
    enterQuickAck(c, 16);
    reportDuplicate(c, segment.seq, segment.end);
    c.shared.counters.TCPDSACKOldSent++;
    c.ackScheduled = true;
    c.ackNow = true;
    return;
  }
  inOrder(c, -ahead);
}

/** A segment that begins at, or `skip` bytes before, what is expected. */
function inOrder(c: TcpConnection, skip: number): void {
  const { rx } = c;
  const window = receiveWindow(c);
  if (skip > 0) {
    reportDuplicate(c, segment.seq, rx.next);
    enterQuickAck(c, 16);
  }
  let fin = (segment.flags & FIN) !== 0;
  let length = segment.dataEnd - segment.dataStart - skip;
  if (length < 0) length = 0;
  if (length > window) {
    // More than was offered: what fits. A window of nothing answers a probe.
    length = window;
    fin = false;
    c.ackScheduled = true;
    c.ackNow = true;
    if (length === 0) {
      c.shared.counters.TCPZeroWindowDrop++;
      return;
    }
  }
  if (length > 0) {
    const from = segment.dataStart + skip;
    // RFC 5681 section 4.2: what fills a gap is acknowledged at once.
    if (rx.ranges > 0) c.ackNow = true;
    if (c.orphan) {
      rx.next = (rx.next + length) | 0;
    } else if (!rx.append(segment.bytes, from, from + length)) {
      c.shared.counters.TCPRcvQDrop++;
      c.ackScheduled = true;
      c.ackNow = true;
      return;
    }
    c.dataSegsIn++;
    c.bytesReceived += length | 0;
    dataArrived(c, segment, length);
    c.ackScheduled = true;
    if (c.urgentState === URGENT_EXPECTED) urgentByteArrived(c, segment);
  }
  // A FIN that came before what it ends may be in order now.
  if (c.finSeen && rx.next === c.finSeq) fin = true;
  if (fin) receiveFin(c);
  else if (length > 0 && !c.orphan && (c.options.receiveLowWater === 1 || enoughToRead(c))) {
    c.host.wake(POLLIN | POLLRDNORM);
  }
}

function outOfOrder(c: TcpConnection): void {
  const { rx } = c;
  const { counters } = c.shared;
  c.ackScheduled = true;
  c.ackNow = true;
  const room = receiveWindow(c) - ((segment.seq - rx.next) | 0);
  if (room <= 0 || c.orphan) return;
  if ((segment.flags & FIN) !== 0 && !c.finSeen) {
    c.finSeen = true;
    c.finSeq = (segment.end - 1) | 0;
  }
  const end = Math.min(segment.dataEnd, segment.dataStart + room);
  if (end === segment.dataStart) return;
  const result = rx.insert(segment.seq, segment.bytes, segment.dataStart, end);
  if (result === DROPPED) {
    counters.TCPOFODrop++;
    return;
  }
  counters.TCPOFOQueue++;
  c.dataSegsIn++;
  if (c.urgentState === URGENT_EXPECTED) urgentByteArrived(c, segment);
  if (result === DUPLICATE) {
    reportDuplicate(c, segment.seq, segment.end);
    counters.TCPDSACKOfoSent++;
  }
  if (end - segment.dataStart >= c.rcvMss) c.rcvMss = Math.min(end - segment.dataStart, c.advMss);
}

/** The FIN in order: no more data comes. */
function receiveFin(c: TcpConnection): void {
  const { rx } = c;
  rx.next = (rx.next + 1) | 0;
  rx.fin = true;
  rx.dropRanges();
  c.receiveShut = true;
  c.done = true;
  c.ackScheduled = true;
  // Whoever sent a FIN waits for nothing but its acknowledgement.
  c.ackNow = true;
  if (c.state === TCP_ESTABLISHED) c.state = TCP_CLOSE_WAIT;
  else if (c.state === TCP_FIN_WAIT1) c.state = TCP_CLOSING;
  else if (c.state === TCP_FIN_WAIT2) {
    sendAck(c);
    enterTimeWait(c);
    return;
  }
  if (!c.orphan) {
    const hangup = c.sendShut ? POLLHUP : 0;
    c.host.wake(POLLIN | POLLRDNORM | POLLRDHUP | hangup);
  }
}

/**
 * RFC 3168 section 6.1.3: congestion seen on the way is told until the other side says that it slowed down.
 */
function noteEcn(c: TcpConnection): void {
  if (!c.ecnOk || segment.dataEnd === segment.dataStart) return;
  if ((segment.flags & CWR) !== 0) {
    c.ecnDemandCwr = false;
    c.ackScheduled = true;
    c.ackNow = true;
  }
  if (segment.congestionExperienced) {
    if (!c.ecnDemandCwr) enterQuickAck(c, 2);
    c.ecnDemandCwr = true;
    c.ecnSeen = true;
  } else if (segment.ecnCapable) c.ecnSeen = true;
}

/**
 * RFC 9293 section 3.8.6.3: every second full segment at once, what is odd at once, anything else after a
 * while.
 */
function acknowledge(c: TcpConnection): void {
  if (!c.ackScheduled) return;
  const { rx } = c;
  if (
    c.ackNow ||
    (c.quickAcks > 0 && c.pingpong === 0) ||
    rx.ranges > 0 ||
    (((rx.next - c.rcvWup) | 0) > c.rcvMss &&
      (c.rx.length < c.options.receiveLowWater || freeWindow(c) >= c.rcvWnd))
  ) {
    sendAck(c);
    return;
  }
  scheduleDelayedAck(c);
}
