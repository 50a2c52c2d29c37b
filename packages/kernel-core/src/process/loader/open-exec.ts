import { EACCES, ELOOP, ETXTBSY, IN_ACCESS, MS_NOEXEC, O_RDONLY } from '@sandbox/abi';
import {
  BytesIo,
  type File,
  KERNEL_CREDENTIALS,
  LOOKUP_EMPTY,
  LOOKUP_FOLLOW,
  MAY_EXEC,
  MAY_READ,
  openPlace,
  type Path,
  permission,
} from '@sandbox/vfs';
import type { Task } from '../task/task.js';
import type { ReadAt } from './elf.js';

/** Where the program is looked up. */
export interface ExecTarget {
  readonly path: string;
  /** Starting point of a relative path; null: the working directory. */
  readonly at: Path | null;
  /** AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH as lookup flags. */
  readonly lookup: number;
}

/**
 * Open a program for execution (do_open_execat): a regular file that may be executed, on a mount that allows
 * it, and that nobody has open for writing. A description with one reference, or ENOENT, EACCES, ELOOP,
 * ETXTBSY... The file need not be readable.
 */
export function openExec(task: Task, target: ExecTarget): File | number {
  const { vfs } = task.kernel;
  const path = vfs.resolve(task.fs, task.cred, target.at, target.path, target.lookup);
  if (typeof path === 'number') return path;
  const inode = path.dentry.inode;
  if (inode === null) return -EACCES;
  if (inode.isSymlink) return -ELOOP;
  if (!inode.isRegular) return -EACCES;
  const r = permission(inode, MAY_EXEC, path.mount.credentials(task.cred));
  if (r !== 0) return r;
  if ((path.mount.flags & MS_NOEXEC) !== 0) return -EACCES;
  if (inode.writers > 0) return -ETXTBSY;
  return openPlace(vfs, path.mount, path.dentry, O_RDONLY, KERNEL_CREDENTIALS, false, task.cred);
}

/** The same for an interpreter, by path. */
export function openInterpreter(task: Task, path: string): File | number {
  return openExec(task, { path, at: null, lookup: LOOKUP_FOLLOW });
}

/**
 * execveat(2) with AT_EMPTY_PATH: the file `fd` refers to, opened anew; a memfd, which lies in no tree, is
 * used as it is.
 */
export function openExecFd(task: Task, file: File): File | number {
  if (file.path !== null)
    return openExec(task, { path: '', at: file.path, lookup: LOOKUP_EMPTY | LOOKUP_FOLLOW });
  if (!file.inode.isRegular) return -EACCES;
  const r = permission(file.inode, MAY_EXEC, task.cred);
  if (r !== 0) return r;
  file.refs++;
  return file;
}

/** Reads of `file` for the loader, whatever its access mode. */
export function readerOf(file: File): ReadAt {
  const io = new BytesIo();
  return (dst, offset) => {
    let done = 0;
    while (done < dst.length) {
      io.reset(dst, done, dst.length - done);
      const n = file.read(io, offset + done);
      if (n < 0) return n;
      if (n === 0) break;
      done += n;
    }
    return done;
  };
}

/** The first bytes of `file`, zero-filled up to `size`; -errno. */
export function readHead(file: File, size: number): Uint8Array | number {
  const head = new Uint8Array(size);
  const n = readerOf(file)(head, 0);
  if (n > 0) file.notify(IN_ACCESS);
  return n < 0 ? n : head;
}

/** May `task` read the program? If not, its memory must not be looked into (would_dump). */
export function isReadable(task: Task, file: File): boolean {
  const { path } = file;
  return (
    permission(file.inode, MAY_READ, path === null ? task.cred : path.mount.credentials(task.cred)) === 0
  );
}
