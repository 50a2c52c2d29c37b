import {
  DEFAULT_MAX_MAP_COUNT,
  EAGAIN,
  EINVAL,
  ENOMEM,
  EPERM,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  RLIMIT_MEMLOCK,
} from '@sandbox/abi';
import { backFully } from './backing.js';
import { pageCeil, pageFloor } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { RIGHT_IPC_LOCK } from './rights.js';
import { VM_LOCKED, VM_LOCKONFAULT, VM_SPECIAL, type Vma } from './vma.js';

const PAGE = 4096;
const LOCK_FLAGS = VM_LOCKED | VM_LOCKONFAULT;

/** Guest memory is never paged out by this kernel: locking counts, limits and brings pages in. */
export function mlock(
  mm: MemoryManager,
  addr: number,
  length: number,
  onFault: boolean,
  rights: number,
): number {
  const limit = mm.limits.soft[RLIMIT_MEMLOCK]!;
  const capable = (rights & RIGHT_IPC_LOCK) !== 0;
  if (!capable && limit === 0) return -EPERM;
  const start = pageFloor(addr);
  const end = start + lockSize(addr, length);
  if (!capable && mm.lockedVm + (end - start) > limit) {
    if (mm.lockedVm - lockedBytes(mm, start, end) + (end - start) > limit) return -ENOMEM;
  }
  const r = apply(mm, start, end, VM_LOCKED | (onFault ? VM_LOCKONFAULT : 0));
  if (r < 0 || onFault) return r;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    const e = backFully(mm, vma, Math.max(vma.start, start), Math.min(vma.end, end), false);
    if (e < 0) return e === -ENOMEM ? -EAGAIN : -ENOMEM;
    if (vma.prot === 0) return -ENOMEM;
  }
  return 0;
}

/** Whole pages from the page of `addr` on; a length that wraps around is no length at all, as in Linux. */
function lockSize(addr: number, length: number): number {
  const size = pageCeil(length + (addr % PAGE));
  return size >= 2 ** 64 ? 0 : size;
}

export function munlock(mm: MemoryManager, addr: number, length: number): number {
  const start = pageFloor(addr);
  return apply(mm, start, start + lockSize(addr, length), 0);
}

export function mlockall(mm: MemoryManager, flags: number, rights: number): number {
  if (flags === 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) !== 0 || flags === MCL_ONFAULT)
    return -EINVAL;
  const limit = mm.limits.soft[RLIMIT_MEMLOCK]!;
  const capable = (rights & RIGHT_IPC_LOCK) !== 0;
  if (!capable && limit === 0) return -EPERM;
  if (!capable && (flags & MCL_CURRENT) !== 0 && mm.totalVm > limit) return -ENOMEM;
  const lock = VM_LOCKED | ((flags & MCL_ONFAULT) !== 0 ? VM_LOCKONFAULT : 0);
  mm.defaultFlags = (flags & MCL_FUTURE) !== 0 ? lock : 0;
  if ((flags & MCL_CURRENT) === 0) return 0;
  for (let vma = mm.vmas.first; vma !== null; vma = vma.next) {
    setLock(mm, vma, lock);
    if ((lock & VM_LOCKONFAULT) === 0) backFully(mm, vma, vma.start, vma.end, false);
  }
  return 0;
}

export function munlockall(mm: MemoryManager): number {
  mm.defaultFlags = 0;
  for (let vma = mm.vmas.first; vma !== null; vma = vma.next) setLock(mm, vma, 0);
  for (let vma = mm.vmas.first; vma !== null; ) {
    const covering = mm.mergeVma(vma);
    vma = covering.next;
  }
  return 0;
}

function lockedBytes(mm: MemoryManager, start: number, end: number): number {
  let bytes = 0;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    if ((vma.flags & VM_LOCKED) !== 0) bytes += Math.min(vma.end, end) - Math.max(vma.start, start);
  }
  return bytes;
}

function setLock(mm: MemoryManager, vma: Vma, lock: number): void {
  const length = vma.end - vma.start;
  mm.account(vma, -length);
  vma.flags = (vma.flags & ~LOCK_FLAGS) | ((vma.flags & VM_SPECIAL) !== 0 ? 0 : lock);
  mm.account(vma, length);
}

/** apply_vma_lock_flags: ENOMEM at the first gap, what lies before it is changed. */
function apply(mm: MemoryManager, start: number, end: number, lock: number): number {
  if (end >= 2 ** 64) return -EINVAL;
  if (end === start) return 0;
  for (let at = start; at < end; ) {
    const vma = mm.vmas.find(at);
    if (vma === null) return -ENOMEM;
    const to = Math.min(vma.end, end);
    if ((vma.flags & LOCK_FLAGS) !== lock) {
      if (mm.vmas.size + 2 > DEFAULT_MAX_MAP_COUNT) return -ENOMEM;
      mm.splitVma(at);
      mm.splitVma(to);
      const part = mm.vmas.find(at)!;
      setLock(mm, part, lock);
      mm.mergeVma(part);
    }
    at = to;
  }
  return 0;
}
