/** The page tables against a model of them: what is mapped where, and what must be reported as taken away. */
import {
  ACCESS_EXEC,
  ACCESS_READ,
  ACCESS_WRITE,
  MemoryFile,
  PROT_R,
  PROT_W,
  PROT_X,
} from '@sandbox/platform';
import { expect, it } from 'vitest';
import { PageTables } from '../src/page-tables.js';
import { TablePages } from '../src/table-pages.js';

const PAGE = 4096;
const LARGE = 2 ** 21;
/** Eight times 2 MiB, over the edge of a gigabyte. */
const BASE = 2 ** 30 * 5 - 4 * LARGE;
const PAGES = (8 * LARGE) / PAGE;
const PLACES = 2 ** 33;
const PROTS = [0, PROT_R, PROT_R | PROT_W, PROT_R | PROT_X, PROT_R | PROT_W | PROT_X];
const STEPS = 400;

/** What an address space maps, page by page. */
class Model {
  readonly places = new Float64Array(PAGES).fill(-1);
  readonly prots = new Int8Array(PAGES);
}

/** A seeded source of numbers. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function makePages(memory: MemoryFile): TablePages {
  return new TablePages(
    memory,
    () => {},
    () => {},
  );
}

/** Is `bit` of the access rights lost between `from` and `to`? */
const loses = (from: number, to: number, bit: number): boolean => (from & bit) !== 0 && (to & bit) === 0;

class Pair {
  readonly model = new Model();
  constructor(readonly tables: PageTables) {}

  /** Pages of the memory file some processor could still reach by what was there before. */
  private readonly lost = new Set<number>();

  private set(page: number, place: number, prot: number): void {
    const { places, prots } = this.model;
    const was = places[page] >= 0 && prots[page] !== 0;
    const right = prots[page] | PROT_R;
    const now = place >= 0 && prot !== 0;
    const gone =
      was && (!now || place !== places[page] || loses(right, prot, PROT_W) || loses(right, prot, PROT_X));
    if (gone) this.lost.add(places[page]);
    places[page] = place;
    prots[page] = place < 0 ? 0 : prot;
  }

  map(page: number, count: number, prot: number, place: number): void {
    this.tables.map(BASE + page * PAGE, count * PAGE, prot, place);
    for (let i = 0; i < count; i++) this.set(page + i, place + i * PAGE, prot);
  }
  unmap(page: number, count: number): void {
    this.tables.unmap(BASE + page * PAGE, count * PAGE);
    for (let i = 0; i < count; i++) this.set(page + i, -1, 0);
  }
  protect(page: number, count: number, prot: number): void {
    this.tables.protect(BASE + page * PAGE, count * PAGE, prot);
    for (let i = 0; i < count; i++) {
      const place = this.model.places[page + i];
      if (place >= 0) this.set(page + i, place, prot);
    }
  }

  /** All that was lost is reported; then it is seen to. (More may be: only time is lost by that.) */
  flush(): void {
    const { starts, lengths } = this.tables.stale;
    for (let i = 0; i < starts.length; i++) {
      for (let at = 0; at < lengths[i]; at += PAGE) this.lost.delete(starts[i] + at);
    }
    expect([...this.lost]).toEqual([]);
    this.tables.stale.clear();
  }

  check(page: number): void {
    const { places, prots } = this.model;
    const addr = BASE + page * PAGE;
    const { tables } = this;
    const accessible = places[page] >= 0 && prots[page] !== 0;
    const right =
      tables.lookup(addr + 17) === (accessible ? places[page] + 17 : -1) &&
      tables.allows(addr, ACCESS_READ) === accessible &&
      tables.allows(addr, ACCESS_WRITE) === (accessible && (prots[page] & PROT_W) !== 0) &&
      tables.allows(addr, ACCESS_EXEC) === (accessible && (prots[page] & PROT_X) !== 0);
    if (!right) expect([page, tables.lookup(addr)]).toEqual([page, places[page], prots[page]]);
  }

  copyTo(tables: PageTables): Pair {
    const copy = new Pair(tables);
    tables.copy(this.tables);
    copy.model.places.set(this.model.places);
    copy.model.prots.set(this.model.prots);
    return copy;
  }
}

it.each([
  [false, 1],
  [true, 2],
  [true, 3],
])('say what was asked for, whatever came before (large entries: %s, seed %i)', (large, seed) => {
  const memory = MemoryFile.create('tables');
  const pages = makePages(memory);
  const kernel = new PageTables(pages, 0).kernelLeaf;
  const random = numbers(seed);
  const make = (): PageTables => new PageTables(pages, kernel, large);
  let all = [new Pair(make())];
  for (let step = 0; step < STEPS; step++) {
    const pair = all[random(all.length)]!;
    // Whole pieces of 2 MiB more often than chance would have it.
    const whole = random(2) === 0;
    const unit = whole ? LARGE / PAGE : 1;
    const page = random(PAGES / unit) * unit;
    const count = Math.min(PAGES - page, (1 + random(whole ? 3 : 1200)) * unit);
    const prot = PROTS[random(PROTS.length)]!;
    switch (random(8)) {
      case 0:
      case 1:
      case 2: {
        const congruent = random(4) !== 0;
        const place =
          random(PLACES / LARGE) * LARGE + (congruent ? (page * PAGE) % LARGE : random(512) * PAGE);
        pair.map(page, count, prot, place);
        break;
      }
      case 3:
        pair.unmap(page, count);
        break;
      case 4:
        // A debugger's breakpoint, a guard page.
        pair.protect(page, 1, prot);
        break;
      case 5:
      case 6:
        pair.protect(page, count, prot);
        break;
      default:
        if (all.length < 4) all.push(pair.copyTo(make()));
        else {
          pair.tables.dispose();
          all = all.filter((other) => other !== pair);
        }
    }
    for (const one of all) {
      if (random(3) === 0) one.flush();
      for (let i = 0; i < 12; i++) one.check(random(PAGES));
      if (step % 40 === 0) for (let at = 0; at < PAGES; at++) one.check(at);
    }
  }
  for (const one of all) one.tables.dispose();
  expect(pages.large > 0).toBe(large);
  // What is left is the tables of the kernel half.
  expect(pages.used).toBe(4);
  pages.dispose();
  memory.dispose();
});

it('64 MiB are 32 entries; a part that is changed has a table of its own', () => {
  const memory = MemoryFile.create('tables');
  const pages = makePages(memory);
  const tables = new PageTables(pages, new PageTables(pages, 0).kernelLeaf, true);
  const before = pages.used;
  tables.map(LARGE * 512, LARGE * 32, PROT_R | PROT_W, LARGE * 100);
  expect([pages.large, pages.used - before]).toEqual([32, 2]);
  tables.protect(LARGE * 512, LARGE * 32, PROT_R);
  expect([pages.used - before, tables.stale.starts, tables.stale.lengths]).toEqual([
    2,
    [LARGE * 100],
    [LARGE * 32],
  ]);
  tables.stale.clear();
  tables.protect(LARGE * 513 + PAGE, PAGE, 0);
  tables.unmap(LARGE * 514 - PAGE, 2 * PAGE);
  expect([pages.used - before, tables.stale.starts, tables.stale.lengths]).toEqual([
    4,
    [LARGE * 101 + PAGE, LARGE * 102 - PAGE],
    [PAGE, 2 * PAGE],
  ]);
  // Where there is a table it stays.
  tables.map(LARGE * 513, LARGE, PROT_R, LARGE * 200);
  expect([pages.large, tables.lookup(LARGE * 513 + 5)]).toEqual([32, LARGE * 200 + 5]);
  pages.dispose();
  memory.dispose();
});
