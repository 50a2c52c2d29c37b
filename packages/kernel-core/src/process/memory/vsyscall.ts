import {
  SEGV_MAPERR,
  SIGSEGV,
  SYS_getcpu,
  SYS_gettimeofday,
  SYS_time,
  USER_REGS,
  VSYSCALL_ADDR,
  X86_TRAP_PF,
} from '@sandbox/abi';
import { SyscallArgs } from '../../call/args.js';
import { siginfo } from '../signal/siginfo.js';
import type { Task } from '../task/task.js';

const RIP = USER_REGS.rip * 2;
const RSP = USER_REGS.rsp * 2;
const RAX = USER_REGS.rax * 2;
/** Entries of the page, by their offset: gettimeofday, time, getcpu. */
const CALLS: readonly number[] = [SYS_gettimeofday, SYS_time, SYS_getcpu];
const ENTRY_SIZE = 0x400;

const words = new Uint32Array(12);
const args = new SyscallArgs(words);

/** Does the stopped task execute in the vsyscall page? */
export function isVsyscall(task: Task): boolean {
  const regs = task.context.regs();
  return regs[RIP + 1] === VSYSCALL_ADDR.hi && (regs[RIP]! & ~0xfff) >>> 0 === VSYSCALL_ADDR.lo;
}

/**
 * Do what a call into the vsyscall page asks for, as Linux does with vsyscall=xonly
 * (arch/x86/entry/vsyscall): the system call, then a return. A jump elsewhere into the page, or a bad pointer
 * or stack, is a fault there.
 */
export function emulateVsyscall(task: Task): void {
  const regs = task.context.regs();
  const at = regs[RIP]! & 0xfff;
  const nr = CALLS[at / ENTRY_SIZE];
  if (nr === undefined) {
    forceFault(task);
    return;
  }
  const caller = task.mm.load64(regs[RSP]! + regs[RSP + 1]! * 4294967296);
  if (caller < 0) {
    forceFault(task);
    return;
  }
  copyArguments(regs);
  const handler = task.kernel.syscalls.row(nr)?.handler;
  const result = handler ? handler(task, args) : -1;
  if (result < 0) {
    forceFault(task);
    return;
  }
  regs[RAX] = result >>> 0;
  regs[RAX + 1] = Math.floor(result / 4294967296);
  regs[RIP] = caller >>> 0;
  regs[RIP + 1] = Math.floor(caller / 4294967296);
  const sp = regs[RSP]! + 8;
  regs[RSP] = sp >>> 0;
  if (sp > 0xffffffff) regs[RSP + 1]!++;
  task.context.touchRegs();
}

function copyArguments(regs: Uint32Array): void {
  const order = [USER_REGS.rdi, USER_REGS.rsi, USER_REGS.rdx, USER_REGS.r10, USER_REGS.r8, USER_REGS.r9];
  for (let i = 0; i < 6; i++) {
    words[i * 2] = regs[order[i]! * 2]!;
    words[i * 2 + 1] = regs[order[i]! * 2 + 1]!;
  }
}

function forceFault(task: Task): void {
  const info = siginfo(SIGSEGV, SEGV_MAPERR);
  const regs = task.context.regs();
  info.addr = regs[RIP]! + regs[RIP + 1]! * 4294967296;
  info.trapno = X86_TRAP_PF;
  info.errorCode = 0x15;
  task.kernel.signals.force(task, info);
}
