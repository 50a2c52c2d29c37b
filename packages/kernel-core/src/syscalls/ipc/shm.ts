import {
  CAP_IPC_LOCK,
  EFAULT,
  EINVAL,
  ENOMEM,
  EPERM,
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  MAP_FIXED,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  SHM_EXEC,
  SHM_HUGETLB,
  SHM_INFO,
  SHM_INFO_STRUCT,
  SHM_LOCK,
  SHM_RDONLY,
  SHM_REMAP,
  SHM_RND,
  SHM_STAT,
  SHM_STAT_ANY,
  SHM_UNLOCK,
  SHMID64_DS,
  SHMINFO64,
  SHMLBA,
  SYS_shmat,
  SYS_shmctl,
  SYS_shmdt,
  SYS_shmget,
} from '@sandbox/abi';
import { releaseFile } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { ipcOwner, ipcPermission, putLong, readForSet } from '../../files/sysv/ids.js';
import { SHM_LOCKED, ShmFile, type ShmSegment } from '../../files/sysv/shm.js';
import { sysvOf } from '../../files/sysv/state.js';
import type { Task } from '../../process/task/task.js';
import { memoryRights } from '../mm/map.js';

const READ = 0o444;
const READ_WRITE = 0o666;

/** shmget(2): EACCES, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC. */
function sysShmget(task: Task, args: SyscallArgs): number {
  const size = args.u64(1);
  const flags = args.i32(2);
  const { shm, limits } = sysvOf(task.nsSet.ipc);
  const create = (): ShmSegment | number => {
    if (size < 1 || size > Math.min(Number(limits.shmmax), Number.MAX_SAFE_INTEGER)) return -EINVAL;
    // No huge pages are set aside.
    if ((flags & SHM_HUGETLB) !== 0) return -ENOMEM;
    const segment = shm.create(size);
    if (typeof segment === 'number') return segment;
    segment.ctime = task.kernel.clock.realtimeSec();
    segment.cpid = task.pidFor(task);
    return segment;
  };
  return shm.ids.get(task, args.i32(0), flags, create, (s) => (size > s.size ? -EINVAL : 0));
}

/** Address an attachment is asked at: checked, rounded; 0 to choose one. EINVAL. */
function attachAddress(addr: number, flags: number, size: number): number {
  if (addr === 0) return (flags & SHM_REMAP) !== 0 ? -EINVAL : 0;
  const rest = addr % SHMLBA;
  if (rest !== 0) {
    if ((flags & SHM_RND) === 0) return -EINVAL;
    addr -= rest;
    if (addr === 0 && (flags & SHM_REMAP) !== 0) return -EINVAL;
  }
  return addr + size > 2 ** 63 ? -EINVAL : addr;
}

/** shmat(2): EACCES, EIDRM, EINVAL, ENOMEM. */
function sysShmat(task: Task, args: SyscallArgs): number {
  const flags = args.i32(2);
  const { shm } = sysvOf(task.nsSet.ipc);
  const id = args.i32(0);
  if (id < 0) return -EINVAL;
  const readOnly = (flags & SHM_RDONLY) !== 0;
  const execute = (flags & SHM_EXEC) !== 0;
  const segment = shm.ids.find(id);
  const size = typeof segment === 'number' ? 0 : segment.size;
  const addr = attachAddress(args.u64(1), flags, size);
  if (addr < 0) return addr;
  if (typeof segment === 'number') return segment;
  const r = ipcPermission(segment, task.cred, (readOnly ? READ : READ_WRITE) | (execute ? 0o111 : 0));
  if (r < 0) return r;
  const mm = task.mm;
  if (addr !== 0 && (flags & SHM_REMAP) === 0) {
    const vma = mm.vmas.lowerBound(addr);
    if (vma !== null && vma.start < addr + size) return -EINVAL;
  }
  const prot = PROT_READ | (readOnly ? 0 : PROT_WRITE) | (execute ? PROT_EXEC : 0);
  const file = shm.open(segment, task.pidFor(task), !readOnly);
  const at = mm.mmap(
    addr,
    size,
    prot,
    MAP_SHARED | (addr !== 0 ? MAP_FIXED : 0),
    file,
    0,
    memoryRights(task),
  );
  if (at >= 0) {
    segment.atime = task.kernel.clock.realtimeSec();
    segment.lpid = task.pidFor(task);
  }
  releaseFile(file);
  return at;
}

/** shmdt(2): EINVAL. Takes away what is left of the attachment that began at the address. */
function sysShmdt(task: Task, args: SyscallArgs): number {
  const addr = args.u64(0);
  if (addr % SHMLBA !== 0) return -EINVAL;
  const mm = task.mm;
  let file: ShmFile | null = null;
  let end = Number.POSITIVE_INFINITY;
  for (let vma = mm.vmas.lowerBound(addr); vma !== null && vma.start < end; ) {
    const next = vma.next;
    const mapped = vma.file;
    if (mapped instanceof ShmFile && vma.start - addr === vma.offset && (file === null || file === mapped)) {
      file = mapped;
      end = addr + mapped.segment.size;
      const r = mm.munmap(vma.start, vma.end - vma.start);
      if (r < 0) return r;
    }
    vma = next;
  }
  return file === null ? -EINVAL : 0;
}

/** struct shmid64_ds to the guest. EFAULT. */
function writeStat(task: Task, segment: ShmSegment, addr: number): number {
  const { scratch, scratchView: view } = task.kernel;
  scratch.fill(0, 0, SHMID64_DS.SIZE);
  segment.writePerm(view, SHMID64_DS.shm_perm);
  putLong(view, SHMID64_DS.shm_segsz, segment.size);
  putLong(view, SHMID64_DS.shm_atime, segment.atime);
  putLong(view, SHMID64_DS.shm_dtime, segment.dtime);
  putLong(view, SHMID64_DS.shm_ctime, segment.ctime);
  view.setInt32(SHMID64_DS.shm_cpid, segment.cpid, true);
  view.setInt32(SHMID64_DS.shm_lpid, segment.lpid, true);
  putLong(view, SHMID64_DS.shm_nattch, segment.nattch);
  return task.mm.copyOut(addr, scratch, 0, SHMID64_DS.SIZE);
}

/** IPC_INFO and SHM_INFO: the limits, or what is in use. */
function info(task: Task, cmd: number, addr: number): number {
  const { shm, limits } = sysvOf(task.nsSet.ipc);
  const { scratch, scratchView: view } = task.kernel;
  const size = cmd === IPC_INFO ? SHMINFO64.SIZE : SHM_INFO_STRUCT.SIZE;
  scratch.fill(0, 0, size);
  if (cmd === IPC_INFO) {
    view.setBigUint64(SHMINFO64.shmmax, limits.shmmax, true);
    view.setBigUint64(SHMINFO64.shmall, limits.shmall, true);
    putLong(view, SHMINFO64.shmmin, 1);
    putLong(view, SHMINFO64.shmmni, limits.shmmni);
    putLong(view, SHMINFO64.shmseg, limits.shmmni);
  } else {
    view.setInt32(SHM_INFO_STRUCT.used_ids, shm.ids.size, true);
    putLong(view, SHM_INFO_STRUCT.shm_tot, shm.totalPages);
    putLong(view, SHM_INFO_STRUCT.shm_rss, shm.totalPages);
  }
  if (task.mm.copyOut(addr, scratch, 0, size) < 0) return -EFAULT;
  return Math.max(0, shm.ids.highest);
}

/** IPC_SET, IPC_RMID, SHM_LOCK, SHM_UNLOCK. */
function change(task: Task, cmd: number, segment: ShmSegment, addr: number): number {
  const { kernel, cred } = task;
  if (cmd === SHM_LOCK || cmd === SHM_UNLOCK) {
    const owner = cred.euid === segment.uid || cred.euid === segment.cuid;
    if (!owner && !cred.capable(CAP_IPC_LOCK)) return -EPERM;
    // Memory is never swapped out here: only the mark is kept.
    segment.mode = cmd === SHM_LOCK ? segment.mode | SHM_LOCKED : segment.mode & ~SHM_LOCKED;
    return 0;
  }
  if (cmd === IPC_SET) {
    const r = readForSet(task, addr, SHMID64_DS.SIZE);
    if (r < 0) return r;
  }
  const allowed = ipcOwner(segment, cred);
  if (allowed < 0) return allowed;
  if (cmd === IPC_RMID) {
    sysvOf(task.nsSet.ipc).shm.markDestroyed(segment);
    return 0;
  }
  const r = segment.readPerm(kernel.scratchView, SHMID64_DS.shm_perm);
  if (r === 0) segment.ctime = kernel.clock.realtimeSec();
  return r;
}

/** shmctl(2): EACCES, EFAULT, EIDRM, EINVAL, EPERM. */
function sysShmctl(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  const cmd = args.i32(1);
  const addr = args.u64(2);
  const { shm } = sysvOf(task.nsSet.ipc);
  if (cmd < 0 || id < 0) return -EINVAL;
  switch (cmd) {
    case IPC_INFO:
    case SHM_INFO:
      return info(task, cmd, addr);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY: {
      const segment = cmd === IPC_STAT ? shm.ids.find(id) : shm.ids.atSlot(id);
      if (typeof segment === 'number') return segment;
      const allowed = cmd === SHM_STAT_ANY ? 0 : ipcPermission(segment, task.cred, READ);
      if (allowed < 0) return allowed;
      if (writeStat(task, segment, addr) < 0) return -EFAULT;
      return cmd === IPC_STAT ? 0 : segment.id;
    }
    case IPC_SET:
    case IPC_RMID:
    case SHM_LOCK:
    case SHM_UNLOCK: {
      const segment = shm.ids.find(id);
      return typeof segment === 'number' ? segment : change(task, cmd, segment, addr);
    }
    default:
      return -EINVAL;
  }
}

export const rows = [
  row(SYS_shmget, 'shmget', sysShmget, ['int', 'size', 'int'], { note: 'no huge pages' }),
  row(SYS_shmat, 'shmat', sysShmat, ['int', 'ptr', 'int']),
  row(SYS_shmdt, 'shmdt', sysShmdt, ['ptr']),
  row(SYS_shmctl, 'shmctl', sysShmctl, ['int', 'int', 'ptr']),
];
