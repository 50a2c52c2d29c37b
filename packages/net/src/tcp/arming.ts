/**
 * When timers go off: retransmission, loss probes, window probes, delayed acknowledgements, keepalive. What
 * then happens is in `timers.ts`.
 */
import { TCP_CLOSE, TCP_SYN_RECV, TCP_SYN_SENT, TCP_TIME_WAIT } from '@sandbox/abi';
import { Timer } from '../core/timers.js';
import type { TcpConnection } from './connection.js';
import {
  CA_CWR,
  DELACK_MAX,
  DELACK_MIN,
  PENDING_NONE,
  PENDING_PROBE,
  PENDING_RTO,
  PENDING_TLP,
  RTO_MAX,
  RTO_MIN,
  TIMER_DELACK,
  TIMER_KEEP,
} from './constants.js';

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

/**
 * After an acknowledgement the oldest segment's own time counts, not the acknowledgement's (Linux's
 * tcp_rearm_rto).
 */
export function rearmAfterProbe(c: TcpConnection): void {
  const first = c.tx.first;
  if (first === null) {
    disarm(c);
    return;
  }
  armPending(c, PENDING_RTO, Math.max(first.sentAt + c.rto, c.now + 1));
}

/** The RTO with exponential backoff. `rto` itself is as measured. */
export function backedOff(c: TcpConnection, rto: number): number {
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

/**
 * Zero window, or a rest that cork or Nagle keeps back: something is tried after a while (section 3.8.6.1).
 */
export function armProbe(c: TcpConnection): void {
  const wait = Math.max(Math.min(backedOff(c, Math.max(c.rto, RTO_MIN)), RTO_MAX), RTO_MIN);
  armPending(c, PENDING_PROBE, c.now + limitByUser(c, wait, c.probesSince));
}

/** TCP_USER_TIMEOUT ends the wait early, so that giving up comes when it was asked for. */
export function limitByUser(c: TcpConnection, wait: number, since: number): number {
  const limit = c.options.userTimeout;
  if (limit === 0 || since === 0) return wait;
  const left = limit - (c.now - since);
  return Math.max(1, Math.min(wait, left));
}

/** An acknowledgement is owed: when it is sent if no data takes it along. */
export function scheduleDelayedAck(c: TcpConnection): void {
  const timer = (c.delackTimer ??= new Timer(c, TIMER_DELACK));
  const wasScheduled = c.ackScheduled && timer.armed;
  c.ackScheduled = true;
  let delay = c.ato;
  if (delay > DELACK_MIN) {
    let most = c.pingpong > 0 ? DELACK_MAX : 500;
    if (c.srtt > 0) most = Math.min(most, Math.max(c.srtt, DELACK_MIN));
    delay = Math.min(delay, most);
  }
  const at = c.now + Math.min(Math.max(delay, 1), DELACK_MAX);
  if (!wasScheduled || at < timer.deadline) c.host.timers.arm(timer, at);
}

/** Arms the timer of keepalive and FIN_WAIT2. */
export function armKeepTimer(c: TcpConnection, wait: number): void {
  c.keepTimer ??= new Timer(c, TIMER_KEEP);
  c.host.timers.arm(c.keepTimer, c.now + wait);
}

/** Keepalive is due this many ms from now; also after its options changed. */
export function armKeepalive(c: TcpConnection): void {
  if (!c.options.keepAlive || c.orphan || c.state === TCP_CLOSE || c.state === TCP_SYN_SENT) {
    if (!c.orphan) c.host.timers.cancel(c.keepTimer);
    return;
  }
  const idle = c.now - Math.max(c.lastAckReceived, c.lastDataReceived);
  armKeepTimer(c, Math.max(1, c.options.keepIdle - idle));
}

/** Kind of timer for /proc/net/tcp. */
export function timerKindOf(c: TcpConnection): number {
  if (c.state === TCP_TIME_WAIT) return 3;
  if (c.pending === PENDING_PROBE) return 4;
  if (c.pending !== PENDING_NONE) return 1;
  return c.keepTimer?.armed ? 2 : 0;
}

/** Milliseconds until it fires. */
export function timerLeftOf(c: TcpConnection): number {
  const timer = c.pending !== PENDING_NONE ? c.retransmitTimer : c.keepTimer;
  return timer?.armed ? Math.max(0, timer.deadline - c.host.now()) : 0;
}
