import {
  CAP_IPC_LOCK,
  CAP_SYS_RAWIO,
  EAGAIN,
  EBADF,
  EINVAL,
  ENOMEM,
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_NOEXEC,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_NONE,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
  READ_IMPLIES_EXEC,
  SYS_brk,
  SYS_mmap,
  SYS_mprotect,
  SYS_mremap,
  SYS_mseal,
  SYS_munmap,
  SYS_remap_file_pages,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import { FILE_NOEXEC, READ_IMPLIES_EXEC_ON, RIGHT_IPC_LOCK, RIGHT_RAWIO } from '../../mm/rights.js';
import { ALL_EVENTS } from '../../process/files/events.js';
import { announce, announced, isAnnouncing } from '../../process/memory/announce.js';
import type { Task } from '../../process/task/task.js';

const PAGE = 4096;

/** What the caller may do, as `mm/rights.ts` counts it. */
export function memoryRights(task: Task): number {
  const lock = task.cred.capable(CAP_IPC_LOCK) ? RIGHT_IPC_LOCK : 0;
  return lock | (task.cred.capable(CAP_SYS_RAWIO) ? RIGHT_RAWIO : 0);
}

function mapRights(task: Task, file: File | null): number {
  let rights = memoryRights(task);
  if (file?.path && (file.path.mount.flags & MS_NOEXEC) !== 0) rights |= FILE_NOEXEC;
  if ((task.personality & READ_IMPLIES_EXEC) !== 0) rights |= READ_IMPLIES_EXEC_ON;
  return rights;
}

/** A page fault cannot wait for a file of the embedder's (jsfs) to answer: the mapping does. */
function waitForContent(task: Task, file: File): number {
  task.wait.holdFile(file);
  return task.sleep(file.waitQueue, ALL_EVENTS);
}

/** mmap(2). */
function sysMmap(task: Task, args: SyscallArgs): number {
  if (isAnnouncing(task)) return announced(task);
  const offset = args.u64(5);
  // Of the argument registers only the low words hold int arguments.
  const flags = args.i32(3);
  if (offset % PAGE !== 0) return -EINVAL;
  let file: File | null = null;
  if ((flags & MAP_ANONYMOUS) === 0) {
    file = fileOf(task, args.i32(4));
    if (file === null) return -EBADF;
    if ((flags & MAP_HUGETLB) !== 0) return -EINVAL;
    const r = file.prefetch(offset, args.u64(1));
    if (r < 0) return r === -EAGAIN ? waitForContent(task, file) : r;
  } else if ((flags & MAP_HUGETLB) !== 0) {
    // No huge pages are set aside, as with vm.nr_hugepages = 0.
    return noHugePages(args.u64(1));
  }
  const rights = mapRights(task, file);
  return announce(task, task.mm.mmap(args.u64(0), args.u64(1), args.i32(2), flags, file, offset, rights));
}

function noHugePages(length: number): number {
  return length === 0 ? -EINVAL : -ENOMEM;
}

/** munmap(2). */
function sysMunmap(task: Task, args: SyscallArgs): number {
  if (isAnnouncing(task)) return announced(task);
  return announce(task, task.mm.munmap(args.u64(0), args.u64(1)));
}

/** mprotect(2). */
function sysMprotect(task: Task, args: SyscallArgs): number {
  let prot = args.i32(2);
  if ((prot & PROT_READ) !== 0 && (task.personality & READ_IMPLIES_EXEC) !== 0) prot |= PROT_EXEC;
  return task.mm.mprotect(args.u64(0), args.u64(1), prot);
}

/** mremap(2). */
function sysMremap(task: Task, args: SyscallArgs): number {
  if (isAnnouncing(task)) return announced(task);
  const rights = memoryRights(task);
  const { mm } = task;
  return announce(task, mm.mremap(args.u64(0), args.u64(1), args.u64(2), args.i32(3), args.u64(4), rights));
}

/** brk(2): never fails, the caller compares. */
function sysBrk(task: Task, args: SyscallArgs): number {
  if (isAnnouncing(task)) return announced(task);
  return announce(task, task.mm.brk(args.u64(0)));
}

/** mseal(2). */
function sysMseal(task: Task, args: SyscallArgs): number {
  if (args.u64(2) !== 0) return -EINVAL;
  return task.mm.mseal(args.u64(0), args.u64(1));
}

/** remap_file_pages(2), deprecated since Linux 3.16: EINVAL, ENOMEM. */
function sysRemapFilePages(task: Task, args: SyscallArgs): number {
  if (args.u64(2) !== 0) return -EINVAL;
  const addr = args.u64(0);
  const length = args.u64(1);
  const pages = args.u64(3);
  if (pages * PAGE + length >= 2 ** 53) return -EINVAL;
  return task.mm.remapFilePages(addr - (addr % PAGE), length - (length % PAGE), pages);
}

const PROT = {
  flags: { PROT_READ, PROT_WRITE, PROT_EXEC, PROT_SEM, PROT_GROWSDOWN, PROT_GROWSUP },
  base: { PROT_NONE },
};
const MAP = {
  flags: {
    MAP_FIXED,
    MAP_ANONYMOUS,
    MAP_32BIT,
    MAP_GROWSDOWN,
    MAP_LOCKED,
    MAP_NORESERVE,
    MAP_POPULATE,
    MAP_NONBLOCK,
    MAP_STACK,
    MAP_HUGETLB,
    MAP_FIXED_NOREPLACE,
  },
  base: { MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE },
  baseMask: 0xf,
};

export const rows = [
  row(SYS_mmap, 'mmap', sysMmap, ['ptr', 'size', PROT, MAP, 'fd', 'off'], {
    support: 'partial',
    note: 'MAP_HUGETLB finds no huge pages; MAP_SYNC is refused',
  }),
  row(SYS_mprotect, 'mprotect', sysMprotect, ['ptr', 'size', PROT]),
  row(SYS_munmap, 'munmap', sysMunmap, ['ptr', 'size']),
  row(SYS_brk, 'brk', sysBrk, ['ptr']),
  row(SYS_mremap, 'mremap', sysMremap, [
    'ptr',
    'size',
    'size',
    { flags: { MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP } },
    'ptr',
  ]),
  row(SYS_mseal, 'mseal', sysMseal, ['ptr', 'size', 'ulong']),
  row(SYS_remap_file_pages, 'remap_file_pages', sysRemapFilePages, ['ptr', 'size', 'ulong', 'size', MAP]),
];
