import { createInterface, type Interface as ReadlineInterface } from 'node:readline';
import { Readable, type Writable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import {
  EAGAIN,
  EBADF,
  EINVAL,
  IN_ACCESS,
  IN_MODIFY,
  O_APPEND,
  O_PATH,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { type File, releaseFile } from '../core/file.js';
import { BytesIo } from '../core/io.js';
import type { Vfs } from '../core/ops/vfs.js';
import { Stat } from '../core/stat.js';
import { FsError } from './fs-error.js';
import { BigIntStats, Stats } from './stats.js';
import { type ReadStreamOptions, readStream, type WriteStreamOptions, writeStream } from './streams.js';
import { toByteString } from './text.js';
import { type TimeLike, timeOf } from './time-like.js';
import { waitReady } from './wait-ready.js';

/** Runs a piece of synchronous work on the tree: a kernel brackets it as an entry of its own. */
export type Enter = <T>(work: () => T) => T;

export interface AbortOptions {
  signal?: AbortSignal;
}

export interface ReadOptions extends AbortOptions {
  buffer?: Uint8Array;
  offset?: number;
  length?: number;
  position?: number | null;
}

export interface HandleStreamOptions {
  /** Close the handle when the stream ends; default true. */
  autoClose?: boolean;
}

/** What a `read` without a buffer reads at most, as in Node. */
const DEFAULT_READ = 16384;
/** Pieces in which unknown amounts are read. */
const CHUNK = 65536;

/**
 * An open file, as Node's FileHandle. Waits (FIFOs, devices) are asynchronous; everything else finishes at
 * once.
 */
export class FileHandle {
  private file: File | null;

  constructor(
    private readonly vfs: Vfs,
    private readonly cred: Credentials,
    private readonly enter: Enter,
    file: File,
  ) {
    this.file = file;
  }

  /** The description itself, for code that works on the VFS. Throws EBADF when closed. */
  get description(): File {
    return this.open('fstat');
  }

  private open(syscall: string): File {
    if (this.file === null) throw new FsError(EBADF, syscall);
    return this.file;
  }

  /** Throw for an errno, pass anything else. */
  private check(result: number, syscall: string): number {
    if (result < 0) throw new FsError(result, syscall);
    return result;
  }

  /** Read up to `length` bytes to `buffer`; `position` null reads on from the present one. */
  async read(
    buffer: Uint8Array,
    offset?: number,
    length?: number,
    position?: number | null,
    options?: AbortOptions,
  ): Promise<{ bytesRead: number; buffer: Uint8Array }>;
  /** The same in one object; without a `buffer` one of 16 KiB is made. */
  async read(options?: ReadOptions): Promise<{ bytesRead: number; buffer: Uint8Array }>;
  async read(
    what: Uint8Array | ReadOptions = {},
    from?: number,
    count?: number,
    at?: number | null,
    how: AbortOptions = {},
  ): Promise<{ bytesRead: number; buffer: Uint8Array }> {
    const o: ReadOptions =
      what instanceof Uint8Array
        ? { buffer: what, offset: from, length: count, position: at, signal: how.signal }
        : what;
    const { buffer = new Uint8Array(DEFAULT_READ), offset = 0, position = null, signal } = o;
    const length = o.length ?? buffer.length - offset;
    if (offset < 0 || length < 0 || offset + length > buffer.length)
      throw new RangeError('range lies outside the buffer');
    for (;;) {
      const n = this.readNow(buffer, offset, length, position);
      if (n !== -EAGAIN) return { bytesRead: this.check(n, 'read'), buffer };
      await waitReady(this.open('read'), POLLIN | POLLRDNORM, signal, 'read');
    }
  }

  /** Fill one buffer after the other, as far as there is something to read. */
  async readv<T extends Uint8Array>(
    buffers: readonly T[],
    position: number | null = null,
  ): Promise<{ bytesRead: number; buffers: readonly T[] }> {
    let bytesRead = 0;
    for (const buffer of buffers) {
      const at = position === null ? null : position + bytesRead;
      const r = await this.read(buffer, 0, buffer.length, at);
      bytesRead += r.bytesRead;
      if (r.bytesRead < buffer.length) break;
    }
    return { bytesRead, buffers };
  }

  /** Write one buffer after the other. */
  async writev<T extends Uint8Array>(
    buffers: readonly T[],
    position: number | null = null,
  ): Promise<{ bytesWritten: number; buffers: readonly T[] }> {
    let bytesWritten = 0;
    for (const buffer of buffers) {
      const at = position === null ? null : position + bytesWritten;
      const r = await this.write(buffer, 0, buffer.length, at);
      bytesWritten += r.bytesWritten;
      if (r.bytesWritten < buffer.length) break;
    }
    return { bytesWritten, buffers };
  }

  /**
   * From the present position on, or from `start`; closes the handle at its end unless `autoClose` is false.
   */
  createReadStream(options: HandleStreamOptions & ReadStreamOptions = {}): Readable {
    return readStream(async () => this.lent(options.autoClose), options);
  }
  createWriteStream(options: HandleStreamOptions & WriteStreamOptions = {}): Writable {
    return writeStream(async () => this.lent(options.autoClose), options);
  }

  /** This handle for a stream, which closes what it is given. */
  private lent(autoClose = true): FileHandle {
    if (autoClose) return this;
    return new Proxy(this, {
      get: (target, name) => {
        if (name === 'close') return async () => undefined;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** Line by line; closes the handle at the end. */
  readLines(options: ReadStreamOptions = {}): ReadlineInterface {
    return createInterface({ input: this.createReadStream(options), crlfDelay: Number.POSITIVE_INFINITY });
  }

  /** As a web stream of bytes, which does not close the handle. */
  readableWebStream(): ReadableStream {
    return Readable.toWeb(this.createReadStream({ autoClose: false })) as ReadableStream;
  }

  private readNow(buffer: Uint8Array, offset: number, length: number, position: number | null): number {
    const file = this.open('read');
    if (!file.readable || (file.flags & O_PATH) !== 0) return -EBADF;
    return this.enter(() => {
      const n = file.read(new BytesIo(buffer, offset, length), position ?? file.pos);
      if (n > 0) {
        if (position === null && file.seekable) file.pos += n;
        file.notify(IN_ACCESS);
      }
      return n;
    });
  }

  /** Write bytes; `position` null appends to the present one. */
  async write<T extends Uint8Array>(
    data: T,
    offset?: number,
    length?: number,
    position?: number | null,
    options?: AbortOptions,
  ): Promise<{ bytesWritten: number; buffer: T }>;
  /** Write text, in UTF-8 if nothing else is said. */
  async write(
    data: string,
    position?: number | null,
    encoding?: BufferEncoding,
  ): Promise<{ bytesWritten: number; buffer: string }>;
  async write(
    data: Uint8Array | string,
    from: number | null = null,
    how?: number | BufferEncoding,
    at: number | null = null,
    options: AbortOptions = {},
  ): Promise<{ bytesWritten: number; buffer: Uint8Array | string }> {
    const text = typeof data === 'string';
    const bytes = text ? Buffer.from(data, typeof how === 'string' ? how : 'utf8') : data;
    const offset = text ? 0 : (from ?? 0);
    const position = text ? from : at;
    const end = offset + (typeof how === 'number' ? how : bytes.length - offset);
    if (offset < 0 || end < offset || end > bytes.length)
      throw new RangeError('range lies outside the buffer');
    for (;;) {
      const n = this.writeNow(bytes, offset, end - offset, position);
      if (n !== -EAGAIN) return { bytesWritten: this.check(n, 'write'), buffer: data };
      await waitReady(this.open('write'), POLLOUT | POLLWRNORM, options.signal, 'write');
    }
  }

  private writeNow(bytes: Uint8Array, offset: number, length: number, position: number | null): number {
    const file = this.open('write');
    if (!file.writable || (file.flags & O_PATH) !== 0) return -EBADF;
    return this.enter(() => {
      if (file.inode.isRegular && length > 0)
        this.vfs.removePrivileges(file.inode, file.path?.mount ?? null, this.cred);
      let at = position ?? file.pos;
      if ((file.flags & O_APPEND) !== 0 && file.inode.isRegular) {
        const e = file.inode.getattr();
        if (e < 0) return e;
        at = file.inode.size;
      }
      const n = file.write(new BytesIo(bytes, offset, length), at);
      if (n > 0) {
        if (file.seekable && (position === null || (file.flags & O_APPEND) !== 0)) file.pos = at + n;
        file.notify(IN_MODIFY);
      }
      return n;
    });
  }

  /** All that follows the present position. */
  async readFile(options?: AbortOptions & { encoding?: null }): Promise<Buffer>;
  async readFile(options: BufferEncoding | (AbortOptions & { encoding: BufferEncoding })): Promise<string>;
  async readFile(
    options: BufferEncoding | (AbortOptions & { encoding?: BufferEncoding | null }) = {},
  ): Promise<Buffer | string> {
    const o = typeof options === 'string' ? { encoding: options } : options;
    const signal = 'signal' in o ? o.signal : undefined;
    const parts: Uint8Array[] = [];
    let total = 0;
    for (;;) {
      signal?.throwIfAborted();
      const file = this.open('read');
      // One byte more than is left shows the end without another piece.
      const room =
        file.inode.isRegular && file.inode.size > file.pos
          ? Math.min(file.inode.size - file.pos + 1, 1 << 26)
          : CHUNK;
      const piece = new Uint8Array(room);
      const { bytesRead } = await this.read(piece, 0, room, null, { signal });
      if (bytesRead === 0) break;
      parts.push(bytesRead === room ? piece : piece.subarray(0, bytesRead));
      total += bytesRead;
    }
    const all = parts.length === 1 ? Buffer.from(parts[0].buffer, 0, total) : Buffer.concat(parts, total);
    return o.encoding ? all.toString(o.encoding) : all;
  }

  /** Write all of `data` from the present position on. */
  async writeFile(
    data: FileContent,
    options: BufferEncoding | (AbortOptions & { encoding?: BufferEncoding }) = {},
  ): Promise<void> {
    const o = typeof options === 'string' ? { encoding: options } : options;
    const signal = 'signal' in o ? o.signal : undefined;
    if (typeof data === 'string' || data instanceof Uint8Array) {
      await this.writeAll(data, o.encoding, signal);
      return;
    }
    for await (const piece of data) await this.writeAll(piece, o.encoding, signal);
  }

  async appendFile(
    data: FileContent,
    options?: BufferEncoding | (AbortOptions & { encoding?: BufferEncoding }),
  ): Promise<void> {
    await this.writeFile(data, options);
  }

  private async writeAll(
    data: string | Uint8Array,
    encoding: BufferEncoding | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data, encoding ?? 'utf8') : data;
    let done = 0;
    while (done < bytes.length) {
      signal?.throwIfAborted();
      const { bytesWritten } = await this.write(bytes, done, bytes.length - done, null, { signal });
      if (bytesWritten === 0) throw new FsError(EINVAL, 'write');
      done += bytesWritten;
    }
  }

  async stat(options?: { bigint?: false }): Promise<Stats>;
  async stat(options: { bigint: true }): Promise<BigIntStats>;
  async stat(options?: { bigint?: boolean }): Promise<Stats | BigIntStats> {
    const file = this.open('fstat');
    const s = new Stat();
    this.check(
      this.enter(() => s.fill(file.inode, file.path === null ? null : file.path.mount)),
      'fstat',
    );
    return options?.bigint ? new BigIntStats(s) : new Stats(s);
  }

  async truncate(length = 0): Promise<void> {
    const file = this.open('ftruncate');
    this.check(
      this.enter(() => this.vfs.ftruncate(file, length)),
      'ftruncate',
    );
  }

  async chmod(mode: number): Promise<void> {
    const file = this.open('fchmod');
    this.check(
      this.enter(() => this.vfs.chmod(file, this.cred, mode)),
      'fchmod',
    );
  }

  async chown(uid: number, gid: number): Promise<void> {
    const file = this.open('fchown');
    this.check(
      this.enter(() => this.vfs.chown(file, this.cred, uid, gid)),
      'fchown',
    );
  }

  async utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    const file = this.open('futime');
    const a = timeOf(atime);
    const m = timeOf(mtime);
    this.check(
      this.enter(() => this.vfs.utimens(file, this.cred, a.sec, a.nsec, m.sec, m.nsec)),
      'futime',
    );
  }

  async getxattr(name: string): Promise<Buffer> {
    const file = this.open('fgetxattr');
    const value = this.enter(() => this.vfs.getxattr(file, this.cred, toByteString(name)));
    if (typeof value === 'number') throw new FsError(value, 'fgetxattr');
    return Buffer.from(value);
  }

  async sync(): Promise<void> {
    const file = this.open('fsync');
    this.check(
      this.enter(() => file.fsync(false)),
      'fsync',
    );
  }

  async datasync(): Promise<void> {
    const file = this.open('fdatasync');
    this.check(
      this.enter(() => file.fsync(true)),
      'fdatasync',
    );
  }

  /** Safe to call again. */
  async close(): Promise<void> {
    const file = this.file;
    if (file === null) return;
    this.file = null;
    const e = this.enter(() => {
      const r = file.flush();
      releaseFile(file);
      return r;
    });
    this.check(e, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What writeFile takes: all at once, or piece by piece. */
export type FileContent =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;
