import type { PageStore } from '@sandbox/vfs';

/**
 * What memory management needs of the memory file beyond what file systems need. `MemoryFile` of the platform
 * is one.
 */
export interface GuestStore extends PageStore {
  /**
   * As `allocate`, for what is mapped at `addr`: of 2 MiB and more the offset is congruent to it modulo 2
   * MiB. `untouched`: see there.
   */
  allocateFor(addr: number, bytes: number, untouched?: boolean): number;
  /** As `allocate`, without clearing recycled pages: for a caller that overwrites all of it at once. */
  allocateDirty(bytes: number): number;
  /** Users of the page at `offset`. */
  refCount(offset: number): number;
  /** True when every page of the range has exactly one user. */
  isExclusive(offset: number, bytes: number): boolean;
  /** Copy within the store. */
  copy(from: number, to: number, bytes: number): void;
  /** Bytes handed out, touched or not. */
  readonly allocatedBytes: number;
  /** Which pages of a range hold host memory: one byte a page, 1 or 0, from `vec[at]` on. */
  resident(offset: number, bytes: number, vec: Uint8Array, at: number): void;
  /** Bytes of host memory really in use. */
  committedBytes(): number;
}
