import {
  EFAULT,
  EINVAL,
  IORING_OFF_CQ_RING,
  IORING_OFF_PBUF_RING,
  IORING_OFF_PBUF_SHIFT,
  IORING_OFF_SQES,
} from '@sandbox/abi';
import type { Mappable, MappingObserver } from '@sandbox/vfs';
import type { RingPages } from '../ring-pages.js';

const PAGE = 4096;
/** Places a group of the greatest size takes. */
const MOST_PLACES = 8;
const GROUP_PAGES = 2 ** IORING_OFF_PBUF_SHIFT / PAGE;

/** Offsets in the ring page (Linux: struct io_rings). */
export const SQ_HEAD = 0;
export const SQ_TAIL = 4;
export const CQ_HEAD = 8;
export const CQ_TAIL = 12;
export const SQ_MASK = 16;
export const CQ_MASK = 20;
export const SQ_ENTRIES = 24;
export const CQ_ENTRIES = 28;
export const SQ_DROPPED = 32;
export const SQ_FLAGS = 36;
export const CQ_FLAGS = 40;
export const CQ_OVERFLOW = 44;
export const CQES = 64;
/** Places of the above in io_uring_params. */
export const SQ_OFFSETS = [SQ_HEAD, SQ_TAIL, SQ_MASK, SQ_ENTRIES, SQ_FLAGS, SQ_DROPPED];
export const CQ_OFFSETS = [CQ_HEAD, CQ_TAIL, CQ_MASK, CQ_ENTRIES, CQ_OVERFLOW, CQES, CQ_FLAGS];

/**
 * What is mapped of a ring: the rings at 0 (and IORING_OFF_CQ_RING), the entries at IORING_OFF_SQES, groups
 * of buffers that were asked for behind IORING_OFF_PBUF_RING.
 */
export class RingMapping implements Mappable {
  runLength = 0;
  private users = 0;
  /** Buffers of groups by group, and of those that went while somebody may have them mapped. */
  private readonly groups = new Map<number, RingPages>();
  private readonly retired: { readonly id: number; readonly pages: RingPages }[] = [];

  /** Null: they are in memory of the program's (IORING_SETUP_NO_MMAP). */
  constructor(
    private readonly rings: RingPages | null,
    private readonly sqes: RingPages | null,
  ) {}

  translate(index: number, max: number, write: boolean): number {
    let pages: RingPages | null | undefined = this.rings;
    let first = 0;
    if (index >= IORING_OFF_PBUF_RING / PAGE) {
      const at = index - IORING_OFF_PBUF_RING / PAGE;
      const group = this.groupAt(at);
      pages = this.groupPages(group);
      first = IORING_OFF_PBUF_RING / PAGE + group * GROUP_PAGES;
    } else if (index >= IORING_OFF_SQES / PAGE) {
      pages = this.sqes;
      first = IORING_OFF_SQES / PAGE;
    } else if (index >= IORING_OFF_CQ_RING / PAGE) first = IORING_OFF_CQ_RING / PAGE;
    if (!pages) return -EFAULT;
    const offset = pages.pages.translate(index - first, max, write);
    this.runLength = pages.pages.runLength;
    return offset;
  }

  /** Rings in memory of the program's own are not mapped. */
  refuses(index: number): number {
    return this.rings === null && index < IORING_OFF_PBUF_RING / PAGE ? -EINVAL : 0;
  }

  private groupPages(id: number): RingPages | undefined {
    return this.groups.get(id) ?? this.retired.findLast((each) => each.id === id)?.pages;
  }

  /**
   * Large groups reach over the places of those behind them, which then begin where they should nevertheless.
   */
  private groupAt(at: number): number {
    const last = Math.floor(at / GROUP_PAGES);
    for (let id = last; id >= 0 && id > last - MOST_PLACES; id--) {
      const pages = this.groupPages(id);
      if (pages !== undefined && at - id * GROUP_PAGES < pages.pages.pages) return id;
    }
    return last;
  }

  addGroup(id: number, pages: RingPages): void {
    this.groups.set(id, pages);
  }
  removeGroup(id: number): void {
    const pages = this.groups.get(id);
    if (pages === undefined) return;
    this.groups.delete(id);
    if (this.users === 0) pages.free();
    else this.retired.push({ id, pages });
  }

  addObserver(observer: MappingObserver): void {
    this.users++;
    this.rings?.pages.addObserver(observer);
    this.sqes?.pages.addObserver(observer);
  }
  removeObserver(observer: MappingObserver): void {
    this.users--;
    this.rings?.pages.removeObserver(observer);
    this.sqes?.pages.removeObserver(observer);
    if (this.users === 0) for (const { pages } of this.retired.splice(0)) pages.free();
  }
  syncPages(): number {
    return 0;
  }

  /** The ring is gone. */
  free(): void {
    this.rings?.free();
    this.sqes?.free();
    for (const id of [...this.groups.keys()]) this.removeGroup(id);
  }
}
