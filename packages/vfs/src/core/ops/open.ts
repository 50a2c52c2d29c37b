import {
  __O_TMPFILE,
  EACCES,
  EAGAIN,
  EEXIST,
  EISDIR,
  ELOOP,
  ENOTDIR,
  EOVERFLOW,
  EPERM,
  EROFS,
  ETXTBSY,
  FAN_OPEN_EXEC,
  IN_CREATE,
  IN_MODIFY,
  IN_OPEN,
  MS_NODEV,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOFOLLOW,
  O_PATH,
  O_TRUNC,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import type { Credentials } from '../credentials.js';
import type { Dentry } from '../dentry.js';
import { DirectoryFile } from '../directory-file.js';
import { type File, releaseFile } from '../file.js';
import type { FsContext } from '../fs-context.js';
import { ATTR_CTIME, ATTR_MODE, ATTR_MTIME, ATTR_SIZE, type Inode } from '../inode.js';
import type { Mount } from '../mount.js';
import { canOwn } from '../mount-ids.js';
import { accessMask, FMODE_NONOTIFY, OPEN_ONLY_FLAGS } from '../open-flags.js';
import { Path } from '../path.js';
import { PathFile } from '../path-file.js';
import { WITHHELD_TRUNCATE } from '../path-guard.js';
import { MAY_EXEC, MAY_WRITE, modeAfterWrite, ownerOrCapable, permission } from '../permission.js';
import {
  LAST_NORM,
  LOOKUP_DIRECTORY,
  LOOKUP_FOLLOW,
  LOOKUP_RESOLVE_SHIFT,
  WALK_LINK,
  type Walk,
} from '../walk.js';
import { guardCreate, initNewInode, mayCreate } from './create.js';
import type { Vfs } from './vfs.js';

/** open(2) from path to description. See `Vfs.open`. */
export function openFile(
  vfs: Vfs,
  w: Walk,
  ctx: FsContext,
  cred: Credentials,
  at: Path | null,
  path: string,
  flags: number,
  mode: number,
  resolve: number,
): File | number {
  let lookup = resolve << LOOKUP_RESOLVE_SHIFT;
  const exclusive = (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL);
  if ((flags & O_NOFOLLOW) === 0 && !exclusive) lookup |= LOOKUP_FOLLOW;
  if ((flags & O_DIRECTORY) !== 0) lookup |= LOOKUP_DIRECTORY;
  const e = w.start(ctx, cred, at, path, lookup);
  if (e !== 0) return e;
  if ((flags & __O_TMPFILE) !== 0) return openTmpfile(vfs, w, ctx, cred, flags, mode);
  if ((flags & O_CREAT) !== 0) return openCreate(vfs, w, ctx, cred, flags, mode);
  const walked = w.run();
  if (walked !== 0) return walked;
  return openPlace(vfs, w.mount, w.dentry, flags, cred, false);
}

/** O_CREAT: the last component is taken by hand, because it may have to be made. */
function openCreate(
  vfs: Vfs,
  w: Walk,
  ctx: FsContext,
  cred: Credentials,
  flags: number,
  mode: number,
): File | number {
  for (;;) {
    let e = w.parents();
    if (e !== 0) return e;
    if (w.lastType !== LAST_NORM) {
      e = w.finishDots();
      if (e !== 0) return e;
      return (flags & O_EXCL) !== 0 ? -EEXIST : -EISDIR;
    }
    if (w.trailing) return -EISDIR;
    const d = w.lookupLast();
    if (typeof d === 'number') return d;
    if (d.inode === null) return createAndOpen(vfs, w, d, ctx, cred, flags, mode);
    const dir = w.inode;
    e = w.enter(d, (w.flags & LOOKUP_FOLLOW) !== 0);
    if (e === WALK_LINK) continue;
    if (e !== 0) return e;
    if ((flags & O_EXCL) !== 0) return -EEXIST;
    if (w.inode.isDirectory) return -EISDIR;
    e = vfs.protection.mayReuse(dir, w.inode, w.mount.credentials(cred));
    if (e !== 0) return e;
    return openPlace(vfs, w.mount, w.dentry, flags, cred, false);
  }
}

function createAndOpen(
  vfs: Vfs,
  w: Walk,
  d: Dentry,
  ctx: FsContext,
  cred: Credentials,
  flags: number,
  mode: number,
): File | number {
  const dir = w.inode;
  if (w.mount.readOnly) return -EROFS;
  const owner = w.mount.credentials(cred);
  const e = guardCreate(w, S_IFREG, 0, cred) || mayCreate(dir, owner);
  if (e !== 0) return e;
  const inode = dir.mknod(d.name, initNewInode(vfs, dir, S_IFREG | (mode & 0o7777), 0, ctx.umask, owner));
  if (typeof inode === 'number') return inode;
  d.instantiate(inode);
  vfs.notifyName(w.dentry, d.name, inode, IN_CREATE, 0);
  const file = openPlace(vfs, w.mount, d, flags & ~O_TRUNC, cred, true);
  if (typeof file !== 'number') file.created = true;
  return file;
}

function openTmpfile(
  vfs: Vfs,
  w: Walk,
  ctx: FsContext,
  cred: Credentials,
  flags: number,
  mode: number,
): File | number {
  let e = w.run();
  if (e !== 0) return e;
  if (w.mount.readOnly) return -EROFS;
  const dir = w.inode;
  // No name is made, so a removed directory will do, where the file system agrees.
  const owner = w.mount.credentials(cred);
  if (!canOwn(owner)) return -EOVERFLOW;
  e = permission(dir, MAY_WRITE | MAY_EXEC, owner);
  if (e !== 0) return e;
  const inode = dir.tmpfile(initNewInode(vfs, dir, S_IFREG | (mode & 0o7777), 0, ctx.umask, owner));
  if (typeof inode === 'number') return inode;
  if ((flags & O_EXCL) === 0) vfs.linkable.add(inode);
  const d = vfs.dcache.unnamed(w.dentry, `#${inode.ino}`, inode);
  const r = openPlace(vfs, w.mount, d, flags & ~O_TRUNC, cred, true);
  if (typeof r === 'number') vfs.inodeUnused(inode, d);
  return r;
}

/**
 * The second half of open: rights, type rules, truncation, and the description itself. `created`: the file is
 * new, so its mode does not restrict this description. `runner`: who runs a program from it, whose policy
 * counts instead of that of `cred`.
 */
export function openPlace(
  vfs: Vfs,
  mount: Mount,
  dentry: Dentry,
  flags: number,
  cred: Credentials,
  created: boolean,
  runner: Credentials | null = null,
): File | number {
  const inode = dentry.inode!;
  if ((flags & O_PATH) !== 0) return opened(vfs, new PathFile(inode, flags), mount, dentry, cred);
  const e = mayOpen(mount, inode, flags, mount.credentials(cred), created);
  if (e !== 0) return e;
  const type = inode.mode & S_IFMT;
  const truncating = (flags & O_TRUNC) !== 0 && type === S_IFREG;
  if (inode.writers < 0 && type === S_IFREG && ((accessMask(flags) & MAY_WRITE) !== 0 || truncating))
    return -ETXTBSY;
  if (type === S_IFREG && inode.locks !== null) {
    if (vfs.mustBreakLease(inode, truncating || (accessMask(flags) & MAY_WRITE) !== 0)) return -EAGAIN;
  }
  const file = makeFile(vfs, inode, type, flags, cred);
  if (typeof file === 'number') return file;
  opened(vfs, file, mount, dentry, cred);
  file.quiet = (flags & FMODE_NONOTIFY) !== 0;
  const guard = (runner ?? cred).guard ?? null;
  let failed = guard === null ? 0 : guard.open(file, mount, dentry, runner !== null);
  if (failed === 0) {
    file.asksAccess = !file.quiet && vfs.watched && vfs.observer!.asksAbout(inode.fs);
    if (file.asksAccess) {
      file.opening = { truncate: truncating, execute: runner !== null, cred };
      failed = vfs.observer!.mayOpen(file, runner !== null);
      if (failed === -EAGAIN) return file;
    }
    failed ||= completeOpen(vfs, file, truncating, runner !== null, cred);
  }
  if (failed !== 0) {
    releaseFile(file);
    return failed;
  }
  return file;
}

/** What an open does last, when nobody has objections (any more). 0 or -errno. */
export function completeOpen(
  vfs: Vfs,
  file: File,
  truncate: boolean,
  execute: boolean,
  cred: Credentials,
): number {
  const { dentry, mount } = file.path!;
  if (truncate) {
    const denied = (file.withheld & WITHHELD_TRUNCATE) !== 0;
    const e = denied ? -EACCES : truncateForOpen(vfs, dentry, file.inode, mount.credentials(cred));
    if (e !== 0) return e;
  }
  file.opening = null;
  if (!file.quiet) vfs.notify(dentry, execute ? IN_OPEN | FAN_OPEN_EXEC : IN_OPEN, mount);
  return 0;
}

/** may_open of Linux: what the type allows, then permission, then the mount. */
function mayOpen(mount: Mount, inode: Inode, flags: number, cred: Credentials, created: boolean): number {
  const mask = accessMask(flags) | ((flags & O_TRUNC) !== 0 ? MAY_WRITE : 0);
  switch (inode.mode & S_IFMT) {
    case S_IFLNK:
      return -ELOOP;
    case S_IFDIR:
      if ((mask & MAY_WRITE) !== 0) return -EISDIR;
      break;
    case S_IFBLK:
    case S_IFCHR:
      if ((mount.flags & MS_NODEV) !== 0) return -EACCES;
      break;
    default:
      if ((flags & O_TRUNC) !== 0 && inode.isRegular && mount.readOnly) return -EROFS;
  }
  if (!created) {
    const e = permission(inode, mask, cred);
    if (e !== 0) return e;
  }
  if ((mask & MAY_WRITE) !== 0 && inode.isRegular && mount.readOnly) return -EROFS;
  if ((flags & O_DIRECTORY) !== 0 && !created && !inode.isDirectory) return -ENOTDIR;
  if ((flags & O_NOATIME) !== 0 && !ownerOrCapable(inode, cred)) return -EPERM;
  return 0;
}

function truncateForOpen(vfs: Vfs, dentry: Dentry, inode: Inode, cred: Credentials): number {
  const a = vfs.setAttr;
  a.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME;
  a.size = 0;
  const clock = vfs.env.clock;
  a.mtimeSec = clock.now();
  a.mtimeNsec = clock.nsec;
  const mode = modeAfterWrite(inode, cred);
  if (mode !== inode.mode) {
    a.valid |= ATTR_MODE;
    a.mode = mode;
  }
  const e = inode.setattr(a);
  if (e === 0) vfs.notify(dentry, IN_MODIFY);
  return e;
}

function makeFile(vfs: Vfs, inode: Inode, type: number, flags: number, cred: Credentials): File | number {
  const status = flags & ~OPEN_ONLY_FLAGS;
  if (type === S_IFDIR) {
    const own = inode.open(status, cred);
    return own === -EISDIR ? new DirectoryFile(inode, status) : own;
  }
  if (type === S_IFREG) return inode.open(status, cred);
  // Drivers see all flags: a terminal needs O_NOCTTY.
  return vfs.special.open(inode, flags, cred);
}

/** Descriptions that stand against executing the file and against making its mount read-only. */
export function countsAsWriter(file: File): boolean {
  return (file.flags & O_PATH) === 0 && file.writable && file.inode.isRegular;
}

function opened(vfs: Vfs, file: File, mount: Mount, dentry: Dentry, cred: Credentials): File {
  const inode = file.inode;
  // A driver may hand out a description of something else (ptmx, /proc/self/fd): it keeps its own inode and
  // path.
  if (file.path !== null) return file;
  file.path = new Path(mount, dentry).pin();
  file.flags &= ~OPEN_ONLY_FLAGS;
  file.cred = cred;
  file.owner = vfs;
  inode.pins++;
  vfs.openFiles++;
  if (countsAsWriter(file)) {
    inode.writers++;
    mount.writers++;
    mount.fs.writers++;
  }
  return file;
}
