import {
  EDQUOT,
  EFAULT,
  EFBIG,
  EINVAL,
  ENOSPC,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  SEEK_DATA,
} from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { File, type IoctlCaller } from '../core/file.js';
import { ATTR_SIZE } from '../core/inode.js';
import type { IoBuf } from '../core/io.js';
import type { Mappable, MappingObserver } from '../core/mappable.js';
import { CHUNK_SIZE, PAGE_SIZE } from '../core/page-store.js';
import type { Quotas } from '../core/quota.js';
import { type Extent, ExtentMap, type PageBudget } from './extents.js';
import { ioctlFlags } from './flags.js';
import { TmpfsInode } from './inode.js';

/** Up to here content can be written: below 2^53, where offsets are exact numbers. */
export const TMPFS_MAX_SIZE = 2 ** 52;
/**
 * Up to here a file can be made longer, as on Linux (MAX_LFS_FILESIZE, but for the byte a double does not
 * know).
 */
const MAX_LENGTH = 2 ** 63;

/** Pages of a write from which on the store may do better than a copy. */
const BULK_PAGES = 16;

/** Pages that count to the owners of a file as well. */
class OwnedPages implements PageBudget {
  refusal = ENOSPC;

  constructor(
    private readonly file: TmpfsInode,
    private readonly quotas: Quotas,
  ) {}

  reserve(pages: number): boolean {
    const { tmpfs, uid, gid } = this.file;
    this.refusal = ENOSPC;
    if (!tmpfs.reserve(pages)) return false;
    if (this.quotas.charge(uid, gid, pages * PAGE_SIZE, 0) === 0) return true;
    tmpfs.unreserve(pages);
    this.refusal = EDQUOT;
    return false;
  }

  unreserve(pages: number): void {
    const { tmpfs, uid, gid } = this.file;
    tmpfs.unreserve(pages);
    this.quotas.uncharge(uid, gid, pages * PAGE_SIZE, 0);
  }
}

/** A regular tmpfs file: pages in the store, mappable where they lie. */
export class TmpfsRegular extends TmpfsInode implements Mappable {
  /** Where the content lies; null while there was none. */
  private extents: ExtentMap | null = null;
  private observers: MappingObserver[] | null = null;
  /** memfd_create(2) seals; ordinary files cannot be sealed. */
  seals = F_SEAL_SEAL;
  /** Shared writable mappings, which F_SEAL_WRITE must refuse (kept by the memory manager). */
  writableMappings = 0;
  runLength = 0;

  private get budget(): PageBudget {
    const { quotas } = this.tmpfs;
    return quotas === null ? this.tmpfs : new OwnedPages(this, quotas);
  }

  private get map(): ExtentMap {
    return (this.extents ??= new ExtentMap(this.tmpfs.env.pages, this.budget));
  }

  override open(flags: number, _cred: Credentials): File | number {
    return new TmpfsFile(this, flags);
  }

  override get mappable(): Mappable | null {
    return this;
  }

  // Content -------------------------------------------------------------------------------------------------

  /** Bytes read at `offset`; 0 at the end; -EFAULT when the caller's memory took none. */
  readAt(io: IoBuf, offset: number): number {
    const store = this.tmpfs.env.pages;
    const end = Math.min(this.size, offset + io.remaining);
    let pos = offset;
    while (pos < end) {
      const page = Math.floor(pos / PAGE_SIZE);
      const within = pos - page * PAGE_SIZE;
      const e = this.map.find(page);
      let want: number;
      let done: number;
      if (e === null) {
        want = Math.min(end, this.map.nextData(page) * PAGE_SIZE) - pos;
        done = io.putZeros(want);
      } else {
        const i = page - e.start;
        want = Math.min(end - pos, (e.scan(i, false) - i) * PAGE_SIZE - within);
        const at = e.offset + i * PAGE_SIZE + within;
        done = io.put(store.chunk(at), at % CHUNK_SIZE, want);
      }
      pos += done;
      if (done < want) break;
    }
    return pos > offset || end <= offset ? Math.max(0, pos - offset) : -EFAULT;
  }

  /** Bytes written at `offset`, possibly fewer, or -ENOSPC, -EFBIG, -EFAULT, -EPERM (sealed). */
  writeAt(io: IoBuf, offset: number): number {
    if (io.remaining === 0) return 0;
    if (offset >= TMPFS_MAX_SIZE) return -EFBIG;
    let end = Math.min(offset + io.remaining, TMPFS_MAX_SIZE);
    if ((this.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return -EPERM;
    if ((this.seals & F_SEAL_GROW) !== 0 && end > this.size) {
      // Linux refuses page by page: the piece that crosses the end of the file is not written at all.
      end = Math.floor(this.size / PAGE_SIZE) * PAGE_SIZE;
      if (offset >= end) return -EPERM;
    }
    let pos = offset;
    let error = 0;
    while (pos < end) {
      const done = this.writeRun(io, pos, end);
      if (done <= 0) {
        error = done;
        break;
      }
      pos += done;
    }
    if (pos > this.size) this.size = pos;
    this.blocks = this.map.used * 8;
    if (pos > offset) this.touchMtime();
    return pos > offset ? pos - offset : error === 0 ? -EFAULT : error;
  }

  /** Write within one extent. Bytes, 0 when the caller's memory faulted, or -ENOSPC. */
  private writeRun(io: IoBuf, pos: number, end: number): number {
    const page = Math.floor(pos / PAGE_SIZE);
    const within = pos - page * PAGE_SIZE;
    const wantPages = Math.ceil((within + (end - pos)) / PAGE_SIZE);
    const e = this.map.storageFor(page, wantPages);
    if (typeof e === 'number') return e;
    const fresh =
      wantPages >= BULK_PAGES && e.countPresent(page - e.start, Math.min(wantPages, e.end - page)) === 0;
    const pages = this.map.fill(e, page, wantPages);
    if (pages < 0) return pages;
    const n = Math.min(end - pos, pages * PAGE_SIZE - within);
    const at = e.offset + (page - e.start) * PAGE_SIZE + within;
    if (fresh && n >= BULK_PAGES * PAGE_SIZE) {
      const stored = this.storeBulk(io, at, n);
      if (stored > 0) return stored;
    }
    return io.get(this.tmpfs.env.pages.chunk(at), at % CHUNK_SIZE, n);
  }

  /**
   * A large write to untouched pages, by the store's own call where it has one. Bytes; 0 when it cannot be
   * done that way.
   */
  private storeBulk(io: IoBuf, at: number, length: number): number {
    const store = this.tmpfs.env.pages;
    if (!store.storeFrom) return 0;
    let done = 0;
    while (done < length) {
      const n = io.window(length - done, false);
      if (n === 0 || io.hostAddress === 0) break;
      const stored = store.storeFrom(at + done, io.hostAddress, n);
      if (stored <= 0) break;
      io.advance(stored);
      done += stored;
    }
    return done;
  }

  protected override setSize(size: number): number {
    const old = this.size;
    if (size > MAX_LENGTH) return -EFBIG;
    if (size < old && (this.seals & F_SEAL_SHRINK) !== 0) return -EPERM;
    if (size > old && (this.seals & F_SEAL_GROW) !== 0) return -EPERM;
    if (size <= old) {
      this.size = size;
      // Pages reserved behind the end (FALLOC_FL_KEEP_SIZE) go even when the size stays.
      this.dropPages(Math.ceil(size / PAGE_SIZE), Math.ceil(old / PAGE_SIZE));
      this.zeroPart(size, Math.ceil(size / PAGE_SIZE) * PAGE_SIZE);
      if (size === old) return 0;
    } else {
      // What a mapping stored behind the old end must not come to light.
      this.zeroPart(old, Math.ceil(old / PAGE_SIZE) * PAGE_SIZE);
      this.size = size;
    }
    this.touchMtime();
    return 0;
  }

  /** Free all storage from page `first` on; mappings of pages up to `end`, where the file ended, first. */
  private dropPages(first: number, end: number): void {
    if (first < end && this.observers !== null) for (const o of this.observers) o.invalidate(first, end);
    if (this.extents === null) return;
    this.extents.free(first, Number.POSITIVE_INFINITY);
    this.blocks = this.extents.used * 8;
  }

  /** Clear bytes [from, to) within one page; a hole stays one. */
  private zeroPart(from: number, to: number): void {
    if (from >= to || this.extents === null) return;
    const page = Math.floor(from / PAGE_SIZE);
    const e = this.map.find(page);
    if (e === null) return;
    const at = e.offset + (page - e.start) * PAGE_SIZE + (from - page * PAGE_SIZE);
    const i = at % CHUNK_SIZE;
    this.tmpfs.env.pages.chunk(at).fill(0, i, i + (to - from));
  }

  override fallocate(mode: number, offset: number, length: number): number {
    const known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
    if ((mode & ~known) !== 0) return -EOPNOTSUPP;
    const end = offset + length;
    if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0) {
      if ((this.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return -EPERM;
      this.punch(offset, end);
      return 0;
    }
    if (end > TMPFS_MAX_SIZE) return -EFBIG;
    if ((this.seals & F_SEAL_GROW) !== 0 && end > this.size) return -EPERM;
    const e = this.preallocate(Math.floor(offset / PAGE_SIZE), Math.ceil(end / PAGE_SIZE));
    if (e !== 0) return e;
    if ((mode & FALLOC_FL_KEEP_SIZE) === 0 && end > this.size) this.size = end;
    this.touchMtime();
    return 0;
  }

  /** Pages of [first, end) that exist. */
  pagesPresent(first: number, end: number): number {
    let n = 0;
    for (let at = this.map.nextData(first); at < end; ) {
      const hole = Math.min(end, this.map.nextHole(at));
      n += hole - at;
      at = this.map.nextData(hole);
    }
    return n;
  }

  private punch(offset: number, end: number): void {
    const first = Math.ceil(offset / PAGE_SIZE);
    const last = Math.floor(end / PAGE_SIZE);
    if (first > last) {
      this.zeroPart(offset, end);
    } else {
      this.zeroPart(offset, first * PAGE_SIZE);
      if (first < last) {
        if (this.observers !== null) for (const o of this.observers) o.invalidate(first, last);
        this.map.free(first, last);
        this.blocks = this.map.used * 8;
      }
      this.zeroPart(last * PAGE_SIZE, end);
    }
    this.touchMtime();
  }

  /** Make pages [first, end) present; when room runs out, those that were added go again. */
  private preallocate(first: number, end: number): number {
    if (end - first > this.tmpfs.freePages + this.map.used) return -ENOSPC;
    // Reserving a page that is reserved already makes it data to lseek, as in shmem_get_folio_gfp.
    this.map.markWritten(first, end - first);
    const added: { from: number; to: number }[] = [];
    let error = 0;
    for (let page = this.map.nextHole(first); page < end && error === 0; page = this.map.nextHole(page)) {
      const to = Math.min(end, this.map.nextData(page));
      const run = { from: page, to: page };
      added.push(run);
      while (run.to < to) {
        const e = this.map.storageFor(run.to, Math.min(to - run.to, 4096));
        const n = typeof e === 'number' ? e : this.map.fill(e, run.to, to - run.to, true);
        if (n < 0) {
          error = n;
          break;
        }
        run.to += n;
      }
    }
    if (error !== 0) for (const run of added) this.map.free(run.from, run.to);
    this.blocks = this.map.used * 8;
    return error;
  }

  /** SEEK_DATA, SEEK_HOLE: -ENXIO behind the end. */
  seekHole(offset: number, whence: number): number {
    if (offset < 0 || offset >= this.size) return -ENXIO;
    const page = Math.floor(offset / PAGE_SIZE);
    if (whence === SEEK_DATA) {
      const at = this.map.seekData(page) * PAGE_SIZE;
      return at >= this.size ? -ENXIO : Math.max(offset, at);
    }
    return Math.max(offset, Math.min(this.size, this.map.seekHole(page) * PAGE_SIZE));
  }

  // Mappable ------------------------------------------------------------------------------------------------

  translate(index: number, max: number, write: boolean): number {
    if (index * PAGE_SIZE >= this.size) return -EFAULT;
    max = Math.min(max, Math.ceil(this.size / PAGE_SIZE) - index);
    let e: Extent | null = this.map.find(index);
    if (e === null) {
      // A read of a hole allocates too: the page must have a place before it can be mapped.
      const got = this.map.storageFor(index, 1, true);
      if (typeof got === 'number') return got;
      const n = this.map.fill(got, index, 1);
      if (n < 0) return n;
      this.blocks = this.map.used * 8;
      e = got;
    }
    if (write) this.touchMtime();
    this.runLength = this.map.run(index, max);
    this.map.markWritten(index, this.runLength);
    return e.offset + (index - e.start) * PAGE_SIZE;
  }

  /** Pages the file has, holes among them. */
  get pages(): number {
    return Math.ceil(this.size / PAGE_SIZE);
  }

  /** Store offset of page `index`; -1: it is a hole. */
  placeOf(index: number): number {
    const e = this.extents === null ? null : this.extents.find(index);
    return e === null ? -1 : e.offset + (index - e.start) * PAGE_SIZE;
  }

  addObserver(observer: MappingObserver): void {
    this.observers ??= [];
    if (!this.observers.includes(observer)) this.observers.push(observer);
  }

  removeObserver(observer: MappingObserver): void {
    const i = this.observers?.indexOf(observer) ?? -1;
    if (i >= 0) this.observers!.splice(i, 1);
    if (this.observers?.length === 0) this.observers = null;
  }

  syncPages(_first: number, _end: number): number {
    return 0;
  }

  /** The last writer closed it: storage taken ahead goes back. */
  trim(): void {
    this.extents?.trim();
  }

  override evict(): void {
    this.extents?.free(0, Number.POSITIVE_INFINITY);
    this.blocks = 0;
    super.evict();
  }

  /** Extents in use, for tests and diagnosis. */
  get extentCount(): number {
    return this.extents === null ? 0 : this.extents.extentCount;
  }
}

/** An open regular tmpfs file. */
export class TmpfsFile extends File {
  declare readonly inode: TmpfsRegular;

  override get seekable(): boolean {
    return true;
  }
  override read(io: IoBuf, offset: number): number {
    const n = this.inode.readAt(io, offset);
    if (n >= 0) this.accessed();
    return n;
  }
  override write(io: IoBuf, offset: number): number {
    return this.inode.writeAt(io, offset);
  }
  protected override seekHole(offset: number, whence: number): number {
    const to = this.inode.seekHole(offset, whence);
    if (to >= 0) this.pos = to;
    return to;
  }
  override fsync(_dataOnly: boolean): number {
    return 0;
  }
  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    return ioctlFlags(cmd, arg, caller, this.inode);
  }
  override truncate(size: number): number {
    if (!this.writable) return -EINVAL;
    const a = {
      valid: ATTR_SIZE,
      mode: 0,
      uid: 0,
      gid: 0,
      size,
      atimeSec: 0,
      atimeNsec: 0,
      mtimeSec: 0,
      mtimeNsec: 0,
    };
    return this.inode.setattr(a);
  }
  override release(): void {
    if (this.writable && this.inode.writers <= 1) this.inode.trim();
  }
}
