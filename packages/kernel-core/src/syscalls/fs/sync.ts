import {
  EBADF,
  EINVAL,
  ESPIPE,
  S_IFBLK,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  SYNC_FILE_RANGE_WAIT_AFTER,
  SYNC_FILE_RANGE_WAIT_BEFORE,
  SYNC_FILE_RANGE_WRITE,
  SYS_fdatasync,
  SYS_fsync,
  SYS_sync,
  SYS_sync_file_range,
  SYS_syncfs,
} from '@sandbox/abi';
import { type FileSystem, PAGE_SIZE } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';

/** sync(2): errors are not reported. */
function sysSync(t: Task): number {
  const done = new Set<FileSystem>();
  for (const mount of t.fs.namespace.mounts) {
    if (done.has(mount.fs)) continue;
    done.add(mount.fs);
    mount.fs.sync();
  }
  return 0;
}

/** fsync(2) */
function sysFsync(t: Task, a: SyscallArgs): number {
  return fileOf(t, a.i32(0))?.fsync(false) ?? -EBADF;
}

/** fdatasync(2) */
function sysFdatasync(t: Task, a: SyscallArgs): number {
  return fileOf(t, a.i32(0))?.fsync(true) ?? -EBADF;
}

/** syncfs(2) */
function sysSyncfs(t: Task, a: SyscallArgs): number {
  return fileOf(t, a.i32(0))?.inode.fs.sync() ?? -EBADF;
}

const RANGE_FLAGS = { SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE, SYNC_FILE_RANGE_WAIT_AFTER };
const RANGE_MASK = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

/** sync_file_range(2): writes out mapped pages of the range; file data itself is written through. */
function sysSyncFileRange(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  const offset = a.s64(1);
  const length = a.s64(2);
  const flags = a.u32(3);
  if ((flags & ~RANGE_MASK) !== 0 || offset < 0 || length < 0) return -EINVAL;
  const type = file.inode.type;
  if (type !== S_IFREG && type !== S_IFBLK && type !== S_IFDIR && type !== S_IFLNK) return -ESPIPE;
  const pages = file.mappable;
  if (pages === null || flags === 0) return 0;
  const end = length === 0 ? file.inode.size : Math.min(file.inode.size, offset + length);
  return pages.syncPages(Math.floor(offset / PAGE_SIZE), Math.ceil(end / PAGE_SIZE));
}

export const rows = [
  row(SYS_sync, 'sync', sysSync, []),
  row(SYS_fsync, 'fsync', sysFsync, ['fd']),
  row(SYS_fdatasync, 'fdatasync', sysFdatasync, ['fd']),
  row(SYS_syncfs, 'syncfs', sysSyncfs, ['fd']),
  row(SYS_sync_file_range, 'sync_file_range', sysSyncFileRange, ['fd', 'off', 'off', { flags: RANGE_FLAGS }]),
];
