import { ERESTART_RESTARTBLOCK, ERESTARTSYS, USER_REGS } from '@sandbox/abi';
import {
  type Context,
  type ContextSink,
  EVENT_EXCEPTION,
  EVENT_FAULT,
  EVENT_FOREIGN_SYSCALL,
  EVENT_INTERRUPTED,
  EVENT_LOST,
  EVENT_SYSCALL,
} from '@sandbox/platform';
import type { FsContext, IoctlCaller, Waiter, WaitQueue } from '@sandbox/vfs';
import { SyscallArgs } from '../../call/args.js';
import { BLOCKED, NO_RESULT } from '../../call/result.js';
import { LastFault } from '../../mm/last-fault.js';
import type { MemoryManager } from '../../mm/memory-manager.js';
import type { Cgroup } from '../cgroup/cgroup.js';
import { updateFrozen } from '../cgroup/freezer.js';
import type { Cred } from '../cred/cred.js';
import type { FdTable } from '../files/fd-table.js';
import type { FutexWaiter } from '../futex/futex-waiter.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { PidTable, PidView } from '../kernel/pid-table.js';
import type { PageServer } from '../memory/page-server.js';
import type { NsSet } from '../ns/namespaces.js';
import type { DebugRegisters } from '../ptrace/debug-registers.js';
import { beginWatchedCall, endWatchedCall, goOn } from '../ptrace/resume.js';
import { STAGE_NONE, type Stage } from '../ptrace/stages.js';
import type { Tracee } from '../ptrace/tracee.js';
import { continueNotified, SECCOMP_AGAIN, SECCOMP_CONTINUE, SECCOMP_INTERRUPTED } from '../seccomp/entry.js';
import type { SeccompFilter } from '../seccomp/filter.js';
import { Notification } from '../seccomp/notifier.js';
import type { SigInfo } from '../signal/siginfo.js';
import { SignalState } from '../signal/signal-state.js';
import type { UserDispatch } from '../signal/user-dispatch.js';
import { withdrawAnswers } from './answers.js';
import { TaskAttributes } from './attributes.js';
import { newIoCount } from './io-accounting.js';
import { RSEQ_READY, RSEQ_WAITS, type Rseq } from './rseq.js';
import {
  TASK_BLOCKED,
  TASK_DEAD,
  TASK_KERNEL,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_TRACED,
  TASK_ZOMBIE,
  type TaskState,
  WORK_DISPATCH,
  WORK_SECCOMP,
  WORK_STEP,
} from './task-state.js';
import type { ThreadGroup } from './thread-group.js';
import { Wait } from './wait.js';

const RAX = USER_REGS.rax * 2;
const RIP = USER_REGS.rip * 2;

/**
 * A guest thread (Linux: task_struct). It is always in one named state, and only the methods of this class
 * move it between states, so stop, signal delivery and exit have one place to look at.
 */
export class Task implements ContextSink, Waiter, IoctlCaller {
  state: TaskState = TASK_KERNEL;
  /** Thread name (prctl PR_SET_NAME), a byte string of at most 15. */
  comm = '';
  readonly args: SyscallArgs;
  readonly wait: Wait;
  /** Its own; a worker of the kernel's has those of whom it works for. */
  signals = new SignalState();
  /** Number of the call being served, -1 outside one. */
  nr = -1;
  /** A restart code returned by the last call, kept until signal delivery decides; 0 otherwise. */
  restart = 0;
  /** set_tid_address / CLONE_CHILD_CLEARTID: cleared and woken at exit. */
  clearChildTid = 0;
  robustList = 0;
  /** Its place among the futex waiters, made at its first wait; and those of futex_waitv. */
  futex: FutexWaiter | null = null;
  readonly futexVector: FutexWaiter[] = [];
  /**
   * What restart_syscall(2) runs again (-1: nothing) and the deadline it then keeps. Set by `restartBlock`.
   */
  restartNr = -1;
  restartDeadline = Number.POSITIVE_INFINITY;
  /** CLOCK_MONOTONIC ns at which it was created. */
  startTime: number;
  /** vfork parent waiting for this task to exec or exit. */
  vforkParent: Task | null = null;
  /** It has let its vfork parent go on (PTRACE_EVENT_VFORK_DONE is due). */
  vforkEnded = false;
  /** Context switches voluntary (blocked) for getrusage. */
  nvcsw = 0;
  nivcsw = 0;
  minflt = 0;
  majflt = 0;
  /** Bytes and calls of I/O (proc_pid_io(5)). */
  readonly io = newIoCount();
  exitCode = 0;
  /** Times it stopped executing: each is a memory barrier (membarrier(2)). */
  stops = 0;
  readonly lastFault = new LastFault();
  /** Queued in the kernel's run queue. */
  queued = false;
  pdeathsig = 0;
  /** Restartable sequences, when the thread has registered an area for them. */
  rseq: Rseq | null = null;
  /** personality(2). */
  personality = 0;
  readonly attributes: TaskAttributes;
  /** The pid namespace it is in, and its numbers there and above; the other namespaces. */
  pids: PidTable;
  ids: readonly number[] | null = null;
  nsSet: NsSet;
  /** What its calls need besides being made: WORK_*; 0 for most. */
  syscallWork = 0;
  /** seccomp(2): SECCOMP_MODE_* and, with filters, the latest of them. */
  seccompMode = 0;
  seccomp: SeccompFilter | null = null;
  /** Where its calls go instead, where WORK_DISPATCH is set. Not inherited. */
  dispatch: UserDispatch | null = null;
  /** It waits for a supervisor's answer (SECCOMP_RET_USER_NOTIF) before its call is made. */
  private notified = false;
  /** How it is traced; null: not at all. And whom it traces. */
  tracee: Tracee | null = null;
  readonly tracees: Task[] = [];
  /** What it does when it leaves TASK_TRACED. */
  stage: Stage = STAGE_NONE;
  /** The signal the tracer is looking at, and the one a departing tracer left. */
  shownSignal: SigInfo | null = null;
  detachSignal = 0;
  /**
   * It has just become another program: a tracer is told at the end of the call, with the thread's id before.
   */
  execTrap = false;
  formerTid = 0;
  /** The control group it is in, or was in when it exited; and its CPU time when it came there. */
  cgroup: Cgroup;
  cpuElsewhere = 0;
  /**
   * Its group is held and it waits, in TASK_KERNEL, on its way back to the guest; or in a call whose sleep
   * has ended.
   */
  private parked = false;
  /** It waits for a page that a program provides (userfaultfd(2)), in an access of its own or of a call. */
  faulting: PageServer | null = null;
  /** Debug registers as a tracer set them, once one did. */
  debugRegs: DebugRegisters | null = null;

  constructor(
    readonly kernel: KernelCore,
    /**
     * Thread id; changes only when a thread that is not the leader calls execve and takes the leader's place.
     */
    public tid: number,
    public group: ThreadGroup,
    public context: Context,
    public mm: MemoryManager,
    public files: FdTable,
    public fs: FsContext,
    public cred: Cred,
  ) {
    this.args = new SyscallArgs(context.args);
    this.wait = new Wait(this);
    this.attributes = new TaskAttributes();
    this.pids = kernel.pids;
    this.nsSet = kernel.namespaces.initial;
    this.cgroup = kernel.cgroups.root;
    this.startTime = kernel.clock.monotonic();
    context.sink = this;
  }

  // Events from the platform --------------------------------------------------------------------------------

  onGuestEvent(context: Context): void {
    this.state = TASK_KERNEL;
    this.stops++;
    const kernel = this.kernel;
    kernel.enter();
    try {
      if (this.rseq?.cpus.crowded) this.rseq.cpus.yield(this.rseq);
      switch (context.event) {
        case EVENT_SYSCALL:
          this.beginSyscall(context.nr);
          break;
        case EVENT_FAULT:
          if (kernel.faults.onFault(this, context.faultAddr, context.faultAccess)) this.returnToUser();
          else this.state = TASK_BLOCKED;
          break;
        case EVENT_EXCEPTION:
          kernel.faults.onException(this, context.vector, context.faultAddr);
          this.returnToUser();
          break;
        case EVENT_FOREIGN_SYSCALL:
          kernel.faults.onForeignSyscall(this);
          this.returnToUser();
          break;
        case EVENT_INTERRUPTED:
          this.returnToUser();
          break;
        case EVENT_LOST:
          kernel.onContextLost(this);
          break;
      }
    } catch (error) {
      kernel.panic(error, this);
    }
    kernel.leave();
  }

  private beginSyscall(nr: number): void {
    this.nr = nr;
    this.wait.reset();
    this.kernel.current = this;
    if (this.syscallWork !== 0) beginWatchedCall(this);
    else this.finishSyscall(this.kernel.syscalls.dispatch(this, nr));
  }

  /** The call a filter or tracer had to let pass is made now. */
  makeCall(): void {
    this.finishSyscall(this.kernel.syscalls.dispatch(this, this.nr));
  }

  /**
   * The call is over without having been made; its result is in the registers. `silently`: without the stop
   * at its exit.
   */
  skipCall(silently = false): void {
    if (silently) {
      if (this.state === TASK_KERNEL) this.returnToUser();
    } else this.finishSyscall(NO_RESULT);
  }

  private finishSyscall(result: number): void {
    if (result === BLOCKED) {
      if (this.state === TASK_KERNEL) {
        this.state = TASK_BLOCKED;
        this.nvcsw++;
        this.kernel.timers.setDeadline(this, this.wait.deadline);
      }
      return;
    }
    if (this.wait.file !== null) this.wait.dropFile();
    if (this.wait.content !== null) this.wait.dropContent();
    if (result !== NO_RESULT) {
      if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK) {
        this.restart = -result;
      } else {
        const lo = result >>> 0;
        // Results are integers within +-2^53; the high word follows by exact division.
        this.context.setResult(
          lo,
          result < 0 ? Math.floor(result / 4294967296) >>> 0 : (result - lo) / 4294967296,
        );
      }
    }
    if (this.state !== TASK_KERNEL) return;
    if (this.syscallWork > WORK_SECCOMP || this.execTrap) {
      if (endWatchedCall(this)) return;
    }
    this.returnToUser();
  }

  /**
   * The one way back to guest code: pending exits, stops and signals are dealt with, then it runs.
   */
  returnToUser(): void {
    const signals = this.signals;
    if (signals.work || this.restart !== 0) {
      if (!this.kernel.signals.deliver(this)) return;
    }
    if (this.rseq !== null && !this.rseq.settled && !this.enterSequences(this.rseq)) return;
    this.nr = -1;
    this.state = TASK_RUNNING;
    if ((this.syscallWork & WORK_STEP) !== 0) this.context.stepNext?.();
    this.context.resume();
  }

  /** A thread with restartable sequences needs a processor of its own. False: it does not run now. */
  private enterSequences(rseq: Rseq): boolean {
    const state = rseq.enter();
    if (state === RSEQ_READY) return true;
    if (state === RSEQ_WAITS) return false;
    // A handler cannot be entered either, so this ends.
    this.kernel.signals.forceSegv(this, 0);
    this.returnToUser();
    return false;
  }

  /**
   * Undo the entry of the interrupted call so that it is executed again (signal delivery decided to restart
   * it).
   */
  restartSyscall(nr: number): void {
    const regs = this.context.regs();
    regs[RAX] = nr >>> 0;
    regs[RAX + 1] = 0;
    const lo = regs[RIP]!;
    if (lo < 2) regs[RIP + 1] = regs[RIP + 1]! - 1;
    regs[RIP] = lo - 2;
    this.context.touchRegs();
  }

  // IoctlCaller: drivers copy from and to this task's memory, with its rights.
  get memory(): MemoryManager {
    return this.mm;
  }
  get task(): Task {
    return this;
  }

  // Waiting -------------------------------------------------------------------------------------------------

  /** A signal (or exit, or stop) wants attention, so a sleep must end. */
  get interrupted(): boolean {
    return this.signals.work;
  }

  /**
   * Sleep until `queue` announces `mask`, the deadline passes or a signal comes. To be returned by the
   * handler.
   *
   * `onSignal`: what the call answers when a signal ends the sleep (negated ERESTART* or -EINTR). When bytes
   * were already moved (`wait.progress` > 0) that count is answered instead.
   */
  sleep(queue: WaitQueue | null, mask: number, onSignal: number = -ERESTARTSYS): number {
    if (this.interrupted) return this.wait.progress > 0 ? this.wait.progress : onSignal;
    if (queue) this.wait.on(queue, mask);
    return BLOCKED;
  }

  /**
   * Like `sleep`, when the handler has put the wait entries in place itself with `wait.on` (poll, select,
   * epoll).
   */
  sleepEnqueued(onSignal: number): number {
    if (this.interrupted) {
      this.wait.clear();
      return this.wait.progress > 0 ? this.wait.progress : onSignal;
    }
    return BLOCKED;
  }

  /**
   * What an interrupted call answers that, when no handler runs, goes on with the same deadline (Linux:
   * restart_block). Delivery turns it into -EINTR for a handler, else into a call of restart_syscall, which
   * runs the same handler again with `wait.resumed` set, so that `setTimeout` keeps the deadline.
   */
  restartBlock(): number {
    if (!this.wait.resumed) this.restartNr = this.nr;
    this.restartDeadline = this.wait.deadline;
    return -ERESTART_RESTARTBLOCK;
  }

  /** Set the call's deadline on its first run: `ns` from now (Infinity: none). Later runs keep it. */
  setTimeout(ns: number): void {
    if (this.wait.round === 0 && !this.wait.resumed)
      this.wait.deadline = ns === Number.POSITIVE_INFINITY ? ns : this.kernel.clock.monotonic() + ns;
  }

  /** Waiter: something it sleeps on became ready. */
  onWake(_events: number): boolean {
    return this.wakeUp();
  }

  /** Called by the timers when `wait.deadline` has passed. */
  onDeadline(): void {
    if (this.state !== TASK_BLOCKED) return;
    this.wait.timedOut = true;
    this.wakeUp();
  }

  /** Make a blocked task run its handler again. False when it was not blocked (or is already awake). */
  wakeUp(): boolean {
    if (this.state !== TASK_BLOCKED || this.queued) return false;
    this.wait.clear();
    this.kernel.timers.clearDeadline(this);
    this.kernel.enqueue(this);
    return true;
  }

  /** Run queue: continue the blocked call. */
  continueSyscall(): void {
    if (this.state !== TASK_BLOCKED) return;
    if (this.frozen && !this.signals.exiting && this.tracee?.trapPending !== true) {
      this.park();
      return;
    }
    this.state = TASK_KERNEL;
    this.kernel.current = this;
    if (this.faulting !== null && this.nr < 0) this.retryAccess(this.faulting);
    else if (this.notified) this.afterNotification();
    else this.rerunHandler();
  }

  /** A page it waited for may be there now; or a signal came, and it will ask again. */
  private retryAccess(from: PageServer): void {
    from.forget(this);
    this.faulting = null;
    this.returnToUser();
  }

  /** Run the handler of the call again. */
  rerunHandler(): void {
    this.wait.round++;
    this.finishSyscall(this.kernel.syscalls.redispatch(this, this.nr));
  }

  // Filters and tracing -------------------------------------------------------------------------------------

  setSeccomp(mode: number, filter: SeccompFilter | null): void {
    this.seccompMode = mode;
    this.seccomp = filter;
    if (mode !== 0) this.syscallWork |= WORK_SECCOMP;
    withdrawAnswers(this);
  }

  /** Sleep until a supervisor has decided about the call (its notification is `wait.data`). */
  blockNotified(): void {
    this.notified = true;
    this.finishSyscall(BLOCKED);
    if (this.interrupted) this.wakeUp();
  }

  private afterNotification(): void {
    switch (continueNotified(this)) {
      case SECCOMP_AGAIN:
        this.finishSyscall(BLOCKED);
        return;
      case SECCOMP_INTERRUPTED:
        this.notified = false;
        this.finishSyscall(-ERESTARTSYS);
        return;
      case SECCOMP_CONTINUE:
        this.notified = false;
        this.makeCall();
        return;
      default:
        this.notified = false;
        this.skipCall();
    }
  }

  /**
   * It sleeps where only what ends it wakes it: a supervisor or listener decides, or a vfork child has the
   * memory (TASK_KILLABLE).
   */
  get sleepsKillable(): boolean {
    const { data, asked } = this.wait;
    if (asked !== null && asked.waiting) return true;
    return this.notified ? data instanceof Notification && data.killableOnly : data instanceof Task;
  }

  /** Enter TASK_TRACED; `stage` says what follows it. */
  trap(stage: Stage): void {
    this.state = TASK_TRACED;
    this.stage = stage;
  }

  /** Leave TASK_TRACED: `goOn` runs for this task. */
  untrap(): void {
    if (this.state !== TASK_TRACED) return;
    this.state = TASK_KERNEL;
    this.kernel.enqueue(this);
  }

  /** Run queue: after a stop. */
  continueKernel(): void {
    this.parked = false;
    if (this.stage !== STAGE_NONE) goOn(this);
    else this.returnToUser();
  }

  /** No tracer any more: system calls are not stopped at, nothing is stepped. */
  stopTraceWork(): void {
    this.syscallWork &= WORK_SECCOMP | WORK_DISPATCH;
  }

  /** Its id as `viewer` sees it, 0 when it does not. */
  tidFor(viewer: PidView): number {
    return viewer.pids.numberOf(this.tid, this);
  }
  /** The id of its process as `viewer` sees it. */
  pidFor(viewer: PidView): number {
    return this.group.pidFor(viewer);
  }
  /** Its id as it sees it itself. */
  get ownTid(): number {
    return this.ids === null ? this.tid : this.ids[this.pids.level]!;
  }

  /**
   * Attention: a signal, stop or exit was posted. A running task is interrupted, a sleeping one re-runs its
   * handler, which then sees `interrupted`; a stopped one is continued by whoever posted SIGCONT or SIGKILL.
   */
  kick(): void {
    if (this.state === TASK_RUNNING) this.context.interrupt();
    else if (this.state === TASK_BLOCKED) this.wakeUp();
    else if (this.parked) this.kernel.enqueue(this);
    else if (this.rseq?.cpus.stopWaiting(this.rseq)) this.kernel.enqueue(this);
  }

  /** Stop (job control, ptrace): called by signal delivery in TASK_KERNEL. */
  stop(): void {
    this.state = TASK_STOPPED;
  }

  /** Leave TASK_STOPPED: signal delivery runs again for this task. */
  continueFromStop(): void {
    if (this.state !== TASK_STOPPED) return;
    this.state = TASK_KERNEL;
    this.kernel.enqueue(this);
  }

  /** Must it not return to guest code now? */
  get frozen(): boolean {
    return this.cgroup.held;
  }

  get isParked(): boolean {
    return this.parked;
  }

  /** Its group is held: called by signal delivery in TASK_KERNEL. */
  park(): void {
    this.parked = true;
    if (this.cgroup.freezing > 0) updateFrozen(this.cgroup);
  }

  /** Its group is held from now on: a running task comes by, any other is held when it would go on. */
  freeze(): void {
    this.signals.work = true;
    if (this.state === TASK_RUNNING) this.context.interrupt();
  }

  /** Its group runs again. */
  thaw(): void {
    this.kernel.signals.recompute(this);
    if (!this.parked) return;
    this.parked = false;
    if (this.state === TASK_BLOCKED) this.wakeUp();
    else if (this.state === TASK_KERNEL) this.kernel.enqueue(this);
  }

  /** The task will run no more; its context is given back. */
  markZombie(): void {
    this.state = TASK_ZOMBIE;
    this.wait.clear();
    this.wait.dropFile();
    this.kernel.futexes.forget(this);
    this.kernel.timers.clearDeadline(this);
    this.context.dispose();
  }

  markDead(): void {
    this.state = TASK_DEAD;
  }
}
