import { EFAULT, EINVAL } from '@sandbox/abi';
import type { MemoryManager } from '../../mm/memory-manager.js';

const PAGE = 4096;

/** Memory a ring lies in, by words of 32 bits. What is read may be anything: the program writes it too. */
export interface RingWords {
  /** The word at byte `at`, unsigned. */
  load(at: number): number;
  store(at: number, value: number): void;
  orBits(at: number, bits: number): void;
  clearBits(at: number, bits: number): void;
}

/**
 * Memory of the program's own (IORING_SETUP_NO_MMAP), by its addresses in the memory of whoever made the
 * ring. It is not held as Linux holds it: where the program unmaps it, zeros are read, and what is written is
 * lost.
 */
export class ProgramWords implements RingWords {
  constructor(
    private readonly mm: MemoryManager,
    private readonly address: number,
  ) {}

  /** Bring `bytes` of it in: 0, -EINVAL (not at a page's beginning), -EFAULT. */
  static check(mm: MemoryManager, address: number, bytes: number): number {
    if (address % PAGE !== 0) return -EINVAL;
    for (let at = 0; at < bytes; at += PAGE) if (mm.translate(address + at, true) < 0) return -EFAULT;
    return 0;
  }

  load(at: number): number {
    return Math.max(0, this.mm.load32(this.address + at));
  }
  store(at: number, value: number): void {
    // Threads of the program may run meanwhile.
    const { pages } = this.mm;
    const outer = pages.foreign;
    pages.foreign = true;
    this.mm.store32(this.address + at, value >>> 0);
    pages.foreign = outer;
  }
  /** Nobody but the kernel writes the words that bits are set in. */
  orBits(at: number, bits: number): void {
    this.store(at, this.load(at) | bits);
  }
  clearBits(at: number, bits: number): void {
    this.store(at, this.load(at) & ~bits);
  }
}
