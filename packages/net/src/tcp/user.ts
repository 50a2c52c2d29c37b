/** What a connection's user does: send, receive, poll, shut down, set options. */
import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOBUFS,
  ENOTCONN,
  EPIPE,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
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
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from '@sandbox/abi';
import type { ByteSink, ByteSource } from '../core/bytes.js';
import { armKeepalive } from './arming.js';
import { closeSending } from './close.js';
import type { TcpConnection } from './connection.js';
import { afterRead, PUSH_FULL, PUSH_NORMAL, PUSH_NOW, pushPending } from './output.js';
import { URGENT_NONE, URGENT_READ, URGENT_VALID } from './urgent.js';
import { adjustReceiveSpace, setPingpong } from './window.js';

function takeError(c: TcpConnection): number {
  const { error } = c;
  c.error = 0;
  return -error;
}

/** Bytes queued and not acknowledged. */
function queued(c: TcpConnection): number {
  return (c.writeSeq - c.sndUna) | 0;
}

/** Room for a third of the buffer, and not too much waiting that was never sent (TCP_NOTSENT_LOWAT). */
export function writable(c: TcpConnection): boolean {
  const used = queued(c);
  return (
    c.options.sendBuffer - used >= used >> 1 && ((c.writeSeq - c.sndNxt) | 0) < c.options.notSentLowWater
  );
}

/** send(2): takes what fits into the buffer. */
export function sendStream(c: TcpConnection, source: ByteSource, flags: number): number {
  if (c.state !== TCP_ESTABLISHED && c.state !== TCP_CLOSE_WAIT) {
    if (c.error !== 0) return takeError(c);
    return c.state === TCP_SYN_SENT || c.state === TCP_SYN_RECV ? -EAGAIN : -EPIPE;
  }
  if (c.error !== 0) return takeError(c);
  if (c.sendShut) return -EPIPE;
  const wanted = source.remaining;
  if (wanted === 0) return 0;
  const room = c.options.sendBuffer - queued(c);
  if (room <= 0 || ((c.writeSeq - c.sndNxt) | 0) >= c.options.notSentLowWater) {
    c.noSpace = true;
    return -EAGAIN;
  }
  const { sendRing } = c;
  // What a segment holds is taken whole, once there is any room.
  const length = Math.min(wanted, Math.max(room, c.mss));
  if (!sendRing.reserve(sendRing.length + length, sendRing.length)) {
    if (sendRing.length === 0) return -ENOBUFS;
    c.noSpace = true;
    return -EAGAIN;
  }
  const taken = sendRing.append(source, length);
  if (taken === 0) {
    if (sendRing.length === 0) sendRing.clear();
    return -EFAULT;
  }
  c.writeSeq = (c.writeSeq + taken) | 0;
  if (taken < wanted) c.noSpace = true;
  else if ((flags & MSG_OOB) !== 0) {
    c.sndUp = c.writeSeq;
    c.urgentSend = true;
  }
  pushPending(c, (flags & MSG_MORE) !== 0 ? PUSH_FULL : PUSH_NORMAL);
  return taken;
}

/** recv(2). */
export function readStream(c: TcpConnection, sink: ByteSink, flags: number, peekOffset: number): number {
  if ((flags & MSG_OOB) !== 0) return readUrgent(c, sink, flags);
  const { rx } = c;
  const peek = (flags & MSG_PEEK) !== 0;
  if (!peek) peekOffset = 0;
  let length = rx.length - peekOffset;
  if (length > 0) {
    let skip = 0;
    if (c.urgentState !== URGENT_NONE) {
      // Reading stops at the urgent byte; the byte itself is not part of the stream unless SO_OOBINLINE is
      // set.
      const mark = (c.urgentSeq - rx.first - peekOffset) | 0;
      if (mark > 0 && mark < length) length = mark;
      else if (mark === 0 && !c.options.oobInline) skip = 1;
      else if (mark === 0 && sink.remaining > 0 && !peek) c.urgentState = URGENT_NONE;
    }
    if (skip < length) return take(c, sink, flags, peekOffset, skip, length - skip);
    if (skip === 1 && !peek) skipUrgent(c);
  }
  if (c.done) return 0;
  if (c.error !== 0) return takeError(c);
  if (c.receiveShut) return 0;
  if (c.state === TCP_CLOSE) return -ENOTCONN;
  return -EAGAIN;
}

function skipUrgent(c: TcpConnection): void {
  c.rx.consume(1);
  if (c.urgentState === URGENT_READ) c.urgentState = URGENT_NONE;
}

function take(
  c: TcpConnection,
  sink: ByteSink,
  flags: number,
  peekOffset: number,
  skip: number,
  length: number,
): number {
  const { rx } = c;
  const most = sink.remaining;
  if (length > most) length = most;
  if (length === 0) return 0;
  let n = length;
  if ((flags & MSG_TRUNC) === 0) {
    n = rx.ring.copyTo(peekOffset + skip, length, sink);
    if (n === 0) return -EFAULT;
  }
  if ((flags & MSG_PEEK) !== 0) return n;
  if (skip > 0 && c.urgentState !== URGENT_NONE) {
    // Passed the mark: an urgent byte nobody asked for is gone.
    if (c.urgentState !== URGENT_VALID || !c.options.oobInline) c.urgentState = URGENT_NONE;
  }
  rx.consume(n + skip);
  adjustReceiveSpace(c);
  afterRead(c, n);
  return n;
}

function readUrgent(c: TcpConnection, sink: ByteSink, flags: number): number {
  if (c.options.oobInline || c.urgentState === URGENT_NONE || c.urgentState === URGENT_READ) return -EINVAL;
  if (c.state === TCP_CLOSE && !c.done) return -ENOTCONN;
  if (c.urgentState === URGENT_VALID) {
    if ((flags & MSG_PEEK) === 0) c.urgentState = URGENT_READ;
    if (sink.remaining === 0) return 0;
    if ((flags & MSG_TRUNC) !== 0) return 1;
    urgentByte[0] = c.urgentByte;
    return sink.put(urgentByte, 0, 1) === 1 ? 1 : -EFAULT;
  }
  if (c.state === TCP_CLOSE || c.receiveShut) return 0;
  return -EAGAIN;
}

const urgentByte = new Uint8Array(1);

/** Bytes the user could read up to the urgent mark: SIOCINQ. */
export function readableBytes(c: TcpConnection): number {
  const { rx } = c;
  if (c.urgentState === URGENT_NONE || c.options.oobInline) return rx.length;
  const mark = (c.urgentSeq - rx.first) | 0;
  if (mark > 0 && mark < rx.length) return mark;
  return mark === 0 && rx.length > 0 ? rx.length - 1 : rx.length;
}

export function poll(c: TcpConnection): number {
  let events = 0;
  const { state } = c;
  if ((c.receiveShut && c.sendShut) || state === TCP_CLOSE) events |= POLLHUP;
  if (c.receiveShut) events |= POLLIN | POLLRDNORM | POLLRDHUP;
  if (state !== TCP_SYN_SENT && state !== TCP_SYN_RECV) {
    if (c.rx.length > 0 && enoughToRead(c)) events |= POLLIN | POLLRDNORM;
    if (c.sendShut) events |= POLLOUT | POLLWRNORM;
    else if (writable(c)) events |= POLLOUT | POLLWRNORM;
    else c.noSpace = true;
    if (c.urgentState === URGENT_VALID) events |= POLLPRI;
  }
  if (c.error !== 0) events |= POLLERR;
  return events;
}

/** SO_RCVLOWAT is reached, or cannot be with the window there is. */
export function enoughToRead(c: TcpConnection): boolean {
  const { rx } = c;
  let target = c.options.receiveLowWater;
  if (c.urgentState !== URGENT_NONE && !c.options.oobInline && c.urgentSeq === rx.first) target++;
  return (
    rx.length >= target || (target > 1 && rx.length > 1 && ((c.rcvWup + c.rcvWnd - rx.next) | 0) <= c.rcvMss)
  );
}

export function shutdownSend(c: TcpConnection): void {
  if (c.sendShut) return;
  c.sendShut = true;
  if (c.state === TCP_ESTABLISHED || c.state === TCP_CLOSE_WAIT) closeSending(c);
  if (c.receiveShut) c.host.wake(POLLIN | POLLHUP);
  c.host.wake(POLLOUT | POLLWRNORM);
}

export function shutdownReceive(c: TcpConnection): void {
  c.receiveShut = true;
  c.host.wake(POLLIN | POLLRDNORM | POLLRDHUP | (c.sendShut ? POLLHUP : 0));
}

/** Options that act when they are set. */
export function optionsChanged(c: TcpConnection): void {
  const { options } = c;
  if (c.state === TCP_CLOSE) return;
  // TCP_QUICKACK is a state more than an option: it is the opposite of waiting for data to ride on.
  if (options.quickAck !== (c.pingpong === 0)) {
    setPingpong(c, options.quickAck ? 0 : 1);
    if (options.quickAck && c.ackScheduled) {
      if (c.smallSegments === 0) c.smallSegments = 1;
      afterRead(c, 1);
    }
  }
  // Setting TCP_NODELAY pushes what is queued, even corked; clearing TCP_CORK does as Nagle says.
  const mode = options.noDelay && !c.noDelaySeen ? PUSH_NOW : PUSH_NORMAL;
  c.noDelaySeen = options.noDelay;
  pushPending(c, mode);
  armKeepalive(c);
  if (c.noSpace && writable(c)) {
    c.noSpace = false;
    c.host.wake(POLLOUT | POLLWRNORM);
  }
}
