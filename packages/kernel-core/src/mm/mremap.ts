import {
  DEFAULT_MAX_MAP_COUNT,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  EPERM,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  UFFD_FEATURE_EVENT_REMAP,
} from '@sandbox/abi';
import { backFully } from './backing.js';
import { isFree, pageCeil } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { checkRoom, findFreeLike, isSealed, mayLockMore } from './mmap.js';
import { MARK_ALL, MARK_POISON } from './userfault-marks.js';
import { noteMove } from './userfault-server.js';
import { VM_DONTEXPAND, VM_LOCKED, VM_LOCKONFAULT, VM_SPECIAL, Vma } from './vma.js';

const PAGE = 4096;

/** mremap(2). The new address, or -errno. */
export function mremap(
  mm: MemoryManager,
  addr: number,
  oldLength: number,
  newLength: number,
  flags: number,
  newAddr: number,
  rights: number,
): number {
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) return -EINVAL;
  if ((flags & MREMAP_FIXED) !== 0 && (flags & MREMAP_MAYMOVE) === 0) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && ((flags & MREMAP_MAYMOVE) === 0 || oldLength !== newLength))
    return -EINVAL;
  if (addr % PAGE !== 0) return -EINVAL;
  const oldSize = pageCeil(oldLength);
  const newSize = pageCeil(newLength);
  if (newSize === 0 || newSize > mm.layout.max) return -EINVAL;
  const vma = mm.vmas.find(addr);
  if (vma === null) return -EFAULT;
  if (isSealed(mm, addr, addr + Math.max(oldSize, PAGE))) return -EPERM;
  if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) {
    return remapTo(mm, vma, addr, oldSize, newSize, flags, newAddr, rights);
  }
  if (oldSize >= newSize) {
    if (oldSize > newSize) {
      if (addr + oldSize > mm.layout.max) return -EINVAL;
      mm.removeRange(addr + newSize, addr + oldSize, true);
    }
    return addr;
  }
  const r = mayResize(mm, vma, addr, oldSize, newSize, flags, rights);
  if (r < 0) return r;
  if (oldSize === vma.end - addr && growInPlace(mm, vma, newSize - oldSize)) return addr;
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM;
  const to = findFreeLike(mm, addr, newSize);
  return to < 0 ? to : moveVma(mm, vma, addr, oldSize, newSize, to, false);
}

/** vma_to_resize: may [addr, addr + oldSize) of `vma` become `newSize` bytes? 0 or -errno. */
function mayResize(
  mm: MemoryManager,
  vma: Vma,
  addr: number,
  oldSize: number,
  newSize: number,
  flags: number,
  rights: number,
): number {
  // An old size of zero makes a second view, which only shared memory can have.
  if (oldSize === 0 && !vma.shared) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && (vma.flags & (VM_DONTEXPAND | VM_SPECIAL)) !== 0) return -EINVAL;
  if (oldSize > vma.end - addr) return -EFAULT;
  if (newSize === oldSize) return 0;
  if ((vma.flags & (VM_DONTEXPAND | VM_SPECIAL)) !== 0) return -EFAULT;
  const more = newSize - oldSize;
  if (!mayLockMore(mm, vma.flags, more, rights)) return -EAGAIN;
  return checkRoom(mm, vma.flags, vma.prot, more, 0);
}

function growInPlace(mm: MemoryManager, vma: Vma, more: number): boolean {
  const end = vma.end;
  if (end + more > mm.layout.max || !isFree(mm.vmas, end, end + more)) return false;
  vma.end += more;
  mm.account(vma, more);
  const covering = mm.mergeVma(vma);
  mm.backNow(covering, end, end + more);
  lockIn(mm, covering, end, end + more);
  return true;
}

function lockIn(mm: MemoryManager, vma: Vma, start: number, end: number): void {
  if ((vma.flags & (VM_LOCKED | VM_LOCKONFAULT)) === VM_LOCKED) backFully(mm, vma, start, end, false);
}

/** MREMAP_FIXED and MREMAP_DONTUNMAP (mremap_to). */
function remapTo(
  mm: MemoryManager,
  vma: Vma,
  addr: number,
  oldSize: number,
  newSize: number,
  flags: number,
  newAddr: number,
  rights: number,
): number {
  const max = mm.layout.max;
  const fixed = (flags & MREMAP_FIXED) !== 0;
  if (newAddr % PAGE !== 0) return -EINVAL;
  if (newSize > max || newAddr > max - newSize) return -EINVAL;
  if (addr + oldSize > newAddr && newAddr + newSize > addr) return -EINVAL;
  if (mm.vmas.size + 2 >= DEFAULT_MAX_MAP_COUNT - 3) return -ENOMEM;
  if (fixed) {
    if (newAddr < mm.layout.min) return -EPERM;
    if (isSealed(mm, newAddr, newAddr + newSize)) return -EPERM;
    mm.removeRange(newAddr, newAddr + newSize, true);
  }
  let oldNow = oldSize;
  if (oldSize > newSize) {
    mm.removeRange(addr + newSize, addr + oldSize, true);
    oldNow = newSize;
  }
  const from = mm.vmas.find(addr);
  if (from === null) return -EFAULT;
  const r = mayResize(mm, from, addr, oldNow, newSize, flags, rights);
  if (r < 0) return r;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && checkRoom(mm, vma.flags, vma.prot, newSize, 0) < 0) return -ENOMEM;
  let to = newAddr;
  if (!fixed) {
    if (newAddr === 0 || newAddr < mm.layout.min || !isFree(mm.vmas, newAddr, newAddr + newSize))
      to = findFreeLike(mm, addr, newSize);
  }
  return to < 0
    ? to
    : moveVma(mm, from, addr, oldNow, newSize, to, (flags & MREMAP_DONTUNMAP) !== 0, oldSize);
}

/**
 * move_vma: the part of `vma` at `addr` goes to `to`, where nothing is, with `newSize` bytes. `told`: how
 * long it was before the call.
 */
function moveVma(
  mm: MemoryManager,
  vma: Vma,
  addr: number,
  oldSize: number,
  newSize: number,
  to: number,
  keepOld: boolean,
  told = oldSize,
): number {
  if (mm.vmas.size >= DEFAULT_MAX_MAP_COUNT - 3) return -ENOMEM;
  const moved = vma.copyTo(new Vma(to, to + newSize));
  // Whoever serves its faults and does not hear of the new place does not serve it there.
  const follows = moved.uffd !== null && (moved.uffd.features & UFFD_FEATURE_EVENT_REMAP) !== 0;
  if (!follows) {
    moved.uffd = null;
    moved.uffdModes = 0;
  }
  if (vma.mappable !== null) moved.offset = vma.offset + (addr - vma.start);
  if (moved.file) moved.file.refs++;
  const prot = vma.prot;
  const special = (vma.flags & VM_SPECIAL) !== 0;
  const { marks } = mm.pages;
  marks?.copyTo(marks, addr, addr + oldSize, to - addr, follows ? MARK_ALL : MARK_POISON);
  marks?.clear(addr, addr + oldSize, MARK_ALL);
  mm.pages.move(addr, addr + oldSize, to, prot);
  if (follows) noteMove(mm, moved.uffd!, addr, to, told);
  const covering = mm.insertVma(moved);
  if (keepOld) unlockRange(mm, addr, addr + oldSize);
  else if (oldSize > 0) mm.removeRange(addr, addr + oldSize, true);
  if (special && mm.exec.vdso === addr) mm.exec.vdso = to;
  mm.backNow(covering, to + oldSize, to + newSize);
  lockIn(mm, covering, to + oldSize, to + newSize);
  return to;
}

/** MREMAP_DONTUNMAP leaves the old range mapped, empty and unlocked. */
function unlockRange(mm: MemoryManager, start: number, end: number): void {
  mm.splitVma(start);
  mm.splitVma(end);
  const vma = mm.vmas.find(start);
  if (vma === null) return;
  mm.account(vma, vma.start - vma.end);
  vma.flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
  mm.account(vma, vma.end - vma.start);
  mm.mergeVma(vma);
}
