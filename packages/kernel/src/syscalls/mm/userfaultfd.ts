import {
  CAP_SYS_PTRACE,
  EINVAL,
  EPERM,
  O_CLOEXEC,
  O_NONBLOCK,
  SYS_userfaultfd,
  UFFD_USER_MODE_ONLY,
} from '@sandbox/abi';
import { UserfaultFile } from '../../fs/userfaultfd.js';
import type { Task } from '../../task/task.js';
import type { SyscallArgs } from '../args.js';
import { installFile } from '../io/pipe.js';
import { row } from '../row.js';

/** userfaultfd(2): EPERM without CAP_SYS_PTRACE, but for faults of the program's own accesses. */
function sysUserfaultfd(t: Task, a: SyscallArgs): number {
  const flags = a.u32(0);
  const userOnly = (flags & UFFD_USER_MODE_ONLY) !== 0;
  if (!userOnly && !t.cred.capable(CAP_SYS_PTRACE)) return -EPERM;
  if ((flags & ~(UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  return installFile(t, new UserfaultFile(t, flags, userOnly), (flags & O_CLOEXEC) !== 0);
}

export const rows = [
  row(
    SYS_userfaultfd,
    'userfaultfd',
    sysUserfaultfd,
    [{ flags: { UFFD_USER_MODE_ONLY, O_CLOEXEC, O_NONBLOCK } }],
    {
      support: 'partial',
      note: 'missing pages of private anonymous memory; a page of zeros counts as missing when it is registered. No write protection, no minor faults, no events but faults; /proc/pid/mem does not wait for a missing page',
    },
  ),
];
