import {
  EACCES,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  ENOMEM,
  EPERM,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_UNMERGEABLE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  PROT_WRITE,
} from '@sandbox/abi';
import { backFully } from './backing.js';
import { pageCeil } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { PMA_ANON, type Pma } from './pma.js';
import { SharedAnon } from './shared-anon.js';
import { askFirst, isExact } from './userfault-consult.js';
import { MARK_ALL, MARK_POISON } from './userfault-marks.js';
import {
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_READ_HINTS,
  VM_SEALED,
  VM_SEQ_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WIPEONFORK,
  type Vma,
} from './vma.js';

const PAGE = 4096;

/** madvise(2). Unmapped parts are skipped and reported as ENOMEM at the end, as in Linux. */
export function madvise(mm: MemoryManager, addr: number, length: number, advice: number): number {
  if (!isAdvice(advice)) return -EINVAL;
  if (addr % PAGE !== 0) return -EINVAL;
  const size = pageCeil(length);
  const end = addr + size;
  if (length > 0 && end > mm.layout.max) return end >= 2 ** 64 ? -EINVAL : -ENOMEM;
  if (size === 0) return 0;
  let unmapped = 0;
  let at = addr;
  while (at < end) {
    const vma = mm.vmas.lowerBound(at);
    if (vma === null || vma.start >= end) return -ENOMEM;
    if (vma.start > at) unmapped = -ENOMEM;
    const from = Math.max(vma.start, at);
    const to = Math.min(vma.end, end);
    if (unmapped !== 0 && isPopulate(advice)) return -ENOMEM;
    const r = advise(mm, vma, from, to, advice);
    if (r < 0) return r;
    at = to;
  }
  return unmapped;
}

function isPopulate(advice: number): boolean {
  return advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
}

function isAdvice(advice: number): boolean {
  if (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) return true;
  return advice >= MADV_FREE && advice <= MADV_COLLAPSE;
}

function advise(mm: MemoryManager, vma: Vma, start: number, end: number, advice: number): number {
  switch (advice) {
    case MADV_WILLNEED:
      return willNeed(mm, vma, start, end);
    case MADV_COLD:
    case MADV_PAGEOUT:
      return (vma.flags & VM_LOCKED) !== 0 ? -EINVAL : 0;
    case MADV_DONTNEED:
      return (vma.flags & VM_LOCKED) !== 0 ? -EINVAL : dontNeed(mm, vma, start, end);
    case MADV_DONTNEED_LOCKED:
      return dontNeed(mm, vma, start, end);
    case MADV_FREE:
      // Freed pages read as zeros or as before until written again: dropping them at once is one of the two.
      if (!vma.anonymous || (vma.flags & VM_LOCKED) !== 0) return -EINVAL;
      return dontNeed(mm, vma, start, end);
    case MADV_REMOVE:
      return remove(mm, vma, start, end);
    case MADV_POPULATE_READ:
      return populate(mm, vma, start, end, false);
    case MADV_POPULATE_WRITE:
      return populate(mm, vma, start, end, true);
    case MADV_COLLAPSE:
      return -EINVAL;
    default:
      return setFlags(mm, vma, start, end, advice);
  }
}

/** Advice that is a flag of the mapping. */
function setFlags(mm: MemoryManager, vma: Vma, start: number, end: number, advice: number): number {
  let flags = vma.flags;
  if (advice === MADV_NORMAL) flags &= ~VM_READ_HINTS;
  else if (advice === MADV_SEQUENTIAL) flags = (flags & ~VM_RAND_READ) | VM_SEQ_READ;
  else if (advice === MADV_RANDOM) flags = (flags & ~VM_SEQ_READ) | VM_RAND_READ;
  else if (advice === MADV_DONTFORK) flags |= VM_DONTCOPY;
  else if (advice === MADV_DOFORK) flags &= ~VM_DONTCOPY;
  else if (advice === MADV_WIPEONFORK) {
    if (!vma.anonymous || (flags & VM_SHARED) !== 0) return -EINVAL;
    flags |= VM_WIPEONFORK;
  } else if (advice === MADV_KEEPONFORK) flags &= ~VM_WIPEONFORK;
  else if (advice === MADV_DONTDUMP) flags |= VM_DONTDUMP;
  else if (advice === MADV_DODUMP) {
    if ((flags & VM_SPECIAL) !== 0) return -EINVAL;
    flags &= ~VM_DONTDUMP;
  } else if (advice === MADV_HUGEPAGE) flags = (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
  else if (advice === MADV_NOHUGEPAGE) flags = (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
  else if (advice === MADV_MERGEABLE) flags |= VM_MERGEABLE;
  else if (advice === MADV_UNMERGEABLE) flags &= ~VM_MERGEABLE;
  if (flags === vma.flags) return 0;
  mm.splitVma(start);
  mm.splitVma(end);
  const part = mm.vmas.find(start)!;
  part.flags = flags;
  mm.mergeVma(part);
  return 0;
}

/** MADV_WILLNEED reads files ahead; without a file Linux answers EBADF (unless it can swap in). */
function willNeed(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  if (vma.mappable === null) return vma.file ? -EBADF : 0;
  if (vma.prot !== 0 && end - start <= 4 * 1024 * 1024) backFully(mm, vma, start, end, false);
  return 0;
}

/**
 * Forget the pages: private ones read as zeros (or as the file) again, shared ones stay with their object.
 */
function dontNeed(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  if ((vma.flags & VM_SPECIAL) !== 0) return -EINVAL;
  if ((vma.flags & VM_SEALED) !== 0 && vma.anonymous && (vma.prot & PROT_WRITE) === 0) return -EPERM;
  if (vma.mappable instanceof SharedAnon && !isExact(mm, vma)) return 0;
  if (!vma.anonymous || isExact(mm, vma) || (vma.flags & VM_SHARED) !== 0) {
    mm.pages.clear(start, end, true);
    // What is said of the pages of a file stays, but that they are broken.
    mm.pages.marks?.clear(start, end, vma.anonymous ? MARK_ALL : MARK_POISON);
    return 0;
  }
  const hollow: number[] = [];
  for (
    let pma: Pma | null = mm.pages.pmas.lowerBound(start);
    pma !== null && pma.start < end;
    pma = pma.next
  ) {
    const from = Math.max(pma.start, start);
    const to = Math.min(pma.end, end);
    const offset = pma.offset + (from - pma.start);
    // Pages of our own are emptied in place: the host's mapping can stay.
    if (pma.kind === PMA_ANON && !pma.wp) mm.store.discard(offset, to - from);
    else hollow.push(from, to);
  }
  for (let i = 0; i < hollow.length; i += 2) mm.pages.clear(hollow[i]!, hollow[i + 1]!, true);
  return 0;
}

/** MADV_REMOVE: punch the pages out of the shared object. */
function remove(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  if ((vma.flags & VM_LOCKED) !== 0 || vma.mappable === null) return -EINVAL;
  if ((vma.flags & VM_SHARED) === 0 || (vma.mayProt & PROT_WRITE) === 0) return -EACCES;
  const first = vma.pageIndex(start);
  if (vma.mappable instanceof SharedAnon) {
    vma.mappable.punch(first, first + (end - start) / PAGE);
    return 0;
  }
  if (vma.file === null) return -EINVAL;
  return vma.file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first * PAGE, end - start);
}

/** MADV_POPULATE_READ, MADV_POPULATE_WRITE: as if every page were touched. */
function populate(mm: MemoryManager, vma: Vma, start: number, end: number, write: boolean): number {
  if ((vma.flags & VM_SPECIAL) !== 0) return -EINVAL;
  if (vma.prot === 0 || (write && (vma.prot & PROT_WRITE) === 0)) return -EINVAL;
  if (vma.uffd !== null && askFirst(mm, vma, start, end, write)) return -EFAULT;
  const r = backFully(mm, vma, start, end, write);
  if (r < 0) return r === -ENOMEM ? -ENOMEM : -EFAULT;
  if (!write) return 0;
  for (let at = start; at < end; ) {
    const pma = mm.pages.pmas.find(at);
    if (pma === null) return -EFAULT;
    if (pma.wp) {
      if (mm.fault(at, 2) !== 0) return -EFAULT;
      at += PAGE;
    } else {
      at = pma.end;
    }
  }
  return 0;
}

/** mincore(2): `vec` gets one byte for each page. */
export function mincore(mm: MemoryManager, addr: number, length: number, vec: Uint8Array): number {
  if (addr % PAGE !== 0) return -EINVAL;
  const size = pageCeil(length);
  if (addr + size > mm.layout.max) return -ENOMEM;
  vec.fill(0, 0, size / PAGE);
  for (let at = addr; at < addr + size; ) {
    const vma = mm.vmas.find(at);
    if (vma === null) return -ENOMEM;
    const to = Math.min(vma.end, addr + size);
    for (let pma = mm.pages.pmas.lowerBound(at); pma !== null && pma.start < to; pma = pma.next) {
      const from = Math.max(pma.start, at);
      const offset = pma.offset + (from - pma.start);
      mm.store.resident(offset, Math.min(pma.end, to) - from, vec, (from - addr) / PAGE);
    }
    at = to;
  }
  return 0;
}

/** msync(2). */
export function msync(mm: MemoryManager, addr: number, length: number, flags: number): number {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) return -EINVAL;
  if (addr % PAGE !== 0) return -EINVAL;
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return -EINVAL;
  const end = addr + pageCeil(length);
  if (end >= 2 ** 64) return -ENOMEM;
  let unmapped = 0;
  for (let at = addr; at < end; ) {
    const vma = mm.vmas.lowerBound(at);
    if (vma === null || vma.start >= end) return -ENOMEM;
    if (vma.start > at) unmapped = -ENOMEM;
    const from = Math.max(vma.start, at);
    at = Math.min(vma.end, end);
    if ((flags & MS_INVALIDATE) !== 0 && (vma.flags & VM_LOCKED) !== 0) return -EBUSY;
    if ((flags & MS_SYNC) !== 0 && vma.mappable !== null && (vma.flags & VM_SHARED) !== 0) {
      const first = vma.pageIndex(from);
      const r = vma.mappable.syncPages(first, first + (at - from) / PAGE);
      if (r < 0) return r;
    }
  }
  return unmapped;
}
