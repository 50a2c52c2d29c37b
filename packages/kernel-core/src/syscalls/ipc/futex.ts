import {
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  EFAULT,
  EINVAL,
  ENOSYS,
  EPERM,
  ESRCH,
  FUTEX_BITSET_MATCH_ANY,
  FUTEX_CLOCK_REALTIME,
  FUTEX_CMP_REQUEUE,
  FUTEX_CMP_REQUEUE_PI,
  FUTEX_LOCK_PI,
  FUTEX_LOCK_PI2,
  FUTEX_PRIVATE_FLAG,
  FUTEX_REQUEUE,
  FUTEX_TRYLOCK_PI,
  FUTEX_UNLOCK_PI,
  FUTEX_WAIT,
  FUTEX_WAIT_BITSET,
  FUTEX_WAIT_REQUEUE_PI,
  FUTEX_WAKE,
  FUTEX_WAKE_BITSET,
  FUTEX_WAKE_OP,
  ROBUST_LIST_HEAD,
  SYS_futex,
  SYS_get_robust_list,
  SYS_set_robust_list,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { ptraceAccess } from '../../process/task/access.js';
import type { Task } from '../../process/task/task.js';
import { deadlineFor } from '../../process/time/clocks.js';
import { readTimespec, Timespec } from '../../process/time/timespec.js';

const ts = new Timespec();

/** Operations whose fourth argument is a timeout. */
function hasTimeout(cmd: number): boolean {
  return (
    cmd === FUTEX_WAIT ||
    cmd === FUTEX_LOCK_PI ||
    cmd === FUTEX_LOCK_PI2 ||
    cmd === FUTEX_WAIT_BITSET ||
    cmd === FUTEX_WAIT_REQUEUE_PI
  );
}

/** Operations that may be told to measure their timeout by CLOCK_REALTIME. */
function takesRealtime(cmd: number): boolean {
  return cmd === FUTEX_WAIT_BITSET || cmd === FUTEX_WAIT_REQUEUE_PI || cmd === FUTEX_LOCK_PI2;
}

/**
 * First run: set the deadline from the timeout at `addr`. FUTEX_WAIT's is relative, all others absolute.
 * EFAULT, EINVAL.
 */
function setDeadline(task: Task, cmd: number, realtime: boolean, addr: number): number {
  const wait = task.wait;
  if (wait.round !== 0 || wait.resumed) return 0;
  const r = readTimespec(task.mm, addr, ts);
  if (r < 0) return r;
  if (cmd === FUTEX_WAIT) {
    task.setTimeout(ts.ns);
  } else {
    const clock = realtime || cmd === FUTEX_LOCK_PI ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    wait.deadline = deadlineFor(task, clock, ts.sec, ts.nsec);
  }
  return 0;
}

/** futex(2). */
function sysFutex(task: Task, args: SyscallArgs): number {
  const op = args.i32(1);
  const cmd = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  const realtime = (op & FUTEX_CLOCK_REALTIME) !== 0;
  const timed = hasTimeout(cmd) && args.u64(3) !== 0;
  if (timed) {
    const r = setDeadline(task, cmd, realtime, args.u64(3));
    if (r < 0) return r;
  }
  if (realtime && !takesRealtime(cmd)) return -ENOSYS;
  return dispatch(task, args, cmd, (op & FUTEX_PRIVATE_FLAG) !== 0, timed);
}

function dispatch(task: Task, args: SyscallArgs, cmd: number, own: boolean, timed: boolean): number {
  const futexes = task.kernel.futexes;
  const addr = args.u64(0);
  const val = args.u32(2);
  switch (cmd) {
    case FUTEX_WAIT:
      return futexes.wait(task, addr, own, val, FUTEX_BITSET_MATCH_ANY, timed);
    case FUTEX_WAIT_BITSET:
      return futexes.wait(task, addr, own, val, args.u32(5), timed);
    case FUTEX_WAKE:
      return futexes.wake(task, addr, own, val | 0, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
      return futexes.wake(task, addr, own, val | 0, args.u32(5));
    case FUTEX_REQUEUE:
      return futexes.requeue(task, addr, own, args.u64(4), own, val | 0, args.i32(3), false, 0);
    case FUTEX_CMP_REQUEUE:
      return futexes.requeue(task, addr, own, args.u64(4), own, val | 0, args.i32(3), true, args.u32(5));
    case FUTEX_WAKE_OP:
      return futexes.wakeOp(task, addr, args.u64(4), own, val | 0, args.i32(3), args.i32(5));
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return futexes.pi.lock(task, addr, own, timed, false);
    case FUTEX_TRYLOCK_PI:
      return futexes.pi.lock(task, addr, own, false, true);
    case FUTEX_UNLOCK_PI:
      return futexes.pi.unlock(task, addr, own);
    case FUTEX_WAIT_REQUEUE_PI:
      return futexes.pi.waitRequeue(task, addr, own, val, FUTEX_BITSET_MATCH_ANY, timed, args.u64(4));
    case FUTEX_CMP_REQUEUE_PI:
      return futexes.pi.requeue(task, addr, own, args.u64(4), val | 0, args.i32(3), args.u32(5));
    default:
      return -ENOSYS;
  }
}

/** set_robust_list(2): EINVAL. */
function sysSetRobustList(task: Task, args: SyscallArgs): number {
  if (args.u64(1) !== ROBUST_LIST_HEAD.SIZE) return -EINVAL;
  task.robustList = args.u64(0);
  return 0;
}

/** get_robust_list(2): EFAULT, EPERM, ESRCH. */
function sysGetRobustList(task: Task, args: SyscallArgs): number {
  const pid = args.i32(0);
  const other = pid === 0 ? task : task.pids.tasks.get(pid);
  if (!other) return -ESRCH;
  if (ptraceAccess(task, other, true) < 0) return -EPERM;
  if (task.mm.store64(args.u64(2), ROBUST_LIST_HEAD.SIZE) < 0) return -EFAULT;
  return task.mm.store64(args.u64(1), other.robustList);
}

const OPERATIONS = {
  FUTEX_WAIT,
  FUTEX_WAKE,
  FUTEX_REQUEUE,
  FUTEX_CMP_REQUEUE,
  FUTEX_WAKE_OP,
  FUTEX_LOCK_PI,
  FUTEX_UNLOCK_PI,
  FUTEX_TRYLOCK_PI,
  FUTEX_WAIT_BITSET,
  FUTEX_WAKE_BITSET,
  FUTEX_WAIT_REQUEUE_PI,
  FUTEX_CMP_REQUEUE_PI,
  FUTEX_LOCK_PI2,
};

export const rows = [
  row(
    SYS_futex,
    'futex',
    sysFutex,
    [
      'ptr',
      { flags: { FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME }, base: OPERATIONS, baseMask: 127 },
      'uint',
      'ptr',
      'ptr',
      'uint',
    ],
    { note: 'PI futexes hand the lock over in the order of arrival: there are no priorities to inherit' },
  ),
  row(SYS_set_robust_list, 'set_robust_list', sysSetRobustList, ['ptr', 'size']),
  row(SYS_get_robust_list, 'get_robust_list', sysGetRobustList, ['pid', 'ptr', 'ptr']),
];
