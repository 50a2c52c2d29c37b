import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  EFAULT,
  EINVAL,
  ERESTARTSYS,
  FUTEX_WAITV_ENTRY,
  FUTEX_WAITV_MAX,
  FUTEX2_PRIVATE,
  FUTEX2_SIZE_MASK,
  FUTEX2_SIZE_U32,
  SYS_futex_requeue,
  SYS_futex_wait,
  SYS_futex_waitv,
  SYS_futex_wake,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { waiterOf } from '../../process/futex/futex-queues.js';
import { FutexWaiter } from '../../process/futex/futex-waiter.js';
import type { Task } from '../../process/task/task.js';
import { deadlineFor } from '../../process/time/clocks.js';
import { readTimespec, Timespec } from '../../process/time/timespec.js';

const ts = new Timespec();

/** Only 32-bit words, and no NUMA placement, as up to Linux 6.15. */
function validFlags(flags: number): boolean {
  return (
    (flags & ~(FUTEX2_PRIVATE | FUTEX2_SIZE_MASK)) === 0 && (flags & FUTEX2_SIZE_MASK) === FUTEX2_SIZE_U32
  );
}

/** An `unsigned long` argument that must be a 32-bit value: it, or -1. */
function word(args: SyscallArgs, i: number): number {
  return args.hi(i) === 0 ? args.u32(i) : -1;
}

/** The absolute timeout of the futex2 calls. EFAULT, EINVAL. */
function setDeadline(task: Task, addr: number, clock: number): number {
  if (clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return -EINVAL;
  const r = readTimespec(task.mm, addr, ts);
  if (r < 0) return r;
  task.wait.deadline = deadlineFor(task, clock, ts.sec, ts.nsec);
  return 0;
}

/** futex_wake: EFAULT, EINVAL. */
function sysFutexWake(task: Task, args: SyscallArgs): number {
  const flags = args.u32(3);
  const mask = word(args, 1);
  if (!validFlags(flags) || mask < 0) return -EINVAL;
  const own = (flags & FUTEX2_PRIVATE) !== 0;
  const count = args.i32(2);
  if (count === 0 && mask !== 0) return task.kernel.futexes.check(task, args.u64(0), own);
  return task.kernel.futexes.wake(task, args.u64(0), own, count, mask);
}

/** futex_wait: EAGAIN, EFAULT, EINTR, EINVAL, ETIMEDOUT. */
function sysFutexWait(task: Task, args: SyscallArgs): number {
  const flags = args.u32(3);
  const value = word(args, 1);
  const mask = word(args, 2);
  if (!validFlags(flags) || value < 0 || mask < 0) return -EINVAL;
  const timed = args.u64(4) !== 0;
  const futexes = task.kernel.futexes;
  const w = waiterOf(task);
  if (task.wait.round === 0) {
    let r = timed ? setDeadline(task, args.u64(4), args.i32(5)) : 0;
    if (r === 0)
      r = mask === 0 ? -EINVAL : futexes.start(task, w, args.u64(0), (flags & FUTEX2_PRIVATE) !== 0, value);
    if (r < 0) return r;
    w.bitset = mask | 0;
  }
  return futexes.park(task, w, timed, -ERESTARTSYS);
}

/** One struct futex_waitv, read at `addr`, in `entry`. EFAULT, EINVAL. */
const entry = { value: 0, addr: 0, own: false };

function readEntry(task: Task, addr: number): number {
  const { scratch, scratchView: view } = task.kernel;
  if (task.mm.copyIn(addr, scratch, 0, FUTEX_WAITV_ENTRY.SIZE) < 0) return -EFAULT;
  const flags = view.getUint32(FUTEX_WAITV_ENTRY.flags, true);
  const reserved = view.getUint32(FUTEX_WAITV_ENTRY.flags + 4, true);
  if (reserved !== 0 || !validFlags(flags)) return -EINVAL;
  if (view.getUint32(FUTEX_WAITV_ENTRY.val + 4, true) !== 0) return -EINVAL;
  const lo = view.getUint32(FUTEX_WAITV_ENTRY.uaddr, true);
  entry.addr = view.getUint32(FUTEX_WAITV_ENTRY.uaddr + 4, true) * 4294967296 + lo;
  entry.value = view.getUint32(FUTEX_WAITV_ENTRY.val, true);
  entry.own = (flags & FUTEX2_PRIVATE) !== 0;
  return 0;
}

/** futex_waitv: the index of a futex that was woken. EAGAIN, EFAULT, EINTR, EINVAL, ETIMEDOUT. */
function sysFutexWaitv(task: Task, args: SyscallArgs): number {
  const count = args.u32(1);
  const timed = args.u64(3) !== 0;
  if (task.wait.round === 0) {
    if (args.u32(2) !== 0 || count === 0 || count > FUTEX_WAITV_MAX || args.u64(0) === 0) return -EINVAL;
    if (timed) {
      const r = setDeadline(task, args.u64(3), args.i32(4));
      if (r < 0) return r;
    }
    const r = startVector(task, args.u64(0), count);
    if (r < 0) return r;
  }
  return task.kernel.futexes.parkVector(task, task.futexVector, count, timed);
}

/** Read all entries first, then link them: an invalid one leaves nothing behind. */
function startVector(task: Task, addr: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const r = readEntry(task, addr + i * FUTEX_WAITV_ENTRY.SIZE);
    if (r < 0) return r;
  }
  const waiters = task.futexVector;
  const futexes = task.kernel.futexes;
  let r = 0;
  for (let i = 0; i < count && r === 0; i++) {
    const w = (waiters[i] ??= new FutexWaiter(task));
    r = readEntry(task, addr + i * FUTEX_WAITV_ENTRY.SIZE);
    if (r === 0) r = futexes.start(task, w, entry.addr, entry.own, entry.value);
  }
  if (r < 0) for (const w of waiters) futexes.hash.remove(w);
  return r;
}

/** futex_requeue: EAGAIN, EFAULT, EINVAL. */
function sysFutexRequeue(task: Task, args: SyscallArgs): number {
  const waiters = args.u64(0);
  if (args.u32(1) !== 0 || waiters === 0) return -EINVAL;
  let r = readEntry(task, waiters);
  if (r < 0) return r;
  const { addr, value, own } = entry;
  r = readEntry(task, waiters + FUTEX_WAITV_ENTRY.SIZE);
  if (r < 0) return r;
  const futexes = task.kernel.futexes;
  return futexes.requeue(task, addr, own, entry.addr, entry.own, args.i32(2), args.i32(3), true, value);
}

const FUTEX2_FLAGS = { flags: { FUTEX2_PRIVATE }, base: { FUTEX2_SIZE_U32 }, baseMask: FUTEX2_SIZE_MASK };

export const rows = [
  row(SYS_futex_waitv, 'futex_waitv', sysFutexWaitv, ['ptr', 'uint', 'uint', 'timespec', 'clock']),
  row(SYS_futex_wake, 'futex_wake', sysFutexWake, ['ptr', 'ulong', 'int', FUTEX2_FLAGS]),
  row(SYS_futex_wait, 'futex_wait', sysFutexWait, [
    'ptr',
    'ulong',
    'ulong',
    FUTEX2_FLAGS,
    'timespec',
    'clock',
  ]),
  row(SYS_futex_requeue, 'futex_requeue', sysFutexRequeue, ['ptr', 'uint', 'int', 'int']),
];
