import {
  EAGAIN,
  EDEADLK,
  EFAULT,
  EINTR,
  EINVAL,
  ENOSYS,
  EPERM,
  ESRCH,
  ETIMEDOUT,
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMP_REQUEUE,
  FUTEX_CMP_REQUEUE_PI,
  FUTEX_LOCK_PI,
  FUTEX_OP_ADD,
  FUTEX_OP_CMP_GT,
  FUTEX_OWNER_DIED,
  FUTEX_PRIVATE_FLAG,
  FUTEX_REQUEUE,
  FUTEX_TRYLOCK_PI,
  FUTEX_UNLOCK_PI,
  FUTEX_WAIT,
  FUTEX_WAIT_BITSET,
  FUTEX_WAIT_REQUEUE_PI,
  FUTEX_WAITERS,
  FUTEX_WAKE,
  FUTEX_WAKE_BITSET,
  FUTEX_WAKE_OP,
  SYS_futex,
  SYS_futex_waitv,
  SYS_futex_wake,
  SYS_set_robust_list,
} from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitRobustList } from '../../src/process/futex/robust-list.js';
import { rows as futexRows } from '../../src/syscalls/ipc/futex.js';
import { rows as futex2Rows } from '../../src/syscalls/ipc/futex2.js';
import { rows as sleepRows } from '../../src/syscalls/time/sleep.js';
import { FakeKernel, type FakeTask } from '../support/fake-kernel.js';

const WAIT = FUTEX_WAIT | FUTEX_PRIVATE_FLAG;
const WAKE = FUTEX_WAKE | FUTEX_PRIVATE_FLAG;

let kernel: FakeKernel;
let a: FakeTask;
let b: FakeTask;
let c: FakeTask;
let word: number;

beforeEach(() => {
  kernel = new FakeKernel([...futexRows, ...futex2Rows, ...sleepRows]);
  a = kernel.process();
  b = kernel.thread(a);
  c = kernel.thread(a);
  word = kernel.map(a, 8192);
});
afterEach(() => kernel.dispose());

const get = (addr: number): number => a.task.mm.load32(addr);
const set = (addr: number, value: number): void => {
  a.task.mm.store32(addr, value);
};
/** A struct timespec in guest memory. */
const timespec = (sec: number, nsec: number): number => {
  const at = word + 4096;
  a.task.mm.store64(at, sec);
  a.task.mm.store64(at + 8, nsec);
  return at;
};

describe('waiting and waking', () => {
  it('waits while the word holds the value, and wakes in the order of arrival', () => {
    expect(a.call(SYS_futex, word, WAIT, 1)).toBe(-EAGAIN);
    expect(a.call(SYS_futex, word, WAIT, 0)).toBeNull();
    expect(b.call(SYS_futex, word, WAIT, 0)).toBeNull();
    expect(c.call(SYS_futex, word, WAKE, 1)).toBe(1);
    expect([a.result, b.result]).toEqual([0, null]);
    expect(c.call(SYS_futex, word, WAKE, 5)).toBe(1);
    expect(b.result).toBe(0);
    expect(c.call(SYS_futex, word, WAKE, 5)).toBe(0);
  });

  it('checks alignment, address and operation', () => {
    expect(a.call(SYS_futex, word + 1, WAKE, 1)).toBe(-EINVAL);
    expect(a.call(SYS_futex, 8, WAKE, 1)).toBe(0);
    expect(a.call(SYS_futex, 8, FUTEX_WAKE, 1)).toBe(-EFAULT);
    expect(a.call(SYS_futex, 8, WAIT, 0)).toBe(-EFAULT);
    expect(a.call(SYS_futex, 2 ** 47, WAKE, 1)).toBe(-EFAULT);
    expect(a.call(SYS_futex, word, 2, 0)).toBe(-ENOSYS);
    expect(a.call(SYS_futex, word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0)).toBe(-ENOSYS);
    expect(a.call(SYS_futex, word, FUTEX_WAIT_BITSET, 0, 0, 0, 0)).toBe(-EINVAL);
    expect(a.call(SYS_futex, word, WAIT, 0, timespec(0, 1e9))).toBe(-EINVAL);
  });

  it('keeps private and shared futexes, and processes, apart', () => {
    a.call(SYS_futex, word, WAIT, 0);
    expect(b.call(SYS_futex, word, FUTEX_WAKE, 1)).toBe(0);
    const other = kernel.process();
    expect(other.call(SYS_futex, word, WAKE, 1)).toBe(0);
    expect(b.call(SYS_futex, word, WAKE, 1)).toBe(1);
  });

  it('finds shared memory by its place, wherever it is mapped', () => {
    const shared = kernel.map(a, 4096, true);
    expect(a.call(SYS_futex, shared + 16, FUTEX_WAIT, 0)).toBeNull();
    expect(b.call(SYS_futex, shared + 20, FUTEX_WAKE, 1)).toBe(0);
    expect(b.call(SYS_futex, shared + 16, FUTEX_WAKE, 1)).toBe(1);
    expect(a.result).toBe(0);
  });

  it('matches bitsets', () => {
    a.call(SYS_futex, word, FUTEX_WAIT_BITSET, 0, 0, 0, 1);
    b.call(SYS_futex, word, FUTEX_WAIT_BITSET, 0, 0, 0, 0x80000000);
    expect(c.call(SYS_futex, word, FUTEX_WAKE_BITSET, 9, 0, 0, 0x80000000)).toBe(1);
    expect([a.result, b.result]).toEqual([null, 0]);
  });
});

describe('timeouts', () => {
  it('is relative for FUTEX_WAIT', () => {
    expect(a.call(SYS_futex, word, WAIT, 0, timespec(1, 0))).toBeNull();
    kernel.clock.advance(999_999_999);
    expect(a.result).toBeNull();
    kernel.clock.advance(1);
    expect(a.result).toBe(-ETIMEDOUT);
    expect(b.call(SYS_futex, word, WAKE, 1)).toBe(0);
  });

  it('is absolute for FUTEX_WAIT_BITSET, on either clock', () => {
    const now = kernel.clock.monotonic();
    a.call(SYS_futex, word, FUTEX_WAIT_BITSET, 0, timespec(Math.floor(now / 1e9) + 2, 0), 0, 1);
    const sec = kernel.clock.realtimeSec();
    b.call(
      SYS_futex,
      word,
      FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
      0,
      timespec(sec + 3, kernel.clock.realtimeNsec),
      0,
      1,
    );
    kernel.clock.advance(2e9);
    expect([a.result, b.result]).toEqual([-ETIMEDOUT, null]);
    kernel.clock.advance(1e9);
    expect(b.result).toBe(-ETIMEDOUT);
    expect(a.call(SYS_futex, word, FUTEX_WAIT_BITSET, 0, timespec(0, 0), 0, 1)).toBe(-ETIMEDOUT);
  });

  it('loses no wake-up that comes together with the deadline', () => {
    a.call(SYS_futex, word, WAIT, 0, timespec(1, 0));
    kernel.core.run(() => {
      kernel.core.timers.runDue();
      a.task.onDeadline();
      kernel.core.futexes.wakeAddress(a.task, word, 1);
      expect(kernel.core.futexes.wake(b.task, word, true, 1, -1)).toBe(1);
    });
    expect(a.result).toBe(0);
  });
});

describe('signals', () => {
  it('ends the wait with a restart code; the waiter is gone from the queue', () => {
    a.call(SYS_futex, word, WAIT, 0);
    a.task.signals.work = true;
    kernel.core.run(() => a.task.kick());
    expect(b.call(SYS_futex, word, WAKE, 1)).toBe(0);
  });

  it('goes on with the same deadline by restart_syscall', () => {
    a.call(SYS_futex, word, WAIT, 0, timespec(10, 0));
    const deadline = a.task.wait.deadline;
    a.task.signals.work = true;
    kernel.core.run(() => a.task.kick());
    kernel.clock.advance(4e9);
    a.task.restart = 0;
    a.task.signals.work = false;
    const args = [word, WAIT, 0, timespec(99, 0)];
    expect(a.call(219, ...args)).toBeNull();
    expect(a.task.wait.deadline).toBe(deadline);
    kernel.clock.advance(6e9);
    expect(a.result).toBe(-ETIMEDOUT);
    a.task.restartNr = -1;
    expect(a.call(219)).toBe(-EINTR);
  });
});

describe('requeueing', () => {
  it('wakes some and moves others', () => {
    for (const t of [a, b, c]) t.call(SYS_futex, word, FUTEX_WAIT, 0);
    const d = kernel.thread(a);
    expect(d.call(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, 1, word + 4, 7)).toBe(-EAGAIN);
    expect(d.call(SYS_futex, word, FUTEX_CMP_REQUEUE, 1, 1, word + 4, 0)).toBe(2);
    expect([a.result, b.result, c.result]).toEqual([0, null, null]);
    expect(d.call(SYS_futex, word + 4, FUTEX_WAKE, 9)).toBe(1);
    expect(b.result).toBe(0);
    expect(d.call(SYS_futex, word, FUTEX_REQUEUE, 0, 9, word + 4)).toBe(1);
    expect(d.call(SYS_futex, word + 4, FUTEX_WAKE, 9)).toBe(1);
    expect(d.call(SYS_futex, word, FUTEX_REQUEUE, -1, 9, word + 4)).toBe(-EINVAL);
  });

  it('changes the second word and wakes by its old value', () => {
    a.call(SYS_futex, word, FUTEX_WAIT, 0);
    b.call(SYS_futex, word + 4, FUTEX_WAIT, 0);
    const op = (FUTEX_OP_ADD << 28) | (FUTEX_OP_CMP_GT << 24) | (5 << 12) | 0xfff;
    expect(c.call(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, word + 4, op)).toBe(2);
    expect(get(word + 4)).toBe(5);
    const shifted = ((8 | FUTEX_OP_ADD) << 28) | (FUTEX_OP_CMP_GT << 24) | (4 << 12) | 100;
    expect(c.call(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, word + 4, shifted)).toBe(0);
    expect(get(word + 4)).toBe(21);
    expect(c.call(SYS_futex, word, FUTEX_WAKE_OP, 1, 1, word + 4, 7 << 28)).toBe(-ENOSYS);
  });
});

describe('priority-inheriting futexes', () => {
  it('hands the lock over', () => {
    expect(a.call(SYS_futex, word, FUTEX_LOCK_PI, 0)).toBe(0);
    expect(get(word)).toBe(a.task.tid);
    expect(a.call(SYS_futex, word, FUTEX_LOCK_PI, 0)).toBe(-EDEADLK);
    expect(b.call(SYS_futex, word, FUTEX_TRYLOCK_PI, 0)).toBe(-EAGAIN);
    expect(b.call(SYS_futex, word, FUTEX_LOCK_PI, 0)).toBeNull();
    expect(get(word)).toBe((FUTEX_WAITERS | a.task.tid) >>> 0);
    expect(c.call(SYS_futex, word, FUTEX_UNLOCK_PI, 0)).toBe(-EPERM);
    expect(c.call(SYS_futex, word, FUTEX_WAKE, 1)).toBe(-EINVAL);
    expect(a.call(SYS_futex, word, FUTEX_UNLOCK_PI, 0)).toBe(0);
    expect(b.result).toBe(0);
    expect(get(word)).toBe((FUTEX_WAITERS | b.task.tid) >>> 0);
    expect(b.call(SYS_futex, word, FUTEX_UNLOCK_PI, 0)).toBe(0);
    expect(get(word)).toBe(0);
  });

  it('finds deadlocks and owners that do not exist', () => {
    a.call(SYS_futex, word, FUTEX_LOCK_PI, 0);
    b.call(SYS_futex, word + 4, FUTEX_LOCK_PI, 0);
    expect(a.call(SYS_futex, word + 4, FUTEX_LOCK_PI, 0)).toBeNull();
    expect(b.call(SYS_futex, word, FUTEX_LOCK_PI, 0)).toBe(-EDEADLK);
    set(word + 8, 12345);
    expect(c.call(SYS_futex, word + 8, FUTEX_LOCK_PI, 0)).toBe(-ESRCH);
  });

  it('passes the lock on when its owner dies', () => {
    a.call(SYS_futex, word, FUTEX_LOCK_PI, 0);
    b.call(SYS_futex, word, FUTEX_LOCK_PI, 0);
    c.call(SYS_futex, word, FUTEX_LOCK_PI, 0);
    kernel.core.run(() => kernel.core.futexes.pi.ownerDied(a.task));
    expect([b.result, c.result]).toEqual([0, null]);
    expect(get(word)).toBe((FUTEX_WAITERS | FUTEX_OWNER_DIED | b.task.tid) >>> 0);
    expect(b.call(SYS_futex, word, FUTEX_UNLOCK_PI, 0)).toBe(0);
    expect(c.result).toBe(0);
  });

  it('requeues waiters of a condition to the lock', () => {
    const lock = word + 64;
    expect(a.call(SYS_futex, word, FUTEX_WAIT_REQUEUE_PI, 0, 0, lock)).toBeNull();
    expect(b.call(SYS_futex, word, FUTEX_WAIT_REQUEUE_PI, 0, 0, lock)).toBeNull();
    expect(c.call(SYS_futex, word, FUTEX_WAKE, 1)).toBe(-EINVAL);
    expect(c.call(SYS_futex, word, FUTEX_CMP_REQUEUE_PI, 1, 9, lock, 0)).toBe(2);
    expect([a.result, b.result]).toEqual([0, null]);
    expect(get(lock) & 0x3fffffff).toBe(a.task.tid);
    expect(a.call(SYS_futex, lock, FUTEX_UNLOCK_PI, 0)).toBe(0);
    expect(b.result).toBe(0);
  });
});

describe('robust lists', () => {
  it('marks what a dead thread held and wakes a waiter', () => {
    const head = word + 256;
    const node = word + 320;
    const mm = a.task.mm;
    mm.store64(head, node);
    mm.store64(head + 8, 8);
    mm.store64(head + 16, 0);
    mm.store64(node, head);
    set(node + 8, (FUTEX_WAITERS | a.task.tid) >>> 0);
    b.call(SYS_futex, node + 8, FUTEX_WAIT, get(node + 8));
    expect(a.call(SYS_set_robust_list, head, 23)).toBe(-EINVAL);
    expect(a.call(SYS_set_robust_list, head, 24)).toBe(0);
    kernel.core.run(() => exitRobustList(a.task));
    expect(get(node + 8)).toBe((FUTEX_WAITERS | FUTEX_OWNER_DIED) >>> 0);
    expect(b.result).toBe(0);
  });

  it('ends on circles and nonsense', () => {
    const head = word + 256;
    const mm = a.task.mm;
    mm.store64(head, head + 64);
    mm.store64(head + 64, head + 64);
    mm.store64(head + 8, 3);
    a.call(SYS_set_robust_list, head, 24);
    exitRobustList(a.task);
    a.call(SYS_set_robust_list, 4096, 24);
    exitRobustList(a.task);
    expect(a.task.robustList).toBe(0);
  });
});

describe('futex2', () => {
  it('waits for several words at a time', () => {
    const entries = word + 1024;
    const mm = a.task.mm;
    for (let i = 0; i < 3; i++) {
      mm.store64(entries + 24 * i, 0);
      mm.store64(entries + 24 * i + 8, word + 4 * i);
      mm.store64(entries + 24 * i + 16, 2 | FUTEX_PRIVATE_FLAG);
    }
    expect(a.call(SYS_futex_waitv, entries, 0, 0, 0, 0)).toBe(-EINVAL);
    expect(a.call(SYS_futex_waitv, entries, 3, 0, 0, 0)).toBeNull();
    expect(b.call(SYS_futex_wake, word + 8, 0xffffffff, 1, 2 | FUTEX_PRIVATE_FLAG)).toBe(1);
    expect(a.result).toBe(2);
    expect(b.call(SYS_futex_wake, word, 0xffffffff, 1, 2 | FUTEX_PRIVATE_FLAG)).toBe(0);
    mm.store64(entries + 16, 1);
    expect(a.call(SYS_futex_waitv, entries, 3, 0, 0, 0)).toBe(-EINVAL);
    mm.store64(entries + 16, 2);
    mm.store64(entries + 24, 5);
    expect(a.call(SYS_futex_waitv, entries, 3, 0, 0, 0)).toBe(-EAGAIN);
    expect(b.call(SYS_futex_wake, word, 0xffffffff, 0, 2)).toBe(0);
  });
});
