import { EBADF, EINVAL, SEEK_HOLE, SYS_lseek } from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';

/** lseek(2) */
function sysLseek(t: Task, a: SyscallArgs): number {
  const file = fileOf(t, a.i32(0));
  if (file === null) return -EBADF;
  const whence = a.u32(2);
  if (whence > SEEK_HOLE) return -EINVAL;
  return file.seek(a.s64(1), whence);
}

export const rows = [row(SYS_lseek, 'lseek', sysLseek, ['fd', 'off', 'int'])];
