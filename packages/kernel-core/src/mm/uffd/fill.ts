import { EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, UFFDIO_REGISTER_MODE_WP } from '@sandbox/abi';
import { CHUNK_SIZE } from '@sandbox/vfs';
import type { MemoryManager } from '../memory-manager.js';
import { PMA_ANON, PMA_FILE, PMA_SHARED } from '../pma.js';
import { SharedAnon } from '../shared-anon.js';
import { MARK_ALL, MARK_POISON, MARK_WP } from '../userfault-marks.js';
import { holdsPage, isShmem, type Shmem } from '../userfault-shmem.js';
import { VM_SHARED, type Vma } from '../vma.js';
import { MAX_MARKS } from './protect.js';

const PAGE = 4096;
/** What one call gives at most; a longer one is answered with -EAGAIN, as one that was interrupted is. */
const MAX_FILL = 16 * 1024 * 1024;
const RUN = 1024 * 1024;

/** UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_CONTINUE, UFFDIO_POISON. */
export const FILL_COPY = 0;
export const FILL_ZERO = 1;
export const FILL_CONTINUE = 2;
export const FILL_POISON = 3;

const bounce = new Uint8Array(PAGE);

/**
 * Give [start, start + length) pages: with what `from` has at `source`, empty ones, those the shared object
 * has already, or such that break (`how`). `wp`: write-protected ones. Bytes done before the first page that
 * could not be had, or its error: -ENOENT (nothing is registered there, or not all of it in one mapping),
 * -EEXIST (there is a page), -EINVAL (not of this memory), -EFAULT, -ENOMEM.
 */
export function fill(
  mm: MemoryManager,
  how: number,
  start: number,
  length: number,
  from: MemoryManager,
  source: number,
  wp: boolean,
): number {
  const vma = mm.vmas.find(start);
  if (vma === null || vma.uffd === null || start + length > vma.end) return -ENOENT;
  if (wp && (vma.uffdModes & UFFDIO_REGISTER_MODE_WP) === 0) return -EINVAL;
  if (!vma.anonymous && !isShmem(vma.mappable)) return -EINVAL;
  if (how === FILL_CONTINUE && vma.anonymous) return -EINVAL;
  let done = 0;
  let n = PAGE;
  const want = Math.min(length, MAX_FILL);
  const outer = mm.pages.foreign;
  mm.pages.foreign = true;
  while (done < want && n > 0) {
    n = fillRun(mm, vma, how, start + done, Math.min(want - done, RUN), from, source + done, wp);
    if (n > 0) done += n;
  }
  mm.done(0);
  mm.pages.foreign = outer;
  return done > 0 ? done : n;
}

function fillRun(
  mm: MemoryManager,
  vma: Vma,
  how: number,
  at: number,
  length: number,
  from: MemoryManager,
  source: number,
  wp: boolean,
): number {
  const { marks } = mm.pages;
  const mark = marks === null ? 0 : marks.at(at);
  // An empty or broken page does not even replace a mark.
  const strict = how === FILL_POISON || (how === FILL_ZERO && (vma.flags & VM_SHARED) === 0);
  if (strict && mark !== 0) return -EEXIST;
  const next = mm.pages.pmas.lowerBound(at);
  let run = next === null ? length : Math.min(length, next.start - at);
  if (run <= 0) return -EEXIST;
  if (isShmem(vma.mappable)) {
    run = PAGE;
    if (vma.pageIndex(at) >= vma.mappable.pages) return -EFAULT;
  }
  if (marks !== null) run = Math.min(run, marks.runEnd(at, at + run) - at);
  if (how === FILL_POISON) return markFree(mm, at, run, MARK_POISON);
  if (how === FILL_CONTINUE) return showPage(mm, vma, vma.mappable as Shmem, at, wp);
  if ((vma.flags & VM_SHARED) !== 0)
    return fillShared(mm, vma, vma.mappable as Shmem, at, how === FILL_ZERO ? null : from, source, wp);
  return fillPrivate(mm, vma, at, run, how === FILL_ZERO ? null : from, source, wp);
}

function markFree(mm: MemoryManager, at: number, length: number, kind: number): number {
  const marks = mm.pages.takeMarks();
  if (marks.size >= MAX_MARKS) return -ENOMEM;
  marks.add(at, at + length, kind);
  return length;
}

/** What is put there replaces marks; with `wp` it has that of its own. */
function mark(mm: MemoryManager, at: number, length: number, wp: boolean): void {
  mm.pages.marks?.clear(at, at + length, MARK_ALL);
  if (wp) mm.pages.takeMarks().add(at, at + length, MARK_WP);
}

/** As `fill`, of memory of its own, up to the next page that is there. */
function fillPrivate(
  mm: MemoryManager,
  vma: Vma,
  at: number,
  run: number,
  from: MemoryManager | null,
  source: number,
  wp: boolean,
): number {
  const offset = from === null ? mm.allocateFor(at, run) : mm.store.allocateDirty(run);
  if (offset < 0) return -ENOMEM;
  let had = from === null ? run : 0;
  while (from !== null && had < run) {
    const to = offset + had;
    if (from.copyIn(source + had, mm.store.chunk(to), to % CHUNK_SIZE, PAGE) !== 0) break;
    had += PAGE;
  }
  if (had < run) mm.store.decRef(offset + had, run - had);
  if (had === 0) return -EFAULT;
  mark(mm, at, had, wp);
  mm.pages.install(at, had, offset, PMA_ANON, false, vma.prot);
  return had;
}

/** As `fill`, one page of a shared object that has none there. */
function fillShared(
  mm: MemoryManager,
  vma: Vma,
  shmem: Shmem,
  at: number,
  from: MemoryManager | null,
  source: number,
  wp: boolean,
): number {
  const index = vma.pageIndex(at);
  if (from === null) bounce.fill(0);
  else if (from.copyIn(source, bounce, 0, PAGE) !== 0) return -EFAULT;
  if (holdsPage(mm.store, shmem, index)) return -EEXIST;
  const offset = shmem.translate(index, 1, true);
  if (offset < 0) return -ENOMEM;
  mm.store.chunk(offset).set(bounce, offset % CHUNK_SIZE);
  mm.store.incRef(offset, PAGE);
  mark(mm, at, PAGE, wp);
  mm.pages.install(at, PAGE, offset, PMA_SHARED, false, vma.prot);
  return PAGE;
}

/** UFFDIO_CONTINUE: the page the object has already becomes present. */
function showPage(mm: MemoryManager, vma: Vma, shmem: Shmem, at: number, wp: boolean): number {
  const index = vma.pageIndex(at);
  if (!holdsPage(mm.store, shmem, index)) return -EFAULT;
  const offset = shmem.translate(index, 1, false);
  if (offset < 0) return -EFAULT;
  mm.store.incRef(offset, PAGE);
  mark(mm, at, PAGE, wp);
  // A file hears of the first write; nobody keeps track of those to shared anonymous memory.
  const tracked = !vma.shared || !(shmem instanceof SharedAnon);
  mm.pages.install(at, PAGE, offset, vma.shared ? PMA_SHARED : PMA_FILE, tracked, vma.prot);
  return PAGE;
}
