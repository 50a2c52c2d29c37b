import { PROT_READ, PROT_WRITE, RLIMIT_DATA } from '@sandbox/abi';
import { backAnonymous } from './backing.js';
import { isFree, pageCeil } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { checkRoom, isSealed, mayLockMore } from './mmap.js';
import { PMA_ANON } from './pma.js';
import { VM_ACCOUNT, Vma } from './vma.js';

const PAGE = 4096;
const KIB = 1024;
/** Store taken in advance for a growing heap, so that its pages stay one run. */
const MIN_SLACK = 128 * KIB;
const MAX_SLACK = 1024 * KIB;

/** brk(2): the new break; the present one when `addr` cannot be had (the C library tells by comparing). */
export function brk(mm: MemoryManager, addr: number): number {
  const x = mm.exec;
  if (addr < x.startBrk || addr > mm.layout.max) return x.brk;
  const data = addr - x.startBrk + (x.endData - x.startData);
  if (data > mm.limits.soft[RLIMIT_DATA]!) return x.brk;
  const oldEnd = pageCeil(x.brk);
  const newEnd = pageCeil(addr);
  if (newEnd < oldEnd) {
    if (isSealed(mm, newEnd, oldEnd)) return x.brk;
    mm.removeRange(newEnd, oldEnd, true);
  } else if (newEnd > oldEnd && !grow(mm, oldEnd, newEnd)) {
    return x.brk;
  }
  x.brk = addr;
  return addr;
}

function grow(mm: MemoryManager, start: number, end: number): boolean {
  if (!isFree(mm.vmas, start, end + PAGE)) return false;
  const vmFlags = VM_ACCOUNT | mm.defaultFlags;
  const prot = PROT_READ | PROT_WRITE;
  if (!mayLockMore(mm, vmFlags, end - start, 0)) return false;
  if (checkRoom(mm, vmFlags, prot, end - start, 0) < 0) return false;
  const vma = new Vma(start, end);
  vma.prot = prot;
  vma.flags = vmFlags;
  const covering = mm.insertVma(vma);
  if (!fromReserve(mm, covering, start, end)) mm.backNow(covering, start, end);
  return true;
}

/**
 * Back [start, end) from the heap's reserve, making a new one when it is used up. False when it is not for
 * the reserve to do.
 */
function fromReserve(mm: MemoryManager, vma: Vma, start: number, end: number): boolean {
  const reserve = mm.heapReserve;
  const length = end - start;
  if (length > MAX_SLACK) return false;
  if (reserve.length < length) {
    const slack = Math.min(MAX_SLACK, Math.max(MIN_SLACK, vma.end - vma.start));
    const fresh = mm.allocateFor(start, slack + length);
    if (fresh < 0) return backAnonymous(mm, vma, start, end) === 0;
    dropReserve(mm);
    reserve.offset = fresh;
    reserve.length = slack + length;
  }
  mm.pages.install(start, length, reserve.offset, PMA_ANON, false, vma.prot);
  reserve.offset += length;
  reserve.length -= length;
  return true;
}

/** Give the unused reserve back. */
export function dropReserve(mm: MemoryManager): void {
  const reserve = mm.heapReserve;
  if (reserve.length > 0) mm.store.decRef(reserve.offset, reserve.length);
  reserve.length = 0;
}
