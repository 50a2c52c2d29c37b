/**
 * Numbers both sides of the platform agree on: where the stub lives in a guest's address space, and how the
 * blocks of host memory look that the tracer's machine code works on.
 */

/** End of user space on x86-64 with four-level page tables. */
export const USER_END = 0x7ffffffff000;
/** Read-only list of memory operations for the stub, shared by all stubs of a sandbox. */
export const LIST_ADDRESS = 0x7fffffff0000;
export const LIST_BYTES = 0x8000;
/** Where the stub executable is loaded at first, before it moves to CODE_ADDRESS. */
export const BOOT_ADDRESS = 0x200000;
/** One operation: number and six arguments, 64 bits each. */
export const OPERATION_BYTES = 56;
export const MAX_OPERATIONS = Math.floor((LIST_BYTES - 4096) / OPERATION_BYTES);
/** Offset in the list area for initialisation data (seccomp program). */
export const INIT_DATA = LIST_BYTES - 4096;
/** The header and the two empty sets of capset(2). */
export const INIT_CAPABILITIES = INIT_DATA + 2080;

/** Offset in the list area of the number of operations. */
export const LIST_COUNT = LIST_BYTES - 8;

/** The memory file in every stub. */
export const MEMORY_FD = 0;
/** What all sandboxes share (`SharedPages`), opened for reading. */
export const SHARED_FD = 1;

// Context block (one per host thread), byte offsets.
export const BLOCK_REGS = 0;
export const BLOCK_INFO = 224;
export const BLOCK_INFO_ARCH = BLOCK_INFO + 4;
export const BLOCK_NR = BLOCK_INFO + 24;
export const BLOCK_ARGS = BLOCK_INFO + 32;
export const BLOCK_STATUS = 320;
export const BLOCK_PID = 328;
export const BLOCK_RAX = 336;
export const BLOCK_FLAGS = 344;
export const BLOCK_SIGINFO = 352;
export const BLOCK_IOVEC = 480;
export const BLOCK_BYTES = 512;

/** BLOCK_FLAGS bits: what the run routine does before it waits. */
export const RUN_POKE_RAX = 1;
export const RUN_SET_REGS = 2;

// ptrace(2) requests.
export const PTRACE_CONT = 7;
export const PTRACE_PEEKUSER = 3;
export const PTRACE_POKEUSER = 6;
export const PTRACE_GETREGS = 12;
/** Where the debug registers are in struct user. */
export const USER_DEBUGREG = 848;
export const PTRACE_SETREGS = 13;
export const PTRACE_SYSEMU = 31;
export const PTRACE_GETSIGINFO = 0x4202;
export const PTRACE_GETREGSET = 0x4204;
export const PTRACE_SETREGSET = 0x4205;
export const PTRACE_SEIZE = 0x4206;
export const PTRACE_INTERRUPT = 0x4207;
export const PTRACE_PEEKSIGINFO = 0x4209;
export const PTRACE_GET_SYSCALL_INFO = 0x420e;
const PTRACE_O_TRACESYSGOOD = 1;
const PTRACE_O_EXITKILL = 0x100000;
/** How all stubs are traced. */
export const STUB_OPTIONS = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD;
export const PTRACE_EVENT_STOP = 128;
export const NT_X86_XSTATE = 0x202;

export const WALL = 0x40000000;
export const WNOHANG = 1;

// Host signals.
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGKILL = 9;
export const SIGSEGV = 11;
export const SIGSYS = 31;
/** Status of a SYSEMU stop: SIGTRAP | 0x80 in the second byte. */
export const STATUS_SYSCALL = 0x857f;

/** `struct user_regs_struct` word indices the platform needs itself. */
export const REG_R13 = 2;
export const REG_RAX = 10;
/** Offset of rip in `struct ptrace_syscall_info`. */
export const BLOCK_INFO_IP = BLOCK_INFO + 8;
export const REG_RDX = 12;
export const REG_RSI = 13;
export const REG_RDI = 14;
export const REG_R10 = 7;
export const REG_R9 = 8;
export const REG_R8 = 9;
export const REG_ORIG_RAX = 15;
export const REG_RIP = 16;
export const REG_CS = 17;
export const REG_EFLAGS = 18;
export const REG_RSP = 19;
export const REG_SS = 20;
export const REG_FS_BASE = 21;
export const REG_GS_BASE = 22;
export const REG_WORDS = 54;
export const AUDIT_ARCH_X86_64 = 0xc000003e;

/** Pages threads of a process can have to publish calls in. */
export const MAX_PAGES = 7424;
