import {
  EBADF, EINVAL, ENODEV, ENOTDIR, ENOTTY, ESPIPE, O_ACCMODE, O_RDONLY, O_WRONLY, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET,
} from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { DirEmitter, Inode } from './inode.js';
import type { IoBuf } from './io.js';
import type { Mappable } from './mappable.js';
import type { Path } from './path.js';
import type { WaitQueue } from './wait-queue.js';

/** Access to the calling program's memory, for ioctls. All return 0 or -EFAULT. */
export interface UserMemory {
  copyIn(addr: number, dst: Uint8Array, offset: number, length: number): number;
  copyOut(addr: number, src: Uint8Array, offset: number, length: number): number;
}

/** Who calls `ioctl`: its rights, its memory, and (opaque here) its task for drivers that know the kernel. */
export interface IoctlCaller {
  readonly cred: Credentials;
  readonly memory: UserMemory;
  readonly task: object | null;
}

/**
 * An open file description (open(2)): what file descriptors refer to, shared by dup and fork.
 *
 * A subclass is a kind of file; it overrides what it can do. Every method returns a count or 0, or a negative errno,
 * never throws and never blocks: an operation that cannot proceed answers -EAGAIN and the caller waits on
 * `waitQueue` (unless O_NONBLOCK is set) and calls again.
 */
export abstract class File {
  /** O_* access mode and status flags (fcntl F_GETFL). */
  flags = 0;
  /** The offset of read, write and lseek. */
  pos = 0;
  /** Descriptors and mappings that hold it; `release` runs when the last one is dropped. */
  refs = 1;
  /** How it was opened; null for anonymous files (pipes, sockets, eventfd). */
  path: Path | null = null;
  /** fcntl F_SETOWN and F_SETSIG; signals are the kernel's business. */
  ownerPid = 0;
  ownerSignal = 0;

  constructor(
    readonly inode: Inode,
    flags: number,
  ) {
    this.flags = flags;
  }

  get readable(): boolean {
    const m = this.flags & O_ACCMODE;
    return m !== O_WRONLY;
  }
  get writable(): boolean {
    return (this.flags & O_ACCMODE) !== O_RDONLY;
  }
  /** Has a position: read and write use and move `pos`; pread, pwrite and lseek are allowed. */
  get seekable(): boolean {
    return false;
  }

  /** Fill `io` from `offset` (ignored by streams). Bytes read, 0 at the end, or -errno (-EAGAIN: would block; -EFAULT when nothing could be stored). */
  read(_io: IoBuf, _offset: number): number {
    return -EINVAL;
  }
  /** Take `io`'s bytes to `offset` (the caller resolved O_APPEND through `inode.size`). Bytes taken, possibly fewer, or -errno. */
  write(_io: IoBuf, _offset: number): number {
    return -EINVAL;
  }
  /** Ready POLL* events now. */
  poll(): number {
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
  }
  /** Where changes of `poll()` are announced; null: never changes. */
  get waitQueue(): WaitQueue | null {
    return null;
  }
  /** New position, or -errno. The default serves regular files by `inode.size`. */
  seek(offset: number, whence: number): number {
    if (!this.seekable) return -ESPIPE;
    let base = 0;
    if (whence === SEEK_SET) base = 0;
    else if (whence === SEEK_CUR) base = this.pos;
    else if (whence === SEEK_END) base = this.inode.size;
    else if (whence === SEEK_DATA || whence === SEEK_HOLE) return this.seekHole(offset, whence);
    else return -EINVAL;
    const to = base + offset;
    if (to < 0 || to > Number.MAX_SAFE_INTEGER) return -EINVAL;
    this.pos = to;
    return to;
  }
  /** SEEK_DATA, SEEK_HOLE; moves `pos`. */
  protected seekHole(_offset: number, _whence: number): number {
    return -EINVAL;
  }
  /** Directory entries from `pos` on; sets nothing (the caller moves `pos` to the last `nextPos` delivered). */
  readdir(_pos: number, _emit: DirEmitter): number {
    return -ENOTDIR;
  }
  /** `arg` is the raw argument as a number. */
  ioctl(_cmd: number, _arg: number, _caller: IoctlCaller): number {
    return -ENOTTY;
  }
  get mappable(): Mappable | null {
    return this.inode.mappable;
  }
  /** fsync(2), fdatasync(2). EINVAL for what cannot be synced. */
  fsync(_dataOnly: boolean): number {
    return -EINVAL;
  }
  truncate(_size: number): number {
    return -EINVAL;
  }
  fallocate(mode: number, offset: number, length: number): number {
    if (!this.writable) return -EBADF;
    const r = this.inode.fallocate(mode, offset, length);
    return r === -ENODEV && !this.seekable ? -ESPIPE : r;
  }
  /** fcntl(F_SETFL) is about to set these flags; -errno refuses. */
  setFlags(_flags: number): number {
    return 0;
  }
  /** A descriptor of it is being closed (POSIX locks, O_CLOEXEC tables): 0 or -errno to report from close(2). */
  flush(): number {
    return 0;
  }
  /** The last reference is gone. */
  release(): void {}
  /** Text for /proc/pid/fd/N when there is no path: 'pipe:[12]', 'anon_inode:[eventfd]'. */
  get label(): string {
    return 'anon_inode:[unknown]';
  }
  /** Extra lines of /proc/pid/fdinfo/N. */
  get fdinfo(): string {
    return '';
  }
}

/** Drop one reference; releases the description with the last one. */
export function releaseFile(file: File): void {
  file.refs--;
  if (file.refs === 0) file.release();
}
