import {
  MCONTEXT,
  SI_KERNEL,
  SIGSEGV,
  STACK_T,
  UCONTEXT,
  USER_REGS,
  X86_EFLAGS_AC,
  X86_EFLAGS_AF,
  X86_EFLAGS_CF,
  X86_EFLAGS_DF,
  X86_EFLAGS_OF,
  X86_EFLAGS_PF,
  X86_EFLAGS_RF,
  X86_EFLAGS_SF,
  X86_EFLAGS_TF,
  X86_EFLAGS_ZF,
  X86_TRAP_GP,
} from '@sandbox/abi';
import { NO_RESULT } from '../../call/result.js';
import type { Task } from '../task/task.js';
import { setAltStack } from './altstack.js';
import { restoreFpuFrame } from './fpu-frame.js';
import { CONTEXT_REGS, regNumber } from './frame.js';
import { siginfo } from './siginfo.js';

/** Flags a program may set through a frame (Linux: FIX_EFLAGS). */
const USER_EFLAGS =
  X86_EFLAGS_AC |
  X86_EFLAGS_OF |
  X86_EFLAGS_DF |
  X86_EFLAGS_TF |
  X86_EFLAGS_SF |
  X86_EFLAGS_ZF |
  X86_EFLAGS_AF |
  X86_EFLAGS_PF |
  X86_EFLAGS_CF |
  X86_EFLAGS_RF;

const USER_CS = 0x33;
const WORD = 4294967296;

const uc = new Uint8Array(UCONTEXT.SIZE);
const view = new DataView(uc.buffer);

/**
 * rt_sigreturn(2): undo a handler's frame. Everything in it may have been changed or invented by the program,
 * so each part is checked; what cannot be used ends in SIGSEGV.
 */
export function sigreturn(task: Task): number {
  if (!restore(task)) task.kernel.signals.force(task, siginfo(SIGSEGV, SI_KERNEL));
  return NO_RESULT;
}

function restore(task: Task): boolean {
  const { context, signals: state } = task;
  const regs = context.regs();
  // The restorer has popped pretcode, so rsp is at the ucontext.
  const address = regNumber(regs, USER_REGS.rsp * 2);
  if (task.mm.copyIn(address, uc, 0, UCONTEXT.SIZE) !== 0) return false;
  task.restartNr = -1;
  const mask = UCONTEXT.uc_sigmask;
  task.kernel.signals.setBlocked(task, view.getUint32(mask, true), view.getUint32(mask + 4, true));

  const mc = UCONTEXT.uc_mcontext;
  // 32-bit code (compatibility mode) is not offered; the processor would fault on other selectors.
  if ((view.getUint16(mc + MCONTEXT.cs, true) | 3) !== USER_CS) return false;
  for (const [reg, offset] of CONTEXT_REGS) {
    regs[reg] = view.getUint32(mc + offset, true);
    regs[reg + 1] = view.getUint32(mc + offset + 4, true);
  }
  const flags = USER_REGS.eflags * 2;
  regs[flags] = (regs[flags] & ~USER_EFLAGS) | (view.getUint32(mc + MCONTEXT.eflags, true) & USER_EFLAGS);
  // Not in a system call any more: nothing to restart.
  regs[USER_REGS.orig_rax * 2] = 0xffffffff;
  regs[USER_REGS.orig_rax * 2 + 1] = 0xffffffff;
  context.touchRegs();
  if (!isCanonical(regs[USER_REGS.rip * 2 + 1])) {
    // The return faults after the registers are in place: the frame of SIGSEGV, if it is caught, shows them.
    state.trapno = X86_TRAP_GP;
    state.errorCode = 0;
    return false;
  }

  const fpstate = mc + MCONTEXT.fpstate;
  const fpuAddress = view.getUint32(fpstate, true) + view.getUint32(fpstate + 4, true) * WORD;
  if (!restoreFpuFrame(context, task.mm, fpuAddress)) return false;

  const stack = UCONTEXT.uc_stack;
  // An alternate stack that cannot be set is let pass, as Linux does.
  setAltStack(
    state,
    view.getUint32(stack + STACK_T.ss_sp, true) + view.getUint32(stack + STACK_T.ss_sp + 4, true) * WORD,
    view.getUint32(stack + STACK_T.ss_flags, true),
    view.getUint32(stack + STACK_T.ss_size, true) + view.getUint32(stack + STACK_T.ss_size + 4, true) * WORD,
    regNumber(regs, USER_REGS.rsp * 2),
  );
  return true;
}

/**
 * Bits 63 to 47 are alike. Else it is no address, and cannot be returned to; in the kernel's half the guest
 * gets a page fault there.
 */
function isCanonical(hi: number): boolean {
  return hi < 0x8000 || hi >= 0xffff8000;
}
