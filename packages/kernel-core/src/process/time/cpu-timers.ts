import { RLIMIT_CPU, SI_KERNEL, SIGKILL, SIGXCPU } from '@sandbox/abi';
import { Timer } from '../../time/timers.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { siginfo } from '../signal/siginfo.js';
import { processCpuTime } from '../task/cputime.js';
import { TASK_RUNNING } from '../task/task-state.js';
import type { ThreadGroup } from '../task/thread-group.js';

/** CPU clocks are looked at no more often than this: Linux does so at every tick. */
const TICK_NS = 4_000_000;
/** How seldom they are looked at while nothing runs that could move them. */
const IDLE_NS = 100_000_000;
const SECOND_NS = 1_000_000_000;

/** Something that happens when a CPU clock reaches `due`. Made once per timer and armed again and again. */
export interface CpuAlarm {
  /** Nanoseconds of its clock. */
  due: number;
  /** The clock now; -1 when its process or thread is gone. */
  read(): number;
  /** How many threads may move the clock at the same time. */
  threads(): number;
  fire(): void;
}

/**
 * Timers on CPU time. Nothing interrupts when a guest has used up some amount of it, so the clocks in
 * question are sampled: when the amount can have been used at the earliest, and at most once a tick.
 */
export class CpuTimers {
  private readonly alarms = new Set<CpuAlarm>();
  private readonly timer: Timer;
  /** Some process has (or had) a finite RLIMIT_CPU: all are sampled for it. */
  private limits = false;
  private idle = TICK_NS;

  constructor(private readonly kernel: KernelCore) {
    this.timer = new Timer(() => this.sample());
  }

  /** Have `alarm.fire` called when its clock reaches `alarm.due`. */
  arm(alarm: CpuAlarm): void {
    this.alarms.add(alarm);
    this.schedule();
  }

  cancel(alarm: CpuAlarm): void {
    this.alarms.delete(alarm);
  }

  armed(alarm: CpuAlarm): boolean {
    return this.alarms.has(alarm);
  }

  /** A process was given a finite RLIMIT_CPU. */
  watchLimits(): void {
    this.limits = true;
    this.schedule();
  }

  private schedule(): void {
    if (this.timer.armed || (this.alarms.size === 0 && !this.limits)) return;
    this.kernel.timers.arm(this.timer, this.kernel.clock.monotonic() + TICK_NS);
  }

  private sample(): void {
    let next = this.limits ? this.checkLimits() : Number.POSITIVE_INFINITY;
    for (const alarm of [...this.alarms]) {
      const now = alarm.read();
      if (now < 0) {
        this.alarms.delete(alarm);
      } else if (now >= alarm.due) {
        this.alarms.delete(alarm);
        alarm.fire();
        if (this.alarms.has(alarm)) next = TICK_NS;
      } else {
        next = Math.min(next, (alarm.due - now) / Math.max(1, alarm.threads()));
      }
    }
    if (this.alarms.size === 0 && !this.limits) return;
    this.idle = this.running() ? TICK_NS : Math.min(IDLE_NS, this.idle * 2);
    const wait = Math.max(this.idle, Math.min(next, IDLE_NS * 10));
    this.kernel.timers.arm(this.timer, this.kernel.clock.monotonic() + wait);
  }

  private running(): boolean {
    for (const task of this.kernel.pids.tasks.values()) if (task.state === TASK_RUNNING) return true;
    return false;
  }

  /**
   * RLIMIT_CPU of all processes (setrlimit(2)): SIGXCPU at the soft limit and every second from then on,
   * SIGKILL at the hard one.
   */
  private checkLimits(): number {
    let next = Number.POSITIVE_INFINITY;
    let any = false;
    for (const group of this.kernel.pids.processes.values()) {
      const soft = group.limits.soft[RLIMIT_CPU];
      const hard = group.limits.hard[RLIMIT_CPU];
      if (group.tasks.length === 0 || (!Number.isFinite(soft) && !Number.isFinite(hard))) continue;
      any = true;
      next = Math.min(next, this.checkLimit(group, soft, hard) / group.tasks.length);
    }
    this.limits = any;
    return next;
  }

  /** Nanoseconds until the process' limits are to be looked at again. */
  private checkLimit(group: ThreadGroup, soft: number, hard: number): number {
    const used = processCpuTime(group);
    if (used >= hard * SECOND_NS) {
      this.kernel.signals.sendToProcess(group, siginfo(SIGKILL, SI_KERNEL));
      return Number.POSITIVE_INFINITY;
    }
    const warnAt = Math.max(soft, group.cpuLimitNext) * SECOND_NS;
    if (used < warnAt) return warnAt - used;
    // Linux raises the soft limit by a second each time; the limit a program reads back stays as it was set
    // here.
    group.cpuLimitNext = Math.floor(used / SECOND_NS) + 1;
    this.kernel.signals.sendToProcess(group, siginfo(SIGXCPU, SI_KERNEL), true);
    return SECOND_NS;
  }
}
