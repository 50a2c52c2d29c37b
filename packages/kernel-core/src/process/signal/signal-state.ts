import { SA_RESTORER, SIGKILL, SIGSTOP, SS_DISABLE } from '@sandbox/abi';
import { WaitQueue } from '@sandbox/vfs';
import type { SigInfo } from './siginfo.js';
import { SigSet } from './sigset.js';

/** SIG_DFL and SIG_IGN as handler addresses. */
export const SIG_DFL = 0;
export const SIG_IGN = 1;

/** struct sigaction as the kernel keeps it. */
export class SigAction {
  handler = SIG_DFL;
  /** SA_* as an unsigned word; the upper half of `sa_flags` has no meaning. */
  flags = 0;
  restorer = 0;
  readonly mask = new SigSet();

  copyFrom(o: SigAction): void {
    this.handler = o.handler;
    this.flags = o.flags;
    this.restorer = o.restorer;
    this.mask.copyFrom(o.mask);
  }
  /** Back to SIG_DFL with nothing set. */
  reset(): void {
    this.handler = SIG_DFL;
    this.flags = 0;
    this.restorer = 0;
    this.mask.clear();
  }
  get hasRestorer(): boolean {
    return (this.flags & SA_RESTORER) !== 0;
  }
}

/**
 * Pending signals of a task or of a process: a set, and the queued details (one of each standard signal, all
 * of real-time ones).
 */
export class SigPending {
  readonly set = new SigSet();
  readonly queue: SigInfo[] = [];
}

/** Per-thread signal state. */
export class SignalState {
  readonly blocked = new SigSet();
  readonly pending = new SigPending();
  /** sigaltstack(2). With size 0 there is none, whatever the flags, which are kept as they were given. */
  altSp = 0;
  altSize = 0;
  altFlags = SS_DISABLE;
  /** Mask to put back after the handler that ends sigsuspend, ppoll and the like. */
  readonly saved = new SigSet();
  hasSaved = false;
  /** Set while sigtimedwait waits: signals it takes although blocked. */
  readonly waiting = new SigSet();
  /**
   * Attention needed before guest code runs again: an unblocked signal is pending, or the process is exiting
   * or stopping. Kept by `Signals.recompute`; read on every return to the guest.
   */
  work = false;
  /** A fatal exit is under way: the task leaves at the next opportunity. */
  exiting = false;
  /** A signal its tracer has seen and let pass: delivered next. */
  injected: SigInfo | null = null;
  /** Its process is stopping and this thread has not stopped yet. */
  stopPending = false;
  /** Of the last fault that became a signal, for the frames of later ones too (Linux: thread_struct). */
  trapno = 0;
  errorCode = 0;
  cr2 = 0;
  /** signalfds and sigwait of this thread. */
  readonly queueChanged = new WaitQueue();
}

/** Actions table, shared by CLONE_SIGHAND. */
export class SigHandlers {
  readonly actions: SigAction[] = [];
  constructor() {
    for (let i = 0; i <= 64; i++) this.actions.push(new SigAction());
  }
  clone(): SigHandlers {
    const h = new SigHandlers();
    for (let i = 1; i <= 64; i++) h.actions[i].copyFrom(this.actions[i]);
    return h;
  }
  /**
   * Forget caught signals; keep ignored ones unless `all` (execve(2), CLONE_CLEAR_SIGHAND keeps them too).
   */
  flush(all = false): void {
    for (let i = 1; i <= 64; i++) {
      const action = this.actions[i];
      const ignored = action.handler === SIG_IGN;
      action.reset();
      if (ignored && !all) action.handler = SIG_IGN;
    }
  }
}

/** Per-process signal state. */
export class SharedSignals {
  readonly pending = new SigPending();
  /** Job control: the signal the process is stopping or stopped by, 0 when running. */
  stopSignal = 0;
  /** Threads that still have to stop before the process counts as stopped. */
  stopCount = 0;
  /** All threads are stopped. */
  stopped = false;
  /**
   * Unreported state changes for wait4 and waitid: the signal that stopped it (0: none or reported), and
   * whether it was continued.
   */
  stopReport = 0;
  continueReport = false;
  constructor(public handlers: SigHandlers) {}
}

/** Signals that can be neither caught, blocked nor ignored. */
export function isUnblockable(sig: number): boolean {
  return sig === SIGKILL || sig === SIGSTOP;
}
