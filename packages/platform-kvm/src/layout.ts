/**
 * How the virtual machine looks: the kernel half of every address space, descriptors, the ports by which the
 * stubs leave the machine. Selectors are Linux's own; software KVM (PVM) runs guests on the host's
 * descriptors.
 */

export const PAGE = 4096;

/** The top 2 GiB, where the kernel half is: high word, and low word of its start. */
export const KERNEL_HIGH = 0xffffffff;
export const KERNEL_LOW = 0x80000000;
// Pages of the kernel half by their offset from its start.
export const GDT_AT = 0x0000;
export const IDT_AT = 0x1000;
export const EXCEPTION_STUBS_AT = 0x3000;
/** Where `syscall` enters, one piece of code a virtual CPU. */
export const CALL_STUBS_AT = 0x4000;
export const CALL_STUB_BYTES = 512;
/** One page a virtual CPU: its task state segment below, its stack above. */
export const CPU_PAGES_AT = 0x40000;
/** One page table maps all of that. */
export const MAX_CPUS = 448;
/**
 * One page a virtual CPU again, but another in each address space: where guests publish their calls
 * (call-page.ts).
 */
export const CALL_PAGES_AT = 0x200000;

export const KERNEL_CS = 0x10;
export const USER_DS = 0x2b;
export const USER_CS = 0x33;
export const TSS_SELECTOR = 0x40;
export const GDT_ENTRIES = 10;

/** Base of SYSRET's selectors << 16 | selector of SYSCALL's code segment: the high word of STAR. */
export const STAR_HIGH = (0x23 << 16) | KERNEL_CS;
/** Flags `syscall` clears, those Linux clears. */
export const SYSCALL_FLAG_MASK = 0x257fd5;

// Task state segment (Intel SDM vol. 3, 8.7), in the CPU's page.
export const TSS_RSP0 = 4;
/** The first of its own stacks a gate may ask for. */
export const TSS_IST1 = 0x24;
export const TSS_IO_BASE = 0x66;
export const TSS_IO_MAP = 0x68;
export const TSS_LIMIT = 0x6f;
/** Top of the stack in the CPU's page. */
export const STACK_TOP = 0x1000;
/** Where the frame of an exception starts: error code, rip, cs, rflags, rsp, ss. */
export const FRAME_AT = STACK_TOP - 48;

/**
 * The same for debug exceptions, where stubs run at level 0: a breakpoint on what `mov ss` reads is reported
 * behind the instruction that follows, which may be a `syscall`; that leaves the stack pointer to the guest.
 */
export const DEBUG_STACK_TOP = 0x800;
export const DEBUG_FRAME_AT = DEBUG_STACK_TOP - 48;

/** Ports of the stubs: the vector of an exception, with those below taken. */
export const PORT_SYSCALL = 0;
export const PORT_COMPAT_SYSCALL = 0x21;
/** #DE cannot use port 0. */
export const PORT_DIVIDE_ERROR = 0x20;
export const INT80_VECTOR = 0x80;

export const VECTOR_DIVIDE_ERROR = 0;
export const VECTOR_DEBUG = 1;
export const VECTOR_INVALID_OPCODE = 6;
export const VECTOR_GENERAL_PROTECTION = 13;
export const VECTOR_PAGE_FAULT = 14;

/**
 * Guest-physical address of offset 0 of the memory file: everything below is left to what old processors want
 * there.
 */
export const PHYSICAL_BASE_HIGH = 1;

export const CR0 = 0x80050033;
/** PAE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE; then what only some processors have: UMIP, SMEP, SMAP. */
export const CR4 = 0x50620;
/** rdtsc is a level 0 instruction. */
export const CR4_TSD = 4;
export const CR4_FSGSBASE = 0x10000;
export const CR4_UMIP = 0x800;
export const CR4_SMEP = 0x100000;
export const CR4_SMAP = 0x200000;
/** SCE, LME, LMA, NXE. */
export const EFER = 0xd01;

/** Flags a guest may set itself: CF PF AF ZF SF TF DF OF RF NT AC ID. */
export const USER_RFLAGS = 0x254dd5 | 0x10000;
