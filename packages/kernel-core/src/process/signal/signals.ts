import {
  EAGAIN,
  ESRCH,
  POLLIN,
  RLIMIT_SIGPENDING,
  SI_KERNEL,
  SI_USER,
  SIGCONT,
  SIGKILL,
  SIGPIPE,
  SIGRTMIN,
  SIGSEGV,
} from '@sandbox/abi';
import type { KernelCore } from '../kernel/kernel-core.js';
import { exitGroup, exitTask } from '../task/exit.js';
import type { ProcessGroup } from '../task/session.js';
import type { Task } from '../task/task.js';
import { TASK_BLOCKED, TASK_RUNNING, TASK_STOPPED, TASK_TRACED, TASK_ZOMBIE } from '../task/task-state.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { isFatal, isIgnored, KERNEL_COREDUMP, KERNEL_STOP } from './defaults.js';
import { deliverSignals } from './deliver.js';
import { continueGroup } from './job-control.js';
import { collect, flush, flushAll, nextSignal, nextSynchronous, remove, SignalAccounts } from './queue.js';
import { type SigInfo, siginfo } from './siginfo.js';
import { isUnblockable, SIG_DFL, SIG_IGN } from './signal-state.js';
import { SigSet, UNBLOCKABLE_LO } from './sigset.js';

const CONT_SET = SigSet.of(SIGCONT);

/**
 * Signals (signal(7)): sending, choosing a thread, masks, and what happens on the way back to the guest.
 *
 * `send*` queue a signal and wake whoever is to take it; they check no permission (see permission.ts) and
 * return 0, or -EAGAIN when a queued signal (sigqueue(3)) finds no room. A signal that is ignored counts as
 * sent. An info given to them belongs to the queue from then on.
 */
export class Signals {
  readonly accounts = new SignalAccounts();

  constructor(readonly kernel: KernelCore) {}

  // Sending -------------------------------------------------------------------------------------------------

  /** To one thread (tgkill(2), faults, thread timers). 0 or -EAGAIN. */
  sendToTask(task: Task, info: SigInfo): number {
    return this.send(task, false, info);
  }

  /**
   * To a process: some thread of it that does not block the signal takes it, the leader first; with `running`
   * one that uses the CPU, for signals about CPU time. 0 or -EAGAIN.
   */
  sendToProcess(group: ThreadGroup, info: SigInfo, running = false): number {
    if (!group.leader) return 0;
    const first = running
      ? (group.tasks.find((t) => t.state === TASK_RUNNING) ?? group.leader)
      : group.leader;
    return this.send(first, true, info);
  }

  /** Take back `info`, which is pending for the process or one of its threads, or is not any more. */
  withdraw(group: ThreadGroup, info: SigInfo): void {
    if (!info.queued) return;
    if (remove(group.signals.pending, info, this.accounts)) return;
    for (const t of group.tasks) if (remove(t.signals.pending, info, this.accounts)) return;
  }

  /**
   * To each process of a group. 0 when one of them could be signalled, else the last error (-ESRCH: empty).
   */
  sendToProcessGroup(pgrp: ProcessGroup, info: SigInfo): number {
    let result = -ESRCH;
    for (const member of pgrp.members) {
      const r = this.sendToProcess(member, { ...info });
      if (result !== 0) result = r;
    }
    return result;
  }

  /**
   * A signal the kernel raises itself, for nobody in particular (SI_KERNEL), to a process group or session.
   */
  kernelSignal(pgrp: ProcessGroup, sig: number): void {
    this.sendToProcessGroup(pgrp, siginfo(sig, SI_KERNEL));
  }

  /** write(2) and send(2) on a pipe or socket without readers. */
  sendSigpipe(task: Task): void {
    const info = siginfo(SIGPIPE, SI_USER);
    info.pid = task.group.pid;
    info.uid = task.cred.uid;
    this.send(task, false, info);
  }

  /**
   * A signal that cannot be escaped: when it is blocked or ignored it gets its default action (and is
   * unblocked), which is as a rule the end of the process. For faults, and frames that cannot be written.
   */
  force(task: Task, info: SigInfo): void {
    const state = task.signals;
    // Forced without an exception (a bad frame), the last one's numbers stay; vector 0 is a division error.
    if (info.trapno !== 0 || info.errorCode !== 0 || info.code !== SI_KERNEL) {
      state.trapno = info.trapno;
      state.errorCode = info.errorCode;
      if (info.trapno === 14) state.cr2 = info.addr;
    }
    const action = task.group.signals.handlers.actions[info.signo];
    const blocked = state.blocked.has(info.signo);
    task.group.unkillable = false;
    if (blocked || action.handler === SIG_IGN) {
      action.handler = SIG_DFL;
      state.blocked.delete(info.signo);
    }
    this.send(task, false, info);
    if (blocked) this.recompute(task);
  }

  /** Force `sig` with its default action, whatever the handler. */
  forceFatal(task: Task, sig: number): void {
    task.group.signals.handlers.actions[sig].handler = SIG_DFL;
    this.force(task, siginfo(sig, SI_KERNEL));
  }

  /** A signal frame for `sig` could not be written (Linux: force_sigsegv). */
  forceSegv(task: Task, sig: number): void {
    if (sig === SIGSEGV) this.forceFatal(task, SIGSEGV);
    else this.force(task, siginfo(SIGSEGV, SI_KERNEL));
  }

  private send(task: Task, shared: boolean, info: SigInfo): number {
    const sig = info.signo;
    const group = task.group;
    if (group.zombie || (!shared && task.state >= TASK_ZOMBIE)) return 0;
    if (!this.prepare(task, sig, info.code === SI_KERNEL || info.code > 0)) {
      if (!group.exiting) task.kernel.tracer?.ignored(task, info);
      return 0;
    }
    if (task.pids.parent !== null || task.cred.userNs.parent !== null) this.translate(task, info);
    const pending = shared ? group.signals.pending : task.signals.pending;
    if (info.source === null && sig < SIGRTMIN && pending.set.has(sig)) return 0;
    if (sig !== SIGKILL && !info.queued) {
      if (this.account(task, info)) {
        info.queued = true;
        pending.queue.push(info);
      } else if (sig >= SIGRTMIN && info.code !== SI_USER) {
        return -EAGAIN;
      }
    }
    pending.set.add(sig);
    if (shared) for (const t of group.tasks) t.signals.queueChanged.wake(POLLIN);
    else task.signals.queueChanged.wake(POLLIN);
    this.complete(task, shared, sig);
    return 0;
  }

  /**
   * Count the info against the receiver's RLIMIT_SIGPENDING. Standard signals of the kernel and of kill(2)
   * are exempt (there is at most one of each); a timer's was counted when the timer was made.
   */
  private account(task: Task, info: SigInfo): boolean {
    if (info.source !== null) return true;
    if (info.signo < SIGRTMIN && info.code >= 0) return true;
    const uid = task.cred.uid;
    if (!this.accounts.charge(uid, task.group.limits.soft[RLIMIT_SIGPENDING])) return false;
    info.account = uid;
    return true;
  }

  /**
   * Effects of sending as such: stop and continue signals cancel each other. False when the signal is
   * dropped.
   */
  private prepare(task: Task, sig: number, forced: boolean): boolean {
    const group = task.group;
    if (group.exiting) return false;
    if (group.unkillable && group.signals.handlers.actions[sig]!.handler === SIG_DFL) {
      // Process 1 of a namespace: from within it hears what it has handlers for, from outside also what
      // nobody can refuse.
      const sender = this.kernel.current;
      const outside = forced || sender === null || !sender.pids.isWithin(group.pids);
      if (!(outside && (isUnblockable(sig) || forced))) return false;
    }
    if (KERNEL_STOP.has(sig)) this.flushGroup(group, CONT_SET);
    else if (sig === SIGCONT) {
      this.flushGroup(group, KERNEL_STOP);
      continueGroup(this, group);
    }
    // A tracer may want to know even of what is ignored.
    if (task.tracee !== null && sig !== SIGKILL) return true;
    return task.signals.blocked.has(sig) || !isIgnored(group.signals.handlers.actions[sig], sig);
  }

  /** Drop pending signals of `set` from the process and all its threads. */
  flushGroup(group: ThreadGroup, set: SigSet): void {
    flush(group.signals.pending, set, this.accounts);
    for (const t of group.tasks) flush(t.signals.pending, set, this.accounts);
  }

  /** Would this thread take the signal now? */
  private wants(task: Task, sig: number): boolean {
    const state = task.signals;
    if (state.blocked.has(sig) && !state.waiting.has(sig)) return false;
    if (state.exiting || task.state >= TASK_ZOMBIE) return false;
    if (sig === SIGKILL) return true;
    if (task.state === TASK_STOPPED || task.state === TASK_TRACED) return false;
    return task.state !== TASK_BLOCKED || !state.work;
  }

  /** Sender's pid and uid as the receiver sees them; a process it cannot see is 0. */
  private translate(task: Task, info: SigInfo): void {
    if (info.raw !== null) return;
    info.pid = task.pids.seen(this.kernel.pids, info.pid);
    info.uid = task.cred.userNs.uids.show(info.uid);
  }

  private complete(task: Task, shared: boolean, sig: number): void {
    const group = task.group;
    let target: Task | null = null;
    if (this.wants(task, sig)) target = task;
    else if (shared) {
      for (const t of group.tasks) {
        if (this.wants(t, sig)) {
          target = t;
          break;
        }
      }
    }
    if (!target) return;
    const action = group.signals.handlers.actions[sig];
    if (
      isFatal(action, sig) &&
      !KERNEL_COREDUMP.has(sig) &&
      !target.signals.blocked.has(sig) &&
      (sig === SIGKILL || task.tracee === null)
    ) {
      exitGroup(group, sig);
      return;
    }
    this.wake(target);
  }

  /** Have `task` look at its signals. */
  wake(task: Task): void {
    task.signals.work = true;
    task.kick();
  }

  // Taking --------------------------------------------------------------------------------------------------

  /**
   * Take a pending signal of `wanted` (blocked or not) from the thread, else from its process:
   * sigtimedwait(2), signalfd(2).
   */
  dequeue(task: Task, wanted: SigSet): SigInfo | null {
    const lo = ~wanted.lo | UNBLOCKABLE_LO;
    const hi = ~wanted.hi;
    const own = task.signals.pending;
    const shared = task.group.signals.pending;
    let info: SigInfo | null = null;
    let sig = nextSignal(own, lo, hi);
    if (sig !== 0) info = collect(own, sig, this.accounts);
    else if ((sig = nextSignal(shared, lo, hi)) !== 0) info = collect(shared, sig, this.accounts);
    if (info) this.recompute(task);
    return info;
  }

  /** Take the signal to be delivered next, or null. */
  dequeueUnblocked(task: Task): SigInfo | null {
    const { blocked, pending } = task.signals;
    let sig = nextSynchronous(pending, blocked.lo);
    if (sig === 0) sig = nextSignal(pending, blocked.lo, blocked.hi);
    if (sig !== 0) return collect(pending, sig, this.accounts);
    const shared = task.group.signals.pending;
    sig = nextSignal(shared, blocked.lo, blocked.hi);
    return sig === 0 ? null : collect(shared, sig, this.accounts);
  }

  /** Is a signal of `wanted` pending for this thread (signalfd's poll)? */
  hasPending(task: Task, wanted: SigSet): boolean {
    return task.signals.pending.set.meets(wanted) || task.group.signals.pending.set.meets(wanted);
  }

  /** Called by `Task.returnToUser`; true when the task may run guest code now. */
  deliver(task: Task): boolean {
    return deliverSignals(this, task);
  }

  // Masks ---------------------------------------------------------------------------------------------------

  /** Bring `signals.work` up to date after a change of mask or of pending signals. */
  recompute(task: Task): void {
    const state = task.signals;
    const lo = ~state.blocked.lo | state.waiting.lo;
    const hi = ~state.blocked.hi | state.waiting.hi;
    const own = state.pending.set;
    const shared = task.group.signals.pending.set;
    state.work =
      state.exiting ||
      state.stopPending ||
      state.injected !== null ||
      task.group.exiting ||
      task.frozen ||
      (task.tracee !== null && (task.tracee.trapPending || task.tracee.notifyPending)) ||
      (((own.lo | shared.lo) & lo) | ((own.hi | shared.hi) & hi)) !== 0;
  }

  /**
   * Change the mask of blocked signals. Pending signals of the process that this thread no longer takes go to
   * another.
   */
  setBlocked(task: Task, lo: number, hi: number): void {
    const blocked = task.signals.blocked;
    const newLo = lo & ~UNBLOCKABLE_LO & ~blocked.lo;
    const newHi = hi & ~blocked.hi;
    blocked.set(lo & ~UNBLOCKABLE_LO, hi);
    if ((newLo | newHi) !== 0 && task.group.tasks.length > 1) this.retarget(task, newLo, newHi);
    this.recompute(task);
  }

  /** Find other threads for the process's pending signals of the given set. */
  retarget(task: Task, lo: number, hi: number): void {
    const shared = task.group.signals.pending.set;
    let restLo = shared.lo & lo;
    let restHi = shared.hi & hi;
    for (const t of task.group.tasks) {
      if ((restLo | restHi) === 0) return;
      if (t === task || t.signals.exiting) continue;
      const takesLo = restLo & ~t.signals.blocked.lo;
      const takesHi = restHi & ~t.signals.blocked.hi;
      if ((takesLo | takesHi) === 0) continue;
      restLo &= ~takesLo;
      restHi &= ~takesHi;
      if (!t.signals.work) this.wake(t);
    }
  }

  /**
   * Mask of sigsuspend, ppoll, pselect6, epoll_pwait for the time of the call. The old one comes back when a
   * handler that ends the call returns, at delivery when none runs, or by `restoreMask`. Call it on the first
   * run of the handler only.
   */
  setTemporaryMask(task: Task, lo: number, hi: number): void {
    const state = task.signals;
    state.saved.copyFrom(state.blocked);
    state.hasSaved = true;
    this.setBlocked(task, lo, hi);
  }

  /**
   * The call that set a temporary mask ends without a signal: put the old one back. No effect when none is
   * set.
   */
  restoreMask(task: Task): void {
    const state = task.signals;
    if (!state.hasSaved) return;
    state.hasSaved = false;
    this.setBlocked(task, state.saved.lo, state.saved.hi);
  }

  /** Would `sig` have no effect on this thread now? For a terminal's background checks (tty_check_change). */
  isBlockedOrIgnored(task: Task, sig: number): boolean {
    return task.signals.blocked.has(sig) || task.group.signals.handlers.actions[sig].handler === SIG_IGN;
  }

  /** New action for `sig` is in place: signals it ignores are dropped (POSIX 3.3.1.3). */
  actionChanged(group: ThreadGroup, sig: number): void {
    if (!isIgnored(group.signals.handlers.actions[sig], sig)) return;
    this.flushGroup(group, SigSet.of(sig));
    for (const t of group.tasks) this.recompute(t);
  }

  // Ends ----------------------------------------------------------------------------------------------------

  /**
   * execve(2): caught signals go back to default, the alternate stack is gone, actions are the process's own.
   */
  execReset(task: Task): void {
    const shared = task.group.signals;
    // Another process may share the table (CLONE_SIGHAND without CLONE_THREAD).
    shared.handlers = shared.handlers.clone();
    shared.handlers.flush();
    const state = task.signals;
    state.altSp = 0;
    state.altSize = 0;
    state.trapno = 0;
    state.errorCode = 0;
    state.cr2 = 0;
  }

  /** A thread is gone. */
  taskGone(task: Task): void {
    flushAll(task.signals.pending, this.accounts);
  }

  /** A process is gone. */
  processGone(group: ThreadGroup): void {
    flushAll(group.signals.pending, this.accounts);
  }

  /** The host took the task's context away: its process ends as if by SIGKILL. */
  contextLost(task: Task): void {
    if (task.state >= TASK_ZOMBIE) return;
    if (!task.group.exiting) exitGroup(task.group, SIGKILL);
    exitTask(task, task.group.exitStatus);
  }
}
