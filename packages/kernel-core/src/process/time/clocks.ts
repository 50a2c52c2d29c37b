import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
  CLOCK_THREAD_CPUTIME_ID,
  CPUCLOCK_CLOCK_MASK,
  CPUCLOCK_PERTHREAD_MASK,
  CPUCLOCK_SCHED,
  CPUCLOCK_VIRT,
  EINVAL,
} from '@sandbox/abi';
import type { KernelCore } from '../kernel/kernel-core.js';
import { processCpuTime, processUserTime, taskCpuTime, taskUserTime } from '../task/cputime.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import type { Timespec } from './timespec.js';

/** What a clock id stands for; several ids share a source. */
export const CLOCK_KIND_NONE = 0;
/** Nanoseconds of `Clock.monotonic`. We never sleep, so CLOCK_BOOTTIME is the same. */
export const CLOCK_KIND_MONOTONIC = 1;
/** CLOCK_REALTIME; CLOCK_TAI too, as the offset between them is 0 until somebody sets it. */
export const CLOCK_KIND_REALTIME = 2;
/** CPU time of a process or thread. */
export const CLOCK_KIND_CPU = 3;

export type ClockKind = 0 | 1 | 2 | 3;

/** By id. The _ALARM clocks need a real-time clock device, as on a machine without one they do not exist. */
const KINDS: readonly ClockKind[] = (() => {
  const kinds: ClockKind[] = new Array(16).fill(CLOCK_KIND_NONE);
  for (const id of [CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME]) {
    kinds[id] = CLOCK_KIND_MONOTONIC;
  }
  for (const id of [CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI]) kinds[id] = CLOCK_KIND_REALTIME;
  kinds[CLOCK_PROCESS_CPUTIME_ID] = CLOCK_KIND_CPU;
  kinds[CLOCK_THREAD_CPUTIME_ID] = CLOCK_KIND_CPU;
  return kinds;
})();

/**
 * CLOCK_KIND_NONE for an id no Linux knows. A negative id is the CPU clock of a pid, which may yet not exist.
 */
export function clockKind(id: number): ClockKind {
  return id < 0 ? CLOCK_KIND_CPU : (KINDS[id] ?? CLOCK_KIND_NONE);
}

/** What the caller's time namespace adds to clock `id`, in ns (time_namespaces(7)). */
export function timeOffset(task: Task, id: number): number {
  const { time } = task.nsSet;
  if (clockKind(id) !== CLOCK_KIND_MONOTONIC) return 0;
  if (id === CLOCK_MONOTONIC_RAW || id === CLOCK_MONOTONIC || id === CLOCK_MONOTONIC_COARSE)
    return time.monotonic;
  return time.boottime;
}

/** Read clock `id` as `task` sees it. 0 or -EINVAL (no such clock, process or thread). */
export function readClock(task: Task, id: number, into: Timespec): number {
  const clock = task.kernel.clock;
  switch (clockKind(id)) {
    case CLOCK_KIND_MONOTONIC:
      into.setNs(clock.monotonic() + timeOffset(task, id));
      return 0;
    case CLOCK_KIND_REALTIME: {
      const sec = clock.realtimeSec();
      into.set(sec, clock.realtimeNsec);
      return 0;
    }
    case CLOCK_KIND_CPU: {
      const ns = readCpuClock(task, id);
      if (ns < 0) return ns;
      into.setNs(ns);
      return 0;
    }
    default:
      return -EINVAL;
  }
}

/** CPU clock `id` in nanoseconds, or -EINVAL. */
export function readCpuClock(task: Task, id: number): number {
  if (id === CLOCK_THREAD_CPUTIME_ID) return taskCpuTime(task);
  if (id === CLOCK_PROCESS_CPUTIME_ID) return processCpuTime(task.group);
  const which = id & CPUCLOCK_CLOCK_MASK;
  // 3 would be a clock behind a file descriptor (PTP), of which there are none.
  if (which > CPUCLOCK_SCHED) return -EINVAL;
  if ((id & CPUCLOCK_PERTHREAD_MASK) !== 0) {
    const thread = cpuClockThread(task, id);
    if (!thread) return -EINVAL;
    return which === CPUCLOCK_VIRT ? taskUserTime(thread) : taskCpuTime(thread);
  }
  const group = cpuClockProcess(task, id);
  if (!group) return -EINVAL;
  return which === CPUCLOCK_VIRT ? processUserTime(group) : processCpuTime(group);
}

/** The thread a per-thread CPU clock belongs to: one of the caller's own process. */
export function cpuClockThread(task: Task, id: number): Task | null {
  const tid = ~(id >> 3);
  if (tid === 0) return task;
  const thread = task.pids.tasks.get(tid);
  return thread && thread.group === task.group ? thread : null;
}

/** The process of a per-process CPU clock; a tid of the caller's own process will do as well. */
export function cpuClockProcess(task: Task, id: number): ThreadGroup | null {
  const pid = ~(id >> 3);
  if (pid === 0) return task.group;
  const group = task.pids.processes.get(pid);
  if (group) return group.tasks.length > 0 ? group : null;
  return task.pids.tasks.get(pid)?.group === task.group ? task.group : null;
}

/**
 * The CLOCK_MONOTONIC nanoseconds at which a clock of this kind (not CPU time) shows `sec`, `nsec`. For
 * CLOCK_REALTIME right until that clock is set.
 */
export function deadlineOf(kernel: KernelCore, kind: ClockKind, sec: number, nsec: number): number {
  if (kind === CLOCK_KIND_MONOTONIC)
    return sec >= 9_223_372_036 ? Number.POSITIVE_INFINITY : sec * 1e9 + nsec;
  const clock = kernel.clock;
  const nowSec = clock.realtimeSec();
  // The difference first: absolute nanoseconds of the present do not fit a number exactly.
  const ahead = (sec - nowSec) * 1e9 + (nsec - clock.realtimeNsec);
  return sec >= 9_223_372_036 ? Number.POSITIVE_INFINITY : clock.monotonic() + ahead;
}

/**
 * The same for an instant of clock `id` as `task` sees it. What lies before the beginning of time has passed.
 */
export function deadlineFor(task: Task, id: number, sec: number, nsec: number): number {
  const deadline = deadlineOf(task.kernel, clockKind(id), sec, nsec);
  return Math.max(0, deadline - timeOffset(task, id));
}
