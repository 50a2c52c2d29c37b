import {
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_RELATIME,
  MS_STRICTATIME,
  major,
  minor,
} from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { Dentry } from './dentry.js';
import type { FileSystem } from './filesystem.js';
import type { Inode } from './inode.js';
import type { MountIds } from './mount-ids.js';
import { leavePropagation, type PeerGroup } from './propagation.js';

/** The MS_* bits that belong to a mount rather than to its file system. */
export const MOUNT_FLAGS =
  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_NOSYMFOLLOW;

/** Hears of the end of a mount. */
export interface MountWatcher {
  mountEnded(mount: Mount): void;
}

/** A place where (part of) a file system is attached to the tree (mount_namespaces(7)). */
export class Mount {
  parent: Mount | null = null;
  /** The dentry of the parent mount it covers; null for a namespace's root and for detached mounts. */
  mountpoint: Dentry | null = null;
  /** Mounts directly on this one, by the dentry they cover. Stacked mounts cover each other's root. */
  readonly children = new Map<Dentry, Mount>();
  namespace: MountNamespace | null = null;
  /** The group it shares its mounts with; null: it tells nobody. */
  peers: PeerGroup | null = null;
  /** The group it hears from; null: none. */
  master: PeerGroup | null = null;
  /** It cannot be bound elsewhere (MS_UNBINDABLE). */
  unbindable = false;
  /** Open files, working and root directories on it; umount(2) answers EBUSY while there are any. */
  pins = 0;
  /** Descriptions open for writing: it cannot become read-only meanwhile. */
  writers = 0;
  /** umount2(2) MNT_EXPIRE came by; any use takes the mark away. */
  expiring = false;
  /** Who wants to know when it ends. */
  watchers: Set<MountWatcher> | null = null;
  /** Other owners for its files than the file system's (MOUNT_ATTR_IDMAP). */
  ids: MountIds | null = null;
  /** First column of /proc/mounts. */
  source: string;

  constructor(
    /** 0 for mounts of file systems that are in no tree. */
    readonly id: number,
    readonly fs: FileSystem,
    /** What it shows: the file system's root, or a directory (or file) of it for bind mounts. */
    readonly root: Dentry,
    /** MS_* bits of MOUNT_FLAGS. */
    public flags: number,
  ) {
    this.source = fs.source;
    root.pins++;
    fs.mounts++;
    fs.mountMade(this);
  }

  /** Undo what the constructor counted, once it is neither in a tree nor in use. */
  private retired = false;
  retireIfIdle(): void {
    if (this.retired || this.namespace !== null || this.pins > 0) return;
    this.retired = true;
    leavePropagation(this);
    this.fs.mountEnded(this);
    if (this.watchers !== null) for (const w of [...this.watchers]) w.mountEnded(this);
    this.root.pins--;
    if (--this.fs.mounts === 0) this.fs.onUnmounted?.(this.fs);
  }

  /** `cred` in the ids its file system keeps. */
  credentials(cred: Credentials): Credentials {
    return this.ids === null ? cred : this.ids.credentials(cred);
  }

  get readOnly(): boolean {
    return (this.flags & MS_RDONLY) !== 0 || this.fs.readOnly;
  }

  /**
   * A file of it was read: note the access time if the mount's rules want it (mount(8): noatime, nodiratime,
   * relatime).
   */
  accessed(inode: Inode): void {
    const flags = this.flags;
    if ((flags & (MS_NOATIME | MS_RDONLY)) !== 0 || this.fs.readOnly) return;
    if ((flags & MS_NODIRATIME) !== 0 && inode.isDirectory) return;
    const clock = this.fs.env.clock;
    const sec = clock.now();
    if ((flags & MS_RELATIME) !== 0 && !wantsRelatime(inode, sec)) return;
    inode.touchAtime(sec, clock.nsec);
  }

  /** It belongs to a file system that is in no tree and never will be (MNT_INTERNAL). */
  get internal(): boolean {
    return this.id === 0;
  }

  /** Still part of a namespace's tree. */
  get attached(): boolean {
    return this.namespace !== null;
  }

  /** The optional fields of mountinfo, each with a space behind it. */
  get propagationText(): string {
    let s = '';
    if (this.peers !== null) s += `shared:${this.peers.id} `;
    if (this.master !== null) s += `master:${this.master.id} `;
    if (this.unbindable) s += 'unbindable ';
    return s;
  }

  /** Option column of /proc/mounts for the mount itself. */
  get optionText(): string {
    let s = (this.flags & MS_RDONLY) !== 0 ? 'ro' : 'rw';
    if (this.flags & MS_NOSUID) s += ',nosuid';
    if (this.flags & MS_NODEV) s += ',nodev';
    if (this.flags & MS_NOEXEC) s += ',noexec';
    if (this.flags & MS_NOATIME) s += ',noatime';
    if (this.flags & MS_NODIRATIME) s += ',nodiratime';
    if (this.flags & MS_RELATIME) s += ',relatime';
    if (this.flags & MS_NOSYMFOLLOW) s += ',nosymfollow';
    if (this.ids !== null) s += ',idmapped';
    return s;
  }
}

/** relatime: only when the last access is older than the last change, or older than a day. */
function wantsRelatime(inode: Inode, now: number): boolean {
  const at = inode.atimeSec;
  if (at < inode.mtimeSec || (at === inode.mtimeSec && inode.atimeNsec <= inode.mtimeNsec)) return true;
  if (at < inode.ctimeSec || (at === inode.ctimeSec && inode.atimeNsec <= inode.ctimeNsec)) return true;
  return now - at >= 86400;
}

/** MS_* of mount(2) to the flags of a mount: relatime unless another access-time rule is asked for. */
export function mountFlags(ms: number): number {
  let flags = ms & MOUNT_FLAGS & ~MS_RELATIME;
  if ((ms & (MS_NOATIME | MS_STRICTATIME)) === 0) flags |= MS_RELATIME;
  return flags;
}

/**
 * The numbers of mounts that are never used again (STATX_MNT_ID_UNIQUE, listmount(2)) begin behind this one.
 */
export const MOUNT_UNIQUE_BASE = 2 ** 31;

/** Mounts a namespace may hold (ENOSPC); /proc/sys/fs/mount-max. */
export const MOUNT_MAX = 16384;

/**
 * A tree of mounts, as the processes of one mount namespace see it. A tree that is in no namespace yet
 * (open_tree(2), fsmount(2)) has one of its own, `anonymous`, which ends with the descriptor.
 */
export class MountNamespace {
  /** In mount order, for /proc/mounts. */
  mounts: readonly Mount[] = [];
  /** Bumped at every change: /proc/self/mounts readers poll on it. */
  generation = 0;
  onChange: (() => void) | null = null;
  /** Processes' contexts (`FsContext`) in it; with the last one its mounts go. */
  users = 0;

  constructor(
    public root: Mount,
    readonly anonymous = false,
  ) {
    this.adopt(root);
  }

  /** Take a whole tree over from another namespace; `attach` puts it somewhere. */
  takeOver(root: Mount): void {
    const from = root.namespace;
    if (from === null || from === this) return;
    const tree = new Set([root]);
    for (const m of tree) for (const child of m.children.values()) tree.add(child);
    from.mounts = from.mounts.filter((m) => !tree.has(m));
    for (const m of tree) this.adopt(m);
  }

  private adopt(mount: Mount): void {
    mount.namespace = this;
    (this.mounts as Mount[]).push(mount);
    this.changed();
  }

  private changed(): void {
    this.generation++;
    this.onChange?.();
  }

  /**
   * One context less: a namespace nobody is in any more lets go of its mounts, as umount2(2) with MNT_DETACH
   * does.
   */
  dropUser(): void {
    if (--this.users === 0) this.detach(this.root);
  }

  /** Room for `n` more mounts. */
  hasRoom(n: number): boolean {
    return this.mounts.length + n <= MOUNT_MAX;
  }

  /** Attach `mount` on top of `mountpoint` in `parent`. The place must not be covered yet. */
  attach(mount: Mount, parent: Mount, mountpoint: Dentry): void {
    mount.parent = parent;
    mount.mountpoint = mountpoint;
    parent.children.set(mountpoint, mount);
    mountpoint.mounts++;
    mountpoint.pins++;
    if (mount.namespace !== this) this.adopt(mount);
    else this.changed();
  }

  /** Take `mount` (with what is mounted on it) out of the tree. */
  detach(mount: Mount): void {
    // Stacks of mounts are as deep as a guest likes: no recursion.
    const gone = new Set([mount]);
    for (const m of gone) for (const child of m.children.values()) gone.add(child);
    this.mounts = this.mounts.filter((m) => !gone.has(m));
    for (const m of [...gone].reverse()) {
      this.unlink(m);
      m.namespace = null;
      leavePropagation(m);
      m.retireIfIdle();
    }
    this.changed();
  }

  private unlink(mount: Mount): void {
    const at = mount.mountpoint;
    if (at === null) return;
    mount.parent!.children.delete(at);
    at.mounts--;
    at.pins--;
    mount.mountpoint = null;
    mount.parent = null;
  }

  /** Take `mount` from its place, to be put elsewhere at once. */
  lift(mount: Mount): void {
    this.unlink(mount);
  }

  /** mount(2) MS_MOVE: the same mount, with all on it, at another place. */
  move(mount: Mount, parent: Mount, mountpoint: Dentry): void {
    this.unlink(mount);
    mount.parent = parent;
    mount.mountpoint = mountpoint;
    parent.children.set(mountpoint, mount);
    mountpoint.mounts++;
    mountpoint.pins++;
    this.changed();
  }

  /**
   * pivot_root(2): `root` becomes the root of the namespace. It has been unlinked from its place by the
   * caller via `move`.
   */
  setRoot(root: Mount): void {
    this.unlink(root);
    this.root = root;
    this.changed();
  }

  /** Flags of a mount changed (MS_REMOUNT). */
  touch(): void {
    this.changed();
  }
}

/** The device numbers of a file system as in mountinfo: "0:21". */
export function devText(dev: number): string {
  return `${major(dev)}:${minor(dev)}`;
}

/** Escape blanks as /proc/mounts does: space, tab, newline and backslash as octal. */
export function mangle(s: string): string {
  return s.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
