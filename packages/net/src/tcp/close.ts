/** How connections end: FIN, RST, giving up, TIME_WAIT (RFC 9293 section 3.6, 3.10.4, 3.10.5). */
import {
  ECONNREFUSED,
  ECONNRESET,
  EPIPE,
  ETIMEDOUT,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_TIME_WAIT,
} from '@sandbox/abi';
import { armKeepTimer } from './arming.js';
import type { TcpConnection } from './connection.js';
import { PENDING_NONE } from './constants.js';
import { PUSH_NOW, pushPending, sendReset } from './output.js';

const EVERYTHING = POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP | POLLPRI | POLLERR;

/**
 * State CLOSE: nothing is sent or received any more. Bytes received before stay readable for a user that is
 * there.
 */
export function endConnection(c: TcpConnection): void {
  if (c.state === TCP_CLOSE) return;
  c.state = TCP_CLOSE;
  c.receiveShut = true;
  c.sendShut = true;
  c.pending = PENDING_NONE;
  const { timers } = c.host;
  timers.remove(c.retransmitTimer);
  timers.remove(c.delackTimer);
  timers.remove(c.keepTimer);
  c.tx.clear();
  c.dupAcks = 0;
  c.sendRing.clear();
  c.writeSeq = c.sndNxt;
  c.sndUna = c.sndNxt;
  c.rx.dropRanges();
  if (c.orphan || c.rx.length === 0) c.rx.clear();
  if (!c.orphan) c.host.wake(EVERYTHING);
  c.host.closed();
}

/** A failure is the user's to know, then it is over. */
function fail(c: TcpConnection, errno: number): void {
  c.error = errno;
  endConnection(c);
}

/** Gave up: ETIMEDOUT, or what ICMP had told. */
export function abandon(c: TcpConnection): void {
  c.shared.counters.TCPAbortOnTimeout++;
  fail(c, c.softError !== 0 ? c.softError : ETIMEDOUT);
}

/** An acceptable RST came. */
export function resetReceived(c: TcpConnection): void {
  if (c.state === TCP_SYN_SENT) fail(c, ECONNREFUSED);
  else if (c.state === TCP_CLOSE_WAIT) fail(c, EPIPE);
  else fail(c, ECONNRESET);
}

/** ICMP said so, and the user or the state wants it at once. */
export function failWith(c: TcpConnection, errno: number): void {
  fail(c, errno);
}

/** TIME_WAIT belongs to the host, which keeps a record of it; the connection itself is done. */
export function enterTimeWait(c: TcpConnection): void {
  c.state = TCP_TIME_WAIT;
  c.done = true;
  c.host.timeWait();
  endConnection(c);
}

/** FIN_WAIT2: all of ours is acknowledged. Without a user it lasts for a while only. */
export function enterFinWait2(c: TcpConnection): void {
  c.state = TCP_FIN_WAIT2;
  c.sendShut = true;
  if (!c.orphan) {
    c.host.wake(POLLOUT | POLLWRNORM);
    return;
  }
  orphanInFinWait2(c);
}

function orphanInFinWait2(c: TcpConnection): void {
  const { linger2 } = c.options;
  if (linger2 < 0) {
    c.shared.counters.TCPAbortOnLinger++;
    sendReset(c);
    endConnection(c);
    return;
  }
  const time = linger2 > 0 ? linger2 : c.shared.settings.finTimeout;
  armKeepTimer(c, time);
}

/**
 * Queues the FIN behind the data, and moves on as section 3.10.4 says. Returns whether this state has a FIN
 * to send.
 */
export function closeSending(c: TcpConnection): boolean {
  if (c.state === TCP_ESTABLISHED || c.state === TCP_SYN_RECV) c.state = TCP_FIN_WAIT1;
  else if (c.state === TCP_CLOSE_WAIT) c.state = TCP_LAST_ACK;
  else return false;
  c.finQueued = true;
  c.writeSeq = (c.writeSeq + 1) | 0;
  pushPending(c, PUSH_NOW);
  return true;
}

/** close(2) of the last descriptor. */
export function userClosed(c: TcpConnection): void {
  if (c.orphan) return;
  const unread = c.rx.length > 0;
  c.receiveShut = true;
  c.sendShut = true;
  if (c.state === TCP_CLOSE) {
    c.orphan = true;
    c.rx.clear();
    return;
  }
  c.host.timers.cancel(c.keepTimer);
  if (unread) {
    // RFC 2525 section 2.17: the other side must learn that its data was lost.
    c.shared.counters.TCPAbortOnClose++;
    if (c.state !== TCP_SYN_SENT) sendReset(c);
    c.orphan = true;
    endConnection(c);
    return;
  }
  c.rx.ring.clear();
  if (c.state === TCP_SYN_SENT) {
    c.orphan = true;
    endConnection(c);
    return;
  }
  c.orphan = true;
  if (c.state === TCP_FIN_WAIT2) orphanInFinWait2(c);
  else closeSending(c);
}

/** SO_LINGER of zero, disconnect: RST when there is somebody to tell. */
export function resetByUser(c: TcpConnection): void {
  if (c.state === TCP_CLOSE) {
    c.rx.clear();
    return;
  }
  const { state } = c;
  const told =
    state === TCP_ESTABLISHED ||
    state === TCP_CLOSE_WAIT ||
    state === TCP_FIN_WAIT1 ||
    state === TCP_FIN_WAIT2 ||
    state === TCP_SYN_RECV ||
    (c.sndNxt !== c.writeSeq && state !== TCP_SYN_SENT);
  if (told) sendReset(c);
  c.error = state === TCP_SYN_SENT || told ? ECONNRESET : c.error;
  endConnection(c);
  c.rx.clear();
}
