import { EFAULT, EINVAL, EIO, ENXIO, S_IFREG, SEEK_CUR, SEEK_DATA, SEEK_SET } from '@sandbox/abi';
import { type Credentials, File, type IoBuf } from '@sandbox/vfs';
import { type PseudoFs, PseudoInode } from './inode.js';

/** Content of a generated file: a byte string, bytes, or -errno. */
export type Content = string | Uint8Array | number;

/** The most one write to a control file takes. */
const WRITE_MAX = 4096;

/** A file whose content is made when it is read. */
export abstract class TextInode extends PseudoInode {
  constructor(fs: PseudoFs, mode: number, ino?: number) {
    super(fs, S_IFREG | mode, ino);
  }

  /** Read in one go (Linux: seq_file): no positional writes, no end to seek from. */
  get sequential(): boolean {
    return true;
  }

  /** epoll takes it. */
  get pollable(): boolean {
    return true;
  }

  /** What a reader gets. -errno when there is nothing any more (-ESRCH). */
  abstract content(): Content;

  /** Asked when it is opened: 0 or -errno. */
  mayOpen(_cred: Credentials): number {
    return 0;
  }

  /** A write: all of `bytes` at file position `offset`. Bytes used, or -errno. */
  store(_bytes: Uint8Array, _offset: number, _cred: Credentials): number {
    return -EIO;
  }

  override open(flags: number, cred: Credentials): File | number {
    const e = this.mayOpen(cred);
    return e !== 0 ? e : new TextFile(this, flags, cred);
  }
}

/**
 * An open generated file (Linux: seq_file): the content is made at the first read and whenever somebody reads
 * from the start, and stays the same in between.
 */
export class TextFile extends File {
  private made: Uint8Array | null = null;

  constructor(
    private readonly text: TextInode,
    flags: number,
    private readonly opener: Credentials,
  ) {
    super(text, flags);
  }

  override get seekable(): boolean {
    return true;
  }

  override get positionedWrites(): boolean {
    return !this.text.sequential;
  }

  override get canPoll(): boolean {
    return this.text.pollable;
  }

  override read(io: IoBuf, offset: number): number {
    if (io.remaining === 0) return 0;
    let bytes = this.made;
    if (bytes === null || offset === 0) {
      const c = this.text.content();
      if (typeof c === 'number') return c;
      bytes = this.made = typeof c === 'string' ? Buffer.from(c, 'latin1') : c;
    }
    if (offset >= bytes.length) return 0;
    const n = io.put(bytes, offset, Math.min(bytes.length - offset, io.remaining));
    return n === 0 ? -EFAULT : n;
  }

  override write(io: IoBuf, offset: number): number {
    const length = Math.min(io.remaining, WRITE_MAX);
    const bytes = new Uint8Array(length);
    if (io.get(bytes, 0, length) < length) return -EFAULT;
    return this.text.store(bytes, offset, this.opener);
  }

  override seek(offset: number, whence: number): number {
    if (!this.text.sequential) return super.seek(offset, whence);
    let to = offset;
    if (whence === SEEK_CUR) to += this.pos;
    else if (whence !== SEEK_SET) return -EINVAL;
    if (to < 0) return -EINVAL;
    this.pos = to;
    return to;
  }

  /** The whole of the size it claims is data. */
  protected override seekHole(offset: number, whence: number): number {
    const { size } = this.inode;
    if (offset < 0 || offset >= size) return -ENXIO;
    this.pos = whence === SEEK_DATA ? offset : size;
    return this.pos;
  }
}

/** A file whose content a function gives. */
export class GeneratedFile extends TextInode {
  constructor(
    fs: PseudoFs,
    mode: number,
    private readonly make: () => Content,
    private readonly plain = false,
  ) {
    super(fs, mode);
  }

  override get sequential(): boolean {
    return !this.plain;
  }

  override content(): Content {
    return this.make();
  }
}

/** What a control file makes of a number written to it, or null when it is none. */
export function parseDecimal(text: string): number | null {
  const m = /^\s*([+-]?\d{1,18})\s*(?:\0.*)?$/s.exec(text);
  return m === null ? null : Number(m[1]);
}
