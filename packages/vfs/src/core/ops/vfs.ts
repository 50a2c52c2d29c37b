import {
  EBUSY,
  ENOENT,
  EOPNOTSUPP,
  ESTALE,
  FAN_RENAME,
  IN_CLOSE_NOWRITE,
  IN_CLOSE_WRITE,
  IN_DELETE_SELF,
  IN_ISDIR,
  O_PATH,
} from '@sandbox/abi';
import type { Credentials } from '../credentials.js';
import { type Dentry, DentryCache } from '../dentry.js';
import type { File, FileOwner } from '../file.js';
import type { FileSystem, FsStats, MountEnvironment } from '../filesystem.js';
import type { FsContext } from '../fs-context.js';
import type { FsLog, FsSetup } from '../fs-setup.js';
import { ATTR_MODE, type Inode, type NewInode, newSetAttr } from '../inode.js';
import { type FileLocks, LockWaits } from '../locks.js';
import { Mount, MountNamespace, mountFlags } from '../mount.js';
import { FsEvent, type FsObserver } from '../observer.js';
import type { AttrTarget, Path } from '../path.js';
import { isReachable, pathText } from '../path-text.js';
import { modeAfterWrite } from '../permission.js';
import { Protection } from '../protection.js';
import { SpecialFiles } from '../special.js';
import type { Stat } from '../stat.js';
import { LOOKUP_FOLLOW, Walk } from '../walk.js';
import * as attr from './attr.js';
import * as create from './create.js';
import * as mounts from './mounts.js';
import { completeOpen, countsAsWriter, openFile, openPlace } from './open.js';
import * as remove from './remove.js';
import { rename } from './rename.js';
import * as xattr from './xattr.js';

/**
 * Builds a file system for mount(2): `source` and `data` as the caller gave them. A file system, or -errno.
 */
export interface FsTypeFactory {
  (source: string, data: string, env: MountEnvironment): FileSystem | number;
  /**
   * What each of its parameters takes; absent: it takes any string and any flag, and says nothing before it
   * is made.
   */
  readonly params?: Readonly<Record<string, 'flag' | 'value'>>;
  /** Judge one option, `key=value`, before there is a file system (fsconfig(2)): 0 or -EINVAL. */
  check?(data: string): number;
  /** It takes its parameters one by one, and more than strings. */
  setup?(log: FsLog): FsSetup;
}

export interface VfsOptions {
  /** Names kept in the dentry cache. */
  dentries?: number;
}

/**
 * The file tree: every operation by path, with permission checks, mounts and the dentry cache.
 *
 * All methods take where the caller stands (`ctx`), who it is (`cred`) and a starting point `at` for relative
 * paths (null: the working directory), and answer with a result or a negative errno. Paths are byte strings.
 * Nothing here blocks.
 */
export class Vfs implements FileOwner {
  readonly dcache: DentryCache;
  readonly special = new SpecialFiles();
  /** File systems mount(2) can make, by type name. */
  readonly fsTypes = new Map<string, FsTypeFactory>();
  observer: FsObserver | null = null;
  private readonly event = new FsEvent();
  /** /proc/sys/fs/protected_*. */
  readonly protection = new Protection();
  /** Scratch of the operations: filled and used within one call. */
  readonly newInode: NewInode = { mode: 0, uid: 0, gid: 0, rdev: 0, acl: null, defaultAcl: null };
  readonly setAttr = newSetAttr();
  /** O_TMPFILE inodes that linkat(2) may give a name. */
  readonly linkable = new WeakSet<Inode>();
  /** Who waits for whom over POSIX record locks. */
  readonly lockWaits = new LockWaits();
  /**
   * The locks of the file whose lease stood in the way of the last open or truncate, which answered -EAGAIN
   * (EWOULDBLOCK).
   */
  leaseInTheWay: FileLocks | null = null;
  /** Open descriptions of files in the tree. */
  openFiles = 0;
  /** File systems with a mount. */
  private readonly mounted = new Set<FileSystem>();
  private readonly walks: Walk[] = [];
  private walksInUse = 0;
  private nextMountId = 1;
  private nextCookie = 1;

  constructor(
    readonly env: MountEnvironment,
    options: VfsOptions = {},
  ) {
    this.dcache = new DentryCache(options.dentries ?? 65536, env.random() | 0);
  }

  // Plumbing ------------------------------------------------------------------------------------------------

  /** Borrow a walk; operations may nest (a file system's callback may use the tree), so they form a stack. */
  takeWalk(): Walk {
    const w =
      this.walks[this.walksInUse] ?? (this.walks[this.walksInUse] = new Walk(this.dcache, this.protection));
    this.walksInUse++;
    return w;
  }
  giveWalk(): void {
    this.walksInUse--;
  }

  /** A mount of `fs` (its root, or `root` within it) that is in no tree yet. */
  createMount(fs: FileSystem, flags: number, root: Dentry | null = null): Mount {
    if (fs.rootDentry === null) {
      fs.rootDentry = this.dcache.root(fs.root);
      fs.onUnmounted = this.fsUnmounted;
      this.mounted.add(fs);
    }
    return new Mount(this.nextMountId++, fs, root ?? this.entranceOf(fs, fs.rootDentry), flags);
  }

  private entranceOf(fs: FileSystem, root: Dentry): Dentry {
    let at = root;
    for (const name of fs.entrance) at = this.childOf(at, name) ?? at;
    return at;
  }

  /**
   * What `name` in the directory `dir` is, without asking for rights or crossing mounts; null: there is no
   * such file.
   */
  childOf(dir: Dentry, name: string): Dentry | null {
    const hash = this.dcache.hashName(name, 0, name.length);
    const known = this.dcache.find(dir, name, 0, name.length, hash);
    const found = dir.inode!.lookup(name);
    const inode = typeof found === 'number' ? null : found;
    if (known !== null && known.inode === inode) return inode === null ? null : known;
    if (known !== null) this.dcache.drop(known);
    return inode === null ? null : this.dcache.add(dir, name, hash, inode);
  }

  private readonly fsUnmounted = (fs: FileSystem): void => {
    if (this.watched) this.observer!.unmounted(fs);
    this.dcache.prune(fs);
    fs.rootDentry = null;
    this.mounted.delete(fs);
    fs.dispose();
  };

  /** The end of the whole tree: every file system lets go of what it holds, whoever still refers to it. */
  dispose(): void {
    for (const fs of this.mounted) {
      fs.onUnmounted = null;
      fs.dispose();
    }
    this.mounted.clear();
  }

  /** A namespace whose root is `fs`. */
  createNamespace(fs: FileSystem, flags = 0): MountNamespace {
    return new MountNamespace(this.createMount(fs, mountFlags(flags)));
  }

  // FileOwner -----------------------------------------------------------------------------------------------

  get watched(): boolean {
    return this.observer !== null && this.observer.active;
  }

  fileEvent(file: File, mask: number): void {
    if (file.path !== null) this.notify(file.path.dentry, mask, file.path.mount);
  }

  fileReleased(file: File): void {
    const inode = file.inode;
    const path = file.path!;
    if ((file.flags & O_PATH) === 0) {
      if (countsAsWriter(file)) {
        inode.writers--;
        path.mount.writers--;
        path.mount.fs.writers--;
      }
      if (this.watched && !file.quiet && file.opening === null) {
        this.notify(path.dentry, file.writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE, path.mount);
      }
      inode.locks?.fileClosed(file, inode);
    }
    this.openFiles--;
    // In this order: the last use of a mount that is gone disposes its file system, which spares files still
    // pinned.
    path.unpin();
    inode.pins--;
    this.inodeUnused(inode, path.dentry);
    if (path.dentry.lingering) this.dcache.useEnded(path.dentry);
  }

  /**
   * `dentry`, which no lookup finds any more, may have been the last use of its inode by name: watchers then
   * hear the end of the file (IN_DELETE_SELF), and without open descriptions its content is freed.
   */
  inodeUnused(inode: Inode, dentry: Dentry | null = null): void {
    if (inode.nlink > 0) return;
    const inUse = inode.isDirectory ? inode.pins > 0 : dentry !== null && dentry.pins > 0;
    if (!inUse) this.notifyInode(inode, IN_DELETE_SELF, true);
    if (inode.pins === 0) inode.evict();
  }

  // Events --------------------------------------------------------------------------------------------------

  /**
   * An event of a file that its directory hears too; `mount`: through which the file was used, null for what
   * happens to the file as such.
   */
  notify(dentry: Dentry, mask: number, mount: Mount | null = null): void {
    const { inode } = dentry;
    if (!this.watched || inode === null) return;
    const e = this.event.set(inode.isDirectory ? mask | IN_ISDIR : mask, inode, inode);
    e.dentry = dentry;
    e.mount = mount;
    e.dir = dentry.parent;
    e.name = dentry.name;
    e.unlinked = !dentry.hashed;
    this.observer!.event(e);
  }

  /** An event only the file itself hears. */
  notifyInode(inode: Inode, mask: number, unlinked = false): void {
    if (!this.watched) return;
    const e = this.event.set(inode.isDirectory ? mask | IN_ISDIR : mask, inode, inode);
    e.unlinked = unlinked;
    this.observer!.event(e);
  }

  /** An event of a directory about one of its names, which stands (or stood) for `object`. */
  notifyName(dir: Dentry, name: string, object: Inode, mask: number, cookie: number): void {
    if (!this.watched) return;
    const e = this.event.set(object.isDirectory ? mask | IN_ISDIR : mask, null, object);
    e.dir = dir;
    e.name = name;
    e.cookie = cookie;
    this.observer!.event(e);
  }

  /** A name moved (FAN_RENAME): one event with both places, before those of each. */
  notifyRename(dir: Dentry, name: string, newDir: Dentry, newName: string, object: Inode): void {
    const e = this.event.set(object.isDirectory ? FAN_RENAME | IN_ISDIR : FAN_RENAME, null, object);
    e.dir = dir;
    e.name = name;
    e.newDir = newDir;
    e.newName = newName;
    this.observer!.event(e);
  }

  /**
   * The open of a file whose description says `opening`, once all who want to be asked were: 0, -EAGAIN (not
   * said yet: wait and ask again), or -errno, and the caller lets go of it.
   */
  finishOpening(file: File): number {
    const o = file.opening;
    if (o === null) return 0;
    const e = this.observer!.mayOpen(file, o.execute);
    return e !== 0 ? e : completeOpen(this, file, o.truncate, o.execute, o.cred);
  }

  freshCookie(): number {
    const c = this.nextCookie;
    this.nextCookie = c === 0xffffffff ? 1 : c + 1;
    return c;
  }

  // Lookup --------------------------------------------------------------------------------------------------

  /** The place `path` names, or -errno. `flags`: LOOKUP_*. The result is not pinned. */
  resolve(
    ctx: FsContext,
    cred: Credentials,
    at: Path | null,
    path: string,
    flags: number = LOOKUP_FOLLOW,
  ): Path | number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, flags) || w.run();
    const r = e === 0 ? w.toPath() : e;
    this.giveWalk();
    return r;
  }

  /**
   * Walk all but the last component of `path`: 0 or -errno. For calls with two paths, whose errors come in
   * their order.
   */
  walkParent(ctx: FsContext, cred: Credentials, at: Path | null, path: string): number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, 0) || w.parents();
    this.giveWalk();
    return e;
  }

  /** stat(2), lstat(2) (without LOOKUP_FOLLOW). 0 or -errno. */
  stat(ctx: FsContext, cred: Credentials, at: Path | null, path: string, flags: number, out: Stat): number {
    const w = this.takeWalk();
    let e = w.start(ctx, cred, at, path, flags) || w.run();
    if (e === 0) {
      e = out.fill(w.dentry.inode!, w.mount);
      out.mountRoot = w.dentry === w.mount.root;
    }
    this.giveWalk();
    return e;
  }

  /** Path of a place as seen from `ctx` (/proc/pid/fd). */
  pathText(ctx: FsContext, path: Path): string {
    return pathText(ctx.root, path);
  }

  /**
   * Path of the working directory (getcwd(2)), "(unreachable)" in front when it lies outside the root;
   * -ENOENT when it was removed.
   */
  getcwd(ctx: FsContext): string | number {
    if (!ctx.cwd.dentry.hashed) return -ENOENT;
    const text = pathText(ctx.root, ctx.cwd);
    return isReachable(ctx.root, ctx.cwd) ? text : `(unreachable)${text}`;
  }

  readlink(ctx: FsContext, cred: Credentials, at: Path | null, path: string, flags: number): string | number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, flags) || w.run();
    const r = e === 0 ? attr.readlink(w, path === '') : e;
    this.giveWalk();
    return r;
  }

  /** access(2) with the rights of `cred` (the caller swaps in real ids where it must). `mask`: MAY_*. */
  access(
    ctx: FsContext,
    cred: Credentials,
    at: Path | null,
    path: string,
    mask: number,
    flags: number,
  ): number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, flags) || w.run() || attr.access(w, mask, cred);
    this.giveWalk();
    return e;
  }

  statfs(
    ctx: FsContext,
    cred: Credentials,
    at: Path | null,
    path: string,
    out: { mount: Mount | null },
  ): FsStats | number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, LOOKUP_FOLLOW) || w.run();
    out.mount = e === 0 ? w.mount : null;
    const r = e === 0 ? w.mount.fs.statfs() : e;
    this.giveWalk();
    return r;
  }

  /**
   * A file system changed `name` in `dir` (a directory's dentry) on its own: forget what was cached about it
   * and below it.
   */
  forget(dir: Dentry, name: string): void {
    const d = this.dcache.find(dir, name, 0, name.length, this.dcache.hashName(name, 0, name.length));
    if (d !== null) this.dcache.dropTree(d);
  }

  // Opening -------------------------------------------------------------------------------------------------

  /**
   * open(2): an open file description, or -errno. `flags` have passed `checkOpenFlags`; `mode` (permission
   * bits, before the umask) counts with O_CREAT and O_TMPFILE; `resolve` is openat2(2)'s.
   */
  open(
    ctx: FsContext,
    cred: Credentials,
    at: Path | null,
    path: string,
    flags: number,
    mode: number,
    resolve = 0,
  ): File | number {
    const w = this.takeWalk();
    const r = openFile(this, w, ctx, cred, at, path, flags, mode, resolve);
    this.giveWalk();
    return r;
  }

  /**
   * open_by_handle_at(2): open the file numbered `ino` of the file system of `mount`. A description, -ESTALE,
   * -EOPNOTSUPP, or what open answers.
   */
  openByHandle(mount: Mount, ino: number, flags: number, cred: Credentials): File | number {
    const { handles, rootDentry } = mount.fs;
    if (handles === null || rootDentry === null) return -EOPNOTSUPP;
    const found = handles.find(ino);
    if (typeof found === 'number') return found;
    if (found.dentry === null && found.inode.isDirectory) return -ESTALE;
    const dentry = found.dentry ?? this.dcache.unnamed(rootDentry, `#${ino}`, found.inode);
    return openPlace(this, mount, dentry, flags, cred, false);
  }

  // Making and removing names -------------------------------------------------------------------------------

  mkdir(ctx: FsContext, cred: Credentials, at: Path | null, path: string, mode: number): number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, 0) || create.mkdir(this, w, ctx, cred, mode);
    this.giveWalk();
    return e;
  }

  /** mknod(2): `mode` holds the file type. */
  mknod(
    ctx: FsContext,
    cred: Credentials,
    at: Path | null,
    path: string,
    mode: number,
    rdev: number,
  ): number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, 0) || create.mknod(this, w, ctx, cred, mode, rdev);
    this.giveWalk();
    return e;
  }

  symlink(ctx: FsContext, cred: Credentials, target: string, at: Path | null, path: string): number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, 0) || create.symlink(this, w, ctx, cred, target);
    this.giveWalk();
    return e;
  }

  /** link(2): `oldFlags` LOOKUP_FOLLOW and LOOKUP_EMPTY. */
  link(
    ctx: FsContext,
    cred: Credentials,
    oldAt: Path | null,
    oldPath: string,
    oldFlags: number,
    newAt: Path | null,
    newPath: string,
  ): number {
    const o = this.takeWalk();
    const n = this.takeWalk();
    const e =
      o.start(ctx, cred, oldAt, oldPath, oldFlags) ||
      o.run() ||
      n.start(ctx, cred, newAt, newPath, 0) ||
      create.link(this, o.mount, o.dentry, n, cred);
    this.giveWalk();
    this.giveWalk();
    return e;
  }

  unlink(ctx: FsContext, cred: Credentials, at: Path | null, path: string): number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, 0) || remove.unlink(this, w, cred);
    this.giveWalk();
    return e;
  }

  rmdir(ctx: FsContext, cred: Credentials, at: Path | null, path: string): number {
    const w = this.takeWalk();
    const e = w.start(ctx, cred, at, path, 0) || remove.rmdir(this, w, cred);
    this.giveWalk();
    return e;
  }

  /** renameat2(2). RENAME_WHITEOUT is for file systems that can hold device 0:0; -EINVAL on others. */
  rename(
    ctx: FsContext,
    cred: Credentials,
    oldAt: Path | null,
    oldPath: string,
    newAt: Path | null,
    newPath: string,
    flags: number,
  ): number {
    const o = this.takeWalk();
    const n = this.takeWalk();
    const e =
      o.start(ctx, cred, oldAt, oldPath, 0) ||
      o.parents() ||
      n.start(ctx, cred, newAt, newPath, 0) ||
      n.parents() ||
      rename(this, o, n, cred, flags);
    this.giveWalk();
    this.giveWalk();
    return e;
  }

  // Attributes: by place; the syscall layer resolves paths and descriptors ----------------------------------

  chmod(target: AttrTarget, cred: Credentials, mode: number): number {
    return attr.chmod(this, target, cred, mode);
  }
  /** `uid`, `gid` -1: leave. */
  chown(target: AttrTarget, cred: Credentials, uid: number, gid: number): number {
    return attr.chown(this, target, cred, uid, gid);
  }
  /** Times in seconds and nanoseconds; UTIME_NOW and UTIME_OMIT as nanoseconds. */
  utimens(
    target: AttrTarget,
    cred: Credentials,
    atimeSec: number,
    atimeNsec: number,
    mtimeSec: number,
    mtimeNsec: number,
  ): number {
    return attr.utimens(this, target, cred, atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  }
  /** truncate(2) by path; -EFBIG when the file would grow beyond `limit` (RLIMIT_FSIZE). */
  truncate(target: AttrTarget, cred: Credentials, size: number, limit = Number.POSITIVE_INFINITY): number {
    return attr.truncate(this, target, cred, size, limit);
  }
  /** ftruncate(2): the description must be open for writing. */
  ftruncate(file: File, size: number, limit = Number.POSITIVE_INFINITY): number {
    return attr.ftruncate(this, file, size, limit);
  }

  /**
   * Must an open of `inode` wait for the holder of a lease? Then it is told, and the call answers -EAGAIN.
   */
  mustBreakLease(inode: Inode, write: boolean): boolean {
    const locks = inode.locks;
    if (locks === null || locks.leases.length === 0 || !locks.breakLeases(write)) return false;
    this.leaseInTheWay = locks;
    return true;
  }

  /** A write by `cred` takes set-id bits away (inode(7)). Asked before each write. */
  removePrivileges(inode: Inode, mount: Mount | null, cred: Credentials): void {
    const mode = modeAfterWrite(inode, mount === null ? cred : mount.credentials(cred));
    if (mode === inode.mode) return;
    this.setAttr.valid = ATTR_MODE;
    this.setAttr.mode = mode;
    inode.setattr(this.setAttr);
  }

  getxattr(target: AttrTarget, cred: Credentials, name: string): Uint8Array | number {
    return xattr.getxattr(target, cred, name);
  }
  setxattr(target: AttrTarget, cred: Credentials, name: string, value: Uint8Array, flags: number): number {
    return xattr.setxattr(this, target, cred, name, value, flags);
  }
  listxattr(target: AttrTarget, cred: Credentials): readonly string[] | number {
    return xattr.listxattr(target.inode, cred);
  }
  removexattr(target: AttrTarget, cred: Credentials, name: string): number {
    return xattr.removexattr(this, target, cred, name);
  }

  // Mounts --------------------------------------------------------------------------------------------------

  /**
   * Attach `fs` at `at`; `flags` are MS_* of mount(2). The new mount, or -errno. No permission is asked: the
   * kernel and embedders call this.
   */
  mountAt(ctx: FsContext, at: Path, fs: FileSystem, flags: number): Mount | number {
    if (mounts.shows(at, fs)) return -EBUSY;
    return mounts.mountAt(this, ctx.namespace, at, this.createMount(fs, mountFlags(flags)));
  }
  /** mount(2) MS_BIND (and MS_REC). */
  bind(ctx: FsContext, from: Path, at: Path, recursive: boolean): number {
    return mounts.bind(this, ctx.namespace, from, at, recursive);
  }
  /** mount(2) MS_MOVE, move_mount(2); `beneath`: below the topmost mount at `to`. */
  moveMount(ctx: FsContext, from: Path, to: Path, beneath = false): number {
    return mounts.moveMount(this, ctx, from, to, beneath);
  }
  /** move_mount(2) MOVE_MOUNT_SET_GROUP. */
  shareGroup(ctx: FsContext, from: Path, to: Path): number {
    return mounts.shareGroup(ctx.namespace, from, to);
  }
  /** mount(2) MS_REMOUNT: `flags` of the mount; `wholeFs` also sets the file system's read-only state. */
  remount(ctx: FsContext, at: Path, flags: number, wholeFs: boolean, data = ''): number {
    return mounts.remount(ctx.namespace, at, flags, wholeFs, data);
  }
  /** mount(2) MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE, with MS_REC. */
  changePropagation(ctx: FsContext, at: Path, flags: number): number {
    return mounts.changePropagation(ctx.namespace, at, flags);
  }
  /** open_tree(2): a copy of the mounts at `src` in a namespace of their own. Its root, or -errno. */
  cloneTree(ctx: FsContext, src: Path, recursive: boolean): Mount | number {
    return mounts.cloneTree(this, ctx.namespace, src, recursive);
  }
  /** fsmount(2): a mount of `fs` in a namespace of its own; `flags` as `Mount.flags`. */
  createDetached(fs: FileSystem, flags: number): Mount {
    return new MountNamespace(this.createMount(fs, flags), true).root;
  }
  /** umount2(2): `lazy` is MNT_DETACH. */
  umount(ctx: FsContext, at: Path, lazy: boolean): number {
    return mounts.umount(ctx.namespace, at, lazy);
  }
  pivotRoot(ctx: FsContext, newRoot: Path, putOld: Path): number {
    return mounts.pivotRoot(ctx, newRoot, putOld);
  }
  /** A copy of `ctx`'s namespace for CLONE_NEWNS; `ctx` is moved into it. */
  unshareNamespace(ctx: FsContext): void {
    mounts.unshareNamespace(this, ctx);
  }
}
