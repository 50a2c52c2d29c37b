import { HostCallError, type MemoryFile } from '@sandbox/platform';
import { PAGE } from './layout.js';

const CHUNK = 2 ** 30;
const ENOMEM = 12;
/** Pages taken from the memory file at a time. */
const BATCH = 32;
/**
 * Table pages whose address space has ended are not used again until there are this many: a hypervisor that
 * shadows page tables knows them by their address, and to make it forget them costs milliseconds.
 */
const MAX_RETIRED = 4096;

/**
 * The pages page tables are made of: in the memory file, with views by which entries are read and written.
 */
export class TablePages {
  private readonly words: Uint32Array[] = [];
  private readonly doubles: Float64Array[] = [];
  private readonly batches: number[] = [];
  private readonly free: number[] = [];
  private retired: number[] = [];
  /** Pages in use. */
  used = 0;
  /** Entries of 2 MiB written so far. */
  large = 0;
  // An entry is stored in one piece, whatever walks the table meanwhile: by way of a double of the same bits
  // (never a NaN, as bits 52 to 62 of an entry are zero).
  private readonly pair = new Uint32Array(2);
  private readonly asDouble = new Float64Array(this.pair.buffer);

  constructor(
    private readonly memory: MemoryFile,
    /** Let the machine see new pages. */
    private readonly show: (place: number, length: number) => void,
    /** Make the hypervisor forget every table it has seen. */
    private readonly forget: () => void,
  ) {}

  /** A zeroed page: its offset in the memory file. Throws HostCallError. */
  allocate(): number {
    this.used++;
    const page = this.free.pop();
    if (page !== undefined) {
      this.wordsAt(page).fill(0, (page % CHUNK) / 4, (page % CHUNK) / 4 + PAGE / 4);
      return page;
    }
    const batch = this.memory.allocate(BATCH * PAGE);
    if (batch < 0) {
      this.used--;
      throw new HostCallError('page table allocation', ENOMEM);
    }
    this.batches.push(batch);
    this.view(Math.floor(batch / CHUNK));
    this.show(batch, BATCH * PAGE);
    for (let i = BATCH - 1; i > 0; i--) this.free.push(batch + i * PAGE);
    // Place 0 means no table.
    return batch === 0 ? this.free.pop()! : batch;
  }

  retire(pages: readonly number[]): void {
    this.used -= pages.length;
    for (const page of pages) this.retired.push(page);
    if (this.retired.length < MAX_RETIRED) return;
    this.forget();
    for (const page of this.retired) this.free.push(page);
    this.retired = [];
  }

  /** All 32-bit words of the gigabyte `page` lies in. */
  wordsAt(page: number): Uint32Array {
    const index = Math.floor(page / CHUNK);
    return this.words[index] ?? this.view(index);
  }

  private view(index: number): Uint32Array {
    const bytes = this.memory.chunk(index * CHUNK);
    this.doubles[index] = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    this.words[index] = words;
    return words;
  }

  /** All entries of the gigabyte `page` lies in, to be stored to by `storeAt`. */
  entriesAt(page: number): Float64Array {
    const index = Math.floor(page / CHUNK);
    if (!this.doubles[index]) this.view(index);
    return this.doubles[index];
  }

  /** Store an entry: `at` counts from the start of the gigabyte. */
  storeAt(entries: Float64Array, at: number, low: number, high: number): void {
    this.pair[0] = low;
    this.pair[1] = high;
    entries[at] = this.asDouble[0];
  }

  /** Store entry `index` of the table at `page`. */
  store(page: number, index: number, low: number, high: number): void {
    this.storeAt(this.entriesAt(page), (page % CHUNK) / 8 + index, low, high);
  }

  dispose(): void {
    for (const batch of this.batches) this.memory.decRef(batch, BATCH * PAGE);
    this.batches.length = 0;
    this.words.length = 0;
    this.doubles.length = 0;
  }
}
