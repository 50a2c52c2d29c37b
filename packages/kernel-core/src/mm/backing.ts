import { ENOMEM, PROT_WRITE, UFFDIO_REGISTER_MODE_MINOR, UFFDIO_REGISTER_MODE_MISSING } from '@sandbox/abi';
import { CHUNK_SIZE } from '@sandbox/vfs';
import type { MemoryManager } from './memory-manager.js';
import { PMA_ANON, PMA_FILE, PMA_SHARED } from './pma.js';
import { SharedAnon } from './shared-anon.js';
import { isExact } from './userfault-consult.js';
import { VM_GROWSDOWN, VM_NORESERVE, VM_SHARED, type Vma } from './vma.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE = 4096;

/**
 * Anonymous ranges up to this size are backed when they are made: the host then serves their first touches.
 */
const EAGER_ANON = 256 * MIB;
/** The same for ranges asked for with MAP_NORESERVE: mostly they are address space kept for later. */
const EAGER_NORESERVE = 64 * MIB;
/** File mappings up to this size are brought in whole. */
const EAGER_FILE = 4 * MIB;
/** Of larger ones what is in memory already, within this much. */
const EAGER_PRESENT = 1024 * MIB;
/** A fault brings in what is in memory already within a range of this size around it. */
const FAULT_AROUND = 2 * MIB;
/**
 * Writable private mappings of a program's or library's data up to this size are copied at once: they are
 * written soon. Only where the file stays as it is (MAP_DENYWRITE): elsewhere a page not yet written shows
 * what is written to the file.
 */
const EAGER_COPY = 128 * KIB;
/** What one fault brings in. */
const ANON_BLOCK = 2 * MIB;
const ANON_BLOCK_MAX = 32 * MIB;
const STACK_BLOCK = 128 * KIB;
const FILE_BLOCK = 256 * KIB;
const FILE_BLOCK_MAX = 4 * MIB;
/** Shared: holes of the file in the block are filled, so it is small. */
const SHARED_FILE_BLOCK = 64 * KIB;

/** Back what is missing of [start, end) in the private anonymous `vma`. 0 or -ENOMEM. */
export function backAnonymous(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  return mm.pages.forEachGap(start, end, (from, to) => {
    const offset = mm.allocateFor(from, to - from);
    if (offset < 0) return -ENOMEM;
    mm.pages.install(from, to - from, offset, PMA_ANON, false, vma.prot);
    return 0;
  });
}

/**
 * Bring in what is missing of [start, end) in the file-backed `vma`. 0, or the file's -errno for the first
 * page that could not be had; what came before it is present then.
 */
export function backMapped(mm: MemoryManager, vma: Vma, start: number, end: number, write: boolean): number {
  const mappable = vma.mappable!;
  const shared = (vma.flags & VM_SHARED) !== 0;
  const kind = vma.shared ? PMA_SHARED : PMA_FILE;
  // Nobody keeps track of writes to shared anonymous memory.
  const untracked = mappable instanceof SharedAnon;
  const forWrite = untracked || (write && shared);
  return mm.pages.forEachGap(start, end, (from, to) => {
    let at = from;
    while (at < to) {
      const offset = mappable.translate(vma.pageIndex(at), (to - at) / PAGE, forWrite);
      if (offset < 0) return offset;
      const length = Math.min(mappable.runLength * PAGE, to - at);
      mm.store.incRef(offset, length);
      mm.pages.install(at, length, offset, kind, !forWrite, vma.prot);
      at += length;
    }
    return 0;
  });
}

/** Map what is in memory of the file in [start, end), without reading anything. */
function backPresent(mm: MemoryManager, vma: Vma, start: number, end: number): void {
  const mappable = vma.mappable!;
  if (!mappable.peek) return;
  const kind = vma.shared ? PMA_SHARED : PMA_FILE;
  mm.pages.forEachGap(start, end, (from, to) => {
    for (let at = from; at < to; ) {
      const offset = mappable.peek!(vma.pageIndex(at), (to - at) / PAGE);
      const length = Math.min(mappable.runLength * PAGE, to - at);
      if (offset >= 0) {
        mm.store.incRef(offset, length);
        mm.pages.install(at, length, offset, kind, true, vma.prot);
      }
      at += length;
    }
    return 0;
  });
}

/**
 * Private copies of the file's pages in [start, end), where nothing is present, up to the file's end. 0 or
 * -errno.
 */
function copyMapped(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  const mappable = vma.mappable!;
  const copy = mm.allocateFor(start, end - start);
  if (copy < 0) return copy;
  let at = start;
  let error = 0;
  while (at < end) {
    const offset = mappable.translate(vma.pageIndex(at), (end - at) / PAGE, false);
    if (offset < 0) {
      error = offset;
      break;
    }
    const length = Math.min(mappable.runLength * PAGE, end - at);
    mm.store.copy(offset, copy + (at - start), length);
    at += length;
  }
  if (at > start) mm.pages.install(start, at - start, copy, PMA_ANON, false, vma.prot);
  if (at < end) mm.store.decRef(copy + (at - start), end - at);
  return error;
}

/**
 * Back a new or newly accessible range as far as that is cheap; the rest comes by faults, and so do failures.
 * `frozen`: nobody writes to the file meanwhile.
 */
export function backEagerly(mm: MemoryManager, vma: Vma, start: number, end: number, frozen: boolean): void {
  if (vma.prot === 0 || isExact(mm, vma)) return;
  const length = end - start;
  if (vma.anonymous) {
    const limit = (vma.flags & VM_NORESERVE) !== 0 ? EAGER_NORESERVE : EAGER_ANON;
    if ((vma.flags & VM_GROWSDOWN) === 0 && length <= limit && mm.mayBackEagerly(length)) {
      backAnonymous(mm, vma, start, end);
    }
    return;
  }
  if (vma.mappable instanceof SharedAnon) {
    if (length <= EAGER_NORESERVE && mm.mayBackEagerly(length)) backMapped(mm, vma, start, end, true);
    return;
  }
  if (length > EAGER_FILE) {
    backPresent(mm, vma, start, Math.min(end, start + EAGER_PRESENT));
    return;
  }
  if (frozen && !vma.shared && (vma.prot & PROT_WRITE) !== 0 && length <= EAGER_COPY) {
    mm.pages.forEachGap(start, end, (from, to) => copyMapped(mm, vma, from, to));
    return;
  }
  backMapped(mm, vma, start, end, false);
}

/**
 * The whole range is wanted now (MAP_POPULATE, mlock, madvise): present, and in memory. 0, -ENOMEM, or -errno
 * of the first page that could not be had.
 */
export function backFully(mm: MemoryManager, vma: Vma, start: number, end: number, write: boolean): number {
  if (vma.prot === 0 || (vma.uffdModes & (UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR)) !== 0)
    return 0;
  const r = vma.anonymous ? backAnonymous(mm, vma, start, end) : backMapped(mm, vma, start, end, write);
  return r < 0 ? r : touch(mm, start, end);
}

/** Where the bytes read by `touch` go, so that the reads are not dropped. */
const sink = new Uint8Array(1);

/**
 * Have the host give memory to what is present in the range, as far as the sandbox may use it. 0 or -ENOMEM.
 */
function touch(mm: MemoryManager, start: number, end: number): number {
  if (mm.store.committedBytes() + (end - start) > mm.kernel.limits.memory) return -ENOMEM;
  for (let pma = mm.pages.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next) {
    for (let at = Math.max(pma.start, start); at < Math.min(pma.end, end); at += PAGE) {
      const offset = pma.offset + (at - pma.start);
      sink[0] ^= mm.store.chunk(offset)[offset % CHUNK_SIZE]!;
    }
  }
  return 0;
}

/** The page at `addr` is missing and wanted. 0, -ENOMEM, or what the file answered. */
export function backFault(mm: MemoryManager, vma: Vma, addr: number, write: boolean): number {
  const page = addr - (addr % PAGE);
  const block = blockAround(mm, vma, page);
  const start = Math.max(vma.start, page - (page % block));
  const end = Math.min(vma.end, page - (page % block) + block);
  if (vma.anonymous) {
    const r = backAnonymous(mm, vma, start, end);
    // When memory is short a single page may still be had.
    return r === 0 || mm.pages.pmas.find(page) !== null ? 0 : backAnonymous(mm, vma, page, page + PAGE);
  }
  if (isExact(mm, vma)) return backMapped(mm, vma, page, page + PAGE, write);
  const r = backMapped(mm, vma, page, end, write);
  if (mm.pages.pmas.find(page) === null) return r === 0 ? -ENOMEM : r;
  if (start < page) backMapped(mm, vma, start, page, write);
  const around = page - (page % FAULT_AROUND);
  backPresent(mm, vma, Math.max(vma.start, around), Math.min(vma.end, around + FAULT_AROUND));
  return 0;
}

/** How much one fault brings in: more where faults have been running through the range. */
function blockAround(mm: MemoryManager, vma: Vma, page: number): number {
  if (isExact(mm, vma)) return PAGE;
  if (vma.anonymous) {
    if ((vma.flags & VM_GROWSDOWN) !== 0) return STACK_BLOCK;
    return mm.mayBackEagerly(ANON_BLOCK_MAX) ? grown(mm, vma, page, ANON_BLOCK, ANON_BLOCK_MAX) : FILE_BLOCK;
  }
  if (vma.mappable instanceof SharedAnon) return ANON_BLOCK;
  if (vma.shared) return SHARED_FILE_BLOCK;
  return grown(mm, vma, page, FILE_BLOCK, FILE_BLOCK_MAX);
}

function grown(mm: MemoryManager, vma: Vma, page: number, block: number, max: number): number {
  const before = mm.pages.pmas.find(page - (page % block) - 1);
  if (before === null || before.end <= vma.start) return block;
  const run = before.end - Math.max(before.start, vma.start);
  let size = block;
  while (size < max && size * 2 <= run) size *= 2;
  return size;
}
