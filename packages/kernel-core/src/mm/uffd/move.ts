import { EBUSY, EEXIST, EFAULT, EINVAL, ENOENT, PROT_WRITE } from '@sandbox/abi';
import type { MemoryManager } from '../memory-manager.js';
import { PMA_ANON } from '../pma.js';
import { isExact } from '../userfault-consult.js';
import { MARK_ALL } from '../userfault-marks.js';
import type { FaultServer } from '../userfault-server.js';
import { VM_LOCKED, VM_SHARED, type Vma } from '../vma.js';
import { dropUntouched } from './register.js';

const PAGE = 4096;

/**
 * UFFDIO_MOVE: what is present in [source, source + length) goes to `to`, where nothing is, in a mapping of
 * `server`. With `holes`, pages that are not there count as moved. Bytes done before the first page that
 * could not be, or its error: -ENOENT (nothing mapped; a hole), -EINVAL (not private anonymous memory of the
 * same rights, or not in one mapping each), -EEXIST (there is a page), -EBUSY (another process has the page,
 * too), -EFAULT (a page that breaks).
 */
export function movePages(
  mm: MemoryManager,
  server: FaultServer,
  to: number,
  source: number,
  length: number,
  holes: boolean,
): number {
  const dst = mm.vmas.find(to);
  const src = mm.vmas.find(source);
  if (dst === null || src === null) return -ENOENT;
  if (source + length > src.end || to + length > dst.end || !mayMove(src, dst, server)) return -EINVAL;
  if (!isExact(mm, src)) dropUntouched(mm, source, source + length, 0);
  let done = 0;
  let n = PAGE;
  while (done < length && n > 0) {
    n = moveRun(mm, dst, to + done, source + done, length - done, holes);
    if (n > 0) done += n;
  }
  mm.done(0);
  return done > 0 ? done : n;
}

function mayMove(src: Vma, dst: Vma, server: FaultServer): boolean {
  if (((src.flags | dst.flags) & VM_SHARED) !== 0) return false;
  if (src.prot !== dst.prot || ((src.flags ^ dst.flags) & VM_LOCKED) !== 0) return false;
  if ((src.prot & PROT_WRITE) === 0 || dst.uffd !== server) return false;
  return src.anonymous && dst.anonymous;
}

function moveRun(
  mm: MemoryManager,
  dst: Vma,
  to: number,
  from: number,
  length: number,
  holes: boolean,
): number {
  const { pages } = mm;
  const taken = pages.pmas.lowerBound(to);
  if ((taken !== null && taken.start <= to) || (pages.marks?.at(to) ?? 0) !== 0) return -EEXIST;
  const pma = pages.pmas.lowerBound(from);
  if (pma === null || pma.start > from) {
    if ((pages.marks?.at(from) ?? 0) !== 0) return -EFAULT;
    return holes ? PAGE : -ENOENT;
  }
  let end = Math.min(from + length, pma.end);
  if (taken !== null) end = Math.min(end, from + (taken.start - to));
  if (pages.marks !== null) end = Math.min(end, from + (pages.marks.gapEnd(to, to + (end - from)) - to));
  const offset = pma.offset + (from - pma.start);
  let run = 0;
  while (from + run < end && mm.store.refCount(offset + run) === 1) run += PAGE;
  if (pma.kind !== PMA_ANON || run === 0) return -EBUSY;
  pages.marks?.clear(from, from + run, MARK_ALL);
  pages.move(from, from + run, to, dst.prot);
  return run;
}
