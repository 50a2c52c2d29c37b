/**
 * The receive window: how much is offered, silly window avoidance (RFC 9293 section 3.8.6.2.2), and buffers
 * that tune themselves.
 */

import { MAX_WINDOW_SCALE, PSH, type Segment } from '../wire/tcp.js';
import type { TcpConnection } from './connection.js';
import { MAX_UNSCALED_WINDOW, QUICK_ACKS } from './constants.js';
import type { TcpOptions } from './contract.js';
import { seqLt } from './seq.js';
import type { TcpSettings } from './settings.js';

/**
 * Bytes of stream a receive buffer stands for: SO_RCVBUF counts overhead, half of it by custom
 * (tcp_adv_win_scale 1).
 */
function windowSpace(c: TcpConnection): number {
  return c.options.receiveBuffer >> 1;
}

/** The window as the other side knows it now. */
export function receiveWindow(c: TcpConnection): number {
  const window = (c.rcvWup + c.rcvWnd - c.rx.next) | 0;
  return Math.max(window, 0);
}

/** Before the first segment: the initial window, its scale and the clamps. `mss` is the one offered. */
export function initWindow(c: TcpConnection, mss: number, scaling: boolean): void {
  const { settings } = c.shared;
  const { options } = c;
  c.windowClamp = options.windowClamp > 0 ? options.windowClamp : 0x3fffffff;
  let space = Math.min(windowSpace(c), c.windowClamp);
  if (space > mss) space -= space % mss;
  c.rcvWnd = Math.min(space, MAX_UNSCALED_WINDOW);
  c.rcvWscale = 0;
  if (scaling) {
    let most = options.receiveBufferLocked
      ? windowSpace(c)
      : Math.max(settings.receiveMemory[2], windowSpace(c));
    most = Math.min(most, c.windowClamp);
    while (most > MAX_UNSCALED_WINDOW && c.rcvWscale < MAX_WINDOW_SCALE) {
      most /= 2;
      c.rcvWscale++;
    }
  }
  c.windowClamp = Math.min(c.windowClamp, MAX_UNSCALED_WINDOW * 2 ** c.rcvWscale);
  c.rcvSsthresh = c.rcvWnd;
}

/** The window scale to offer: what the buffer may grow to needs. */
export function windowScale(options: TcpOptions, settings: TcpSettings): number {
  const space = options.receiveBuffer >> 1;
  let most = options.receiveBufferLocked ? space : Math.max(settings.receiveMemory[2], space);
  if (options.windowClamp > 0) most = Math.min(most, options.windowClamp);
  let scale = 0;
  while (most > MAX_UNSCALED_WINDOW && scale < MAX_WINDOW_SCALE) {
    most /= 2;
    scale++;
  }
  return scale;
}

/**
 * When the connection is established: buffers fitted to its segments, and the measure of what the user reads.
 */
export function initBuffers(c: TcpConnection): void {
  c.windowClamp = Math.min(c.windowClamp, clampOf(c));
  c.rcvSsthresh = Math.min(c.rcvSsthresh, c.windowClamp);
  c.spaceWindow = Math.min(c.rcvWnd, 10 * c.advMss);
  c.spaceSeq = c.rx.first;
  c.spaceTime = c.now;
  c.rcvMss = Math.max(88, Math.min(c.advMss, c.mss, c.rcvWnd >> 1, 536));
  growSendBuffer(c);
}

function clampOf(c: TcpConnection): number {
  return c.options.windowClamp > 0 ? c.options.windowClamp : windowSpace(c);
}

/**
 * The window to offer, never smaller than what was offered. Notes it as told; returns it as the header has
 * it.
 */
export function selectWindow(c: TcpConnection): number {
  const current = receiveWindow(c);
  const unit = 1 << c.rcvWscale;
  let window = freeWindow(c);
  // A window is never taken back (section 3.8.6), scaled up so that rounding does not do it either.
  if (window < current) window = (current + unit - 1) & -unit;
  const most = MAX_UNSCALED_WINDOW * unit;
  if (window > most) window = most;
  c.rcvWnd = window;
  c.rcvWup = c.rx.next;
  return window >> c.rcvWscale;
}

/** What could be offered if nothing had been offered before. */
export function freeWindow(c: TcpConnection): number {
  const space = windowSpace(c);
  let free = space - c.rx.length;
  const full = Math.min(c.windowClamp, space);
  const mss = Math.min(c.rcvMss, full);
  if (mss <= 0) return 0;
  const unit = 1 << c.rcvWscale;
  if (free < full >> 1) {
    c.quickAcks = 0;
    if (c.shared.pool.pressure) c.rcvSsthresh = Math.min(c.rcvSsthresh, 4 * c.advMss);
    free &= -unit;
    // Little room is none: the other side shall not send crumbs.
    if (free < full >> 4 || free < mss) return 0;
  }
  if (free > c.rcvSsthresh) free = c.rcvSsthresh;
  if (c.rcvWscale > 0) return (free + unit - 1) & -unit;
  const window = c.rcvWnd;
  if (window <= free - mss || window > free) return free - (free % mss);
  if (mss === full && free > window + (full >> 1)) return free;
  return window;
}

/**
 * A segment of `length` bytes came: guess the other side's segment size, open the window further, acknowledge
 * in time.
 */
export function dataArrived(c: TcpConnection, segment: Segment, length: number): void {
  noteSegmentSize(c, length, (segment.flags & PSH) !== 0);
  measureReceiverRtt(c, segment, length);
  const { now } = c;
  if (c.ato === 0) {
    enterQuickAck(c, QUICK_ACKS);
    c.ato = ATO_MIN;
  } else {
    const gap = now - c.lastDataReceived;
    if (gap <= ATO_MIN / 2) c.ato = c.ato / 2 + ATO_MIN / 2;
    else if (gap < c.ato) c.ato = Math.min(c.ato / 2 + gap, c.rto);
    else if (gap > c.rto) enterQuickAck(c, QUICK_ACKS);
  }
  c.lastDataReceived = Math.floor(now);
  if (length >= 128) growWindow(c);
}

/**
 * Guesses the other side's segment size: the largest seen, or what came twice in a row. Two segments that are
 * smaller mean that a user may be waiting for them to be acknowledged, be it that only one of them has fitted
 * into his window.
 */
function noteSegmentSize(c: TcpConnection, length: number, push: boolean): void {
  if (length >= c.rcvMss) {
    c.rcvMss = Math.min(length, c.advMss);
    if (push && c.smallSegments === 0) c.smallSegments = 1;
    return;
  }
  const last = c.lastSegmentSize;
  c.lastSegmentSize = 0;
  if (length >= 536 || (length >= 68 && !push)) {
    c.lastSegmentSize = length;
    if (length === last) {
      c.rcvMss = length;
      return;
    }
  }
  if (c.smallSegments < 2) c.smallSegments++;
}

const ATO_MIN = 40;

/** The next `count` segments are acknowledged at once. */
export function enterQuickAck(c: TcpConnection, count: number): void {
  let quick = Math.floor(c.rcvWnd / (2 * c.rcvMss));
  if (quick === 0) quick = 2;
  quick = Math.min(quick, count);
  if (quick > c.quickAcks) c.quickAcks = quick;
  c.ato = ATO_MIN;
  setPingpong(c, 0);
}

/** Whether acknowledgements wait for data to ride on; TCP_QUICKACK shows the opposite. */
export function setPingpong(c: TcpConnection, pingpong: number): void {
  c.pingpong = pingpong;
  c.options.quickAck = pingpong === 0;
}

function growWindow(c: TcpConnection): void {
  const room = Math.min(c.windowClamp, windowSpace(c)) - c.rcvSsthresh;
  if (room <= 0 || c.shared.pool.pressure) return;
  c.rcvSsthresh += Math.min(room, 2 * c.advMss);
  c.quickAcks |= 1;
}

/** The receiver's own notion of the round trip: by timestamps, else by how long a window's worth takes. */
function measureReceiverRtt(c: TcpConnection, segment: Segment, length: number): void {
  if (c.timestampOk && segment.hasTimestamp) {
    if (segment.tsEcr === c.rcvRttEcr || length < c.rcvMss) return;
    c.rcvRttEcr = segment.tsEcr;
    const delta = ((c.now + c.tsOffset) | 0) - segment.tsEcr;
    if (delta >= 0 && delta < 600_000) updateReceiverRtt(c, Math.max(delta, 1), false);
    return;
  }
  if (c.rcvRttTime !== 0) {
    if (seqLt(c.rx.next, c.rcvRttSeq)) return;
    updateReceiverRtt(c, Math.max(c.now - c.rcvRttTime, 0.001), true);
  }
  c.rcvRttSeq = (c.rx.next + c.rcvWnd) | 0;
  c.rcvRttTime = c.now;
}

function updateReceiverRtt(c: TcpConnection, sample: number, windowed: boolean): void {
  if (c.rcvRtt === 0) c.rcvRtt = sample;
  else if (!windowed) c.rcvRtt += (sample - c.rcvRtt) / 8;
  else if (sample < c.rcvRtt) c.rcvRtt = sample;
}

/**
 * After the user read: does the buffer hold him up? Twice what he reads in a round trip is what it should
 * hold.
 */
export function adjustReceiveSpace(c: TcpConnection): void {
  const time = c.now - c.spaceTime;
  if (time < c.rcvRtt || c.rcvRtt === 0) return;
  const first = c.rx.first;
  const copied = (first - c.spaceSeq) | 0;
  if (copied > c.spaceWindow) {
    const { options, shared } = c;
    if (shared.settings.moderateReceiveBuffer && !options.receiveBufferLocked && !shared.pool.pressure) {
      let window = 2 * copied + 16 * c.advMss;
      // A sender in slow start doubles its pace every round trip.
      window += Math.floor((2 * window * (copied - c.spaceWindow)) / Math.max(1, c.spaceWindow));
      const buffer = Math.min(2 * window, shared.settings.receiveMemory[2]);
      if (buffer > options.receiveBuffer) {
        options.receiveBuffer = buffer;
        c.windowClamp = Math.min(clampOf(c), MAX_UNSCALED_WINDOW * 2 ** c.rcvWscale);
      }
    }
    c.spaceWindow = copied;
  }
  c.spaceSeq = first;
  c.spaceTime = c.now;
}

/** The send buffer holds what two congestion windows need. */
export function growSendBuffer(c: TcpConnection): void {
  const { options, shared } = c;
  if (options.sendBufferLocked || shared.pool.pressure) return;
  const segment = c.mss + 800;
  const wanted = 2 * Math.max(c.cwnd, 10, c.reordering + 1) * segment;
  if (wanted > options.sendBuffer) {
    options.sendBuffer = Math.min(wanted, Math.max(shared.settings.sendMemory[2], options.sendBuffer));
  }
}
