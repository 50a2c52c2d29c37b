import {
  CAP_SYS_ADMIN,
  EINVAL,
  EIO,
  EPERM,
  PTRACE_O_MASK,
  PTRACE_O_SUSPEND_SECCOMP,
  SI_KERNEL,
  SIGSTOP,
} from '@sandbox/abi';
import { siginfo } from '../signal/siginfo.js';
import { isValidSignal } from '../signal/sigset.js';
import { mayTraceInto, ptraceAccess } from '../task/access.js';
import type { Task } from '../task/task.js';
import { TASK_STOPPED, TASK_TRACED, TASK_ZOMBIE } from '../task/task-state.js';
import { STAGE_DELIVER } from './stages.js';
import { removeLink, Tracee } from './tracee.js';

/** `tracer` traces `task` from now on. */
function link(task: Task, tracer: Task, seized: boolean): Tracee {
  const tracee = new Tracee(tracer, seized);
  task.tracee = tracee;
  tracer.tracees.push(task);
  return tracee;
}

/** PTRACE_TRACEME: EPERM when it is traced, or has no parent to do it. */
export function traceMe(task: Task): number {
  if (task.tracee !== null) return -EPERM;
  const { parent, creator } = task.group;
  const tracer = creator !== null && creator.state < TASK_ZOMBIE ? creator : (parent?.tasks[0] ?? null);
  if (tracer === null || !mayTraceInto(tracer, task)) return -EPERM;
  link(task, tracer, false);
  return 0;
}

/** PTRACE_ATTACH and PTRACE_SEIZE: EIO (bad arguments), EPERM (oneself, no right, traced, ended). */
export function attach(task: Task, other: Task, seize: boolean, addr: number, options: number): number {
  if (seize) {
    if (addr !== 0) return -EIO;
    if ((options & ~PTRACE_O_MASK) !== 0 || options > 0xffffffff) return -EIO;
    const r = checkOptions(task, options);
    if (r < 0) return r;
  }
  if (other.group === task.group) return -EPERM;
  if (ptraceAccess(task, other, true) < 0) return -EPERM;
  if (other.state >= TASK_ZOMBIE) return -EPERM;
  if (other.tracee !== null) return -EPERM;
  const tracee = link(other, task, seize);
  if (seize) tracee.options = options;
  else task.kernel.signals.sendToTask(other, siginfo(SIGSTOP, SI_KERNEL));
  if (other.state === TASK_STOPPED) {
    // From a stop of its group to one of the tracer's.
    tracee.trapPending = true;
    other.signals.work = true;
    other.continueFromStop();
  }
  for (const watcher of task.kernel.hooks.watchers) watcher.traced?.(other, task);
  return 0;
}

/**
 * EINVAL for unknown bits. PTRACE_O_SUSPEND_SECCOMP is for a privileged tracer (EPERM) that is under no
 * filters itself.
 */
export function checkOptions(task: Task, options: number): number {
  if (options > 0xffffffff || (options & ~PTRACE_O_MASK) !== 0) return -EINVAL;
  if ((options & PTRACE_O_SUSPEND_SECCOMP) === 0) return 0;
  const suspends = task.tracee !== null && (task.tracee.options & PTRACE_O_SUSPEND_SECCOMP) !== 0;
  return !task.cred.capable(CAP_SYS_ADMIN) || task.seccompMode !== 0 || suspends ? -EPERM : 0;
}

/**
 * A new thread or process of a traced one is traced by the same tracer and stops before its first instruction
 * (ptrace_init_task).
 */
export function attachChild(parent: Task, child: Task): void {
  const from = parent.tracee;
  if (from === null) return;
  const tracee = link(child, from.tracer, from.seized);
  tracee.options = from.options;
  if (from.seized) tracee.trapPending = true;
  else child.signals.pending.set.add(SIGSTOP);
  child.signals.work = true;
}

/** PTRACE_DETACH of a stopped tracee, with a signal to deliver: EIO. */
export function detach(task: Task, sig: number): number {
  if (sig !== 0 && !isValidSignal(sig)) return -EIO;
  task.detachSignal = sig;
  unlink(task);
  for (const watcher of task.kernel.hooks.watchers) watcher.traced?.(task, null);
  return 0;
}

/** A living thread is traced no more. When it is stopped it goes on, or stops with its group. */
export function unlink(task: Task): void {
  const { tracee } = task;
  if (tracee === null) return;
  removeLink(task);
  task.context.setPlainCode?.(false);
  const shared = task.group.signals;
  if (shared.stopped || shared.stopCount > 0) task.signals.stopPending = true;
  if (task.state !== TASK_TRACED) return;
  if (task.signals.stopPending) task.signals.work = true;
  if (tracee.listening) task.stage = STAGE_DELIVER;
  task.untrap();
}

/**
 * SIGCONT or a new stop of the group: a tracee that only listens, or is about to stop for its tracer, reports
 * anew (ptrace_trap_notify).
 */
export function groupStateChanged(task: Task): void {
  const { tracee } = task;
  if (tracee === null || !tracee.seized) return;
  tracee.notifyPending = true;
  task.signals.work = true;
  if (task.state === TASK_TRACED && tracee.listening) {
    tracee.listening = false;
    task.stage = STAGE_DELIVER;
    task.untrap();
  }
}
