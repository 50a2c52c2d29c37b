import { EINVAL, ITIMER_REAL, SYS_alarm, SYS_getitimer, SYS_setitimer } from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { timersOf } from '../../process/time/process-timers.js';
import { readItimerval, Timespec, writeItimerval } from '../../process/time/timespec.js';

const interval = new Timespec();
const value = new Timespec();
const NSEC_PER_SEC = 1_000_000_000;

/** getitimer(2): EFAULT, EINVAL. */
function sysGetitimer(task: Task, args: SyscallArgs): number {
  const timer = timersOf(task).interval(args.i32(0));
  if (!timer) return -EINVAL;
  return writeItimerval(task.mm, args.u64(1), timer.intervalNs, timer.remaining);
}

/** setitimer(2): EFAULT, EINVAL. A null value disarms, as Linux still allows. */
function sysSetitimer(task: Task, args: SyscallArgs): number {
  const from = args.u64(1);
  interval.set(0, 0);
  value.set(0, 0);
  if (from !== 0) {
    const r = readItimerval(task.mm, from, interval, value);
    if (r < 0) return r;
  }
  const timer = timersOf(task).interval(args.i32(0));
  if (!timer) return -EINVAL;
  const oldInterval = timer.intervalNs;
  const old = timer.remaining;
  timer.set(interval.ns, value.ns);
  const to = args.u64(2);
  return to === 0 ? 0 : writeItimerval(task.mm, to, oldInterval, old);
}

/** alarm(2). */
function sysAlarm(task: Task, args: SyscallArgs): number {
  const timer = timersOf(task).interval(ITIMER_REAL)!;
  const old = timer.remaining;
  timer.set(0, Math.min(args.u32(0), 0x7fffffff) * NSEC_PER_SEC);
  if (old === 0) return 0;
  // Rounded to whole seconds, but never down to none.
  return Math.max(1, Math.round(old / NSEC_PER_SEC));
}

export const rows = [
  row(SYS_getitimer, 'getitimer', sysGetitimer, ['int', 'itimerval']),
  row(SYS_setitimer, 'setitimer', sysSetitimer, ['int', 'itimerval', 'itimerval'], {
    note: 'ITIMER_VIRTUAL and ITIMER_PROF are as exact as a tick of 4 ms',
  }),
  row(SYS_alarm, 'alarm', sysAlarm, ['uint']),
];
