/**
 * The page tables of one address space (Intel SDM vol. 3, 4.5), written from outside the virtual machine.
 *
 * A page that is mapped without any right keeps its place, complemented so that it names no memory the
 * processor could speculate on. What a change took away stays reachable until `stale` has been dealt with;
 * what it adds needs nothing. Tables are never unlinked while the address space lives: a hypervisor that
 * shadows them would not notice, and processors remember where they are.
 *
 * 2 MiB of the address space that have no table yet, and are mapped at once to 2 MiB of the memory file, are
 * one entry of the directory above, where `large` allows it. A change of a part replaces it by a table that
 * says the same, which takes nothing away.
 */
import { ACCESS_EXEC, ACCESS_WRITE, PROT_W, PROT_X } from '@sandbox/platform';
import { PAGE, PHYSICAL_BASE_HIGH } from './layout.js';
import { Ranges } from './ranges.js';
import type { TablePages } from './table-pages.js';

const PRESENT = 1;
const WRITE = 2;
export const USER = 4;
/** Accessed and dirty: set from the start, so that nobody else has to write the entry. */
const USED = 0x60;
/** Software's own bit: there is a page, whether accessible or not. */
const MAPPED = 0x200;
/** An entry of a directory maps memory itself. */
const LARGE = 0x80;
const FLAGS_LOW = 0xfff;
const LARGE_ADDRESS_LOW = 0xffe00000;
const NO_EXECUTE = 0x80000000;
const ADDRESS_LOW = 0xfffff000;
const ADDRESS_HIGH = 0x000fffff;
const TABLE = PRESENT | WRITE | USER | USED;

const ENTRIES = 512;
const CHUNK = 2 ** 30;
const LEAF_SPAN = 2 ** 21;

/** Flags of a present leaf entry for a protection that is not zero: low and high word. */
function lowFlags(prot: number): number {
  return PRESENT | USER | USED | MAPPED | ((prot & PROT_W) !== 0 ? WRITE : 0);
}
function highFlags(prot: number): number {
  return (prot & PROT_X) !== 0 ? 0 : NO_EXECUTE;
}

export class PageTables {
  readonly root: number;
  /** All pages this address space's tables are made of. */
  private readonly own: number[] = [];
  /** Pages that can still be reached through what the processor or hypervisor remembers. */
  readonly stale = new Ranges();
  // The leaf table looked up last, and the directory.
  private lastRegion = -1;
  private lastTable = 0;
  private lastGigabyte = -1;
  private lastDirectory = 0;

  constructor(
    private readonly pages: TablePages,
    /** The table of what all kernel halves share. 0 for the first ever, which makes it. */
    kernelLeaf: number,
    /** Use entries of 2 MiB: nobody shadows these tables. */
    private readonly large = false,
  ) {
    this.root = this.newTable();
    if (kernelLeaf !== 0) this.link(this.kernelDirectory(), 0, kernelLeaf);
  }

  private newTable(): number {
    const page = this.pages.allocate();
    this.own.push(page);
    return page;
  }

  private link(table: number, index: number, page: number): void {
    this.pages.store(table, index, ((page % 4294967296) | TABLE) >>> 0, physicalHigh(page));
  }

  /** Table below entry `index` of `table`, or 0. */
  private below(table: number, index: number): number {
    const words = this.pages.wordsAt(table);
    const at = (table % CHUNK) / 4 + index * 2;
    const low = words[at];
    if ((low & (PRESENT | LARGE)) !== PRESENT) return 0;
    return placeOf(low, words[at + 1]);
  }

  private child(table: number, index: number, create: boolean): number {
    const found = this.below(table, index);
    if (found !== 0 || !create) return found;
    const page = this.newTable();
    this.link(table, index, page);
    return page;
  }

  /** The directory of the gigabyte around `addr`, or 0. */
  private directory(addr: number, create: boolean): number {
    const gigabyte = Math.floor(addr / CHUNK);
    if (gigabyte === this.lastGigabyte) return this.lastDirectory;
    let table = this.child(this.root, Math.floor(gigabyte / 512) & 511, create);
    if (table !== 0) table = this.child(table, gigabyte & 511, create);
    if (table !== 0) {
      this.lastGigabyte = gigabyte;
      this.lastDirectory = table;
    }
    return table;
  }

  /**
   * The leaf table of the 2 MiB around `addr`, or 0: also where there is a large entry, which `create`
   * splits.
   */
  private leaf(addr: number, create: boolean): number {
    const region = Math.floor(addr / LEAF_SPAN);
    if (region === this.lastRegion) return this.lastTable;
    const directory = this.directory(addr, create);
    if (directory === 0) return 0;
    const index = region & 511;
    let table = this.below(directory, index);
    if (table === 0 && create) {
      table = this.newTable();
      if (this.large) this.spread(this.pages.wordsAt(directory), (directory % CHUNK) / 4 + index * 2, table);
      this.link(directory, index, table);
    }
    if (table !== 0) {
      this.lastRegion = region;
      this.lastTable = table;
    }
    return table;
  }

  /**
   * Have the new `table`, which nobody knows yet, say what the entry at `words[at]` does, if that is a large
   * one.
   */
  private spread(words: Uint32Array, at: number, table: number): void {
    const low = words[at];
    const high = words[at + 1];
    if ((low & LARGE) === 0) return;
    const flip = (low & PRESENT) === 0 ? -1 : 0;
    const flags = low & FLAGS_LOW & ~LARGE;
    const first = (low ^ flip) & LARGE_ADDRESS_LOW;
    const to = this.pages.wordsAt(table);
    const start = (table % CHUNK) / 4;
    for (let i = 0; i < ENTRIES; i++) {
      to[start + i * 2] = (((first + i * PAGE) ^ flip) & ADDRESS_LOW) | flags;
      to[start + i * 2 + 1] = high;
    }
  }

  /** Map `length` bytes of the memory file from `offset` at `addr`. */
  map(addr: number, length: number, prot: number, offset: number): void {
    const low = prot === 0 ? MAPPED : lowFlags(prot);
    const high = highFlags(prot);
    const flip = prot === 0 ? -1 : 0;
    const large = this.large && (addr - offset) % LEAF_SPAN === 0;
    for (let done = 0; done < length; ) {
      const first = Math.floor((addr + done) / PAGE) & 511;
      const count = Math.min(ENTRIES - first, (length - done) / PAGE);
      if (!(large && count === ENTRIES && this.mapLarge(addr + done, offset + done, low, high, flip)))
        this.fill(this.leaf(addr + done, true), first, count, offset + done, low, high, flip);
      done += count * PAGE;
    }
  }

  /** Map the 2 MiB at `addr` by one entry. False where a table has them. */
  private mapLarge(addr: number, place: number, low: number, high: number, flip: number): boolean {
    const directory = this.directory(addr, true);
    const index = Math.floor(addr / LEAF_SPAN) & 511;
    if (this.below(directory, index) !== 0) return false;
    const words = this.pages.wordsAt(directory);
    const at = (directory % CHUNK) / 8 + index;
    const newLow = (((place % 4294967296) ^ flip) & LARGE_ADDRESS_LOW) | low | LARGE;
    const newHigh = ((physicalHigh(place) ^ flip) & ADDRESS_HIGH) | high;
    this.replace(words, this.pages.entriesAt(directory), at, newLow >>> 0, newHigh >>> 0, LEAF_SPAN);
    this.pages.large++;
    return true;
  }

  /**
   * Let `count` entries of a leaf table name pages of the memory file from `place`; complemented where `flip`
   * is -1.
   */
  private fill(
    table: number,
    first: number,
    count: number,
    place: number,
    low: number,
    high: number,
    flip: number,
  ): void {
    const words = this.pages.wordsAt(table);
    const entries = this.pages.entriesAt(table);
    const start = (table % CHUNK) / 8 + first;
    let nextLow = (place % 4294967296) | 0;
    let nextHigh = physicalHigh(place);
    for (let at = start; at < start + count; at++) {
      const newLow = (((nextLow ^ flip) & ADDRESS_LOW) | low) >>> 0;
      const newHigh = (((nextHigh ^ flip) & ADDRESS_HIGH) | high) >>> 0;
      this.replace(words, entries, at, newLow, newHigh, PAGE);
      nextLow = (nextLow + PAGE) | 0;
      if (nextLow === 0) nextHigh++;
    }
  }

  unmap(addr: number, length: number): void {
    this.change(addr, length, -1);
  }

  protect(addr: number, length: number, prot: number): void {
    this.change(addr, length, prot);
  }

  /** Give the mapped pages of a range another protection; -1 unmaps them. */
  private change(addr: number, length: number, prot: number): void {
    for (let done = 0; done < length; ) {
      const first = Math.floor((addr + done) / PAGE) & 511;
      const count = Math.min(ENTRIES - first, (length - done) / PAGE);
      let table = this.leaf(addr + done, false);
      if (table === 0 && this.large) {
        const at = this.largeEntry(addr + done);
        if (at >= 0 && count < ENTRIES) table = this.leaf(addr + done, true);
        else if (at >= 0) this.changeEntries(this.lastDirectory, at, 1, prot, LARGE, LEAF_SPAN);
      }
      if (table !== 0) this.changeEntries(table, first, count, prot, 0, PAGE);
      done += count * PAGE;
    }
  }

  /** The index, in `lastDirectory`, of the large entry around `addr`; -1 where there is none. */
  private largeEntry(addr: number): number {
    const directory = this.directory(addr, false);
    if (directory === 0) return -1;
    const index = Math.floor(addr / LEAF_SPAN) & 511;
    const low = this.pages.wordsAt(directory)[(directory % CHUNK) / 4 + index * 2];
    return (low & LARGE) !== 0 ? index : -1;
  }

  /** The same for `count` entries of a table, of `span` bytes each and with the flag `size` of those. */
  private changeEntries(
    table: number,
    first: number,
    count: number,
    prot: number,
    size: number,
    span: number,
  ): void {
    const low = (prot <= 0 ? MAPPED : lowFlags(prot)) | size;
    const high = prot <= 0 ? NO_EXECUTE : highFlags(prot);
    const address = size === 0 ? ADDRESS_LOW : LARGE_ADDRESS_LOW;
    const words = this.pages.wordsAt(table);
    const entries = this.pages.entriesAt(table);
    const start = (table % CHUNK) / 8 + first;
    for (let at = start; at < start + count; at++) {
      const oldLow = words[at * 2];
      if ((oldLow & MAPPED) === 0) continue;
      if (prot < 0) {
        this.replace(words, entries, at, 0, 0, span);
        continue;
      }
      // Complemented where it was not accessible, or is not to be.
      const flip = ((oldLow ^ low) & PRESENT) !== 0 ? -1 : 0;
      const newLow = (((oldLow ^ flip) & address) | low) >>> 0;
      const newHigh = (((words[at * 2 + 1] ^ flip) & ADDRESS_HIGH) | high) >>> 0;
      this.replace(words, entries, at, newLow, newHigh, span);
    }
  }

  /**
   * Store entry `at` of the gigabyte, for `span` bytes, and note what the one before gave and this one does
   * not.
   */
  private replace(
    words: Uint32Array,
    entries: Float64Array,
    at: number,
    low: number,
    high: number,
    span: number,
  ): void {
    const oldLow = words[at * 2];
    const oldHigh = words[at * 2 + 1];
    if (oldLow === low && oldHigh === high) return;
    this.pages.storeAt(entries, at, low, high);
    if ((oldLow & PRESENT) === 0) return;
    const lost =
      (oldLow & (PRESENT | WRITE) & ~low) !== 0 ||
      ((oldLow ^ low) & ADDRESS_LOW) !== 0 ||
      ((oldHigh ^ high) & ADDRESS_HIGH) !== 0 ||
      (high & ~oldHigh & NO_EXECUTE) !== 0;
    if (lost) this.stale.add(placeOf(oldLow, oldHigh), span);
  }

  // What `find` found.
  private foundLow = 0;
  private foundHigh = 0;
  private foundSpan = PAGE;

  /** Look up what maps `addr`. False when nothing accessible is there. */
  private find(addr: number): boolean {
    let table = this.leaf(addr, false);
    let index = Math.floor(addr / PAGE) & 511;
    this.foundSpan = PAGE;
    if (table === 0) {
      index = this.large ? this.largeEntry(addr) : -1;
      if (index < 0) return false;
      table = this.lastDirectory;
      this.foundSpan = LEAF_SPAN;
    }
    const words = this.pages.wordsAt(table);
    const at = (table % CHUNK) / 4 + index * 2;
    this.foundLow = words[at];
    this.foundHigh = words[at + 1];
    return (this.foundLow & PRESENT) !== 0;
  }

  /** Place of the byte at `addr` in the memory file, or -1 when nothing accessible is there. */
  lookup(addr: number): number {
    return this.find(addr) ? placeOf(this.foundLow, this.foundHigh) + (addr % this.foundSpan) : -1;
  }

  /** Would the tables as they are let a guest's access through? */
  allows(addr: number, access: number): boolean {
    if (!this.find(addr)) return false;
    if ((access & ACCESS_WRITE) !== 0 && (this.foundLow & WRITE) === 0) return false;
    return (access & ACCESS_EXEC) === 0 || (this.foundHigh & NO_EXECUTE) === 0;
  }

  /** The directory of the kernel half's gigabyte. */
  private kernelDirectory(): number {
    return this.child(this.child(this.root, ENTRIES - 1, true), ENTRIES - 2, true);
  }

  /**
   * Make a page of the platform's own visible to the kernel half (or, with `user`, to guests too), `at` bytes
   * from its start. For the pages all share that is seen everywhere.
   */
  mapKernel(at: number, place: number, writable: boolean, user: boolean): void {
    const table = this.child(this.kernelDirectory(), Math.floor(at / LEAF_SPAN), true);
    const low = (place % 4294967296) | PRESENT | USED | (writable ? WRITE : 0) | (user ? USER : 0);
    this.pages.store(table, (at % LEAF_SPAN) / PAGE, low >>> 0, physicalHigh(place));
  }

  /**
   * A zeroed page at `at` in this address space's own part of the kernel half, writable; it ends with the
   * address space.
   */
  addKernelPage(at: number, user: boolean): number {
    const place = this.newTable();
    this.mapKernel(at, place, true, user);
    return place;
  }

  /** The table all kernel halves share. */
  get kernelLeaf(): number {
    return this.child(this.kernelDirectory(), 0, true);
  }

  /** Copy everything the guest's half of `from` maps. This one must be empty. */
  copy(from: PageTables): void {
    this.copyLevel(from.root, this.root, 4, ENTRIES / 2);
  }

  private copyLevel(from: number, to: number, level: number, entries: number): void {
    const words = this.pages.wordsAt(from);
    const at = (from % CHUNK) / 4;
    if (level === 1) {
      this.pages.wordsAt(to).set(words.subarray(at, at + entries * 2), (to % CHUNK) / 4);
      return;
    }
    for (let i = 0; i < entries; i++) {
      const low = words[at + i * 2];
      if ((low & LARGE) !== 0) {
        this.pages.store(to, i, low, words[at + i * 2 + 1]);
        this.pages.large++;
        continue;
      }
      if ((low & PRESENT) === 0) continue;
      const page = this.newTable();
      this.copyLevel(placeOf(low, words[at + i * 2 + 1]), page, level - 1, ENTRIES);
      this.link(to, i, page);
    }
  }

  /** The address space has ended; no virtual CPU will use its root again. */
  dispose(): void {
    this.pages.retire(this.own);
    this.own.length = 0;
    this.stale.clear();
    this.lastRegion = -1;
    this.lastGigabyte = -1;
  }
}

/** High word of the guest-physical address of a place in the memory file. */
function physicalHigh(place: number): number {
  return Math.floor(place / 4294967296) + PHYSICAL_BASE_HIGH;
}
/** Place in the memory file an entry points at. */
function placeOf(low: number, high: number): number {
  return ((high & ADDRESS_HIGH) - PHYSICAL_BASE_HIGH) * 4294967296 + ((low & ADDRESS_LOW) >>> 0);
}
