import {
  AF_INET,
  EACCES,
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EISDIR,
  ENOTTY,
  EOPNOTSUPP,
  ERESTARTNOINTR,
  EXDEV,
  FASYNC,
  FICLONE,
  FICLONERANGE,
  FIDEDUPERANGE,
  FIFREEZE,
  FIGETBSZ,
  FIOASYNC,
  FIOCLEX,
  FIOGETOWN,
  FIONBIO,
  FIONCLEX,
  FIONREAD,
  FIOQSIZE,
  FIOSETOWN,
  FITHAW,
  FS_IOC_FIEMAP,
  FS_IOC_GETFSSYSFSPATH,
  FS_IOC_GETFSUUID,
  O_APPEND,
  O_NONBLOCK,
  O_PATH,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  SIOCGPGRP,
  SIOCSPGRP,
  SYS_ioctl,
} from '@sandbox/abi';
import { type File, WITHHELD_IOCTL } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf, mayRead, mayWrite } from '../../files/io/files.js';
import { copyOutInt } from '../../files/pipe/pipe-file.js';
import { SocketFile } from '../../files/socket/socket-file.js';
import { ALL_EVENTS } from '../../process/files/events.js';
import { isDevice } from '../../process/landlock/domain.js';
import { NETWORK_READY } from '../../process/ns/network-loader.js';
import type { Task } from '../../process/task/task.js';
import { applyAsync, hasAsync } from './fcntl.js';
import { getOwn, ioctlSetOwn } from './fcntl-owner.js';

/** ioctl(2): what concerns any file here (Linux: do_vfs_ioctl), the rest is the file's. */
function sysIoctl(t: Task, a: SyscallArgs): number {
  const fd = a.i32(0);
  const file = fileOf(t, fd);
  if (file === null) return -EBADF;
  const cmd = a.u32(1);
  if ((file.withheld & WITHHELD_IOCTL) !== 0 && !HARMLESS.has(cmd) && isDevice(file.inode)) return -EACCES;
  switch (cmd) {
    case FIOCLEX:
      t.files.setCloexec(fd, true);
      return 0;
    case FIONCLEX:
      t.files.setCloexec(fd, false);
      return 0;
    case FIONBIO:
      return setNonblocking(t, file, a.u64(2));
    case FIOASYNC:
      return setAsyncFlag(t, fd, file, a.u64(2));
    case FIOQSIZE:
      return querySize(t, file, a.u64(2));
    case FIGETBSZ:
      return copyOutInt(t, a.u64(2), file.inode.blksize);
    case FICLONE:
      return clone(t, file, a.i32(2));
    case FIONREAD:
      if (file.inode.isRegular) return copyOutInt(t, a.u64(2), file.inode.size - file.pos);
      return file.ioctl(cmd, a.u64(2), t);
    case FIOSETOWN:
    case SIOCSPGRP:
      return file instanceof SocketFile
        ? ioctlSetOwn(t, file, a.u64(2))
        : driverIoctl(t, file, cmd, a.u64(2));
    case FIOGETOWN:
    case SIOCGPGRP:
      return file instanceof SocketFile
        ? copyOutInt(t, a.u64(2), getOwn(file))
        : driverIoctl(t, file, cmd, a.u64(2));
    default:
      if (cmd >= SOCKET_IOCTLS && cmd < SOCKET_IOCTLS_END && file instanceof SocketFile) {
        const queue = file.netns?.network.pendingFor(AF_INET);
        if (queue) return t.sleep(queue, NETWORK_READY, -ERESTARTNOINTR);
      }
      return driverIoctl(t, file, cmd, a.u64(2));
  }
}

/**
 * What no policy keeps from a device: these concern the description or the file system, not the driver
 * (is_masked_device_ioctl).
 */
const HARMLESS: ReadonlySet<number> = new Set([
  ...[FIOCLEX, FIONCLEX, FIONBIO, FIOASYNC, FIOQSIZE, FIGETBSZ],
  ...[
    FICLONE,
    FICLONERANGE,
    FIDEDUPERANGE,
    FIFREEZE,
    FITHAW,
    FS_IOC_FIEMAP,
    FS_IOC_GETFSUUID,
    FS_IOC_GETFSSYSFSPATH,
  ],
]);

function driverIoctl(t: Task, file: File, cmd: number, arg: number): number {
  const r = file.ioctl(cmd, arg, t);
  if (r !== -EAGAIN || !file.ioctlWaits) return r;
  // Drivers of an embedder's (jsfs) may have to wait for their answer.
  t.wait.holdFile(file);
  return t.sleep(file.waitQueue, ALL_EVENTS);
}

/**
 * Numbers of ioctls about interfaces and routes, which a socket of any family takes and the network answers.
 */
const SOCKET_IOCTLS = 0x890b;
const SOCKET_IOCTLS_END = 0x8a00;

function setNonblocking(t: Task, file: File, addr: number): number {
  const on = t.mm.load32(addr);
  if (on < 0) return -EFAULT;
  const flags = on !== 0 ? file.flags | O_NONBLOCK : file.flags & ~O_NONBLOCK;
  file.setFlags(flags);
  file.flags = flags;
  return 0;
}

function setAsyncFlag(t: Task, fd: number, file: File, addr: number): number {
  const value = t.mm.load32(addr);
  if (value < 0) return -EFAULT;
  const on = value !== 0;
  if (on === ((file.flags & FASYNC) !== 0)) return 0;
  if (!hasAsync(file)) return -ENOTTY;
  applyAsync(t, fd, file, on);
  return 0;
}

/**
 * ioctl_ficlonerange(2): no file system here shares blocks between files, which is found out after all else
 * that may be wrong.
 */
function clone(t: Task, to: File, fd: number): number {
  const from = t.files.get(fd);
  if (from === null || (from.flags & O_PATH) !== 0) return -EBADF;
  if (from.inode.fs !== to.inode.fs) return -EXDEV;
  if (from.inode.isDirectory || to.inode.isDirectory) return -EISDIR;
  if (!from.inode.isRegular || !to.inode.isRegular) return -EINVAL;
  if (!mayRead(from.flags) || !mayWrite(to.flags) || (to.flags & O_APPEND) !== 0) return -EBADF;
  return -EOPNOTSUPP;
}

function querySize(t: Task, file: File, addr: number): number {
  const type = file.inode.type;
  if (type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK) return -ENOTTY;
  return t.mm.store64(addr, file.inode.size) < 0 ? -EFAULT : 0;
}

export const rows = [
  row(SYS_ioctl, 'ioctl', sysIoctl, ['fd', 'uint', 'ulong'], {
    support: 'partial',
    note: 'the commands a file knows; others ENOTTY',
  }),
];
