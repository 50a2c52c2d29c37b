/**
 * poll, select and epoll.
 *
 * Mirrors asm-generic/poll.h, linux/eventpoll.h and linux/posix_types.h; man 2 poll, select, epoll_ctl.
 */

// poll events.
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDNORM = 0x40;
export const POLLRDBAND = 0x80;
export const POLLWRNORM = 0x100;
export const POLLWRBAND = 0x200;
export const POLLMSG = 0x400;
export const POLLREMOVE = 0x1000;
export const POLLRDHUP = 0x2000;

// Bits in a select fd_set.
export const __FD_SETSIZE = 1024;

/** `struct pollfd`. */
export const POLLFD = {
  SIZE: 8,
  fd: 0,
  events: 4,
  revents: 6,
} as const;

// epoll_create1 flag and epoll_ctl operations.
export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLL_URING_WAKE = 0x8000000;

// epoll events and input flags.
export const EPOLLIN = 0x1;
export const EPOLLPRI = 0x2;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLNVAL = 0x20;
export const EPOLLRDNORM = 0x40;
export const EPOLLRDBAND = 0x80;
export const EPOLLWRNORM = 0x100;
export const EPOLLWRBAND = 0x200;
export const EPOLLMSG = 0x400;
export const EPOLLRDHUP = 0x2000;
export const EPOLLEXCLUSIVE = 0x10000000;
export const EPOLLWAKEUP = 0x20000000;
export const EPOLLONESHOT = 0x40000000;
export const EPOLLET = 0x80000000;

// Busy polling ioctls.
export const EPIOCSPARAMS = 0x40088a01;
export const EPIOCGPARAMS = 0x80088a02;

/** `struct epoll_event`. Packed on x86-64: data is not aligned. */
export const EPOLL_EVENT = {
  SIZE: 12,
  events: 0,
  data: 4,
} as const;

/** `struct epoll_params`. */
export const EPOLL_PARAMS = {
  SIZE: 8,
  busy_poll_usecs: 0,
  busy_poll_budget: 4,
  prefer_busy_poll: 6,
} as const;
