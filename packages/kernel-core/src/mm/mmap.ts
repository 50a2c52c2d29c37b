import {
  DEFAULT_MAX_MAP_COUNT,
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_WRITE,
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_DENYWRITE,
  MAP_DROPPABLE,
  MAP_EXECUTABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGE_MASK,
  MAP_HUGE_SHIFT,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_TYPE,
  MAP_UNINITIALIZED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
} from '@sandbox/abi';
import { type File, type Mappable, type MappingObserver, TmpfsRegular } from '@sandbox/vfs';
import { backFully } from './backing.js';
import { findBottomUp, findTopDown, isFree, pageCeil, pageFloor } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { FILE_NOEXEC, READ_IMPLIES_EXEC_ON, RIGHT_IPC_LOCK, RIGHT_RAWIO } from './rights.js';
import { SecretMemory } from './secret-memory.js';
import { SharedAnon } from './shared-anon.js';
import {
  VM_ACCOUNT,
  VM_DONTDUMP,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_LOCKONFAULT,
  VM_MAYSHARE,
  VM_NORESERVE,
  VM_SEALED,
  VM_SECRET,
  VM_SHARED,
  VM_STACK,
  Vma,
} from './vma.js';

const PAGE = 4096;
const LARGE = 2 ** 21;
const PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXEC;
/** Flags MAP_SHARED ignores silently when unknown, and MAP_SHARED_VALIDATE takes (LEGACY_MAP_MASK). */
const LEGACY_FLAGS =
  MAP_SHARED |
  MAP_PRIVATE |
  MAP_FIXED |
  MAP_ANONYMOUS |
  MAP_DENYWRITE |
  MAP_EXECUTABLE |
  MAP_UNINITIALIZED |
  MAP_GROWSDOWN |
  MAP_LOCKED |
  MAP_NORESERVE |
  MAP_POPULATE |
  MAP_NONBLOCK |
  MAP_STACK |
  MAP_HUGETLB |
  MAP_32BIT |
  MAP_FIXED_NOREPLACE |
  (MAP_HUGE_MASK << MAP_HUGE_SHIFT);

/**
 * Marks a file whose private mapping is plain anonymous memory and whose shared mapping is shared anonymous
 * memory (/dev/zero).
 */
export const ZERO_MAPPABLE: Mappable = {
  translate: () => -EINVAL,
  runLength: 0,
  addObserver: () => {},
  removeObserver: () => {},
  syncPages: () => 0,
};

/** A mapping about to be made. */
interface Plan {
  start: number;
  end: number;
  prot: number;
  mayProt: number;
  vmFlags: number;
  file: File | null;
  mappable: Mappable | null;
  offset: number;
}

/**
 * mmap(2). `file` is null for MAP_ANONYMOUS; the caller keeps its reference. `offset` in bytes, a multiple of
 * the page size (checked by the caller as the system call does). The address, or -errno.
 */
export function mmap(
  mm: MemoryManager,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  file: File | null,
  offset: number,
  rights: number,
): number {
  if (length === 0) return -EINVAL;
  if ((prot & PROT_READ) !== 0 && (rights & READ_IMPLIES_EXEC_ON) !== 0 && (rights & FILE_NOEXEC) === 0)
    prot |= PROT_EXEC;
  const fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
  const size = pageCeil(length);
  if (size >= 2 ** 64) return -ENOMEM;
  if (mm.vmas.size > DEFAULT_MAX_MAP_COUNT) return -ENOMEM;
  const start = chooseAddress(mm, addr, size, flags, rights);
  if (start < 0) return start;
  if ((flags & MAP_FIXED_NOREPLACE) !== 0 && overlaps(mm, start, start + size)) return -EEXIST;

  const plan: Plan = {
    start,
    end: start + size,
    prot: prot & PROT_ALL,
    mayProt: PROT_ALL,
    vmFlags: mm.defaultFlags,
    file,
    mappable: null,
    offset,
  };
  if ((flags & MAP_LOCKED) !== 0) {
    if ((rights & RIGHT_IPC_LOCK) === 0 && mm.limits.soft[RLIMIT_MEMLOCK] === 0) return -EPERM;
    plan.vmFlags |= VM_LOCKED;
  }
  if (!mayLockMore(mm, plan.vmFlags, size, rights)) return -EAGAIN;
  // s_maxbytes: offsets of files are signed.
  if (file && offset + size >= 2 ** 63) return -EOVERFLOW;
  const r = file ? planFile(plan, flags, rights) : planAnonymous(mm, plan, flags);
  if (r < 0) return r;
  if (mm.settings.deniesExec(plan.prot, plan.prot)) return -EACCES;
  return install(mm, plan, flags, fixed);
}

/** mlock_future_ok. */
export function mayLockMore(mm: MemoryManager, vmFlags: number, bytes: number, rights: number): boolean {
  if ((vmFlags & VM_LOCKED) === 0 || (rights & RIGHT_IPC_LOCK) !== 0) return true;
  return mm.lockedVm + bytes <= mm.limits.soft[RLIMIT_MEMLOCK]!;
}

export function overlaps(mm: MemoryManager, start: number, end: number): boolean {
  const vma = mm.vmas.lowerBound(start);
  return vma !== null && vma.start < end;
}

/** Where MAP_32BIT puts what has no place of its own. */
const LOW_BEGIN = 0x40000000;
const LOW_END = 0x80000000;
const LOW_RANDOM_PAGES = 0x2000000 / PAGE;

/** Where a mapping of `size` bytes goes (get_unmapped_area). */
function chooseAddress(mm: MemoryManager, addr: number, size: number, flags: number, rights: number): number {
  const layout = mm.layout;
  if (size > layout.max) return -ENOMEM;
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) {
    if (addr > layout.max - size) return -ENOMEM;
    if (addr % PAGE !== 0) return -EINVAL;
    if (addr < layout.min) return addr < 65536 && (rights & RIGHT_RAWIO) === 0 ? -EPERM : -ENOMEM;
    return addr;
  }
  if ((flags & MAP_32BIT) !== 0) return chooseLow(mm, addr, size);
  if (addr >= PAGE) {
    const hint = Math.max(pageFloor(addr), layout.min);
    if (hint <= layout.max - size && isFree(mm.vmas, hint, hint + size)) return hint;
  }
  return findFree(mm, size);
}

/** The same below 2 GiB, for MAP_32BIT (arch_get_unmapped_area, find_start_end). */
function chooseLow(mm: MemoryManager, addr: number, size: number): number {
  const { layout } = mm;
  const hint = Math.max(pageCeil(addr), layout.min);
  if (addr !== 0 && hint <= LOW_END - size && isFree(mm.vmas, hint, hint + size)) return hint;
  const begin = LOW_BEGIN + (layout.randomize ? (mm.kernel.random.uint32() % LOW_RANDOM_PAGES) * PAGE : 0);
  const at = findBottomUp(mm.vmas, size, begin, LOW_END);
  return at < 0 ? -ENOMEM : at;
}

/** A free range of `size` bytes, or -ENOMEM. */
export function findFree(mm: MemoryManager, size: number): number {
  const layout = mm.layout;
  const at = findTopDown(mm.vmas, size, layout.min, layout.mmapBase);
  if (at >= 0) return at;
  const up = findBottomUp(
    mm.vmas,
    size,
    Math.max(layout.min, Math.floor(layout.max / 3 / PAGE) * PAGE),
    layout.max,
  );
  return up < 0 ? -ENOMEM : up;
}

/**
 * The same for what lies at `addr` now: 2 MiB and more stay where they are modulo 2 MiB, as the platform may
 * map so much by one entry.
 */
export function findFreeLike(mm: MemoryManager, addr: number, size: number): number {
  const at = size < LARGE ? -1 : findTopDown(mm.vmas, size + LARGE - PAGE, mm.layout.min, mm.layout.mmapBase);
  return at < 0 ? findFree(mm, size) : at + ((addr - at + 2 ** 47) % LARGE);
}

/** Rights and flags of a file mapping (do_mmap). 0 or -errno. */
function planFile(plan: Plan, flags: number, rights: number): number {
  const file = plan.file!;
  const mappable = file.mappable;
  const type = flags & MAP_TYPE;
  if (type === MAP_SHARED_VALIDATE && (flags & ~LEGACY_FLAGS & ~MAP_TYPE) !== 0) return -EOPNOTSUPP;
  if (type === MAP_SHARED || type === MAP_SHARED_VALIDATE) {
    if ((plan.prot & PROT_WRITE) !== 0 && !file.writable) return -EACCES;
    if (isWriteSealed(mappable)) {
      if ((plan.prot & PROT_WRITE) !== 0) return -EPERM;
      plan.mayProt &= ~PROT_WRITE;
    }
    plan.vmFlags |= VM_MAYSHARE | VM_SHARED;
    if (!file.writable) {
      plan.mayProt &= ~PROT_WRITE;
      plan.vmFlags &= ~VM_SHARED;
    }
  } else if (type !== MAP_PRIVATE) {
    return -EINVAL;
  }
  if (!file.readable) return -EACCES;
  if ((rights & FILE_NOEXEC) !== 0) {
    if ((plan.prot & PROT_EXEC) !== 0) return -EPERM;
    plan.mayProt &= ~PROT_EXEC;
  }
  if (mappable === null) return -ENODEV;
  const refused = mappable.refuses?.(plan.offset / PAGE) ?? 0;
  if (refused < 0) return refused;
  if ((flags & MAP_GROWSDOWN) !== 0) return -EINVAL;
  if (mappable instanceof SecretMemory) {
    if ((plan.vmFlags & VM_MAYSHARE) === 0) return -EINVAL;
    plan.vmFlags |= VM_SECRET | VM_DONTDUMP;
  }
  plan.mappable = mappable;
  if ((flags & MAP_NORESERVE) !== 0) plan.vmFlags |= VM_NORESERVE;
  return 0;
}

/** F_SEAL_WRITE and F_SEAL_FUTURE_WRITE of memfd_create(2). */
function isWriteSealed(mappable: Mappable | null): boolean {
  return mappable instanceof TmpfsRegular && (mappable.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
}

function planAnonymous(mm: MemoryManager, plan: Plan, flags: number): number {
  const type = flags & MAP_TYPE;
  plan.offset = 0;
  if ((flags & MAP_NORESERVE) !== 0) plan.vmFlags |= VM_NORESERVE;
  if (type === MAP_SHARED) {
    if ((flags & MAP_GROWSDOWN) !== 0) return -EINVAL;
    plan.vmFlags |= VM_SHARED | VM_MAYSHARE;
    plan.mappable = new SharedAnon(mm.store, (plan.end - plan.start) / PAGE, plan.start);
    return 0;
  }
  if (type === MAP_DROPPABLE) {
    plan.vmFlags |= VM_NORESERVE;
    return (plan.vmFlags & VM_LOCKED) !== 0 ? -EINVAL : 0;
  }
  if (type !== MAP_PRIVATE) return -EINVAL;
  if ((flags & MAP_GROWSDOWN) !== 0) plan.vmFlags |= VM_GROWSDOWN;
  return 0;
}

/** Limits, removal of what was there, and the mapping itself (mmap_region). */
function install(mm: MemoryManager, plan: Plan, flags: number, fixed: boolean): number {
  const size = plan.end - plan.start;
  const shmem = plan.mappable instanceof SharedAnon;
  const r = checkRoom(
    mm,
    plan.vmFlags,
    plan.prot,
    size,
    fixed ? mappedBytes(mm, plan.start, plan.end) : 0,
    shmem,
  );
  if (r < 0) return r;
  let stale = false;
  if (fixed) {
    if (isSealed(mm, plan.start, plan.end)) return -EPERM;
    const present = mm.pages.pmas.lowerBound(plan.start);
    stale = present !== null && present.start < plan.end;
    // With other threads running nothing may stay mapped that is given back before it is mapped over.
    mm.removeRange(plan.start, plan.end, mm.addressSpace.contexts > 1);
  }
  if (isAccounted(plan.vmFlags, plan.prot)) plan.vmFlags |= VM_ACCOUNT;
  const vma = new Vma(plan.start, plan.end);
  vma.prot = plan.prot;
  vma.mayProt = plan.mayProt;
  vma.flags = plan.vmFlags;
  vma.offset = plan.offset;
  vma.mappable = plan.mappable === ZERO_MAPPABLE ? zeroMappable(mm, vma) : plan.mappable;
  vma.file = plan.file;
  if (vma.file) vma.file.refs++;
  const covering = mm.insertVma(vma);
  mm.backNow(covering, plan.start, plan.end, (flags & MAP_DENYWRITE) !== 0);
  const wanted =
    (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE ||
    (plan.vmFlags & (VM_LOCKED | VM_LOCKONFAULT)) === VM_LOCKED;
  if (wanted) backFully(mm, covering, plan.start, plan.end, (plan.prot & PROT_WRITE) !== 0);
  // The host still maps what was there wherever nothing replaced it.
  if (stale) unmapGaps(mm, plan.start, plan.end);
  return plan.start;
}

/** Keeps an object while the mappings of it are replaced. */
const KEEPER: MappingObserver = { invalidate: () => {} };

/**
 * remap_file_pages(2): show other pages of the shared object in part of its mapping. As Linux does since 4.0,
 * by a mapping of its own. 0, -EINVAL (no shared mapping, or not all of one object), -ENOMEM.
 */
export function remapFilePages(mm: MemoryManager, start: number, size: number, pageOffset: number): number {
  const end = start + size;
  const vma = mm.vmas.find(start);
  if (size <= 0 || end > mm.layout.max || vma === null) return -EINVAL;
  const { mappable } = vma;
  if ((vma.flags & VM_SHARED) === 0 || mappable === null) return -EINVAL;
  for (let v: Vma = vma; v.end < end; ) {
    const next: Vma | null = v.next;
    if (next === null || next.start !== v.end || next.flags !== vma.flags || next.mappable !== mappable)
      return -EINVAL;
    v = next;
  }
  const plan: Plan = {
    start,
    end,
    prot: vma.prot,
    mayProt: vma.mayProt,
    vmFlags: vma.flags,
    file: vma.file,
    mappable,
    offset: pageOffset * PAGE,
  };
  mappable.addObserver(KEEPER);
  const r = install(mm, plan, MAP_SHARED | MAP_FIXED | MAP_POPULATE, true);
  mappable.removeObserver(KEEPER);
  return Math.min(r, 0);
}

function zeroMappable(mm: MemoryManager, vma: Vma): Mappable | null {
  vma.offset = 0;
  return vma.shared ? new SharedAnon(mm.store, vma.length / PAGE, vma.start) : null;
}

function unmapGaps(mm: MemoryManager, start: number, end: number): void {
  mm.pages.forEachGap(start, end, (from, to) => {
    mm.pages.unmapHost(from, to);
    return 0;
  });
}

/** Bytes of [start, end) that are mapped. */
export function mappedBytes(mm: MemoryManager, start: number, end: number): number {
  let bytes = 0;
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    bytes += Math.min(vma.end, end) - Math.max(vma.start, start);
  }
  return bytes;
}

export function isSealed(mm: MemoryManager, start: number, end: number): boolean {
  for (let vma = mm.vmas.lowerBound(start); vma !== null && vma.start < end; vma = vma.next) {
    if ((vma.flags & VM_SEALED) !== 0) return true;
  }
  return false;
}

/** Counted against overcommit (accountable_mapping). */
export function isAccounted(vmFlags: number, prot: number): boolean {
  return (vmFlags & (VM_NORESERVE | VM_SHARED)) === 0 && (prot & PROT_WRITE) !== 0;
}

/**
 * RLIMIT_AS, RLIMIT_DATA and the overcommit heuristic for `size` more bytes of which `replaced` were mapped.
 * 0 or -ENOMEM.
 */
export function checkRoom(
  mm: MemoryManager,
  vmFlags: number,
  prot: number,
  size: number,
  replaced: number,
  shmem = false,
): number {
  const soft = mm.limits.soft;
  if (mm.totalVm + size - replaced > soft[RLIMIT_AS]!) return -ENOMEM;
  const data = (prot & PROT_WRITE) !== 0 && (vmFlags & (VM_SHARED | VM_STACK)) === 0;
  if (data && mm.dataVm + size > soft[RLIMIT_DATA]!) return -ENOMEM;
  const charged = isAccounted(vmFlags, prot) || (shmem && (vmFlags & VM_NORESERVE) === 0);
  return charged && size > mm.kernel.machineMemory ? -ENOMEM : 0;
}

/** munmap(2). */
export function munmap(mm: MemoryManager, addr: number, length: number): number {
  const max = mm.layout.max;
  if (addr % PAGE !== 0 || addr > max || length > max - addr) return -EINVAL;
  const size = pageCeil(length);
  if (size === 0) return -EINVAL;
  const end = addr + size;
  const first = mm.vmas.lowerBound(addr);
  if (first === null || first.start >= end) return 0;
  if (first.start < addr && first.end > end && mm.vmas.size >= DEFAULT_MAX_MAP_COUNT) return -ENOMEM;
  if (isSealed(mm, addr, end)) return -EPERM;
  mm.removeRange(addr, end, true);
  return 0;
}
