import { S_IFDIR } from '@sandbox/abi';
import { type File, releaseFile } from '../core/file.js';
import type { Enter } from './file-handle.js';
import { FsError } from './fs-error.js';
import { Dirent } from './stats.js';
import { toText } from './text.js';

export interface DirOptions {
  /** Entries read at a time; default 32. */
  bufferSize?: number;
  /** Those of directories below too; links are not followed. */
  recursive?: boolean;
}

/** Opens a directory below, by a byte string; null when it is gone. */
type OpenBelow = (path: string) => File | null;

interface Level {
  readonly file: File;
  readonly bytes: string;
  readonly text: string;
  pos: number;
}

/** An open directory, read in pieces, as Node's fs.Dir. Iterating closes it. */
export class Dir {
  private readonly levels: Level[] = [];
  private ahead: Dirent[] = [];
  private closed = false;

  constructor(
    /** As it was given to `opendir`. */
    readonly path: string,
    bytes: string,
    file: File,
    private readonly enter: Enter,
    private readonly openBelow: OpenBelow,
    private readonly options: DirOptions,
  ) {
    this.levels.push({ file, bytes, text: path, pos: 0 });
  }

  /** The next entry; null at the end. */
  async read(): Promise<Dirent | null> {
    if (this.closed) throw isClosed();
    if (this.ahead.length === 0) this.enter(() => this.fill());
    return this.ahead.shift() ?? null;
  }

  private fill(): void {
    const room = this.options.bufferSize ?? 32;
    while (this.levels.length > 0 && this.ahead.length === 0) {
      const level = this.levels.at(-1)!;
      const below: string[] = [];
      const e = level.file.readdir(level.pos, (name, _ino, type, next) => {
        if (this.ahead.length >= room) return false;
        level.pos = next;
        if (name === '.' || name === '..') return true;
        this.ahead.push(new Dirent(toText(name), level.text, type << 12));
        if (this.options.recursive && type << 12 === S_IFDIR) below.push(name);
        return true;
      });
      if (e < 0) throw new FsError(e, 'scandir', level.text);
      if (this.ahead.length === 0) releaseFile(this.levels.pop()!.file);
      for (const name of below.reverse()) this.descend(level, name);
    }
  }

  private descend(from: Level, name: string): void {
    const bytes = `${from.bytes}/${name}`;
    const file = this.openBelow(bytes);
    const glue = from.text.endsWith('/') ? '' : '/';
    if (file !== null) this.levels.push({ file, bytes, text: `${from.text}${glue}${toText(name)}`, pos: 0 });
  }

  /** ERR_DIR_CLOSED when it is already. */
  async close(): Promise<void> {
    if (this.closed) throw isClosed();
    this.closed = true;
    this.enter(() => {
      for (const level of this.levels) releaseFile(level.file);
    });
    this.levels.length = 0;
  }

  async *[Symbol.asyncIterator](): AsyncIterableIterator<Dirent> {
    try {
      for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry;
    } finally {
      if (!this.closed) await this.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.closed) await this.close();
  }
}

function isClosed(): Error {
  return Object.assign(new Error('Directory handle was closed'), { code: 'ERR_DIR_CLOSED' });
}
