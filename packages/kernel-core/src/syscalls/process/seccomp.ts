import {
  EINVAL,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
  SECCOMP_GET_ACTION_AVAIL,
  SECCOMP_GET_NOTIF_SIZES,
  SECCOMP_SET_MODE_FILTER,
  SECCOMP_SET_MODE_STRICT,
  SYS_seccomp,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { actionAvailable, notifSizes, setFilter, setStrict } from '../../process/seccomp/install.js';
import type { Task } from '../../process/task/task.js';

/** seccomp(2): EINVAL, and what the operations answer. */
function sysSeccomp(t: Task, a: SyscallArgs): number {
  const flags = a.u32(1);
  const addr = a.u64(2);
  switch (a.u32(0)) {
    case SECCOMP_SET_MODE_STRICT:
      return flags !== 0 || addr !== 0 ? -EINVAL : setStrict(t);
    case SECCOMP_SET_MODE_FILTER:
      return setFilter(t, flags, addr);
    case SECCOMP_GET_ACTION_AVAIL:
      return flags !== 0 ? -EINVAL : actionAvailable(t, addr);
    case SECCOMP_GET_NOTIF_SIZES:
      return flags !== 0 ? -EINVAL : notifSizes(t, addr);
    default:
      return -EINVAL;
  }
}

export const rows = [
  row(SYS_seccomp, 'seccomp', sysSeccomp, [
    {
      flags: {},
      base: {
        SECCOMP_SET_MODE_STRICT,
        SECCOMP_SET_MODE_FILTER,
        SECCOMP_GET_ACTION_AVAIL,
        SECCOMP_GET_NOTIF_SIZES,
      },
      baseMask: -1,
    },
    {
      flags: {
        SECCOMP_FILTER_FLAG_TSYNC,
        SECCOMP_FILTER_FLAG_LOG,
        SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        SECCOMP_FILTER_FLAG_NEW_LISTENER,
        SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
        SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
      },
    },
    'ptr',
  ]),
];
