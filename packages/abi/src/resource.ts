/**
 * Limits, usage, priorities.
 *
 * Mirrors linux/resource.h, asm-generic/resource.h and linux/ioprio.h; man 2 getrlimit, getrusage,
 * getpriority, ioprio_set. RLIM_INFINITY is all ones in 64 bits: two words of 0xffffffff.
 */

// Limits.
export const RLIMIT_CPU = 0;
export const RLIMIT_FSIZE = 1;
export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_CORE = 4;
export const RLIMIT_RSS = 5;
export const RLIMIT_NPROC = 6;
export const RLIMIT_NOFILE = 7;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;
export const RLIMIT_LOCKS = 10;
export const RLIMIT_SIGPENDING = 11;
export const RLIMIT_MSGQUEUE = 12;
export const RLIMIT_NICE = 13;
export const RLIMIT_RTPRIO = 14;
export const RLIMIT_RTTIME = 15;
export const RLIM_NLIMITS = 16;

// No limit.
export const RLIM_INFINITY = { lo: 0xffffffff, hi: 0xffffffff } as const;
export const RLIM64_INFINITY = { lo: 0xffffffff, hi: 0xffffffff } as const;

// getrusage.
export const RUSAGE_SELF = 0;
export const RUSAGE_CHILDREN = -1;
export const RUSAGE_BOTH = -2;
export const RUSAGE_THREAD = 1;

// getpriority.
export const PRIO_MIN = -20;
export const PRIO_MAX = 20;
export const PRIO_PROCESS = 0;
export const PRIO_PGRP = 1;
export const PRIO_USER = 2;

// Defaults in bytes: stack, locked memory.
export const _STK_LIM = 0x800000;
export const MLOCK_LIMIT = 0x800000;

/** `struct rusage`. ru_maxrss is in KiB. */
export const RUSAGE = {
  SIZE: 144,
  ru_utime: 0,
  ru_stime: 16,
  ru_maxrss: 32,
  ru_ixrss: 40,
  ru_idrss: 48,
  ru_isrss: 56,
  ru_minflt: 64,
  ru_majflt: 72,
  ru_nswap: 80,
  ru_inblock: 88,
  ru_oublock: 96,
  ru_msgsnd: 104,
  ru_msgrcv: 112,
  ru_nsignals: 120,
  ru_nvcsw: 128,
  ru_nivcsw: 136,
} as const;

/** `struct rlimit`. struct rlimit64 of prlimit64 is the same. */
export const RLIMIT = {
  SIZE: 16,
  rlim_cur: 0,
  rlim_max: 8,
} as const;

// I/O priority.
export const IOPRIO_CLASS_SHIFT = 13;
export const IOPRIO_NR_CLASSES = 8;
export const IOPRIO_CLASS_MASK = 7;
export const IOPRIO_PRIO_MASK = 0x1fff;
export const IOPRIO_LEVEL_NR_BITS = 3;
export const IOPRIO_NR_LEVELS = 0x8;
export const IOPRIO_LEVEL_MASK = 7;
export const IOPRIO_BE_NR = IOPRIO_NR_LEVELS;
export const IOPRIO_NORM = 4;
export const IOPRIO_BE_NORM = IOPRIO_NORM;
export const IOPRIO_HINT_SHIFT = IOPRIO_LEVEL_NR_BITS;
export const IOPRIO_HINT_NR_BITS = 10;
export const IOPRIO_NR_HINTS = 0x400;
export const IOPRIO_HINT_MASK = 1023;
export const IOPRIO_CLASS_NONE = 0;
export const IOPRIO_CLASS_RT = 1;
export const IOPRIO_CLASS_BE = 2;
export const IOPRIO_CLASS_IDLE = 3;
export const IOPRIO_CLASS_INVALID = 7;
export const IOPRIO_WHO_PROCESS = 1;
export const IOPRIO_WHO_PGRP = 2;
export const IOPRIO_WHO_USER = 3;
export const IOPRIO_HINT_NONE = 0;
export const IOPRIO_HINT_DEV_DURATION_LIMIT_1 = 1;
export const IOPRIO_HINT_DEV_DURATION_LIMIT_2 = 2;
export const IOPRIO_HINT_DEV_DURATION_LIMIT_3 = 3;
export const IOPRIO_HINT_DEV_DURATION_LIMIT_4 = 4;
export const IOPRIO_HINT_DEV_DURATION_LIMIT_5 = 5;
export const IOPRIO_HINT_DEV_DURATION_LIMIT_6 = 6;
export const IOPRIO_HINT_DEV_DURATION_LIMIT_7 = 7;
