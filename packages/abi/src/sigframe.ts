/**
 * The frame on the stack of a signal handler: ucontext, register context, FPU state.
 *
 * Mirrors asm/ucontext.h, asm/sigcontext.h and the kernel's arch/x86/include/asm/sigframe.h; man 2
 * sigreturn, man 3 getcontext.
 */

// uc_flags.
export const UC_FP_XSTATE = 0x1;
export const UC_SIGCONTEXT_SS = 0x2;
export const UC_STRICT_RESTORE_SS = 0x4;

// Marks in the FPU state: MAGIC1 in sw_reserved, MAGIC2 in the 4 bytes after the XSAVE image.
export const FP_XSTATE_MAGIC1 = 0x46505853;
export const FP_XSTATE_MAGIC2 = 0x46505845;
export const FP_XSTATE_MAGIC2_SIZE = 4;

/** `struct ucontext`. The kernel's: uc_sigmask is 8 bytes. */
export const UCONTEXT = {
  SIZE: 304,
  uc_flags: 0,
  uc_link: 8,
  uc_stack: 16,
  uc_mcontext: 40,
  uc_sigmask: 296,
} as const;

/** `struct sigcontext`. Offsets count from uc_mcontext. cs, gs, fs and ss are 2 bytes each. */
export const MCONTEXT = {
  SIZE: 256,
  r8: 0,
  r9: 8,
  r10: 16,
  r11: 24,
  r12: 32,
  r13: 40,
  r14: 48,
  r15: 56,
  rdi: 64,
  rsi: 72,
  rbp: 80,
  rbx: 88,
  rdx: 96,
  rax: 104,
  rcx: 112,
  rsp: 120,
  rip: 128,
  eflags: 136,
  cs: 144,
  gs: 146,
  fs: 148,
  ss: 150,
  err: 152,
  trapno: 160,
  oldmask: 168,
  cr2: 176,
  fpstate: 184,
  reserved1: 192,
} as const;

/**
 * `struct _fpstate_64`. The FXSAVE image, aligned to 64; with XSAVE the header and the components follow
 * it.
 */
export const FPSTATE = {
  SIZE: 512,
  cwd: 0,
  swd: 2,
  twd: 4,
  fop: 6,
  rip: 8,
  rdp: 16,
  mxcsr: 24,
  mxcsr_mask: 28,
  st_space: 32,
  xmm_space: 160,
  sw_reserved: 464,
} as const;

/** `struct _fpx_sw_bytes`. Offsets count from sw_reserved. */
export const FPX_SW_BYTES = {
  SIZE: 48,
  magic1: 0,
  extended_size: 4,
  xfeatures: 8,
  xstate_size: 16,
} as const;

/** `struct _xstate`. FXSAVE image, XSAVE header, upper halves of the YMM registers (standard format). */
export const XSTATE = {
  SIZE: 832,
  fpstate: 0,
  xstate_hdr: 512,
  ymmh: 576,
} as const;

/** `struct _header`. Offsets count from xstate_hdr. */
export const XSTATE_HEADER = {
  SIZE: 64,
  xfeatures: 0,
} as const;

/**
 * `struct rt_sigframe`: the handler starts with rsp at pretcode, which holds sa_restorer, so rsp + 8 is a
 * multiple of 16.
 */
export const RT_SIGFRAME = {
  SIZE: 440,
  pretcode: 0,
  uc: 8,
  info: 312,
} as const;
