import {
  ENOSYS,
  PTRACE_EVENT_EXEC,
  PTRACE_O_SUSPEND_SECCOMP,
  SI_KERNEL,
  SI_USER,
  SIGKILL,
  SIGTRAP,
  TRAP_BRKPT,
  USER_REGS,
} from '@sandbox/abi';
import { checkSeccomp, SECCOMP_HELD, SECCOMP_SKIP } from '../seccomp/entry.js';
import { regNumber } from '../signal/frame.js';
import { type SigInfo, siginfo, userSiginfo } from '../signal/siginfo.js';
import { dispatchToUser } from '../signal/user-dispatch.js';
import type { Task } from '../task/task.js';
import {
  TASK_KERNEL,
  WORK_DISPATCH,
  WORK_EMU,
  WORK_SECCOMP,
  WORK_STEP,
  WORK_TRACE,
} from '../task/task-state.js';
import {
  STAGE_CALL_END,
  STAGE_EMULATED,
  STAGE_ENTRY,
  STAGE_EXIT,
  STAGE_HANDLER,
  STAGE_NONE,
  STAGE_SECCOMP,
  STAGE_SIGNAL,
} from './stages.js';
import { callStop, eventStop } from './stop.js';
import { wantsEvent } from './tracee.js';

/** A system call of a thread that is traced or filtered begins (Linux: syscall_trace_enter). */
export function beginWatchedCall(task: Task): void {
  if ((task.syscallWork & WORK_DISPATCH) !== 0 && dispatchToUser(task)) {
    // Nobody is told of a call that is none.
    task.skipCall(true);
    return;
  }
  if ((task.syscallWork & (WORK_TRACE | WORK_EMU)) !== 0) {
    task.context.setResult(-ENOSYS >>> 0, 0xffffffff);
    callStop(task, true, (task.syscallWork & WORK_EMU) !== 0 ? STAGE_EMULATED : STAGE_ENTRY);
    return;
  }
  passFilters(task, false);
}

/** The filters, and then the call. */
function passFilters(task: Task, recheck: boolean): void {
  const suspended = task.tracee !== null && (task.tracee.options & PTRACE_O_SUSPEND_SECCOMP) !== 0;
  if ((task.syscallWork & WORK_SECCOMP) !== 0 && task.nr !== -1 && !suspended) {
    const verdict = checkSeccomp(task, recheck);
    if (verdict === SECCOMP_HELD) return;
    if (verdict === SECCOMP_SKIP) {
      task.skipCall();
      return;
    }
  }
  // Number -1: the tracer wants it not to be made; the result is what it put in rax.
  if (task.nr === -1) task.skipCall();
  else task.makeCall();
}

/** The tracer may have changed the number and the arguments. */
function takeCallAnew(task: Task): void {
  const { tracee } = task;
  if (tracee === null || !tracee.regsWritten) return;
  const regs = task.context.regs();
  const order = [USER_REGS.rdi, USER_REGS.rsi, USER_REGS.rdx, USER_REGS.r10, USER_REGS.r8, USER_REGS.r9];
  for (let i = 0; i < 6; i++) {
    task.args.words[i * 2] = regs[order[i]! * 2]!;
    task.args.words[i * 2 + 1] = regs[order[i]! * 2 + 1]!;
  }
  task.nr = tracee.origLo | 0;
}

/** Work at the end of a system call; true when the thread has stopped (Linux: syscall_exit_work). */
export function endWatchedCall(task: Task): boolean {
  if (task.execTrap) {
    task.execTrap = false;
    if (wantsEvent(task, PTRACE_EVENT_EXEC)) {
      const former = task.formerTid;
      eventStop(task, PTRACE_EVENT_EXEC, former, STAGE_CALL_END);
      return true;
    }
    if (task.tracee !== null && !task.tracee.seized) {
      const info = siginfo(SIGTRAP, SI_USER);
      info.pid = task.tidFor(task);
      info.uid = task.cred.uid;
      task.kernel.signals.sendToTask(task, info);
    }
  }
  return exitStop(task);
}

function exitStop(task: Task): boolean {
  if (task.tracee === null) return false;
  const work = task.syscallWork;
  if ((work & WORK_STEP) !== 0) {
    const info = siginfo(SIGTRAP, TRAP_BRKPT);
    info.addr = regNumber(task.context.regs(), USER_REGS.rip * 2);
    info.trapno = 1;
    task.kernel.signals.force(task, info);
    return false;
  }
  if ((work & WORK_TRACE) === 0) return false;
  callStop(task, false, STAGE_EXIT);
  return true;
}

/**
 * A signal given with the request that ended a stop around a call is sent as if by the kernel
 * (ptrace_report_syscall).
 */
function sendGiven(task: Task): void {
  const sig = task.tracee?.given ?? 0;
  if (sig !== 0) task.kernel.signals.sendToTask(task, siginfo(sig, SI_KERNEL));
}

/** The tracer lets the thread go on: what the stop came from decides how. */
export function goOn(task: Task): void {
  const stage = task.stage;
  task.stage = STAGE_NONE;
  task.kernel.current = task;
  // Signals sent during the stop woke nobody.
  task.kernel.signals.recompute(task);
  if (task.signals.exiting || task.group.exiting) {
    task.returnToUser();
    return;
  }
  switch (stage) {
    case STAGE_ENTRY:
      takeCallAnew(task);
      sendGiven(task);
      passFilters(task, false);
      return;
    case STAGE_EMULATED:
      takeCallAnew(task);
      sendGiven(task);
      task.skipCall(true);
      return;
    case STAGE_SECCOMP:
      takeCallAnew(task);
      passFilters(task, true);
      return;
    case STAGE_HANDLER:
      task.rerunHandler();
      return;
    case STAGE_CALL_END:
      if (exitStop(task)) return;
      break;
    case STAGE_EXIT:
      sendGiven(task);
      break;
    case STAGE_SIGNAL:
      takeSignal(task);
      break;
  }
  if (task.state === TASK_KERNEL) task.returnToUser();
}

/** The signal shown to the tracer is delivered, dropped, or another is (ptrace_signal). */
function takeSignal(task: Task): void {
  const shown = task.shownSignal;
  task.shownSignal = null;
  if (shown === null) return;
  const { tracee, kernel } = task;
  const sig = tracee === null ? task.detachSignal : tracee.given;
  if (sig === 0) {
    kernel.signals.recompute(task);
    // The call it interrupted still has to be settled.
    task.signals.work = true;
    return;
  }
  let info: SigInfo = shown;
  if (sig !== shown.signo) {
    const by = tracee?.tracer ?? null;
    info = userSiginfo(sig, by === null ? 0 : by.pidFor(task), by === null ? 0 : by.cred.uid);
  }
  if (sig !== SIGKILL && task.signals.blocked.has(sig)) {
    kernel.signals.sendToTask(task, info);
    task.signals.work = true;
    return;
  }
  task.signals.injected = info;
  task.signals.work = true;
}
