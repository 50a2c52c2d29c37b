import { Readable, Writable } from 'node:stream';
import type { FileHandle } from './file-handle.js';
import type { OpenMode } from './open-mode.js';

export interface ReadStreamOptions {
  flags?: OpenMode;
  encoding?: BufferEncoding;
  mode?: number;
  /** First byte to read. */
  start?: number;
  /** Last byte to read, inclusive as in Node. */
  end?: number;
  highWaterMark?: number;
  signal?: AbortSignal;
}

export interface WriteStreamOptions {
  flags?: OpenMode;
  encoding?: BufferEncoding;
  mode?: number;
  /** Where to begin; without it, where the flags say. */
  start?: number;
  highWaterMark?: number;
  signal?: AbortSignal;
}

/** Ends what a stream waits for when it is destroyed; follows the caller's own signal. */
function stopper(signal: AbortSignal | undefined): { stop: AbortController; all: AbortSignal } {
  const stop = new AbortController();
  return { stop, all: signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]) };
}

/** Read a file that `open` opens when the stream starts. */
export function readStream(open: () => Promise<FileHandle>, options: ReadStreamOptions): Readable {
  const { stop, all } = stopper(options.signal);
  let handle: FileHandle | null = null;
  let at = options.start;
  const end = options.end ?? Number.POSITIVE_INFINITY;
  let left = at === undefined && options.end === undefined ? Number.POSITIVE_INFINITY : end - (at ?? 0) + 1;
  return new Readable({
    encoding: options.encoding,
    highWaterMark: options.highWaterMark ?? 65536,
    signal: options.signal,
    construct(done) {
      open().then(
        (h) => {
          handle = h;
          done();
        },
        (error: Error) => done(error),
      );
    },
    read(size) {
      const piece = new Uint8Array(Math.max(0, Math.min(size, left)));
      if (piece.length === 0) {
        this.push(null);
        return;
      }
      handle!.read(piece, 0, piece.length, at ?? null, { signal: all }).then(
        ({ bytesRead }) => {
          left -= bytesRead;
          if (at !== undefined) at += bytesRead;
          this.push(bytesRead === 0 ? null : piece.subarray(0, bytesRead));
        },
        (error: Error) => {
          if (!stop.signal.aborted) this.destroy(error);
        },
      );
    },
    destroy(error, done) {
      stop.abort();
      closeThen(handle, error, done);
    },
  });
}

function closeThen(
  handle: FileHandle | null,
  error: Error | null,
  done: (error: Error | null) => void,
): void {
  if (handle === null) done(error);
  else
    handle.close().then(
      () => done(error),
      (closeError: Error) => done(error ?? closeError),
    );
}

/** Write a file that `open` opens when the stream starts. */
export function writeStream(open: () => Promise<FileHandle>, options: WriteStreamOptions): Writable {
  const { stop, all } = stopper(options.signal);
  let handle: FileHandle | null = null;
  let at = options.start;
  const writeAll = async (chunk: Uint8Array): Promise<void> => {
    let done = 0;
    while (done < chunk.length) {
      const { bytesWritten } = await handle!.write(chunk, done, chunk.length - done, at ?? null, {
        signal: all,
      });
      done += bytesWritten;
      if (at !== undefined) at += bytesWritten;
    }
  };
  return new Writable({
    decodeStrings: true,
    defaultEncoding: options.encoding ?? 'utf8',
    highWaterMark: options.highWaterMark,
    signal: options.signal,
    construct(done) {
      open().then(
        (h) => {
          handle = h;
          done();
        },
        (error: Error) => done(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(chunk).then(() => done(), done);
    },
    destroy(error, done) {
      stop.abort();
      closeThen(handle, error, done);
    },
  });
}
