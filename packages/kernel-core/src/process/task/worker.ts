import type { AddressSpace, Context, ContextSink, GuestEvent } from '@sandbox/platform';
import { EVENT_NONE } from '@sandbox/platform';
import { BLOCKED } from '../../call/result.js';
import type { SyscallHandler } from '../kernel/call-table.js';
import { Task } from './task.js';
import { TASK_BLOCKED, TASK_DEAD, TASK_KERNEL } from './task-state.js';

/** Where a guest thread would be: nothing but the argument registers. */
class NoContext implements Context {
  sink: ContextSink | null = null;
  readonly event: GuestEvent = EVENT_NONE;
  readonly nr = -1;
  readonly args = new Uint32Array(12);
  readonly faultAddr = 0;
  readonly faultAccess = 0;
  readonly vector = 0;
  readonly fpuSize = 0;
  readonly xfeatures = 0;
  readonly running = false;

  constructor(readonly addressSpace: AddressSpace) {}

  setResult(): void {}
  regs(): Uint32Array {
    throw new Error('a worker has no registers');
  }
  touchRegs(): void {}
  saveFpu(): void {}
  loadFpu(): boolean {
    return false;
  }
  resetFpu(): void {}
  resume(): void {}
  interrupt(): void {}
  clone(): Context {
    throw new Error('a worker cannot be copied');
  }
  fork(): Context {
    throw new Error('a worker cannot be copied');
  }
  renewAddressSpace(): void {}
  dispose(): void {}
}

/**
 * A thread of the kernel's own that executes one call on behalf of a process, with its memory, descriptors
 * and rights, and sleeps in it if need be (Linux: the workers of io_uring). It is in no table of tasks, takes
 * no signals and never runs guest code. The owner must `abandon` it before the process loses its memory.
 */
export abstract class Worker extends Task {
  /** What it executes; runs again after each wait, like any handler. */
  private handler: SyscallHandler | null = null;

  constructor(submitter: Task) {
    const { kernel, tid, group, mm, files, fs, cred } = submitter;
    super(kernel, tid, group, new NoContext(mm.addressSpace), mm, files, fs, cred);
    this.serve(submitter);
    this.state = TASK_DEAD;
  }

  /** The call is over, with a result or -errno. The worker may be set to work again. */
  protected abstract finished(result: number): void;

  /** Set argument register `i` to an unsigned number below 2^53. */
  setArg(i: number, value: number): void {
    this.args.words[2 * i] = value >>> 0;
    this.args.words[2 * i + 1] = Math.floor(value / 4294967296) >>> 0;
  }
  setArgWords(i: number, lo: number, hi: number): void {
    this.args.words[2 * i] = lo;
    this.args.words[2 * i + 1] = hi;
  }

  get busy(): boolean {
    return this.handler !== null;
  }

  /** It works for `submitter` from now on. */
  protected serve(submitter: Task): void {
    this.tid = submitter.tid;
    this.group = submitter.group;
    this.mm = submitter.mm;
    this.files = submitter.files;
    this.fs = submitter.fs;
    this.cred = submitter.cred;
    this.pids = submitter.pids;
    this.ids = submitter.ids;
    this.nsSet = submitter.nsSet;
    this.comm = submitter.comm;
    this.signals = submitter.signals;
  }

  /** Execute `handler` with the arguments that have been set, and the description in `wait.file`, if any. */
  protected execute(handler: SyscallHandler): void {
    this.wait.reset();
    this.handler = handler;
    this.nr = 0;
    this.state = TASK_KERNEL;
    this.step(handler);
  }

  private step(handler: SyscallHandler): void {
    const { kernel } = this;
    const outer = kernel.current;
    kernel.current = this;
    const result = handler(this, this.args);
    kernel.current = outer;
    if (result !== BLOCKED) this.end(result);
    else if (this.state === TASK_KERNEL) {
      this.state = TASK_BLOCKED;
      kernel.timers.setDeadline(this, this.wait.deadline);
    }
  }

  private end(result: number): void {
    this.abandon();
    this.finished(result);
  }

  /** Stop executing, whatever it was; `finished` is not called. */
  abandon(): void {
    if (this.handler === null) return;
    this.handler = null;
    this.wait.clear();
    this.wait.dropFile();
    this.kernel.futexes.forget(this);
    this.kernel.timers.clearDeadline(this);
    this.state = TASK_DEAD;
    this.nr = -1;
  }

  override continueSyscall(): void {
    if (this.state !== TASK_BLOCKED || this.handler === null) return;
    this.state = TASK_KERNEL;
    this.wait.round++;
    // Nobody stopped the threads whose memory this is.
    const { pages } = this.mm;
    const outer = pages.foreign;
    pages.foreign = true;
    this.step(this.handler);
    pages.foreign = outer;
  }

  /** Signals are its process's business: nothing interrupts it. */
  override get interrupted(): boolean {
    return false;
  }
  override kick(): void {}
}
