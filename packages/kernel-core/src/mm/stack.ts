import { RLIMIT_AS, RLIMIT_MEMLOCK, RLIMIT_STACK } from '@sandbox/abi';
import { pageFloor, STACK_GUARD } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { VM_GROWSDOWN, VM_LOCKED, type Vma } from './vma.js';

/** A stack grows by whole blocks: fewer faults, at the price of a start that is rounder than Linux's. */
const BLOCK = 128 * 1024;

/**
 * The access to `addr`, where nothing is mapped, may be to a stack that has to grow down to it: the grown
 * mapping, or null.
 */
export function growStack(mm: MemoryManager, addr: number): Vma | null {
  const vma = mm.vmas.lowerBound(addr);
  if (vma === null || (vma.flags & VM_GROWSDOWN) === 0 || !(addr >= mm.layout.min)) return null;
  const page = pageFloor(addr);
  const floor = lowestStart(mm, vma);
  if (page < floor) return null;
  const start = Math.max(floor, page - (page % BLOCK));
  mm.account(vma, vma.start - start);
  if (vma.mappable !== null) vma.offset -= vma.start - start;
  vma.start = start;
  return vma;
}

/** How far down `vma` may reach: limits (setrlimit(2)) and the guard gap above what lies below. */
function lowestStart(mm: MemoryManager, vma: Vma): number {
  const soft = mm.limits.soft;
  let room = soft[RLIMIT_STACK]! - vma.length;
  room = Math.min(room, soft[RLIMIT_AS]! - mm.totalVm);
  if ((vma.flags & VM_LOCKED) !== 0) room = Math.min(room, soft[RLIMIT_MEMLOCK]! - mm.lockedVm);
  let floor = Math.max(mm.layout.min, room === Number.POSITIVE_INFINITY ? 0 : vma.start - pageFloor(room));
  const below = vma.prev;
  if (below !== null) {
    const gap = (below.flags & VM_GROWSDOWN) !== 0 || below.prot === 0 ? 0 : STACK_GUARD;
    floor = Math.max(floor, below.end + gap);
  }
  return floor;
}
