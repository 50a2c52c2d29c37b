import {
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_RAW,
  CLOCK_PROCESS_CPUTIME_ID,
  EAGAIN,
  EINVAL,
  EOPNOTSUPP,
  ITIMER_PROF,
  ITIMER_REAL,
  RLIMIT_CPU,
  RLIMIT_SIGPENDING,
  SIG_SETMASK,
  SIGALRM,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGKILL,
  SIGPROF,
  SIGUSR1,
  SIGXCPU,
  SYS_alarm,
  SYS_getitimer,
  SYS_prlimit64,
  SYS_setitimer,
  SYS_timer_create,
  SYS_timer_delete,
  SYS_timer_getoverrun,
  SYS_timer_gettime,
  SYS_timer_settime,
} from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SigSet } from '../../src/process/signal/sigset.js';
import { rows as limitRows } from '../../src/syscalls/misc/rlimit.js';
import { rows as itimerRows } from '../../src/syscalls/time/itimers.js';
import { rows as timerRows } from '../../src/syscalls/time/posix-timers.js';
import { FakeKernel, type FakeTask } from '../support/fake-kernel.js';

let kernel: FakeKernel;
let a: FakeTask;
let at: number;

beforeEach(() => {
  kernel = new FakeKernel([...timerRows, ...itimerRows, ...limitRows]);
  a = kernel.process();
  at = kernel.map(a, 4096);
  // Everything blocked, so that signals stay where the tests look for them.
  kernel.core.signals.setBlocked(a.task, 0xffffffff, 0xffffffff);
  expect(SIG_SETMASK).toBe(2);
});
afterEach(() => kernel.dispose());

const MS = 1_000_000;
const itimerspec = (intervalNs: number, valueNs: number): number => {
  const put = (where: number, ns: number): void => {
    a.task.mm.store64(where, Math.floor(ns / 1e9));
    a.task.mm.store64(where + 8, ns % 1e9);
  };
  put(at, intervalNs);
  put(at + 16, valueNs);
  return at;
};
const readSpec = (): [number, number] => [
  a.task.mm.load64(at + 64) * 1e9 + a.task.mm.load64(at + 72),
  a.task.mm.load64(at + 80) * 1e9 + a.task.mm.load64(at + 88),
];
const event = (notify: number, signo: number): number => {
  a.task.mm.zero(at + 256, 64);
  a.task.mm.store64(at + 256, 0x1234);
  a.task.mm.store32(at + 264, signo);
  a.task.mm.store32(at + 268, notify);
  return at + 256;
};
const create = (clock: number, notify: number, signo: number): number => {
  expect(a.call(SYS_timer_create, clock, event(notify, signo), at + 512)).toBe(0);
  return a.task.mm.load32(at + 512);
};
const take = (sig: number) => kernel.core.signals.dequeue(a.task, SigSet.of(sig));

describe('POSIX timers', () => {
  it('sends its signal with its value, once', () => {
    const id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
    expect(a.call(SYS_timer_settime, id, 0, itimerspec(0, 10 * MS), 0)).toBe(0);
    kernel.clock.advance(4 * MS);
    a.call(SYS_timer_gettime, id, at + 64);
    expect(readSpec()).toEqual([0, 6 * MS]);
    kernel.clock.advance(6 * MS);
    const info = take(SIGUSR1)!;
    expect([info.timerId, info.valueLo, info.overrun]).toEqual([id, 0x1234, 0]);
    kernel.clock.advance(1e9);
    expect(take(SIGUSR1)).toBeNull();
  });

  it('counts what it missed while its signal waited', () => {
    const id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
    a.call(SYS_timer_settime, id, 0, itimerspec(10 * MS, 10 * MS), 0);
    kernel.clock.advance(55 * MS);
    expect(take(SIGUSR1)!.overrun).toBe(4);
    expect(a.call(SYS_timer_getoverrun, id)).toBe(4);
    a.call(SYS_timer_gettime, id, at + 64);
    expect(readSpec()).toEqual([10 * MS, 5 * MS]);
    kernel.clock.advance(5 * MS);
    expect(take(SIGUSR1)!.overrun).toBe(0);
    expect(a.call(SYS_timer_delete, id)).toBe(0);
    kernel.clock.advance(1e9);
    expect(take(SIGUSR1)).toBeNull();
    expect(a.call(SYS_timer_getoverrun, id)).toBe(-EINVAL);
  });

  it('tells the time to SIGEV_NONE, goes on while ignored, slowly', () => {
    const none = create(CLOCK_MONOTONIC, SIGEV_NONE, 0);
    a.call(SYS_timer_settime, none, 0, itimerspec(7 * MS, 7 * MS), 0);
    kernel.clock.advance(10 * MS);
    a.call(SYS_timer_gettime, none, at + 64);
    expect(readSpec()[1]).toBe(4 * MS);
    kernel.core.signals.setBlocked(a.task, 0, 0);
    a.task.group.signals.handlers.actions[SIGUSR1].handler = 1;
    const id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
    a.call(SYS_timer_settime, id, 0, itimerspec(1, 1), 0);
    kernel.clock.advance(1e9);
    a.call(SYS_timer_gettime, id, at + 64);
    expect(readSpec()[1]).toBeGreaterThan(0);
  });

  it('checks its arguments and RLIMIT_SIGPENDING', () => {
    expect(a.call(SYS_timer_create, 17, 0, at)).toBe(-EINVAL);
    expect(a.call(SYS_timer_create, CLOCK_MONOTONIC_RAW, 0, at)).toBe(-EOPNOTSUPP);
    expect(a.call(SYS_timer_create, CLOCK_MONOTONIC, event(SIGEV_SIGNAL, 65), at)).toBe(-EINVAL);
    expect(a.call(SYS_timer_create, CLOCK_MONOTONIC, event(77, SIGUSR1), at)).toBe(-EINVAL);
    expect(a.call(SYS_timer_settime, 99, 0, itimerspec(0, 1), 0)).toBe(-EINVAL);
    a.task.group.limits.set(RLIMIT_SIGPENDING, 2, 2);
    create(CLOCK_MONOTONIC, SIGEV_NONE, 0);
    const second = create(CLOCK_MONOTONIC, SIGEV_NONE, 0);
    expect(a.call(SYS_timer_create, CLOCK_MONOTONIC, 0, at + 512)).toBe(-EAGAIN);
    a.call(SYS_timer_delete, second);
    expect(a.call(SYS_timer_create, CLOCK_MONOTONIC, 0, at + 512)).toBe(0);
  });

  it('runs on CPU time', () => {
    const id = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1);
    a.call(SYS_timer_settime, id, 0, itimerspec(0, 100 * MS), 0);
    kernel.clock.advance(1e9);
    expect(take(SIGUSR1)).toBeNull();
    a.context.cpu = 100 * MS;
    kernel.clock.advance(1e9);
    expect(take(SIGUSR1)).not.toBeNull();
  });
});

describe('interval timers', () => {
  const itimerval = (intervalUs: number, valueUs: number): number => {
    a.task.mm.store64(at, Math.floor(intervalUs / 1e6));
    a.task.mm.store64(at + 8, intervalUs % 1e6);
    a.task.mm.store64(at + 16, Math.floor(valueUs / 1e6));
    a.task.mm.store64(at + 24, valueUs % 1e6);
    return at;
  };

  it('is armed again when its signal is taken', () => {
    expect(a.call(SYS_setitimer, 3, itimerval(0, 0), 0)).toBe(-EINVAL);
    expect(a.call(SYS_setitimer, ITIMER_REAL, itimerval(0, -1), 0)).toBe(-EINVAL);
    expect(a.call(SYS_setitimer, ITIMER_REAL, itimerval(1000, 1000), 0)).toBe(0);
    kernel.clock.advance(3.5 * MS);
    expect(take(SIGALRM)).not.toBeNull();
    a.call(SYS_getitimer, ITIMER_REAL, at + 64);
    expect(a.task.mm.load64(at + 88)).toBe(500);
    kernel.clock.advance(0.5 * MS);
    expect(take(SIGALRM)).not.toBeNull();
    a.call(SYS_setitimer, ITIMER_REAL, 0, 0);
    kernel.clock.advance(1e9);
    expect(take(SIGALRM)).toBeNull();
  });

  it('is alarm(2) too', () => {
    expect(a.call(SYS_alarm, 10)).toBe(0);
    kernel.clock.advance(2.4e9);
    expect(a.call(SYS_alarm, 1)).toBe(8);
    kernel.clock.advance(0.999e9);
    expect(a.call(SYS_alarm, 0)).toBe(1);
    kernel.clock.advance(10e9);
    expect(take(SIGALRM)).toBeNull();
  });

  it('counts CPU time for ITIMER_PROF, and RLIMIT_CPU warns, then kills', () => {
    a.call(SYS_setitimer, ITIMER_PROF, itimerval(10_000, 10_000), 0);
    a.context.cpu = 25 * MS;
    kernel.clock.advance(1e9);
    expect(take(SIGPROF)).not.toBeNull();
    a.call(SYS_setitimer, ITIMER_PROF, 0, 0);
    a.task.mm.store64(at, 1);
    a.task.mm.store64(at + 8, 3);
    a.call(SYS_prlimit64, 0, RLIMIT_CPU, at, 0);
    kernel.clock.advance(1e9);
    expect(take(SIGXCPU)).toBeNull();
    a.context.cpu = 1.1e9;
    kernel.clock.advance(1e9);
    expect(take(SIGXCPU)).not.toBeNull();
    kernel.clock.advance(1e9);
    expect(take(SIGXCPU)).toBeNull();
    a.context.cpu = 2.1e9;
    kernel.clock.advance(1e9);
    expect(take(SIGXCPU)).not.toBeNull();
    a.context.cpu = 3e9;
    kernel.clock.advance(1e9);
    expect(a.task.group.exiting).toBe(true);
    expect(a.task.group.exitStatus).toBe(SIGKILL);
  });
});
