/**
 * Opening files, file descriptor control, and the flags of the *at calls.
 *
 * Mirrors linux/fcntl.h, linux/openat2.h, linux/falloc.h, linux/fadvise.h, linux/close_range.h and
 * linux/fs.h; man 2 open, fcntl, openat2, renameat2, fallocate, splice, preadv2. The F_SEAL_* values are
 * in mman.ts with memfd_create.
 */

// open: access mode and flags.
export const O_ACCMODE = 0o3;
export const O_RDONLY = 0o0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DSYNC = 0o10000;
export const O_DIRECT = 0o40000;
// The kernel's value, which F_GETFL reports; the C library says 0 on x86-64.
export const O_LARGEFILE = 0o100000;
export const O_DIRECTORY = 0o200000;
export const O_NOFOLLOW = 0o400000;
export const O_NOATIME = 0o1000000;
export const O_CLOEXEC = 0o2000000;
export const O_SYNC = 0o4010000;
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20200000;
export const O_NDELAY = O_NONBLOCK;
export const __O_SYNC = 0o4000000;
export const __O_TMPFILE = 0o20000000;
export const FASYNC = 0o20000;

// *at calls: the directory fd that means the working directory, and flags.
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;
export const AT_RECURSIVE = 0x8000;
export const AT_RENAME_NOREPLACE = 0x1;
export const AT_RENAME_EXCHANGE = 0x2;
export const AT_RENAME_WHITEOUT = 0x4;
export const AT_EACCESS = 0x200;
export const AT_REMOVEDIR = 0x200;
export const AT_HANDLE_FID = 0x200;
export const AT_HANDLE_MNT_ID_UNIQUE = 0x1;

// statx: how hard to try for fresh values.
export const AT_STATX_SYNC_TYPE = 0x6000;
export const AT_STATX_SYNC_AS_STAT = 0x0;
export const AT_STATX_FORCE_SYNC = 0x2000;
export const AT_STATX_DONT_SYNC = 0x4000;

// fcntl commands.
export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_GETLK = 5;
export const F_SETLK = 6;
export const F_SETLKW = 7;
export const F_SETOWN = 8;
export const F_GETOWN = 9;
export const F_SETSIG = 10;
export const F_GETSIG = 11;
export const F_SETOWN_EX = 15;
export const F_GETOWN_EX = 16;
export const F_GETOWNER_UIDS = 17;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_OFD_SETLKW = 38;
export const F_LINUX_SPECIFIC_BASE = 1024;
export const F_SETLEASE = 1024;
export const F_GETLEASE = 1025;
export const F_NOTIFY = 1026;
export const F_DUPFD_QUERY = 1027;
export const F_CREATED_QUERY = 1028;
export const F_CANCELLK = 1029;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETPIPE_SZ = 1031;
export const F_GETPIPE_SZ = 1032;
export const F_ADD_SEALS = 1033;
export const F_GET_SEALS = 1034;
export const F_GET_RW_HINT = 1035;
export const F_SET_RW_HINT = 1036;
export const F_GET_FILE_RW_HINT = 1037;
export const F_SET_FILE_RW_HINT = 1038;

// F_SETFD flag.
export const FD_CLOEXEC = 1;

// F_SETOWN_EX owner types.
export const F_OWNER_TID = 0;
export const F_OWNER_PID = 1;
export const F_OWNER_PGRP = 2;

// Record lock types.
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
export const F_EXLCK = 4;
export const F_SHLCK = 8;

// Write life time hints.
export const RWH_WRITE_LIFE_NONE = 1;
export const RWH_WRITE_LIFE_SHORT = 2;
export const RWH_WRITE_LIFE_MEDIUM = 3;
export const RWH_WRITE_LIFE_LONG = 4;
export const RWH_WRITE_LIFE_EXTREME = 5;
export const RWF_WRITE_LIFE_NOT_SET = 0;

// F_NOTIFY events.
export const DN_ACCESS = 0x1;
export const DN_MODIFY = 0x2;
export const DN_CREATE = 0x4;
export const DN_DELETE = 0x8;
export const DN_RENAME = 0x10;
export const DN_ATTRIB = 0x20;
export const DN_MULTISHOT = 0x80000000;

// flock operations. LOCK_MAND and its modes no longer have any effect.
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
export const LOCK_MAND = 32;
export const LOCK_READ = 64;
export const LOCK_WRITE = 128;
export const LOCK_RW = 192;

// lseek.
export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;
export const SEEK_MAX = SEEK_HOLE;

// renameat2.
export const RENAME_NOREPLACE = 0x1;
export const RENAME_EXCHANGE = 0x2;
export const RENAME_WHITEOUT = 0x4;

// fallocate.
export const FALLOC_FL_ALLOCATE_RANGE = 0x0;
export const FALLOC_FL_KEEP_SIZE = 0x1;
export const FALLOC_FL_PUNCH_HOLE = 0x2;
export const FALLOC_FL_NO_HIDE_STALE = 0x4;
export const FALLOC_FL_COLLAPSE_RANGE = 0x8;
export const FALLOC_FL_ZERO_RANGE = 0x10;
export const FALLOC_FL_INSERT_RANGE = 0x20;
export const FALLOC_FL_UNSHARE_RANGE = 0x40;

// openat2.
export const RESOLVE_NO_XDEV = 0x1;
export const RESOLVE_NO_MAGICLINKS = 0x2;
export const RESOLVE_NO_SYMLINKS = 0x4;
export const RESOLVE_BENEATH = 0x8;
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_CACHED = 0x20;

// close_range.
export const CLOSE_RANGE_UNSHARE = 0x2;
export const CLOSE_RANGE_CLOEXEC = 0x4;

// fadvise64 advice.
export const POSIX_FADV_NORMAL = 0;
export const POSIX_FADV_RANDOM = 1;
export const POSIX_FADV_SEQUENTIAL = 2;
export const POSIX_FADV_WILLNEED = 3;
export const POSIX_FADV_DONTNEED = 4;
export const POSIX_FADV_NOREUSE = 5;

// preadv2 and pwritev2.
export const RWF_HIPRI = 0x1;
export const RWF_DSYNC = 0x2;
export const RWF_SYNC = 0x4;
export const RWF_NOWAIT = 0x8;
export const RWF_APPEND = 0x10;
export const RWF_NOAPPEND = 0x20;
export const RWF_ATOMIC = 0x40;
export const RWF_SUPPORTED = 0x7f;

// sync_file_range.
export const SYNC_FILE_RANGE_WAIT_BEFORE = 1;
export const SYNC_FILE_RANGE_WRITE = 2;
export const SYNC_FILE_RANGE_WAIT_AFTER = 4;
export const SYNC_FILE_RANGE_WRITE_AND_WAIT = 7;

/** `struct flock`. Argument of F_GETLK, F_SETLK, F_SETLKW and the F_OFD_* forms. */
export const FLOCK = {
  SIZE: 32,
  l_type: 0,
  l_whence: 2,
  l_start: 8,
  l_len: 16,
  l_pid: 24,
} as const;

/** `struct f_owner_ex`. */
export const F_OWNER_EX = {
  SIZE: 8,
  type: 0,
  pid: 4,
} as const;

/** `struct open_how`. Extensible: openat2 takes its size. */
export const OPEN_HOW = {
  SIZE: 24,
  flags: 0,
  mode: 8,
  resolve: 16,
} as const;

// splice, vmsplice and tee.
export const SPLICE_F_MOVE = 1;
export const SPLICE_F_NONBLOCK = 2;
export const SPLICE_F_MORE = 4;
export const SPLICE_F_GIFT = 8;

// name_to_handle_at: the most bytes a handle can hold.
export const MAX_HANDLE_SZ = 128;

/** `struct file_handle`. SIZE is the header; handle_bytes of data follow at f_handle. */
export const FILE_HANDLE = {
  SIZE: 8,
  handle_bytes: 0,
  handle_type: 4,
  f_handle: 8,
} as const;

// lockf operations of the C library.
export const F_ULOCK = 0;
export const F_LOCK = 1;
export const F_TLOCK = 2;
export const F_TEST = 3;

// access modes; F_OK tests existence only.
export const F_OK = 0;
export const X_OK = 1;
export const W_OK = 2;
export const R_OK = 4;
