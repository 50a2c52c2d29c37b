import type { MemoryManager } from './memory-manager.js';

const PAGE = 4096;

/** Resident bytes of an address space by kind: private, private file pages, shared. */
export interface Resident {
  anon: number;
  file: number;
  shared: number;
}

/**
 * What really is in memory of [start, end) of `mm`: pages the host holds. Unlike `mm.rss`, which counts what
 * is mapped, this asks the host, at the price of a call for each present run.
 */
export function measureResident(mm: MemoryManager, start = 0, end = Number.MAX_SAFE_INTEGER): Resident {
  const bytes: [number, number, number] = [0, 0, 0];
  let vec = new Uint8Array(1024);
  for (let pma = mm.pages.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next) {
    const from = Math.max(pma.start, start);
    const length = Math.min(pma.end, end) - from;
    const pages = length / PAGE;
    if (vec.length < pages) vec = new Uint8Array(pages);
    mm.store.resident(pma.offset + (from - pma.start), length, vec, 0);
    let count = 0;
    for (let i = 0; i < pages; i++) count += vec[i]!;
    bytes[pma.kind] += count * PAGE;
  }
  return { anon: bytes[0], file: bytes[1], shared: bytes[2] };
}
