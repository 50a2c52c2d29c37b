import { Segment } from './segment-set.js';

/** Private pages: this address space's own, or shared copy-on-write with others since a fork. */
export const PMA_ANON = 0;
/** Page-cache pages under a private mapping: never written through it. */
export const PMA_FILE = 1;
/** Pages of a shared mapping. */
export const PMA_SHARED = 2;

export type PmaKind = 0 | 1 | 2;

/**
 * Pages present in an address space: a guest range lying contiguously in the memory file. It holds one
 * reference on each of its pages. The host always maps exactly what the pmas say: `prot` of the mapping
 * around it, without PROT_WRITE while `wp` is set.
 */
export class Pma extends Segment<Pma> {
  constructor(
    start: number,
    end: number,
    /** Offset of `start` in the memory file. */
    public offset: number,
    public kind: PmaKind,
    /**
     * Write-protected whatever the mapping allows: the first write must be resolved. PMA_ANON: other address
     * spaces may use the page too; PMA_FILE: always; PMA_SHARED: the file wants to hear of the write.
     */
    public wp: boolean,
  ) {
    super(start, end);
  }

  /** `other` follows at once, here and in the store, with the same state. */
  mergesWith(other: Pma): boolean {
    return (
      this.end === other.start &&
      this.kind === other.kind &&
      this.wp === other.wp &&
      this.offset + (this.end - this.start) === other.offset
    );
  }
}
