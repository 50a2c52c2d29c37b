import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EISDIR,
  EOVERFLOW,
  EXDEV,
  MAX_RW_COUNT,
  O_APPEND,
  O_NONBLOCK,
  SYS_copy_file_range,
  SYS_sendfile,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { Task } from '../../task/task.js';
import type { SyscallArgs } from '../args.js';
import { BLOCKED } from '../result.js';
import { row } from '../row.js';
import { copyRange, Place } from './copy.js';
import { blockWrite, fileOf, mayRead, mayWrite } from './files.js';

const from = new Place();
const to = new Place();

/**
 * sendfile(2). A blocked call holds the target; where the source is read from follows from what was sent: `wait.progress`.
 */
function sysSendfile(t: Task, a: SyscallArgs): number {
  const inFile = t.files.get(a.i32(1));
  if (inFile === null || !mayRead(inFile.flags)) return -EBADF;
  let r = from.load(t, inFile, a.u64(2));
  if (r < 0) return r;
  const outFile = fileOf(t, a.i32(0));
  if (outFile === null || !mayWrite(outFile.flags)) return -EBADF;
  if (!inFile.seekable) return -EINVAL;
  if ((outFile.flags & O_APPEND) !== 0) return -EINVAL;
  const wait = t.wait;
  const before = wait.progress;
  const count = Math.min(a.u64(3), MAX_RW_COUNT) - before;
  r = copyRange(t, inFile, from.pos + before, outFile, outFile.pos, count);
  if (r > 0) {
    if (outFile.seekable) outFile.pos += r;
    wait.progress += r;
  }
  const blocked = r === -EAGAIN || (r > 0 && r < count && !outFile.seekable);
  if (blocked && (outFile.flags & O_NONBLOCK) === 0 && from.pos + wait.progress < inFile.inode.size) {
    const b = blockWrite(t, outFile);
    if (b === BLOCKED) return BLOCKED;
    if (wait.progress === 0) return b;
  } else if (wait.progress === 0) return r;
  return from.store(t, wait.progress) < 0 ? -EFAULT : wait.progress;
}

/** copy_file_range(2): between regular files of one file system. */
function sysCopyFileRange(t: Task, a: SyscallArgs): number {
  const inFile = fileOf(t, a.i32(0));
  const outFile = fileOf(t, a.i32(2));
  if (inFile === null || outFile === null) return -EBADF;
  let r = from.loadAny(t, inFile, a.u64(1)) || to.loadAny(t, outFile, a.u64(3));
  if (r < 0) return r;
  if (a.u32(5) !== 0) return -EINVAL;
  r = checkCopy(inFile, outFile);
  if (r < 0) return r;
  let count = a.u64(4);
  if (overflows(from.pos, count) || overflows(to.pos, count)) return -EOVERFLOW;
  if (from.pos < 0 || to.pos < 0) return -EINVAL;
  r = inFile.inode.getattr();
  if (r < 0) return r;
  count = Math.min(count, inFile.inode.size - from.pos, MAX_RW_COUNT);
  if (count <= 0) return 0;
  if (inFile.inode === outFile.inode && from.pos + count > to.pos && to.pos + count > from.pos)
    return -EINVAL;
  r = copyRange(t, inFile, from.pos, outFile, to.pos, count);
  if (r <= 0) return r;
  return from.store(t, r) < 0 || to.store(t, r) < 0 ? -EFAULT : r;
}

/** The end of the range wraps around: a negative position is a very large one to this check. */
function overflows(pos: number, count: number): boolean {
  return pos < 0 ? pos + count >= 0 : pos + count >= 2 ** 64;
}

function checkCopy(inFile: File, outFile: File): number {
  const i = inFile.inode;
  const o = outFile.inode;
  if (i.isDirectory || o.isDirectory) return -EISDIR;
  if (!i.isRegular || !o.isRegular) return -EINVAL;
  if (!mayRead(inFile.flags) || !mayWrite(outFile.flags) || (outFile.flags & O_APPEND) !== 0) return -EBADF;
  return i.fs !== o.fs ? -EXDEV : 0;
}

export const rows = [
  row(SYS_sendfile, 'sendfile', sysSendfile, ['fd', 'fd', 'ptr', 'size']),
  row(SYS_copy_file_range, 'copy_file_range', sysCopyFileRange, ['fd', 'ptr', 'fd', 'ptr', 'size', 'uint']),
];
