/**
 * Clocks, timers and time structures.
 *
 * Mirrors linux/time.h, linux/time_types.h, linux/timerfd.h, linux/times.h, linux/timex.h, linux/utime.h;
 * man 2 clock_gettime, timer_create, timerfd_create, setitimer, times, adjtimex.
 */

// Clocks.
export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_PROCESS_CPUTIME_ID = 2;
export const CLOCK_THREAD_CPUTIME_ID = 3;
export const CLOCK_MONOTONIC_RAW = 4;
export const CLOCK_REALTIME_COARSE = 5;
export const CLOCK_MONOTONIC_COARSE = 6;
export const CLOCK_BOOTTIME = 7;
export const CLOCK_REALTIME_ALARM = 8;
export const CLOCK_BOOTTIME_ALARM = 9;
export const CLOCK_SGI_CYCLE = 10;
export const CLOCK_TAI = 11;
export const MAX_CLOCKS = 16;
export const CLOCKS_MASK = 1;
export const CLOCKS_MONO = CLOCK_MONOTONIC;

// Absolute deadline, for clock_nanosleep and timer_settime.
export const TIMER_ABSTIME = 0x1;

// timerfd flags.
export const TFD_TIMER_ABSTIME = 0x1;
export const TFD_TIMER_CANCEL_ON_SET = 0x2;
export const TFD_CLOEXEC = 0o2000000;
export const TFD_NONBLOCK = 0o4000;
export const TFD_IOC_SET_TICKS = 0x40085400;

// Interval timers.
export const ITIMER_REAL = 0;
export const ITIMER_VIRTUAL = 1;
export const ITIMER_PROF = 2;

// Ticks a second in the results of times and in /proc.
export const HZ = 100;

/** `struct timespec`. */
export const TIMESPEC = {
  SIZE: 16,
  tv_sec: 0,
  tv_nsec: 8,
} as const;

/** `struct timeval`. */
export const TIMEVAL = {
  SIZE: 16,
  tv_sec: 0,
  tv_usec: 8,
} as const;

/** `struct timezone`. */
export const TIMEZONE = {
  SIZE: 8,
  tz_minuteswest: 0,
  tz_dsttime: 4,
} as const;

/** `struct itimerspec`. */
export const ITIMERSPEC = {
  SIZE: 32,
  it_interval: 0,
  it_value: 16,
} as const;

/** `struct itimerval`. */
export const ITIMERVAL = {
  SIZE: 32,
  it_interval: 0,
  it_value: 16,
} as const;

/** `struct tms`. */
export const TMS = {
  SIZE: 32,
  tms_utime: 0,
  tms_stime: 8,
  tms_cutime: 16,
  tms_cstime: 24,
} as const;

/** `struct utimbuf`. */
export const UTIMBUF = {
  SIZE: 16,
  actime: 0,
  modtime: 8,
} as const;

// adjtimex modes.
export const ADJ_OFFSET = 0x1;
export const ADJ_FREQUENCY = 0x2;
export const ADJ_MAXERROR = 0x4;
export const ADJ_ESTERROR = 0x8;
export const ADJ_STATUS = 0x10;
export const ADJ_TIMECONST = 0x20;
export const ADJ_TAI = 0x80;
export const ADJ_SETOFFSET = 0x100;
export const ADJ_MICRO = 0x1000;
export const ADJ_NANO = 0x2000;
export const ADJ_TICK = 0x4000;
export const ADJ_OFFSET_SINGLESHOT = 0x8001;
export const ADJ_OFFSET_SS_READ = 0xa001;

// Clock status.
export const STA_PLL = 0x1;
export const STA_PPSFREQ = 0x2;
export const STA_PPSTIME = 0x4;
export const STA_FLL = 0x8;
export const STA_INS = 0x10;
export const STA_DEL = 0x20;
export const STA_UNSYNC = 0x40;
export const STA_FREQHOLD = 0x80;
export const STA_PPSSIGNAL = 0x100;
export const STA_PPSJITTER = 0x200;
export const STA_PPSWANDER = 0x400;
export const STA_PPSERROR = 0x800;
export const STA_CLOCKERR = 0x1000;
export const STA_NANO = 0x2000;
export const STA_MODE = 0x4000;
export const STA_CLK = 0x8000;
export const STA_RONLY = 0xff00;

// Clock state: what adjtimex returns.
export const TIME_OK = 0;
export const TIME_INS = 1;
export const TIME_DEL = 2;
export const TIME_OOP = 3;
export const TIME_WAIT = 4;
export const TIME_ERROR = 5;
export const TIME_BAD = TIME_ERROR;

/** `struct __kernel_timex`. */
export const TIMEX = {
  SIZE: 208,
  modes: 0,
  offset: 8,
  freq: 16,
  maxerror: 24,
  esterror: 32,
  status: 40,
  constant: 48,
  precision: 56,
  tolerance: 64,
  time: 72,
  tick: 88,
  ppsfreq: 96,
  jitter: 104,
  shift: 112,
  stabil: 120,
  jitcnt: 128,
  calcnt: 136,
  errcnt: 144,
  stbcnt: 152,
  tai: 160,
} as const;

// Clock ids of processes, threads and descriptors: (~id << 3) | kind.
export const CPUCLOCK_PROF = 0;
export const CPUCLOCK_VIRT = 1;
export const CPUCLOCK_SCHED = 2;
export const CPUCLOCK_CLOCK_MASK = 3;
export const CPUCLOCK_PERTHREAD_MASK = 4;
export const CLOCKFD = 3;
