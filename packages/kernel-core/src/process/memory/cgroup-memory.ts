import { type FileSystem, OverlayFileSystem, TmpfsFileSystem } from '@sandbox/vfs';
import type { MemoryManager } from '../../mm/memory-manager.js';
import { PMA_FILE } from '../../mm/pma.js';
import type { Cgroup } from '../cgroup/cgroup.js';
import type { KernelCore } from '../kernel/kernel-core.js';

const PAGE = 4096;

/** Ranges of the memory file, [from, to) each. */
type Range = [from: number, to: number];

/**
 * Bytes a group and those below hold: pages of their processes, each counted once however many of them share
 * it, and for the group of a container files in its file systems of memory. What is cached of other files is
 * left out: it is given back when memory is short. Asks the host, a call for each run of pages.
 */
export function cgroupMemory(kernel: KernelCore, cgroup: Cgroup): number {
  const fileSystems = memoryFileSystems(cgroup);
  let bytes = 0;
  for (const fs of fileSystems) bytes += fs.usedPages * PAGE;
  const seen = new Set<MemoryManager>();
  const ranges: Range[] = [];
  for (const group of kernel.pids.processes.values()) {
    if (group.zombie || group.tasks.length === 0 || !group.leader.cgroup.isWithin(cgroup)) continue;
    const { mm } = group.tasks[0]!;
    if (seen.has(mm)) continue;
    seen.add(mm);
    collect(mm, fileSystems, ranges);
  }
  const [first] = seen;
  return first === undefined ? bytes : bytes + residentOf(first, merge(ranges));
}

/** File systems of memory in the tree of a container. */
function memoryFileSystems(cgroup: Cgroup): Set<TmpfsFileSystem> {
  const found = new Set<TmpfsFileSystem>();
  const add = (fs: FileSystem): void => {
    if (fs instanceof TmpfsFileSystem) found.add(fs);
    else if (fs instanceof OverlayFileSystem && fs.upperLayer !== null) add(fs.upperLayer.fs);
  };
  for (const { fs } of cgroup.mounts?.mounts ?? []) add(fs);
  return found;
}

/** Pages of `mm` that are counted as its own: none of files that are counted as such. */
function collect(mm: MemoryManager, fileSystems: ReadonlySet<FileSystem>, ranges: Range[]): void {
  for (let vma = mm.vmas.first; vma !== null; vma = vma.next) {
    if (vma.shared && vma.file !== null && fileSystems.has(vma.file.inode.fs)) continue;
    for (let pma = mm.pages.pmas.lowerBound(vma.start); pma !== null && pma.start < vma.end; pma = pma.next) {
      if (pma.kind === PMA_FILE) continue;
      const from = Math.max(pma.start, vma.start);
      const offset = pma.offset + (from - pma.start);
      ranges.push([offset, offset + Math.min(pma.end, vma.end) - from]);
    }
  }
}

function merge(ranges: Range[]): Range[] {
  ranges.sort((a, b) => a[0] - b[0]);
  const merged: Range[] = [];
  for (const range of ranges) {
    const last = merged[merged.length - 1];
    if (last !== undefined && range[0] <= last[1]) last[1] = Math.max(last[1], range[1]);
    else merged.push(range);
  }
  return merged;
}

function residentOf({ store }: MemoryManager, ranges: readonly Range[]): number {
  let pages = 0;
  let vec = new Uint8Array(1024);
  for (const [from, to] of ranges) {
    const n = (to - from) / PAGE;
    if (vec.length < n) vec = new Uint8Array(n);
    store.resident(from, to - from, vec, 0);
    for (let i = 0; i < n; i++) pages += vec[i]!;
  }
  return pages * PAGE;
}
