/**
 * POSIX message queues.
 *
 * Mirrors linux/mqueue.h; man 7 mq_overview.
 */

// Limits and mq_notify codes.
export const MQ_PRIO_MAX = 32768;
export const MQ_BYTES_MAX = 819200;
export const NOTIFY_NONE = 0;
export const NOTIFY_WOKENUP = 1;
export const NOTIFY_REMOVED = 2;
export const NOTIFY_COOKIE_LEN = 32;

/** `struct mq_attr`. */
export const MQ_ATTR = {
  SIZE: 64,
  mq_flags: 0,
  mq_maxmsg: 8,
  mq_msgsize: 16,
  mq_curmsgs: 24,
} as const;
