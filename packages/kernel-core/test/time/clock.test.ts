import {
  ADJ_FREQUENCY,
  ADJ_MAXERROR,
  ADJ_OFFSET,
  ADJ_OFFSET_SINGLESHOT,
  ADJ_OFFSET_SS_READ,
  ADJ_STATUS,
  ADJ_TICK,
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_TAI,
  CLOCK_THREAD_CPUTIME_ID,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  STA_PLL,
  SYS_adjtimex,
  SYS_clock_getres,
  SYS_clock_gettime,
  SYS_clock_nanosleep,
  SYS_clock_settime,
  SYS_gettimeofday,
  SYS_nanosleep,
  SYS_time,
  TIME_ERROR,
  TIME_OK,
  TIMER_ABSTIME,
  TIMEX,
} from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cred } from '../../src/process/cred/cred.js';
import { rows as clockRows } from '../../src/syscalls/time/clock.js';
import { rows as sleepRows } from '../../src/syscalls/time/sleep.js';
import { FakeKernel, type FakeTask } from '../support/fake-kernel.js';

let kernel: FakeKernel;
let a: FakeTask;
let at: number;

beforeEach(() => {
  kernel = new FakeKernel([...clockRows, ...sleepRows]);
  a = kernel.process();
  at = kernel.map(a, 4096);
});
afterEach(() => kernel.dispose());

const read = (addr: number): [number, number] => [a.task.mm.load64(addr), a.task.mm.load64(addr + 8)];
const timespec = (sec: number, nsec: number, where = at + 512): number => {
  a.task.mm.store64(where, sec);
  a.task.mm.store64(where + 8, nsec);
  return where;
};

describe('clocks', () => {
  it('shows each clock', () => {
    kernel.clock.advance(5_000_000_123);
    a.call(SYS_clock_gettime, CLOCK_MONOTONIC, at);
    expect(read(at)).toEqual([15, 123]);
    a.call(SYS_clock_gettime, CLOCK_BOOTTIME, at);
    expect(read(at)).toEqual([15, 123]);
    a.call(SYS_clock_gettime, CLOCK_TAI, at);
    expect(read(at)).toEqual([1_735_689_605, 123]);
    expect(a.call(SYS_time, 0)).toBe(1_735_689_605);
    a.call(SYS_gettimeofday, at, 0);
    expect(read(at)).toEqual([1_735_689_605, 0]);
    a.context.cpu = 2_500_000_000;
    a.call(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, at);
    expect(read(at)).toEqual([2, 500_000_000]);
    const b = kernel.thread(a);
    b.context.cpu = 1e9;
    a.call(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, at);
    expect(read(at)).toEqual([3, 500_000_000]);
    // The clock ids of a thread and of a process: ~id << 3 | kind.
    a.call(SYS_clock_gettime, (~b.task.tid << 3) | 6, at);
    expect(read(at)).toEqual([1, 0]);
    a.call(SYS_clock_gettime, (~a.task.group.pid << 3) | 2, at);
    expect(read(at)).toEqual([3, 500_000_000]);
    const other = kernel.process();
    expect(other.call(SYS_clock_gettime, (~b.task.tid << 3) | 6, 0)).toBe(-EINVAL);
  });

  it('knows no others', () => {
    for (const id of [10, 12, 17, CLOCK_REALTIME_ALARM, -1]) {
      expect(a.call(SYS_clock_gettime, id, at)).toBe(-EINVAL);
    }
    expect(a.call(SYS_clock_gettime, CLOCK_MONOTONIC, 8)).toBe(-EFAULT);
    expect(a.call(SYS_clock_getres, CLOCK_MONOTONIC, 0)).toBe(0);
    a.call(SYS_clock_getres, CLOCK_MONOTONIC_COARSE, at);
    expect(read(at)).toEqual([0, 4_000_000]);
  });

  it('sets CLOCK_REALTIME for those who may, and wakes who sleeps until an instant of it', () => {
    const sec = kernel.clock.realtimeSec();
    const b = kernel.thread(a);
    expect(b.call(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, timespec(sec + 100, 0), 0)).toBeNull();
    expect(a.call(SYS_clock_settime, CLOCK_MONOTONIC, at)).toBe(-EINVAL);
    expect(a.call(SYS_clock_settime, CLOCK_REALTIME, 8)).toBe(-EFAULT);
    expect(a.call(SYS_clock_settime, CLOCK_REALTIME, timespec(sec, -1))).toBe(-EINVAL);
    expect(a.call(SYS_clock_settime, CLOCK_REALTIME, timespec(sec + 50, 5))).toBe(0);
    expect(a.call(SYS_time, 0)).toBe(sec + 50);
    expect(b.result).toBeNull();
    kernel.clock.advance(49.9e9);
    expect(b.result).toBeNull();
    kernel.clock.advance(0.1e9);
    expect(b.result).toBe(0);
    a.task.cred = Cred.forUser(1000, 1000);
    expect(a.call(SYS_clock_settime, CLOCK_REALTIME, timespec(sec, 0))).toBe(-EPERM);
    a.task.mm.zero(at, 208);
    expect(a.call(SYS_adjtimex, at)).toBe(5);
    a.task.mm.store32(at, 2);
    expect(a.call(SYS_adjtimex, at)).toBe(-EPERM);
  });

  describe('adjtimex', () => {
    const adjust = (modes: number, fields: Readonly<Record<number, number>> = {}): number | null => {
      a.task.mm.zero(at, 208);
      a.task.mm.store32(at + TIMEX.modes, modes);
      for (const [offset, value] of Object.entries(fields)) a.task.mm.store64(at + Number(offset), value);
      return a.call(SYS_adjtimex, at);
    };
    const field = (offset: number): number => (a.task.mm.load32(at + offset) | 0) as number;
    /** How far CLOCK_REALTIME came in `seconds`, beyond them: us. */
    const gained = (seconds: number): number => {
      const { clock } = kernel;
      const before = clock.realtimeSec() * 1e6 + clock.realtimeNsec / 1e3;
      for (let i = 0; i < seconds * 10; i++) clock.advance(1e8);
      return Math.round(clock.realtimeSec() * 1e6 + clock.realtimeNsec / 1e3 - before - seconds * 1e6);
    };

    it('works off what adjtime(3) is given, 500 us a second', () => {
      expect(adjust(ADJ_OFFSET_SINGLESHOT, { [TIMEX.offset]: 1200 })).toBe(TIME_ERROR);
      expect(field(TIMEX.offset)).toBe(0);
      expect(gained(1)).toBe(500);
      expect(adjust(ADJ_OFFSET_SS_READ)).toBe(TIME_ERROR);
      expect(field(TIMEX.offset)).toBe(700);
      expect(gained(4)).toBe(700);
      adjust(ADJ_OFFSET_SINGLESHOT, { [TIMEX.offset]: -300 });
      expect(gained(1)).toBe(-300);
      expect(kernel.clock.nextAlarm).toBe(Number.POSITIVE_INFINITY);
    });

    it('runs at the frequency and tick that were set', () => {
      adjust(ADJ_FREQUENCY, { [TIMEX.freq]: 100 * 65536 });
      expect(field(TIMEX.freq)).toBe(100 * 65536);
      expect(gained(10)).toBe(1000);
      adjust(ADJ_FREQUENCY | ADJ_TICK, { [TIMEX.freq]: 0, [TIMEX.tick]: 10_001 });
      expect(gained(2)).toBe(200);
      expect(adjust(ADJ_TICK, { [TIMEX.tick]: 8999 })).toBe(-EINVAL);
      expect(adjust(ADJ_TICK, { [TIMEX.tick]: 11_001 })).toBe(-EINVAL);
      expect(adjust(0x8000)).toBe(-EINVAL);
    });

    it('is in order once somebody says so, and loses it when nobody does any more', () => {
      const known = { [TIMEX.status]: STA_PLL, [TIMEX.maxerror]: 1000, [TIMEX.offset]: 4000 };
      expect(adjust(ADJ_STATUS | ADJ_MAXERROR | ADJ_OFFSET, known)).toBe(TIME_OK);
      expect(field(TIMEX.status)).toBe(STA_PLL);
      expect(field(TIMEX.offset)).toBe(4000);
      expect(gained(200)).toBe(4000);
      expect(adjust(0)).toBe(TIME_OK);
      expect(field(TIMEX.maxerror)).toBe(1000 + 200 * 500);
      kernel.clock.advance(40_000e9);
      expect(adjust(0)).toBe(TIME_ERROR);
    });
  });
});

describe('sleeping', () => {
  it('sleeps as long as asked', () => {
    expect(a.call(SYS_nanosleep, timespec(0, 1e9), 0)).toBe(-EINVAL);
    expect(a.call(SYS_nanosleep, timespec(0, 0), 0)).toBe(0);
    expect(a.call(SYS_nanosleep, timespec(1, 500), 0)).toBeNull();
    kernel.clock.advance(1_000_000_499);
    expect(a.result).toBeNull();
    kernel.clock.advance(1);
    expect(a.result).toBe(0);
    expect(a.call(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, timespec(0, -1), 0)).toBe(-EOPNOTSUPP);
    expect(a.call(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, timespec(0, -1), 0)).toBe(-EOPNOTSUPP);
    expect(a.call(SYS_clock_nanosleep, 17, 0, timespec(0, 0), 0)).toBe(-EINVAL);
  });

  it('says what remains when a signal comes, and goes on afterwards', () => {
    a.call(SYS_nanosleep, timespec(10, 0), at + 1024);
    kernel.clock.advance(4e9);
    a.task.signals.work = true;
    kernel.core.run(() => a.task.kick());
    expect(read(at + 1024)).toEqual([6, 0]);
    a.task.restart = 0;
    a.task.signals.work = false;
    kernel.clock.advance(1e9);
    expect(a.call(219, timespec(99, 0), 0)).toBeNull();
    kernel.clock.advance(5e9);
    expect(a.result).toBe(0);
  });

  it('sleeps on CPU time', () => {
    const b = kernel.thread(a);
    expect(b.call(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, timespec(1, 0), 0)).toBeNull();
    for (let i = 0; i < 15 && b.result === null; i++) {
      a.context.cpu += 100_000_000;
      kernel.clock.advance(100_000_000);
    }
    expect(b.result).toBe(0);
    expect(a.context.cpu).toBe(1e9);
  });
});
