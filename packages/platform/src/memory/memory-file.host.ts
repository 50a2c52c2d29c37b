import {
  allocatePages,
  hostClose,
  hostFstat,
  hostFtruncate,
  hostMemfdCreate,
  hostMmap,
  hostPunchHole,
  hostSyscall,
  hostSyscall3,
  viewOf,
} from '@sandbox/native';
import { HostCallError } from '../errors.js';
import { PageAllocator } from './page-allocator.js';

const PAGE = 4096;
const CHUNK = 2 ** 30;
const CHUNK_PAGES = CHUNK / PAGE;
/** Offset space of one memory file. Sparse: only touched pages cost memory. */
const SPACE = 2 ** 42;
const ENOMEM = 12;
const EIO = 5;
const SYS_lseek = 8;
const SEEK_SET = 0;
const SYS_pwrite64 = 18;
const SYS_sendfile = 40;
const MFD_CLOEXEC = 1;
/** MFD_EXEC: guests run code from it; older kernels do not know the flag and allow it anyway. */
const MFD_EXEC = 0x10;
const PROT_READ_WRITE = 3;
const MAP_SHARED_NORESERVE = 0x4001;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MAP_FIXED = 0x10;
/** Dirty freed pages kept for quick reuse before memory goes back to the host: 8 MiB. */
const KEEP_DIRTY_PAGES = 2048;

/** A gigabyte of this process's address space with a view on it. */
interface Window {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/**
 * Windows no memory file uses now. A view cannot be taken back from the engine, and each counts as a gigabyte of its external
 * memory, so windows are made once and mapped over again and again. In between they show private zeros.
 */
const freeWindows: Window[] = [];

function openWindow(fd: number, offset: number): Window {
  const old = freeWindows.shift();
  const address = hostMmap(
    old ? old.address : 0,
    CHUNK,
    PROT_READ_WRITE,
    MAP_SHARED_NORESERVE | (old ? MAP_FIXED : 0),
    fd,
    offset,
  );
  if (address < 0) {
    if (old) freeWindows.unshift(old);
    throw new HostCallError('mmap', -address);
  }
  return old ?? { address, bytes: new Uint8Array(viewOf(address, CHUNK)) };
}

function closeWindow(window: Window): void {
  const r = hostMmap(
    window.address,
    CHUNK,
    PROT_READ_WRITE,
    MAP_PRIVATE_ANONYMOUS_NORESERVE | MAP_FIXED,
    -1,
    0,
  );
  if (r >= 0) freeWindows.push(window);
}

/** One gigabyte of the file: how this process sees it, and the users of each of its pages (0 = free). */
class Chunk {
  readonly bytes: Uint8Array;
  readonly refs = new Uint32Array(CHUNK_PAGES);
  constructor(readonly window: Window) {
    this.bytes = window.bytes;
  }
  get address(): number {
    return this.window.address;
  }
}

const SYS_mincore = 27;
/** Pages asked about in one call. */
const RESIDENT_PAGES = 16384;
let residentVector: { address: number; answers: Uint8Array } | null = null;

function makeResidentVector(): { address: number; answers: Uint8Array } {
  const address = allocatePages(RESIDENT_PAGES);
  return { address, answers: new Uint8Array(viewOf(address, RESIDENT_PAGES)) };
}

/** sendfile(2)'s offset argument. */
let filePosition: { address: number; words: Uint32Array } | null = null;

function makeFilePosition(): { address: number; words: Uint32Array } {
  const address = allocatePages(PAGE);
  return { address, words: new Uint32Array(viewOf(address, PAGE)) };
}

let statAddress = 0;
let statWords: Uint32Array | null = null;

/**
 * All memory of one sandbox's guests: a sparse anonymous file, mapped here chunk by chunk when first touched and into guests range by
 * range. It implements the `PageStore` of `@sandbox/vfs`, so tmpfs pages and page caches live in it too.
 *
 * Offsets are numbers, page aligned where a page is meant. Each page has a reference count; pages that lose their last
 * reference are cleared before they are handed out again. After `dispose` it must not be used.
 */
export class MemoryFile {
  /** Of the file; CLOEXEC. Platforms hand it to their stubs. */
  readonly fd: number;
  private readonly chunks: (Chunk | undefined)[] = [];
  private readonly allocator = new PageAllocator(SPACE / PAGE);
  private allocatedPages = 0;
  private disposed = false;
  /** Called at the beginning of `dispose`, once. It may call `renew`: then nothing is given back. */
  onDispose: (() => void) | null = null;

  private constructor(fd: number) {
    this.fd = fd;
  }

  static create(name = 'guest-memory'): MemoryFile {
    let fd = hostMemfdCreate(name, MFD_CLOEXEC | MFD_EXEC);
    if (fd < 0) fd = hostMemfdCreate(name, MFD_CLOEXEC);
    if (fd < 0) throw new HostCallError('memfd_create', -fd);
    const r = hostFtruncate(fd, SPACE);
    if (r < 0) {
      hostClose(fd);
      throw new HostCallError('ftruncate', -r);
    }
    return new MemoryFile(fd);
  }

  /**
   * A memory file as new on the descriptor of this one, which is disposed by it: the host has taken all its pages back, so it reads as
   * zeros everywhere, and pages are handed out from the start again. Nobody but the tracer and processes it holds stopped may have it
   * mapped then. Null, and this one is as it was, when the host refuses.
   */
  renew(): MemoryFile | null {
    if (this.disposed || hostFtruncate(this.fd, 0) < 0 || hostFtruncate(this.fd, SPACE) < 0) return null;
    const made = new MemoryFile(this.fd);
    const [first] = this.chunks;
    if (first) {
      first.refs.fill(0, 0, Math.min(this.allocator.used, CHUNK_PAGES));
      made.chunks[0] = first;
      this.chunks[0] = undefined;
    }
    this.disposed = true;
    this.closeWindows();
    return made;
  }

  /** Bytes handed out (the guest's address-space view; untouched pages cost nothing). */
  get allocatedBytes(): number {
    return this.allocatedPages * PAGE;
  }

  /** Bytes of host memory the file really occupies now. One host call. */
  committedBytes(): number {
    if (this.disposed) return 0;
    if (!statWords) {
      statAddress = allocatePages(PAGE);
      statWords = new Uint32Array(viewOf(statAddress, PAGE));
    }
    if (hostFstat(this.fd, statAddress) < 0) return 0;
    // st_blocks is at byte 64.
    return (statWords[16]! + statWords[17]! * 4294967296) * 512;
  }

  private chunkAt(index: number): Chunk {
    const chunk = this.chunks[index];
    if (chunk) return chunk;
    if (this.disposed) throw new Error('memory file used after dispose');
    const made = new Chunk(openWindow(this.fd, index * CHUNK));
    this.chunks[index] = made;
    return made;
  }

  /** The chunk holding `offset`, as bytes; the byte is at index `offset % CHUNK_SIZE`. */
  chunk(offset: number): Uint8Array {
    return this.chunkAt(Math.floor(offset / CHUNK)).bytes;
  }

  /** Where `offset` is mapped in this process, for host calls. */
  hostAddress(offset: number): number {
    const index = Math.floor(offset / CHUNK);
    return this.chunkAt(index).address + (offset - index * CHUNK);
  }

  /** A zeroed range with reference count 1 on each page, or -ENOMEM. */
  allocate(bytes: number): number {
    return this.allocateRange(bytes, true);
  }

  /** The same without clearing recycled pages, for a caller that overwrites all of it at once. */
  allocateDirty(bytes: number): number {
    return this.allocateRange(bytes, false);
  }

  private allocateRange(bytes: number, clear: boolean): number {
    const pages = Math.ceil(bytes / PAGE);
    if (pages <= 0) return -ENOMEM;
    const start = this.allocator.allocate(pages);
    if (start < 0) return -ENOMEM;
    const dirty = this.allocator.dirty;
    this.allocatedPages += pages;
    this.setRefs(start, pages);
    if (dirty && clear) {
      const at = (start % CHUNK_PAGES) * PAGE;
      this.chunkAt(Math.floor(start / CHUNK_PAGES)).bytes.fill(0, at, at + pages * PAGE);
    }
    return start * PAGE;
  }

  private setRefs(start: number, pages: number): void {
    let page = start;
    const end = start + pages;
    while (page < end) {
      const index = Math.floor(page / CHUNK_PAGES);
      const from = page - index * CHUNK_PAGES;
      const to = Math.min(CHUNK_PAGES, from + (end - page));
      this.chunkAt(index).refs.fill(1, from, to);
      page += to - from;
    }
  }

  /** References of the page at `offset`. */
  refCount(offset: number): number {
    const index = Math.floor(offset / CHUNK);
    return this.chunkAt(index).refs[(offset - index * CHUNK) / PAGE]!;
  }

  /** True when every page of the range has exactly one reference. */
  isExclusive(offset: number, bytes: number): boolean {
    let page = offset / PAGE;
    const end = page + bytes / PAGE;
    while (page < end) {
      const index = Math.floor(page / CHUNK_PAGES);
      const refs = this.chunkAt(index).refs;
      const to = Math.min(CHUNK_PAGES, page - index * CHUNK_PAGES + (end - page));
      for (let i = page - index * CHUNK_PAGES; i < to; i++) if (refs[i] !== 1) return false;
      page = index * CHUNK_PAGES + to;
    }
    return true;
  }

  incRef(offset: number, bytes: number): void {
    let page = offset / PAGE;
    const end = page + Math.ceil(bytes / PAGE);
    while (page < end) {
      const index = Math.floor(page / CHUNK_PAGES);
      const refs = this.chunkAt(index).refs;
      const to = Math.min(CHUNK_PAGES, page - index * CHUNK_PAGES + (end - page));
      for (let i = page - index * CHUNK_PAGES; i < to; i++) refs[i]!++;
      page = index * CHUNK_PAGES + to;
    }
  }

  decRef(offset: number, bytes: number): void {
    if (this.disposed) return;
    let page = offset / PAGE;
    const end = page + Math.ceil(bytes / PAGE);
    let freeStart = -1;
    while (page < end) {
      const index = Math.floor(page / CHUNK_PAGES);
      const refs = this.chunkAt(index).refs;
      const base = index * CHUNK_PAGES;
      const to = Math.min(CHUNK_PAGES, page - base + (end - page));
      for (let i = page - base; i < to; i++) {
        const left = refs[i]! - 1;
        if (left < 0) throw new Error(`memory file: page ${base + i} released twice`);
        refs[i] = left;
        if (left === 0) {
          if (freeStart < 0) freeStart = base + i;
        } else if (freeStart >= 0) {
          this.release(freeStart, base + i - freeStart);
          freeStart = -1;
        }
      }
      if (freeStart >= 0) {
        this.release(freeStart, base + to - freeStart);
        freeStart = -1;
      }
      page = base + to;
    }
  }

  /** The sandbox ends: from here on pages that lose their last user stay as they are until `dispose` gives all back at once. */
  abandon(): void {
    this.abandoned = true;
  }
  private abandoned = false;

  private release(start: number, pages: number): void {
    this.allocatedPages -= pages;
    if (this.abandoned) return;
    if (this.allocator.recycle(start, pages, KEEP_DIRTY_PAGES)) return;
    hostPunchHole(this.fd, start * PAGE, pages * PAGE);
    this.allocator.free(start, pages);
  }

  /** Make a still allocated range read as zeros and give its memory back to the host. */
  discard(offset: number, bytes: number): void {
    if (!this.disposed) hostPunchHole(this.fd, offset, bytes);
  }

  /** Which pages of the range hold host memory now: one byte a page, 1 or 0, from `vec[at]` on. */
  resident(offset: number, bytes: number, vec: Uint8Array, at: number): void {
    residentVector ??= makeResidentVector();
    const { address, answers } = residentVector;
    let done = 0;
    while (done < bytes) {
      const n = Math.min(bytes - done, CHUNK - ((offset + done) % CHUNK), RESIDENT_PAGES * PAGE);
      const r = hostSyscall3(SYS_mincore, this.hostAddress(offset + done), n, address);
      const from = at + done / PAGE;
      for (let i = 0; i < n / PAGE; i++) vec[from + i] = r < 0 ? 1 : answers[i] & 1;
      done += n;
    }
  }

  /**
   * Fill a range from memory of this process by pwrite(2). For pages that hold no memory yet it is more than twice as fast as a store
   * through the mapping, which faults page by page. Bytes stored, or -errno.
   */
  storeFrom(offset: number, address: number, bytes: number): number {
    return this.disposed ? -EIO : hostSyscall(SYS_pwrite64, this.fd, address, bytes, offset);
  }

  /**
   * Fill a range from the file behind descriptor `fd`, from `fileOffset` on, by sendfile(2). Bytes stored, fewer than asked for at the end
   * of that file and whenever the host likes; or -errno (-EINVAL: not from such a file).
   */
  storeFile(offset: number, fd: number, fileOffset: number, bytes: number): number {
    if (this.disposed) return -EIO;
    // Nobody else uses the position: stubs only map the file.
    const at = hostSyscall3(SYS_lseek, this.fd, offset, SEEK_SET);
    if (at < 0) return at;
    filePosition ??= makeFilePosition();
    const { address, words } = filePosition;
    words[0] = fileOffset >>> 0;
    words[1] = fileOffset / 4294967296;
    return hostSyscall(SYS_sendfile, this.fd, fd, address, bytes);
  }

  /** Copy within the file; ranges may lie in different chunks. */
  copy(from: number, to: number, bytes: number): void {
    let done = 0;
    while (done < bytes) {
      const fromAt = (from + done) % CHUNK;
      const toAt = (to + done) % CHUNK;
      const n = Math.min(bytes - done, CHUNK - fromAt, CHUNK - toAt);
      this.chunk(to + done).set(this.chunk(from + done).subarray(fromAt, fromAt + n), toAt);
      done += n;
    }
  }

  /** Give all memory back. Views handed out before show zeros from now on and must not be used. */
  dispose(): void {
    const { onDispose } = this;
    this.onDispose = null;
    onDispose?.();
    if (this.disposed) return;
    this.disposed = true;
    this.closeWindows();
    hostClose(this.fd);
  }

  private closeWindows(): void {
    for (const chunk of this.chunks) {
      if (chunk) closeWindow(chunk.window);
    }
    this.chunks.length = 0;
  }
}
