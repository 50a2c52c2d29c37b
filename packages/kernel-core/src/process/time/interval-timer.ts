import { SI_KERNEL, SIGALRM } from '@sandbox/abi';
import { Timer } from '../../time/timers.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { type SigInfo, type SignalSource, siginfo } from '../signal/siginfo.js';
import type { ThreadGroup } from '../task/thread-group.js';
import type { CpuAlarm } from './cpu-timers.js';

/** With a SIGALRM of somebody else pending, a periodic timer goes on no faster than this. */
const MERGED_NS = 4_000_000;

/**
 * ITIMER_REAL (setitimer(2), alarm(2)). A periodic one is armed again when its SIGALRM is taken, as in Linux.
 */
export class RealIntervalTimer implements SignalSource {
  private interval = 0;
  private due = 0;
  private readonly timer: Timer;
  private pending: SigInfo | null = null;

  constructor(
    private readonly kernel: KernelCore,
    private readonly group: ThreadGroup,
  ) {
    this.timer = new Timer(() => this.fire());
  }

  /** ns to the next SIGALRM, 0 when disarmed. */
  get remaining(): number {
    if (!this.timer.armed) return 0;
    // One that is due but has not fired yet is not disarmed: getitimer(2) shows at least a microsecond.
    return Math.max(1000, this.due - this.kernel.clock.monotonic());
  }
  get intervalNs(): number {
    return this.interval;
  }

  set(intervalNs: number, valueNs: number): void {
    this.kernel.timers.cancel(this.timer);
    this.interval = valueNs === 0 ? 0 : intervalNs;
    if (valueNs === 0) return;
    this.due = this.kernel.clock.monotonic() + valueNs;
    this.kernel.timers.arm(this.timer, this.due);
  }

  private fire(): void {
    if (this.group.signals.pending.set.has(SIGALRM)) {
      if (this.interval > 0 && this.pending === null) {
        this.due = this.kernel.clock.monotonic() + Math.max(this.interval, MERGED_NS);
        this.kernel.timers.arm(this.timer, this.due);
      }
      return;
    }
    const info = siginfo(SIGALRM, SI_KERNEL);
    info.source = this;
    this.pending = info;
    this.kernel.signals.sendToProcess(this.group, info);
    // Ignored: it stops, as Linux' does.
    if (!info.queued) this.pending = null;
  }

  dequeued(info: SigInfo, _delivered: boolean): void {
    if (info !== this.pending) return;
    this.pending = null;
    if (this.interval === 0 || this.timer.armed) return;
    const late = Math.max(0, this.kernel.clock.monotonic() - this.due);
    this.due += (Math.floor(late / this.interval) + 1) * this.interval;
    this.kernel.timers.arm(this.timer, this.due);
  }

  stop(): void {
    this.set(0, 0);
    if (this.pending) this.pending.source = null;
    this.pending = null;
  }
}

/** ITIMER_VIRTUAL and ITIMER_PROF: a signal for every `interval` of CPU time. */
export class CpuIntervalTimer implements CpuAlarm {
  due = 0;
  private interval = 0;

  constructor(
    private readonly kernel: KernelCore,
    private readonly group: ThreadGroup,
    private readonly signo: number,
    private readonly clock: (group: ThreadGroup) => number,
  ) {}

  read(): number {
    return this.clock(this.group);
  }
  threads(): number {
    return this.group.tasks.length;
  }

  get remaining(): number {
    return this.kernel.cpuTimers.armed(this) ? Math.max(1000, this.due - this.read()) : 0;
  }
  get intervalNs(): number {
    return this.interval;
  }

  set(intervalNs: number, valueNs: number): void {
    this.kernel.cpuTimers.cancel(this);
    this.interval = valueNs === 0 ? 0 : intervalNs;
    if (valueNs === 0) return;
    this.due = this.read() + valueNs;
    this.kernel.cpuTimers.arm(this);
  }

  fire(): void {
    // Linux notices in the tick of a thread that runs: profilers count on that one being told.
    this.kernel.signals.sendToProcess(this.group, siginfo(this.signo, SI_KERNEL), true);
    if (this.interval === 0) return;
    const late = Math.max(0, this.read() - this.due);
    this.due += (Math.floor(late / this.interval) + 1) * this.interval;
    this.kernel.cpuTimers.arm(this);
  }

  stop(): void {
    this.set(0, 0);
  }
}
