import { ENOMEM } from '@sandbox/abi';
import { CHUNK_SIZE, PAGE_SIZE, type PageStore } from './page-store.js';

/** Bytes of the first chunk; each further one is twice as large, up to MAX_CHUNK. */
const FIRST_CHUNK = 1 << 20;
const MAX_CHUNK = 1 << 26;

/** One stretch of heap memory. Free pages read as zeros. */
class Chunk {
  readonly bytes: Uint8Array;
  readonly pages: number;
  /** Uses of each page; 0: free. */
  readonly refs: Uint32Array;
  freePages: number;
  /** Every page below was seen taken: where searches begin. */
  private low = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.pages = size / PAGE_SIZE;
    this.refs = new Uint32Array(this.pages);
    this.freePages = this.pages;
  }

  /** First of `n` free pages in a row, which are then taken; -1 when there is no such row. */
  take(n: number): number {
    if (n > this.freePages) return -1;
    while (this.low < this.pages && this.refs[this.low] !== 0) this.low++;
    let run = 0;
    for (let i = this.low; i < this.pages; i++) {
      run = this.refs[i] === 0 ? run + 1 : 0;
      if (run === n) {
        const first = i - n + 1;
        this.refs.fill(1, first, i + 1);
        this.freePages -= n;
        if (first === this.low) this.low = i + 1;
        return first;
      }
    }
    return -1;
  }

  drop(i: number): void {
    if (--this.refs[i]! > 0) return;
    this.bytes.fill(0, i * PAGE_SIZE, (i + 1) * PAGE_SIZE);
    this.freePages++;
    if (i < this.low) this.low = i;
  }
}

/**
 * A page store on the JavaScript heap, for a file tree used without a kernel. Takes memory as files grow and
 * gives it back when whole chunks are free.
 */
export class HeapPageStore implements PageStore {
  private readonly chunks: (Chunk | null)[] = [];
  private allocatedPages = 0;
  private readonly maxPages: number;

  /** @param limit bytes of file content it may hold. */
  constructor(limit: number = Number.POSITIVE_INFINITY) {
    this.maxPages = limit / PAGE_SIZE;
  }

  /** Bytes in use. */
  get used(): number {
    return this.allocatedPages * PAGE_SIZE;
  }

  allocate(bytes: number): number {
    const n = Math.ceil(bytes / PAGE_SIZE);
    if (n === 0 || n * PAGE_SIZE > MAX_CHUNK || this.allocatedPages + n > this.maxPages) return -ENOMEM;
    for (let c = 0; c < this.chunks.length; c++) {
      const page = this.chunks[c]?.take(n) ?? -1;
      if (page >= 0) return this.taken(c, page, n);
    }
    let c = this.chunks.indexOf(null);
    if (c < 0) c = this.chunks.length;
    let size = Math.min(MAX_CHUNK, FIRST_CHUNK * 2 ** c);
    while (size < n * PAGE_SIZE) size *= 2;
    const chunk = new Chunk(size);
    this.chunks[c] = chunk;
    return this.taken(c, chunk.take(n), n);
  }

  private taken(c: number, page: number, n: number): number {
    this.allocatedPages += n;
    return c * CHUNK_SIZE + page * PAGE_SIZE;
  }

  incRef(offset: number, bytes: number): void {
    const chunk = this.chunkAt(offset);
    const first = (offset % CHUNK_SIZE) / PAGE_SIZE;
    const end = first + Math.ceil(bytes / PAGE_SIZE);
    for (let i = first; i < end; i++) chunk.refs[i]!++;
  }

  decRef(offset: number, bytes: number): void {
    const c = Math.floor(offset / CHUNK_SIZE);
    const chunk = this.chunkAt(offset);
    const first = (offset % CHUNK_SIZE) / PAGE_SIZE;
    const end = first + Math.ceil(bytes / PAGE_SIZE);
    const before = chunk.freePages;
    for (let i = first; i < end; i++) chunk.drop(i);
    this.allocatedPages -= chunk.freePages - before;
    // The first chunk stays: trees that come and go need not take memory anew each time.
    if (c > 0 && chunk.freePages === chunk.pages) this.chunks[c] = null;
  }

  private chunkAt(offset: number): Chunk {
    return this.chunks[Math.floor(offset / CHUNK_SIZE)]!;
  }

  chunk(offset: number): Uint8Array {
    return this.chunkAt(offset).bytes;
  }

  discard(offset: number, bytes: number): void {
    const i = offset % CHUNK_SIZE;
    this.chunkAt(offset).bytes.fill(0, i, i + bytes);
  }

  hostAddress(_offset: number): number {
    return 0;
  }
}
