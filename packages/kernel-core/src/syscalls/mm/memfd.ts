import {
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ENOSYS,
  F_SEAL_EXEC,
  F_SEAL_SEAL,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  MFD_HUGE_MASK,
  MFD_HUGE_SHIFT,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
  O_CLOEXEC,
  O_LARGEFILE,
  O_RDWR,
  SYS_memfd_create,
  SYS_memfd_secret,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { createMemfd } from '../../files/memory/memfd.js';
import { createSecret } from '../../files/memory/secret-memory.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';

const KNOWN = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC;
/** NAME_MAX without "memfd:", with the NUL. */
const NAME_SPACE = 250;

/** memfd_create(2). */
function sysMemfdCreate(task: Task, args: SyscallArgs): number {
  const flags = args.u32(1);
  const huge = (flags & MFD_HUGETLB) !== 0;
  const known = huge ? KNOWN | (MFD_HUGE_MASK << MFD_HUGE_SHIFT) : KNOWN;
  if ((flags & ~known) !== 0) return -EINVAL;
  if ((flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) === (MFD_EXEC | MFD_NOEXEC_SEAL)) return -EINVAL;
  const name = task.mm.readString(args.u64(0), NAME_SPACE);
  if (typeof name === 'number') return name === -ENAMETOOLONG ? -EINVAL : -EFAULT;
  // As a kernel without hugetlbfs.
  if (huge) return -ENOSYS;
  let seals = (flags & MFD_ALLOW_SEALING) !== 0 ? 0 : F_SEAL_SEAL;
  let mode = 0o777;
  if ((flags & MFD_NOEXEC_SEAL) !== 0) {
    seals = F_SEAL_EXEC;
    mode = 0o666;
  }
  const { fsuid, fsgid } = task.cred;
  const file = createMemfd(task.kernel, name, O_RDWR | O_LARGEFILE, { uid: fsuid, gid: fsgid, mode, seals });
  if (typeof file === 'number') return file;
  return installFile(task, file, (flags & MFD_CLOEXEC) !== 0);
}

/** memfd_secret(2): EINVAL, EMFILE, ENFILE, ENOSPC. */
function sysMemfdSecret(task: Task, args: SyscallArgs): number {
  const flags = args.u32(0);
  if ((flags & ~O_CLOEXEC) !== 0) return -EINVAL;
  const file = createSecret(task.kernel, task.cred.fsuid, task.cred.fsgid);
  return typeof file === 'number' ? file : installFile(task, file, flags !== 0);
}

export const rows = [
  row(SYS_memfd_secret, 'memfd_secret', sysMemfdSecret, [{ flags: { O_CLOEXEC } }], {
    note: "other guests, debuggers and core dumps do not see it; its pages are in the embedder's memory all the same",
  }),
  row(
    SYS_memfd_create,
    'memfd_create',
    sysMemfdCreate,
    ['str', { flags: { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, MFD_NOEXEC_SEAL, MFD_EXEC } }],
    { support: 'partial', note: 'MFD_HUGETLB is ENOSYS: there are no huge pages' },
  ),
];
