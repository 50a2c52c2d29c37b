import {
  EAGAIN,
  EFAULT,
  EINVAL,
  EIO,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  S_IFCHR,
  S_IFREG,
} from '@sandbox/abi';
import { errnoOf } from '../core/error-codes.js';
import { File } from '../core/file.js';
import type { IoBuf } from '../core/io.js';
import { WaitQueue } from '../core/wait-queue.js';
import type { SyntheticFileSystem } from '../synthetic/filesystem.js';
import { SyntheticInode } from '../synthetic/inode.js';
import type { JsFileHandlers, JsRequest } from './ops.js';

/** The most bytes one call asks a handler for, or brings it. */
const MAX_TRANSFER = 1024 * 1024;
const READY = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;

export class JsInode extends SyntheticInode {
  constructor(
    fs: SyntheticFileSystem,
    readonly handlers: JsFileHandlers,
    readonly device: boolean,
  ) {
    const wanted = (handlers.read ? 0o444 : 0) | (handlers.write ? 0o222 : 0);
    super(fs, (device ? S_IFCHR : S_IFREG) | ((handlers.mode ?? wanted) & 0o7777));
    this.uid = handlers.uid ?? 0;
    this.gid = handlers.gid ?? 0;
  }

  override getattr(): number {
    const { size } = this.handlers;
    if (size === undefined) return 0;
    try {
      const now = typeof size === 'number' ? size : size();
      if (!Number.isSafeInteger(now) || now < 0) return -EIO;
      this.size = now;
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  override open(flags: number): File | number {
    return new JsOpenFile(this, flags);
  }
}

/** A call to a handler whose answer is not there yet, or has not been fetched. */
interface Request {
  readonly write: boolean;
  readonly offset: number;
  readonly length: number;
  readonly abort: AbortController;
  timer: ReturnType<typeof setTimeout> | null;
  /** Bytes read, a count or -errno; null: still open. */
  answer: Uint8Array | number | null;
}

/** An open file of handlers. One call is under way at a time; an answer nobody fetched is kept for the same call made again. */
class JsOpenFile extends File {
  declare readonly inode: JsInode;
  private readonly queue = new WaitQueue();
  private request: Request | null = null;

  override get seekable(): boolean {
    return !this.inode.device;
  }
  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  override get canPoll(): boolean {
    return this.inode.device;
  }
  override poll(): number {
    return this.request !== null && this.request.answer === null ? 0 : READY;
  }

  override read(io: IoBuf, offset: number): number {
    const { read } = this.inode.handlers;
    if (read === undefined) return -EINVAL;
    const length = Math.min(io.remaining, MAX_TRANSFER);
    if (length === 0) return 0;
    const at = this.inode.device ? 0 : offset;
    const answer =
      this.fetch(false, at, length) ?? this.ask(false, at, length, read.bind(this.inode.handlers));
    if (typeof answer === 'number') return answer;
    const n = Math.min(answer.length, length);
    return n === 0 ? 0 : io.put(answer, 0, n) || -EFAULT;
  }

  override write(io: IoBuf, offset: number): number {
    const { handlers, device } = this.inode;
    const { write } = handlers;
    if (write === undefined) return -EINVAL;
    const length = Math.min(io.remaining, MAX_TRANSFER);
    if (length === 0) return 0;
    const at = device ? 0 : offset;
    let answer = this.fetch(true, at, length);
    if (answer === null) {
      const data = new Uint8Array(length);
      if (io.get(data, 0, length) < length) return -EFAULT;
      answer = this.ask(true, at, length, (request) => write.call(handlers, data, request));
    }
    return typeof answer === 'number' ? Math.min(answer, length) : length;
  }

  /** The answer to this very call, which was made before; -EAGAIN: it is not there yet; null: nobody asked. */
  private fetch(write: boolean, offset: number, length: number): Uint8Array | number | null {
    const r = this.request;
    if (r === null) return null;
    if (r.answer === null) return -EAGAIN;
    this.request = null;
    return r.write === write && r.offset === offset && r.length === length ? r.answer : null;
  }

  private ask(
    write: boolean,
    offset: number,
    length: number,
    call: (request: JsRequest) => unknown,
  ): Uint8Array | number {
    const abort = new AbortController();
    let made: unknown;
    try {
      made = call({ offset, length, signal: abort.signal });
    } catch (error) {
      return errnoOf(error);
    }
    if (!(made instanceof Promise)) return answerOf(made, write, length);
    const request: Request = { write, offset, length, abort, timer: null, answer: null };
    this.request = request;
    const { timeout } = this.inode.handlers;
    if (timeout !== undefined) request.timer = setTimeout(() => this.finish(request, -EIO), timeout);
    made.then(
      (value) => this.finish(request, answerOf(value, write, length)),
      (error: unknown) => this.finish(request, errnoOf(error)),
    );
    return -EAGAIN;
  }

  private finish(request: Request, answer: Uint8Array | number): void {
    if (request.answer !== null || this.request !== request) return;
    if (request.timer !== null) clearTimeout(request.timer);
    request.answer = answer;
    const { enter } = this.inode.fs.env;
    const wake = (): void => this.queue.wake(READY);
    if (enter === undefined) wake();
    else enter(wake);
  }

  override fsync(_dataOnly: boolean): number {
    return 0;
  }
  override truncate(_size: number): number {
    return 0;
  }

  override release(): void {
    const { request } = this;
    this.request = null;
    if (request === null) return;
    if (request.timer !== null) clearTimeout(request.timer);
    if (request.answer === null) request.abort.abort();
  }
}

/** What a handler gave, as bytes or a count. Nonsense is EIO. */
function answerOf(value: unknown, write: boolean, length: number): Uint8Array | number {
  if (write) {
    if (value === undefined) return length;
    return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : -EIO;
  }
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  return value instanceof Uint8Array ? value : -EIO;
}
