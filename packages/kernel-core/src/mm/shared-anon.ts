import { EFAULT, ENOMEM } from '@sandbox/abi';
import type { Mappable, MappingObserver } from '@sandbox/vfs';
import type { GuestStore } from './guest-store.js';

const PAGE = 4096;
/**
 * Objects up to this size (256 MiB) take their range of the store at once, larger ones in blocks of
 * BLOCK_PAGES.
 */
const WHOLE_PAGES = 65536;
const BLOCK_PAGES = 512;

/**
 * The object behind MAP_SHARED | MAP_ANONYMOUS (Linux: an unlinked shmem file): every mapping of it, in
 * whichever process, shows the same pages. Counted by mappings; the last one frees it.
 */
export class SharedAnon implements Mappable {
  runLength = 0;
  private users = 0;
  /** Store offsets of the blocks touched so far. */
  private readonly blocks = new Map<number, number>();
  private readonly blockPages: number;
  readonly ino: number;
  private static lastIno = 0;

  constructor(
    private readonly store: GuestStore,
    /** Fixed at birth: a mapping grown beyond it gets SIGBUS there. */
    readonly pages: number,
    /** Where it is first mapped. */
    private readonly address = 0,
  ) {
    this.blockPages = pages <= WHOLE_PAGES ? pages : BLOCK_PAGES;
    this.ino = ++SharedAnon.lastIno;
  }

  translate(index: number, max: number, _write: boolean): number {
    if (index < 0 || index >= this.pages) return -EFAULT;
    const block = Math.floor(index / this.blockPages);
    const first = block * this.blockPages;
    const length = Math.min(this.blockPages, this.pages - first);
    let offset = this.blocks.get(block) ?? -1;
    if (offset < 0) {
      offset = this.store.allocateFor(this.address + first * PAGE, length * PAGE, true);
      if (offset < 0) return -ENOMEM;
      this.blocks.set(block, offset);
    }
    this.runLength = Math.min(max, first + length - index);
    return offset + (index - first) * PAGE;
  }

  /** Store offset of page `index`; -1: none has been given to it. */
  placeOf(index: number): number {
    const block = Math.floor(index / this.blockPages);
    const offset = this.blocks.get(block) ?? -1;
    return offset < 0 ? -1 : offset + (index - block * this.blockPages) * PAGE;
  }

  /** MADV_REMOVE: the pages read as zeros again, for everybody. */
  punch(first: number, end: number): void {
    for (const [block, offset] of this.blocks) {
      const base = block * this.blockPages;
      const from = Math.max(first, base);
      const to = Math.min(end, this.pages, base + this.blockPages);
      if (from < to) this.store.discard(offset + (from - base) * PAGE, (to - from) * PAGE);
    }
  }

  addObserver(_observer: MappingObserver): void {
    this.users++;
  }

  removeObserver(_observer: MappingObserver): void {
    this.users--;
    if (this.users > 0) return;
    for (const [block, offset] of this.blocks) {
      const length = Math.min(this.blockPages, this.pages - block * this.blockPages);
      this.store.decRef(offset, length * PAGE);
    }
    this.blocks.clear();
  }

  syncPages(_first: number, _end: number): number {
    return 0;
  }
}
