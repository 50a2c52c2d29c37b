import {
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME_ALARM,
  CLOCK_REALTIME_COARSE,
  CLOCK_THREAD_CPUTIME_ID,
  CPUCLOCK_PERTHREAD_MASK,
  EAGAIN,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  RLIMIT_SIGPENDING,
  SIGALRM,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
  SIGEV_THREAD_ID,
  SIGEVENT,
  SIGRTMAX,
  SYS_timer_create,
  SYS_timer_delete,
  SYS_timer_getoverrun,
  SYS_timer_gettime,
  SYS_timer_settime,
  TIMER_ABSTIME,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { taskCpuTime, taskUserTime } from '../../process/task/cputime.js';
import type { Task } from '../../process/task/task.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';
import {
  CLOCK_KIND_CPU,
  CLOCK_KIND_NONE,
  clockKind,
  cpuClockProcess,
  cpuClockThread,
  readCpuClock,
  timeOffset,
} from '../../process/time/clocks.js';
import { PosixTimer, type TimerEvent } from '../../process/time/posix-timer.js';
import { timersOf } from '../../process/time/process-timers.js';
import { readItimerspec, Timespec, writeItimerspec } from '../../process/time/timespec.js';

const interval = new Timespec();
const value = new Timespec();

/** Clocks a timer can be on: 0, or -EINVAL (no such clock), -EOPNOTSUPP (not for timers). */
function checkClock(id: number): number {
  switch (id) {
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
      return -EOPNOTSUPP;
    default:
      return clockKind(id) === CLOCK_KIND_NONE ? -EINVAL : 0;
  }
}

/** struct sigevent of timer_create, or its default: SIGALRM with the timer's id. EFAULT, EINVAL. */
function readEvent(task: Task, addr: number, id: number): TimerEvent | number {
  if (addr === 0) return { notify: SIGEV_SIGNAL, signo: SIGALRM, valueLo: id, valueHi: 0, thread: null };
  const { scratchView: view } = task.kernel;
  const notify = view.getInt32(SIGEVENT.sigev_notify, true);
  const signo = view.getInt32(SIGEVENT.sigev_signo, true);
  let thread: Task | null = null;
  switch (notify) {
    case SIGEV_THREAD_ID: {
      const other = task.pids.tasks.get(view.getInt32(SIGEVENT.sigev_notify_thread_id, true));
      if (!other || other.group !== task.group) return -EINVAL;
      thread = other;
      break;
    }
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
    case SIGEV_NONE:
      break;
    default:
      return -EINVAL;
  }
  if (notify !== SIGEV_NONE && (signo <= 0 || signo > SIGRTMAX)) return -EINVAL;
  const valueLo = view.getUint32(SIGEVENT.sigev_value, true);
  return { notify, signo, valueLo, valueHi: view.getUint32(SIGEVENT.sigev_value + 4, true), thread };
}

/** How to read a CPU clock for as long as a timer lives; whose it is was settled when the timer was made. */
function cpuReaders(task: Task, clock: number): { read: () => number; threads: () => number } {
  const ofThread =
    clock === CLOCK_THREAD_CPUTIME_ID || (clock < 0 && (clock & CPUCLOCK_PERTHREAD_MASK) !== 0);
  if (clockKind(clock) !== CLOCK_KIND_CPU) return { read: () => -1, threads: () => 1 };
  if (ofThread) {
    const thread = clock < 0 ? cpuClockThread(task, clock)! : task;
    const read = (clock & 3) === 1 && clock < 0 ? taskUserTime : taskCpuTime;
    return { read: () => (thread.state >= TASK_ZOMBIE ? -1 : read(thread)), threads: () => 1 };
  }
  const group = clock === CLOCK_PROCESS_CPUTIME_ID ? task.group : cpuClockProcess(task, clock)!;
  return {
    read: () =>
      group.tasks.length === 0 ? -1 : readCpuClock(group.tasks[0], clock < 0 ? groupClock(clock) : clock),
    threads: () => group.tasks.length,
  };
}

/** The same kind of process clock, of whoever reads it. */
function groupClock(clock: number): number {
  return (~0 << 3) | (clock & 3);
}

/** timer_create(2): EAGAIN, EFAULT, EINVAL, EOPNOTSUPP. */
function sysTimerCreate(task: Task, args: SyscallArgs): number {
  const clock = args.i32(0);
  const eventAddr = args.u64(1);
  const { kernel } = task;
  if (eventAddr !== 0 && task.mm.copyIn(eventAddr, kernel.scratch, 0, SIGEVENT.SIZE) < 0) return -EFAULT;
  const r = checkClock(clock);
  if (r < 0) return r;
  const timers = timersOf(task);
  const { accounts } = kernel.signals;
  if (!accounts.charge(task.cred.uid, task.group.limits.soft[RLIMIT_SIGPENDING])) return -EAGAIN;
  const id = timers.allocateId();
  const event = readEvent(task, eventAddr, id);
  let error = typeof event === 'number' ? event : 0;
  if (error === 0 && task.mm.store32(args.u64(2), id) < 0) error = -EFAULT;
  if (error === 0 && clock < 0 && readCpuClock(task, clock) < 0) error = -EINVAL;
  if (error < 0 || typeof event === 'number') {
    accounts.release(task.cred.uid);
    return error;
  }
  const { read, threads } = cpuReaders(task, clock);
  const timer = new PosixTimer(kernel, task.group, id, clock, event, read, threads);
  timer.account = task.cred.uid;
  timers.posix.set(id, timer);
  return 0;
}

function find(task: Task, id: number): PosixTimer | null {
  return task.group.timers?.posix.get(id) ?? null;
}

/** timer_settime(2): EFAULT, EINVAL. */
function sysTimerSettime(task: Task, args: SyscallArgs): number {
  const from = args.u64(2);
  if (from === 0) return -EINVAL;
  const r = readItimerspec(task.mm, from, interval, value);
  if (r < 0) return r;
  const timer = find(task, args.i32(0));
  if (!timer) return -EINVAL;
  const oldInterval = timer.interval;
  const old = timer.remaining();
  timer.set(interval, value, (args.i32(1) & TIMER_ABSTIME) !== 0, timeOffset(task, timer.clock));
  const to = args.u64(3);
  return to === 0 ? 0 : writeItimerspec(task.mm, to, oldInterval, old);
}

/** timer_gettime(2): EFAULT, EINVAL. */
function sysTimerGettime(task: Task, args: SyscallArgs): number {
  const timer = find(task, args.i32(0));
  if (!timer) return -EINVAL;
  return writeItimerspec(task.mm, args.u64(1), timer.interval, timer.remaining());
}

/** timer_getoverrun(2): EINVAL. */
function sysTimerGetoverrun(task: Task, args: SyscallArgs): number {
  return find(task, args.i32(0))?.overrunLast ?? -EINVAL;
}

/** timer_delete(2): EINVAL. */
function sysTimerDelete(task: Task, args: SyscallArgs): number {
  const timer = find(task, args.i32(0));
  if (!timer) return -EINVAL;
  timer.delete();
  task.group.timers?.posix.delete(timer.id);
  return 0;
}

export const rows = [
  row(SYS_timer_create, 'timer_create', sysTimerCreate, ['clock', 'ptr', 'ptr'], {
    note: 'timers on CPU clocks are as exact as a tick of 4 ms; without a real-time clock device the _ALARM clocks have none',
  }),
  row(SYS_timer_settime, 'timer_settime', sysTimerSettime, ['int', 'int', 'itimerspec', 'itimerspec']),
  row(SYS_timer_gettime, 'timer_gettime', sysTimerGettime, ['int', 'itimerspec']),
  row(SYS_timer_getoverrun, 'timer_getoverrun', sysTimerGetoverrun, ['int']),
  row(SYS_timer_delete, 'timer_delete', sysTimerDelete, ['int']),
];
