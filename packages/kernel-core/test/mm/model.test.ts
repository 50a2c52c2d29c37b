import {
  MADV_DOFORK,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_KEEPONFORK,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  O_RDWR,
  PROT_WRITE,
} from '@sandbox/abi';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { FAULT_ACCERR, FAULT_BUS, FAULT_MAPERR, FAULT_OK } from '../../src/mm/fault-result.js';
import type { MemoryManager } from '../../src/mm/memory-manager.js';
import { makeMemory, PAGE, TestFile, type TestSpace, TestStore } from './fakes.js';

const BASE = 0x10000000;
const PAGES = 40;
const FILE_PAGES = 24;

/** One shared object of the model: the values of its pages. */
interface Shared {
  values: number[];
}

interface ModelPage {
  prot: number;
  kind: 'anon' | 'shared' | 'private-file' | 'shared-file';
  object: Shared | null;
  index: number;
  /** Value of the private copy; null: none yet. */
  copy: number | null;
  dontFork: boolean;
  wipe: boolean;
}

interface Process {
  mm: MemoryManager;
  space: TestSpace;
  pages: Map<number, ModelPage>;
}

const OK = 0;

/** As expect().toBe(), a thousand times cheaper. */
function same(actual: unknown, wanted: unknown): void {
  if (!Object.is(actual, wanted)) throw new Error(`${String(actual)} instead of ${String(wanted)}`);
}

class World {
  readonly store = new TestStore(2048);
  readonly privateFile = new TestFile(this.store, FILE_PAGES, O_RDWR);
  readonly sharedFile = new TestFile(this.store, FILE_PAGES, O_RDWR);
  readonly processes: Process[] = [];

  constructor() {
    for (let i = 0; i < FILE_PAGES; i++) this.privateFile.setValue(i, 100 + i);
    const { mm, space } = makeMemory(this.store);
    this.processes.push({ mm, space, pages: new Map() });
  }

  addr(page: number): number {
    return BASE + page * PAGE;
  }

  map(p: Process, at: number, count: number, prot: number, what: number, index: number): void {
    const addr = this.addr(at);
    const kind = (['anon', 'shared', 'private-file', 'shared-file'] as const)[what]!;
    const file = what === 2 ? this.privateFile : what === 3 ? this.sharedFile : null;
    const flags =
      MAP_FIXED | (file ? 0 : MAP_ANONYMOUS) | (what === 1 || what === 3 ? MAP_SHARED : MAP_PRIVATE);
    same(p.mm.mmap(addr, count * PAGE, prot, flags, file, file ? index * PAGE : 0), addr);
    const object = what === 1 ? { values: new Array(count).fill(0) } : null;
    for (let i = 0; i < count; i++) {
      p.pages.set(at + i, {
        prot,
        kind,
        object,
        index: what >= 2 ? index + i : i,
        copy: null,
        dontFork: false,
        wipe: false,
      });
    }
  }

  unmap(p: Process, at: number, count: number): void {
    same(p.mm.munmap(this.addr(at), count * PAGE), 0);
    for (let i = 0; i < count; i++) p.pages.delete(at + i);
  }

  protect(p: Process, at: number, count: number, prot: number): void {
    let gap = false;
    for (let i = 0; i < count; i++) {
      const page = p.pages.get(at + i);
      if (!page) {
        gap = true;
        break;
      }
      page.prot = prot;
    }
    const r = p.mm.mprotect(this.addr(at), count * PAGE, prot);
    same(r, gap ? -12 : 0);
  }

  advise(p: Process, at: number, count: number, advice: number): void {
    let gap = false;
    let refused = false;
    for (let i = 0; i < count && !refused; i++) {
      const page = p.pages.get(at + i);
      if (!page) {
        gap = true;
        continue;
      }
      if (advice === MADV_WIPEONFORK && page.kind !== 'anon') refused = true;
      else this.advisePage(page, advice);
    }
    const r = p.mm.madvise(this.addr(at), count * PAGE, advice);
    same(r, refused ? -22 : gap ? -12 : 0);
  }

  private advisePage(page: ModelPage, advice: number): void {
    if (advice === MADV_DONTNEED) page.copy = null;
    if (advice === MADV_DONTFORK) page.dontFork = true;
    if (advice === MADV_DOFORK) page.dontFork = false;
    if (advice === MADV_WIPEONFORK) page.wipe = true;
    if (advice === MADV_KEEPONFORK) page.wipe = false;
  }

  /** Move a range to another place of the window, if it is one mapping. */
  remap(p: Process, at: number, count: number, newCount: number, to: number, keep: boolean): void {
    if (keep) newCount = count;
    const addr = this.addr(at);
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);
    const r = p.mm.mremap(addr, count * PAGE, newCount * PAGE, flags, this.addr(to));
    const overlap = at + count > to && to + newCount > at;
    const first = p.pages.get(at);
    if (!first) {
      same(r, -14);
      return;
    }
    if (overlap) {
      same(r, -22);
      return;
    }
    // The target is unmapped, and an old tail cut off, before the rest is looked at.
    for (let i = 0; i < newCount; i++) p.pages.delete(to + i);
    for (let i = newCount; i < count; i++) p.pages.delete(at + i);
    if (r < 0) {
      same(r, -14);
      return;
    }
    same(r, this.addr(to));
    const moved = Math.min(count, newCount);
    for (let i = 0; i < newCount; i++) {
      const source = i < moved ? p.pages.get(at + i)! : null;
      p.pages.set(to + i, source ? { ...source } : { ...first, index: first.index + i, copy: null });
      if (!source) continue;
      if (keep) source.copy = null;
      else p.pages.delete(at + i);
    }
  }

  fork(p: Process): void {
    if (this.processes.length >= 4) return;
    p.mm.prepareFork();
    const space = p.space.copy();
    const mm = p.mm.fork(space);
    const pages = new Map<number, ModelPage>();
    for (const [at, page] of p.pages) {
      if (page.dontFork) continue;
      pages.set(at, { ...page, copy: page.wipe ? null : page.copy });
    }
    this.processes.push({ mm, space, pages });
  }

  exit(index: number): void {
    if (this.processes.length < 2) return;
    const [p] = this.processes.splice(index % this.processes.length, 1);
    p!.mm.release();
  }

  resize(which: number, count: number): void {
    const file = which === 0 ? this.privateFile : this.sharedFile;
    const old = file.pageCount;
    file.resize(count);
    if (count >= old) return;
    const kind = which === 0 ? 'private-file' : 'shared-file';
    for (const p of this.processes) {
      for (const page of p.pages.values()) if (page.kind === kind && page.index >= count) page.copy = null;
    }
  }

  private file(page: ModelPage): TestFile {
    return page.kind === 'private-file' ? this.privateFile : this.sharedFile;
  }

  /** What an access by the guest should meet. */
  private expected(page: ModelPage | undefined, write: boolean): number {
    if (!page) return FAULT_MAPERR;
    if (page.prot === 0 || (write && (page.prot & PROT_WRITE) === 0)) return FAULT_ACCERR;
    if (page.kind === 'shared' && page.index >= page.object!.values.length) return FAULT_BUS;
    const isFile = page.kind === 'private-file' || page.kind === 'shared-file';
    if (isFile && page.copy === null && page.index >= this.file(page).pageCount) return FAULT_BUS;
    return OK;
  }

  private value(page: ModelPage): number {
    if (page.kind === 'shared') return page.object!.values[page.index]!;
    if (page.kind === 'shared-file') return this.sharedFile.value(page.index);
    return page.copy ?? (page.kind === 'anon' ? 0 : this.privateFile.value(page.index));
  }

  private setModel(page: ModelPage, value: number): void {
    if (page.kind === 'shared') page.object!.values[page.index] = value;
    else if (page.kind !== 'shared-file') page.copy = value;
  }

  /**
   * The guest touches a page: through the host's mapping when it allows it, else by faults. `known`: the
   * platform tells the access.
   */
  touch(p: Process, at: number, value: number | null, known: boolean): void {
    const addr = this.addr(at);
    const write = value !== null;
    const page = p.pages.get(at);
    // Where the platform cannot tell a write from a read, what stops a read is found first.
    const asRead = known ? OK : this.expected(page, false);
    const want = asRead === OK ? this.expected(page, write) : asRead;
    let outcome: number = FAULT_OK;
    let stuck = 0;
    for (let tries = 0; tries < 8; tries++) {
      const host = p.space.pages.get(addr);
      if (host && host.prot !== 0 && (!write || (host.prot & PROT_WRITE) !== 0)) {
        same(want, OK);
        if (write) {
          this.store.bytes[host.offset] = value;
          this.setModel(page!, value);
        } else {
          same(this.store.bytes[host.offset], this.value(page!));
        }
        return;
      }
      outcome = p.mm.handleFault(addr, known ? (write ? 2 : 1) : 0);
      if (outcome !== FAULT_OK) break;
      if (!p.mm.progressed && ++stuck > 1) {
        outcome = FAULT_ACCERR;
        break;
      }
    }
    same(outcome, want);
  }

  kernelCopy(p: Process, at: number, value: number | null): void {
    const page = p.pages.get(at);
    const want = this.expected(page, value !== null);
    const buffer = new Uint8Array([value ?? 0]);
    const r =
      value === null ? p.mm.copyIn(this.addr(at), buffer, 0, 1) : p.mm.copyOut(this.addr(at), buffer, 0, 1);
    same(r, want === OK ? 0 : -14);
    if (want !== OK) return;
    if (value === null) same(buffer[0], this.value(page!));
    else this.setModel(page!, value);
  }

  check(): void {
    const holders = new Uint32Array(this.store.pages);
    for (const p of this.processes) this.checkProcess(p, holders);
    for (let i = 0; i < this.store.pages; i++) {
      const offset = i * PAGE;
      const own = (this.privateFile.holds(offset) ? 1 : 0) + (this.sharedFile.holds(offset) ? 1 : 0);
      const refs = this.store.refs[i]!;
      // Pages of shared anonymous objects and heap reserves have one more holder that is not looked into
      // here.
      const others = refs - own - holders[i]!;
      same(others === 0 || others === 1, true);
    }
  }

  private checkProcess(p: Process, holders: Uint32Array): void {
    const seen = new Set<number>();
    let total = 0;
    let data = 0;
    let last = 0;
    for (let vma = p.mm.vmas.first; vma !== null; vma = vma.next) {
      same(vma.start >= last && vma.end > vma.start, true);
      last = vma.end;
      total += vma.end - vma.start;
      if ((vma.prot & PROT_WRITE) !== 0 && !vma.shared) data += vma.end - vma.start;
      if (vma.next) same(vma.mergesWith(vma.next), false);
      for (let at = vma.start; at < vma.end; at += PAGE) {
        const page = p.pages.get((at - BASE) / PAGE);
        same(page?.prot, vma.prot);
        if (vma.file) same(vma.pageIndex(at), page!.index);
        seen.add((at - BASE) / PAGE);
      }
    }
    same(seen.size, p.pages.size);
    same(p.mm.totalVm, total);
    same(p.mm.dataVm, data);
    this.checkPages(p, holders);
  }

  private checkPages(p: Process, holders: Uint32Array): void {
    let present = 0;
    let resident = 0;
    for (let pma = p.mm.pages.pmas.first; pma !== null; pma = pma.next) {
      resident += pma.end - pma.start;
      for (let at = pma.start; at < pma.end; at += PAGE) {
        const offset = pma.offset + at - pma.start;
        holders[offset / PAGE]!++;
        present++;
        const vma = p.mm.vmas.find(at);
        const prot = pma.wp ? vma!.prot & ~PROT_WRITE : vma!.prot;
        const host = p.space.pages.get(at);
        same(host?.offset, offset);
        same(host?.prot, prot);
        if (!pma.wp && pma.kind === 0) same(this.store.refs[offset / PAGE], 1);
      }
    }
    same(p.space.pages.size, present);
    same(p.mm.rss, resident);
  }

  end(): void {
    while (this.processes.length > 0) this.processes.pop()!.mm.release();
    this.privateFile.resize(0);
    this.sharedFile.resize(0);
    same(this.store.allocatedBytes, 0);
    same(this.privateFile.refs, 1);
    same(this.sharedFile.refs, 1);
    same(this.privateFile.observers.size, 0);
  }
}

const page = fc.nat(PAGES - 1);
const count = fc.integer({ min: 1, max: 12 });
const prot = fc.constantFrom(0, 1, 3, 3, 3, 5, 7);
const process = fc.nat(3);
const advice = fc.constantFrom(
  MADV_DONTNEED,
  MADV_DONTNEED,
  MADV_DONTFORK,
  MADV_DOFORK,
  MADV_WIPEONFORK,
  MADV_KEEPONFORK,
);

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('map'),
      process,
      page,
      count,
      prot,
      what: fc.nat(3),
      index: fc.nat(12),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('unmap'), process, page, count }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('protect'), process, page, count, prot }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('advise'), process, page, count, advice }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('remap'),
      process,
      page,
      count,
      count2: count,
      page2: page,
      keep: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('fork'), process }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('exit'), process }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('resize'),
      which: fc.nat(1),
      count: fc.integer({ min: 1, max: FILE_PAGES }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('touch'),
      process,
      page,
      value: fc.option(fc.nat(255)),
      known: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant('copy'), process, page, value: fc.option(fc.nat(255)) }),
  },
);

type Step = {
  op: string;
  process?: number;
  page?: number;
  count?: number;
  prot?: number;
  what?: number;
  index?: number;
  advice?: number;
  count2?: number;
  page2?: number;
  keep?: boolean;
  which?: number;
  value?: number | null;
  known?: boolean;
};

function apply(world: World, s: Step): void {
  const p = world.processes[(s.process ?? 0) % world.processes.length]!;
  switch (s.op) {
    case 'map':
      world.map(p, s.page!, s.count!, s.prot!, s.what!, s.index!);
      break;
    case 'unmap':
      world.unmap(p, s.page!, s.count!);
      break;
    case 'protect':
      world.protect(p, s.page!, s.count!, s.prot!);
      break;
    case 'advise':
      world.advise(p, s.page!, s.count!, s.advice!);
      break;
    case 'remap':
      world.remap(p, s.page!, s.count!, s.count2!, s.page2!, s.keep!);
      break;
    case 'fork':
      world.fork(p);
      break;
    case 'exit':
      world.exit(s.process!);
      break;
    case 'resize':
      world.resize(s.which!, s.count!);
      break;
    case 'touch':
      world.touch(p, s.page!, s.value ?? null, s.known!);
      break;
    case 'copy':
      world.kernelCopy(p, s.page!, s.value ?? null);
      break;
  }
}

describe('MemoryManager against a page-by-page model', () => {
  it('agrees after every step of random sequences', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const world = new World();
        for (const s of steps) {
          apply(world, s);
          world.check();
        }
        world.end();
      }),
      {
        numRuns: Number(globalThis.process.env.MM_RUNS ?? 150),
        seed: Number(globalThis.process.env.MM_SEED ?? 7),
      },
    );
  }, 60_000);
});
