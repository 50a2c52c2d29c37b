/**
 * Signals through a file descriptor.
 *
 * Mirrors linux/signalfd.h; man 2 signalfd.
 */

// Flags.
export const SFD_CLOEXEC = 0o2000000;
export const SFD_NONBLOCK = 0o4000;

/** `struct signalfd_siginfo`. */
export const SIGNALFD_SIGINFO = {
  SIZE: 128,
  ssi_signo: 0,
  ssi_errno: 4,
  ssi_code: 8,
  ssi_pid: 12,
  ssi_uid: 16,
  ssi_fd: 20,
  ssi_tid: 24,
  ssi_band: 28,
  ssi_overrun: 32,
  ssi_trapno: 36,
  ssi_status: 40,
  ssi_int: 44,
  ssi_ptr: 48,
  ssi_utime: 56,
  ssi_stime: 64,
  ssi_addr: 72,
  ssi_addr_lsb: 80,
  ssi_syscall: 84,
  ssi_call_addr: 88,
  ssi_arch: 96,
} as const;
