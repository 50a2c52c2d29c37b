/**
 * What a handler may answer: at once, or later. While a promise is open only the program that asked waits.
 */
export type Answer<T> = T | Promise<T>;

/** A read or write of a guest. */
export interface JsRequest {
  /** Where in the file; 0 where the file has no positions. */
  readonly offset: number;
  /** Bytes wanted, or brought. */
  readonly length: number;
  /** Aborted when nobody waits for the answer any more: the program closed the file or was killed. */
  readonly signal: AbortSignal;
}

/**
 * The memory of the program that made an ioctl(2). Throws EFAULT where there is none, and once the handler
 * has returned.
 */
export interface JsMemory {
  read(address: number, length: number): Uint8Array;
  write(address: number, bytes: Uint8Array): void;
}

/** An ioctl(2) of a guest. */
export interface JsIoctl {
  /** The command's number; direction and size are encoded in most (Linux: _IOC). */
  readonly command: number;
  /** The third argument as it is: a number, or an address in the program. */
  readonly argument: number;
  /**
   * What the argument points to, as many bytes as the command says: what the program brought where it writes
   * (_IOW, _IOWR), else zeros. Where it reads (_IOR, _IOWR) these bytes go back to it with the answer. Empty
   * for commands that say no size.
   */
  readonly data: Uint8Array;
  /**
   * For what `data` does not say: older commands, pointers in structures. Only until the handler returns (its
   * promise).
   */
  readonly memory: JsMemory;
  readonly signal: AbortSignal;
}

/** What poll(2), select(2) and epoll(7) say of a file. */
export interface JsReadiness {
  readable?: boolean;
  writable?: boolean;
  /** The other side is gone (POLLHUP). */
  hangup?: boolean;
  error?: boolean;
}

/**
 * A file of one's own: handlers in JavaScript, called when a guest reads or writes. What one throws (or
 * rejects with) becomes the guest's errno where it has a `code` of node:fs ('ENOSPC'), else EIO.
 */
export interface JsFileHandlers {
  /** At most `length` bytes (what is more is cut off); empty: the end. Without it reading is EINVAL. */
  read?(request: JsRequest): Answer<Uint8Array | string>;
  /**
   * Takes `data`. A number, or a promise of one, says how many bytes of it; nothing: all. Without it writing
   * is EINVAL.
   */
  write?(data: Uint8Array, request: JsRequest): unknown;
  /**
   * An ioctl(2): its result, or a promise of it (nothing: 0). Without it ENOTTY; for a command it does not
   * know a handler throws that.
   */
  ioctl?(request: JsIoctl): unknown;
  /**
   * What can be done now without waiting; `changed()` of the file says that it is otherwise. With it, a
   * handler that throws EAGAIN makes its program wait until then. Without it the file is always ready.
   */
  poll?(): JsReadiness;
  /**
   * Content for mappings (mmap(2)) and for programs executed from it: bytes of a file with a `size`, asked
   * for once and kept. What guests write to a shared mapping goes to `write` at msync(2) and when the last
   * mapping goes. Without it mmap is ENODEV, unless `cache` is set.
   */
  mmap?(request: JsRequest): Answer<Uint8Array | string>;
  /**
   * Content with a `size` that never changes: what `read` answered once is kept, is what mappings show too,
   * and is asked for in pieces of 64 KiB and more. Writing is EINVAL.
   */
  cache?: boolean;
  /** Permission bits; default 0o666 less what there is no handler for. */
  mode?: number;
  uid?: number;
  gid?: number;
  /** st_mtime; default: when it was mounted. */
  mtime?: Date;
  /** st_size; a number, or asked for at each stat(2). Default 0, as in /proc. */
  size?: number | (() => number);
  /** ms until an answer that does not come is EIO; default none. */
  timeout?: number;
}

/** What `jsFile` and `jsDevice` make: handlers with the files of guests that are open on them. */
export class JsEntry {
  /** Told when readiness changed. One for each open file. */
  readonly listeners = new Set<() => void>();

  constructor(
    readonly handlers: JsFileHandlers,
    readonly device: boolean,
  ) {}

  /** Readiness changed: who waits in poll(2), or because a handler threw EAGAIN, looks again. */
  changed(): void {
    for (const tell of [...this.listeners]) tell();
  }
}

/** A regular file made of handlers: it has positions, `pread` and `lseek` work. */
export type JsFile = JsEntry;
/** A character device made of handlers: a stream without positions. */
export type JsDevice = JsEntry;

export function jsFile(handlers: JsFileHandlers): JsFile {
  return new JsEntry(handlers, false);
}
export function jsDevice(handlers: JsFileHandlers): JsDevice {
  return new JsEntry(handlers, true);
}

/** A directory of a `jsfs`: names to directories, handlers, or fixed content. */
export interface JsDirectory {
  readonly [name: string]: JsDirectory | JsEntry | Uint8Array | string;
}
