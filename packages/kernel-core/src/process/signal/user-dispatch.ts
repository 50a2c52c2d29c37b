import {
  EFAULT,
  EINVAL,
  PR_SYS_DISPATCH_OFF,
  PR_SYS_DISPATCH_ON,
  SIGSEGV,
  SIGSYS,
  SYS_USER_DISPATCH,
  TASK_SIZE_MAX,
  USER_REGS,
} from '@sandbox/abi';
import { withdrawAnswers } from '../task/answers.js';
import type { Task } from '../task/task.js';
import { WORK_DISPATCH } from '../task/task-state.js';
import { regNumber } from './frame.js';
import { siginfo } from './siginfo.js';

const ALLOW = 0;
const BLOCK = 1;
const WORDS = 2 ** 64;

/**
 * Calls from outside [offset, offset + length) become SIGSYS while the byte at `selector` says so (prctl(2),
 * PR_SET_SYSCALL_USER_DISPATCH).
 */
export interface UserDispatch {
  readonly offset: number;
  readonly length: number;
  /** 0: always. */
  readonly selector: number;
}

/** Dispatch the calls of `task` from now on, or (null) no longer. */
export function setUserDispatch(task: Task, dispatch: UserDispatch | null): void {
  task.dispatch = dispatch;
  if (dispatch === null) {
    task.syscallWork &= ~WORK_DISPATCH;
    return;
  }
  task.syscallWork |= WORK_DISPATCH;
  withdrawAnswers(task);
}

/** The same by the arguments of prctl(2) and ptrace(2): 0, -EINVAL, -EFAULT (no address of a selector). */
export function configureUserDispatch(
  task: Task,
  mode: number,
  offset: number,
  length: number,
  selector: number,
): number {
  if (mode === PR_SYS_DISPATCH_OFF) {
    if (offset !== 0 || length !== 0 || selector !== 0) return -EINVAL;
    setUserDispatch(task, null);
    return 0;
  }
  if (mode !== PR_SYS_DISPATCH_ON) return -EINVAL;
  const end = offset + length;
  if (offset !== 0 && (end >= WORDS ? end - WORDS : end) <= offset) return -EINVAL;
  if (selector !== 0 && selector >= TASK_SIZE_MAX) return -EFAULT;
  setUserDispatch(task, { offset, length, selector });
  return 0;
}

/**
 * A call of `task` begins. True when it is not made: SIGSYS is on its way, its number in rax
 * (syscall_user_dispatch).
 */
export function dispatchToUser(task: Task): boolean {
  const { offset, length, selector } = task.dispatch!;
  const ip = regNumber(task.context.regs(), USER_REGS.rip * 2);
  if ((ip >= offset ? ip - offset : ip - offset + WORDS) < length) return false;
  const { signals } = task.kernel;
  if (selector !== 0) {
    const state = task.mm.load8(selector);
    if (state === ALLOW) return false;
    if (state !== BLOCK) {
      signals.forceFatal(task, state < 0 ? SIGSEGV : SIGSYS);
      return true;
    }
  }
  task.context.setResult(task.nr >>> 0, 0);
  const info = siginfo(SIGSYS, SYS_USER_DISPATCH);
  info.addr = ip;
  info.syscall = task.nr;
  signals.force(task, info);
  return true;
}
