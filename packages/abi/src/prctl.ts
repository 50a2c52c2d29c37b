/**
 * prctl and arch_prctl.
 *
 * Mirrors linux/prctl.h and asm/prctl.h; man 2 prctl, arch_prctl.
 */

// prctl operations and their values. Those of other architectures are here too: x86-64 answers EINVAL.
export const PR_SET_PDEATHSIG = 1;
export const PR_GET_PDEATHSIG = 2;
export const PR_GET_DUMPABLE = 3;
export const PR_SET_DUMPABLE = 4;
export const PR_GET_UNALIGN = 5;
export const PR_SET_UNALIGN = 6;
export const PR_UNALIGN_NOPRINT = 1;
export const PR_UNALIGN_SIGBUS = 2;
export const PR_GET_KEEPCAPS = 7;
export const PR_SET_KEEPCAPS = 8;
export const PR_GET_FPEMU = 9;
export const PR_SET_FPEMU = 10;
export const PR_FPEMU_NOPRINT = 1;
export const PR_FPEMU_SIGFPE = 2;
export const PR_GET_FPEXC = 11;
export const PR_SET_FPEXC = 12;
export const PR_FP_EXC_SW_ENABLE = 0x80;
export const PR_FP_EXC_DIV = 0x10000;
export const PR_FP_EXC_OVF = 0x20000;
export const PR_FP_EXC_UND = 0x40000;
export const PR_FP_EXC_RES = 0x80000;
export const PR_FP_EXC_INV = 0x100000;
export const PR_FP_EXC_DISABLED = 0;
export const PR_FP_EXC_NONRECOV = 1;
export const PR_FP_EXC_ASYNC = 2;
export const PR_FP_EXC_PRECISE = 3;
export const PR_GET_TIMING = 13;
export const PR_SET_TIMING = 14;
export const PR_TIMING_STATISTICAL = 0;
export const PR_TIMING_TIMESTAMP = 1;
export const PR_SET_NAME = 15;
export const PR_GET_NAME = 16;
export const PR_GET_ENDIAN = 19;
export const PR_SET_ENDIAN = 20;
export const PR_ENDIAN_BIG = 0;
export const PR_ENDIAN_LITTLE = 1;
export const PR_ENDIAN_PPC_LITTLE = 2;
export const PR_GET_SECCOMP = 21;
export const PR_SET_SECCOMP = 22;
export const PR_CAPBSET_READ = 23;
export const PR_CAPBSET_DROP = 24;
export const PR_GET_TSC = 25;
export const PR_SET_TSC = 26;
export const PR_TSC_ENABLE = 1;
export const PR_TSC_SIGSEGV = 2;
export const PR_GET_SECUREBITS = 27;
export const PR_SET_SECUREBITS = 28;
export const PR_SET_TIMERSLACK = 29;
export const PR_GET_TIMERSLACK = 30;
export const PR_TASK_PERF_EVENTS_DISABLE = 31;
export const PR_TASK_PERF_EVENTS_ENABLE = 32;
export const PR_MCE_KILL = 33;
export const PR_MCE_KILL_CLEAR = 0;
export const PR_MCE_KILL_SET = 1;
export const PR_MCE_KILL_LATE = 0;
export const PR_MCE_KILL_EARLY = 1;
export const PR_MCE_KILL_DEFAULT = 2;
export const PR_MCE_KILL_GET = 34;
export const PR_SET_MM = 35;
export const PR_SET_MM_START_CODE = 1;
export const PR_SET_MM_END_CODE = 2;
export const PR_SET_MM_START_DATA = 3;
export const PR_SET_MM_END_DATA = 4;
export const PR_SET_MM_START_STACK = 5;
export const PR_SET_MM_START_BRK = 6;
export const PR_SET_MM_BRK = 7;
export const PR_SET_MM_ARG_START = 8;
export const PR_SET_MM_ARG_END = 9;
export const PR_SET_MM_ENV_START = 10;
export const PR_SET_MM_ENV_END = 11;
export const PR_SET_MM_AUXV = 12;
export const PR_SET_MM_EXE_FILE = 13;
export const PR_SET_MM_MAP = 14;
export const PR_SET_MM_MAP_SIZE = 15;
export const PR_SET_PTRACER = 0x59616d61;
export const PR_SET_PTRACER_ANY = { lo: 0xffffffff, hi: 0xffffffff } as const;
export const PR_SET_CHILD_SUBREAPER = 36;
export const PR_GET_CHILD_SUBREAPER = 37;
export const PR_SET_NO_NEW_PRIVS = 38;
export const PR_GET_NO_NEW_PRIVS = 39;
export const PR_GET_TID_ADDRESS = 40;
export const PR_SET_THP_DISABLE = 41;
export const PR_GET_THP_DISABLE = 42;
export const PR_MPX_ENABLE_MANAGEMENT = 43;
export const PR_MPX_DISABLE_MANAGEMENT = 44;
export const PR_SET_FP_MODE = 45;
export const PR_GET_FP_MODE = 46;
export const PR_FP_MODE_FR = 0x1;
export const PR_FP_MODE_FRE = 0x2;
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_IS_SET = 1;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_LOWER = 3;
export const PR_CAP_AMBIENT_CLEAR_ALL = 4;
export const PR_SVE_SET_VL = 50;
export const PR_SVE_SET_VL_ONEXEC = 0x40000;
export const PR_SVE_GET_VL = 51;
export const PR_SVE_VL_LEN_MASK = 0xffff;
export const PR_SVE_VL_INHERIT = 0x20000;
export const PR_GET_SPECULATION_CTRL = 52;
export const PR_SET_SPECULATION_CTRL = 53;
export const PR_SPEC_STORE_BYPASS = 0;
export const PR_SPEC_INDIRECT_BRANCH = 1;
export const PR_SPEC_L1D_FLUSH = 2;
export const PR_SPEC_NOT_AFFECTED = 0;
export const PR_SPEC_PRCTL = 0x1;
export const PR_SPEC_ENABLE = 0x2;
export const PR_SPEC_DISABLE = 0x4;
export const PR_SPEC_FORCE_DISABLE = 0x8;
export const PR_SPEC_DISABLE_NOEXEC = 0x10;
export const PR_PAC_RESET_KEYS = 54;
export const PR_PAC_APIAKEY = 0x1;
export const PR_PAC_APIBKEY = 0x2;
export const PR_PAC_APDAKEY = 0x4;
export const PR_PAC_APDBKEY = 0x8;
export const PR_PAC_APGAKEY = 0x10;
export const PR_SET_TAGGED_ADDR_CTRL = 55;
export const PR_GET_TAGGED_ADDR_CTRL = 56;
export const PR_TAGGED_ADDR_ENABLE = 0x1;
export const PR_MTE_TCF_NONE = 0;
export const PR_MTE_TCF_SYNC = 0x2;
export const PR_MTE_TCF_ASYNC = 0x4;
export const PR_MTE_TCF_MASK = 6;
export const PR_MTE_TAG_SHIFT = 3;
export const PR_MTE_TAG_MASK = 0x7fff8;
export const PR_MTE_TCF_SHIFT = 1;
export const PR_SET_IO_FLUSHER = 57;
export const PR_GET_IO_FLUSHER = 58;
export const PR_SET_SYSCALL_USER_DISPATCH = 59;
export const PR_SYS_DISPATCH_OFF = 0;
export const PR_SYS_DISPATCH_ON = 1;
export const PR_PAC_SET_ENABLED_KEYS = 60;
export const PR_PAC_GET_ENABLED_KEYS = 61;
export const PR_SCHED_CORE = 62;
export const PR_SCHED_CORE_GET = 0;
export const PR_SCHED_CORE_CREATE = 1;
export const PR_SCHED_CORE_SHARE_TO = 2;
export const PR_SCHED_CORE_SHARE_FROM = 3;
export const PR_SCHED_CORE_MAX = 4;
export const PR_SCHED_CORE_SCOPE_THREAD = 0;
export const PR_SCHED_CORE_SCOPE_THREAD_GROUP = 1;
export const PR_SCHED_CORE_SCOPE_PROCESS_GROUP = 2;
export const PR_SME_SET_VL = 63;
export const PR_SME_SET_VL_ONEXEC = 0x40000;
export const PR_SME_GET_VL = 64;
export const PR_SME_VL_LEN_MASK = 0xffff;
export const PR_SME_VL_INHERIT = 0x20000;
export const PR_SET_MDWE = 65;
export const PR_MDWE_REFUSE_EXEC_GAIN = 0x1;
export const PR_MDWE_NO_INHERIT = 0x2;
export const PR_GET_MDWE = 66;
export const PR_SET_VMA = 0x53564d41;
export const PR_SET_VMA_ANON_NAME = 0;
export const PR_GET_AUXV = 0x41555856;
export const PR_SET_MEMORY_MERGE = 67;
export const PR_GET_MEMORY_MERGE = 68;
export const PR_RISCV_V_SET_CONTROL = 69;
export const PR_RISCV_V_GET_CONTROL = 70;
export const PR_RISCV_V_VSTATE_CTRL_DEFAULT = 0;
export const PR_RISCV_V_VSTATE_CTRL_OFF = 1;
export const PR_RISCV_V_VSTATE_CTRL_ON = 2;
export const PR_RISCV_V_VSTATE_CTRL_INHERIT = 0x10;
export const PR_RISCV_V_VSTATE_CTRL_CUR_MASK = 0x3;
export const PR_RISCV_V_VSTATE_CTRL_NEXT_MASK = 0xc;
export const PR_RISCV_V_VSTATE_CTRL_MASK = 0x1f;
export const PR_RISCV_SET_ICACHE_FLUSH_CTX = 71;
export const PR_RISCV_CTX_SW_FENCEI_ON = 0;
export const PR_RISCV_CTX_SW_FENCEI_OFF = 1;
export const PR_RISCV_SCOPE_PER_PROCESS = 0;
export const PR_RISCV_SCOPE_PER_THREAD = 1;
export const PR_PPC_GET_DEXCR = 72;
export const PR_PPC_SET_DEXCR = 73;
export const PR_PPC_DEXCR_SBHE = 0;
export const PR_PPC_DEXCR_IBRTPD = 1;
export const PR_PPC_DEXCR_SRAPD = 2;
export const PR_PPC_DEXCR_NPHIE = 3;
export const PR_PPC_DEXCR_CTRL_EDITABLE = 0x1;
export const PR_PPC_DEXCR_CTRL_SET = 0x2;
export const PR_PPC_DEXCR_CTRL_CLEAR = 0x4;
export const PR_PPC_DEXCR_CTRL_SET_ONEXEC = 0x8;
export const PR_PPC_DEXCR_CTRL_CLEAR_ONEXEC = 0x10;
export const PR_PPC_DEXCR_CTRL_MASK = 0x1f;

// arch_prctl.
export const ARCH_SET_GS = 0x1001;
export const ARCH_SET_FS = 0x1002;
export const ARCH_GET_FS = 0x1003;
export const ARCH_GET_GS = 0x1004;
export const ARCH_GET_CPUID = 0x1011;
export const ARCH_SET_CPUID = 0x1012;
export const ARCH_GET_XCOMP_SUPP = 0x1021;
export const ARCH_GET_XCOMP_PERM = 0x1022;
export const ARCH_REQ_XCOMP_PERM = 0x1023;
export const ARCH_GET_XCOMP_GUEST_PERM = 0x1024;
export const ARCH_REQ_XCOMP_GUEST_PERM = 0x1025;
export const ARCH_XCOMP_TILECFG = 17;
export const ARCH_XCOMP_TILEDATA = 18;
export const ARCH_MAP_VDSO_X32 = 0x2001;
export const ARCH_MAP_VDSO_32 = 0x2002;
export const ARCH_MAP_VDSO_64 = 0x2003;
export const ARCH_GET_UNTAG_MASK = 0x4001;
export const ARCH_ENABLE_TAGGED_ADDR = 0x4002;
export const ARCH_GET_MAX_TAG_BITS = 0x4003;
export const ARCH_FORCE_TAGGED_SVA = 0x4004;
export const ARCH_SHSTK_ENABLE = 0x5001;
export const ARCH_SHSTK_DISABLE = 0x5002;
export const ARCH_SHSTK_LOCK = 0x5003;
export const ARCH_SHSTK_UNLOCK = 0x5004;
export const ARCH_SHSTK_STATUS = 0x5005;
export const ARCH_SHSTK_SHSTK = 0x1;
export const ARCH_SHSTK_WRSS = 0x2;

/** `struct prctl_mm_map`. */
export const PRCTL_MM_MAP = {
  SIZE: 104,
  start_code: 0,
  end_code: 8,
  start_data: 16,
  end_data: 24,
  start_brk: 32,
  brk: 40,
  start_stack: 48,
  arg_start: 56,
  arg_end: 64,
  env_start: 72,
  env_end: 80,
  auxv: 88,
  auxv_size: 96,
  exe_fd: 100,
} as const;
