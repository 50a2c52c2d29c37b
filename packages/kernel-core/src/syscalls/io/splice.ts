import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  EPIPE,
  ESPIPE,
  MAX_RW_COUNT,
  O_APPEND,
  O_NONBLOCK,
  SPLICE_F_GIFT,
  SPLICE_F_MORE,
  SPLICE_F_MOVE,
  SPLICE_F_NONBLOCK,
  SYS_splice,
  SYS_tee,
  SYS_vmsplice,
} from '@sandbox/abi';
import { BytesIo, type File, type IoBuf } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { type ArgShape, row } from '../../call/row.js';
import { blockOn, fileOf, mayRead, mayWrite, raiseSigpipe } from '../../files/io/files.js';
import type { Pipe } from '../../files/pipe/pipe.js';
import { PipeFile } from '../../files/pipe/pipe-file.js';
import { READ_EVENTS, WRITE_EVENTS } from '../../process/files/events.js';
import type { Task } from '../../process/task/task.js';
import { copyBuffer, MAX_COPY, Place, readChunk, writeChunk } from './copy.js';

const SPLICE_FLAGS: ArgShape = { flags: { SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT } };
const ALL_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

const source = new Place();
const target = new Place();
const io = new BytesIo();

/**
 * Sleep for `events` of `file`, unless the caller must not wait. The file is not held: a later run looks both
 * up again.
 */
function waitFor(t: Task, file: File, events: number, nonblock: boolean): number {
  if (nonblock) return -EAGAIN;
  const r = blockOn(t, file, events, Number.POSITIVE_INFINITY);
  t.wait.dropFile();
  return r;
}

function brokenPipe(t: Task): number {
  raiseSigpipe(t);
  return -EPIPE;
}

/** splice(2): one of the two is a pipe. */
function sysSplice(t: Task, a: SyscallArgs): number {
  const flags = a.u32(5);
  const length = Math.min(a.u64(4), MAX_RW_COUNT);
  if (length === 0) return 0;
  if ((flags & ~ALL_FLAGS) !== 0) return -EINVAL;
  const from = fileOf(t, a.i32(0));
  const to = fileOf(t, a.i32(2));
  if (from === null || to === null) return -EBADF;
  const fromAddr = a.u64(1);
  const toAddr = a.u64(3);
  if ((from instanceof PipeFile && fromAddr !== 0) || (to instanceof PipeFile && toAddr !== 0))
    return -ESPIPE;
  if (source.load(t, from, fromAddr) < 0 || target.load(t, to, toAddr) < 0) return -EFAULT;
  return spliceFiles(t, from, to, length, flags);
}

/** As splice(2), with offsets as values; null: the file's own position. */
export function spliceAt(
  t: Task,
  from: File,
  fromPos: number | null,
  to: File,
  toPos: number | null,
  length: number,
  flags: number,
): number {
  if (length === 0) return 0;
  if ((from instanceof PipeFile && fromPos !== null) || (to instanceof PipeFile && toPos !== null))
    return -ESPIPE;
  source.set(from, fromPos);
  target.set(to, toPos);
  return spliceFiles(t, from, to, length, flags);
}

/** Between the places in `source` and `target`. */
function spliceFiles(t: Task, from: File, to: File, length: number, flags: number): number {
  if (!mayRead(from.flags) || !mayWrite(to.flags)) return -EBADF;
  const wanted = (flags & SPLICE_F_NONBLOCK) !== 0;
  if (from instanceof PipeFile && to instanceof PipeFile) {
    if (from.pipe === to.pipe) return -EINVAL;
    return pipeToPipe(t, from, to, length, wanted || ((from.flags | to.flags) & O_NONBLOCK) !== 0);
  }
  if (from instanceof PipeFile) return pipeToFile(t, from, to, length, wanted);
  if (to instanceof PipeFile) return fileToPipe(t, from, to, length, wanted);
  return -EINVAL;
}

/**
 * Something must be in the pipe, or nothing will ever be: 1 when there is, 0 at the end, else what the call
 * answers.
 */
function awaitData(t: Task, file: PipeFile, nonblock: boolean): number {
  if (!file.pipe.empty) return 1;
  if (file.pipe.writers === 0) return 0;
  return waitFor(t, file, READ_EVENTS, nonblock);
}

/** There must be room in the pipe, and somebody to read it. */
function awaitRoom(t: Task, file: PipeFile, nonblock: boolean): number {
  if (file.pipe.readers === 0) return brokenPipe(t);
  if (!file.pipe.full) return 1;
  return waitFor(t, file, WRITE_EVENTS, nonblock);
}

function pipeToPipe(t: Task, from: PipeFile, to: PipeFile, length: number, nonblock: boolean): number {
  let r = awaitData(t, from, nonblock);
  if (r <= 0) return r;
  r = awaitRoom(t, to, nonblock);
  if (r <= 0) return r;
  return move(from.pipe, to.pipe, length, true);
}

/** Copy from pipe to pipe while there is room; `take`: the bytes leave the first one. */
function move(from: Pipe, to: Pipe, length: number, take: boolean): number {
  if (!take) return give(to, from.peek(copyBuffer, Math.min(length, to.room, copyBuffer.length)));
  let done = 0;
  while (done < length) {
    const n = give(to, from.peek(copyBuffer, Math.min(length - done, to.room, copyBuffer.length)));
    if (n <= 0) break;
    from.discard(n);
    done += n;
  }
  return done;
}

function give(to: Pipe, count: number): number {
  return count === 0 ? 0 : to.write(io.reset(copyBuffer, 0, count), false);
}

function pipeToFile(t: Task, from: PipeFile, to: File, length: number, wanted: boolean): number {
  let r = target.check(-EINVAL);
  if (r < 0) return r;
  if ((to.flags & O_APPEND) !== 0) return -EINVAL;
  r = awaitData(t, from, wanted || (from.flags & O_NONBLOCK) !== 0);
  if (r <= 0) return r;
  let done = 0;
  const limit = Math.min(length, MAX_COPY);
  while (done < limit && !from.pipe.empty) {
    const n = from.pipe.peek(copyBuffer, Math.min(limit - done, copyBuffer.length));
    const w = writeChunk(t, to, 0, n, target.pos + done);
    if (w <= 0) {
      if (done > 0) break;
      return w === -EAGAIN ? waitFor(t, to, WRITE_EVENTS, (to.flags & O_NONBLOCK) !== 0) : w;
    }
    from.pipe.discard(w);
    done += w;
    if (w < n) break;
  }
  return target.store(t, done) < 0 ? -EFAULT : done;
}

function fileToPipe(t: Task, from: File, to: PipeFile, length: number, wanted: boolean): number {
  let r = source.check(-EINVAL);
  if (r < 0) return r;
  r = awaitRoom(t, to, wanted || (to.flags & O_NONBLOCK) !== 0);
  if (r <= 0) return r;
  if (!from.splices) return -EINVAL;
  let done = 0;
  while (done < length && to.pipe.room > 0) {
    const n = readChunk(from, source.pos + done, Math.min(length - done, to.pipe.room));
    if (n <= 0) {
      if (done > 0 || n === 0) break;
      return n === -EAGAIN ? waitFor(t, from, READ_EVENTS, wanted || (from.flags & O_NONBLOCK) !== 0) : n;
    }
    give(to.pipe, n);
    done += n;
    // A stream has given what there was.
    if (!from.seekable) break;
  }
  return source.store(t, done) < 0 ? -EFAULT : done;
}

/** tee(2): the bytes stay in the first pipe. */
function sysTee(t: Task, a: SyscallArgs): number {
  const flags = a.u32(3);
  if ((flags & ~ALL_FLAGS) !== 0) return -EINVAL;
  const length = Math.min(a.u64(2), MAX_RW_COUNT);
  if (length === 0) return 0;
  const from = fileOf(t, a.i32(0));
  const to = fileOf(t, a.i32(1));
  return from === null || to === null ? -EBADF : teeFiles(t, from, to, length, flags);
}

/** tee(2) of a length that is not zero. */
export function teeFiles(t: Task, from: File, to: File, length: number, flags: number): number {
  if (!mayRead(from.flags) || !mayWrite(to.flags)) return -EBADF;
  if (!(from instanceof PipeFile) || !(to instanceof PipeFile) || from.pipe === to.pipe) return -EINVAL;
  const nonblock = (flags & SPLICE_F_NONBLOCK) !== 0 || ((from.flags | to.flags) & O_NONBLOCK) !== 0;
  let r = awaitData(t, from, nonblock);
  if (r <= 0) return r;
  r = awaitRoom(t, to, nonblock);
  if (r <= 0) return r;
  return move(from.pipe, to.pipe, length, false);
}

/**
 * vmsplice(2): memory to a pipe's writing end, or a pipe's content to memory. Pages are copied, never shared.
 */
function sysVmsplice(t: Task, a: SyscallArgs): number {
  const flags = a.u32(3);
  if ((flags & ~ALL_FLAGS) !== 0) return -EINVAL;
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  const writes = mayWrite(file.flags);
  if (!writes && !mayRead(file.flags)) return -EBADF;
  const vector = t.mm.iov(a.u64(1), a.u32(2));
  if (typeof vector === 'number') return vector;
  if (vector.remaining === 0) return 0;
  if (!(file instanceof PipeFile)) return -EBADF;
  const nonblock = (flags & SPLICE_F_NONBLOCK) !== 0;
  const r = writes ? awaitRoom(t, file, nonblock) : awaitData(t, file, nonblock);
  if (r <= 0) return r;
  // The pages themselves are meant, which secret ones are not to be had for.
  return t.mm.asForeigner(() => (writes ? gift(file.pipe, vector) : file.pipe.read(vector)));
}

/** Write piece by piece, as pages lie in memory: what comes before a fault has been taken. */
function gift(pipe: Pipe, vector: IoBuf): number {
  let done = 0;
  while (vector.remaining > 0) {
    const piece = vector.window(vector.remaining, false);
    if (piece === 0) return done > 0 ? done : -EFAULT;
    const n = pipe.write(io.reset(vector.bytes, vector.start, piece), false);
    if (n < 0) return done > 0 ? done : n;
    vector.advance(n);
    done += n;
    if (n < piece) break;
  }
  return done;
}

export const rows = [
  row(SYS_splice, 'splice', sysSplice, ['fd', 'ptr', 'fd', 'ptr', 'size', SPLICE_FLAGS]),
  row(SYS_tee, 'tee', sysTee, ['fd', 'fd', 'size', SPLICE_FLAGS]),
  row(SYS_vmsplice, 'vmsplice', sysVmsplice, ['fd', 'iovec', 'ulong', SPLICE_FLAGS]),
];
