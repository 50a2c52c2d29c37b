import {
  EINTR,
  SA_NODEFER,
  SA_RESETHAND,
  SA_RESTART,
  SIGKILL,
  SIGSTOP,
  SS_AUTODISARM,
  SS_DISABLE,
  SYS_restart_syscall,
} from '@sandbox/abi';
import { beginCoreDump } from '../coredump/dump.js';
import { handlerStop, signalStop, trapStop } from '../ptrace/stop.js';
import { endThread, exitGroup } from '../task/exit.js';
import type { Task } from '../task/task.js';
import { WORK_STEP } from '../task/task-state.js';
import { KERNEL_COREDUMP, KERNEL_IGNORE, KERNEL_STOP } from './defaults.js';
import { setupFrame } from './frame.js';
import { startGroupStop, stopNow } from './job-control.js';
import { RESTART_AGAIN, RESTART_BLOCK, restartAction } from './restart.js';
import type { SigInfo } from './siginfo.js';
import { SIG_DFL, SIG_IGN, type SigAction } from './signal-state.js';
import type { Signals } from './signals.js';

/**
 * On the way back to the guest: exit, stop, and set up handlers until nothing is left (Linux: get_signal,
 * handle_signal). True when guest code runs next; false when the task has stopped or exited.
 */
export function deliverSignals(signals: Signals, task: Task): boolean {
  const state = task.signals;
  const group = task.group;
  for (;;) {
    if (state.exiting || group.exiting) {
      // Not the whole process: another thread's execve ends this one.
      endThread(task, group.exiting ? group.exitStatus : task.exitCode);
      return false;
    }
    if (group.coreDump !== null) {
      group.coreDump.park(task);
      return false;
    }
    const { tracee } = task;
    if (tracee !== null && (state.stopPending || tracee.trapPending || tracee.notifyPending)) {
      trapStop(task);
      return false;
    }
    if (state.stopPending) {
      task.kernel.tracer?.stopped(task, group.signals.stopSignal);
      stopNow(task);
      return false;
    }
    if (task.frozen) {
      task.park();
      return false;
    }
    const injected = state.injected;
    state.injected = null;
    const info = injected ?? signals.dequeueUnblocked(task);
    if (info === null) {
      finishCall(task, false, false);
      if (!state.hasSaved) break;
      signals.restoreMask(task);
      if (!state.work) break;
      continue;
    }
    if (tracee !== null && injected === null && info.signo !== SIGKILL) {
      task.shownSignal = info;
      signalStop(task, info);
      return false;
    }
    task.kernel.tracer?.signal(task, info);
    const action = group.signals.handlers.actions[info.signo];
    if (action.handler === SIG_IGN) continue;
    if (action.handler !== SIG_DFL) {
      handle(signals, task, info, action);
      if (tracee !== null && (task.syscallWork & WORK_STEP) !== 0) {
        handlerStop(task);
        return false;
      }
      continue;
    }
    if (KERNEL_IGNORE.has(info.signo)) continue;
    if (KERNEL_STOP.has(info.signo)) {
      // An orphaned group has nobody to continue it: terminal stops do not apply (POSIX 2.4.3).
      if (info.signo !== SIGSTOP && group.processGroup.isOrphaned()) continue;
      task.kernel.tracer?.stopped(task, info.signo);
      if (!startGroupStop(signals, task, info.signo)) continue;
      return false;
    }
    if (KERNEL_COREDUMP.has(info.signo) && beginCoreDump(task, info)) return false;
    exitGroup(group, info.signo);
  }
  signals.recompute(task);
  return true;
}

/** Decide what becomes of the interrupted call: `task.restart` is settled and zero afterwards. */
function finishCall(task: Task, handler: boolean, saRestart: boolean): void {
  const code = task.restart;
  if (code === 0) return;
  task.restart = 0;
  switch (restartAction(code, handler, saRestart)) {
    case RESTART_AGAIN:
      task.restartSyscall(task.nr);
      break;
    case RESTART_BLOCK:
      task.restartSyscall(SYS_restart_syscall);
      break;
    default:
      task.context.setResult(-EINTR >>> 0, 0xffffffff);
  }
}

/** Have the handler run when the task returns to the guest. */
function handle(signals: Signals, task: Task, info: SigInfo, action: SigAction): void {
  const state = task.signals;
  const sig = info.signo;
  const { flags, handler, restorer } = action;
  finishCall(task, true, (flags & SA_RESTART) !== 0);
  if ((flags & SA_RESETHAND) !== 0) action.handler = SIG_DFL;
  const oldMask = state.hasSaved ? state.saved : state.blocked;
  if (task.rseq !== null && !task.rseq.restart()) {
    signals.forceSegv(task, sig);
    return;
  }
  if (!setupFrame(task, info, handler, flags, restorer, oldMask)) {
    signals.forceSegv(task, sig);
    return;
  }
  state.hasSaved = false;
  let lo = state.blocked.lo | action.mask.lo;
  let hi = state.blocked.hi | action.mask.hi;
  if ((flags & SA_NODEFER) === 0) {
    if (sig <= 32) lo |= 1 << (sig - 1);
    else hi |= 1 << (sig - 33);
  }
  signals.setBlocked(task, lo, hi);
  if ((state.altFlags & SS_AUTODISARM) !== 0) {
    state.altSp = 0;
    state.altSize = 0;
    state.altFlags = SS_DISABLE;
  }
}
