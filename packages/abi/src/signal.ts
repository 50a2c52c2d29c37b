/**
 * Signal numbers, actions, masks, alternate stacks and notification.
 *
 * Mirrors asm/signal.h, linux/signal.h and asm-generic/siginfo.h; man 7 signal, man 2 sigaction,
 * sigprocmask, sigaltstack, man 3type sigevent. Codes and layout of siginfo_t: siginfo.ts. The frame a
 * handler gets: sigframe.ts.
 */

// Signal numbers.
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGQUIT = 3;
export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGABRT = 6;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGSEGV = 11;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGALRM = 14;
export const SIGTERM = 15;
export const SIGSTKFLT = 16;
export const SIGCHLD = 17;
export const SIGCONT = 18;
export const SIGSTOP = 19;
export const SIGTSTP = 20;
export const SIGTTIN = 21;
export const SIGTTOU = 22;
export const SIGURG = 23;
export const SIGXCPU = 24;
export const SIGXFSZ = 25;
export const SIGVTALRM = 26;
export const SIGPROF = 27;
export const SIGWINCH = 28;
export const SIGIO = 29;
export const SIGPWR = 30;
export const SIGSYS = 31;

// Second names.
export const SIGIOT = 6;
export const SIGPOLL = SIGIO;

// The first real-time signal, as the kernel counts (the C library keeps 32 and 33 for itself).
export const SIGRTMIN = 32;

// sigaction flags.
export const SA_RESTORER = 0x4000000;
export const SA_NOCLDSTOP = 0x1;
export const SA_NOCLDWAIT = 0x2;
export const SA_SIGINFO = 0x4;
export const SA_UNSUPPORTED = 0x400;
export const SA_ONSTACK = 0x8000000;
export const SA_RESTART = 0x10000000;
export const SA_NODEFER = 0x40000000;
export const SA_RESETHAND = 0x80000000;
export const SA_NOMASK = SA_NODEFER;
export const SA_ONESHOT = SA_RESETHAND;

// sigprocmask.
export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;

// Special handlers.
export const SIG_DFL = 0;
export const SIG_IGN = 1;
export const SIG_ERR = -1;

// Alternate stacks.
export const SS_ONSTACK = 1;
export const SS_DISABLE = 2;
export const SS_AUTODISARM = 0x80000000;
export const SS_FLAG_BITS = SS_AUTODISARM;
export const MINSIGSTKSZ = 2048;
export const SIGSTKSZ = 8192;

// sigevent notification.
export const SIGEV_SIGNAL = 0;
export const SIGEV_NONE = 1;
export const SIGEV_THREAD = 2;
export const SIGEV_THREAD_ID = 4;
export const SIGEV_MAX_SIZE = 64;
export const SIGEV_PAD_SIZE = 12;

/**
 * `struct sigaction`. What rt_sigaction reads: unlike the C library's struct, the mask is 8 bytes and
 * comes last.
 */
export const SIGACTION_KERNEL = {
  SIZE: 32,
  sa_handler: 0,
  sa_flags: 8,
  sa_restorer: 16,
  sa_mask: 24,
} as const;

/** `stack_t`. */
export const STACK_T = {
  SIZE: 24,
  ss_sp: 0,
  ss_flags: 8,
  ss_size: 16,
} as const;

/** `struct sigevent`. sigev_notify_thread_id shares its place with sigev_notify_function. */
export const SIGEVENT = {
  SIZE: 64,
  sigev_value: 0,
  sigev_signo: 8,
  sigev_notify: 12,
  sigev_notify_function: 16,
  sigev_notify_attributes: 24,
  sigev_notify_thread_id: 16,
} as const;

// Counts. The C library says NSIG is 65.
export const NSIG = 64;
export const SIGRTMAX = 64;
export const SIGSET_SIZE = 8;

/** Names by number: `SIGNAL_NAMES[9]` is `'SIGKILL'`. Index 0 and real-time signals have none. */
export const SIGNAL_NAMES: readonly (string | undefined)[] = [
  undefined,
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGSTKFLT',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
];
