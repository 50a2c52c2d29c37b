import { expect, it } from 'vitest';
import { PageAllocator, SMALL_RUN } from '../src/memory/page-allocator.js';

const KEEP = 256;

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
      expect(this.used.has(i)).toBe(false);
      expect(this.kept.delete(i)).toBe(this.allocator.dirty);
      this.used.add(i);
    }
    return start;
  }

  free(start: number, pages: number): void {
    for (let i = start; i < start + pages; i++) {
      expect(this.used.delete(i)).toBe(true);
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
    for (let i = start; i < start + pages; i++) expect(this.kept.delete(i)).toBe(true);
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
