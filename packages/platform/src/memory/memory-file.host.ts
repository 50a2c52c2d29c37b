import {
  allocatePages,
  hostClose,
  hostFstat,
  hostFtruncate,
  hostPunchHole,
  hostSyscall,
  hostSyscall3,
  viewOf,
} from '@sandbox/native';
import { createMemoryFd } from './memory-fd.host.js';
import { PageAllocator, SMALL_RUN } from './page-allocator.js';
import { SHARED_SPACE, type SharedExtent, SharedPages } from './shared-pages.host.js';
import { CHUNK, CHUNK_PAGES, closeWindow, openWindow, PAGE, type Window } from './window.host.js';

/** Pages of 2 MiB. A chunk, and what is shared, are multiples of that. */
const LARGE_PAGES = 512;
/** Size of one memory file. Sparse: only touched pages cost memory. */
const SPACE = 2 ** 42;
/** The first page and chunk of the file itself: before it lies what is shared. */
const FIRST_PAGE = SHARED_SPACE / PAGE;
const FIRST_CHUNK = SHARED_SPACE / CHUNK;
const ENOMEM = 12;
const EIO = 5;
const SYS_lseek = 8;
const SEEK_SET = 0;
const SYS_pwrite64 = 18;
const SYS_sendfile = 40;
/** Dirty freed pages kept for quick reuse before memory goes back to the host: 8 MiB. */
const KEEP_DIRTY_PAGES = 2048;
/** What is done to recycled pages when they are handed out again. */
const LEAVE = 0;
const CLEAR = 1;
const GIVE_BACK = 2;

/**
 * One gigabyte of the offset space: how this process sees it, and this sandbox's users of each of its pages
 * (0 = free).
 */
class Chunk {
  readonly refs = new Uint32Array(CHUNK_PAGES);
  constructor(readonly window: Window) {}
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

/** What one sandbox has of a shared extent: pages of it that are in use here. */
interface Hold {
  readonly extent: SharedExtent;
  pages: number;
}

/**
 * All memory of one sandbox's guests: a sparse anonymous file, mapped here chunk by chunk when first touched
 * and into guests range by range. It implements the `PageStore` of `@sandbox/vfs`, so tmpfs pages and page
 * caches live in it too.
 *
 * Offsets are numbers, page aligned where a page is meant. Each page has a reference count; pages that lose
 * their last reference are cleared before they are handed out again. After `dispose` it must not be used.
 *
 * Offsets below `SHARED_SPACE` are places in `SharedPages`, which guests can only read; those from there on
 * are `SHARED_SPACE` further than in the file behind `fd`.
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
    return new MemoryFile(createMemoryFd(name, SPACE));
  }

  /**
   * A memory file as new on the descriptor of this one, which is disposed by it: the host has taken all its
   * pages back, so it reads as zeros everywhere, and pages are handed out from the start again. Nobody but
   * the tracer and processes it holds stopped may have it mapped then. Null, and this one is as it was, when
   * the host refuses.
   */
  renew(): MemoryFile | null {
    if (this.disposed || hostFtruncate(this.fd, 0) < 0 || hostFtruncate(this.fd, SPACE) < 0) return null;
    const made = new MemoryFile(this.fd);
    const first = this.chunks[FIRST_CHUNK];
    if (first) {
      first.refs.fill(0, 0, Math.min(this.allocator.used, CHUNK_PAGES));
      made.chunks[FIRST_CHUNK] = first;
      this.chunks[FIRST_CHUNK] = undefined;
    }
    this.disposed = true;
    this.letGo();
    return made;
  }

  /** Bytes handed out (the guest's address-space view; untouched pages cost nothing). */
  get allocatedBytes(): number {
    return this.allocatedPages * PAGE;
  }

  /**
   * Bytes of host memory the file really occupies now, and with it what is filled of the shared extents it
   * holds. One host call.
   */
  committedBytes(): number {
    if (this.disposed) return 0;
    let shared = 0;
    for (const { extent } of this.holds.values()) shared += extent.filled;
    if (!statWords) {
      statAddress = allocatePages(PAGE);
      statWords = new Uint32Array(viewOf(statAddress, PAGE));
    }
    if (hostFstat(this.fd, statAddress) < 0) return shared;
    // st_blocks is at byte 64.
    return shared + (statWords[16]! + statWords[17]! * 4294967296) * 512;
  }

  private chunkAt(index: number): Chunk {
    const chunk = this.chunks[index];
    if (chunk) return chunk;
    if (this.disposed) throw new Error('memory file used after dispose');
    const made = new Chunk(
      index < FIRST_CHUNK
        ? SharedPages.forThisThread()!.window(index)
        : openWindow(this.fd, index * CHUNK - SHARED_SPACE),
    );
    this.chunks[index] = made;
    return made;
  }

  /**
   * The chunk holding `offset`, as bytes; the byte is at index `offset % CHUNK_SIZE`. The view may end behind
   * what is allocated now: to be taken anew for what is allocated later.
   */
  chunk(offset: number): Uint8Array {
    return this.chunkAt(Math.floor(offset / CHUNK)).window.bytes;
  }

  /** Where `offset` is mapped in this process, for host calls. */
  hostAddress(offset: number): number {
    const index = Math.floor(offset / CHUNK);
    return this.chunkAt(index).address + (offset - index * CHUNK);
  }

  /**
   * A zeroed range with reference count 1 on each page, or -ENOMEM. `untouched`: the host holds nothing of
   * it.
   */
  allocate(bytes: number, _cache = false, untouched = false): number {
    return this.allocateRange(bytes, untouched ? GIVE_BACK : CLEAR);
  }

  /**
   * The same for what is going to be mapped at guest address `addr`: of 2 MiB and more the offset is the same
   * as that modulo 2 MiB, as an entry of a page table for so much needs it.
   */
  allocateFor(addr: number, bytes: number, untouched = false): number {
    return this.allocateRange(bytes, untouched ? GIVE_BACK : CLEAR, (addr / PAGE) % LARGE_PAGES);
  }

  /** As `allocate`, without clearing recycled pages, for a caller that overwrites all of it at once. */
  allocateDirty(bytes: number): number {
    return this.allocateRange(bytes, LEAVE);
  }

  private allocateRange(
    bytes: number,
    recycled: typeof LEAVE | typeof CLEAR | typeof GIVE_BACK,
    phase = -1,
  ): number {
    const pages = Math.ceil(bytes / PAGE);
    if (pages <= 0) return -ENOMEM;
    const free = this.allocator.allocate(pages, phase);
    if (free < 0) return -ENOMEM;
    const start = FIRST_PAGE + free;
    const dirty = this.allocator.dirty;
    this.allocatedPages += pages;
    this.setRefs(start, pages);
    if (dirty && recycled === GIVE_BACK) hostPunchHole(this.fd, start * PAGE - SHARED_SPACE, pages * PAGE);
    else if (dirty && recycled === CLEAR) {
      const at = (start % CHUNK_PAGES) * PAGE;
      this.chunkAt(Math.floor(start / CHUNK_PAGES)).window.bytes.fill(0, at, at + pages * PAGE);
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
      const chunk = this.chunkAt(index);
      chunk.window.cover(to * PAGE);
      chunk.refs.fill(1, from, to);
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

  /**
   * The sandbox ends: from here on pages that lose their last user stay as they are until `dispose` gives all
   * back at once.
   */
  abandon(): void {
    this.abandoned = true;
  }
  private abandoned = false;

  private release(at: number, pages: number): void {
    if (at < FIRST_PAGE) {
      this.releaseShared(at, pages);
      return;
    }
    const start = at - FIRST_PAGE;
    this.allocatedPages -= pages;
    if (this.abandoned) return;
    const { allocator } = this;
    if (allocator.recycle(start, pages, KEEP_DIRTY_PAGES)) return;
    if (pages > SMALL_RUN) {
      this.giveBack(start, pages);
      return;
    }
    allocator.sweep(KEEP_DIRTY_PAGES / 2, this.giveBack);
    allocator.recycle(start, pages, KEEP_DIRTY_PAGES);
  }

  private readonly giveBack = (start: number, pages: number): void => {
    hostPunchHole(this.fd, start * PAGE, pages * PAGE);
    this.allocator.free(start, pages);
  };
  /**
   * Make a still allocated range read as zeros and give its memory back to the host. Not for shared places.
   */
  discard(offset: number, bytes: number): void {
    if (!this.disposed && offset >= SHARED_SPACE) hostPunchHole(this.fd, offset - SHARED_SPACE, bytes);
  }

  // Shared pages --------------------------------------------------------------------------------------------

  private readonly holds = new Map<number, Hold>();

  /**
   * Pages all sandboxes of this thread may have of the content `key` names, one more reference on each:
   * `SharedPages.take`. What is not `present` in the extent yet the caller fills. Null where nothing can be
   * shared.
   */
  takeShared(key: string, bytes: number, blocks: number): SharedExtent | null {
    const extent = SharedPages.forThisThread()?.take(key, bytes, blocks);
    if (!extent) return null;
    const start = extent.offset / PAGE;
    let hold = this.holds.get(start);
    if (hold) SharedPages.forThisThread()!.drop(extent);
    else {
      hold = { extent, pages: 0 };
      this.holds.set(start, hold);
    }
    // An extent is smaller than a chunk and lies in one.
    const { refs } = this.chunkAt(Math.floor(start / CHUNK_PAGES));
    const first = start % CHUNK_PAGES;
    for (let i = first; i < first + extent.bytes / PAGE; i++) if (refs[i]!++ === 0) hold.pages++;
    return extent;
  }

  private releaseShared(start: number, pages: number): void {
    const hold = this.holds.get(start) ?? this.holdAround(start);
    hold.pages -= pages;
    if (hold.pages > 0) return;
    this.holds.delete(hold.extent.offset / PAGE);
    SharedPages.forThisThread()!.drop(hold.extent);
  }

  private holdAround(page: number): Hold {
    for (const hold of this.holds.values()) {
      const { offset, bytes } = hold.extent;
      if (page * PAGE >= offset && page * PAGE < offset + bytes) return hold;
    }
    throw new Error(`memory file: shared page ${page} is not held`);
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
   * Fill a range (not a shared one) from memory of this process by pwrite(2). For pages that hold no memory
   * yet it is more than twice as fast as a store through the mapping, which faults page by page. Bytes
   * stored, or -errno.
   */
  storeFrom(offset: number, address: number, bytes: number): number {
    return this.disposed ? -EIO : hostSyscall(SYS_pwrite64, this.fd, address, bytes, offset - SHARED_SPACE);
  }

  /**
   * Fill a range from the file behind descriptor `fd`, from `fileOffset` on, by sendfile(2). Bytes stored,
   * fewer than asked for at the end of that file and whenever the host likes; or -errno (-EINVAL: not from
   * such a file).
   */
  storeFile(offset: number, fd: number, fileOffset: number, bytes: number): number {
    if (this.disposed) return -EIO;
    const shared = offset < SHARED_SPACE;
    const into = shared ? SharedPages.forThisThread()!.fd : this.fd;
    // Nobody else uses the position: stubs only map the file.
    const at = hostSyscall3(SYS_lseek, into, shared ? offset : offset - SHARED_SPACE, SEEK_SET);
    if (at < 0) return at;
    filePosition ??= makeFilePosition();
    const { address, words } = filePosition;
    words[0] = fileOffset >>> 0;
    words[1] = fileOffset / 4294967296;
    return hostSyscall(SYS_sendfile, into, fd, address, bytes);
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
    this.letGo();
    hostClose(this.fd);
  }

  private letGo(): void {
    for (const { extent } of this.holds.values()) SharedPages.forThisThread()!.drop(extent);
    this.holds.clear();
    for (let i = FIRST_CHUNK; i < this.chunks.length; i++) {
      const chunk = this.chunks[i];
      if (chunk) closeWindow(chunk.window);
    }
    this.chunks.length = 0;
  }
}
