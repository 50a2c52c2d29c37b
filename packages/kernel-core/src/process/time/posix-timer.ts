import { SI_TIMER, SIGEV_NONE, SIGEV_THREAD_ID } from '@sandbox/abi';
import { Timer } from '../../time/timers.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { type SigInfo, type SignalSource, siginfo } from '../signal/siginfo.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { CLOCK_KIND_CPU, CLOCK_KIND_REALTIME, clockKind, deadlineOf } from './clocks.js';
import type { CpuAlarm } from './cpu-timers.js';
import type { Timespec } from './timespec.js';

/** Most a timer_getoverrun(2) tells (DELAYTIMER_MAX). */
const DELAYTIMER_MAX = 0x7fffffff;
/**
 * A periodic timer whose signal is ignored goes on no faster than this: nobody could tell, and the host
 * could.
 */
const IGNORED_NS = 4_000_000;

/** What a timer does when it expires: a checked struct sigevent. */
export interface TimerEvent {
  notify: number;
  signo: number;
  valueLo: number;
  valueHi: number;
  /** SIGEV_THREAD_ID's thread. */
  thread: Task | null;
}

/**
 * A POSIX timer (timer_create(2)). Expiry sends its signal; a periodic one is armed again only when that
 * signal is taken, and counts the expirations missed in between as its overrun.
 */
export class PosixTimer implements SignalSource, CpuAlarm {
  /** When it expires: CLOCK_MONOTONIC ns, or ns of its CPU clock. */
  due = 0;
  interval = 0;
  /** User whose RLIMIT_SIGPENDING it counts against. */
  account = -1;
  overrunLast = 0;
  private overrun = 0;
  private readonly timer: Timer;
  /** Its signal, while that is pending. */
  private pending: SigInfo | null = null;
  private active = false;
  /** Absolute CLOCK_REALTIME expiry, for when that clock is set. */
  private absolute = false;
  private absSec = 0;
  private absNsec = 0;
  private readonly cpu: boolean;

  constructor(
    private readonly kernel: KernelCore,
    readonly group: ThreadGroup,
    readonly id: number,
    readonly clock: number,
    readonly event: TimerEvent,
    /** For a CPU clock: its value, -1 when whose it is has gone; and how many threads it adds up. */
    private readonly cpuClock: () => number,
    private readonly cpuThreads: () => number,
  ) {
    this.cpu = clockKind(clock) === CLOCK_KIND_CPU;
    this.timer = new Timer(() => this.fire());
  }

  read(): number {
    return this.cpuClock();
  }
  threads(): number {
    return this.cpuThreads();
  }

  /** Its clock, as ns that `due` compares with. */
  private now(): number {
    return this.cpu ? Math.max(0, this.cpuClock()) : this.kernel.clock.monotonic();
  }

  private arm(): void {
    this.active = true;
    if (this.event.notify === SIGEV_NONE) return;
    if (this.cpu) this.kernel.cpuTimers.arm(this);
    else this.kernel.timers.arm(this.timer, this.due);
  }

  private disarm(): void {
    this.active = false;
    this.kernel.timers.cancel(this.timer);
    if (this.cpu) this.kernel.cpuTimers.cancel(this);
  }

  /**
   * timer_settime(2). A zero value disarms it. `offset`: what the caller's time namespace adds to the clock,
   * ns.
   */
  set(interval: Timespec, value: Timespec, absolute: boolean, offset: number): void {
    this.disarm();
    this.withdraw();
    this.overrun = 0;
    this.overrunLast = 0;
    this.interval = 0;
    this.absolute = absolute && clockKind(this.clock) === CLOCK_KIND_REALTIME && !value.isZero;
    if (value.isZero) return;
    this.interval = interval.ns;
    this.absSec = value.sec;
    this.absNsec = value.nsec;
    if (!absolute) this.due = this.now() + value.ns;
    else if (this.cpu) this.due = value.ns;
    else this.due = deadlineOf(this.kernel, clockKind(this.clock), value.sec, value.nsec) - offset;
    this.arm();
  }

  /** The signal of an earlier setting is not delivered any more. */
  private withdraw(): void {
    const info = this.pending;
    this.pending = null;
    if (info === null) return;
    info.source = null;
    this.kernel.signals.withdraw(this.group, info);
  }

  /** CLOCK_REALTIME was set: an absolute timer on it keeps its date. */
  clockWasSet(): void {
    if (!this.absolute || !this.active) return;
    this.due = deadlineOf(this.kernel, CLOCK_KIND_REALTIME, this.absSec, this.absNsec);
    this.absolute = this.interval === 0;
    this.arm();
  }

  /**
   * timer_gettime(2): ns to the next expiry, 0 when disarmed. One that is due or whose signal waits is never
   * quite 0.
   */
  remaining(): number {
    const silent = this.event.notify === SIGEV_NONE;
    if (!this.active && (this.interval === 0 || this.pending === null)) return 0;
    const now = this.now();
    let left = this.due - now;
    if (left <= 0 && this.interval > 0 && (silent || this.pending !== null)) {
      left += (Math.floor(-left / this.interval) + 1) * this.interval;
    }
    if (left > 0) return left;
    if (!silent) return 1;
    this.active = false;
    return 0;
  }

  fire(): void {
    this.active = false;
    if (this.pending !== null) return;
    const { event } = this;
    const info = siginfo(event.signo, SI_TIMER);
    info.timerId = this.id;
    info.valueLo = event.valueLo;
    info.valueHi = event.valueHi;
    info.source = this;
    this.pending = info;
    const { signals } = this.kernel;
    if (event.notify !== SIGEV_THREAD_ID) signals.sendToProcess(this.group, info, this.cpu);
    else if (event.thread) signals.sendToTask(event.thread, info);
    if (!info.queued && this.pending === info) this.ignored();
  }

  /** The signal was dropped, as it is ignored or its thread is gone. */
  private ignored(): void {
    this.pending = null;
    if (this.interval === 0) return;
    this.overrun += this.forward() + 1;
    if (!this.cpu) this.due = Math.max(this.due, this.now() + IGNORED_NS);
    this.arm();
  }

  /**
   * Step `due` past the present; the number of expirations stepped over besides the one that has been
   * signalled.
   */
  private forward(): number {
    const late = Math.max(0, this.now() - this.due);
    const missed = Math.floor(late / this.interval);
    this.due += (missed + 1) * this.interval;
    return missed;
  }

  dequeued(info: SigInfo, delivered: boolean): void {
    if (info !== this.pending) return;
    this.pending = null;
    if (this.interval > 0) {
      this.overrun += this.forward();
      this.arm();
    }
    // Dropped, since it is ignored now: it counts as an overrun of the one that is not.
    if (!delivered) {
      this.overrun++;
      return;
    }
    this.overrunLast = Math.min(this.overrun, DELAYTIMER_MAX);
    this.overrun = 0;
    info.overrun = this.overrunLast;
  }

  /** timer_delete(2), exec, exit. A signal that is pending goes too. */
  delete(): void {
    this.disarm();
    this.withdraw();
    this.interval = 0;
    if (this.account >= 0) this.kernel.signals.accounts.release(this.account);
    this.account = -1;
  }
}
