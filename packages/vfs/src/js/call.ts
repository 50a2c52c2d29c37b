import { EAGAIN, EIO } from '@sandbox/abi';
import { errnoOf } from '../core/error-codes.js';
import type { MountEnvironment } from '../core/filesystem.js';
import type { JsFileHandlers } from './ops.js';

/** Bytes read, a count or -errno. */
export type Outcome = Uint8Array | number;

/** A call of a handler whose answer is not there yet, or has not been fetched. */
export class Call {
  /** null: still open. */
  answer: Outcome | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    /** What was asked, so that the same call made again finds its answer. */
    readonly kind: 'read' | 'write' | 'ioctl',
    readonly at: number,
    readonly length: number,
    private readonly abort: AbortController,
  ) {}

  answers(kind: Call['kind'], at: number, length: number): boolean {
    return this.kind === kind && this.at === at && this.length === length;
  }

  /**
   * `made` is on its way: `done` runs, as work of the kernel's, when it is there or `timeout` ms have passed.
   */
  follow(
    made: PromiseLike<unknown>,
    timeout: number | undefined,
    env: MountEnvironment,
    read: (value: unknown) => Outcome,
    done: () => void,
  ): void {
    const finish = (answer: Outcome): void => {
      if (this.answer !== null) return;
      this.answer = answer;
      this.stopTimer();
      if (env.enter === undefined) done();
      else env.enter(done);
    };
    if (timeout !== undefined) {
      this.timer = setTimeout(() => {
        this.abort.abort();
        finish(-EIO);
      }, timeout);
    }
    made.then(
      (value) => finish(read(value)),
      (error: unknown) => finish(errnoOf(error)),
    );
  }

  /** Nobody wants the answer any more. */
  drop(): void {
    this.stopTimer();
    if (this.answer !== null) return;
    this.answer = -EIO;
    this.abort.abort();
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** What a handler that read gave, as bytes. Nonsense is EIO. */
export function bytesOf(value: unknown): Outcome {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  return value instanceof Uint8Array ? value : -EIO;
}

/** What a handler gave as a count or result; nothing is `nothing`. */
export function countOf(value: unknown, nothing: number): number {
  if (value === undefined) return nothing;
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : -EIO;
}

/** -errno of what a handler threw. Only one with a `poll` can say when to try again. */
export function thrown(error: unknown, handlers: JsFileHandlers): number {
  const waits =
    handlers.poll !== undefined && (error as { code?: unknown } | null | undefined)?.code === 'EAGAIN';
  return waits ? -EAGAIN : errnoOf(error);
}
