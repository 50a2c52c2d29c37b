/**
 * File system events with file descriptors or handles.
 *
 * Mirrors linux/fanotify.h; man 7 fanotify, man 2 fanotify_init, man 2 fanotify_mark.
 */

// Events; those inotify has too have the same values.
export const FAN_ACCESS = 0x1;
export const FAN_MODIFY = 0x2;
export const FAN_ATTRIB = 0x4;
export const FAN_CLOSE_WRITE = 0x8;
export const FAN_CLOSE_NOWRITE = 0x10;
export const FAN_OPEN = 0x20;
export const FAN_MOVED_FROM = 0x40;
export const FAN_MOVED_TO = 0x80;
export const FAN_CREATE = 0x100;
export const FAN_DELETE = 0x200;
export const FAN_DELETE_SELF = 0x400;
export const FAN_MOVE_SELF = 0x800;
export const FAN_OPEN_EXEC = 0x1000;
export const FAN_Q_OVERFLOW = 0x4000;
export const FAN_FS_ERROR = 0x8000;
export const FAN_OPEN_PERM = 0x10000;
export const FAN_ACCESS_PERM = 0x20000;
export const FAN_OPEN_EXEC_PERM = 0x40000;
export const FAN_EVENT_ON_CHILD = 0x8000000;
export const FAN_RENAME = 0x10000000;
export const FAN_ONDIR = 0x40000000;

// fanotify_init: the descriptor, the class of the group, what it may have, and what events look like.
export const FAN_CLOEXEC = 0x1;
export const FAN_NONBLOCK = 0x2;
export const FAN_CLASS_NOTIF = 0;
export const FAN_CLASS_CONTENT = 0x4;
export const FAN_CLASS_PRE_CONTENT = 0x8;
export const FAN_UNLIMITED_QUEUE = 0x10;
export const FAN_UNLIMITED_MARKS = 0x20;
export const FAN_ENABLE_AUDIT = 0x40;
export const FAN_REPORT_PIDFD = 0x80;
export const FAN_REPORT_TID = 0x100;
export const FAN_REPORT_FID = 0x200;
export const FAN_REPORT_DIR_FID = 0x400;
export const FAN_REPORT_NAME = 0x800;
export const FAN_REPORT_TARGET_FID = 0x1000;
export const FAN_REPORT_FD_ERROR = 0x2000;

// fanotify_mark.
export const FAN_MARK_ADD = 0x1;
export const FAN_MARK_REMOVE = 0x2;
export const FAN_MARK_DONT_FOLLOW = 0x4;
export const FAN_MARK_ONLYDIR = 0x8;
export const FAN_MARK_MOUNT = 0x10;
export const FAN_MARK_IGNORED_MASK = 0x20;
export const FAN_MARK_IGNORED_SURV_MODIFY = 0x40;
export const FAN_MARK_FLUSH = 0x80;
export const FAN_MARK_FILESYSTEM = 0x100;
export const FAN_MARK_EVICTABLE = 0x200;
export const FAN_MARK_IGNORE = 0x400;

export const FANOTIFY_METADATA_VERSION = 3;
export const FAN_NOFD = -1;
export const FAN_EPIDFD = -2;

// Answers to permission events.
export const FAN_ALLOW = 0x1;
export const FAN_DENY = 0x2;
export const FAN_AUDIT = 0x10;
export const FAN_INFO = 0x20;
export const FAN_RESPONSE_INFO_AUDIT_RULE = 1;

// Information records behind an event.
export const FAN_EVENT_INFO_TYPE_FID = 1;
export const FAN_EVENT_INFO_TYPE_DFID_NAME = 2;
export const FAN_EVENT_INFO_TYPE_DFID = 3;
export const FAN_EVENT_INFO_TYPE_PIDFD = 4;
export const FAN_EVENT_INFO_TYPE_OLD_DFID_NAME = 10;
export const FAN_EVENT_INFO_TYPE_NEW_DFID_NAME = 12;

/** `struct fanotify_event_metadata`. */
export const FANOTIFY_EVENT_METADATA = {
  SIZE: 24,
  event_len: 0,
  vers: 4,
  reserved: 5,
  metadata_len: 6,
  mask: 8,
  fd: 16,
  pid: 20,
} as const;

/** `struct fanotify_event_info_fid`. A `struct file_handle` and the name follow at handle. */
export const FANOTIFY_EVENT_INFO_FID = {
  SIZE: 12,
  info_type: 0,
  pad: 1,
  len: 2,
  fsid: 4,
  handle: 12,
} as const;

/** `struct fanotify_event_info_pidfd`. */
export const FANOTIFY_EVENT_INFO_PIDFD = { SIZE: 8, info_type: 0, pad: 1, len: 2, pidfd: 4 } as const;

/** `struct fanotify_response`. */
export const FANOTIFY_RESPONSE = { SIZE: 8, fd: 0, response: 4 } as const;

/** `struct fanotify_response_info_audit_rule`. */
export const FANOTIFY_RESPONSE_AUDIT_RULE = { SIZE: 16, type: 0, pad: 1, len: 2 } as const;
