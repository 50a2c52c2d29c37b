import {
  AT_EMPTY_PATH,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  MAX_HANDLE_SZ,
  SYS_name_to_handle_at,
} from '@sandbox/abi';
import type { Task } from '../../task/task.js';
import type { SyscallArgs } from '../args.js';
import { row } from '../row.js';
import { resolveTarget } from './paths.js';

/** name_to_handle_at: open_by_handle_at(2). No file system here can find a file by a handle, which Linux says with EOPNOTSUPP. */
function sysNameToHandleAt(t: Task, a: SyscallArgs): number {
  const flags = a.u32(4);
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const at = ((flags & AT_SYMLINK_FOLLOW) === 0 ? AT_SYMLINK_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH);
  const target = resolveTarget(t, a.i32(0), a.u64(1), at);
  if (typeof target === 'number') return target;
  const bytes = t.mm.load32(a.u64(2));
  if (bytes < 0) return -EFAULT;
  return bytes > MAX_HANDLE_SZ ? -EINVAL : -EOPNOTSUPP;
}

export const rows = [
  row(
    SYS_name_to_handle_at,
    'name_to_handle_at',
    sysNameToHandleAt,
    ['dirfd', 'path', 'ptr', 'ptr', { flags: { AT_SYMLINK_FOLLOW, AT_EMPTY_PATH } }],
    {
      support: 'partial',
      note: 'EOPNOTSUPP on every file system',
    },
  ),
];
