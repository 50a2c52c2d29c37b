/** Everything that happens by the clock: retransmission, loss probes, window probes, delayed acknowledgements, keepalive. */
import { TCP_CLOSE, TCP_FIN_WAIT2, TCP_SYN_RECV, TCP_SYN_SENT, TCP_TIME_WAIT } from '@sandbox/abi';
import { abandon, endConnection } from './close.js';
import type { TcpConnection } from './connection.js';
import {
  CA_CWR,
  DELACK_MAX,
  DELACK_MIN,
  PENDING_NONE,
  PENDING_PROBE,
  PENDING_REORDER,
  PENDING_RTO,
  PENDING_TLP,
  RTO_INITIAL,
  RTO_MAX,
  RTO_MIN,
} from './constants.js';
import { PUSH_NOW, pushPending, retransmit, sendAck, sendProbe, sendReset } from './output.js';
import { onReorderTimer } from './rack.js';
import { enterLoss, retransmissionTimedOut } from './recovery.js';
import { setPingpong } from './window.js';

/** Arms the one timer of retransmission and its kin for `pending`, at an absolute time. */
export function armPending(c: TcpConnection, pending: number, at: number): void {
  c.pending = pending;
  c.host.timers.arm(c.retransmitTimer, at);
}

function disarm(c: TcpConnection): void {
  c.pending = PENDING_NONE;
  c.host.timers.cancel(c.retransmitTimer);
}

/** RFC 6298 section 5: (re)starts the retransmission timer, or stops it when nothing is outstanding. */
export function armRetransmit(c: TcpConnection): void {
  if (c.tx.length === 0) {
    disarm(c);
    return;
  }
  armPending(c, PENDING_RTO, c.now + Math.min(backedOff(c, c.rto), RTO_MAX));
}

/** After an acknowledgement the oldest segment's own time counts, not the acknowledgement's (Linux's tcp_rearm_rto). */
export function rearmAfterProbe(c: TcpConnection): void {
  const first = c.tx.first;
  if (first === null) {
    disarm(c);
    return;
  }
  armPending(c, PENDING_RTO, Math.max(first.sentAt + c.rto, c.now + 1));
}

/** The RTO with exponential backoff. `rto` itself is as measured. */
function backedOff(c: TcpConnection, rto: number): number {
  return c.backoff === 0 ? rto : Math.min(rto * 2 ** Math.min(c.backoff, 20), RTO_MAX);
}

/** RFC 8985 section 7.2: a tail loss probe instead of waiting for the RTO. false: not now. */
export function scheduleLossProbe(c: TcpConnection): boolean {
  const { tx } = c;
  if (
    !c.shared.settings.tailLossProbe ||
    !c.sackOk ||
    c.caState > CA_CWR ||
    c.srtt === 0 ||
    c.tlpPending ||
    tx.length === 0 ||
    tx.sacked > 0 ||
    c.backoff > 0 ||
    c.state === TCP_SYN_SENT ||
    c.state === TCP_SYN_RECV
  ) {
    return false;
  }
  let timeout = 2 * c.srtt;
  // A lone segment may be waiting for the other side's delayed acknowledgement.
  timeout += tx.length === 1 ? DELACK_MAX : 2;
  if (timeout >= c.rto) return false;
  armPending(c, PENDING_TLP, c.now + timeout);
  return true;
}

/** Zero window, or a rest that cork or Nagle keeps back: something is tried after a while (section 3.8.6.1). */
export function armProbe(c: TcpConnection): void {
  const wait = Math.max(Math.min(backedOff(c, Math.max(c.rto, RTO_MIN)), RTO_MAX), RTO_MIN);
  armPending(c, PENDING_PROBE, c.now + limitByUser(c, wait, c.probesSince));
}

/** TCP_USER_TIMEOUT ends the wait early, so that giving up comes when it was asked for. */
function limitByUser(c: TcpConnection, wait: number, since: number): number {
  const limit = c.options.userTimeout;
  if (limit === 0 || since === 0) return wait;
  const left = limit - (c.now - since);
  return Math.max(1, Math.min(wait, left));
}

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

/** An acknowledgement is owed: when it is sent if no data takes it along. */
export function scheduleDelayedAck(c: TcpConnection): void {
  const wasScheduled = c.ackScheduled && c.delackTimer.armed;
  c.ackScheduled = true;
  let delay = c.ato;
  if (delay > DELACK_MIN) {
    let most = c.pingpong > 0 ? DELACK_MAX : 500;
    if (c.srtt > 0) most = Math.min(most, Math.max(c.srtt, DELACK_MIN));
    delay = Math.min(delay, most);
  }
  const at = c.now + Math.min(Math.max(delay, 1), DELACK_MAX);
  if (!wasScheduled || at < c.delackTimer.deadline) c.host.timers.arm(c.delackTimer, at);
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

/** Keepalive is due this many ms from now; also after its options changed. */
export function armKeepalive(c: TcpConnection): void {
  if (!c.options.keepAlive || c.orphan || c.state === TCP_CLOSE || c.state === TCP_SYN_SENT) {
    if (!c.orphan) c.host.timers.cancel(c.keepTimer);
    return;
  }
  const idle = c.now - Math.max(c.lastAckReceived, c.lastDataReceived);
  c.host.timers.arm(c.keepTimer, c.now + Math.max(1, c.options.keepIdle - idle));
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
  const { timers } = c.host;
  if (c.tx.length > 0 || c.sndNxt !== c.writeSeq) {
    timers.arm(c.keepTimer, c.now + options.keepIdle);
    return;
  }
  const idle = c.now - Math.max(c.lastAckReceived, c.lastDataReceived);
  if (idle < options.keepIdle) {
    timers.arm(c.keepTimer, c.now + options.keepIdle - idle);
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
  timers.arm(c.keepTimer, c.now + options.keepInterval);
}

function resetAndAbandon(c: TcpConnection): void {
  sendReset(c);
  abandon(c);
}

/** Kind of timer for /proc/net/tcp. */
export function timerKindOf(c: TcpConnection): number {
  if (c.state === TCP_TIME_WAIT) return 3;
  if (c.pending === PENDING_PROBE) return 4;
  if (c.pending !== PENDING_NONE) return 1;
  return c.keepTimer.armed ? 2 : 0;
}

/** Milliseconds until it fires. */
export function timerLeftOf(c: TcpConnection): number {
  const timer = c.pending !== PENDING_NONE ? c.retransmitTimer : c.keepTimer;
  return timer.armed ? Math.max(0, timer.deadline - c.host.now()) : 0;
}
