import {
  EAGAIN,
  ECANCELED,
  EFAULT,
  EINVAL,
  O_NONBLOCK,
  O_RDWR,
  POLLIN,
  TFD_TIMER_ABSTIME,
} from '@sandbox/abi';
import { type Inode, type IoBuf, WaitQueue } from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { CLOCK_KIND_REALTIME, type ClockKind, deadlineOf } from '../../process/time/clocks.js';
import type { Timespec } from '../../process/time/timespec.js';
import { Timer } from '../../time/timers.js';

const value = new Uint8Array(8);
const view = new DataView(value.buffer);

/**
 * A timer that is read (timerfd_create(2)). A periodic one is armed for its first expiration only; reading
 * counts the further ones and arms it again, so a short interval that nobody reads costs nothing.
 */
export class TimerFile extends AnonFile {
  protected readonly kind = 'timerfd';
  private readonly queue = new WaitQueue();
  private readonly timer: Timer;
  /** Expirations to be read. */
  private ticks = 0;
  /** It fired and, being periodic, waits to be armed again. */
  private expired = false;
  private interval = 0;
  /** CLOCK_MONOTONIC time of the (last) armed expiration. */
  private due = 0;
  private settimeFlags = 0;
  /** TFD_TIMER_CANCEL_ON_SET is in force; and the clock was set since. */
  private cancellable = false;
  private cancelled = false;
  /** Absolute CLOCK_REALTIME expiration, for when that clock is set. */
  private absSec = 0;
  private absNsec = 0;

  /** @param clock clock id, as given */
  constructor(
    inode: Inode,
    private readonly kernel: KernelCore,
    readonly clock: number,
    private readonly clockKind: ClockKind,
    flags: number,
  ) {
    super(inode, O_RDWR | (flags & O_NONBLOCK));
    this.timer = new Timer(() => this.fire());
  }

  override get waitQueue(): WaitQueue {
    return this.queue;
  }

  private fire(): void {
    this.expired = true;
    this.ticks++;
    this.queue.wake(POLLIN);
  }

  /** Count the expirations of a periodic timer since it fired, and arm it for the next. */
  private catchUp(): void {
    if (!this.expired || this.interval === 0) return;
    this.expired = false;
    const late = this.kernel.clock.monotonic() - this.due;
    const missed = Math.floor(late / this.interval);
    this.ticks += missed;
    this.due += (missed + 1) * this.interval;
    this.kernel.timers.arm(this.timer, this.due);
  }

  override read(io: IoBuf): number {
    if (io.remaining < 8) return -EINVAL;
    if (this.cancelled) {
      this.cancelled = false;
      this.ticks = 0;
      this.expired = false;
      return -ECANCELED;
    }
    if (this.ticks === 0) return -EAGAIN;
    this.catchUp();
    view.setUint32(0, this.ticks >>> 0, true);
    view.setUint32(4, Math.floor(this.ticks / 4294967296), true);
    this.ticks = 0;
    this.expired = false;
    return io.put(value, 0, 8) < 8 ? -EFAULT : 8;
  }

  override poll(): number {
    return this.ticks > 0 ? POLLIN : 0;
  }

  /** Nanoseconds to the next expiration, 0 when disarmed; the interval is `intervalNs`. */
  remaining(): number {
    this.catchUp();
    if (!this.timer.armed) return 0;
    // One that is due but has not fired yet is still armed: never zero.
    return Math.max(1, this.due - this.kernel.clock.monotonic());
  }
  get intervalNs(): number {
    return this.interval;
  }

  /**
   * timerfd_settime(2): arm (or, with a zero value, disarm) it. `flags` and times have been checked.
   * `offset`: what the caller's time namespace adds to the clock, ns.
   */
  settime(flags: number, interval: Timespec, first: Timespec, cancelOnSet: boolean, offset: number): void {
    const { kernel } = this;
    kernel.timers.cancel(this.timer);
    this.ticks = 0;
    this.expired = false;
    this.settimeFlags = flags;
    this.interval = interval.ns;
    this.cancelled = false;
    const absolute = (flags & TFD_TIMER_ABSTIME) !== 0;
    const realtime = absolute && this.clockKind === CLOCK_KIND_REALTIME;
    this.cancellable = cancelOnSet && realtime;
    this.absSec = first.sec;
    this.absNsec = first.nsec;
    if (realtime && !first.isZero) kernel.realtimeWatchers.add(this.onClockSet);
    else kernel.realtimeWatchers.delete(this.onClockSet);
    if (first.isZero) return;
    this.due = absolute
      ? deadlineOf(kernel, this.clockKind, first.sec, first.nsec) - offset
      : kernel.clock.monotonic() + first.ns;
    this.armOrFire();
  }

  /** What is due already counts at once, as Linux' timer interrupt would see to before anybody looks. */
  private armOrFire(): void {
    if (this.due <= this.kernel.clock.monotonic()) this.fire();
    else this.kernel.timers.arm(this.timer, this.due);
  }

  /** CLOCK_REALTIME was set: absolute timers keep their date, and those that asked for it are cancelled. */
  private readonly onClockSet = (): void => {
    if (this.cancellable) {
      this.cancelled = true;
      this.ticks++;
      this.queue.wake(POLLIN);
    }
    if (!this.timer.armed || this.interval !== 0) return;
    this.due = deadlineOf(this.kernel, this.clockKind, this.absSec, this.absNsec);
    this.kernel.timers.cancel(this.timer);
    this.armOrFire();
  };

  override release(): void {
    this.kernel.timers.cancel(this.timer);
    this.kernel.realtimeWatchers.delete(this.onClockSet);
  }

  override get fdinfo(): string {
    return `clockid: ${this.clock}\nticks: ${this.ticks}\nsettime flags: 0${this.settimeFlags.toString(8)}\nit_value: (${pair(this.remaining())})\nit_interval: (${pair(this.interval)})\n`;
  }
}

function pair(ns: number): string {
  const sec = Math.floor(ns / 1e9);
  return `${sec}, ${Math.floor(ns - sec * 1e9)}`;
}
