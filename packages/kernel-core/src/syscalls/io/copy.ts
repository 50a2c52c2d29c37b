import { EAGAIN, EFAULT, EINVAL, EPIPE } from '@sandbox/abi';
import { BytesIo, type File } from '@sandbox/vfs';
import { askAccess } from '../../files/fanotify/permission.js';
import { raiseSigpipe } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';
import { writeRegular } from './write.js';

/**
 * What one call moves at most: a longer one is answered with a short count, which every caller must expect.
 */
export const MAX_COPY = 16 * 1024 * 1024;
const CHUNK = 65536;

/** Bytes between two files. Calls run one at a time and nothing stays in it. */
export const copyBuffer = new Uint8Array(CHUNK);
const source = new BytesIo();
const target = new BytesIo();

/** Read up to `count` bytes (a chunk at most) of `file` at `pos` into the copy buffer. */
export function readChunk(file: File, pos: number, count: number): number {
  return file.read(target.reset(copyBuffer, 0, Math.min(count, CHUNK)), pos);
}

/** Write `count` bytes of the copy buffer, from `start` on, to `file` at `pos` (ignored by streams). */
export function writeChunk(t: Task, file: File, start: number, count: number, pos: number): number {
  const io = source.reset(copyBuffer, start, count);
  const n = file.inode.isRegular ? writeRegular(t, file, io, pos, 0) : file.write(io, pos);
  if (n === -EPIPE) raiseSigpipe(t);
  return n;
}

/** The loff_t at `addr`; NaN: EFAULT. */
export function loadOffset(t: Task, addr: number): number {
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, 8) < 0) return Number.NaN;
  return scratchView.getUint32(0, true) + scratchView.getInt32(4, true) * 4294967296;
}

/** Where a transfer begins and ends on one side: a place given by the caller, or the file's own position. */
export class Place {
  /** Address of the caller's offset; 0: the file's position counts, or `given` as a value. */
  private addr = 0;
  private given = false;
  private file!: File;
  pos = 0;

  /** Read the offset at `addr`, if given, whatever it is. 0 or -EFAULT. */
  load(t: Task, file: File, addr: number): number {
    this.addr = addr;
    this.given = addr !== 0;
    this.file = file;
    this.pos = file.pos;
    if (addr === 0) return 0;
    this.pos = loadOffset(t, addr);
    return Number.isNaN(this.pos) ? -EFAULT : 0;
  }

  /** An offset that is no guest's memory; null: the file's position. */
  set(file: File, pos: number | null): void {
    this.addr = 0;
    this.given = pos !== null;
    this.file = file;
    this.pos = pos ?? file.pos;
  }

  /**
   * Is it one the file can have? 0, `notSeekable` when one was given and the file has no positions, -EINVAL.
   */
  check(notSeekable: number): number {
    if (this.given && !this.file.seekable) return notSeekable;
    return this.pos < 0 ? -EINVAL : 0;
  }

  /** `moved` bytes were transferred. 0 or -EFAULT. */
  store(t: Task, moved: number): number {
    if (this.addr !== 0) return t.mm.store64(this.addr, this.pos + moved) < 0 ? -EFAULT : 0;
    if (!this.given && this.file.seekable) this.file.pos = this.pos + moved;
    return 0;
  }
}

/**
 * Copy `count` bytes between positions of two files, at most MAX_COPY. Bytes copied, or the first error
 * (-EAGAIN: the target would block).
 */
export function copyRange(
  t: Task,
  from: File,
  fromPos: number,
  to: File,
  toPos: number,
  count: number,
): number {
  if (from.asksAccess) {
    const asked = askAccess(t, from);
    if (asked !== 0) return asked;
  }
  let done = 0;
  const want = Math.min(count, MAX_COPY);
  while (done < want) {
    const n = readChunk(from, fromPos + done, want - done);
    if (n <= 0) return done > 0 ? done : n;
    let written = 0;
    while (written < n) {
      const w = writeChunk(t, to, written, n - written, toPos + done + written);
      if (w <= 0) {
        done += written;
        return done > 0 ? done : w === 0 ? -EAGAIN : w;
      }
      written += w;
    }
    done += n;
  }
  return done;
}
