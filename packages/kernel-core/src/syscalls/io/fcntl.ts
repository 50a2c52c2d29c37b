import {
  CAP_FOWNER,
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
  EBADF,
  EFAULT,
  EINVAL,
  EPERM,
  F_ADD_SEALS,
  F_CREATED_QUERY,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_DUPFD_QUERY,
  F_GET_RW_HINT,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETLEASE,
  F_GETLK,
  F_GETOWN,
  F_GETOWN_EX,
  F_GETOWNER_UIDS,
  F_GETPIPE_SZ,
  F_GETSIG,
  F_NOTIFY,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_SET_RW_HINT,
  F_SETFD,
  F_SETFL,
  F_SETLEASE,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_SETOWN_EX,
  F_SETPIPE_SZ,
  F_SETSIG,
  FASYNC,
  FD_CLOEXEC,
  O_APPEND,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
  O_PATH,
  RLIMIT_NOFILE,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
  SYS_fcntl,
} from '@sandbox/abi';
import { type File, type Inode, ownerOrCapable } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { anyFileOf } from '../../files/io/files.js';
import { setAsync } from '../../files/locks/fasync.js';
import { getLease, setLease } from '../../files/locks/leases.js';
import { fcntlLock } from '../../files/locks/locks.js';
import { fcntlSeals } from '../../files/memory/memfd.js';
import { notifyDirectory } from '../../files/notify/dnotify.js';
import { PipeFile } from '../../files/pipe/pipe-file.js';
import type { Task } from '../../process/task/task.js';
import { dupTo } from './close.js';
import { getOwn, getOwnEx, getOwnerUids, getSig, setOwn, setOwnEx, setSig } from './fcntl-owner.js';

/** What F_SETFL changes; other bits of its argument are ignored. */
const SETFL_MASK = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

/** fcntl(2) */
function sysFcntl(t: Task, a: SyscallArgs): number {
  const fd = a.i32(0);
  const file = anyFileOf(t, fd);
  if (file === null) return -EBADF;
  const cmd = a.u32(1);
  switch (cmd) {
    case F_GETFD:
      return t.files.getCloexec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      t.files.setCloexec(fd, (a.u32(2) & FD_CLOEXEC) !== 0);
      return 0;
    case F_GETFL:
      return file.flags;
    case F_DUPFD:
      return dupFrom(t, fd, a.u64(2), false);
    case F_DUPFD_CLOEXEC:
      return dupFrom(t, fd, a.u64(2), true);
    case F_CREATED_QUERY:
      return file.created ? 1 : 0;
    case F_DUPFD_QUERY: {
      const other = t.files.get(a.i32(2));
      return other === null ? -EBADF : other === file ? 1 : 0;
    }
    default:
      // The others touch more than the descriptor.
      return (file.flags & O_PATH) !== 0 ? -EBADF : fcntlFile(t, a, fd, file, cmd);
  }
}

function dupFrom(t: Task, fd: number, min: number, cloexec: boolean): number {
  const limit = t.group.limits.soft[RLIMIT_NOFILE];
  return min >= limit ? -EINVAL : dupTo(t.files, fd, min, cloexec, limit);
}

function fcntlFile(t: Task, a: SyscallArgs, fd: number, file: File, cmd: number): number {
  switch (cmd) {
    case F_SETFL:
      return setFlags(t, fd, file, a.u32(2));
    case F_SETOWN:
      return setOwn(t, file, a.i32(2));
    case F_GETOWN:
      return getOwn(file);
    case F_SETOWN_EX:
      return setOwnEx(t, file, a.u64(2));
    case F_GETOWN_EX:
      return getOwnEx(t, file, a.u64(2));
    case F_GETOWNER_UIDS:
      return getOwnerUids(t, file, a.u64(2));
    case F_SETSIG:
      return setSig(file, a.i32(2));
    case F_GETSIG:
      return getSig(file);
    case F_SETPIPE_SZ:
      return setPipeSize(t, file, a.u64(2));
    case F_GETPIPE_SZ:
      return file instanceof PipeFile ? file.pipe.capacity : -EBADF;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      return fcntlLock(t, file, cmd, a.u64(2));
    case F_GETLEASE:
      return getLease(file);
    case F_SETLEASE:
      return setLease(t, fd, file, a.i32(2));
    case F_GET_RW_HINT:
      return t.mm.store64(a.u64(2), writeHints.get(file.inode) ?? 0) < 0 ? -EFAULT : 0;
    case F_SET_RW_HINT:
      return setWriteHint(t, file, a.u64(2));
    case F_NOTIFY:
      return notifyDirectory(t, file, fd, a.u32(2));
    case F_ADD_SEALS:
    case F_GET_SEALS:
      return fcntlSeals(file, cmd, a.u32(2));
    default:
      return -EINVAL;
  }
}

/**
 * F_SET_RW_HINT: how long what is written is expected to live. Remembered for F_GET_RW_HINT; nothing here
 * goes by it.
 */
const writeHints = new WeakMap<Inode, number>();
const RWH_WRITE_LIFE_EXTREME = 5;

function setWriteHint(t: Task, file: File, addr: number): number {
  const cred = file.path === null ? t.cred : file.path.mount.credentials(t.cred);
  if (!ownerOrCapable(file.inode, cred)) return -EPERM;
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, 8) !== 0) return -EFAULT;
  const hint = scratchView.getUint32(0, true);
  if (hint > RWH_WRITE_LIFE_EXTREME || scratchView.getUint32(4, true) !== 0) return -EINVAL;
  writeHints.set(file.inode, hint);
  return 0;
}

function setPipeSize(t: Task, file: File, size: number): number {
  if (!(file instanceof PipeFile)) return -EBADF;
  return file.pipe.resize(size, t.cred.capable(CAP_SYS_RESOURCE) || t.cred.capable(CAP_SYS_ADMIN));
}

/** F_SETFL (Linux: setfl). */
export function setFlags(t: Task, fd: number, file: File, flags: number): number {
  const type = file.inode.type;
  if ((flags & O_NOATIME) !== 0 && (file.flags & O_NOATIME) === 0) {
    if (t.cred.fsuid !== file.inode.uid && !t.cred.capable(CAP_FOWNER)) return -EPERM;
  }
  // On pipes O_DIRECT means packets; elsewhere only regular files take it.
  if ((flags & O_DIRECT) !== 0 && (file.flags & O_DIRECT) === 0 && type !== S_IFIFO && type !== S_IFREG)
    return -EINVAL;
  const r = file.setFlags((flags & SETFL_MASK) | (file.flags & ~SETFL_MASK));
  if (r < 0) return r;
  if (((flags ^ file.flags) & FASYNC) !== 0 && hasAsync(file))
    applyAsync(t, fd, file, (flags & FASYNC) !== 0);
  file.flags = (flags & SETFL_MASK) | (file.flags & ~SETFL_MASK);
  return 0;
}

/** Kinds that can signal their owner (Linux: those with a fasync operation). */
export function hasAsync(file: File): boolean {
  const type = file.inode.type;
  return file.waitQueue !== null && (type === S_IFIFO || type === S_IFSOCK || type === S_IFCHR);
}

export function applyAsync(t: Task, fd: number, file: File, on: boolean): void {
  setAsync(t.kernel, file, fd, on);
  file.flags = on ? file.flags | FASYNC : file.flags & ~FASYNC;
}

export const rows = [row(SYS_fcntl, 'fcntl', sysFcntl, ['fd', 'int', 'ulong'])];
