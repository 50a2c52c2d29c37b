import {
  ENOSYS,
  PTRACE_EVENT_SECCOMP,
  PTRACE_O_SUSPEND_SECCOMP,
  PTRACE_O_TRACESECCOMP,
  SECCOMP_DATA,
  SECCOMP_MODE_STRICT,
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_DATA,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
  SECCOMP_USER_NOTIF_FLAG_CONTINUE,
  SIGKILL,
  SIGSYS,
  SYS_exit,
  SYS_read,
  SYS_rt_sigreturn,
  SYS_SECCOMP,
  SYS_write,
  USER_REGS,
} from '@sandbox/abi';
import { beginCoreDump } from '../coredump/dump.js';
import { STAGE_SECCOMP } from '../ptrace/stages.js';
import { eventStop } from '../ptrace/stop.js';
import { regNumber } from '../signal/frame.js';
import { siginfo } from '../signal/siginfo.js';
import { exitGroup, exitTask } from '../task/exit.js';
import type { Task } from '../task/task.js';
import { matched, seccompData } from './filter.js';
import { Notification } from './notifier.js';

/** The call goes on. */
export const SECCOMP_PROCEED = 0;
/** It is not made; its result is in the registers. */
export const SECCOMP_SKIP = 1;
/**
 * The thread sleeps, has stopped, or is gone; it will come back by `continueNotified` or a stage, or not at
 * all.
 */
export const SECCOMP_HELD = 2;

export type SeccompVerdict = 0 | 1 | 2;

const MAX_ERRNO = 4095;

/**
 * Ask the filters of `task` about its call (Linux: __secure_computing). `recheck`: after a tracer had its say
 * about it, by SECCOMP_RET_TRACE: that answer then lets it pass.
 */
export function checkSeccomp(task: Task, recheck: boolean): SeccompVerdict {
  if (task.tracee !== null && (task.tracee.options & PTRACE_O_SUSPEND_SECCOMP) !== 0) return SECCOMP_PROCEED;
  if (task.seccompMode === SECCOMP_MODE_STRICT) return checkStrict(task);
  const filter = task.seccomp!;
  if (filter.alwaysAllows(task.nr)) return SECCOMP_PROCEED;
  describe(task);
  const word = filter.judge();
  const data = word & SECCOMP_RET_DATA;
  const { kernel } = task;
  switch ((word & SECCOMP_RET_ACTION_FULL) >>> 0) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
      return SECCOMP_PROCEED;
    case SECCOMP_RET_ERRNO:
      return answer(task, -Math.min(data, MAX_ERRNO));
    case SECCOMP_RET_TRAP:
      rollBack(task);
      kernel.signals.force(task, sigsys(task, data));
      return SECCOMP_SKIP;
    case SECCOMP_RET_TRACE:
      return trace(task, data, recheck);
    case SECCOMP_RET_USER_NOTIF:
      return notify(task);
    case SECCOMP_RET_KILL_THREAD:
      if (task.group.tasks.length > 1) {
        exitTask(task, SIGSYS);
        return SECCOMP_HELD;
      }
      return kill(task, data);
    default:
      return kill(task, data);
  }
}

/** SECCOMP_MODE_STRICT: four calls, and death for any other. */
function checkStrict(task: Task): SeccompVerdict {
  switch (task.nr) {
    case SYS_read:
    case SYS_write:
    case SYS_exit:
    case SYS_rt_sigreturn:
      return SECCOMP_PROCEED;
  }
  exitTask(task, SIGKILL);
  return SECCOMP_HELD;
}

/** Fill `seccompData` for the call `task` is about to make. */
function describe(task: Task): void {
  const regs = task.context.regs();
  seccompData[SECCOMP_DATA.nr / 4] = task.nr;
  seccompData[SECCOMP_DATA.instruction_pointer / 4] = regs[USER_REGS.rip * 2]!;
  seccompData[SECCOMP_DATA.instruction_pointer / 4 + 1] = regs[USER_REGS.rip * 2 + 1]!;
  const { words } = task.args;
  for (let i = 0; i < 12; i++) seccompData[SECCOMP_DATA.args / 4 + i] = words[i]!;
}

/** The call is answered `result` without being made. */
function answer(task: Task, result: number): SeccompVerdict {
  const { tracer } = task.kernel;
  tracer?.enter(task, task.nr);
  tracer?.exit(task, task.nr, result);
  setResult(task, result);
  return SECCOMP_SKIP;
}

function setResult(task: Task, result: number): void {
  task.context.setResult(result >>> 0, result < 0 ? 0xffffffff : 0);
}

/** The registers as they were before the call: its number in rax (syscall_rollback). */
function rollBack(task: Task): void {
  setResult(task, task.nr);
}

function sigsys(task: Task, data: number) {
  const info = siginfo(SIGSYS, SYS_SECCOMP);
  info.errno = data;
  info.addr = regNumber(task.context.regs(), USER_REGS.rip * 2);
  info.syscall = task.nr;
  return info;
}

/** The whole process ends by SIGSYS, whatever its handler. */
function kill(task: Task, data: number): SeccompVerdict {
  rollBack(task);
  if (beginCoreDump(task, sigsys(task, data))) return SECCOMP_HELD;
  exitGroup(task.group, SIGSYS);
  return SECCOMP_SKIP;
}

/** SECCOMP_RET_TRACE: a tracer that asked for it looks at the call; without one it is answered ENOSYS. */
function trace(task: Task, data: number, recheck: boolean): SeccompVerdict {
  if (recheck) return SECCOMP_PROCEED;
  const { tracee } = task;
  if (tracee === null || (tracee.options & PTRACE_O_TRACESECCOMP) === 0) return answer(task, -ENOSYS);
  setResult(task, -ENOSYS);
  eventStop(task, PTRACE_EVENT_SECCOMP, data, STAGE_SECCOMP);
  return SECCOMP_HELD;
}

/** SECCOMP_RET_USER_NOTIF: sleep until the supervisor answers. */
function notify(task: Task): SeccompVerdict {
  const notifier = matched?.notifier ?? null;
  if (notifier === null || notifier.closed) return answer(task, -ENOSYS);
  task.wait.data = notifier.post(task, seccompData);
  task.blockNotified();
  return SECCOMP_HELD;
}

/**
 * A thread that waits for a supervisor was woken. A restart code or 0 with the answer in the registers: not
 * made; `SECCOMP_AGAIN`: sleep on; `SECCOMP_CONTINUE`: make the call.
 */
export const SECCOMP_ANSWERED = 0;
export const SECCOMP_INTERRUPTED = 1;
export const SECCOMP_AGAIN = 2;
export const SECCOMP_CONTINUE = 3;

export function continueNotified(task: Task): 0 | 1 | 2 | 3 {
  const n = task.wait.data;
  if (!(n instanceof Notification)) return SECCOMP_ANSWERED;
  if (!n.replied) {
    if (!task.interrupted) return SECCOMP_AGAIN;
    if (n.killableOnly && !task.signals.exiting && !task.group.exiting) return SECCOMP_AGAIN;
    n.notifier.withdraw(n);
    return SECCOMP_INTERRUPTED;
  }
  n.notifier.withdraw(n);
  task.wait.data = null;
  if ((n.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE) !== 0) return SECCOMP_CONTINUE;
  if (n.error !== 0) setResult(task, n.error);
  else task.context.setResult(n.valueLo, n.valueHi);
  return SECCOMP_ANSWERED;
}
