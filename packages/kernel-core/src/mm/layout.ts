import { RLIMIT_STACK, TASK_SIZE_MAX } from '@sandbox/abi';
import type { AddressSpace } from '@sandbox/platform';
import type { Random } from '../time/source.js';
import type { Limits } from './rlimits.js';
import type { SegmentSet } from './segment-set.js';
import { VM_GROWSDOWN, type Vma } from './vma.js';

const PAGE = 4096;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** mmap_min_addr. */
const MIN_ADDRESS = 65536;
/** Kept free below a stack (stack_guard_gap). */
export const STACK_GUARD = 256 * PAGE;
/** Bits of randomness in page numbers: mmap base and PIE base, and the stack's top. */
const MMAP_RANDOM_PAGES = 2 ** 28;
const STACK_RANDOM_PAGES = 2 ** 22;
const MIN_STACK_GAP = 128 * MIB;

/**
 * Where things go in an address space (Linux arch/x86/mm/mmap.c): mappings downwards from below the stack.
 */
export class Layout {
  /** First and one past the last address a mapping may use. */
  readonly min: number;
  readonly max: number;
  mmapBase: number;
  stackTop: number;
  /** False under personality(ADDR_NO_RANDOMIZE). */
  randomize = true;

  constructor(space: AddressSpace) {
    this.min = Math.max(MIN_ADDRESS, space.minAddress);
    this.max = space.maxAddress;
    this.stackTop = this.max;
    this.mmapBase = this.max - MIN_STACK_GAP;
  }

  copyFrom(o: Layout): void {
    this.mmapBase = o.mmapBase;
    this.stackTop = o.stackTop;
    this.randomize = o.randomize;
  }

  /** Choose base addresses for a new program. */
  setUp(random: Random, limits: Limits, randomize: boolean): void {
    this.randomize = randomize;
    const offset = (pages: number): number => (randomize ? (random.uint32() % pages) * PAGE : 0);
    this.stackTop = this.max - offset(STACK_RANDOM_PAGES);
    const pad = (randomize ? STACK_RANDOM_PAGES * PAGE : 0) + STACK_GUARD;
    const stack = Math.min(limits.soft[RLIMIT_STACK]!, this.max);
    const gap = Math.min(Math.max(stack + pad, MIN_STACK_GAP), pageFloor((this.max / 6) * 5));
    this.mmapBase = pageFloor(this.max - gap - offset(MMAP_RANDOM_PAGES));
  }

  /** Base of a position-independent executable that has an interpreter (ELF_ET_DYN_BASE). */
  pieBase(random: Random): number {
    // Where Linux has it, although the platform keeps something of the top for itself.
    const top = this.max > TASK_SIZE_MAX - 1024 * GIB ? TASK_SIZE_MAX : this.max;
    const base = pageFloor((top / 3) * 2);
    return this.randomize ? base + (random.uint32() % MMAP_RANDOM_PAGES) * PAGE : base;
  }

  /** arch_randomize_brk: up to 1 GiB behind the program. */
  randomBrk(random: Random, brk: number): number {
    const start = pageCeil(brk);
    return this.randomize ? start + (random.uint32() % (GIB / PAGE)) * PAGE : start;
  }
}

export function pageFloor(addr: number): number {
  return Math.floor(addr / PAGE) * PAGE;
}

export function pageCeil(addr: number): number {
  return Math.ceil(addr / PAGE) * PAGE;
}

/** Where the room of `vma` begins: below a stack a guard gap is kept. */
export function guardedStart(vma: Vma): number {
  return (vma.flags & VM_GROWSDOWN) !== 0 ? Math.max(0, vma.start - STACK_GUARD) : vma.start;
}

/** True when nothing lies in [start, end), guard gaps included. */
export function isFree(vmas: SegmentSet<Vma>, start: number, end: number): boolean {
  const vma = vmas.lowerBound(start);
  return vma === null || guardedStart(vma) >= end;
}

/** The highest free range of `length` bytes below `high` and not below `low`, or -1. */
export function findTopDown(vmas: SegmentSet<Vma>, length: number, low: number, high: number): number {
  let top = high;
  let vma = vmas.floor(high);
  const above = vma === null ? vmas.first : vma.next;
  if (above !== null) top = Math.min(top, guardedStart(above));
  while (vma !== null) {
    if (vma.end <= top && top - vma.end >= length) break;
    top = Math.min(top, guardedStart(vma));
    if (top < low + length) return -1;
    vma = vma.prev;
  }
  return top - length >= low ? top - length : -1;
}

/** The lowest free range of `length` bytes from `low` on that ends at or below `high`, or -1. */
export function findBottomUp(vmas: SegmentSet<Vma>, length: number, low: number, high: number): number {
  let at = low;
  for (let vma = vmas.lowerBound(low); vma !== null; vma = vma.next) {
    if (guardedStart(vma) - at >= length) break;
    at = Math.max(at, vma.end);
    if (at + length > high) return -1;
  }
  return at + length <= high ? at : -1;
}
