import {
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
} from '@sandbox/abi';
import { FAULT_ASK, FAULT_BUS, FAULT_OK, FAULT_POISON, type FaultResult } from './fault-result.js';
import type { MemoryManager } from './memory-manager.js';
import { MARK_POISON, MARK_WP } from './userfault-marks.js';
import { holdsPage, isShmem } from './userfault-shmem.js';
import type { Vma } from './vma.js';

const PAGE = 4096;

/** Nothing is present at `addr`: FAULT_OK when it is for the kernel to bring it in. */
export function consultAbsent(mm: MemoryManager, vma: Vma, addr: number, write: boolean): FaultResult {
  const page = addr - (addr % PAGE);
  if (mm.pages.marks?.at(page) === MARK_POISON) return FAULT_POISON;
  const server = vma.uffd;
  if (server === null) return FAULT_OK;
  const reason = absentReason(mm, vma, page);
  return reason < 0 ? FAULT_OK : ask(mm, vma, addr, reason, write);
}

/** UFFD_PAGEFAULT_FLAG_* of what its server is asked for where nothing is present; -1: nothing. */
function absentReason(mm: MemoryManager, vma: Vma, page: number): number {
  const missing = (vma.uffdModes & UFFDIO_REGISTER_MODE_MISSING) !== 0;
  const shmem = vma.mappable;
  if (!isShmem(shmem)) return missing ? 0 : -1;
  const index = vma.pageIndex(page);
  if (index >= shmem.pages) return -1;
  if (!holdsPage(mm.store, shmem, index)) return missing ? 0 : -1;
  return (vma.uffdModes & UFFDIO_REGISTER_MODE_MINOR) !== 0 ? UFFD_PAGEFAULT_FLAG_MINOR : -1;
}

/**
 * The page at `addr` is present, and not to be written to: FAULT_OK when that is for the kernel to resolve.
 */
export function consultProtected(mm: MemoryManager, vma: Vma, addr: number): FaultResult {
  const { marks } = mm.pages;
  if (vma.uffd === null || marks?.at(addr) !== MARK_WP) return FAULT_OK;
  if ((vma.uffd.features & UFFD_FEATURE_WP_ASYNC) !== 0) {
    const page = addr - (addr % PAGE);
    marks.clear(page, page + PAGE, MARK_WP);
    return FAULT_OK;
  }
  return ask(mm, vma, addr, UFFD_PAGEFAULT_FLAG_WP, true);
}

function ask(mm: MemoryManager, vma: Vma, addr: number, reason: number, write: boolean): FaultResult {
  if ((vma.uffd!.features & UFFD_FEATURE_SIGBUS) !== 0) return FAULT_BUS;
  mm.missing = addr;
  mm.missingReason = reason;
  mm.missingWrite = write;
  return FAULT_ASK;
}

/** Is what was to be asked for at `addr` still to be? Others may have seen to it. */
export function isStillAsked(mm: MemoryManager, addr: number): boolean {
  if (mm.missingReason === UFFD_PAGEFAULT_FLAG_WP) return mm.pages.marks?.at(addr) === MARK_WP;
  return mm.pages.pmas.find(addr) === null;
}

/**
 * The first page of [start, end) in `vma` that its server has to be asked for before it can be present: noted
 * as such. False: there is none.
 */
export function askFirst(mm: MemoryManager, vma: Vma, start: number, end: number, write: boolean): boolean {
  if ((vma.uffdModes & (UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR)) === 0) return false;
  for (let at = start; at < end; ) {
    const pma = mm.pages.pmas.lowerBound(at);
    if (pma !== null && pma.start <= at) {
      at = pma.end;
      continue;
    }
    if (consultAbsent(mm, vma, at, write) !== FAULT_OK) return true;
    at += PAGE;
  }
  return false;
}

/**
 * Must what is present in `vma` be exactly what was brought in page by page? Else faults bring in more than
 * was asked for.
 */
export function isExact(mm: MemoryManager, vma: Vma): boolean {
  if (vma.uffd !== null) return true;
  const { marks } = mm.pages;
  return marks !== null && marks.overlaps(vma.start, vma.end);
}
