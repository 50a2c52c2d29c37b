import {
  __O_SYNC,
  CAP_AUDIT_WRITE,
  CAP_SYS_ADMIN,
  EBADF,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOTDIR,
  EPERM,
  FAN_CLASS_CONTENT,
  FAN_CLASS_PRE_CONTENT,
  FAN_CLOEXEC,
  FAN_ENABLE_AUDIT,
  FAN_EVENT_ON_CHILD,
  FAN_FS_ERROR,
  FAN_MARK_ADD,
  FAN_MARK_DONT_FOLLOW,
  FAN_MARK_EVICTABLE,
  FAN_MARK_FILESYSTEM,
  FAN_MARK_FLUSH,
  FAN_MARK_IGNORE,
  FAN_MARK_IGNORED_MASK,
  FAN_MARK_IGNORED_SURV_MODIFY,
  FAN_MARK_MOUNT,
  FAN_MARK_ONLYDIR,
  FAN_MARK_REMOVE,
  FAN_NONBLOCK,
  FAN_RENAME,
  FAN_REPORT_DIR_FID,
  FAN_REPORT_FD_ERROR,
  FAN_REPORT_FID,
  FAN_REPORT_NAME,
  FAN_REPORT_PIDFD,
  FAN_REPORT_TARGET_FID,
  FAN_REPORT_TID,
  FAN_UNLIMITED_MARKS,
  FAN_UNLIMITED_QUEUE,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_DSYNC,
  O_LARGEFILE,
  O_NOATIME,
  O_NONBLOCK,
  O_PATH,
  SYS_fanotify_init,
  SYS_fanotify_mark,
} from '@sandbox/abi';
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW, MAY_READ, Mount, type Path, permission } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { FID_BITS } from '../../files/fanotify/event.js';
import { FanotifyFile } from '../../files/fanotify/fanotify-file.js';
import {
  DIRENT_EVENTS,
  EVENT_FLAGS,
  FAN_EVENTS,
  FD_EVENTS,
  PERM_EVENTS,
} from '../../files/fanotify/interest.js';
import type { Markable } from '../../files/fanotify/marks.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';
import { resolveArg } from './paths.js';

const CLASS_BITS = FAN_CLASS_CONTENT | FAN_CLASS_PRE_CONTENT;
const ADMIN_FLAGS =
  CLASS_BITS |
  FAN_REPORT_TID |
  FAN_REPORT_PIDFD |
  FAN_REPORT_FD_ERROR |
  FAN_UNLIMITED_QUEUE |
  FAN_UNLIMITED_MARKS;
const INIT_FLAGS = ADMIN_FLAGS | FID_BITS | FAN_CLOEXEC | FAN_NONBLOCK | FAN_ENABLE_AUDIT;
const EVENT_F_FLAGS =
  O_ACCMODE | O_APPEND | O_NONBLOCK | __O_SYNC | O_DSYNC | O_CLOEXEC | O_LARGEFILE | O_NOATIME;

/** fanotify_init(2) */
function sysFanotifyInit(t: Task, a: SyscallArgs): number {
  const flags = a.u32(0);
  const eventFlags = a.u32(1);
  const fid = flags & FID_BITS;
  if (!t.cred.capable(CAP_SYS_ADMIN) && ((flags & ADMIN_FLAGS) !== 0 || fid === 0)) return -EPERM;
  if ((flags & ~INIT_FLAGS) !== 0) return -EINVAL;
  if ((flags & FAN_REPORT_PIDFD) !== 0 && (flags & FAN_REPORT_TID) !== 0) return -EINVAL;
  if ((eventFlags & ~EVENT_F_FLAGS) !== 0 || (eventFlags & O_ACCMODE) === O_ACCMODE) return -EINVAL;
  if (fid !== 0 && (flags & CLASS_BITS) !== 0) return -EINVAL;
  if ((fid & FAN_REPORT_NAME) !== 0 && (fid & FAN_REPORT_DIR_FID) === 0) return -EINVAL;
  const all = FAN_REPORT_NAME | FAN_REPORT_FID;
  if ((fid & FAN_REPORT_TARGET_FID) !== 0 && (fid & all) !== all) return -EINVAL;
  if ((flags & CLASS_BITS) === CLASS_BITS) return -EINVAL;
  if ((flags & FAN_ENABLE_AUDIT) !== 0 && !t.cred.capable(CAP_AUDIT_WRITE)) return -EPERM;
  const file = FanotifyFile.create(t, flags, eventFlags | O_LARGEFILE);
  if (typeof file === 'number') return file;
  return installFile(t, file, (flags & FAN_CLOEXEC) !== 0);
}

const TYPE_BITS = FAN_MARK_MOUNT | FAN_MARK_FILESYSTEM;
const COMMAND_BITS = FAN_MARK_ADD | FAN_MARK_REMOVE | FAN_MARK_FLUSH;
const IGNORE_BITS = FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORE;
const MARK_FLAGS =
  TYPE_BITS |
  COMMAND_BITS |
  IGNORE_BITS |
  FAN_MARK_DONT_FOLLOW |
  FAN_MARK_ONLYDIR |
  FAN_MARK_IGNORED_SURV_MODIFY |
  FAN_MARK_EVICTABLE;

/** Flags and mask as far as they can be judged without the group. 0 or -EINVAL. */
function checkMark(flags: number, mask: number, high: number): number {
  if (high !== 0 || (flags & ~MARK_FLAGS) !== 0 || (flags & TYPE_BITS) === TYPE_BITS) return -EINVAL;
  const command = flags & COMMAND_BITS;
  if (command === FAN_MARK_FLUSH) {
    if ((flags & ~(TYPE_BITS | FAN_MARK_FLUSH)) !== 0) return -EINVAL;
  } else if ((command !== FAN_MARK_ADD && command !== FAN_MARK_REMOVE) || mask === 0) return -EINVAL;
  if ((mask & ~(FAN_EVENTS | EVENT_FLAGS)) !== 0) return -EINVAL;
  return (flags & IGNORE_BITS) === IGNORE_BITS ? -EINVAL : 0;
}

/** Does the group take such marks? 0 or -errno. */
function checkForGroup(t: Task, group: FanotifyFile, flags: number, mask: number): number {
  const type = flags & TYPE_BITS;
  if (type !== 0 && (group.unprivileged || !t.cred.capable(CAP_SYS_ADMIN))) return -EPERM;
  if ((mask & PERM_EVENTS) !== 0 && group.priority === 0) return -EINVAL;
  if ((mask & FAN_FS_ERROR) !== 0 && type !== FAN_MARK_FILESYSTEM) return -EINVAL;
  if ((flags & FAN_MARK_EVICTABLE) !== 0 && type !== 0) return -EINVAL;
  if ((mask & ~(FD_EVENTS | EVENT_FLAGS)) !== 0 && (group.fidMode === 0 || type === FAN_MARK_MOUNT))
    return -EINVAL;
  return (mask & FAN_RENAME) !== 0 && (group.fidMode & FAN_REPORT_NAME) === 0 ? -EINVAL : 0;
}

/** fanotify_mark(2) */
function sysFanotifyMark(t: Task, a: SyscallArgs): number {
  const flags = a.u32(1);
  let mask = a.u32(2) | 0;
  const bad = checkMark(flags, mask, a.hi(2));
  if (bad !== 0) return bad;
  let kept = 0;
  if ((flags & FAN_MARK_IGNORED_MASK) !== 0) {
    mask &= ~EVENT_FLAGS;
    kept = EVENT_FLAGS;
  }
  const group = t.files.get(a.i32(0));
  if (group === null || (group.flags & O_PATH) !== 0) return -EBADF;
  if (!(group instanceof FanotifyFile)) return -EINVAL;
  const refused = checkForGroup(t, group, flags, mask);
  if (refused !== 0) return refused;
  const type = flags & TYPE_BITS;
  if ((flags & FAN_MARK_FLUSH) !== 0) {
    group.marks.dropAll((at) => typeOf(at) === type);
    return 0;
  }
  const path = findPath(t, a.i32(3), a.u64(4), flags);
  if (typeof path === 'number') return path;
  const adding = (flags & FAN_MARK_ADD) !== 0;
  const e =
    (adding ? checkEvents(group, path, flags, mask) : 0) ||
    permission(path.inode, MAY_READ, t.cred) ||
    (adding ? checkIgnore(path, flags) : 0);
  if (e === NOTHING) return 0;
  if (e !== 0) return e;
  const at = type === 0 ? path.inode : type === FAN_MARK_MOUNT ? path.mount : path.mount.fs;
  if (type !== 0 || !path.inode.isDirectory) {
    mask &= ~FAN_EVENT_ON_CHILD;
    kept = FAN_EVENT_ON_CHILD;
    // A group that is told directories hears of other files by way of theirs.
    const tellsDir = (group.fidMode & FAN_REPORT_DIR_FID) !== 0;
    if (tellsDir && adding && (flags & IGNORE_BITS) === 0) mask |= FAN_EVENT_ON_CHILD;
  }
  if (!adding) return group.marks.remove(at, mask, flags, kept);
  const mark = group.marks.take(at, path, (flags & FAN_MARK_EVICTABLE) !== 0);
  if (typeof mark === 'number') return mark;
  if (!mark.mayUpdate(flags)) return -EEXIST;
  mark.add(mask, flags);
  return 0;
}

/** The mark would have no effect: the call does nothing. */
const NOTHING = 1;

function typeOf(at: Markable): number {
  return at instanceof Mount ? FAN_MARK_MOUNT : 'ino' in at ? 0 : FAN_MARK_FILESYSTEM;
}

/** What is to be marked: by name, or (no name) what `dirfd` refers to. */
function findPath(t: Task, dirfd: number, address: number, flags: number): Path | number {
  const directory = (flags & FAN_MARK_ONLYDIR) !== 0;
  if (address !== 0) {
    const follow = (flags & FAN_MARK_DONT_FOLLOW) === 0 ? LOOKUP_FOLLOW : 0;
    return resolveArg(t, dirfd, address, follow | (directory ? LOOKUP_DIRECTORY : 0));
  }
  const file = t.files.get(dirfd);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  if (directory && !file.inode.isDirectory) return -ENOTDIR;
  return file.path ?? -EINVAL;
}

/** Are there such events of what is marked? 0 or -errno. */
function checkEvents(group: FanotifyFile, path: Path, flags: number, mask: number): number {
  // Whoever answers would have to open files whose opening may wait for whoever waits for the answer.
  if ((mask & PERM_EVENTS) !== 0 && path.mount.fs.typeName === 'proc') return -EINVAL;
  if ((flags & TYPE_BITS) !== 0 && path.mount.internal) return -EINVAL;
  const strict =
    (group.fidMode & FAN_REPORT_TARGET_FID) !== 0 ||
    (mask & FAN_RENAME) !== 0 ||
    (flags & FAN_MARK_IGNORE) !== 0;
  const dirOnly = (mask & (DIRENT_EVENTS | EVENT_FLAGS)) !== 0;
  return strict && dirOnly && (flags & TYPE_BITS) === 0 && !path.inode.isDirectory ? -ENOTDIR : 0;
}

/**
 * What is ignored until the file is written: not of places with many files, nor of a file somebody writes to.
 */
function checkIgnore(path: Path, flags: number): number {
  if ((flags & IGNORE_BITS) === 0 || (flags & FAN_MARK_IGNORED_SURV_MODIFY) !== 0) return 0;
  const wide = (flags & TYPE_BITS) !== 0;
  if ((flags & FAN_MARK_IGNORE) !== 0 && (wide || path.inode.isDirectory)) return wide ? -EINVAL : -EISDIR;
  return !wide && path.inode.writers > 0 ? NOTHING : 0;
}

export const rows = [
  row(SYS_fanotify_init, 'fanotify_init', sysFanotifyInit, [
    {
      flags: {
        FAN_CLOEXEC,
        FAN_NONBLOCK,
        FAN_CLASS_CONTENT,
        FAN_CLASS_PRE_CONTENT,
        FAN_UNLIMITED_QUEUE,
        FAN_UNLIMITED_MARKS,
        FAN_ENABLE_AUDIT,
        FAN_REPORT_PIDFD,
        FAN_REPORT_TID,
        FAN_REPORT_FID,
        FAN_REPORT_DIR_FID,
        FAN_REPORT_NAME,
        FAN_REPORT_TARGET_FID,
        FAN_REPORT_FD_ERROR,
      },
    },
    'int',
  ]),
  row(
    SYS_fanotify_mark,
    'fanotify_mark',
    sysFanotifyMark,
    [
      'fd',
      {
        flags: {
          FAN_MARK_ADD,
          FAN_MARK_REMOVE,
          FAN_MARK_DONT_FOLLOW,
          FAN_MARK_ONLYDIR,
          FAN_MARK_MOUNT,
          FAN_MARK_IGNORED_MASK,
          FAN_MARK_IGNORED_SURV_MODIFY,
          FAN_MARK_FLUSH,
          FAN_MARK_FILESYSTEM,
          FAN_MARK_EVICTABLE,
          FAN_MARK_IGNORE,
        },
      },
      'ulong',
      'dirfd',
      'path',
    ],
    {
      support: 'partial',
      note: 'file systems here have no errors to tell (FAN_FS_ERROR); what lies in no tree cannot be marked (EINVAL)',
    },
  ),
];
