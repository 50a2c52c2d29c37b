import {
  EFAULT,
  EINVAL,
  ENOMEM,
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_UNMERGEABLE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
  MCL_CURRENT,
  MCL_FUTURE,
  MCL_ONFAULT,
  MLOCK_ONFAULT,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  SYS_madvise,
  SYS_mincore,
  SYS_mlock,
  SYS_mlock2,
  SYS_mlockall,
  SYS_msync,
  SYS_munlock,
  SYS_munlockall,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { announced, announceRemoval, isAnnouncing } from '../../process/memory/announce.js';
import type { Task } from '../../process/task/task.js';
import { memoryRights } from './map.js';

const PAGE = 4096;
/** mincore answers this many pages at a time. */
const MINCORE_PAGES = 4096;
const vector = new Uint8Array(MINCORE_PAGES);

/** madvise(2). */
function sysMadvise(task: Task, args: SyscallArgs): number {
  const addr = args.u64(0);
  const length = args.u64(1);
  const advice = args.i32(2);
  if (isAnnouncing(task)) {
    const r = announced(task);
    if (r < 0) return r;
    task.wait.data = null;
  } else if (task.wait.round === 0) {
    const r = announceRemoval(task, addr, length, advice);
    if (r !== 0) return r;
  }
  return task.mm.madvise(addr, length, advice);
}

/** mincore(2). */
function sysMincore(task: Task, args: SyscallArgs): number {
  const addr = args.u64(0);
  const length = args.u64(1);
  const out = args.u64(2);
  const mm = task.mm;
  if (addr % PAGE !== 0) return -EINVAL;
  if (addr + length > mm.layout.max) return -ENOMEM;
  const pages = Math.ceil(length / PAGE);
  if (out + pages > mm.layout.max) return -EFAULT;
  for (let done = 0; done < pages; ) {
    const n = Math.min(MINCORE_PAGES, pages - done);
    const r = mm.mincore(addr + done * PAGE, n * PAGE, vector);
    if (r < 0) return r;
    if (mm.copyOut(out + done, vector, 0, n) < 0) return -EFAULT;
    done += n;
  }
  return 0;
}

/** msync(2). */
function sysMsync(task: Task, args: SyscallArgs): number {
  return task.mm.msync(args.u64(0), args.u64(1), args.i32(2));
}

/** mlock(2). */
function sysMlock(task: Task, args: SyscallArgs): number {
  return task.mm.mlock(args.u64(0), args.u64(1), false, memoryRights(task));
}

/** mlock2(2). */
function sysMlock2(task: Task, args: SyscallArgs): number {
  const flags = args.u32(2);
  if ((flags & ~MLOCK_ONFAULT) !== 0) return -EINVAL;
  return task.mm.mlock(args.u64(0), args.u64(1), flags !== 0, memoryRights(task));
}

/** munlock(2). */
function sysMunlock(task: Task, args: SyscallArgs): number {
  return task.mm.munlock(args.u64(0), args.u64(1));
}

/** mlockall(2). */
function sysMlockall(task: Task, args: SyscallArgs): number {
  return task.mm.mlockall(args.i32(0), memoryRights(task));
}

/** munlockall(2). */
function sysMunlockall(task: Task): number {
  return task.mm.munlockall();
}

const ADVICE = {
  flags: {},
  base: {
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_DONTNEED,
    MADV_FREE,
    MADV_REMOVE,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_MERGEABLE,
    MADV_UNMERGEABLE,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_WIPEONFORK,
    MADV_KEEPONFORK,
    MADV_COLD,
    MADV_PAGEOUT,
    MADV_POPULATE_READ,
    MADV_POPULATE_WRITE,
    MADV_DONTNEED_LOCKED,
    MADV_COLLAPSE,
  },
  baseMask: -1,
};

export const rows = [
  row(SYS_madvise, 'madvise', sysMadvise, ['ptr', 'size', ADVICE], {
    support: 'partial',
    note: 'MADV_COLLAPSE, MADV_HWPOISON and MADV_SOFT_OFFLINE are EINVAL: pages have one size and no faults',
  }),
  row(SYS_mincore, 'mincore', sysMincore, ['ptr', 'size', 'outbuf'], {
    support: 'partial',
    note: "untouched memory that was somebody else's before may count as resident",
  }),
  row(SYS_msync, 'msync', sysMsync, ['ptr', 'size', { flags: { MS_ASYNC, MS_INVALIDATE, MS_SYNC } }]),
  row(SYS_mlock, 'mlock', sysMlock, ['ptr', 'size']),
  row(SYS_mlock2, 'mlock2', sysMlock2, ['ptr', 'size', { flags: { MLOCK_ONFAULT } }]),
  row(SYS_munlock, 'munlock', sysMunlock, ['ptr', 'size']),
  row(SYS_mlockall, 'mlockall', sysMlockall, [{ flags: { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT } }]),
  row(SYS_munlockall, 'munlockall', sysMunlockall, []),
];
