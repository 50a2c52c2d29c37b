/**
 * Where file systems keep the bytes of files: page-granular ranges of one big store.
 *
 * A kernel passes its guest memory file, so that a tmpfs page can be mapped into a guest and read by
 * `read(2)` without a copy in between; `HeapPageStore` serves a file tree used alone.
 *
 * Offsets are byte positions in the store, page aligned where they name a page. The store is addressed in
 * chunks of `CHUNK_SIZE`; a range handed out by `allocate` lies in one chunk unless it is larger than a
 * chunk, so code that walks a range must split at chunk borders.
 */
export const PAGE_SIZE = 4096;
export const CHUNK_SIZE = 2 ** 30;

/** A range of a store that others share (`PageStore.takeShared`). */
export interface SharedExtent {
  /** In the store. */
  readonly offset: number;
  /** Whole pages. */
  readonly bytes: number;
  /** One byte a block: 1 when it holds content. */
  readonly present: Uint8Array;
  /** Bytes that hold content. */
  filled: number;
}

export interface PageStore {
  /**
   * A zeroed range of `bytes` (rounded up to pages), each page with reference count 1; -ENOMEM when full.
   * `cache`: it can be given back when others need it. `untouched`: the host holds nothing of it yet, so that
   * later what it holds has been touched.
   */
  allocate(bytes: number, cache?: boolean, untouched?: boolean): number;
  /** Count further users of every page of the range. */
  incRef(offset: number, bytes: number): void;
  /** Drop one use of every page; pages without users return to the store (and to the host). */
  decRef(offset: number, bytes: number): void;
  /**
   * The chunk that holds `offset`, as bytes. Its index is `offset % CHUNK_SIZE`. Valid until the store is
   * disposed.
   */
  chunk(offset: number): Uint8Array;
  /** Make the range read as zeros and give its memory back, keeping it allocated. */
  discard(offset: number, bytes: number): void;
  /**
   * Host address of `offset`, for host calls that read or write the range directly; 0 when the store has
   * none.
   */
  hostAddress(offset: number): number;
  /**
   * Fill `bytes` at `offset` from host memory at `address`, by a call of the host: for pages nobody has
   * touched yet that is faster than touching them. Bytes stored, or a negative errno. Absent where the store
   * has no host address.
   */
  storeFrom?(offset: number, address: number, bytes: number): number;
  /**
   * Fill `bytes` at `offset` from a file of the host, of descriptor `fd`, at `fileOffset`: the host copies
   * from its page cache into the store's, without the faults a read into untouched pages takes. Bytes stored
   * (0 at the end of the file), or a negative errno: then read(2) may still do. Absent where the store is no
   * file of the host.
   */
  storeFile?(offset: number, fd: number, fileOffset: number, bytes: number): number;
  /**
   * A range that other stores may have, too, for content that does not change and that `key` names: taken
   * with one reference on each page, given back by `decRef`. Which of its `blocks` blocks are filled already
   * `present` says; whoever fills more adds to both. It must not be written otherwise. Null when nothing can
   * be shared. Absent where nothing ever is.
   */
  takeShared?(key: string, bytes: number, blocks: number): SharedExtent | null;
  /** Bytes that can still be had: for statfs(2). Absent where nobody knows. */
  available?(): number;
  /**
   * Bytes that all who reserve pages without filling them may have together. Absent where there is no bound.
   */
  capacity?(): number;
}
