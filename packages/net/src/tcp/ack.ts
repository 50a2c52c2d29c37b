/** Acknowledgements: RFC 9293 section 3.10.7.4 (fifth), RFC 5961 section 5. */
import { POLLOUT, POLLWRNORM } from '@sandbox/abi';
import { ECE, FIN, type Segment, SYN } from '../wire/tcp.js';
import { ack } from './ack-state.js';
import { armProbe, armRetransmit, rearmAfterProbe, scheduleLossProbe } from './arming.js';
import type { TcpConnection } from './connection.js';
import { PENDING_NONE, PENDING_PROBE, PENDING_REORDER, PENDING_TLP } from './constants.js';
import { syncMss } from './mss.js';
import { sendChallengeAck } from './output.js';
import { noteReordering, rackDelivered, updateReorderWindow } from './rack.js';
import { beginRate, endRate, noteDelivered } from './rate.js';
import { probeRepaired, recoverAfterAck } from './recovery.js';
import { sampleRtt } from './rtt.js';
import { processSacks } from './sack.js';
import { seqGe, seqGt, seqLt } from './seq.js';
import { EVER_RETRANSMITTED, SACKED } from './transmit-queue.js';
import { writable } from './user.js';
import { growSendBuffer } from './window.js';

/** @returns false: the segment is not to be looked at any further */
export function processAck(c: TcpConnection, segment: Segment): boolean {
  const una = c.sndUna;
  const advance = (segment.ack - una) | 0;
  if (advance < 0 && -advance > c.maxWindow) {
    // RFC 5961 section 5.2: that old, it may be somebody's guess.
    sendChallengeAck(c);
    return false;
  }
  if (seqGt(segment.ack, c.sndNxt)) {
    sendChallengeAck(c);
    return false;
  }
  ack.reset();
  beginRate();
  const { tx } = c;
  const outstanding = tx.length;
  if (c.timestampOk && segment.hasTimestamp) {
    ack.hasEcho = true;
    ack.echo = segment.tsEcr;
  }
  const deliveredBefore = c.delivered;
  if (advance >= 0) {
    noteTimestamp(c, segment);
    const news = updateWindow(c, segment, advance);
    c.lastAckReceived = Math.floor(c.now);
    c.softError = 0;
    c.probesOut = 0;
    c.keepProbes = 0;
    if (advance > 0) {
      ack.advanced = true;
      c.retransmits = 0;
      acknowledged(c, segment.ack);
    }
    ack.duplicate =
      advance === 0 &&
      outstanding > 0 &&
      segment.dataStart === segment.dataEnd &&
      !news &&
      (segment.flags & (SYN | FIN)) === 0;
  }
  if (c.ecnOk && (segment.flags & (ECE | SYN)) === ECE) ack.ece = true;
  if (outstanding > 0 || c.tlpPending || (c.sackOk && segment.sackCount > 0)) {
    if (c.sackOk) {
      if (segment.sackCount > 0) {
        processSacks(c, segment);
        if (ack.sacked > 0) ack.duplicate = false;
      } else c.lastSackCount = 0;
      updateReorderWindow(c);
    }
    takeRtt(c);
    if (c.tlpPending) endProbe(c);
    // Without SACK duplicates are counted as deliveries while they are looked at.
    ack.delivered = c.delivered - deliveredBefore;
    if (ack.ece && ack.delivered > 0) c.deliveredCe += ack.delivered;
    recoverAfterAck(c);
    endRate(c);
  }
  if (ack.advanced) {
    if (tx.length === 0) {
      c.retransStamp = 0;
      if (c.pending !== PENDING_NONE) armRetransmit(c);
    } else if (!scheduleLossProbe(c)) {
      if (c.pending === PENDING_REORDER || c.pending === PENDING_TLP) {
        if (c.pending === PENDING_TLP) rearmAfterProbe(c);
      } else armRetransmit(c);
    }
    if (c.noSpace) growSendBuffer(c);
  } else if (tx.length === 0) {
    windowProbed(c);
  }
  if (c.noSpace && !c.sendShut && writable(c)) {
    c.noSpace = false;
    c.host.wake(POLLOUT | POLLWRNORM);
  }
  return true;
}

/**
 * RFC 7323 section 4.3: the timestamp to echo is that of the segment that holds the left edge of the window.
 */
export function noteTimestamp(c: TcpConnection, segment: Segment): void {
  if (!c.timestampOk || !segment.hasTimestamp || seqGt(segment.seq, c.rcvWup)) return;
  if (c.tsRecentAt >= 0 && seqLt(segment.tsVal, c.tsRecent) && c.now - c.tsRecentAt < 24 * 86400_000) return;
  c.tsRecent = segment.tsVal;
  c.tsRecentAt = Math.floor(c.now);
}

/**
 * Takes over the window told, if the segment is not older than the one it was last taken from. Returns
 * whether it changed.
 */
function updateWindow(c: TcpConnection, segment: Segment, advance: number): boolean {
  const window = (segment.flags & SYN) !== 0 ? segment.window : segment.window << c.sndWscale;
  const newer = (segment.seq - c.sndWl1) | 0;
  if (!(advance > 0 || newer > 0 || (newer === 0 && (window > c.sndWnd || window === 0)))) {
    return window !== c.sndWnd;
  }
  c.sndWl1 = segment.seq;
  const changed = window !== c.sndWnd;
  c.sndWnd = window;
  if (changed && window > c.maxWindow) {
    c.maxWindow = window;
    syncMss(c);
  }
  return changed;
}

/** `sndUna` moves to `una`: what is below leaves the queue. */
function acknowledged(c: TcpConnection, una: number): void {
  const { tx, now } = c;
  c.bytesAcked += (una - c.sndUna) | 0;
  c.sndUna = una;
  if (c.urgentSend && seqGe(una, c.sndUp)) c.urgentSend = false;
  while (tx.length > 0) {
    const segment = tx.at(0);
    if (seqGt(segment.end, una)) {
      // A part of a segment: the rest begins where the acknowledgement ends.
      if (seqGt(una, segment.seq)) {
        if ((segment.flags & SYN) !== 0) {
          segment.flags &= ~SYN;
          c.bytesAcked--;
        }
        segment.seq = una;
      }
      break;
    }
    if ((segment.flags & SYN) !== 0) c.bytesAcked--;
    if ((segment.flags & FIN) !== 0) c.bytesAcked--;
    if ((segment.marks & SACKED) === 0) {
      rackDelivered(c, segment);
      noteReordering(c, segment);
      noteDelivered(c, segment);
      c.delivered++;
      if ((segment.marks & EVER_RETRANSMITTED) !== 0) {
        ack.retransmitted = true;
      } else {
        ack.originalDelivered = true;
        if (ack.firstRtt < 0) ack.firstRtt = now - segment.sentAt;
        ack.lastRtt = now - segment.sentAt;
      }
    }
    ack.acked++;
    tx.shift();
  }
  // Without SACK some of them were counted as delivered when duplicates told of them.
  if (!c.sackOk && c.dupAcks > 0) c.delivered -= Math.min(c.dupAcks, Math.max(0, ack.acked - 1));
  // What was behind a hole is then acknowledged when the hole is filled: that says nothing of its own way.
  if (ack.retransmitted && !c.sackOk) ack.originalDelivered = false;
  if (tx.length === 0 && c.busySince >= 0) {
    c.busyTime += now - c.busySince;
    c.busySince = -1;
  }
  releaseBytes(c, una);
}

/** Drops acknowledged bytes from the send buffer: numbers of SYN and FIN have none. */
function releaseBytes(c: TcpConnection, una: number): void {
  const { sendRing } = c;
  let n = (una - c.sendBase) | 0;
  if (n <= 0) return;
  if (n > sendRing.length) n = sendRing.length;
  c.sendBase = (c.sendBase + n) | 0;
  sendRing.consume(n);
  if (sendRing.length === 0) sendRing.clear();
}

/** Karn: only what was sent once; else by the timestamp (RFC 7323 section 4.1). */
function takeRtt(c: TcpConnection): void {
  let sample = ack.firstRtt >= 0 && !ack.retransmitted ? ack.firstRtt : ack.sackRtt;
  if (sample < 0) {
    if (!ack.advanced || !ack.hasEcho || ack.echo === 0) return;
    sample = ((c.now + c.tsOffset) | 0) - ack.echo;
    if (sample < 0 || sample > 600_000) return;
  }
  sampleRtt(c, sample);
  const latest = ack.lastRtt >= 0 && !ack.retransmitted ? ack.lastRtt : sample;
  c.congestionMade?.onRtt(c, latest, c.now);
}

/** RFC 8985 section 7.4: did the probe repair a loss? */
function endProbe(c: TcpConnection): void {
  const beyond = (c.sndUna - c.tlpHighSeq) | 0;
  if (beyond < 0) return;
  if (!c.tlpRetrans || ack.dsack) {
    c.tlpPending = false;
  } else if (beyond > 0) {
    // Nobody said that the probe came twice: the first copy was lost.
    c.tlpPending = false;
    c.shared.counters.TCPLossProbeRecovery++;
    probeRepaired(c);
  } else if (ack.duplicate && ack.sacked === 0) {
    c.tlpPending = false;
  }
}

/** An answer while nothing is outstanding: is the window open, or is it to be probed again? */
function windowProbed(c: TcpConnection): void {
  const unsent = (c.writeSeq - c.sndNxt) | 0;
  if (unsent <= 0) {
    if (c.pending === PENDING_PROBE) armRetransmit(c);
    return;
  }
  const room = (c.sndUna + c.sndWnd - c.sndNxt) | 0;
  if (room >= Math.min(unsent, c.mss)) {
    c.backoff = 0;
    c.probesSince = 0;
    armRetransmit(c);
  } else if (c.pending !== PENDING_NONE) {
    armProbe(c);
  }
}
