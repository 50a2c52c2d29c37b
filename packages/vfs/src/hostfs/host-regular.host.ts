import {
  EACCES,
  EBADF,
  EFAULT,
  EFBIG,
  EINTR,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EROFS,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  O_ACCMODE,
  O_APPEND,
  O_DSYNC,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from '@sandbox/abi';
import {
  hostFallocate,
  hostFsync,
  hostLseek,
  hostPread,
  hostPwrite,
  hostTruncate,
  TRANSFER_SIZE,
  transferAddress,
  transferBytes,
} from '@sandbox/native';
import type { Credentials } from '../core/credentials.js';
import type { File } from '../core/file.js';
import type { IoBuf } from '../core/io.js';
import type { Mappable } from '../core/mappable.js';
import { CHUNK_SIZE } from '../core/page-store.js';
import { HostContent } from './host-content.host.js';
import type { HostDirectory } from './host-directory.host.js';
import type { HostFd } from './host-fds.host.js';
import { HostFile } from './host-file.host.js';
import { HostInode } from './host-inode.host.js';

/** Reads at least this long of content that is not cached go straight to the caller's memory. */
const DIRECT_READ = 65536;
/** Windows shorter than this are not worth a host call each. */
const LEAST_WINDOW = 16384;

/** A regular host file: descriptors opened when needed, pages cached while the budget allows. */
export class HostRegular extends HostInode {
  /** Open for reading; the same as `writer` where one descriptor does both. */
  private reader: HostFd | null = null;
  private writer: HostFd | null = null;
  private content: HostContent | null = null;
  /** The host let us open it once: in a tree nobody else changes it will again. */
  private mayRead = false;
  private mayWrite = false;
  /** -errno of a failed write-back, for the next fsync. */
  private writeError = 0;

  // Descriptors ---------------------------------------------------------------------------------------------

  override openFd(): number {
    if (this.reader?.open) return this.reader.fd;
    return this.writer?.open ? this.writer.fd : -1;
  }

  /** A host descriptor to read by, or -errno. */
  readFd(): number {
    const known = this.reader;
    if (known?.open) {
      this.fs.access.fds.touch(known);
      return known.fd;
    }
    const fd = this.fs.access.openFile(this, O_RDONLY);
    if (fd < 0) return fd;
    this.reader = this.fs.access.fds.add(fd);
    this.mayRead = true;
    return fd;
  }

  /** A host descriptor to write by, or -errno. */
  writeFd(): number {
    const known = this.writer;
    if (known?.open) {
      this.fs.access.fds.touch(known);
      return known.fd;
    }
    let fd = this.fs.access.openFile(this, O_RDWR);
    const both = fd >= 0;
    if (fd === -EACCES) fd = this.fs.access.openFile(this, O_WRONLY);
    if (fd < 0) return fd;
    this.setWriter(fd, both);
    return fd;
  }

  private setWriter(fd: number, both: boolean): void {
    const { fds } = this.fs.access;
    this.writer = fds.add(fd);
    this.mayWrite = true;
    if (!both) return;
    if (this.reader !== null) fds.close(this.reader);
    this.reader = this.writer;
    this.mayRead = true;
  }

  /** Just created with `fd` open for both. */
  adopt(fd: number): void {
    this.setWriter(fd, true);
  }

  /**
   * Its name in `parent` is about to go: keep a descriptor if it is in use and that is the only way to it.
   */
  beforeUnlink(parent: HostDirectory, name: string): number {
    if (this.pins === 0 || !this.isLastName(parent, name)) return 0;
    let fd = this.fs.readOnly ? this.readFd() : this.writeFd();
    if (fd < 0 && !this.fs.readOnly) fd = this.readFd();
    // Cannot be opened, so nobody has read it either.
    if (fd < 0) return 0;
    return this.pin();
  }

  /** Keep its descriptors: there is no other way to it. 0 or -ENFILE. */
  pin(): number {
    for (const h of [this.reader, this.writer]) {
      const r = h?.open ? this.fs.access.fds.pin(h) : 0;
      if (r < 0) return r;
    }
    return 0;
  }

  /** It has a name by which it can be opened again. */
  unpin(): void {
    for (const h of [this.reader, this.writer]) if (h !== null) this.fs.access.fds.unpin(h);
  }

  override evict(): void {
    this.content?.release();
    this.content = null;
    this.fs.forgetWritten(this);
    this.closeFds();
  }

  private closeFds(): void {
    const { fds } = this.fs.access;
    if (this.reader !== null) fds.close(this.reader);
    if (this.writer !== null) fds.close(this.writer);
    this.reader = null;
    this.writer = null;
  }

  override open(flags: number, _cred: Credentials): File | number {
    const mode = flags & O_ACCMODE;
    const writes = mode === O_WRONLY || mode === O_RDWR;
    if (writes) {
      if (this.fs.readOnly) return -EROFS;
      const fd = this.mayWrite && this.fs.exclusive ? 0 : this.writeFd();
      if (fd < 0) return fd;
    }
    if (mode !== O_WRONLY && !(this.mayRead && this.fs.exclusive)) {
      const fd = this.readFd();
      if (fd < 0) return fd;
    }
    return new HostFile(this, flags);
  }

  // Reading -------------------------------------------------------------------------------------------------

  override fill(): void {
    const { size, mtimeSec, mtimeNsec } = this;
    super.fill();
    const cached = this.content;
    if (cached === null || cached.empty || this.fs.exclusive) return;
    if (this.size < size) cached.afterShrink(this.size);
    if (this.size !== size || this.mtimeSec !== mtimeSec || this.mtimeNsec !== mtimeNsec) {
      cached.invalidate(0, Math.max(this.size, size));
    }
  }

  /**
   * What the content depends on, where only its owner changes files, by the ordinary calls: they set ctime.
   */
  get contentKey(): string {
    const { hostDev, inoHi, inoLo, size, ctimeSec, ctimeNsec } = this;
    return `${hostDev}:${inoHi}:${inoLo}:${size}:${ctimeSec}:${ctimeNsec}`;
  }

  override get mappable(): Mappable | null {
    return this.pages();
  }

  private pages(): HostContent {
    return (this.content ??= new HostContent(this));
  }

  /** Read at `offset`. Bytes, 0 at the end, or -errno. */
  readAt(io: IoBuf, offset: number): number {
    const cached = this.content;
    const mapped = cached !== null && cached.mapped;
    if (!this.fs.exclusive) {
      if (!mapped) return this.readDirect(io, offset, io.remaining);
      const r = this.refresh();
      if (r < 0) return r;
    }
    if (offset >= this.size) return 0;
    const length = Math.min(io.remaining, this.size - offset);
    if (length >= DIRECT_READ && !mapped && (cached === null || cached.locate(offset) < 0)) {
      return this.readDirect(io, offset, length);
    }
    const n = this.pages().read(io, offset, length);
    return n === -ENOMEM ? this.readDirect(io, offset, length) : n;
  }

  /** From the host to the caller's memory. */
  private readDirect(io: IoBuf, offset: number, length: number): number {
    const fd = this.readFd();
    if (fd < 0) return fd;
    let done = 0;
    while (done < length) {
      const window = io.window(length - done, true);
      if (window === 0) return done > 0 ? done : -EFAULT;
      const address = io.hostAddress;
      const direct = address !== 0 && (window >= LEAST_WINDOW || window === length - done);
      const want = direct ? window : Math.min(TRANSFER_SIZE, length - done);
      const n = hostPread(fd, direct ? address : transferAddress, want, offset + done);
      if (n === -EINTR) continue;
      if (n <= 0) return done > 0 ? done : n;
      if (direct) io.advance(n);
      else {
        const put = io.put(transferBytes, 0, n);
        if (put < n) return done + put > 0 ? done + put : -EFAULT;
      }
      done += n;
      if (n < want) return done;
    }
    return done;
  }

  // Writing: through to the host at once --------------------------------------------------------------------

  /** Write at `offset`. Bytes, or -errno when none were taken. */
  writeAt(io: IoBuf, offset: number, flags: number): number {
    if ((flags & O_APPEND) !== 0 && !this.fs.exclusive) {
      const r = this.refresh();
      if (r < 0) return r;
      offset = this.size;
    }
    const fd = this.writeFd();
    if (fd < 0) return fd;
    const cached = this.content;
    if (cached !== null && offset > 0 && offset + io.remaining > this.size) cached.beforeGrowth(this.size);
    let n = 0;
    if (cached === null || cached.empty) n = this.writeDirect(fd, io, offset, io.remaining);
    else {
      cached.enter();
      n = this.writeThrough(cached, io, offset);
      cached.leave();
    }
    if (n > 0) {
      if (offset + n > this.size) this.size = offset + n;
      this.stale = true;
      this.fs.noteWritten(this);
      if (!this.fs.exclusive && cached !== null) this.noteOwnChange();
      if ((flags & O_DSYNC) !== 0) {
        const r = hostFsync(fd, true);
        if (r < 0) return r;
      }
    }
    return n;
  }

  /** Our own change must not look like another's to `fill`. */
  private noteOwnChange(): void {
    const cached = this.content;
    this.content = null;
    this.refresh();
    this.content = cached;
  }

  private writeDirect(fd: number, io: IoBuf, offset: number, length: number): number {
    let done = 0;
    while (done < length) {
      const window = io.window(length - done, false);
      if (window === 0) return done > 0 ? done : -EFAULT;
      const address = io.hostAddress;
      const direct = address !== 0 && (window >= LEAST_WINDOW || window === length - done);
      let want = window;
      if (!direct) {
        want = io.get(transferBytes, 0, Math.min(TRANSFER_SIZE, length - done));
        if (want === 0) return done > 0 ? done : -EFAULT;
      }
      const n = this.writeAll(fd, direct ? address : transferAddress, want, offset + done);
      if (n < 0) return done > 0 ? done : n;
      if (direct) io.advance(n);
      done += n;
      if (n < want) return done;
    }
    return done;
  }

  /** pwrite(2) until all is taken or the host refuses. */
  private writeAll(fd: number, address: number, length: number, offset: number): number {
    let done = 0;
    while (done < length) {
      const n = hostPwrite(fd, address + done, length - done, offset + done);
      if (n === -EINTR) continue;
      if (n < 0) return done > 0 ? done : n;
      done += n;
    }
    return done;
  }

  /** Blocks that are present change here first, so that the host gets what readers here see. */
  private writeThrough(cached: HostContent, io: IoBuf, offset: number): number {
    const length = io.remaining;
    let done = 0;
    while (done < length) {
      const at = offset + done;
      const want = Math.min(length - done, DIRECT_READ - (at % DIRECT_READ));
      const fd = this.writeFd();
      if (fd < 0) return done > 0 ? done : fd;
      const place = cached.locate(at);
      let n = 0;
      if (place < 0) n = this.writeDirect(fd, io, at, want);
      else {
        const got = io.get(this.fs.env.pages.chunk(place), place % CHUNK_SIZE, want);
        n = got === 0 ? -EFAULT : this.writePlace(fd, place, got, at);
        // What the host refused must not stay readable here.
        if (n < got) cached.invalidate(at, at + want);
      }
      if (n < 0) return done > 0 ? done : n;
      done += n;
      if (n < want) return done;
    }
    return done;
  }

  private writePlace(fd: number, place: number, length: number, offset: number): number {
    const address = this.fs.env.pages.hostAddress(place);
    if (address !== 0) return this.writeAll(fd, address, length, offset);
    const at = place % CHUNK_SIZE;
    transferBytes.set(this.fs.env.pages.chunk(place).subarray(at, at + length));
    return this.writeAll(fd, transferAddress, length, offset);
  }

  override resize(size: number): number {
    const fd = this.writeFd();
    if (fd < 0) return fd;
    const cached = this.content;
    if (cached !== null && size > this.size) cached.beforeGrowth(this.size);
    const r = hostTruncate(fd, size);
    if (r < 0) return r === -EINVAL ? -EFBIG : r;
    const shrinks = size < this.size;
    this.size = size;
    if (cached !== null) {
      if (shrinks) cached.afterShrink(size);
      this.noteOwnChange();
    }
    this.stale = true;
    return 0;
  }

  override fallocate(mode: number, offset: number, length: number): number {
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0) return -EOPNOTSUPP;
    if (this.fs.readOnly) return -EROFS;
    const fd = this.writeFd();
    if (fd < 0) return fd;
    const cached = this.content;
    if (cached !== null) {
      const flushed = cached.flush();
      if (flushed < 0) return flushed;
      cached.beforeGrowth(this.size);
    }
    const r = hostFallocate(fd, mode, offset, length);
    if (r < 0) return r;
    if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0) cached?.invalidate(offset, offset + length);
    this.noteOwnChange();
    return 0;
  }

  // Mapped writes -------------------------------------------------------------------------------------------

  beforeMappedWrite(): number {
    if (this.fs.readOnly) return -EROFS;
    this.fs.unsynced.add(this);
    this.fs.noteWritten(this);
    this.stale = true;
    return 0;
  }

  /** A write-back failed: remember, so that fsync reports it. */
  failed(error: number): number {
    this.writeError = error;
    return error;
  }

  /** Write back what mappings changed. 0 or -errno. */
  flushPages(): number {
    if (this.content === null || this.content.dirtyPages === 0) return 0;
    const r = this.content.flush();
    this.fs.unsynced.delete(this);
    if (!this.fs.exclusive) this.noteOwnChange();
    return r;
  }

  fsync(dataOnly: boolean): number {
    const flushed = this.flushPages();
    const error = this.writeError;
    this.writeError = 0;
    if (error < 0) return error;
    if (flushed < 0 || this.fs.readOnly) return flushed;
    let fd = this.openFd();
    if (fd < 0) fd = this.readFd();
    if (fd === -EACCES) fd = this.writeFd();
    return fd < 0 ? fd : hostFsync(fd, dataOnly);
  }

  /** SEEK_DATA, SEEK_HOLE. */
  seekHole(offset: number, whence: number): number {
    this.flushPages();
    const fd = this.readFd();
    return fd < 0 ? (fd === -EACCES ? -EBADF : fd) : hostLseek(fd, offset, whence);
  }
}
