/**
 * The connector: messages between programs and parts of the kernel over netlink, and what becomes of
 * processes.
 *
 * Mirrors linux/connector.h and linux/cn_proc.h; Documentation/driver-api/connector.rst.
 */

export const CN_IDX_PROC = 1;
export const CN_VAL_PROC = 1;
export const CONNECTOR_MAX_MSG_SIZE = 16384;

export const PROC_CN_MCAST_LISTEN = 1;
export const PROC_CN_MCAST_IGNORE = 2;

export const PROC_EVENT_NONE = 0;
export const PROC_EVENT_FORK = 0x1;
export const PROC_EVENT_EXEC = 0x2;
export const PROC_EVENT_UID = 0x4;
export const PROC_EVENT_GID = 0x40;
export const PROC_EVENT_SID = 0x80;
export const PROC_EVENT_PTRACE = 0x100;
export const PROC_EVENT_COMM = 0x200;
export const PROC_EVENT_NONZERO_EXIT = 0x20000000;
export const PROC_EVENT_COREDUMP = 0x40000000;
export const PROC_EVENT_EXIT = 0x80000000;

/** `struct cn_msg`, before its data. */
export const CN_MSG = { SIZE: 20, idx: 0, val: 4, seq: 8, ack: 12, len: 16, flags: 18 } as const;

/** `struct proc_input`. */
export const PROC_INPUT = { SIZE: 8, mcast_op: 0, event_type: 4 } as const;

/** `struct proc_event`; which members there are behind the time depends on the event. */
export const PROC_EVENT = {
  SIZE: 40,
  what: 0,
  cpu: 4,
  timestamp_ns: 8,
  err: 16,
  parent_pid: 16,
  parent_tgid: 20,
  child_pid: 24,
  child_tgid: 28,
  process_pid: 16,
  process_tgid: 20,
  ruid: 24,
  euid: 28,
  tracer_pid: 24,
  tracer_tgid: 28,
  comm: 24,
  coredump_parent_pid: 24,
  coredump_parent_tgid: 28,
  exit_code: 24,
  exit_signal: 28,
  exit_parent_pid: 32,
  exit_parent_tgid: 36,
} as const;
