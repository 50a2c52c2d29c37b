import {
  EAGAIN,
  EBADF,
  EINTR,
  ENFILE,
  EPIPE,
  EPOLL_CTL_ADD,
  EPOLLIN,
  O_NONBLOCK,
  POLLIN,
  SIGPIPE,
  SYS_close,
  SYS_dup2,
  SYS_epoll_create1,
  SYS_epoll_ctl,
  SYS_epoll_wait,
  SYS_eventfd2,
  SYS_pipe2,
  SYS_poll,
  SYS_read,
  SYS_timerfd_create,
  SYS_timerfd_settime,
  SYS_write,
} from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Caller, IoKernel } from './calls.js';

let kernel: IoKernel;
let a: Caller;
let b: Caller;
let c: Caller;

beforeEach(() => {
  kernel = new IoKernel();
  a = kernel.caller();
  b = kernel.sibling(a);
  c = kernel.sibling(a);
});
afterEach(() => kernel.dispose());

function pipe(flags = 0): [number, number] {
  expect(a.call(SYS_pipe2, a.at(0), flags)).toBe(0);
  return a.pair(0);
}

/** As if a signal had come that turns out to need nothing: a sleep ends. */
function attend(t: Caller): void {
  t.task.signals.work = true;
  kernel.core.run(() => t.task.kick());
}

describe('open descriptions', () => {
  it('are limited in all', () => {
    const limit = kernel.core.limits.openFiles;
    const fds: number[] = [];
    for (let i = 0; i < limit; i++) fds.push(a.call(SYS_eventfd2, 0, 0)!);
    expect(Math.min(...fds)).toBe(0);
    expect(a.call(SYS_eventfd2, 0, 0)).toBe(-ENFILE);
    expect(a.call(SYS_pipe2, a.at(0), 0)).toBe(-ENFILE);
    // A further descriptor is no further description.
    expect(a.call(SYS_dup2, 0, limit)).toBe(limit);
    a.call(SYS_close, 5);
    expect(a.call(SYS_pipe2, a.at(0), 0)).toBe(-ENFILE);
    expect(a.call(SYS_eventfd2, 0, 0)).toBe(5);
    for (let fd = 0; fd <= limit; fd++) a.call(SYS_close, fd);
    expect(kernel.core.vfs.openFiles).toBe(0);
  });
});

describe('blocking calls', () => {
  it('a write continues the read that waits, before it returns', () => {
    const [r, w] = pipe();
    expect(a.call(SYS_read, r, a.at(100), 10)).toBeNull();
    b.put(200, 'hello');
    expect(b.call(SYS_write, w, b.at(200), 5)).toBe(5);
    expect(a.result).toBe(5);
    expect(a.text(100, 5)).toBe('hello');
    expect(a.task.nvcsw).toBe(1);
  });

  it('several readers are served in the order they came', () => {
    const [r, w] = pipe();
    a.call(SYS_read, r, a.at(100), 1);
    b.call(SYS_read, r, a.at(101), 1);
    c.put(200, 'xy');
    c.call(SYS_write, w, c.at(200), 1);
    expect([a.result, b.result]).toEqual([1, null]);
    c.call(SYS_write, w, c.at(201), 1);
    expect(b.result).toBe(1);
    expect(a.text(100, 2)).toBe('xy');
  });

  it('a long write goes on as room appears, and is cut short by a signal', () => {
    const [r, w] = pipe();
    const data = Buffer.from(Array.from({ length: 200000 }, (_, i) => i % 251));
    a.put(4096, data);
    expect(a.call(SYS_write, w, a.at(4096), 200000)).toBeNull();
    let got = 0;
    while (got < 150000) {
      const n = b.call(SYS_read, r, b.at(400000), 30000)!;
      expect(Buffer.from(b.text(400000, n), 'latin1').equals(data.subarray(got, got + n))).toBe(true);
      got += n;
    }
    expect(a.result).toBe(200000);
    while (b.call(SYS_read, r, b.at(400000), 100000)! === 100000);
    expect(a.call(SYS_write, w, a.at(4096), 100000)).toBeNull();
    attend(a);
    expect(a.result).toBe(65536);
  });

  it('goes on with its description when the descriptor is closed or replaced', () => {
    const [r, w] = pipe();
    const [r2] = pipe();
    expect(a.call(SYS_read, r, a.at(100), 10)).toBeNull();
    expect(b.call(SYS_dup2, r2, r)).toBe(r);
    b.put(200, 'old');
    expect(b.call(SYS_write, w, b.at(200), 3)).toBe(3);
    expect(a.result).toBe(3);
    // It was the last reference: the pipe has no readers now.
    b.task.signals.blocked.add(SIGPIPE);
    expect(b.call(SYS_write, w, b.at(200), 3)).toBe(-EPIPE);
    expect(b.task.signals.pending.set.has(SIGPIPE)).toBe(true);
    expect(b.call(SYS_close, w)).toBe(0);
    expect(b.call(SYS_write, w, b.at(200), 3)).toBe(-EBADF);
  });

  it('poll ends with its timeout, an event, or a signal', () => {
    const [r, w] = pipe(O_NONBLOCK);
    a.put(300, [r, POLLIN]);
    expect(a.call(SYS_poll, a.at(300), 1, 50)).toBeNull();
    kernel.clock.advance(49e6);
    expect(a.result).toBeNull();
    kernel.clock.advance(2e6);
    expect(a.result).toBe(0);
    expect(a.call(SYS_read, r, a.at(100), 1)).toBe(-EAGAIN);
    expect(a.call(SYS_poll, a.at(300), 1, -1)).toBeNull();
    b.call(SYS_write, w, b.at(200), 1);
    expect(a.result).toBe(1);
    expect(a.word(304) >>> 16).toBe(POLLIN);
  });

  it('two entries of one description in a poll do not hide a wake-up from others', () => {
    const [r, w] = pipe();
    a.put(300, [r, POLLIN, r, POLLIN]);
    expect(a.call(SYS_poll, a.at(300), 2, -1)).toBeNull();
    b.put(400, [r, POLLIN]);
    expect(b.call(SYS_poll, b.at(400), 1, -1)).toBeNull();
    c.call(SYS_write, w, c.at(200), 1);
    expect([a.result, b.result]).toEqual([2, 1]);
  });

  it('one event wakes one of those who wait at an epoll instance, the last to come', () => {
    const e = a.call(SYS_epoll_create1, 0)!;
    const f = a.call(SYS_eventfd2, 0, 0)!;
    a.put(500, [EPOLLIN | (1 << 31), 7, 0]);
    expect(a.call(SYS_epoll_ctl, e, EPOLL_CTL_ADD, f, a.at(500))).toBe(0);
    expect(a.call(SYS_epoll_wait, e, a.at(600), 4, -1)).toBeNull();
    expect(b.call(SYS_epoll_wait, e, b.at(700), 4, 10)).toBeNull();
    c.put(800, [1, 0]);
    c.call(SYS_write, f, c.at(800), 8);
    expect([a.result, b.result]).toEqual([null, 1]);
    expect([b.word(700), b.word(704)]).toEqual([EPOLLIN, 7]);
    expect(b.call(SYS_epoll_wait, e, b.at(700), 4, 10)).toBeNull();
    kernel.clock.advance(11e6);
    expect(b.result).toBe(0);
    c.call(SYS_write, f, c.at(800), 8);
    expect(a.result).toBe(1);
  });

  it('epoll_wait answers EINTR to a signal', () => {
    const e = a.call(SYS_epoll_create1, 0)!;
    expect(a.call(SYS_epoll_wait, e, a.at(600), 4, -1)).toBeNull();
    attend(a);
    expect(a.result).toBe(-EINTR);
  });

  it('a periodic timerfd counts what was missed and is armed by reading only', () => {
    const t = a.call(SYS_timerfd_create, 1, 0)!;
    a.put(100, [0, 0, 10_000_000, 0, 0, 0, 25_000_000, 0]);
    expect(a.call(SYS_timerfd_settime, t, 0, a.at(100), 0)).toBe(0);
    expect(a.call(SYS_read, t, a.at(200), 8)).toBeNull();
    kernel.clock.advance(25e6);
    expect([a.result, a.word(200)]).toEqual([8, 1]);
    kernel.clock.advance(47e6);
    expect(a.call(SYS_read, t, a.at(200), 8)).toBe(8);
    expect(a.word(200)).toBe(4);
    expect(a.call(SYS_read, t, a.at(200), 8)).toBeNull();
    kernel.clock.advance(3e6);
    expect([a.result, a.word(200)]).toEqual([8, 1]);
  });
});
