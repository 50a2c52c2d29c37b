/**
 * Loss recovery: when to enter and leave it, by how much the window is reduced (RFC 5681, 6675, 6937),
 * NewReno without SACK (RFC 6582), spurious retransmissions (RFC 3522, 3708, 5682).
 */
import { TCP_SYN_RECV, TCP_SYN_SENT } from '@sandbox/abi';
import { ack } from './ack-state.js';
import type { TcpConnection } from './connection.js';
import {
  CA_CWR,
  CA_DISORDER,
  CA_LOSS,
  CA_OPEN,
  CA_RECOVERY,
  DUP_THRESHOLD,
  RTO_MAX,
  RTO_MIN,
} from './constants.js';
import { inFlight, PUSH_NOW, pushPending, retransmitLost } from './output.js';
import { markLost, rackIdentifyLoss, rackTimeLeft } from './rack.js';
import { seqGe, seqGt, seqLt } from './seq.js';
import { LOST, SACKED } from './transmit-queue.js';

/** Nothing to send again; only new data; what is lost. */
const REXMIT_NONE = 0;
const REXMIT_NEW = 1;
const REXMIT_LOST = 2;

/** RFC 6937: the window shrinks with each acknowledgement, so that sending never stops for long. */
function beginReduction(c: TcpConnection): void {
  c.highSeq = c.sndNxt;
  c.tlpHighSeq = 0;
  c.tlpPending = false;
  c.priorCwnd = c.cwnd;
  c.prrDelivered = 0;
  c.prrOut = 0;
  c.ssthresh = c.congestion.onCongestion(c);
  if (c.ecnOk) c.ecnQueueCwr = true;
}

/** One step of it. `delivered`: segments newly delivered; `lost`: newly lost. */
export function reduceCwnd(c: TcpConnection, delivered: number, lost: number, advanced: boolean): void {
  if (c.priorCwnd === 0) return;
  const pipe = inFlight(c);
  const delta = c.ssthresh - pipe;
  c.prrDelivered += delivered;
  let count: number;
  if (delta < 0) {
    count = Math.ceil((c.ssthresh * c.prrDelivered) / c.priorCwnd) - c.prrOut;
  } else {
    count = Math.max(c.prrDelivered - c.prrOut, delivered);
    if (advanced && lost === 0) count++;
    count = Math.min(delta, count);
  }
  // The first retransmission goes out in any case, and NewReno's one for each partial acknowledgement.
  if (c.prrOut === 0 || (advanced && !c.sackOk)) count = Math.max(count, 1);
  c.cwnd = Math.max(pipe + count, 1);
}

function endReduction(c: TcpConnection): void {
  if (c.ssthresh < 0x7fffffff && (c.undoPossible || c.caState === CA_CWR)) {
    c.cwnd = c.ssthresh;
    c.cwndStamp = Math.floor(c.now);
  }
}

/** ECN, or a loss repaired by a probe: reduce the window, send nothing again. */
export function enterCwr(c: TcpConnection): void {
  c.priorSsthresh = 0;
  if (c.caState >= CA_CWR) return;
  c.undoPossible = false;
  beginReduction(c);
  c.caState = CA_CWR;
}

/** A tail loss probe repaired a loss: reduce at once, as if recovery had come and gone. */
export function probeRepaired(c: TcpConnection): void {
  if (c.caState >= CA_CWR) return;
  enterCwr(c);
  endReduction(c);
  c.caState = CA_OPEN;
  tryKeepOpen(c);
}

function initUndo(c: TcpConnection): void {
  c.undoPossible = true;
  c.undoRetrans = 0;
  c.undoStamp = 0;
  c.retransStamp = 0;
}

/** Fast recovery. */
export function enterRecovery(c: TcpConnection): void {
  c.priorSsthresh = 0;
  initUndo(c);
  if (c.caState < CA_CWR) {
    c.priorSsthresh = currentSsthresh(c);
    beginReduction(c);
  }
  c.highSeq = c.sndNxt;
  c.tlpPending = false;
  c.caState = CA_RECOVERY;
  const { counters } = c.shared;
  counters.TCPFastRetrans++;
  if (c.sackOk) counters.TCPSackRecovery++;
  else counters.TCPRenoRecovery++;
}

function currentSsthresh(c: TcpConnection): number {
  if (c.caState === CA_CWR || c.caState === CA_RECOVERY) return c.ssthresh;
  return Math.max(c.ssthresh, (c.cwnd >> 1) + (c.cwnd >> 2));
}

/** The retransmission timer fired: what has been under way too long is lost, begin again with one segment. */
export function enterLoss(c: TcpConnection): void {
  const { tx } = c;
  const fresh = c.caState < CA_RECOVERY;
  const first = tx.first;
  // The receiver took back what it had reported (RFC 2018 section 8): nothing reported is believed any more.
  const reneged = first !== null && (first.marks & SACKED) !== 0;
  if (reneged) {
    c.shared.counters.TCPSACKReneging++;
    c.lastSackCount = 0;
  }
  for (let i = 0; i < tx.length; i++) {
    const segment = tx.at(i);
    if (reneged) tx.unmark(segment, SACKED);
    if ((segment.marks & SACKED) !== 0) continue;
    // Segments just sent are not lost because an older one is (RFC 8985 section 6.3).
    if (i > 0 && c.sackOk && !reneged && c.rackRtt > 0 && rackTimeLeft(c, segment, 0) > 0) continue;
    markLost(c, segment);
  }
  c.dupAcks = 0;
  if (
    c.caState <= CA_DISORDER ||
    seqGe(c.sndUna, c.highSeq) ||
    (c.caState === CA_LOSS && c.retransmits === 0)
  ) {
    c.priorSsthresh = currentSsthresh(c);
    c.priorCwnd = c.cwnd;
    c.ssthresh = c.congestion.onCongestion(c);
    c.congestion.onTimeout();
    initUndo(c);
  }
  c.cwnd = Math.max(1, inFlight(c) + 1);
  c.cwndStamp = Math.floor(c.now);
  c.caState = CA_LOSS;
  c.highSeq = c.sndNxt;
  if (c.ecnOk) c.ecnQueueCwr = true;
  // F-RTO: see whether the next two acknowledgements are of the first copies.
  c.frto = fresh || c.retransmits > 0;
}

/**
 * Has it been tried long enough? Linux counts time as if each retransmission had waited from the least RTO
 * on.
 */
export function retransmissionTimedOut(c: TcpConnection): boolean {
  const { settings } = c.shared;
  const { options } = c;
  if (c.state === TCP_SYN_SENT) {
    if (options.userTimeout > 0 && c.retransmits > 0) return elapsed(c) >= options.userTimeout;
    return c.retransmits >= options.synCount;
  }
  if (c.state === TCP_SYN_RECV) return c.retransmits >= settings.synAckRetries;
  if (c.retransmits === 0) return false;
  let boundary = settings.retries2;
  if (c.orphan) boundary = Math.min(boundary, settings.orphanRetries);
  const limit = options.userTimeout > 0 ? options.userTimeout : modelTimeout(boundary, RTO_MIN);
  return elapsed(c) >= limit;
}

function elapsed(c: TcpConnection): number {
  return c.retransStamp === 0 ? 0 : c.now - c.retransStamp;
}

function modelTimeout(boundary: number, base: number): number {
  const linear = Math.floor(Math.log2(RTO_MAX / base));
  if (boundary <= linear) return (2 ** (boundary + 1) - 1) * base;
  return (2 ** (linear + 1) - 1) * base + (boundary - linear) * RTO_MAX;
}

/**
 * The other side's timestamps say it answered the first copies (Eifel), or D-SACKs account for every
 * retransmission.
 */
function mayUndo(c: TcpConnection): boolean {
  if (!c.undoPossible) return false;
  if (c.undoRetrans === 0 && ack.dsack) return true;
  return c.undoStamp !== 0 && ack.hasEcho && seqLt(ack.echo, c.undoStamp);
}

function undo(c: TcpConnection, unmarkLost: boolean): void {
  if (unmarkLost) {
    const { tx } = c;
    for (let i = 0; i < tx.length; i++) {
      const segment = tx.at(i);
      if ((segment.marks & LOST) === 0) continue;
      tx.unmark(segment, LOST);
      if ((segment.marks & SACKED) === 0 && !segment.inTimeOrder) tx.relink(segment);
    }
  }
  if (c.priorSsthresh > 0) {
    c.cwnd = Math.max(c.cwnd, c.priorCwnd);
    c.congestion.onUndo();
    if (c.priorSsthresh > c.ssthresh) c.ssthresh = c.priorSsthresh;
  }
  c.cwndStamp = Math.floor(c.now);
  c.undoPossible = false;
  c.rackAdvanced = true;
  c.shared.counters.TCPFullUndo++;
}

/**
 * Recovery is over, or was never needed. true: without SACK, stay until the window passed (RFC 6582 section
 * 4.2).
 */
function tryUndoRecovery(c: TcpConnection): boolean {
  if (mayUndo(c)) undo(c, false);
  if (c.sndUna === c.highSeq && !c.sackOk) return true;
  c.caState = CA_OPEN;
  return false;
}

function tryUndoLoss(c: TcpConnection, spurious: boolean): boolean {
  if (!spurious && !mayUndo(c)) return false;
  undo(c, true);
  c.retransmits = 0;
  c.shared.counters.TCPSpuriousRTOs++;
  if (spurious || c.sackOk) c.caState = CA_OPEN;
  c.frto = false;
  return true;
}

/** A partial acknowledgement of the first copies: nothing was lost; what was sent again is waited for. */
function tryUndoPartial(c: TcpConnection): boolean {
  if (!c.undoPossible || c.undoStamp === 0 || !ack.hasEcho || seqGe(ack.echo, c.undoStamp)) return false;
  if (c.tx.retransmitted > 0) return true;
  undo(c, true);
  c.caState = CA_OPEN;
  tryKeepOpen(c);
  return true;
}

function tryUndoDsack(c: TcpConnection): boolean {
  if (!c.undoPossible || c.undoRetrans !== 0 || !ack.dsack) return false;
  c.shared.counters.TCPDSACKUndo++;
  undo(c, false);
  return true;
}

/** Nothing is wrong that would need more than watching. */
function tryKeepOpen(c: TcpConnection): void {
  const { tx } = c;
  const odd = tx.sacked + c.dupAcks + tx.lost + tx.retransmitted > 0;
  if (c.caState <= CA_DISORDER) {
    c.caState = odd ? CA_DISORDER : CA_OPEN;
    if (c.caState === CA_OPEN) c.highSeq = c.sndNxt;
  }
}

/** Without SACK each duplicate acknowledgement says that one segment left the network. */
function countDuplicate(c: TcpConnection): void {
  const most = c.tx.length - c.tx.lost - 1;
  if (c.dupAcks < most) {
    c.dupAcks++;
    c.delivered++;
  }
}

/** `acked` segments left the queue: as many as that are no longer counted by duplicates. */
function forgetDuplicates(c: TcpConnection, acked: number): void {
  if (acked > 0) c.dupAcks = Math.max(0, c.dupAcks - Math.max(0, acked - 1));
}

/** NewReno: the first segment is lost, no other is known to be. */
function markFirstLost(c: TcpConnection): void {
  const { first } = c.tx;
  if (first !== null && (first.marks & LOST) === 0) markLost(c, first);
}

/** What an acknowledgement that is in any way unusual means for recovery. Returns what to send (REXMIT_*). */
function alert(c: TcpConnection): number {
  const { tx } = c;
  const lostBefore = tx.lost;
  const advanced = ack.advanced;
  if (ack.ece) c.priorSsthresh = 0;
  // A recovery ends when everything outstanding at its beginning is acknowledged.
  if (c.caState !== CA_OPEN && seqGe(c.sndUna, c.highSeq)) {
    if (c.caState === CA_CWR) {
      if (c.sndUna !== c.highSeq) {
        endReduction(c);
        c.caState = CA_OPEN;
      }
    } else if (c.caState === CA_RECOVERY) {
      if (!c.sackOk) c.dupAcks = 0;
      endReduction(c);
      if (tryUndoRecovery(c)) return REXMIT_NONE;
    }
  }
  if (c.caState === CA_RECOVERY) {
    if (advanced && tryUndoPartial(c)) return REXMIT_LOST;
    if (!advanced) {
      if (!c.sackOk && ack.duplicate) countDuplicate(c);
    } else if (!c.sackOk) {
      // A partial acknowledgement: the next one is lost too (RFC 6582 section 3.2).
      forgetDuplicates(c, ack.acked);
      markFirstLost(c);
    }
    if (tryUndoDsack(c)) {
      c.caState = CA_OPEN;
      tryKeepOpen(c);
    } else rackIdentifyLoss(c);
  } else if (c.caState === CA_LOSS) {
    const rexmit = inLoss(c);
    if (c.caState === CA_LOSS) rackIdentifyLoss(c);
    if (c.caState === CA_LOSS || rexmit === REXMIT_NEW) return rexmit;
  }
  if (c.caState <= CA_CWR) {
    if (!c.sackOk) {
      if (advanced) c.dupAcks = 0;
      if (ack.duplicate) countDuplicate(c);
    }
    if (c.caState <= CA_DISORDER) tryUndoDsack(c);
    rackIdentifyLoss(c);
    const recover = tx.lost > 0 || (!c.sackOk && c.dupAcks >= Math.max(DUP_THRESHOLD, c.reordering));
    if (!recover) {
      if (ack.ece) enterCwr(c);
      else tryKeepOpen(c);
      if (c.caState === CA_CWR) reduceCwnd(c, ack.delivered, 0, advanced);
      return REXMIT_NONE;
    }
    enterRecovery(c);
    if (!c.sackOk) markFirstLost(c);
  }
  reduceCwnd(c, ack.delivered, tx.lost - lostBefore, advanced);
  return REXMIT_LOST;
}

/** After an RTO: RFC 5682's questions, then slow start through what is lost. */
function inLoss(c: TcpConnection): number {
  const recovered = seqGe(c.sndUna, c.highSeq);
  if (ack.advanced && tryUndoLoss(c, false)) return REXMIT_LOST;
  if (c.frto) {
    // A segment that was sent once only was delivered: the timer was too fast.
    if (ack.originalDelivered && tryUndoLoss(c, true)) return REXMIT_LOST;
    if (seqGt(c.sndNxt, c.highSeq)) {
      if (ack.sacked > 0 || ack.duplicate) c.frto = false;
    } else if (ack.advanced && !recovered) {
      c.highSeq = c.sndNxt;
      if (c.sndNxt !== c.writeSeq && seqGt(c.sndUna + c.sndWnd, c.sndNxt)) return REXMIT_NEW;
      c.frto = false;
    }
  }
  if (recovered) {
    c.frto = false;
    tryUndoRecovery(c);
    if (c.caState === CA_LOSS) c.caState = CA_OPEN;
    return REXMIT_LOST;
  }
  if (!c.sackOk) {
    if (seqGt(c.sndNxt, c.highSeq) && ack.duplicate) countDuplicate(c);
    else if (ack.advanced) {
      c.dupAcks = 0;
      markFirstLost(c);
    }
  }
  return REXMIT_LOST;
}

/** What every acknowledgement does to the congestion window, and what it lets go again. */
export function recoverAfterAck(c: TcpConnection): void {
  const dubious =
    c.caState !== CA_OPEN || ack.sacked > 0 || ack.ece || ack.dsack || ack.duplicate || c.tx.lost > 0;
  let rexmit = REXMIT_NONE;
  if (dubious) rexmit = alert(c);
  if (ack.delivered > 0 && (c.caState <= CA_DISORDER || c.caState === CA_LOSS)) grow(c);
  if (rexmit === REXMIT_NEW) {
    const before = c.sndNxt;
    pushPending(c, PUSH_NOW);
    if (c.sndNxt !== before) return;
    c.frto = false;
  }
  if (rexmit !== REXMIT_NONE && c.state !== TCP_SYN_SENT) retransmitLost(c);
}

/** Only a window that was used up grows. */
function grow(c: TcpConnection): void {
  const limited = c.cwnd < c.ssthresh ? c.cwnd < 2 * c.maxPacketsOut : c.cwndLimited;
  if (!limited && c.caState !== CA_LOSS) return;
  if (c.caState === CA_DISORDER && c.reordering <= 3 && !ack.advanced) return;
  c.congestion.onAck(c, ack.delivered, c.now);
  c.cwndStamp = Math.floor(c.now);
}
