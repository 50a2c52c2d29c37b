import {
  CLD_STOPPED,
  CLD_TRAPPED,
  POLLIN,
  PTRACE_EVENT_STOP,
  PTRACE_EVENTMSG_SYSCALL_ENTRY,
  PTRACE_EVENTMSG_SYSCALL_EXIT,
  SA_NOCLDSTOP,
  SIGCHLD,
  SIGTRAP,
} from '@sandbox/abi';
import { leaveGroupStop, notifyParent } from '../signal/job-control.js';
import { type SigInfo, siginfo } from '../signal/siginfo.js';
import { SIG_IGN } from '../signal/signal-state.js';
import { processSystemTime, processUserTime, toTicks } from '../task/cputime.js';
import type { Task } from '../task/task.js';
import { STAGE_DELIVER, STAGE_SIGNAL, type Stage } from './stages.js';

/**
 * Stop a traced thread, which is in the kernel, and tell its tracer (Linux: ptrace_stop). `code` is what
 * wait(2) reports, without the 0x7f; `stage` is what it does when it is let go on.
 */
function stopFor(
  task: Task,
  code: number,
  info: SigInfo | null,
  why: number,
  message: number,
  stage: Stage,
): void {
  const tracee = task.tracee!;
  tracee.code = code;
  tracee.unreported = true;
  tracee.info = info;
  tracee.message = message;
  tracee.given = 0;
  tracee.listening = false;
  tracee.regsWritten = false;
  const nr = task.nr;
  tracee.origLo = nr >>> 0;
  tracee.origHi = nr < 0 ? 0xffffffff : 0;
  // Text the platform replaced is put back before anybody looks at it.
  task.context.setPlainCode?.(true);
  task.trap(stage);
  const last = why === CLD_STOPPED && leaveGroupStop(task);
  notifyTracer(task, why);
  const { group } = task;
  if (last && group.parent !== tracee.tracer.group)
    notifyParent(group, CLD_STOPPED, group.signals.stopSignal);
}

/**
 * SIGCHLD for the tracer, unless it does not care; its waits are woken in any case
 * (do_notify_parent_cldstop).
 */
function notifyTracer(task: Task, why: number): void {
  const { tracer, code } = task.tracee!;
  const { group } = tracer;
  const action = group.signals.handlers.actions[SIGCHLD]!;
  if (action.handler !== SIG_IGN && (action.flags & SA_NOCLDSTOP) === 0) {
    const info = siginfo(SIGCHLD, why);
    info.pid = task.tid;
    info.uid = task.cred.uid;
    info.status = code & 0x7f;
    info.utime = toTicks(processUserTime(task.group));
    info.stime = toTicks(processSystemTime(task.group));
    task.kernel.signals.sendToProcess(group, info);
  }
  group.childQueue.wake(POLLIN);
}

/** A stop that no signal causes: the code is in its siginfo (ptrace_do_notify). */
function notifyStop(
  task: Task,
  code: number,
  signo: number,
  why: number,
  message: number,
  stage: Stage,
): void {
  const info = siginfo(signo, code);
  info.pid = task.ownTid;
  info.uid = task.cred.uid;
  stopFor(task, code, info, why, message, stage);
}

/** Stop before or after a system call. */
export function callStop(task: Task, entry: boolean, stage: Stage): void {
  const code = task.tracee!.marksCalls ? SIGTRAP | 0x80 : SIGTRAP;
  const message = entry ? PTRACE_EVENTMSG_SYSCALL_ENTRY : PTRACE_EVENTMSG_SYSCALL_EXIT;
  notifyStop(task, code, SIGTRAP, CLD_TRAPPED, message, stage);
}

/** Report PTRACE_EVENT `event` with its message. */
export function eventStop(task: Task, event: number, message: number, stage: Stage): void {
  notifyStop(task, SIGTRAP | (event << 8), SIGTRAP, CLD_TRAPPED, message, stage);
}

/** Show a signal that is about to be delivered to the tracer. */
export function signalStop(task: Task, info: SigInfo): void {
  stopFor(task, info.signo, info, CLD_TRAPPED, 0, STAGE_SIGNAL);
}

/**
 * A stepped thread has been set up to run a handler: it stops before its first instruction
 * (signal_delivered).
 */
export function handlerStop(task: Task): void {
  notifyStop(task, SIGTRAP, SIGTRAP, CLD_TRAPPED, 0, STAGE_DELIVER);
}

/** A group stop, PTRACE_INTERRUPT, or a change of the group's state during one (do_jobctl_trap). */
export function trapStop(task: Task): void {
  const tracee = task.tracee!;
  const shared = task.group.signals;
  tracee.trapPending = false;
  tracee.notifyPending = false;
  const inStop = shared.stopped || shared.stopCount > 0 || task.signals.stopPending;
  if (!tracee.seized) {
    stopFor(task, shared.stopSignal, null, CLD_STOPPED, 0, STAGE_DELIVER);
    return;
  }
  const sig = inStop ? shared.stopSignal : SIGTRAP;
  notifyStop(task, sig | (PTRACE_EVENT_STOP << 8), sig, CLD_STOPPED, 0, STAGE_DELIVER);
}
