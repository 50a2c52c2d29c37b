import { EBADF, EFAULT, EINVAL, O_PATH, SYS_cachestat } from '@sandbox/abi';
import { type Inode, TmpfsRegular } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';

const PAGE = 4096;
/** struct cachestat: five counts of 64 bits. */
const SIZE = 40;
/** Runs looked at in one call: a file with more pieces is counted that far. */
const MAX_RUNS = 65536;

/** Pages of [first, end) in memory. */
function cachedPages(inode: Inode, first: number, end: number): number {
  if (inode instanceof TmpfsRegular) return inode.pagesPresent(first, end);
  const { mappable } = inode;
  if (mappable?.peek === undefined) return 0;
  let cached = 0;
  for (let at = first, runs = 0; at < end && runs < MAX_RUNS; runs++) {
    const there = mappable.peek(at, end - at) >= 0;
    const n = Math.max(1, mappable.runLength);
    if (there) cached += Math.min(n, end - at);
    at += n;
  }
  return cached;
}

/** cachestat(2): how many pages of a range of a file are in memory. EBADF, EFAULT, EINVAL. */
function sysCachestat(t: Task, a: SyscallArgs): number {
  const file = t.files.get(a.i32(0));
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const offset = t.mm.load64(a.u64(1));
  const length = offset < 0 ? offset : t.mm.load64(a.u64(1) + 8);
  if (length < 0) return -EFAULT;
  if (a.u32(3) !== 0) return -EINVAL;
  const { scratch, scratchView } = t.kernel;
  scratch.fill(0, 0, SIZE);
  if (file.inode.isRegular) {
    file.inode.getattr();
    const all = Math.ceil(file.inode.size / PAGE);
    const end = length === 0 ? all : Math.min(all, Math.ceil((offset + length) / PAGE));
    scratchView.setUint32(0, cachedPages(file.inode, Math.floor(offset / PAGE), end), true);
  }
  return t.mm.copyOut(a.u64(2), scratch, 0, SIZE);
}

export const rows = [
  row(SYS_cachestat, 'cachestat', sysCachestat, ['fd', 'ptr', 'ptr', 'uint'], {
    support: 'partial',
    note: 'pages in memory; none count as dirty, under write-back or evicted',
  }),
];
