import {
  AUDIT_ARCH_X86_64,
  EFAULT,
  PTRACE_EVENT_SECCOMP,
  PTRACE_EVENTMSG_SYSCALL_ENTRY,
  PTRACE_EVENTMSG_SYSCALL_EXIT,
  PTRACE_SYSCALL_INFO,
  PTRACE_SYSCALL_INFO_ENTRY,
  PTRACE_SYSCALL_INFO_EXIT,
  PTRACE_SYSCALL_INFO_NONE,
  PTRACE_SYSCALL_INFO_SECCOMP,
  SIGTRAP,
  USER_REGS,
} from '@sandbox/abi';
import type { Task } from '../task/task.js';
import { userRegs } from './area.js';

const S = PTRACE_SYSCALL_INFO;
/** Bytes filled for each kind of stop. */
const HEAD = 24;
const ENTRY = 80;
const EXIT = 33;
const SECCOMP = 84;
const ERRNO_MAX = 4095;
const ARGUMENTS = [
  USER_REGS.rdi,
  USER_REGS.rsi,
  USER_REGS.rdx,
  USER_REGS.r10,
  USER_REGS.r8,
  USER_REGS.r9,
] as const;

const out = new Uint8Array(S.SIZE);
const view = new DataView(out.buffer);

/** PTRACE_GET_SYSCALL_INFO: the bytes there are, of which at most `size` are stored at `addr`; -EFAULT. */
export function syscallInfo(task: Task, other: Task, size: number, addr: number): number {
  const tracee = other.tracee!;
  const regs = userRegs(other);
  out.fill(0);
  view.setUint32(S.arch, AUDIT_ARCH_X86_64, true);
  copyWord(regs, USER_REGS.rip, S.instruction_pointer);
  copyWord(regs, USER_REGS.rsp, S.stack_pointer);
  let length = HEAD;
  let op = PTRACE_SYSCALL_INFO_NONE;
  const code = tracee.info?.code ?? 0;
  if (code === (SIGTRAP | 0x80) && tracee.message === PTRACE_EVENTMSG_SYSCALL_ENTRY) {
    op = PTRACE_SYSCALL_INFO_ENTRY;
    length = ENTRY;
    copyCall(regs, S.entry_nr, S.entry_args);
  } else if (code === (SIGTRAP | 0x80) && tracee.message === PTRACE_EVENTMSG_SYSCALL_EXIT) {
    op = PTRACE_SYSCALL_INFO_EXIT;
    length = EXIT;
    copyWord(regs, USER_REGS.rax, S.exit_rval);
    const lo = view.getInt32(S.exit_rval, true);
    const hi = view.getInt32(S.exit_rval + 4, true);
    out[S.exit_is_error] = hi === -1 && lo < 0 && lo >= -ERRNO_MAX ? 1 : 0;
  } else if (code === (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8))) {
    op = PTRACE_SYSCALL_INFO_SECCOMP;
    length = SECCOMP;
    copyCall(regs, S.seccomp_nr, S.seccomp_args);
    view.setUint32(S.seccomp_ret_data, tracee.message, true);
  }
  out[S.op] = op;
  return task.mm.copyOut(addr, out, 0, Math.min(length, size)) < 0 ? -EFAULT : length;
}

function copyWord(regs: Uint8Array, reg: number, to: number): void {
  out.set(regs.subarray(reg * 8, reg * 8 + 8), to);
}

function copyCall(regs: Uint8Array, nr: number, args: number): void {
  copyWord(regs, USER_REGS.orig_rax, nr);
  for (let i = 0; i < 6; i++) copyWord(regs, ARGUMENTS[i]!, args + i * 8);
}
