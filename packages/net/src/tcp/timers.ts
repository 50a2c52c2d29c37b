/** What happens when timers go off (`arming.ts` sets them). */
import { TCP_CLOSE, TCP_FIN_WAIT2, TCP_SYN_RECV, TCP_SYN_SENT, TCP_TIME_WAIT } from '@sandbox/abi';
import { armKeepTimer, armPending, armProbe, armRetransmit, backedOff, limitByUser } from './arming.js';
import { abandon, endConnection } from './close.js';
import type { TcpConnection } from './connection.js';
import {
  CA_RECOVERY,
  DELACK_MIN,
  PENDING_NONE,
  PENDING_PROBE,
  PENDING_REORDER,
  PENDING_RTO,
  PENDING_TLP,
  RTO_INITIAL,
  RTO_MAX,
} from './constants.js';
import {
  inFlight,
  PUSH_NOW,
  pushPending,
  retransmit,
  retransmitLost,
  sendAck,
  sendProbe,
  sendReset,
} from './output.js';
import { detectLoss } from './rack.js';
import { enterLoss, enterRecovery, reduceCwnd, retransmissionTimedOut } from './recovery.js';
import { setPingpong } from './window.js';

export function onRetransmitTimer(c: TcpConnection): void {
  const { pending } = c;
  c.pending = PENDING_NONE;
  if (c.state === TCP_CLOSE || c.state === TCP_TIME_WAIT) return;
  if (pending === PENDING_RTO) onTimeout(c);
  else if (pending === PENDING_REORDER) onReorderTimer(c);
  else if (pending === PENDING_TLP) onLossProbe(c);
  else if (pending === PENDING_PROBE) onProbe(c);
}

/** RTO: RFC 6298 section 5.4 to 5.7, RFC 5681 section 3.1. */
function onTimeout(c: TcpConnection): void {
  const { tx } = c;
  if (tx.length === 0) return;
  c.tlpHighSeq = 0;
  c.tlpPending = false;
  if (retransmissionTimedOut(c)) {
    abandon(c);
    return;
  }
  if (c.sndWnd === 0 && !c.orphan && c.state !== TCP_SYN_SENT && c.state !== TCP_SYN_RECV) {
    // The other side shrank its window to nothing with data outstanding: as long as it answers, go on.
    const since = c.retransStamp === 0 ? tx.at(0).sentAt : c.retransStamp;
    if (c.now - c.lastAckReceived > 2 * RTO_MAX && c.now - since > 2 * RTO_MAX) {
      abandon(c);
      return;
    }
    enterLoss(c);
    retransmit(c, 0);
    c.backoff++;
    c.retransmits++;
    armRetransmit(c);
    return;
  }
  c.shared.counters.TCPTimeouts++;
  enterLoss(c);
  c.retransmits++;
  retransmit(c, 0);
  c.shared.counters.TCPSlowStartRetrans++;
  c.backoff++;
  const wait = Math.min(backedOff(c, c.state === TCP_SYN_SENT ? RTO_INITIAL : c.rto), RTO_MAX);
  armPending(c, PENDING_RTO, c.now + limitByUser(c, wait, c.retransStamp));
  if (c.retransmits >= c.shared.settings.retries1) c.host.pathSuspect();
}

/** The reordering window is over. */
function onReorderTimer(c: TcpConnection): void {
  const before = inFlight(c);
  const lost = c.tx.lost;
  const timeout = detectLoss(c);
  if (inFlight(c) !== before) {
    if (c.caState < CA_RECOVERY) enterRecovery(c);
    if (c.caState === CA_RECOVERY) reduceCwnd(c, 0, c.tx.lost - lost, false);
    retransmitLost(c);
  }
  if (timeout > 0) armPending(c, PENDING_REORDER, c.now + timeout + 0.01);
  else if (c.pending !== PENDING_RTO) armRetransmit(c);
}

/** The tail loss probe: new data if there is any, else the last segment again (RFC 8985 section 7.3). */
function onLossProbe(c: TcpConnection): void {
  const { tx } = c;
  c.shared.counters.TCPLossProbes++;
  if (tx.length === 0) return;
  if (!c.tlpPending) {
    const before = c.sndNxt;
    const cwnd = c.cwnd;
    c.cwnd = Math.max(c.cwnd, tx.length + 1);
    c.tlpPending = true;
    pushPending(c, PUSH_NOW);
    c.cwnd = cwnd;
    if (c.sndNxt !== before) {
      c.tlpHighSeq = c.sndNxt;
      c.tlpRetrans = false;
    } else {
      c.tlpHighSeq = c.sndNxt;
      c.tlpRetrans = true;
      c.tlpPending = retransmit(c, tx.length - 1);
    }
  }
  rearmFull(c);
}

function rearmFull(c: TcpConnection): void {
  armPending(c, PENDING_RTO, c.now + c.rto);
}

/** A window probe: what fits into the window, or an empty segment with an old number. */
function onProbe(c: TcpConnection): void {
  if (c.tx.length > 0 || c.sndNxt === c.writeSeq) {
    c.probesOut = 0;
    c.probesSince = 0;
    if (c.tx.length > 0) armRetransmit(c);
    return;
  }
  if (c.probesSince === 0) c.probesSince = c.now;
  else if (c.options.userTimeout > 0 && c.now - c.probesSince >= c.options.userTimeout) {
    abandon(c);
    return;
  }
  const { settings } = c.shared;
  const most = c.orphan ? settings.orphanRetries : settings.retries2;
  if (c.probesOut >= most) {
    abandon(c);
    return;
  }
  c.shared.counters.TCPWinProbe++;
  if (writeWakeup(c)) return;
  c.probesOut++;
  if (c.backoff < 15) c.backoff++;
  armProbe(c);
}

/** Sends whatever the window takes, be it less than a segment. true: data went out and its own timer runs. */
function writeWakeup(c: TcpConnection): boolean {
  const before = c.sndNxt;
  const room = (c.sndUna + c.sndWnd - c.sndNxt) | 0;
  if (room > 0) {
    const { mss } = c;
    // The override of the sender's silly window avoidance (section 3.8.6.2.1).
    if (room < mss) c.mss = room;
    pushPending(c, PUSH_NOW);
    c.mss = mss;
    if (c.sndNxt !== before) return true;
  }
  if (c.urgentSend) sendProbe(c, true);
  sendProbe(c, false);
  return false;
}

export function onDelayedAck(c: TcpConnection): void {
  if (c.state === TCP_CLOSE || !c.ackScheduled) return;
  // The guess that data goes back was wrong.
  if (c.pingpong === 0) c.ato = Math.min(c.ato * 2, c.rto);
  else {
    setPingpong(c, 0);
    c.ato = DELACK_MIN;
  }
  sendAck(c);
  c.shared.counters.DelayedACKs++;
}

/** Keepalive (RFC 9293 section 3.8.4); for an orphan in FIN_WAIT2, the end of waiting. */
export function onKeepTimer(c: TcpConnection): void {
  const { options } = c;
  if (c.state === TCP_FIN_WAIT2 && c.orphan) {
    // Linux keeps such a one in its TIME_WAIT table; it goes without a word.
    endConnection(c);
    return;
  }
  if (!options.keepAlive || c.state === TCP_CLOSE || c.state === TCP_SYN_SENT) return;
  if (c.tx.length > 0 || c.sndNxt !== c.writeSeq) {
    armKeepTimer(c, options.keepIdle);
    return;
  }
  const idle = c.now - Math.max(c.lastAckReceived, c.lastDataReceived);
  if (idle < options.keepIdle) {
    armKeepTimer(c, options.keepIdle - idle);
    return;
  }
  const over =
    options.userTimeout > 0
      ? idle >= options.userTimeout && c.keepProbes > 0
      : c.keepProbes >= options.keepCount;
  if (over) {
    resetAndAbandon(c);
    return;
  }
  c.shared.counters.TCPKeepAlive++;
  sendProbe(c, false);
  c.keepProbes++;
  armKeepTimer(c, options.keepInterval);
}

function resetAndAbandon(c: TcpConnection): void {
  sendReset(c);
  abandon(c);
}
