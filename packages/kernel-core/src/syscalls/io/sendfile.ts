import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EISDIR,
  EOVERFLOW,
  ESPIPE,
  EXDEV,
  MAX_RW_COUNT,
  O_APPEND,
  O_NONBLOCK,
  SYS_copy_file_range,
  SYS_sendfile,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { blockWrite, fileOf, isUnwritable, mayRead, mayWrite } from '../../files/io/files.js';
import { PipeFile } from '../../files/pipe/pipe-file.js';
import { AnonFile } from '../../process/files/anon-file.js';
import { countCopy } from '../../process/task/io-accounting.js';
import type { Task } from '../../process/task/task.js';
import { copyRange, loadOffset, Place } from './copy.js';

const from = new Place();
const to = new Place();

/** sendfile(2). The caller's offset is read first and stored last, whatever comes between. */
function sysSendfile(t: Task, a: SyscallArgs): number {
  const addr = a.u64(2);
  let start = 0;
  if (addr !== 0) {
    start = loadOffset(t, addr);
    if (Number.isNaN(start)) return -EFAULT;
  }
  const inFile = t.files.get(a.i32(1));
  if (addr === 0 && inFile !== null) start = inFile.pos;
  const r = inFile === null ? -EBADF : send(t, a, inFile, start, addr !== 0);
  if (r === BLOCKED) return r;
  countCopy(t, r);
  const end = start + Math.max(r, 0);
  if (addr !== 0) return t.mm.store64(addr, end) < 0 ? -EFAULT : r;
  if (r > 0) inFile!.pos = end;
  return r;
}

/**
 * A blocked call holds the target; where the source is read from follows from what was sent: `wait.progress`.
 */
function send(t: Task, a: SyscallArgs, inFile: File, start: number, positional: boolean): number {
  if (!mayRead(inFile.flags)) return -EBADF;
  if (positional && !inFile.seekable) return -ESPIPE;
  if (start < 0) return -EINVAL;
  const outFile = fileOf(t, a.i32(0));
  if (outFile === null || !mayWrite(outFile.flags)) return -EBADF;
  // What goes to a pipe is appended anyhow.
  if ((outFile.flags & O_APPEND) !== 0 && !(outFile instanceof PipeFile)) return -EINVAL;
  if (isUnwritable(outFile) || !inFile.splices) return -EINVAL;
  const wait = t.wait;
  const before = wait.progress;
  const count = Math.min(a.u64(3), MAX_RW_COUNT) - before;
  // Those that cannot be read but seek nowhere without complaint find out at the first byte.
  if (!inFile.seekable) return count === 0 && inFile instanceof AnonFile ? 0 : -EINVAL;
  const r = copyRange(t, inFile, start + before, outFile, outFile.pos, count);
  if (r > 0) {
    if (outFile.seekable) outFile.pos += r;
    wait.progress += r;
  }
  const full = r === -EAGAIN || (r > 0 && r < count && !outFile.seekable);
  if (full && (outFile.flags & O_NONBLOCK) === 0 && start + wait.progress < inFile.inode.size) {
    return blockWrite(t, outFile);
  }
  return wait.progress > 0 ? wait.progress : r;
}

/** copy_file_range(2): between regular files of one file system. */
function sysCopyFileRange(t: Task, a: SyscallArgs): number {
  const inFile = fileOf(t, a.i32(0));
  const outFile = fileOf(t, a.i32(2));
  if (inFile === null || outFile === null) return -EBADF;
  let r = from.load(t, inFile, a.u64(1)) || to.load(t, outFile, a.u64(3));
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
  countCopy(t, r);
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
