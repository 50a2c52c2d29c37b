import { EBADF, EINVAL, ENOMEM } from '@sandbox/abi';
import { pageCeil } from './layout.js';
import type { MemoryManager } from './memory-manager.js';
import { SharedAnon } from './shared-anon.js';
import { VM_SPECIAL } from './vma.js';

const PAGE = 4096;

/**
 * prctl(PR_SET_VMA_ANON_NAME): name the anonymous mappings of a range; '' takes the name away. EINVAL
 * (range), EBADF (a file mapping), ENOMEM (parts are unmapped; the others have been named).
 */
export function setAnonName(mm: MemoryManager, addr: number, length: number, name: string): number {
  if (addr % PAGE !== 0) return -EINVAL;
  const end = addr + pageCeil(length);
  if (end > mm.layout.max) return end >= 2 ** 64 ? -EINVAL : -ENOMEM;
  let result = 0;
  for (let at = addr; at < end; ) {
    let vma = mm.vmas.lowerBound(at);
    if (vma === null || vma.start >= end) return -ENOMEM;
    if (vma.start > at) result = -ENOMEM;
    const from = Math.max(vma.start, at);
    at = Math.min(vma.end, end);
    const shared = vma.mappable instanceof SharedAnon;
    if (vma.file || (vma.mappable !== null && !shared)) return -EBADF;
    const label = name === '' ? '' : `[anon${shared ? '_shmem' : ''}:${name}]`;
    if ((vma.flags & VM_SPECIAL) !== 0 || vma.name === label) continue;
    mm.splitVma(from);
    mm.splitVma(at);
    vma = mm.vmas.find(from);
    if (vma === null) return -ENOMEM;
    vma.name = label;
    mm.mergeVma(vma);
  }
  return result;
}
