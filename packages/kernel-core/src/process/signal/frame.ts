import {
  MCONTEXT,
  RT_SIGFRAME,
  SA_ONSTACK,
  SA_RESTORER,
  SA_SIGINFO,
  STACK_T,
  UC_FP_XSTATE,
  UC_SIGCONTEXT_SS,
  UC_STRICT_RESTORE_SS,
  UCONTEXT,
  USER_REGS,
  X86_EFLAGS_DF,
  X86_EFLAGS_RF,
  X86_EFLAGS_TF,
} from '@sandbox/abi';
import type { Task } from '../task/task.js';
import { altStackFlags, isWithinAltStack, onAltStack } from './altstack.js';
import { FXSAVE_SIZE, fpuFrameSize, writeFpuFrame } from './fpu-frame.js';
import type { SigInfo } from './siginfo.js';
import { writeSiginfo } from './siginfo-layout.js';
import type { SignalState } from './signal-state.js';
import type { SigSet } from './sigset.js';

/** Bytes below rsp that leaf functions use without moving it (x86-64 psABI 3.2.2). */
const RED_ZONE = 128;
const WORD = 4294967296;

/** User registers and their places in struct sigcontext. */
export const CONTEXT_REGS: readonly (readonly [reg: number, offset: number])[] = [
  [USER_REGS.r8 * 2, MCONTEXT.r8],
  [USER_REGS.r9 * 2, MCONTEXT.r9],
  [USER_REGS.r10 * 2, MCONTEXT.r10],
  [USER_REGS.r11 * 2, MCONTEXT.r11],
  [USER_REGS.r12 * 2, MCONTEXT.r12],
  [USER_REGS.r13 * 2, MCONTEXT.r13],
  [USER_REGS.r14 * 2, MCONTEXT.r14],
  [USER_REGS.r15 * 2, MCONTEXT.r15],
  [USER_REGS.rdi * 2, MCONTEXT.rdi],
  [USER_REGS.rsi * 2, MCONTEXT.rsi],
  [USER_REGS.rbp * 2, MCONTEXT.rbp],
  [USER_REGS.rbx * 2, MCONTEXT.rbx],
  [USER_REGS.rdx * 2, MCONTEXT.rdx],
  [USER_REGS.rax * 2, MCONTEXT.rax],
  [USER_REGS.rcx * 2, MCONTEXT.rcx],
  [USER_REGS.rsp * 2, MCONTEXT.rsp],
  [USER_REGS.rip * 2, MCONTEXT.rip],
];

/** Selectors of 64-bit user code and data. */
const USER_CS = 0x33;
const USER_DS = 0x2b;

let buffer = new Uint8Array(4096);
let view = new DataView(buffer.buffer);

/** A register pair as a number. */
export function regNumber(regs: Uint32Array, reg: number): number {
  return regs[reg] + regs[reg + 1] * WORD;
}

/** Put an address (below 2^53) in a register pair. */
export function setReg(regs: Uint32Array, reg: number, value: number): void {
  regs[reg] = value >>> 0;
  regs[reg + 1] = Math.floor(value / WORD);
}

/** Where the parts of a frame go. */
export interface FramePlace {
  /** Address of struct rt_sigframe, which becomes the handler's rsp. */
  frame: number;
  /** Address of the FPU image. */
  fpstate: number;
}

/**
 * Choose the frame's place (Linux: get_sigframe): below the red zone or on the alternate stack, FPU image
 * aligned to 64, frame such that rsp + 8 is a multiple of 16. False when the alternate stack would overflow,
 * or the address is impossible.
 */
export function placeFrame(
  out: FramePlace,
  state: SignalState,
  rsp: number,
  flags: number,
  fpuSize: number,
): boolean {
  const nested = onAltStack(state, rsp);
  let entering = false;
  let sp = rsp - RED_ZONE;
  if ((flags & SA_ONSTACK) !== 0 && altStackFlags(state, sp) === 0) {
    sp = state.altSp + state.altSize;
    entering = true;
  }
  sp -= fpuFrameSize(fpuSize);
  sp -= sp % 64;
  out.fpstate = sp;
  sp -= RT_SIGFRAME.SIZE;
  sp -= sp % 16;
  sp -= 8;
  out.frame = sp;
  if (sp <= 0 || sp >= Number.MAX_SAFE_INTEGER) return false;
  return !((nested || entering) && !isWithinAltStack(state, sp));
}

const place: FramePlace = { frame: 0, fpstate: 0 };

/**
 * Write a signal frame and point the registers at the handler (Linux: x64_setup_rt_frame). False when the
 * stack cannot take the frame or the action has no restorer; nothing of the registers has changed then.
 */
export function setupFrame(
  task: Task,
  info: SigInfo,
  handler: number,
  flags: number,
  restorer: number,
  oldMask: SigSet,
): boolean {
  if ((flags & SA_RESTORER) === 0) return false;
  const { context, signals: state } = task;
  const regs = context.regs();
  const rsp = regNumber(regs, USER_REGS.rsp * 2);
  if (!placeFrame(place, state, rsp, flags, context.fpuSize)) return false;
  const { frame, fpstate } = place;
  const length = fpstate + fpuFrameSize(context.fpuSize) - frame;
  if (buffer.length < length) {
    buffer = new Uint8Array(length * 2);
    view = new DataView(buffer.buffer);
  }
  buffer.fill(0, 0, RT_SIGFRAME.SIZE);
  writeFrame(task, regs, oldMask, fpstate);
  writeFpuFrame(context, buffer, view, fpstate - frame);
  setAddress(RT_SIGFRAME.pretcode, restorer);
  // Handlers of one argument get no siginfo: what lies there stays.
  const withInfo = (flags & SA_SIGINFO) !== 0;
  if (withInfo) writeSiginfo(view, RT_SIGFRAME.info, info);
  const { mm } = task;
  if (mm.copyOut(fpstate, buffer, fpstate - frame, fpuFrameSize(context.fpuSize)) !== 0) return false;
  if (mm.copyOut(frame, buffer, 0, withInfo ? RT_SIGFRAME.SIZE : RT_SIGFRAME.info) !== 0) return false;
  enterHandler(regs, info.signo, handler, frame);
  context.touchRegs();
  context.resetFpu();
  return true;
}

function setAddress(offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / WORD), true);
}

function writeFrame(task: Task, regs: Uint32Array, oldMask: SigSet, fpstate: number): void {
  const state = task.signals;
  const uc = RT_SIGFRAME.uc;
  const xsave = task.context.fpuSize > FXSAVE_SIZE ? UC_FP_XSTATE : 0;
  view.setUint32(uc + UCONTEXT.uc_flags, xsave | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, true);
  setAddress(uc + UCONTEXT.uc_stack + STACK_T.ss_sp, state.altSp);
  view.setUint32(uc + UCONTEXT.uc_stack + STACK_T.ss_flags, state.altFlags, true);
  setAddress(uc + UCONTEXT.uc_stack + STACK_T.ss_size, state.altSize);
  view.setUint32(uc + UCONTEXT.uc_sigmask, oldMask.lo, true);
  view.setUint32(uc + UCONTEXT.uc_sigmask + 4, oldMask.hi, true);

  const mc = uc + UCONTEXT.uc_mcontext;
  for (const [reg, offset] of CONTEXT_REGS) {
    view.setUint32(mc + offset, regs[reg], true);
    view.setUint32(mc + offset + 4, regs[reg + 1], true);
  }
  view.setUint32(mc + MCONTEXT.eflags, regs[USER_REGS.eflags * 2], true);
  view.setUint16(mc + MCONTEXT.cs, USER_CS, true);
  view.setUint16(mc + MCONTEXT.ss, USER_DS, true);
  setAddress(mc + MCONTEXT.err, state.errorCode);
  setAddress(mc + MCONTEXT.trapno, state.trapno);
  view.setUint32(mc + MCONTEXT.oldmask, oldMask.lo, true);
  view.setUint32(mc + MCONTEXT.oldmask + 4, oldMask.hi, true);
  setAddress(mc + MCONTEXT.cr2, state.cr2);
  setAddress(mc + MCONTEXT.fpstate, fpstate);
}

function enterHandler(regs: Uint32Array, sig: number, handler: number, frame: number): void {
  setReg(regs, USER_REGS.rdi * 2, sig);
  // Unprototyped and varargs handlers: al is the number of vector registers used.
  setReg(regs, USER_REGS.rax * 2, 0);
  setReg(regs, USER_REGS.rsi * 2, frame + RT_SIGFRAME.info);
  setReg(regs, USER_REGS.rdx * 2, frame + RT_SIGFRAME.uc);
  setReg(regs, USER_REGS.rip * 2, handler);
  setReg(regs, USER_REGS.rsp * 2, frame);
  regs[USER_REGS.eflags * 2] &= ~(X86_EFLAGS_DF | X86_EFLAGS_RF | X86_EFLAGS_TF);
}
