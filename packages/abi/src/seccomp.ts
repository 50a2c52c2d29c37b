/**
 * Seccomp.
 *
 * Mirrors linux/seccomp.h and linux/audit.h; man 2 seccomp, seccomp_unotify. The filter's instructions:
 * filter.ts.
 */

// Modes, operations, flags, actions.
export const SECCOMP_MODE_DISABLED = 0;
export const SECCOMP_MODE_STRICT = 1;
export const SECCOMP_MODE_FILTER = 2;
export const SECCOMP_SET_MODE_STRICT = 0;
export const SECCOMP_SET_MODE_FILTER = 1;
export const SECCOMP_GET_ACTION_AVAIL = 2;
export const SECCOMP_GET_NOTIF_SIZES = 3;
export const SECCOMP_FILTER_FLAG_TSYNC = 0x1;
export const SECCOMP_FILTER_FLAG_LOG = 0x2;
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 0x4;
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x8;
export const SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 0x10;
export const SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 0x20;
export const SECCOMP_RET_KILL_PROCESS = 0x80000000;
export const SECCOMP_RET_KILL_THREAD = 0x0;
export const SECCOMP_RET_KILL = SECCOMP_RET_KILL_THREAD;
export const SECCOMP_RET_TRAP = 0x30000;
export const SECCOMP_RET_ERRNO = 0x50000;
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000;
export const SECCOMP_RET_TRACE = 0x7ff00000;
export const SECCOMP_RET_LOG = 0x7ffc0000;
export const SECCOMP_RET_ALLOW = 0x7fff0000;
export const SECCOMP_RET_ACTION_FULL = 0xffff0000;
export const SECCOMP_RET_ACTION = 0x7fff0000;
export const SECCOMP_RET_DATA = 0xffff;
export const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 0x1;
export const SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP = 0x1;
export const SECCOMP_ADDFD_FLAG_SETFD = 0x1;
export const SECCOMP_ADDFD_FLAG_SEND = 0x2;
export const SECCOMP_IOC_MAGIC = 33;
export const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100;
export const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101;
export const SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102;
export const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103;
export const SECCOMP_IOCTL_NOTIF_SET_FLAGS = 0x40082104;

// Architecture in seccomp_data and si_arch.
export const AUDIT_ARCH_X86_64 = 0xc000003e;
export const AUDIT_ARCH_I386 = 0x40000003;

/** `struct seccomp_data`. */
export const SECCOMP_DATA = {
  SIZE: 64,
  nr: 0,
  arch: 4,
  instruction_pointer: 8,
  args: 16,
} as const;

/** `struct seccomp_notif`. */
export const SECCOMP_NOTIF = {
  SIZE: 80,
  id: 0,
  pid: 8,
  flags: 12,
  data: 16,
} as const;

/** `struct seccomp_notif_resp`. */
export const SECCOMP_NOTIF_RESP = {
  SIZE: 24,
  id: 0,
  val: 8,
  error: 16,
  flags: 20,
} as const;

/** `struct seccomp_notif_sizes`. */
export const SECCOMP_NOTIF_SIZES = {
  SIZE: 6,
  seccomp_notif: 0,
  seccomp_notif_resp: 2,
  seccomp_data: 4,
} as const;

/** `struct seccomp_notif_addfd`. */
export const SECCOMP_NOTIF_ADDFD = {
  SIZE: 24,
  id: 0,
  flags: 8,
  srcfd: 12,
  newfd: 16,
  newfd_flags: 20,
} as const;
