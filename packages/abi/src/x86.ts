/**
 * x86-64 processor facts a signal frame or a tracer shows: exception vectors, page fault error bits,
 * RFLAGS, segment selectors, XSAVE features.
 *
 * Mirrors asm/processor-flags.h and the kernel's asm/trapnr.h, asm/trap_pf.h, asm/segment.h,
 * asm/fpu/types.h; Intel SDM volume 1 chapter 13, volume 3 chapter 6.
 */

// RFLAGS.
export const X86_EFLAGS_CF = 1;
export const X86_EFLAGS_FIXED = 2;
export const X86_EFLAGS_PF = 4;
export const X86_EFLAGS_AF = 16;
export const X86_EFLAGS_ZF = 64;
export const X86_EFLAGS_SF = 128;
export const X86_EFLAGS_TF = 256;
export const X86_EFLAGS_IF = 512;
export const X86_EFLAGS_DF = 1024;
export const X86_EFLAGS_OF = 2048;
export const X86_EFLAGS_IOPL = 0x3000;
export const X86_EFLAGS_NT = 16384;
export const X86_EFLAGS_RF = 0x10000;
export const X86_EFLAGS_VM = 0x20000;
export const X86_EFLAGS_AC = 0x40000;
export const X86_EFLAGS_VIF = 0x80000;
export const X86_EFLAGS_VIP = 0x100000;
export const X86_EFLAGS_ID = 0x200000;

// CR0.
export const X86_CR0_PE = 1;
export const X86_CR0_MP = 2;
export const X86_CR0_EM = 4;
export const X86_CR0_TS = 8;
export const X86_CR0_ET = 16;
export const X86_CR0_NE = 32;
export const X86_CR0_WP = 0x10000;
export const X86_CR0_AM = 0x40000;
export const X86_CR0_NW = 0x20000000;
export const X86_CR0_CD = 0x40000000;
export const X86_CR0_PG = 0x80000000;

// Exception vectors.
export const X86_TRAP_DE = 0;
export const X86_TRAP_DB = 1;
export const X86_TRAP_NMI = 2;
export const X86_TRAP_BP = 3;
export const X86_TRAP_OF = 4;
export const X86_TRAP_BR = 5;
export const X86_TRAP_UD = 6;
export const X86_TRAP_NM = 7;
export const X86_TRAP_DF = 8;
export const X86_TRAP_OLD_MF = 9;
export const X86_TRAP_TS = 10;
export const X86_TRAP_NP = 11;
export const X86_TRAP_SS = 12;
export const X86_TRAP_GP = 13;
export const X86_TRAP_PF = 14;
export const X86_TRAP_SPURIOUS = 15;
export const X86_TRAP_MF = 16;
export const X86_TRAP_AC = 17;
export const X86_TRAP_MC = 18;
export const X86_TRAP_XF = 19;
export const X86_TRAP_VE = 20;
export const X86_TRAP_CP = 21;
export const X86_TRAP_VC = 29;

// Page fault error code.
export const X86_PF_PROT = 0x1;
export const X86_PF_WRITE = 0x2;
export const X86_PF_USER = 0x4;
export const X86_PF_RSVD = 0x8;
export const X86_PF_INSTR = 0x10;
export const X86_PF_PK = 0x20;
export const X86_PF_SHSTK = 0x40;
export const X86_PF_SGX = 0x8000;

// Selectors of user code and data.
export const __USER32_CS = 0x23;
export const __USER_DS = 0x2b;
export const __USER_CS = 0x33;

// XSAVE state components.
export const XFEATURE_MASK_FP = 0x1;
export const XFEATURE_MASK_SSE = 0x2;
export const XFEATURE_MASK_YMM = 0x4;
export const XFEATURE_MASK_BNDREGS = 0x8;
export const XFEATURE_MASK_BNDCSR = 0x10;
export const XFEATURE_MASK_OPMASK = 0x20;
export const XFEATURE_MASK_ZMM_Hi256 = 0x40;
export const XFEATURE_MASK_Hi16_ZMM = 0x80;
export const XFEATURE_MASK_PT = 0x100;
export const XFEATURE_MASK_PKRU = 0x200;
export const XFEATURE_MASK_XTILE_CFG = 0x20000;
export const XFEATURE_MASK_XTILE_DATA = 0x40000;
