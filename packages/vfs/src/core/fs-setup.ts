import type { File } from './file.js';
import type { FileSystem } from './filesystem.js';
import type { Path } from './path.js';

/** One parameter of a file system under construction (fsconfig(2)). Text is a byte string. */
export type FsParam = { readonly key: string } & (
  | { readonly kind: 'flag' }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'blob'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly file: File }
  /** A path to be looked up from `at` (null: the working directory), which it may be itself (`empty`). */
  | { readonly kind: 'path'; readonly text: string; readonly at: Path | null; readonly empty: boolean }
);

/** Messages kept for whoever makes a file system; older ones give way. */
const MESSAGES = 8;

/**
 * What a file system under construction has to say of its parameters (Linux: fc_log), for read(2) of its
 * descriptor.
 */
export class FsLog {
  private readonly lines: string[] = [];

  private add(level: string, text: string): void {
    if (this.lines.length === MESSAGES) this.lines.shift();
    this.lines.push(`${level} ${text}\n`);
  }
  error(text: string): void {
    this.add('e', text);
  }

  /** The oldest message, with its level in front; undefined: there is none. */
  get next(): string | undefined {
    return this.lines[0];
  }
  take(): void {
    this.lines.shift();
  }
}

/** A file system under construction: parameters, one by one, then the file system. */
export interface FsSetup {
  /** 0 or -errno; what is wrong goes to the log. */
  set(param: FsParam): number;
  /** The file system, or -errno. */
  create(source: string): FileSystem | number;
  /** Let go of what it holds, whether there was a file system or not. */
  release(): void;
}
