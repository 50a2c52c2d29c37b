import {
  EFAULT,
  EFBIG,
  EINVAL,
  EIO,
  EOPNOTSUPP,
  EROFS,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  O_ACCMODE,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SEEK_END,
} from '@sandbox/abi';
import { PageCache } from '../cache/page-cache.js';
import type { Credentials } from '../core/credentials.js';
import { File } from '../core/file.js';
import { ATTR_MODE, ATTR_SIZE, newSetAttr } from '../core/inode.js';
import { BytesIo, type IoBuf } from '../core/io.js';
import type { Mappable } from '../core/mappable.js';
import { CHUNK_SIZE } from '../core/page-store.js';
import { modeAfterWrite } from '../core/permission.js';
import { MemfsInode } from './inode.js';
import { PIECE } from './source.js';

/** A regular file of the source: read and written there at once, through descriptors of the source. */
export class MemfsRegular extends MemfsInode {
  private reader = -1;
  private writer = -1;
  /** Open descriptions; with the last one the source's descriptors go. */
  private users = 0;
  private content: MemfsContent | null = null;

  override open(flags: number, _cred: Credentials): File | number {
    const mode = flags & O_ACCMODE;
    if (mode !== O_RDONLY) {
      if (this.fs.readOnly) return -EROFS;
      const fd = this.writeFd();
      if (fd < 0) return fd;
    }
    if (mode !== O_WRONLY) {
      const fd = this.readFd();
      if (fd < 0) return fd;
    }
    this.users++;
    return new MemfsFile(this, flags);
  }

  readFd(): number {
    if (this.reader < 0) {
      const fd = this.openSource(O_RDONLY);
      if (fd < 0) return fd;
      this.reader = fd;
    }
    return this.reader;
  }

  writeFd(): number {
    if (this.writer < 0) {
      const fd = this.openSource(O_RDWR);
      if (fd < 0) return fd;
      this.writer = fd;
      if (this.reader < 0) this.reader = fd;
    }
    return this.writer;
  }

  private openSource(flags: number): number {
    const path = this.path;
    return typeof path === 'number' ? path : this.fs.calls.open(path, flags | O_NOFOLLOW, 0);
  }

  /** Created, and open as `fd` for both. */
  adopt(fd: number): void {
    this.reader = fd;
    this.writer = fd;
    this.users++;
    this.drop();
  }

  /** A description is gone. */
  drop(): void {
    if (--this.users > 0) return;
    this.content?.flush();
    if (this.reader >= 0) this.fs.calls.close(this.reader);
    if (this.writer >= 0 && this.writer !== this.reader) this.fs.calls.close(this.writer);
    this.reader = -1;
    this.writer = -1;
  }

  override evict(): void {
    this.content?.release();
    this.content = null;
    this.fs.uncharge(this.size);
  }

  // Content -------------------------------------------------------------------------------------------------

  override fill(): void {
    const { size, mtimeSec, mtimeNsec } = this;
    super.fill();
    const cached = this.content;
    if (cached === null || cached.empty) return;
    if (this.size < size) cached.afterShrink(this.size);
    if (this.size !== size || this.mtimeSec !== mtimeSec || this.mtimeNsec !== mtimeNsec) {
      cached.invalidate(0, Math.max(this.size, size));
    }
  }

  override get mappable(): Mappable | null {
    return (this.content ??= new MemfsContent(this));
  }

  readAt(io: IoBuf, offset: number): number {
    const fd = this.readFd();
    if (fd < 0) return fd;
    this.flushPages();
    const piece = this.fs.takePiece();
    const n = this.readPieces(fd, io, offset, piece);
    this.fs.givePiece();
    return n;
  }

  private readPieces(fd: number, io: IoBuf, offset: number, piece: Uint8Array): number {
    let done = 0;
    while (io.remaining > 0) {
      const want = Math.min(PIECE, io.remaining);
      const n = this.fs.calls.read(fd, piece, want, offset + done);
      if (n <= 0) return done > 0 ? done : n;
      const put = io.put(piece, 0, n);
      done += put;
      if (put < n) return done > 0 ? done : -EFAULT;
      if (n < want) break;
    }
    return done;
  }

  writeAt(io: IoBuf, offset: number): number {
    const fd = this.writeFd();
    if (fd < 0) return fd;
    if (io.remaining > 0 && offset >= this.fs.maxFileSize) return -EFBIG;
    this.flushPages();
    const piece = this.fs.takePiece();
    const n = this.writePieces(fd, io, offset, piece);
    this.fs.givePiece();
    if (n > 0) this.grown(offset, offset + n);
    return n;
  }

  private writePieces(fd: number, io: IoBuf, offset: number, piece: Uint8Array): number {
    let { size } = this;
    let done = 0;
    while (io.remaining > 0) {
      const at = offset + done;
      const want = Math.min(PIECE, io.remaining, this.fs.maxFileSize - at);
      if (want <= 0) return done;
      const charged = this.fs.chargeGrowth(size, at + want);
      if (charged < 0) return done > 0 ? done : charged;
      size = Math.max(size, at + want);
      const got = io.get(piece, 0, want);
      if (got === 0) return done > 0 ? done : -EFAULT;
      const n = this.writePiece(fd, piece, got, at);
      if (n < 0) return done > 0 ? done : n;
      done += n;
      if (n < want) return done;
    }
    return done;
  }

  private writePiece(fd: number, piece: Uint8Array, length: number, offset: number): number {
    let done = 0;
    while (done < length) {
      const n = this.fs.calls.write(fd, piece.subarray(done), length - done, offset + done);
      if (n <= 0) return done > 0 ? done : n === 0 ? -EIO : n;
      done += n;
    }
    return done;
  }

  /** Bytes start..end-1 were written. */
  private grown(start: number, end: number): void {
    const cached = this.content;
    if (cached !== null && !cached.empty) {
      if (end > this.size) cached.beforeGrowth(this.size);
      cached.invalidate(start, end);
    }
    if (end > this.size) this.size = end;
    this.afterOwnChange();
  }

  /** Times and size after our own change, which is not another's to the page cache. */
  private afterOwnChange(): void {
    const cached = this.content;
    this.content = null;
    this.touched(true);
    this.content = cached;
  }

  protected override resize(size: number): number {
    if (size > this.fs.maxFileSize) return -EFBIG;
    const fd = this.writer >= 0 ? this.writer : this.openSource(O_RDWR);
    if (fd < 0) return fd;
    this.flushPages();
    let r = this.fs.chargeGrowth(this.size, size);
    if (r === 0) r = this.fs.calls.truncate(fd, size);
    if (fd !== this.writer) this.fs.calls.close(fd);
    if (r < 0) return r;
    const cached = this.content;
    const old = this.size;
    this.size = size;
    if (cached !== null && !cached.empty) {
      if (size > old) cached.beforeGrowth(old);
      else cached.afterShrink(size);
    }
    if (size < old) this.fs.uncharge(old - size);
    this.afterOwnChange();
    return 0;
  }

  override fallocate(mode: number, offset: number, length: number): number {
    if (this.fs.readOnly) return -EROFS;
    if (mode === 0) return offset + length > this.size ? this.resize(offset + length) : 0;
    if (mode !== (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
    const end = Math.min(this.size, offset + length);
    if (end <= offset) return 0;
    const io = new ZerosIo(end - offset);
    const n = this.writeAt(io, offset);
    return n < 0 ? n : n < end - offset ? -EIO : 0;
  }

  flushPages(): number {
    if (this.content === null || this.content.dirtyPages === 0) return 0;
    const r = this.content.flush();
    this.afterOwnChange();
    return r;
  }

  fsync(): number {
    const r = this.flushPages();
    return r < 0 || this.writer < 0 ? r : this.fs.calls.fsync(this.writer);
  }
}

/** A caller who writes zeros. */
class ZerosIo extends BytesIo {
  constructor(length: number) {
    super();
    this.remaining = length;
  }
  override get(dst: Uint8Array, offset: number, length: number): number {
    const n = Math.min(length, this.remaining);
    dst.fill(0, offset, offset + n);
    this.remaining -= n;
    return n;
  }
}

/** Pages of a mapped file. */
class MemfsContent extends PageCache {
  constructor(private readonly inode: MemfsRegular) {
    super(inode.fs.env.pages, inode.fs.budget, true);
  }
  protected override get fileSize(): number {
    return this.inode.size;
  }
  protected override fillFrom(storeOffset: number, fileOffset: number, length: number): number {
    const { fs } = this.inode;
    const fd = this.inode.readFd();
    if (fd < 0) return fd;
    const chunk = this.store.chunk(storeOffset);
    const at = storeOffset % CHUNK_SIZE;
    const piece = fs.takePiece();
    let done = 0;
    let n = 1;
    while (done < length && n > 0) {
      n = fs.calls.read(fd, piece, Math.min(PIECE, length - done), fileOffset + done);
      if (n <= 0) break;
      chunk.set(piece.subarray(0, n), at + done);
      done += n;
    }
    fs.givePiece();
    return n < 0 ? n : done;
  }

  protected override writeTo(storeOffset: number, fileOffset: number, length: number): number {
    const { fs } = this.inode;
    const fd = this.inode.writeFd();
    if (fd < 0) return fd;
    const chunk = this.store.chunk(storeOffset);
    const from = storeOffset % CHUNK_SIZE;
    const piece = fs.takePiece();
    let done = 0;
    let n = 1;
    while (done < length && n > 0) {
      const part = Math.min(PIECE, length - done);
      piece.set(chunk.subarray(from + done, from + done + part));
      n = fs.calls.write(fd, piece, part, fileOffset + done);
      if (n > 0) done += n;
    }
    fs.givePiece();
    return n < 0 ? n : n === 0 ? -EIO : 0;
  }

  protected override beforeMappedWrite(): number {
    if (this.inode.fs.readOnly) return -EROFS;
    this.inode.fs.unsynced.add(this.inode);
    return 0;
  }
}

const attr = newSetAttr();

/** An open regular file of the source. */
class MemfsFile extends File {
  declare readonly inode: MemfsRegular;

  override get seekable(): boolean {
    return true;
  }
  override read(io: IoBuf, offset: number): number {
    return this.inode.readAt(io, offset);
  }
  override write(io: IoBuf, offset: number): number {
    const n = this.inode.writeAt(io, offset);
    if (n > 0 && modeAfterWrite(this.inode, this.cred) !== this.inode.mode) {
      attr.valid = ATTR_MODE;
      attr.mode = modeAfterWrite(this.inode, this.cred);
      this.inode.setattr(attr);
    }
    return n;
  }
  override seek(offset: number, whence: number): number {
    if (whence === SEEK_END) this.inode.getattr();
    return super.seek(offset, whence);
  }
  override fsync(_dataOnly: boolean): number {
    return this.inode.fsync();
  }
  override truncate(size: number): number {
    if (!this.writable) return -EINVAL;
    attr.valid = ATTR_SIZE;
    attr.size = size;
    return this.inode.setattr(attr);
  }
  override release(): void {
    this.inode.drop();
  }
}
