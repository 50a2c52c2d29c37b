import {
  EBUSY,
  EINVAL,
  EPERM,
  PROT_WRITE,
  UFFD_FEATURE_WP_ASYNC,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
} from '@sandbox/abi';
import type { MemoryManager } from '../memory-manager.js';
import { PMA_ANON } from '../pma.js';
import { MARK_WP } from '../userfault-marks.js';
import type { FaultServer } from '../userfault-server.js';
import { isEmpty, isShmem } from '../userfault-shmem.js';
import { VM_SPECIAL, type Vma } from '../vma.js';

const PAGE = 4096;

/** May faults of `vma` be served (vma_can_userfault)? Where only writes are noted, of whatever it shows. */
function canServe(vma: Vma, modes: number, features: number): boolean {
  if ((vma.flags & VM_SPECIAL) !== 0) return false;
  if ((modes & UFFDIO_REGISTER_MODE_MINOR) !== 0 && !isShmem(vma.mappable)) return false;
  if ((features & UFFD_FEATURE_WP_ASYNC) !== 0 && modes === UFFDIO_REGISTER_MODE_WP) return true;
  return vma.anonymous || isShmem(vma.mappable);
}

/**
 * UFFDIO_REGISTER: faults in [start, end) of the kinds in `modes` (UFFDIO_REGISTER_MODE_*) are asked of
 * `server`. 0, -EINVAL (nothing mapped there, or no memory of a kind that can be), -EBUSY (another's), -EPERM
 * (memory that never can be written).
 */
export function register(
  mm: MemoryManager,
  start: number,
  end: number,
  server: FaultServer,
  modes: number,
): number {
  let any = false;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    if (!canServe(vma, modes, server.features)) return -EINVAL;
    if ((vma.mayProt & PROT_WRITE) === 0) return -EPERM;
    if (vma.uffd !== null && vma.uffd !== server) return -EBUSY;
    any = true;
  }
  if (!any) return -EINVAL;
  mm.splitVma(start);
  mm.splitVma(end);
  for (let at = start; at < end; ) {
    const vma = mm.vmas.lowerBound(at);
    if (vma === null || vma.start >= end) break;
    at = vma.end;
    // Where faults were served already, what is present is known.
    if (vma.uffd === null) dropUntouched(mm, vma.start, vma.end, modes);
    vma.uffd = server;
    vma.uffdModes = modes;
    mm.mergeVma(vma);
  }
  return mm.done(0);
}

/** UFFDIO_UNREGISTER: from now on faults of the range are seen to here, as everywhere. 0 or -EINVAL. */
export function unregister(mm: MemoryManager, start: number, end: number, server: FaultServer): number {
  let any = false;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    if (!canServe(vma, vma.uffdModes, server.features)) return -EINVAL;
    any = true;
  }
  if (!any) return -EINVAL;
  release(mm, start, end, server);
  return mm.done(0);
}

/** `server` is gone: nothing is asked of it any more. */
export function abandon(mm: MemoryManager, server: FaultServer): void {
  release(mm, 0, mm.layout.max, server);
  mm.done(0);
}

function release(mm: MemoryManager, start: number, end: number, server: FaultServer): void {
  mm.splitVma(start);
  mm.splitVma(end);
  for (let at = start; at < end; ) {
    const vma = mm.vmas.lowerBound(at);
    if (vma === null || vma.start >= end) return;
    at = vma.end;
    if (vma.uffd === server) letGo(mm, vma);
  }
}

/** Faults of `vma` are asked of nobody any more. Writes that were held are resolved as they come. */
export function letGo(mm: MemoryManager, vma: Vma): void {
  if (vma.uffd === null) return;
  mm.pages.marks?.clear(vma.start, vma.end, MARK_WP);
  vma.uffd = null;
  vma.uffdModes = 0;
  mm.mergeVma(vma);
}

/**
 * Memory is given to a mapping before it is touched, so what was touched has to be found out: pages the host
 * holds. Private ones may have been copied along with others, so where missing pages are asked for an empty
 * one counts as not touched. Of a shared object the host cannot tell by which mapping a page was touched:
 * where pages that are there already are asked for, all of them are.
 */
export function dropUntouched(mm: MemoryManager, start: number, end: number, modes: number): void {
  const drop: number[] = [];
  let vec = new Uint8Array(256);
  for (let pma = mm.pages.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next) {
    const from = Math.max(pma.start, start);
    const to = Math.min(pma.end, end);
    const pages = (to - from) / PAGE;
    if (vec.length < pages) vec = new Uint8Array(pages);
    const offset = pma.offset + (from - pma.start);
    mm.store.resident(offset, to - from, vec, 0);
    const all = pma.kind !== PMA_ANON && (modes & UFFDIO_REGISTER_MODE_MINOR) !== 0;
    const empty = pma.kind === PMA_ANON && (modes & UFFDIO_REGISTER_MODE_MISSING) !== 0;
    for (let i = 0; i < pages; i++) {
      if (!all && vec[i] === 1 && !(empty && isEmpty(mm.store, offset + i * PAGE))) continue;
      const at = from + i * PAGE;
      if (drop.length > 0 && drop[drop.length - 1] === at) drop[drop.length - 1] = at + PAGE;
      else drop.push(at, at + PAGE);
    }
  }
  for (let i = 0; i < drop.length; i += 2) mm.pages.clear(drop[i], drop[i + 1], true);
}

/** A range of an ioctl: whole pages, at least one, below the end of user space. 0 or -EINVAL. */
export function checkRange(mm: MemoryManager, start: number, length: number): number {
  return start % PAGE !== 0 ? -EINVAL : checkBytes(mm, start, length);
}

/** The same of one that may begin anywhere. */
export function checkBytes(mm: MemoryManager, start: number, length: number): number {
  if (length % PAGE !== 0 || length === 0) return -EINVAL;
  if (start >= mm.layout.max || length > mm.layout.max - start) return -EINVAL;
  return 0;
}
