/**
 * Files that can be mapped into memory (mmap(2)): they tell where in the page store a page of the file lies.
 *
 * Pages stay where they are while mapped. When a file shrinks or a hole is punched, it tells its observers
 * first, so that they take the pages out of every address space; only then may it free them.
 */
export interface MappingObserver {
  /** Forget translations of file pages first..end-1 (page indices). */
  invalidate(first: number, end: number): void;
}

export interface Mappable {
  /**
   * Store offset of file page `index`, reading it in when needed. Sets `runLength` to the number of pages
   * (1..max) that follow contiguously in the store and are present. Returns -EFAULT (the kernel raises
   * SIGBUS) when the page lies behind the end of the file, -EIO, -ENOMEM, -ENOSPC as the file system says.
   * `write`: the page will be written through a shared mapping (allocate holes, mark dirty, update mtime).
   */
  translate(index: number, max: number, write: boolean): number;
  /**
   * The same without reading anything in: the store offset when the page is in memory now, else -1. Sets
   * `runLength` to the number of pages (1..max) the answer holds for. Absent where it would always be -1 or
   * costs as much as `translate`.
   */
  peek?(index: number, max: number): number;
  /**
   * 0, or -errno of mmap(2) where nothing can be mapped from page `index` on. Absent: everything can, though
   * it may fault.
   */
  refuses?(index: number): number;
  readonly runLength: number;
  addObserver(observer: MappingObserver): void;
  removeObserver(observer: MappingObserver): void;
  /** Write dirty pages back where the file lives elsewhere (msync(2)); 0 or -errno. */
  syncPages(first: number, end: number): number;
}
