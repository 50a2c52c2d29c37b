import { EFAULT, EFBIG, EIO, S_IFREG } from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { File } from '../core/file.js';
import type { IoBuf } from '../core/io.js';
import type { SyntheticFileSystem } from './filesystem.js';
import { SyntheticInode } from './inode.js';

/** The most bytes one write to a synthetic file may bring. */
const MAX_WRITE = 65536;

/**
 * What a synthetic file holds now: bytes, a byte string, or -errno. `file` is the description it is read
 * through.
 */
export type ContentSource = (file: File) => Uint8Array | string | number;
/** Takes one write: bytes taken or -errno. `offset` is where in the file it was made. */
export type ContentSink = (data: Uint8Array, offset: number, file: File) => number;

/**
 * A regular file whose content is generated when it is read from the start, and kept by the description while
 * it reads on.
 */
export class SyntheticFile extends SyntheticInode {
  constructor(
    fs: SyntheticFileSystem,
    /** Permission bits. */
    permissions: number,
    readonly source: ContentSource | null,
    readonly sink: ContentSink | null = null,
  ) {
    super(fs, S_IFREG | permissions);
  }

  override open(flags: number, _cred: Credentials): File | number {
    return new GeneratedFile(this, flags);
  }
}

/** An open generated file (Linux: seq_file). */
export class GeneratedFile extends File {
  declare readonly inode: SyntheticFile;
  private content: Uint8Array | null = null;

  override get seekable(): boolean {
    return true;
  }

  override read(io: IoBuf, offset: number): number {
    if (offset === 0 || this.content === null) {
      const e = this.generate();
      if (e !== 0) return e;
    }
    const content = this.content!;
    const n = Math.min(io.remaining, content.length - offset);
    if (n <= 0) return 0;
    const done = io.put(content, offset, n);
    return done > 0 ? done : -EFAULT;
  }

  private generate(): number {
    if (this.inode.source === null) return -EIO;
    const made = this.inode.source(this);
    if (typeof made === 'number') return made;
    this.content = typeof made === 'string' ? Buffer.from(made, 'latin1') : made;
    return 0;
  }

  override write(io: IoBuf, offset: number): number {
    if (this.inode.sink === null) return -EIO;
    const n = io.remaining;
    if (n > MAX_WRITE) return -EFBIG;
    const data = new Uint8Array(n);
    if (io.get(data, 0, n) < n) return -EFAULT;
    this.content = null;
    return this.inode.sink(data, offset, this);
  }

  override truncate(_size: number): number {
    return 0;
  }
  override fsync(_dataOnly: boolean): number {
    return 0;
  }
}
