import {
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOTTY,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '@sandbox/abi';
import { File, type IoctlCaller } from '../core/file.js';
import type { IoBuf } from '../core/io.js';
import { WaitQueue } from '../core/wait-queue.js';
import { bytesOf, Call, countOf, isPromise, type Outcome, thrown } from './call.js';
import type { JsInode } from './inode.js';
import { IoctlArgument } from './ioctl.js';
import type { JsRequest } from './ops.js';

/** The most bytes one call asks a handler for, or brings it. */
const MAX_TRANSFER = 1024 * 1024;
/** Answers kept for those who have not come back for them. */
const MAX_UNFETCHED = 16;
const READABLE = POLLIN | POLLRDNORM;
const WRITABLE = POLLOUT | POLLWRNORM;
const READY = READABLE | WRITABLE;

/**
 * An open file of handlers. One call is under way at a time; its answer is kept for the same call made again.
 */
export class JsOpenFile extends File {
  declare readonly inode: JsInode;
  private readonly queue: WaitQueue;
  /** Calls under way, at most one, and answers nobody fetched yet. */
  private calls: Call[] = [];
  /** What the ioctl under way takes back to its program. */
  private argument: IoctlArgument | null = null;

  constructor(inode: JsInode, flags: number) {
    super(inode, flags);
    this.queue = inode.pages?.queue ?? new WaitQueue();
    inode.entry.listeners.add(this.changed);
  }

  private readonly changed = (): void => this.announce(-1);

  /** Wake those who wait, as work of the kernel's. */
  private announce(events: number): void {
    const { enter } = this.inode.fs.env;
    const wake = (): void => this.queue.wake(events);
    if (enter === undefined) wake();
    else enter(wake);
  }

  override get seekable(): boolean {
    return !this.inode.device;
  }
  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  override get canPoll(): boolean {
    return this.inode.device || this.inode.handlers.poll !== undefined;
  }

  override poll(): number {
    if (this.waiting) return 0;
    const { handlers } = this.inode;
    if (handlers.poll === undefined) return READY;
    try {
      const r = handlers.poll();
      return (
        (r.readable ? READABLE : 0) |
        (r.writable ? WRITABLE : 0) |
        (r.hangup ? POLLHUP : 0) |
        (r.error ? POLLERR : 0)
      );
    } catch {
      return POLLERR;
    }
  }

  override read(io: IoBuf, offset: number): number {
    const { handlers, pages, device } = this.inode;
    const { read } = handlers;
    if (read === undefined) return -EINVAL;
    if (handlers.cache && pages !== null) return this.readKept(io, offset);
    const length = Math.min(io.remaining, MAX_TRANSFER);
    if (length === 0) return 0;
    const at = device ? 0 : offset;
    const answer =
      this.fetch('read', at, length) ??
      this.ask('read', at, length, bytesOf, (request) => read.call(handlers, request));
    if (typeof answer === 'number') return answer;
    const n = Math.min(answer.length, length);
    return n === 0 ? 0 : io.put(answer, 0, n) || -EFAULT;
  }

  /** Of content that is kept. */
  private readKept(io: IoBuf, offset: number): number {
    const pages = this.inode.pages!;
    const length = Math.min(io.remaining, MAX_TRANSFER, this.inode.size - offset);
    if (length <= 0) return 0;
    return pages.prefetch(offset, length) || pages.read(io, offset, length);
  }

  override write(io: IoBuf, offset: number): number {
    const { handlers, device } = this.inode;
    const { write } = handlers;
    if (write === undefined || handlers.cache) return -EINVAL;
    const length = Math.min(io.remaining, MAX_TRANSFER);
    if (length === 0) return 0;
    const at = device ? 0 : offset;
    let answer = this.fetch('write', at, length);
    if (answer === null) {
      const data = new Uint8Array(length);
      if (io.get(data, 0, length) < length) return -EFAULT;
      const count = (value: unknown): number => countOf(value, length);
      answer = this.ask('write', at, length, count, (request) => write.call(handlers, data, request));
      // What mappings show of it is out of date.
      if (answer !== -EAGAIN && !device) this.inode.pages?.invalidate(offset, offset + length);
    }
    return typeof answer === 'number' ? Math.min(answer, length) : length;
  }

  /** A handler has not answered yet. */
  private get waiting(): boolean {
    for (const call of this.calls) if (call.answer === null) return true;
    return false;
  }

  override get ioctlWaits(): boolean {
    return this.waiting;
  }

  override ioctl(command: number, arg: number, caller: IoctlCaller): number {
    const { handlers } = this.inode;
    const { ioctl } = handlers;
    if (ioctl === undefined) return -ENOTTY;
    let answer = this.fetch('ioctl', arg, command);
    if (answer === null) {
      const argument = new IoctlArgument(command, arg, caller.memory);
      const e = argument.copyIn();
      if (e < 0) return e;
      this.argument = argument;
      const result = (value: unknown): number => countOf(value, 0);
      answer = this.ask('ioctl', arg, command, result, ({ signal }) =>
        ioctl.call(handlers, argument.request(signal)),
      );
      argument.memory.end();
    }
    if (typeof answer !== 'number' || answer < 0) return typeof answer === 'number' ? answer : 0;
    const e = this.argument?.copyOut(caller.memory) ?? 0;
    this.argument = null;
    return e < 0 ? e : answer;
  }

  /**
   * The answer to this very call, which was made before; -EAGAIN: it is not there yet, or not its turn; null:
   * nobody asked.
   */
  private fetch(kind: Call['kind'], at: number, length: number): Outcome | null {
    const { calls } = this;
    if (calls.length === 0) return null;
    const i = calls.findIndex((call) => call.answer !== null && call.answers(kind, at, length));
    if (i >= 0) return calls.splice(i, 1)[0]!.answer;
    if (this.waiting) return -EAGAIN;
    // Those who asked were killed, or interrupted and ask for something else.
    if (calls.length >= MAX_UNFETCHED) calls.shift();
    return null;
  }

  private ask(
    kind: Call['kind'],
    at: number,
    length: number,
    read: (value: unknown) => Outcome,
    run: (request: JsRequest) => unknown,
  ): Outcome {
    const abort = new AbortController();
    const { handlers } = this.inode;
    let made: unknown;
    try {
      made = run({ offset: at, length, signal: abort.signal });
    } catch (error) {
      return thrown(error, handlers);
    }
    if (!isPromise(made)) return read(made);
    const call = new Call(kind, at, length, abort);
    this.calls.push(call);
    call.follow(made, handlers.timeout, this.inode.fs.env, read, () => this.queue.wake(-1));
    return -EAGAIN;
  }

  override prefetch(offset: number, length: number): number {
    return this.inode.pages?.prefetch(offset, length) ?? 0;
  }

  override fsync(_dataOnly: boolean): number {
    const { pages } = this.inode;
    return pages === null ? 0 : pages.flush() || pages.takeFailure();
  }
  override truncate(_size: number): number {
    return 0;
  }

  override release(): void {
    this.inode.entry.listeners.delete(this.changed);
    for (const call of this.calls) call.drop();
    this.calls = [];
    this.inode.closed();
  }
}
