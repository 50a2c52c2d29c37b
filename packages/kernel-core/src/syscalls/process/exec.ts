import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  EBADF,
  EINVAL,
  ENOENT,
  SYS_execve,
  SYS_execveat,
} from '@sandbox/abi';
import { type File, LOOKUP_FOLLOW, releaseFile } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { readStrings } from '../../process/loader/arguments.js';
import { execve } from '../../process/loader/exec.js';
import { openExec, openExecFd } from '../../process/loader/open-exec.js';
import type { Task } from '../../process/task/task.js';

/** linux/fcntl.h, since Linux 6.14: only say whether the program could be executed. */
const AT_EXECVE_CHECK = 0x10000;

/** execve(2). */
function sysExecve(task: Task, args: SyscallArgs): number {
  const path = task.mm.readPath(args.u64(0));
  if (typeof path === 'number') return path;
  const file = openExec(task, { path, at: null, lookup: LOOKUP_FOLLOW });
  if (typeof file === 'number') return file;
  return run(task, file, path, args.u64(1), args.u64(2), false, false);
}

/** execveat(2). */
function sysExecveat(task: Task, args: SyscallArgs): number {
  const fd = args.i32(0);
  const flags = args.i32(4);
  const path = task.mm.readPath(args.u64(1));
  if (typeof path === 'number') return path;
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK)) !== 0) return -EINVAL;
  const lookup = (flags & AT_SYMLINK_NOFOLLOW) !== 0 ? 0 : LOOKUP_FOLLOW;
  const checkOnly = (flags & AT_EXECVE_CHECK) !== 0;
  if (path.startsWith('/') || (fd === AT_FDCWD && path !== '')) {
    const file = openExec(task, { path, at: null, lookup });
    if (typeof file === 'number') return file;
    return run(task, file, path, args.u64(2), args.u64(3), false, checkOnly);
  }
  if (path === '' && (flags & AT_EMPTY_PATH) === 0) return -ENOENT;
  if (fd === AT_FDCWD) return openAndFail(task, lookup);
  const base = task.files.get(fd);
  if (base === null) return -EBADF;
  const file = path === '' ? openExecFd(task, base) : openExec(task, { path, at: base.path, lookup });
  if (typeof file === 'number') return file;
  const name = path === '' ? `/dev/fd/${fd}` : `/dev/fd/${fd}/${path}`;
  return run(task, file, name, args.u64(2), args.u64(3), task.files.getCloexec(fd), checkOnly);
}

/** AT_EMPTY_PATH with AT_FDCWD names the working directory, which is no program. */
function openAndFail(task: Task, lookup: number): number {
  const file = openExec(task, { path: '.', at: null, lookup });
  if (typeof file === 'number') return file;
  releaseFile(file);
  return -ENOENT;
}

function run(
  task: Task,
  file: File,
  filename: string,
  argvAt: number,
  envpAt: number,
  inaccessible: boolean,
  checkOnly: boolean,
): number {
  const argv = readStrings(task.mm, argvAt);
  const envp = typeof argv === 'number' ? argv : readStrings(task.mm, envpAt);
  if (typeof argv === 'number' || typeof envp === 'number' || checkOnly) {
    releaseFile(file);
    if (typeof argv === 'number') return argv;
    return typeof envp === 'number' ? envp : 0;
  }
  return execve(task, { file, filename, argv, envp, inaccessible });
}

export const rows = [
  row(SYS_execve, 'execve', sysExecve, ['path', 'strv', 'strv'], {
    support: 'partial',
    note: 'file capabilities are not looked at; binfmt_misc is not offered',
  }),
  row(
    SYS_execveat,
    'execveat',
    sysExecveat,
    ['dirfd', 'path', 'strv', 'strv', { flags: { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, AT_EXECVE_CHECK } }],
    {
      support: 'partial',
      note: 'as execve',
    },
  ),
];
