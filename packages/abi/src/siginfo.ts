/**
 * What a signal carries: si_code values and the layout of siginfo_t.
 *
 * Mirrors asm-generic/siginfo.h; man 2 sigaction.
 */

// si_code of any signal. Positive codes come from the kernel, negative and zero from a process.
export const SI_USER = 0;
export const SI_KERNEL = 0x80;
export const SI_QUEUE = -1;
export const SI_TIMER = -2;
export const SI_MESGQ = -3;
export const SI_ASYNCIO = -4;
export const SI_SIGIO = -5;
export const SI_TKILL = -6;
export const SI_DETHREAD = -7;
export const SI_ASYNCNL = -60;

// SIGILL.
export const ILL_ILLOPC = 1;
export const ILL_ILLOPN = 2;
export const ILL_ILLADR = 3;
export const ILL_ILLTRP = 4;
export const ILL_PRVOPC = 5;
export const ILL_PRVREG = 6;
export const ILL_COPROC = 7;
export const ILL_BADSTK = 8;
export const ILL_BADIADDR = 9;

// SIGFPE.
export const FPE_INTDIV = 1;
export const FPE_INTOVF = 2;
export const FPE_FLTDIV = 3;
export const FPE_FLTOVF = 4;
export const FPE_FLTUND = 5;
export const FPE_FLTRES = 6;
export const FPE_FLTINV = 7;
export const FPE_FLTSUB = 8;
export const FPE_FLTUNK = 14;
export const FPE_CONDTRAP = 15;

// SIGSEGV.
export const SEGV_MAPERR = 1;
export const SEGV_ACCERR = 2;
export const SEGV_BNDERR = 3;
export const SEGV_PKUERR = 4;
export const SEGV_ACCADI = 5;
export const SEGV_ADIDERR = 6;
export const SEGV_ADIPERR = 7;
export const SEGV_MTEAERR = 8;
export const SEGV_MTESERR = 9;
export const SEGV_CPERR = 10;

// SIGBUS.
export const BUS_ADRALN = 1;
export const BUS_ADRERR = 2;
export const BUS_OBJERR = 3;
export const BUS_MCEERR_AR = 4;
export const BUS_MCEERR_AO = 5;

// SIGTRAP.
export const TRAP_BRKPT = 1;
export const TRAP_TRACE = 2;
export const TRAP_BRANCH = 3;
export const TRAP_HWBKPT = 4;
export const TRAP_UNK = 5;
export const TRAP_PERF = 6;

// SIGCHLD.
export const CLD_EXITED = 1;
export const CLD_KILLED = 2;
export const CLD_DUMPED = 3;
export const CLD_TRAPPED = 4;
export const CLD_STOPPED = 5;
export const CLD_CONTINUED = 6;

// SIGIO (the poll.ts names have no underscore).
export const POLL_IN = 1;
export const POLL_OUT = 2;
export const POLL_MSG = 3;
export const POLL_ERR = 4;
export const POLL_PRI = 5;
export const POLL_HUP = 6;

// SIGSYS.
export const SYS_SECCOMP = 1;
export const SYS_USER_DISPATCH = 2;

// Size of siginfo_t.
export const SI_MAX_SIZE = 128;

/**
 * `struct siginfo`. A union: which fields count depends on si_signo and si_code. si_tid is the timer id.
 */
export const SIGINFO = {
  SIZE: 128,
  si_signo: 0,
  si_errno: 4,
  si_code: 8,
  si_pid: 16,
  si_uid: 20,
  si_status: 24,
  si_utime: 32,
  si_stime: 40,
  si_tid: 16,
  si_overrun: 20,
  si_sys_private: 32,
  si_value: 24,
  si_int: 24,
  si_ptr: 24,
  si_addr: 16,
  si_trapno: 24,
  si_addr_lsb: 24,
  si_lower: 32,
  si_upper: 40,
  si_pkey: 32,
  si_perf_data: 24,
  si_perf_type: 32,
  si_perf_flags: 36,
  si_band: 16,
  si_fd: 24,
  si_call_addr: 16,
  si_syscall: 24,
  si_arch: 28,
} as const;
