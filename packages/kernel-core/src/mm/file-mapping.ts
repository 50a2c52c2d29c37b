import type { Mappable, MappingObserver } from '@sandbox/vfs';
import type { MemoryManager } from './memory-manager.js';
import type { Vma } from './vma.js';

/** A page index no file reaches. */
const TO_THE_END = 2 ** 52;

/**
 * The mappings of one file (or shared memory object) in one address space: hears when the file gives up
 * pages, and takes them out of every mapping.
 */
export class FileMapping implements MappingObserver {
  readonly vmas = new Set<Vma>();

  constructor(
    private readonly mm: MemoryManager,
    readonly mappable: Mappable,
  ) {
    mappable.addObserver(this);
  }

  /**
   * File pages [first, end) are no longer where they were. When the file ends before `first` now, private
   * copies go too: behind the end an access is SIGBUS even there (mmap(2)).
   */
  invalidate(first: number, end: number): void {
    for (const vma of this.vmas) {
      const truncated = end >= TO_THE_END || (vma.file !== null && first * 4096 >= vma.file.inode.size);
      const base = vma.offset / 4096;
      const from = Math.max(vma.start, vma.start + (first - base) * 4096);
      const to = Math.min(vma.end, vma.start + (end - base) * 4096);
      if (from < to) this.mm.forgetFilePages(from, to, truncated);
    }
  }

  dispose(): void {
    this.mappable.removeObserver(this);
  }
}
