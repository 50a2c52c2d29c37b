import {
  ENOENT,
  ENOMEM,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFDIO_REGISTER_MODE_WP,
} from '@sandbox/abi';
import type { MemoryManager } from '../memory-manager.js';
import { MARK_WP } from '../userfault-marks.js';
import type { Vma } from '../vma.js';

/** A program may not have more pieces of memory marked than this: each takes memory of the embedder's. */
export const MAX_MARKS = 1 << 18;

/**
 * UFFDIO_WRITEPROTECT: writes to [start, end) are asked about, or not any more. 0, -ENOENT (not all mappings
 * there are registered for it; those before the first that is not are done), -ENOMEM.
 */
export function writeProtect(mm: MemoryManager, start: number, end: number, protect: boolean): number {
  let result = -ENOENT;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    if ((vma.uffdModes & UFFDIO_REGISTER_MODE_WP) === 0) {
      result = -ENOENT;
      break;
    }
    const from = Math.max(vma.start, start);
    const to = Math.min(vma.end, end);
    // Where it is lifted the next write finds nobody to ask, and is let through.
    if (!protect) mm.pages.marks?.clear(from, to, MARK_WP);
    result = protect ? protectIn(mm, vma, from, to) : 0;
    if (result < 0) break;
  }
  mm.done(0);
  // Threads that run meanwhile must not go on writing.
  if (protect) mm.addressSpace.flush();
  return result;
}

function protectIn(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  const { pages } = mm;
  const marks = pages.takeMarks();
  const { features } = vma.uffd!;
  const all = !vma.anonymous || (features & (UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_WP_ASYNC)) !== 0;
  if (all) marks.add(start, end, MARK_WP);
  else
    for (let pma = pages.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next)
      marks.add(Math.max(pma.start, start), Math.min(pma.end, end), MARK_WP);
  pages.withholdWrites(start, end, vma.prot);
  return marks.size > MAX_MARKS ? -ENOMEM : 0;
}
