import {
  AT_FDCWD,
  CAP_SYS_CHROOT,
  EBADF,
  ENAMETOOLONG,
  ENOTDIR,
  EPERM,
  ERANGE,
  PATH_MAX,
  SYS_chdir,
  SYS_chroot,
  SYS_fchdir,
  SYS_getcwd,
  SYS_umask,
} from '@sandbox/abi';
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW, MAY_EXEC, type Path, permission } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import type { Task } from '../../process/task/task.js';
import { resolveArg } from './paths.js';

/** getcwd(2): the length with the NUL. -ENOENT when the directory was removed. */
function sysGetcwd(t: Task, a: SyscallArgs): number {
  const text = t.kernel.vfs.getcwd(t.fs);
  if (typeof text === 'number') return text;
  if (text.length + 1 > PATH_MAX) return -ENAMETOOLONG;
  if (text.length + 1 > a.u64(1)) return -ERANGE;
  const out = t.kernel.scratch;
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  out[text.length] = 0;
  return t.mm.copyOut(a.u64(0), out, 0, text.length + 1) || text.length + 1;
}

function enterDirectory(t: Task, path: Path): number {
  const e = permission(path.inode, MAY_EXEC, path.mount.credentials(t.cred));
  if (e === 0) t.fs.cwd = path;
  return e;
}

/** chdir(2) */
function sysChdir(t: Task, a: SyscallArgs): number {
  const path = resolveArg(t, AT_FDCWD, a.u64(0), LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  return typeof path === 'number' ? path : enterDirectory(t, path);
}

/** fchdir(2) */
function sysFchdir(t: Task, a: SyscallArgs): number {
  const file = t.files.get(a.i32(0));
  if (file === null) return -EBADF;
  if (file.path === null || !file.inode.isDirectory) return -ENOTDIR;
  return enterDirectory(t, file.path);
}

/** chroot(2) */
function sysChroot(t: Task, a: SyscallArgs): number {
  const path = resolveArg(t, AT_FDCWD, a.u64(0), LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (typeof path === 'number') return path;
  const e = permission(path.inode, MAY_EXEC, path.mount.credentials(t.cred));
  if (e !== 0) return e;
  if (!t.cred.has(CAP_SYS_CHROOT)) return -EPERM;
  t.fs.root = path;
  return 0;
}

/** umask(2) */
function sysUmask(t: Task, a: SyscallArgs): number {
  const old = t.fs.umask;
  t.fs.umask = a.u32(0) & 0o777;
  return old;
}

export const rows = [
  row(SYS_getcwd, 'getcwd', sysGetcwd, ['outbuf', 'size']),
  row(SYS_chdir, 'chdir', sysChdir, ['path']),
  row(SYS_fchdir, 'fchdir', sysFchdir, ['fd']),
  row(SYS_chroot, 'chroot', sysChroot, ['path']),
  row(SYS_umask, 'umask', sysUmask, ['mode']),
];
