import { SCHED_NORMAL } from '@sandbox/abi';

/** Default timer slack, ns (prctl PR_SET_TIMERSLACK). */
export const DEFAULT_TIMER_SLACK = 50_000;

/**
 * Scheduling and other per-thread settings a program can set and read back (sched(7), prctl(2)). Guests run
 * on the host's scheduler, so policy, priority and affinity are recorded, not enforced.
 */
export class TaskAttributes {
  /** setpriority(2): -20..19. */
  nice = 0;
  policy = SCHED_NORMAL;
  /** Static priority of SCHED_FIFO and SCHED_RR, 0 for others. */
  rtPriority = 0;
  /** Slice of a fair policy it chose with sched_setattr(2), ns; 0: the default one. */
  slice = 0;
  /** SCHED_FLAG_RESET_ON_FORK and the other recorded flags of sched_setattr(2). */
  resetOnFork = false;
  /** Allowed processors, numbers 0..31 as bits. */
  affinity = 0xffffffff;
  /** ioprio_set(2); 0: none set. */
  ioprio = 0;
  timerSlack = DEFAULT_TIMER_SLACK;
  defaultTimerSlack = DEFAULT_TIMER_SLACK;
  /** PR_SET_THP_DISABLE is a setting of the memory map in Linux; inherited like one. */
  thpDisable = false;
  /** set_mempolicy(2): mode and its flags. */
  memoryPolicy = 0;
  /** PR_SET_IO_FLUSHER. */
  ioFlusher = false;
  /** PR_MCE_KILL policy. */
  mceKill = 2;

  /** The slack in force, ns: real-time threads have none. */
  get effectiveTimerSlack(): number {
    return this.rtPriority > 0 ? 0 : this.timerSlack;
  }

  /** What a new thread or process starts with. */
  inherit(parent: TaskAttributes): void {
    Object.assign(this, parent);
    this.defaultTimerSlack = parent.timerSlack;
    if (!parent.resetOnFork) return;
    // sched(7), "Resetting scheduling policy for child processes".
    this.resetOnFork = false;
    if (this.rtPriority > 0) {
      this.policy = SCHED_NORMAL;
      this.rtPriority = 0;
      this.nice = 0;
    } else if (this.nice < 0) this.nice = 0;
    this.slice = 0;
  }
}
