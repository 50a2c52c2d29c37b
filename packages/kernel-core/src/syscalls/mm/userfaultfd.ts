import {
  CAP_SYS_PTRACE,
  EPERM,
  O_CLOEXEC,
  O_NONBLOCK,
  SYS_userfaultfd,
  UFFD_USER_MODE_ONLY,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { makeUserfault } from '../../files/userfaultfd/file.js';
import type { Task } from '../../process/task/task.js';

/** userfaultfd(2): EPERM without CAP_SYS_PTRACE, but for faults of the program's own accesses. */
function sysUserfaultfd(t: Task, a: SyscallArgs): number {
  const flags = a.u32(0);
  const userOnly = (flags & UFFD_USER_MODE_ONLY) !== 0;
  if (!userOnly && !t.cred.capable(CAP_SYS_PTRACE)) return -EPERM;
  return makeUserfault(t, flags);
}

export const rows = [
  row(
    SYS_userfaultfd,
    'userfaultfd',
    sysUserfaultfd,
    [{ flags: { UFFD_USER_MODE_ONLY, O_CLOEXEC, O_NONBLOCK } }],
    {
      support: 'partial',
      note: 'no hugetlbfs. What was touched before memory is registered is told by what it holds: private pages of zeros count as missing, and all pages of a shared object are asked for anew where minor faults are served. /proc/pid/mem and mlock do not wait for a page',
    },
  ),
];
