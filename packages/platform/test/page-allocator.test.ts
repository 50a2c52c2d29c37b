import { expect, it } from 'vitest';
import { PageAllocator, SMALL_RUN } from '../src/memory/page-allocator.js';

const KEEP = 256;
/** Pages of 2 MiB, and of a gigabyte. */
const LARGE = 512;
const CHUNK = 2 ** 18;

/** A user of the allocator that frees as a memory file does, and knows which pages are whose. */
class User {
  readonly allocator = new PageAllocator(2 ** 30);
  private readonly used = new Set<number>();
  private readonly kept = new Set<number>();
  punches = 0;

  allocate(pages: number): number {
    const start = this.allocator.allocate(pages);
    expect(start).toBeGreaterThanOrEqual(0);
    for (let i = start; i < start + pages; i++) {
      if (this.used.has(i)) throw new Error(`page ${i} was handed out twice`);
      if (this.kept.delete(i) !== this.allocator.dirty) throw new Error(`page ${i}: dirty or not?`);
      this.used.add(i);
    }
    return start;
  }

  free(start: number, pages: number): void {
    for (let i = start; i < start + pages; i++) {
      if (!this.used.delete(i)) throw new Error(`page ${i} was not in use`);
      this.kept.add(i);
    }
    if (this.allocator.recycle(start, pages, KEEP)) return;
    if (pages <= SMALL_RUN) {
      this.allocator.sweep(KEEP / 2, this.giveBack);
      expect(this.allocator.cachedPages).toBeLessThanOrEqual(KEEP / 2);
      if (this.allocator.recycle(start, pages, KEEP)) return;
    }
    this.giveBack(start, pages);
  }

  private readonly giveBack = (start: number, pages: number): void => {
    this.punches++;
    for (let i = start; i < start + pages; i++) {
      if (!this.kept.delete(i)) throw new Error(`page ${i} is not one of those kept`);
    }
    this.allocator.free(start, pages);
  };
}

it('hands out each page once, dirty when it was used and kept', () => {
  const user = new User();
  let seed = 1;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
  };
  const live: [number, number][] = [];
  for (let i = 0; i < 20_000; i++) {
    if (live.length < 50 || random(2) === 0) {
      const pages = random(20) === 0 ? 1 + random(200) : 1 + random(8);
      live.push([user.allocate(pages), pages]);
    } else {
      const [start, pages] = live.splice(random(live.length), 1)[0]!;
      // In one piece or in two.
      const head = random(pages + 1);
      if (head > 0) user.free(start, head);
      if (head < pages) user.free(start + head, pages - head);
    }
  }
});

it('what is freed in other pieces than it was asked for is used again', () => {
  const user = new User();
  for (let i = 0; i < 5000; i++) {
    const a = user.allocate(1);
    const b = user.allocate(1);
    const c = user.allocate(2);
    user.free(c + 1, 1);
    for (const page of [a, b, c]) user.free(page, 1);
  }
  expect(user.punches).toBeLessThan(200);
});

it('long runs lie as they are wanted modulo 512 pages, and what that leaves free is used', () => {
  const allocator = new PageAllocator(2 ** 30);
  const used = new Uint8Array(CHUNK);
  let seed = 7;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
  };
  const live: [number, number][] = [];
  for (let i = 0; i < 2000; i++) {
    if (live.length < 20 || random(2) === 0) {
      const pages = 65 + random(random(3) === 0 ? 6000 : 900);
      const phase = random(LARGE);
      const start = allocator.allocate(pages, phase);
      if (pages >= LARGE) expect(start % LARGE).toBe(phase);
      expect(used.subarray(start, start + pages).includes(1)).toBe(false);
      used.fill(1, start, start + pages);
      live.push([start, pages]);
    } else {
      const [start, pages] = live.splice(random(live.length), 1)[0]!;
      used.fill(0, start, start + pages);
      allocator.free(start, pages);
    }
  }
  expect(allocator.used).toBeLessThan(CHUNK);
});

it('a long run that does not fit into its chunk lies in the next, and so does the next like it', () => {
  const user = new PageAllocator(2 ** 30);
  user.allocate(CHUNK / 2);
  user.allocate(CHUNK / 2 - 700);
  const run = user.allocate(1024, 5);
  expect(run).toBe(CHUNK + 5);
  user.free(run, 1024);
  // It is one free run with what is left before it.
  expect(user.allocate(1024, 5)).toBe(run);
  expect([user.allocate(700), user.allocate(5)]).toEqual([CHUNK - 700, CHUNK]);
});
