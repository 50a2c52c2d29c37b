import {
  DEFAULT_MAX_MAP_COUNT,
  EACCES,
  EINVAL,
  ENOMEM,
  EPERM,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
  RLIMIT_DATA,
} from '@sandbox/abi';
import { pageCeil } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { isAccounted, isSealed } from './mmap.js';
import { VM_ACCOUNT, VM_GROWSDOWN, VM_SEALED, VM_SHARED, VM_STACK, type Vma } from './vma.js';

const PAGE = 4096;
const GROWS = PROT_GROWSDOWN | PROT_GROWSUP;

/** mprotect(2). Mappings before the first one that refuses are changed, as in Linux. */
export function mprotect(mm: MemoryManager, addr: number, length: number, prot: number): number {
  const grows = prot & GROWS;
  prot &= ~GROWS;
  if (grows === GROWS || addr % PAGE !== 0) return -EINVAL;
  if (length === 0) return 0;
  let start = addr;
  const end = addr + pageCeil(length);
  if (end > mm.layout.max) return -ENOMEM;
  if ((prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)) !== 0) return -EINVAL;
  let vma = mm.vmas.lowerBound(start);
  if (vma === null) return -ENOMEM;
  if ((grows & PROT_GROWSDOWN) !== 0) {
    if (vma.start >= end) return -ENOMEM;
    if ((vma.flags & VM_GROWSDOWN) === 0) return -EINVAL;
    start = vma.start;
  } else {
    if (vma.start > start) return -ENOMEM;
    if ((grows & PROT_GROWSUP) !== 0) return -EINVAL;
  }
  if (isSealed(mm, start, end)) return -EPERM;
  const rights = prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
  let at = start;
  while (at < end) {
    vma = mm.vmas.find(at);
    if (vma === null) return -ENOMEM;
    const to = Math.min(vma.end, end);
    const r = protectPart(mm, vma, at, to, rights);
    if (r < 0) return r;
    at = to;
  }
  return 0;
}

/** mprotect_fixup: [start, end) lies in `vma`. */
function protectPart(mm: MemoryManager, vma: Vma, start: number, end: number, prot: number): number {
  if ((prot & ~vma.mayProt) !== 0 || mm.settings.deniesExec(vma.prot, prot)) return -EACCES;
  const old = vma.prot;
  if (old === prot) return 0;
  let flags = vma.flags;
  if (isAccounted(flags, prot) && (old & PROT_WRITE) === 0) {
    const data = (flags & (VM_SHARED | VM_STACK)) === 0;
    if (data && mm.dataVm + (end - start) > mm.limits.soft[RLIMIT_DATA]!) return -ENOMEM;
    if ((flags & VM_ACCOUNT) === 0) {
      if (end - start > mm.kernel.machineMemory) return -ENOMEM;
      flags |= VM_ACCOUNT;
    }
  }
  const cuts = (vma.start < start ? 1 : 0) + (vma.end > end ? 1 : 0);
  if (cuts > 0 && mm.vmas.size + cuts > DEFAULT_MAX_MAP_COUNT) return -ENOMEM;
  mm.splitVma(start);
  mm.splitVma(end);
  const part = mm.vmas.find(start)!;
  mm.account(part, start - end);
  part.prot = prot;
  part.flags = flags;
  mm.account(part, end - start);
  mm.pages.protect(start, end, old, prot);
  const covering = mm.mergeVma(part);
  if (old === 0) mm.backNow(covering, start, end);
  return 0;
}

/** mseal(2): no unmapping, moving or change of protection any more. */
export function mseal(mm: MemoryManager, addr: number, length: number): number {
  if (addr % PAGE !== 0) return -EINVAL;
  const end = addr + pageCeil(length);
  if (end > mm.layout.max) return -EINVAL;
  if (length === 0) return 0;
  for (let at = addr; at < end; ) {
    const vma = mm.vmas.find(at);
    if (vma === null) return -ENOMEM;
    at = vma.end;
  }
  mm.splitVma(addr);
  mm.splitVma(end);
  for (let vma = mm.vmas.find(addr); vma !== null && vma.start < end; vma = vma.next) vma.flags |= VM_SEALED;
  return 0;
}
