import {
  CAP_WAKE_ALARM,
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  EBADF,
  EFAULT,
  EINVAL,
  EPERM,
  SYS_timerfd_create,
  SYS_timerfd_gettime,
  SYS_timerfd_settime,
  TFD_CLOEXEC,
  TFD_NONBLOCK,
  TFD_TIMER_ABSTIME,
  TFD_TIMER_CANCEL_ON_SET,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { TimerFile } from '../../files/event/timerfd.js';
import { fileOf } from '../../files/io/files.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';
import { clockKind, timeOffset } from '../../process/time/clocks.js';
import { readItimerspec, Timespec, writeItimerspec } from '../../process/time/timespec.js';

const interval = new Timespec();
const value = new Timespec();

function isAlarm(clock: number): boolean {
  return clock === CLOCK_REALTIME_ALARM || clock === CLOCK_BOOTTIME_ALARM;
}

/** timerfd_create(2) */
function sysTimerfdCreate(t: Task, a: SyscallArgs): number {
  const clock = a.i32(0);
  const flags = a.u32(1);
  if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) !== 0) return -EINVAL;
  if (clock !== CLOCK_MONOTONIC && clock !== CLOCK_REALTIME && clock !== CLOCK_BOOTTIME && !isAlarm(clock)) {
    return -EINVAL;
  }
  if (isAlarm(clock) && !t.cred.capable(CAP_WAKE_ALARM)) return -EPERM;
  const file = new TimerFile(t.kernel.anonInode, t.kernel, clock, clockKind(clock), flags);
  return installFile(t, file, (flags & TFD_CLOEXEC) !== 0);
}

/** The timer behind `fd`: -EBADF, -EINVAL (another kind of file). */
function timerOf(t: Task, fd: number): TimerFile | number {
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  return file instanceof TimerFile ? file : -EINVAL;
}

/** timerfd_settime(2) */
function sysTimerfdSettime(t: Task, a: SyscallArgs): number {
  const r = readItimerspec(t.mm, a.u64(2), interval, value);
  if (r < 0) return r;
  const flags = a.u32(1);
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0) return -EINVAL;
  const timer = timerOf(t, a.i32(0));
  if (typeof timer === 'number') return timer;
  if (isAlarm(timer.clock) && !t.cred.capable(CAP_WAKE_ALARM)) return -EPERM;
  const oldValue = timer.remaining();
  const oldInterval = timer.intervalNs;
  timer.settime(flags, interval, value, (flags & TFD_TIMER_CANCEL_ON_SET) !== 0, timeOffset(t, timer.clock));
  const old = a.u64(3);
  // The timer is set even when the old value cannot be stored.
  return old !== 0 && writeItimerspec(t.mm, old, oldInterval, oldValue) < 0 ? -EFAULT : 0;
}

/** timerfd_gettime(2) */
function sysTimerfdGettime(t: Task, a: SyscallArgs): number {
  const timer = timerOf(t, a.i32(0));
  if (typeof timer === 'number') return timer;
  return writeItimerspec(t.mm, a.u64(1), timer.intervalNs, timer.remaining()) < 0 ? -EFAULT : 0;
}

export const rows = [
  row(SYS_timerfd_create, 'timerfd_create', sysTimerfdCreate, [
    'clock',
    { flags: { TFD_CLOEXEC, TFD_NONBLOCK } },
  ]),
  row(SYS_timerfd_settime, 'timerfd_settime', sysTimerfdSettime, [
    'fd',
    { flags: { TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET } },
    'itimerspec',
    'ptr',
  ]),
  row(SYS_timerfd_gettime, 'timerfd_gettime', sysTimerfdGettime, ['fd', 'ptr']),
];
