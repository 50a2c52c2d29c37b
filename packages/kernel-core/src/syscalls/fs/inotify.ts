import {
  AT_FDCWD,
  EBADF,
  EINVAL,
  IN_ACCESS,
  IN_ALL_EVENTS,
  IN_ATTRIB,
  IN_CLOEXEC,
  IN_CLOSE_NOWRITE,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_DONT_FOLLOW,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_MODIFY,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_NONBLOCK,
  IN_ONESHOT,
  IN_ONLYDIR,
  IN_OPEN,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
  O_PATH,
  SYS_inotify_add_watch,
  SYS_inotify_init,
  SYS_inotify_init1,
  SYS_inotify_rm_watch,
} from '@sandbox/abi';
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW, MAY_READ, permission } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { InotifyFile } from '../../files/notify/inotify.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';
import { resolveArg } from './paths.js';

/** Bits the mask of a watch may hold (ALL_INOTIFY_BITS). */
const KNOWN =
  IN_ALL_EVENTS |
  IN_UNMOUNT |
  IN_Q_OVERFLOW |
  IN_IGNORED |
  IN_ONLYDIR |
  IN_DONT_FOLLOW |
  IN_EXCL_UNLINK |
  IN_MASK_ADD |
  IN_MASK_CREATE |
  IN_ISDIR |
  IN_ONESHOT;

function init(t: Task, flags: number): number {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) !== 0) return -EINVAL;
  const file = InotifyFile.create(t.kernel.vfs, t.kernel.anonInode, t.cred.uid, flags);
  if (typeof file === 'number') return file;
  return installFile(t, file, (flags & IN_CLOEXEC) !== 0);
}

/** inotify_init: inotify_init1(2) */
function sysInotifyInit(t: Task): number {
  return init(t, 0);
}

/** inotify_init1(2) */
function sysInotifyInit1(t: Task, a: SyscallArgs): number {
  return init(t, a.i32(0));
}

/** inotify_add_watch(2) */
function sysInotifyAddWatch(t: Task, a: SyscallArgs): number {
  const mask = a.u32(2);
  if ((mask & ~KNOWN) !== 0 || (mask & KNOWN) === 0) return -EINVAL;
  const file = t.files.get(a.i32(0));
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  if ((mask & IN_MASK_ADD) !== 0 && (mask & IN_MASK_CREATE) !== 0) return -EINVAL;
  if (!(file instanceof InotifyFile)) return -EINVAL;
  const follow = (mask & IN_DONT_FOLLOW) === 0 ? LOOKUP_FOLLOW : 0;
  const path = resolveArg(t, AT_FDCWD, a.u64(1), follow | ((mask & IN_ONLYDIR) !== 0 ? LOOKUP_DIRECTORY : 0));
  if (typeof path === 'number') return path;
  return permission(path.inode, MAY_READ, path.mount.credentials(t.cred)) || file.add(path, mask);
}

/** inotify_rm_watch(2) */
function sysInotifyRmWatch(t: Task, a: SyscallArgs): number {
  const file = t.files.get(a.i32(0));
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  return file instanceof InotifyFile ? file.remove(a.i32(1)) : -EINVAL;
}

const WATCH_MASK = {
  flags: {
    IN_ACCESS,
    IN_MODIFY,
    IN_ATTRIB,
    IN_CLOSE_WRITE,
    IN_CLOSE_NOWRITE,
    IN_OPEN,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_CREATE,
    IN_DELETE,
    IN_DELETE_SELF,
    IN_MOVE_SELF,
    IN_ONLYDIR,
    IN_DONT_FOLLOW,
    IN_EXCL_UNLINK,
    IN_MASK_CREATE,
    IN_MASK_ADD,
    IN_ONESHOT,
  },
} as const;

export const rows = [
  row(SYS_inotify_init, 'inotify_init', sysInotifyInit, []),
  row(SYS_inotify_init1, 'inotify_init1', sysInotifyInit1, [{ flags: { IN_CLOEXEC, IN_NONBLOCK } }]),
  row(SYS_inotify_add_watch, 'inotify_add_watch', sysInotifyAddWatch, ['fd', 'path', WATCH_MASK]),
  row(SYS_inotify_rm_watch, 'inotify_rm_watch', sysInotifyRmWatch, ['fd', 'int']),
];
