import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  CAP_DAC_READ_SEARCH,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  EXDEV,
  SYS_link,
  SYS_linkat,
  SYS_readlink,
  SYS_readlinkat,
  SYS_symlink,
  SYS_symlinkat,
} from '@sandbox/abi';
import { LOOKUP_EMPTY, LOOKUP_FOLLOW } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { startOf } from './paths.js';

function readlinkAt(t: Task, dirfd: number, pathAddr: number, bufAddr: number, size: number): number {
  if (size <= 0) return -EINVAL;
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  let at = startOf(t, dirfd, path);
  // An empty path reads the link that an O_PATH|O_NOFOLLOW descriptor refers to.
  if (path.length === 0 && dirfd !== AT_FDCWD) {
    const file = t.files.get(dirfd);
    if (file === null) return -EBADF;
    // A pipe, a socket: no link.
    at = file.path ?? -ENOENT;
  }
  if (typeof at === 'number') return at;
  const target = t.kernel.vfs.readlink(
    t.fs,
    t.cred,
    at,
    path,
    path.length === 0 && at !== null ? LOOKUP_EMPTY : 0,
  );
  if (typeof target === 'number') return target;
  const n = Math.min(target.length, size, t.kernel.scratch.length);
  const out = t.kernel.scratch;
  for (let i = 0; i < n; i++) out[i] = target.charCodeAt(i);
  return t.mm.copyOut(bufAddr, out, 0, n) || n;
}

/** readlink(2) */
function sysReadlink(t: Task, a: SyscallArgs): number {
  return readlinkAt(t, AT_FDCWD, a.u64(0), a.u64(1), a.i32(2));
}

/** readlinkat(2) */
function sysReadlinkat(t: Task, a: SyscallArgs): number {
  return readlinkAt(t, a.i32(0), a.u64(1), a.u64(2), a.i32(3));
}

function symlinkAt(t: Task, targetAddr: number, dirfd: number, pathAddr: number): number {
  const target = t.mm.readPath(targetAddr);
  if (typeof target === 'number') return target;
  if (target.length === 0) return -ENOENT;
  const path = t.mm.readPath(pathAddr);
  if (typeof path === 'number') return path;
  const at = startOf(t, dirfd, path);
  return typeof at === 'number' ? at : t.kernel.vfs.symlink(t.fs, t.cred, target, at, path);
}

/** symlink(2) */
function sysSymlink(t: Task, a: SyscallArgs): number {
  return symlinkAt(t, a.u64(0), AT_FDCWD, a.u64(1));
}

/** symlinkat(2) */
function sysSymlinkat(t: Task, a: SyscallArgs): number {
  return symlinkAt(t, a.u64(0), a.i32(1), a.u64(2));
}

/**
 * A pipe, a socket, a memory file lies on a mount of the kernel's own: whatever can be said against the new
 * name comes first.
 */
function linkAnonymous(t: Task, newFd: number, newPath: string): number {
  const at = startOf(t, newFd, newPath);
  if (typeof at === 'number') return at;
  const there = t.kernel.vfs.resolve(t.fs, t.cred, at, newPath, 0);
  if (typeof there !== 'number') return -EEXIST;
  return there === -ENOENT ? t.kernel.vfs.walkParent(t.fs, t.cred, at, newPath) || -EXDEV : there;
}

function linkAt(
  t: Task,
  oldFd: number,
  oldAddr: number,
  newFd: number,
  newAddr: number,
  flags: number,
): number {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const oldPath = t.mm.readPath(oldAddr);
  if (typeof oldPath === 'number') return oldPath;
  const newPath = t.mm.readPath(newAddr);
  if (typeof newPath === 'number') return newPath;
  let oldAt = startOf(t, oldFd, oldPath);
  let lookup = (flags & AT_SYMLINK_FOLLOW) !== 0 ? LOOKUP_FOLLOW : 0;
  if (oldPath.length === 0 && (flags & AT_EMPTY_PATH) !== 0) {
    lookup |= LOOKUP_EMPTY;
    if (oldFd !== AT_FDCWD) {
      const file = t.files.get(oldFd);
      if (file === null) return -EBADF;
      // Naming a file by a descriptor passed from elsewhere takes a capability; one's own opening is enough.
      if (file.cred !== t.cred && !t.cred.capable(CAP_DAC_READ_SEARCH)) return -ENOENT;
      if (file.path === null) return linkAnonymous(t, newFd, newPath);
      oldAt = file.path;
    }
  }
  if (typeof oldAt === 'number') return oldAt;
  const newAt = startOf(t, newFd, newPath);
  if (typeof newAt === 'number') {
    // The old path is walked before the new one's descriptor is looked at.
    const old = t.kernel.vfs.resolve(t.fs, t.cred, oldAt, oldPath, lookup);
    return typeof old === 'number' ? old : newAt;
  }
  return t.kernel.vfs.link(t.fs, t.cred, oldAt, oldPath, lookup, newAt, newPath);
}

/** link(2) */
function sysLink(t: Task, a: SyscallArgs): number {
  return linkAt(t, AT_FDCWD, a.u64(0), AT_FDCWD, a.u64(1), 0);
}

/** linkat(2) */
function sysLinkat(t: Task, a: SyscallArgs): number {
  return linkAt(t, a.i32(0), a.u64(1), a.i32(2), a.u64(3), a.i32(4));
}

export const rows = [
  row(SYS_link, 'link', sysLink, ['path', 'path']),
  row(SYS_linkat, 'linkat', sysLinkat, [
    'dirfd',
    'path',
    'dirfd',
    'path',
    { flags: { AT_SYMLINK_FOLLOW, AT_EMPTY_PATH } },
  ]),
  row(SYS_symlink, 'symlink', sysSymlink, ['path', 'path']),
  row(SYS_symlinkat, 'symlinkat', sysSymlinkat, ['path', 'dirfd', 'path']),
  row(SYS_readlink, 'readlink', sysReadlink, ['path', 'outbuf', 'size']),
  row(SYS_readlinkat, 'readlinkat', sysReadlinkat, ['dirfd', 'path', 'outbuf', 'size']),
];
