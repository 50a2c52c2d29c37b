import { EBUSY, EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, EPERM, PROT_WRITE } from '@sandbox/abi';
import { CHUNK_SIZE } from '@sandbox/vfs';
import type { MemoryManager } from './memory-manager.js';
import { PMA_ANON } from './pma.js';
import type { Vma } from './vma.js';

const PAGE = 4096;
const ZEROS = Buffer.alloc(PAGE);
/** What one call gives at most; a longer one is answered with -EAGAIN, as one that was interrupted is. */
const MAX_FILL = 16 * 1024 * 1024;
const RUN = 1024 * 1024;

/** Whom missing pages of a mapping are asked of (userfaultfd(2)). */
export interface MissingPages {
  /** Faults of the kernel itself (a system call's buffers) are not told: they fail. */
  readonly userOnly: boolean;
  /** UFFD_FEATURE_SIGBUS: nobody is asked, the access fails. */
  readonly sigbus: boolean;
}

function canRegister(vma: Vma): boolean {
  return vma.anonymous && !vma.shared && vma.name !== '[vdso]';
}

/**
 * UFFDIO_REGISTER: pages of [start, end) that are not there are asked of `owner`. 0, -EINVAL (nothing mapped there, or no private anonymous
 * memory), -EBUSY (another's), -EPERM (memory that never can be written).
 */
export function register(mm: MemoryManager, start: number, end: number, owner: MissingPages): number {
  let any = false;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    if (!canRegister(vma)) return -EINVAL;
    if ((vma.mayProt & PROT_WRITE) === 0) return -EPERM;
    if (vma.uffd !== null && vma.uffd !== owner) return -EBUSY;
    any = true;
  }
  if (!any) return -EINVAL;
  setOwner(mm, start, end, null, owner);
  dropUntouched(mm, start, end);
  return mm.done(0);
}

/** UFFDIO_UNREGISTER: from now on missing pages of the range are empty ones, as everywhere. 0 or -EINVAL. */
export function unregister(mm: MemoryManager, start: number, end: number, owner: MissingPages): number {
  let any = false;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    if (!canRegister(vma)) return -EINVAL;
    any = true;
  }
  if (!any) return -EINVAL;
  setOwner(mm, start, end, owner, null);
  return mm.done(0);
}

/** `owner` is gone: nothing is asked of it any more. */
export function abandon(mm: MemoryManager, owner: MissingPages): void {
  setOwner(mm, 0, mm.layout.max, owner, null);
  mm.done(0);
}

function setOwner(
  mm: MemoryManager,
  start: number,
  end: number,
  from: MissingPages | null,
  to: MissingPages | null,
): void {
  mm.splitVma(start);
  mm.splitVma(end);
  for (let at = start; at < end; ) {
    const vma = mm.vmas.lowerBound(at);
    if (vma === null || vma.start >= end) return;
    at = vma.end;
    if (vma.uffd !== from) continue;
    vma.uffd = to;
    mm.mergeVma(vma);
  }
}

/**
 * Memory is given to a mapping before it is touched, so what was touched has to be found out: pages the host holds that are not empty. A page
 * the program has filled with zeros counts as not touched.
 */
function dropUntouched(mm: MemoryManager, start: number, end: number): void {
  const drop: number[] = [];
  let vec = new Uint8Array(256);
  for (let pma = mm.pages.pmas.lowerBound(start); pma !== null && pma.start < end; pma = pma.next) {
    const from = Math.max(pma.start, start);
    const to = Math.min(pma.end, end);
    const pages = (to - from) / PAGE;
    if (vec.length < pages) vec = new Uint8Array(pages);
    const offset = pma.offset + (from - pma.start);
    mm.store.resident(offset, to - from, vec, 0);
    for (let i = 0; i < pages; i++) {
      if (vec[i] === 1 && !isEmpty(mm, offset + i * PAGE)) continue;
      const at = from + i * PAGE;
      if (drop.length > 0 && drop[drop.length - 1] === at) drop[drop.length - 1] = at + PAGE;
      else drop.push(at, at + PAGE);
    }
  }
  for (let i = 0; i < drop.length; i += 2) mm.pages.clear(drop[i], drop[i + 1], true);
}

function isEmpty(mm: MemoryManager, offset: number): boolean {
  const at = offset % CHUNK_SIZE;
  return ZEROS.compare(mm.store.chunk(offset), at, at + PAGE) === 0;
}

/**
 * UFFDIO_COPY and UFFDIO_ZEROPAGE: give [start, start + length) pages, with what `from` has at `source`, or empty ones. Bytes done before the
 * first page that could not be had, or its error: -ENOENT (nothing registered with `owner`), -EEXIST (there is a page), -EFAULT, -ENOMEM.
 */
export function fill(
  mm: MemoryManager,
  start: number,
  length: number,
  owner: MissingPages,
  from: MemoryManager | null,
  source: number,
): number {
  const vma = mm.vmas.find(start);
  if (vma === null || vma.uffd !== owner || start + length > vma.end) return -ENOENT;
  let done = 0;
  let n = PAGE;
  const want = Math.min(length, MAX_FILL);
  const outer = mm.pages.foreign;
  mm.pages.foreign = true;
  while (done < want && n > 0) {
    n = fillRun(mm, vma, start + done, Math.min(want - done, RUN), from, source + done);
    if (n > 0) done += n;
  }
  mm.done(0);
  mm.pages.foreign = outer;
  return done > 0 ? done : n;
}

/** As `fill`, up to the next page that is there. */
function fillRun(
  mm: MemoryManager,
  vma: Vma,
  at: number,
  length: number,
  from: MemoryManager | null,
  source: number,
): number {
  const next = mm.pages.pmas.lowerBound(at);
  const run = next === null ? length : Math.min(length, next.start - at);
  if (run <= 0) return -EEXIST;
  const offset = from === null ? mm.allocate(run) : mm.store.allocateDirty(run);
  if (offset < 0) return -ENOMEM;
  let had = from === null ? run : 0;
  while (from !== null && had < run) {
    const to = offset + had;
    if (from.copyIn(source + had, mm.store.chunk(to), to % CHUNK_SIZE, PAGE) !== 0) break;
    had += PAGE;
  }
  if (had < run) mm.store.decRef(offset + had, run - had);
  if (had === 0) return -EFAULT;
  mm.pages.install(at, had, offset, PMA_ANON, false, vma.prot);
  return had;
}

/** A range of an ioctl: whole pages, at least one, below the end of user space. 0 or -EINVAL. */
export function checkRange(mm: MemoryManager, start: number, length: number): number {
  if (start % PAGE !== 0 || length % PAGE !== 0 || length === 0) return -EINVAL;
  if (start >= mm.layout.max || length > mm.layout.max - start) return -EINVAL;
  return 0;
}
