import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_TAI,
  CLOCK_THREAD_CPUTIME_ID,
  CPUCLOCK_PERTHREAD_MASK,
  EFAULT,
  EINTR,
  EINVAL,
  EOPNOTSUPP,
  ERESTARTNOHAND,
  SYS_clock_nanosleep,
  SYS_nanosleep,
  SYS_restart_syscall,
  TIMER_ABSTIME,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import {
  CLOCK_KIND_CPU,
  CLOCK_KIND_NONE,
  CLOCK_KIND_REALTIME,
  clockKind,
  cpuClockProcess,
  deadlineOf,
  readCpuClock,
  timeOffset,
} from '../../process/time/clocks.js';
import { readTimespec, Timespec, writeTimespec } from '../../process/time/timespec.js';

const ts = new Timespec();
/** A CPU clock is looked at no more often than this while it is slept on. */
const CPU_SAMPLE_NS = 1_000_000;

/**
 * Sleep until `task.wait.deadline`. `rem`: where a relative sleep that is interrupted leaves what remains; 0
 * none.
 */
function sleepOut(task: Task, absolute: boolean, rem: number): number {
  const wait = task.wait;
  if (wait.timedOut) return 0;
  const left = wait.deadline - task.kernel.clock.monotonic();
  if (left <= 0) return 0;
  if (!task.interrupted) return BLOCKED;
  if (absolute) return -ERESTARTNOHAND;
  if (rem !== 0) {
    ts.setNs(Number.isFinite(left) ? left : Number.MAX_SAFE_INTEGER);
    if (writeTimespec(task.mm, rem, ts.sec, ts.nsec) < 0) return -EFAULT;
  }
  return task.restartBlock();
}

/** nanosleep(2): EFAULT, EINTR, EINVAL. */
function sysNanosleep(task: Task, args: SyscallArgs): number {
  if (task.wait.round === 0 && !task.wait.resumed) {
    const r = readTimespec(task.mm, args.u64(0), ts);
    if (r < 0) return r;
    task.setTimeout(ts.ns);
  }
  return sleepOut(task, false, args.u64(1));
}

/** Clocks that can be slept on: 0, or the errno Linux gives for those that cannot. */
function checkSleepClock(id: number): number {
  if (id === CLOCK_THREAD_CPUTIME_ID) return -EOPNOTSUPP;
  if (clockKind(id) === CLOCK_KIND_CPU) return 0;
  switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
      return 0;
    default:
      return clockKind(id) === CLOCK_KIND_NONE ? -EINVAL : -EOPNOTSUPP;
  }
}

/** clock_nanosleep(2): EFAULT, EINTR, EINVAL, EOPNOTSUPP. */
function sysClockNanosleep(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  const absolute = (args.i32(1) & TIMER_ABSTIME) !== 0;
  const rem = absolute ? 0 : args.u64(3);
  const kind = clockKind(id);
  const wait = task.wait;
  if (wait.round === 0 && !wait.resumed) {
    const r = startClockSleep(task, id, absolute, args.u64(2));
    if (r < 0) return r;
  }
  if (kind === CLOCK_KIND_CPU) return sleepOnCpu(task, id, absolute, rem);
  // A clock that was set moves the instant this sleep ends at.
  if (wait.data instanceof Timespec) {
    wait.deadline = deadlineOf(task.kernel, kind, wait.data.sec, wait.data.nsec);
    wait.timedOut = false;
  }
  return sleepOut(task, absolute, rem);
}

/**
 * Read and check the request; sets `wait.deadline`, or `wait.data` where the deadline is not one of
 * CLOCK_MONOTONIC.
 */
function startClockSleep(task: Task, id: number, absolute: boolean, addr: number): number {
  let r = checkSleepClock(id);
  if (r < 0) return r;
  r = readTimespec(task.mm, addr, ts);
  if (r < 0) return r;
  if (id === CLOCK_REALTIME_ALARM || id === CLOCK_BOOTTIME_ALARM) return -EOPNOTSUPP;
  const wait = task.wait;
  if (clockKind(id) === CLOCK_KIND_CPU) {
    const now = checkCpuSleep(task, id);
    if (now < 0) return now;
    wait.data = absolute ? ts.ns : now + ts.ns;
  } else if (!absolute) {
    task.setTimeout(ts.ns);
  } else if (clockKind(id) === CLOCK_KIND_REALTIME) {
    const until = new Timespec();
    until.set(ts.sec, ts.nsec);
    wait.data = until;
    wait.realtime = true;
  } else {
    wait.deadline = Math.max(0, ts.ns - timeOffset(task, id));
  }
  return 0;
}

/** A thread cannot sleep on its own CPU clock. The clock's present value, or -EINVAL. */
function checkCpuSleep(task: Task, id: number): number {
  if (id < 0 && (id & CPUCLOCK_PERTHREAD_MASK) !== 0) {
    const tid = ~(id >> 3);
    if (tid === 0 || tid === task.ownTid) return -EINVAL;
  }
  return readCpuClock(task, id);
}

/** Processor time cannot be waited for: look again when it could have passed at the earliest. */
function sleepOnCpu(task: Task, id: number, absolute: boolean, rem: number): number {
  const wait = task.wait;
  if (wait.resumed && wait.data === null) wait.data = task.restartDeadline;
  const target = wait.data as number;
  const now = readCpuClock(task, id);
  if (now < 0 || now >= target) return 0;
  const left = target - now;
  if (task.interrupted) {
    if (absolute) return -ERESTARTNOHAND;
    if (rem !== 0) {
      ts.setNs(Math.min(left, Number.MAX_SAFE_INTEGER));
      if (writeTimespec(task.mm, rem, ts.sec, ts.nsec) < 0) return -EFAULT;
    }
    wait.deadline = target;
    return task.restartBlock();
  }
  const group = id === CLOCK_PROCESS_CPUTIME_ID ? task.group : cpuClockProcess(task, id);
  const threads = group ? Math.max(1, group.tasks.length) : 1;
  wait.timedOut = false;
  wait.deadline = task.kernel.clock.monotonic() + Math.max(CPU_SAMPLE_NS, left / threads);
  return BLOCKED;
}

/**
 * restart_syscall(2): go on with the call a signal interrupted, with the deadline it had. EINTR when there is
 * none.
 */
function sysRestartSyscall(task: Task, args: SyscallArgs): number {
  const handler = task.restartNr < 0 ? null : task.kernel.syscalls.row(task.restartNr)?.handler;
  if (!handler) return -EINTR;
  if (task.wait.round === 0) {
    task.wait.resumed = true;
    task.wait.deadline = task.restartDeadline;
  }
  return handler(task, args);
}

export const rows = [
  row(SYS_nanosleep, 'nanosleep', sysNanosleep, ['timespec', 'ptr']),
  row(SYS_clock_nanosleep, 'clock_nanosleep', sysClockNanosleep, ['clock', 'int', 'timespec', 'ptr'], {
    note: 'CPU clocks are sampled every millisecond',
  }),
  row(SYS_restart_syscall, 'restart_syscall', sysRestartSyscall, []),
];
