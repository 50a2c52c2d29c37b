/**
 * Host files. All functions return a count, a descriptor or 0, or -errno. Names and targets are byte strings
 * (each unit is one byte). Nothing here decides what may be reached: callers pass single names and their own
 * flags.
 *
 * Results larger than a word are left in fixed buffers (`statxWords`, `direntBytes`, ...) until the next call
 * of the same kind: read them at once.
 */
import {
  ENAMETOOLONG,
  O_ACCMODE,
  O_CREAT,
  O_TRUNC,
  OPEN_HOW,
  SIG_SETMASK,
  STATX_BASIC_STATS,
  STATX_BTIME,
  SYS_fallocate,
  SYS_fchmodat,
  SYS_fchownat,
  SYS_fdatasync,
  SYS_fstatfs,
  SYS_fsync,
  SYS_ftruncate,
  SYS_getdents64,
  SYS_getegid,
  SYS_geteuid,
  SYS_getxattr,
  SYS_lgetxattr,
  SYS_linkat,
  SYS_listxattr,
  SYS_lseek,
  SYS_mkdirat,
  SYS_mknodat,
  SYS_openat,
  SYS_openat2,
  SYS_pread64,
  SYS_pwrite64,
  SYS_readlinkat,
  SYS_removexattr,
  SYS_renameat2,
  SYS_rt_sigprocmask,
  SYS_setxattr,
  SYS_statx,
  SYS_symlinkat,
  SYS_syncfs,
  SYS_unlinkat,
  SYS_utimensat,
} from '@sandbox/abi';
import { allocatePages, hostSyscall, hostSyscall3, viewOf } from './ffi.host.js';

const PATH_ROOM = 8192;
const STATX_ROOM = 4096;
/** Bytes of one getdents64 call. */
const DIRENT_ROOM = 65536;
/** XATTR_SIZE_MAX and XATTR_LIST_MAX. */
const VALUE_ROOM = 65536;
/** Bytes of the bounce buffer for file content whose other side has no host address. */
export const TRANSFER_SIZE = 262144;

const base = allocatePages(2 * PATH_ROOM + STATX_ROOM + DIRENT_ROOM + VALUE_ROOM + TRANSFER_SIZE + 4096);
const PATH_A = base;
const PATH_B = base + PATH_ROOM;
const STATX_AT = PATH_B + PATH_ROOM;
const DIRENTS_AT = STATX_AT + STATX_ROOM;
const VALUE_AT = DIRENTS_AT + DIRENT_ROOM;
export const transferAddress: number = VALUE_AT + VALUE_ROOM;
/** Signal masks: all ones, and what was set before. */
const ALL_SIGNALS = transferAddress + TRANSFER_SIZE;
const OLD_SIGNALS = ALL_SIGNALS + 8;
new Uint8Array(viewOf(ALL_SIGNALS, 8)).fill(255);

const pathBytes = Buffer.from(viewOf(PATH_A, 2 * PATH_ROOM));
const structWords = new Uint32Array(viewOf(STATX_AT, STATX_ROOM));
/** `struct statx` of the last `hostStatx`, as little-endian words: index is the byte offset / 4. */
export const statxWords: Uint32Array = structWords.subarray(0, 64);
/** `struct statfs` of the last `hostFstatfs`. */
export const statfsWords: Uint32Array = structWords.subarray(64, 96);
const HOW_WORD = 128;
const TIMES_WORD = 160;
/** Records of the last `hostGetdents`. */
export const direntBytes: Buffer = Buffer.from(viewOf(DIRENTS_AT, DIRENT_ROOM));
/** Result of the last `hostGetxattr` and `hostListxattr`. */
export const xattrBytes: Buffer = Buffer.from(viewOf(VALUE_AT, VALUE_ROOM));
/** The bounce buffer at `transferAddress`. */
export const transferBytes = new Uint8Array(viewOf(transferAddress, TRANSFER_SIZE));

/** Store `s` with a NUL; 0 when it does not fit (no host path is that long either). */
function putPath(s: string, at: number): number {
  const n = s.length;
  if (n >= PATH_ROOM) return 0;
  const offset = at - PATH_A;
  if (n < 24) for (let i = 0; i < n; i++) pathBytes[offset + i] = s.charCodeAt(i);
  else pathBytes.write(s, offset, n, 'latin1');
  pathBytes[offset + n] = 0;
  return at;
}

/**
 * Calls that change files, with signals held back. The slices of this thread end by one every millisecond,
 * and some file systems break off when any is due (overlayfs while it copies a file up, ext4 while it
 * allocates): they answer EINTR, which no guest has asked for, or the host begins anew each time and never
 * ends.
 */
function undisturbed(nr: number, a: number, b = 0, c = 0, d = 0, e = 0): number {
  hostSyscall(SYS_rt_sigprocmask, SIG_SETMASK, ALL_SIGNALS, OLD_SIGNALS, 8);
  const r = hostSyscall(nr, a, b, c, d, e);
  hostSyscall(SYS_rt_sigprocmask, SIG_SETMASK, OLD_SIGNALS, 0, 8);
  return r;
}

/** Does opening with these flags change anything? */
const opensForChange = (flags: number): boolean => (flags & (O_ACCMODE | O_CREAT | O_TRUNC)) !== 0;

export function hostOpenat(dir: number, path: string, flags: number, mode: number): number {
  const at = putPath(path, PATH_A);
  if (at === 0) return -ENAMETOOLONG;
  return opensForChange(flags)
    ? undisturbed(SYS_openat, dir, at, flags, mode)
    : hostSyscall(SYS_openat, dir, at, flags, mode);
}

/** openat2(2). -ENOSYS on old kernels and under seccomp filters that do not know it (some answer -EPERM). */
export function hostOpenat2(dir: number, path: string, flags: number, resolve: number): number {
  const at = putPath(path, PATH_A);
  if (at === 0) return -ENAMETOOLONG;
  structWords[HOW_WORD] = flags;
  for (let i = 1; i < 6; i++) structWords[HOW_WORD + i] = 0;
  structWords[HOW_WORD + OPEN_HOW.resolve / 4] = resolve;
  const how = STATX_AT + HOW_WORD * 4;
  return opensForChange(flags)
    ? undisturbed(SYS_openat2, dir, at, how, OPEN_HOW.SIZE)
    : hostSyscall(SYS_openat2, dir, at, how, OPEN_HOW.SIZE);
}

/** statx(2) of `path` in `dir` (or of `dir` itself with AT_EMPTY_PATH) into `statxWords`. */
export function hostStatx(dir: number, path: string, flags: number): number {
  const at = putPath(path, PATH_A);
  if (at === 0) return -ENAMETOOLONG;
  return hostSyscall(SYS_statx, dir, at, flags, STATX_BASIC_STATS | STATX_BTIME, STATX_AT);
}

/** Bytes of `struct linux_dirent64` records now in `direntBytes`; 0 at the end. */
export function hostGetdents(fd: number): number {
  return hostSyscall3(SYS_getdents64, fd, DIRENTS_AT, DIRENT_ROOM);
}

/** The target of a symbolic link as a byte string, or -errno. */
export function hostReadlinkat(dir: number, path: string): string | number {
  const at = putPath(path, PATH_A);
  if (at === 0) return -ENAMETOOLONG;
  const n = hostSyscall(SYS_readlinkat, dir, at, PATH_B, PATH_ROOM);
  return n < 0 ? n : pathBytes.toString('latin1', PATH_ROOM, PATH_ROOM + n);
}

export function hostPread(fd: number, address: number, length: number, offset: number): number {
  return hostSyscall(SYS_pread64, fd, address, length, offset);
}
export function hostPwrite(fd: number, address: number, length: number, offset: number): number {
  return hostSyscall(SYS_pwrite64, fd, address, length, offset);
}
export function hostLseek(fd: number, offset: number, whence: number): number {
  return hostSyscall3(SYS_lseek, fd, offset, whence);
}
export function hostFsync(fd: number, dataOnly: boolean): number {
  return undisturbed(dataOnly ? SYS_fdatasync : SYS_fsync, fd);
}
export function hostSyncfs(fd: number): number {
  return undisturbed(SYS_syncfs, fd);
}
export function hostFallocate(fd: number, mode: number, offset: number, length: number): number {
  return undisturbed(SYS_fallocate, fd, mode, offset, length);
}
export function hostTruncate(fd: number, length: number): number {
  return undisturbed(SYS_ftruncate, fd, length);
}

export function hostMkdirat(dir: number, name: string, mode: number): number {
  const at = putPath(name, PATH_A);
  return at === 0 ? -ENAMETOOLONG : undisturbed(SYS_mkdirat, dir, at, mode);
}
export function hostMknodat(dir: number, name: string, mode: number, dev: number): number {
  const at = putPath(name, PATH_A);
  return at === 0 ? -ENAMETOOLONG : undisturbed(SYS_mknodat, dir, at, mode, dev);
}
export function hostUnlinkat(dir: number, name: string, flags: number): number {
  const at = putPath(name, PATH_A);
  return at === 0 ? -ENAMETOOLONG : undisturbed(SYS_unlinkat, dir, at, flags);
}
export function hostSymlinkat(target: string, dir: number, name: string): number {
  const from = putPath(target, PATH_A);
  const at = putPath(name, PATH_B);
  return at === 0 || from === 0 ? -ENAMETOOLONG : undisturbed(SYS_symlinkat, from, dir, at);
}
export function hostLinkat(
  dir: number,
  name: string,
  newDir: number,
  newName: string,
  flags: number,
): number {
  const from = putPath(name, PATH_A);
  const to = putPath(newName, PATH_B);
  if (from === 0 || to === 0) return -ENAMETOOLONG;
  return undisturbed(SYS_linkat, dir, from, newDir, to, flags);
}
export function hostRenameat2(
  dir: number,
  name: string,
  newDir: number,
  newName: string,
  flags: number,
): number {
  const from = putPath(name, PATH_A);
  const to = putPath(newName, PATH_B);
  if (from === 0 || to === 0) return -ENAMETOOLONG;
  return undisturbed(SYS_renameat2, dir, from, newDir, to, flags);
}

export function hostFchownat(dir: number, name: string, uid: number, gid: number, flags: number): number {
  const at = putPath(name, PATH_A);
  return at === 0 ? -ENAMETOOLONG : undisturbed(SYS_fchownat, dir, at, uid, gid, flags);
}
/** fchmodat(2): the system call without flags, which follows a final symbolic link. */
export function hostFchmodat(dir: number, name: string, mode: number): number {
  const at = putPath(name, PATH_A);
  return at === 0 ? -ENAMETOOLONG : undisturbed(SYS_fchmodat, dir, at, mode);
}
/** utimensat(2); the nanoseconds may be UTIME_NOW and UTIME_OMIT. */
export function hostUtimensat(
  dir: number,
  name: string,
  atimeSec: number,
  atimeNsec: number,
  mtimeSec: number,
  mtimeNsec: number,
  flags: number,
): number {
  const at = putPath(name, PATH_A);
  if (at === 0) return -ENAMETOOLONG;
  putTimespec(TIMES_WORD, atimeSec, atimeNsec);
  putTimespec(TIMES_WORD + 4, mtimeSec, mtimeNsec);
  return undisturbed(SYS_utimensat, dir, at, STATX_AT + TIMES_WORD * 4, flags);
}
function putTimespec(word: number, sec: number, nsec: number): void {
  structWords[word] = sec;
  structWords[word + 1] = Math.floor(sec / 4294967296);
  structWords[word + 2] = nsec;
  structWords[word + 3] = 0;
}

/** fstatfs(2) into `statfsWords`. */
export function hostFstatfs(fd: number): number {
  return hostSyscall3(SYS_fstatfs, fd, STATX_AT + 256, 0);
}

/**
 * getxattr(2): length of the value now in `xattrBytes`. `path` follows symbolic links; use /proc/self/fd/N.
 */
export function hostGetxattr(path: string, name: string): number {
  const at = putPath(path, PATH_A);
  const nameAt = putPath(name, PATH_B);
  if (at === 0 || nameAt === 0) return -ENAMETOOLONG;
  return hostSyscall(SYS_getxattr, at, nameAt, VALUE_AT, VALUE_ROOM);
}
/** lgetxattr(2): the same of a symbolic link itself. */
export function hostLgetxattr(path: string, name: string): number {
  const at = putPath(path, PATH_A);
  const nameAt = putPath(name, PATH_B);
  if (at === 0 || nameAt === 0) return -ENAMETOOLONG;
  return hostSyscall(SYS_lgetxattr, at, nameAt, VALUE_AT, VALUE_ROOM);
}
export function hostSetxattr(path: string, name: string, value: Uint8Array, flags: number): number {
  const at = putPath(path, PATH_A);
  const nameAt = putPath(name, PATH_B);
  if (at === 0 || nameAt === 0 || value.length > VALUE_ROOM) return -ENAMETOOLONG;
  xattrBytes.set(value);
  return undisturbed(SYS_setxattr, at, nameAt, VALUE_AT, value.length, flags);
}
export function hostListxattr(path: string): number {
  const at = putPath(path, PATH_A);
  return at === 0 ? -ENAMETOOLONG : hostSyscall(SYS_listxattr, at, VALUE_AT, VALUE_ROOM);
}
export function hostRemovexattr(path: string, name: string): number {
  const at = putPath(path, PATH_A);
  const nameAt = putPath(name, PATH_B);
  return at === 0 || nameAt === 0 ? -ENAMETOOLONG : undisturbed(SYS_removexattr, at, nameAt);
}

export function hostEffectiveUid(): number {
  return hostSyscall3(SYS_geteuid, 0, 0, 0);
}
export function hostEffectiveGid(): number {
  return hostSyscall3(SYS_getegid, 0, 0, 0);
}
