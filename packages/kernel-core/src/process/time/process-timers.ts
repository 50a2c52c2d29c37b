import { ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL, SIGPROF, SIGVTALRM } from '@sandbox/abi';
import type { KernelCore } from '../kernel/kernel-core.js';
import { processCpuTime, processUserTime } from '../task/cputime.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { CpuIntervalTimer, RealIntervalTimer } from './interval-timer.js';
import type { PosixTimer } from './posix-timer.js';

/** The timers of one process; made when it first sets one. */
export class ProcessTimers {
  readonly posix = new Map<number, PosixTimer>();
  private nextId = 0;
  private readonly intervals: readonly [RealIntervalTimer, CpuIntervalTimer, CpuIntervalTimer];

  constructor(
    private readonly kernel: KernelCore,
    readonly group: ThreadGroup,
  ) {
    this.intervals = [
      new RealIntervalTimer(kernel, group),
      new CpuIntervalTimer(kernel, group, SIGVTALRM, processUserTime),
      new CpuIntervalTimer(kernel, group, SIGPROF, processCpuTime),
    ];
    kernel.realtimeWatchers.add(this.clockWasSet);
  }

  private readonly clockWasSet = (): void => {
    for (const timer of this.posix.values()) timer.clockWasSet();
  };

  /** ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF; null for any other number. */
  interval(which: number): RealIntervalTimer | CpuIntervalTimer | null {
    if (which !== ITIMER_REAL && which !== ITIMER_VIRTUAL && which !== ITIMER_PROF) return null;
    return this.intervals[which];
  }

  /** An id no timer of this process has. Ids go upwards and start over behind the largest. */
  allocateId(): number {
    while (this.posix.has(this.nextId)) this.next();
    const id = this.nextId;
    this.next();
    return id;
  }

  private next(): void {
    this.nextId = this.nextId === 0x7fffffff ? 0 : this.nextId + 1;
  }

  /** execve(2) deletes POSIX timers; interval timers go on. */
  deletePosix(): void {
    for (const timer of this.posix.values()) timer.delete();
    this.posix.clear();
  }

  /** The process ends. */
  release(): void {
    this.deletePosix();
    for (const timer of this.intervals) timer.stop();
    this.kernel.realtimeWatchers.delete(this.clockWasSet);
  }
}

/** The timers of `task`'s process, made now if it has none. */
export function timersOf(task: Task): ProcessTimers {
  return (task.group.timers ??= new ProcessTimers(task.kernel, task.group));
}

/** Have the timers of a process end with it, or with its program. */
export function installTimerHooks(kernel: KernelCore): void {
  kernel.hooks.exec.push((task) => task.group.timers?.deletePosix());
  kernel.hooks.processExit.push((group) => {
    group.timers?.release();
    group.timers = null;
  });
}
