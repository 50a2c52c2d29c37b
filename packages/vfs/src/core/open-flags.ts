import {
  __O_SYNC,
  __O_TMPFILE,
  EINVAL,
  FASYNC,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_DSYNC,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_SYNC,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
} from '@sandbox/abi';
import { MAY_READ, MAY_WRITE } from './permission.js';

/** Every flag open(2) knows; others are ignored by open and openat, refused by openat2. */
export const VALID_OPEN_FLAGS =
  O_ACCMODE |
  O_CREAT |
  O_EXCL |
  O_NOCTTY |
  O_TRUNC |
  O_APPEND |
  O_NONBLOCK |
  O_SYNC |
  O_DSYNC |
  FASYNC |
  O_DIRECT |
  O_LARGEFILE |
  O_DIRECTORY |
  O_NOFOLLOW |
  O_NOATIME |
  O_CLOEXEC |
  O_PATH |
  O_TMPFILE;

/** What O_PATH leaves of the other flags (open(2)). */
export const O_PATH_FLAGS = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;

/**
 * The kernel's own: nobody hears of what is done with the description, as it belongs to somebody who listens.
 * No program can give it.
 */
export const FMODE_NONOTIFY = 0x4000000;

/** Flags that act at open time only and are not part of the description's status. */
export const OPEN_ONLY_FLAGS = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC | FMODE_NONOTIFY;

/** MAY_* an access mode asks for; mode 3 asks for both and permits neither. */
export function accessMask(flags: number): number {
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return MAY_READ;
    case O_WRONLY:
      return MAY_WRITE;
    default:
      return MAY_READ | MAY_WRITE;
  }
}

/**
 * The rules of open(2) on combinations of flags. The flags to use (O_PATH's others stripped, O_DSYNC implied
 * by O_SYNC), or -EINVAL.
 */
export function checkOpenFlags(flags: number): number {
  // O_PATH beats everything else.
  if ((flags & O_PATH) !== 0) return flags & O_PATH_FLAGS;
  if ((flags & (O_CREAT | O_DIRECTORY)) === (O_CREAT | O_DIRECTORY)) return -EINVAL;
  if ((flags & __O_TMPFILE) !== 0) {
    if ((flags & O_DIRECTORY) === 0) return -EINVAL;
    // Mode 3 asks for writing too, and is enough.
    if ((flags & O_ACCMODE) === O_RDONLY) return -EINVAL;
  }
  if ((flags & __O_SYNC) !== 0) flags |= O_DSYNC;
  return flags;
}
