import {
  EBADF,
  EINVAL,
  ENODEV,
  ENOTDIR,
  ENOTTY,
  ESPIPE,
  O_ACCMODE,
  O_NOATIME,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { DirEmitter, Inode } from './inode.js';
import type { IoBuf } from './io.js';
import type { Mappable } from './mappable.js';
import type { Path } from './path.js';
import type { WaitQueue } from './wait-queue.js';

/** Who opened a file and hears of its use: the VFS. */
export interface FileOwner {
  /** The last reference of `file` is gone; `release` has run. */
  fileReleased(file: File): void;
  /** `file` was read (IN_ACCESS), written (IN_MODIFY)... */
  fileEvent(file: File, mask: number): void;
  readonly watched: boolean;
}

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

/** What is left of an open while somebody is asked whether it may be (fanotify(7), FAN_OPEN_PERM). */
export interface Opening {
  readonly truncate: boolean;
  /** It is opened to be run. */
  readonly execute: boolean;
  readonly cred: Credentials;
}

/**
 * An open file description (open(2)): what file descriptors refer to, shared by dup and fork.
 *
 * A subclass is a kind of file; it overrides what it can do. Every method returns a count or 0, or a negative
 * errno, never throws and never blocks: an operation that cannot proceed answers -EAGAIN and the caller waits
 * on `waitQueue` (unless O_NONBLOCK is set) and calls again.
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
  /** Rights of whoever opened it (Linux: f_cred); null for anonymous files. */
  cred: Credentials | null = null;
  /** The VFS that opened it; null for anonymous files. */
  owner: FileOwner | null = null;
  /** fcntl F_SETOWN and F_SETSIG; signals are the kernel's business. */
  ownerPid = 0;
  ownerSignal = 0;
  /** Opening it made the file (fcntl F_CREATED_QUERY). */
  created = false;
  /** Nobody hears of what is done with it. */
  quiet = false;
  /** Opened when somebody wanted to be asked before its file is read (FAN_ACCESS_PERM). */
  asksAccess = false;
  /** Not open yet: `Vfs.finishOpening`. */
  opening: Opening | null = null;
  /**
   * WITHHELD_*: what a policy did not grant whoever opened it. It goes with the description, whoever uses it.
   */
  withheld = 0;
  /** Where it counts as open; null: nowhere, or (with an `owner`) there. */
  openCounter: { openFiles: number } | null = null;
  /** Those told when the last reference goes, before `release`: epoll interest, signal-driven I/O. */
  releaseListeners: ReleaseListener | null = null;

  constructor(
    readonly inode: Inode,
    flags: number,
  ) {
    this.flags = flags;
  }

  get readable(): boolean {
    const m = this.flags & O_ACCMODE;
    return m === O_RDONLY || m === O_RDWR;
  }
  /** Access mode 3 (ioctl only, open(2) notes) is neither readable nor writable. */
  get writable(): boolean {
    const m = this.flags & O_ACCMODE;
    return m === O_WRONLY || m === O_RDWR;
  }
  /** Has a position: read and write use and move `pos`; pread, pwrite and lseek are allowed. */
  get seekable(): boolean {
    return false;
  }

  /** pwrite is allowed where pread is; not so for generated files (Linux: FMODE_PWRITE). */
  get positionedWrites(): boolean {
    return this.seekable;
  }

  /** splice(2) and sendfile(2) can read from it (Linux: it has a splice_read operation). */
  get splices(): boolean {
    return true;
  }
  /**
   * Fill `io` from `offset` (ignored by streams). Bytes read, 0 at the end, or -errno (-EAGAIN: would block;
   * -EFAULT when nothing could be stored).
   */
  read(_io: IoBuf, _offset: number): number {
    return -EINVAL;
  }
  /**
   * Take `io`'s bytes to `offset` (the caller resolved O_APPEND through `inode.size`). Bytes taken, possibly
   * fewer, or -errno.
   */
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
  /** epoll(7) takes it: its kind of file can be polled, even if it is always ready (Linux: file_can_poll). */
  get canPoll(): boolean {
    return this.waitQueue !== null;
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
  /**
   * Directory entries from `pos` on; sets nothing (the caller moves `pos` to the last `nextPos` delivered).
   */
  readdir(_pos: number, _emit: DirEmitter): number {
    return -ENOTDIR;
  }
  /** `arg` is the raw argument as a number. */
  ioctl(_cmd: number, _arg: number, _caller: IoctlCaller): number {
    return -ENOTTY;
  }
  /**
   * The -EAGAIN of an ioctl means that its answer comes later: the caller waits on `waitQueue` and calls
   * again.
   */
  get ioctlWaits(): boolean {
    return false;
  }
  get mappable(): Mappable | null {
    return this.inode.mappable;
  }
  /**
   * The range is about to be mapped or executed: bring it in, where that takes a while. 0, -EAGAIN (not there
   * yet: the caller waits on `waitQueue` and asks again) or -errno.
   */
  prefetch(_offset: number, _length: number): number {
    return 0;
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
  /**
   * A descriptor of it is being closed (POSIX locks, O_CLOEXEC tables): 0 or -errno to report from close(2).
   */
  flush(): number {
    return 0;
  }
  /** open(2) must still wait for the other end (FIFOs, fifo(7)): it sleeps on `waitQueue` and asks again. */
  openPending(): boolean {
    return false;
  }
  /** After bytes were read (IN_ACCESS) or written (IN_MODIFY): tell watchers. Cheap when there are none. */
  notify(mask: number): void {
    if (this.owner !== null && this.owner.watched && !this.quiet) this.owner.fileEvent(this, mask);
  }
  /** Bytes were read: note the access time, if description and mount want it (O_NOATIME, relatime). */
  protected accessed(): void {
    if (this.path !== null && (this.flags & O_NOATIME) === 0) this.path.mount.accessed(this.inode);
  }
  /** A mapping of it is gone; its reference goes next. */
  unmapped(): void {}
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

/** Somebody who refers to a description without keeping it open. One per list: embed it in what refers. */
export interface ReleaseListener {
  nextListener: ReleaseListener | null;
  /** The description is about to be released; it is in no list any more. */
  onFileReleased(file: File): void;
}

export function addReleaseListener(file: File, listener: ReleaseListener): void {
  listener.nextListener = file.releaseListeners;
  file.releaseListeners = listener;
}

/** No effect when `listener` is not in the list. */
export function removeReleaseListener(file: File, listener: ReleaseListener): void {
  let at = file.releaseListeners;
  if (at === listener) {
    file.releaseListeners = listener.nextListener;
  } else {
    while (at !== null && at.nextListener !== listener) at = at.nextListener;
    if (at === null) return;
    at.nextListener = listener.nextListener;
  }
  listener.nextListener = null;
}

/** Drop one reference; releases the description with the last one. */
export function releaseFile(file: File): void {
  file.refs--;
  if (file.refs !== 0) return;
  while (file.releaseListeners !== null) {
    const listener = file.releaseListeners;
    file.releaseListeners = listener.nextListener;
    listener.nextListener = null;
    listener.onFileReleased(file);
  }
  file.release();
  if (file.owner !== null) file.owner.fileReleased(file);
  if (file.openCounter !== null) file.openCounter.openFiles--;
}
