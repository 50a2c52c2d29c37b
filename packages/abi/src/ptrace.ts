/**
 * Tracing.
 *
 * Mirrors linux/ptrace.h, asm/ptrace-abi.h and sys/user.h; man 2 ptrace.
 */

// Requests, options, events.
export const PTRACE_TRACEME = 0;
export const PTRACE_PEEKTEXT = 1;
export const PTRACE_PEEKDATA = 2;
export const PTRACE_PEEKUSR = 3;
export const PTRACE_POKETEXT = 4;
export const PTRACE_POKEDATA = 5;
export const PTRACE_POKEUSR = 6;
export const PTRACE_CONT = 7;
export const PTRACE_KILL = 8;
export const PTRACE_SINGLESTEP = 9;
export const PTRACE_ATTACH = 16;
export const PTRACE_DETACH = 17;
export const PTRACE_SYSCALL = 24;
export const PTRACE_SETOPTIONS = 0x4200;
export const PTRACE_GETEVENTMSG = 0x4201;
export const PTRACE_GETSIGINFO = 0x4202;
export const PTRACE_SETSIGINFO = 0x4203;
export const PTRACE_GETREGSET = 0x4204;
export const PTRACE_SETREGSET = 0x4205;
export const PTRACE_SEIZE = 0x4206;
export const PTRACE_INTERRUPT = 0x4207;
export const PTRACE_LISTEN = 0x4208;
export const PTRACE_PEEKSIGINFO = 0x4209;
export const PTRACE_GETSIGMASK = 0x420a;
export const PTRACE_SETSIGMASK = 0x420b;
export const PTRACE_SECCOMP_GET_FILTER = 0x420c;
export const PTRACE_SECCOMP_GET_METADATA = 0x420d;
export const PTRACE_GET_SYSCALL_INFO = 0x420e;
export const PTRACE_SYSCALL_INFO_NONE = 0;
export const PTRACE_SYSCALL_INFO_ENTRY = 1;
export const PTRACE_SYSCALL_INFO_EXIT = 2;
export const PTRACE_SYSCALL_INFO_SECCOMP = 3;
export const PTRACE_GET_RSEQ_CONFIGURATION = 0x420f;
export const PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG = 0x4210;
export const PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG = 0x4211;
export const PTRACE_EVENTMSG_SYSCALL_ENTRY = 1;
export const PTRACE_EVENTMSG_SYSCALL_EXIT = 2;
export const PTRACE_PEEKSIGINFO_SHARED = 0x1;
export const PTRACE_EVENT_FORK = 1;
export const PTRACE_EVENT_VFORK = 2;
export const PTRACE_EVENT_CLONE = 3;
export const PTRACE_EVENT_EXEC = 4;
export const PTRACE_EVENT_VFORK_DONE = 5;
export const PTRACE_EVENT_EXIT = 6;
export const PTRACE_EVENT_SECCOMP = 7;
export const PTRACE_EVENT_STOP = 128;
export const PTRACE_O_TRACESYSGOOD = 1;
export const PTRACE_O_TRACEFORK = 0x2;
export const PTRACE_O_TRACEVFORK = 0x4;
export const PTRACE_O_TRACECLONE = 0x8;
export const PTRACE_O_TRACEEXEC = 0x10;
export const PTRACE_O_TRACEVFORKDONE = 0x20;
export const PTRACE_O_TRACEEXIT = 0x40;
export const PTRACE_O_TRACESECCOMP = 0x80;
export const PTRACE_O_EXITKILL = 0x100000;
export const PTRACE_O_SUSPEND_SECCOMP = 0x200000;
export const PTRACE_O_MASK = 0x3000ff;
export const PTRACE_GETREGS = 12;
export const PTRACE_SETREGS = 13;
export const PTRACE_GETFPREGS = 14;
export const PTRACE_SETFPREGS = 15;
export const PTRACE_GETFPXREGS = 18;
export const PTRACE_SETFPXREGS = 19;
export const PTRACE_OLDSETOPTIONS = 21;
export const PTRACE_GET_THREAD_AREA = 25;
export const PTRACE_SET_THREAD_AREA = 26;
export const PTRACE_ARCH_PRCTL = 30;
export const PTRACE_SYSEMU = 31;
export const PTRACE_SYSEMU_SINGLESTEP = 32;
export const PTRACE_SINGLEBLOCK = 33;

/** `struct ptrace_peeksiginfo_args`. */
export const PTRACE_PEEKSIGINFO_ARGS = {
  SIZE: 16,
  off: 0,
  flags: 8,
  nr: 12,
} as const;

/** `struct ptrace_syscall_info`. */
export const PTRACE_SYSCALL_INFO = {
  SIZE: 88,
  op: 0,
  arch: 4,
  instruction_pointer: 8,
  stack_pointer: 16,
  entry_nr: 24,
  entry_args: 32,
  exit_rval: 24,
  exit_is_error: 32,
  seccomp_nr: 24,
  seccomp_args: 32,
  seccomp_ret_data: 80,
} as const;

/** `struct ptrace_rseq_configuration`. */
export const PTRACE_RSEQ_CONFIGURATION = {
  SIZE: 24,
  rseq_abi_pointer: 0,
  rseq_abi_size: 8,
  signature: 12,
  flags: 16,
} as const;

/** `struct ptrace_sud_config`. */
export const PTRACE_SUD_CONFIG = {
  SIZE: 32,
  mode: 0,
  selector: 8,
  offset: 16,
  len: 24,
} as const;

/** `struct user_regs_struct`. Counted in 64-bit words, not bytes: the whole is 27 words. */
export const USER_REGS = {
  SIZE: 27,
  r15: 0,
  r14: 1,
  r13: 2,
  r12: 3,
  rbp: 4,
  rbx: 5,
  r11: 6,
  r10: 7,
  r9: 8,
  r8: 9,
  rax: 10,
  rcx: 11,
  rdx: 12,
  rsi: 13,
  rdi: 14,
  orig_rax: 15,
  rip: 16,
  cs: 17,
  eflags: 18,
  rsp: 19,
  ss: 20,
  fs_base: 21,
  gs_base: 22,
  ds: 23,
  es: 24,
  fs: 25,
  gs: 26,
} as const;

/** `struct user_fpregs_struct`. */
export const USER_FPREGS = {
  SIZE: 512,
  cwd: 0,
  swd: 2,
  ftw: 4,
  fop: 6,
  rip: 8,
  rdp: 16,
  mxcsr: 24,
  mxcr_mask: 28,
  st_space: 32,
  xmm_space: 160,
} as const;

/** `struct user`. The area PTRACE_PEEKUSER addresses, in bytes. */
export const USER = {
  SIZE: 912,
  regs: 0,
  u_fpvalid: 216,
  i387: 224,
  u_tsize: 736,
  u_dsize: 744,
  u_ssize: 752,
  start_code: 760,
  start_stack: 768,
  signal: 776,
  u_ar0: 792,
  u_fpstate: 800,
  magic: 808,
  u_comm: 816,
  u_debugreg: 848,
} as const;
