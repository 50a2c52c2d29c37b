import { ENOMEM, S_IFREG } from '@sandbox/abi';
import type { AddressSpace } from '@sandbox/platform';
import { CHUNK_SIZE, File, type FileSystem, Inode, type Mappable, type MappingObserver } from '@sandbox/vfs';
import type { GuestStore } from '../../src/mm/guest-store.js';
import { MemoryManager } from '../../src/mm/memory-manager.js';

export const PAGE = 4096;

/** A store of a few megabytes that checks its callers. */
export class TestStore implements GuestStore {
  readonly bytes: Uint8Array;
  readonly refs: Uint32Array;
  allocatedBytes = 0;
  private cursor = 0;

  constructor(readonly pages = 4096) {
    this.bytes = new Uint8Array(pages * PAGE);
    this.refs = new Uint32Array(pages);
  }

  allocate(bytes: number): number {
    const at = this.allocateDirty(bytes);
    if (at >= 0) this.bytes.fill(0, at, at + Math.ceil(bytes / PAGE) * PAGE);
    return at;
  }

  allocateFor(_addr: number, bytes: number): number {
    return this.allocate(bytes);
  }

  allocateDirty(bytes: number): number {
    const n = Math.ceil(bytes / PAGE);
    for (let tries = 0, at = this.cursor; tries <= this.pages; tries++, at = (at + 1) % this.pages) {
      if (at + n > this.pages) continue;
      let free = 0;
      while (free < n && this.refs[at + free] === 0) free++;
      if (free < n) continue;
      this.refs.fill(1, at, at + n);
      // What was there before must not show through.
      this.bytes.fill(0xaa, at * PAGE, (at + n) * PAGE);
      this.cursor = (at + n) % this.pages;
      this.allocatedBytes += n * PAGE;
      return at * PAGE;
    }
    return -ENOMEM;
  }

  incRef(offset: number, bytes: number): void {
    for (let i = offset / PAGE; i < (offset + bytes) / PAGE; i++) {
      if (this.refs[i] === 0) throw new Error('incRef of a free page');
      this.refs[i]!++;
    }
  }

  decRef(offset: number, bytes: number): void {
    for (let i = offset / PAGE; i < (offset + bytes) / PAGE; i++) {
      if (this.refs[i] === 0) throw new Error('decRef of a free page');
      this.refs[i]!--;
      if (this.refs[i] === 0) {
        this.bytes.fill(0xdd, i * PAGE, (i + 1) * PAGE);
        this.allocatedBytes -= PAGE;
      }
    }
  }

  refCount(offset: number): number {
    return this.refs[offset / PAGE]!;
  }
  isExclusive(offset: number, bytes: number): boolean {
    for (let i = offset / PAGE; i < (offset + bytes) / PAGE; i++) if (this.refs[i] !== 1) return false;
    return true;
  }
  copy(from: number, to: number, bytes: number): void {
    this.bytes.copyWithin(to, from, from + bytes);
  }
  chunk(_offset: number): Uint8Array {
    return this.bytes;
  }
  discard(offset: number, bytes: number): void {
    this.bytes.fill(0, offset, offset + bytes);
  }
  hostAddress(): number {
    return 0;
  }
  resident(_offset: number, bytes: number, vec: Uint8Array, at: number): void {
    vec.fill(1, at, at + bytes / PAGE);
  }
  committedBytes(): number {
    return this.allocatedBytes;
  }
}

export interface HostPage {
  offset: number;
  prot: number;
}

/** Records what the host would map. */
export class TestSpace implements AddressSpace {
  readonly minAddress = 65536;
  readonly maxAddress = 0x7ffffffff000;
  contexts = 1;
  flushes = 0;
  calls = 0;
  pages = new Map<number, HostPage>();

  map(addr: number, length: number, prot: number, offset: number): void {
    this.check(addr, length);
    if (offset % PAGE !== 0 || Math.floor(offset / CHUNK_SIZE) !== 0) throw new Error('bad offset');
    for (let at = 0; at < length; at += PAGE) this.pages.set(addr + at, { offset: offset + at, prot });
  }
  unmap(addr: number, length: number): void {
    this.check(addr, length);
    for (let at = addr; at < addr + length; at += PAGE) this.pages.delete(at);
  }
  protect(addr: number, length: number, prot: number): void {
    this.check(addr, length);
    for (let at = addr; at < addr + length; at += PAGE) {
      const page = this.pages.get(at);
      if (!page) throw new Error('protect of an unmapped page: the host answers ENOMEM');
      page.prot = prot;
    }
  }
  flush(): void {
    this.flushes++;
  }
  private check(addr: number, length: number): void {
    this.calls++;
    if (addr % PAGE !== 0 || length % PAGE !== 0 || length <= 0)
      throw new Error(`bad range ${addr} ${length}`);
  }
  /** What the platform does at Context.fork. */
  copy(): TestSpace {
    const s = new TestSpace();
    for (const [addr, page] of this.pages) s.pages.set(addr, { ...page });
    return s;
  }
}

/** A file of whole pages in the store. */
export class TestFile extends File implements Mappable {
  runLength = 0;
  readonly observers = new Set<MappingObserver>();
  private storage: number[] = [];
  writes = 0;

  constructor(
    readonly store: TestStore,
    public pageCount: number,
    flags: number,
  ) {
    super(new TestInode(null as unknown as FileSystem), flags);
    this.inode.mode = S_IFREG;
    this.resize(pageCount);
  }

  override get mappable(): Mappable {
    return this;
  }

  /** Pages lie scattered, so that runs are short. */
  resize(pages: number): void {
    const old = this.pageCount;
    this.pageCount = pages;
    this.inode.size = pages * PAGE;
    if (pages < old) for (const o of [...this.observers]) o.invalidate(pages, old);
    while (this.storage.length > pages) this.store.decRef(this.storage.pop()!, PAGE);
    while (this.storage.length < pages) this.storage.push(this.store.allocate(PAGE));
  }

  value(index: number): number {
    return this.store.bytes[this.storage[index]!]!;
  }
  setValue(index: number, value: number): void {
    this.store.bytes[this.storage[index]!] = value;
  }
  holds(offset: number): boolean {
    return this.storage.includes(offset);
  }

  translate(index: number, max: number, write: boolean): number {
    if (index >= this.pageCount) return -14;
    if (write) this.writes++;
    let n = 1;
    while (
      n < max &&
      index + n < this.pageCount &&
      this.storage[index + n] === this.storage[index]! + n * PAGE
    )
      n++;
    this.runLength = n;
    return this.storage[index]!;
  }
  addObserver(o: MappingObserver): void {
    this.observers.add(o);
  }
  removeObserver(o: MappingObserver): void {
    this.observers.delete(o);
  }
  syncPages(): number {
    return 0;
  }
}

class TestInode extends Inode {
  override get dev(): number {
    return 1;
  }
}

export function makeEnvironment(store: TestStore, memory = 1024 * 1024 * 1024) {
  let seed = 12345;
  return {
    memory: store,
    limits: { memory },
    machineMemory: memory,
    memoryShort: () => {},
    random: {
      uint32(): number {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
        return seed;
      },
      fill(bytes: Uint8Array, offset: number, length: number): void {
        for (let i = 0; i < length; i++) bytes[offset + i] = this.uint32() >>> 24;
      },
    },
  };
}

export function makeMemory(
  store = new TestStore(),
  memory = 1024 * 1024 * 1024,
): { mm: MemoryManager; space: TestSpace; store: TestStore } {
  const space = new TestSpace();
  const mm = new MemoryManager(makeEnvironment(store, memory), space);
  return { mm, space, store };
}
