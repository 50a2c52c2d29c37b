import {
  FAN_OPEN_EXEC_PERM,
  FAN_OPEN_PERM,
  FAN_RENAME,
  IN_ACCESS,
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MODIFY,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import type { Dentry } from './dentry.js';
import type { File } from './file.js';
import type { FileSystem } from './filesystem.js';
import type { Inode } from './inode.js';
import type { FsEvent, FsObserver } from './observer.js';
import type { Vfs } from './ops/vfs.js';

/** Limits of /proc/sys/fs/inotify. */
export const MAX_USER_INSTANCES = 128;
export const MAX_USER_WATCHES = 65536;

/** Told whether asked for or not. */
const ALWAYS = IN_UNMOUNT | IN_IGNORED | IN_Q_OVERFLOW;

/** Somebody's interest in one inode (Linux: fsnotify_mark). `mask` holds IN_* events. */
export abstract class Mark {
  constructor(
    readonly inode: Inode,
    /** Kept: as long as it is watched, the inode keeps its identity in the dentry cache. */
    readonly dentry: Dentry,
    public mask: number,
  ) {}
  /** An event of `mask` happened; `name` is '' when it is about the inode itself. */
  abstract tell(mask: number, cookie: number, name: string): void;
  /** The inode is gone. */
  abstract drop(): void;
}

/** The marks on an inode, as its `marks`. */
class Marks {
  readonly watches: Mark[] = [];
}

/** Has marks on inodes of many file systems. */
interface Watcher {
  unmounted(fs: FileSystem): void;
}

/**
 * A listener whose marks are on inodes, mounts and file systems at once, and decide together (fanotify(7);
 * Linux: fsnotify_group with a handle_event of its own).
 */
export interface NotifyGroup extends Watcher {
  /** FAN_CLASS_*: those with a higher one are asked first; 0 are never asked. */
  readonly priority: number;
  event(event: FsEvent): void;
  /** May `file` be used so (one FAN_*_PERM)? 0, -EPERM, or -EAGAIN: not said yet. */
  mayUse(file: File, how: number): number;
  /** Has marks that could be about files of `fs`. */
  concerns(fs: FileSystem): boolean;
}

/** How many of something each user has, and may have. */
export class UserCounts {
  private readonly counts = new Map<number, number>();
  constructor(readonly limit: number) {}

  /** One more of `uid`; false at the limit. */
  charge(uid: number): boolean {
    const n = this.counts.get(uid) ?? 0;
    if (n >= this.limit) return false;
    this.counts.set(uid, n + 1);
    return true;
  }
  uncharge(uid: number): void {
    const n = this.counts.get(uid)! - 1;
    if (n === 0) this.counts.delete(uid);
    else this.counts.set(uid, n);
  }
}

/** Brings what happens in the tree to the instances that watch it. One a kernel. */
export class NotifyHub implements FsObserver {
  watches = 0;
  /** Those that have marks, to be told of file systems that go. */
  readonly live = new Set<Watcher>();
  readonly instances = new UserCounts(MAX_USER_INSTANCES);
  readonly userWatches = new UserCounts(MAX_USER_WATCHES);
  /** By descending priority. */
  private groups: NotifyGroup[] = [];

  /** The hub of `vfs`, made on first use. */
  static of(vfs: Vfs): NotifyHub {
    if (vfs.observer instanceof NotifyHub) return vfs.observer;
    const hub = new NotifyHub();
    vfs.observer = hub;
    return hub;
  }

  get active(): boolean {
    return this.watches > 0;
  }

  event(event: FsEvent): void {
    if ((event.mask & FAN_RENAME) === 0) this.tellMarks(event);
    for (let i = 0; i < this.groups.length; i++) this.groups[i].event(event);
    const { inode, mask } = event;
    if ((mask & IN_DELETE_SELF) !== 0 && inode?.marks instanceof Marks) this.dropAll(inode.marks);
    event.clear();
  }

  private tellMarks(event: FsEvent): void {
    const { mask, inode, cookie } = event;
    const parent = event.dir?.inode ?? null;
    if (parent !== null && parent.marks instanceof Marks && !isElsewhere(event))
      this.tell(parent.marks, mask, cookie, event.name, event.unlinked);
    if (inode === null || !(inode.marks instanceof Marks)) return;
    const marks = inode.marks;
    this.tell(marks, mask, cookie, '', false);
  }

  addGroup(group: NotifyGroup): void {
    this.groups.push(group);
    this.groups.sort((a, b) => b.priority - a.priority);
    this.live.add(group);
  }
  removeGroup(group: NotifyGroup): void {
    this.groups = this.groups.filter((g) => g !== group);
    this.live.delete(group);
  }

  asksAbout(fs: FileSystem): boolean {
    for (const group of this.groups) if (group.priority > 0 && group.concerns(fs)) return true;
    return false;
  }

  mayOpen(file: File, execute: boolean): number {
    return (execute ? this.mayUse(file, FAN_OPEN_EXEC_PERM) : 0) || this.mayUse(file, FAN_OPEN_PERM);
  }

  /** One FAN_*_PERM of `file`, asked of all who want to be: 0, -EPERM, or -EAGAIN: not said yet. */
  mayUse(file: File, how: number): number {
    for (const group of this.groups) {
      const r = group.priority > 0 ? group.mayUse(file, how) : 0;
      if (r !== 0) return r;
    }
    return 0;
  }

  private tell(marks: Marks, mask: number, cookie: number, name: string, unlinked: boolean): void {
    const kind = mask & ~IN_ISDIR;
    const list = marks.watches;
    for (let i = list.length - 1; i >= 0; i--) {
      const w = list[i];
      if ((w.mask & kind) === 0 && (kind & ALWAYS) === 0) continue;
      if (unlinked && (w.mask & IN_EXCL_UNLINK) !== 0) continue;
      w.tell(mask, cookie, name);
    }
  }

  private dropAll(marks: Marks): void {
    for (const w of [...marks.watches]) w.drop();
  }

  unmounted(fs: FileSystem): void {
    for (const watcher of [...this.live]) watcher.unmounted(fs);
  }

  /** Put `mark` on its inode; the caller has counted it. */
  attach(mark: Mark): void {
    if (!(mark.inode.marks instanceof Marks)) mark.inode.marks = new Marks();
    (mark.inode.marks as Marks).watches.push(mark);
    mark.dentry.watches++;
    this.watches++;
  }

  /** The mark of `inode` for which `test` holds. */
  find(inode: Inode, test: (mark: Mark) => boolean): Mark | null {
    return inode.marks instanceof Marks ? (inode.marks.watches.find(test) ?? null) : null;
  }

  detach(mark: Mark): void {
    const marks = mark.inode.marks as Marks;
    marks.watches.splice(marks.watches.indexOf(mark), 1);
    if (marks.watches.length === 0) mark.inode.marks = null;
    mark.dentry.watches--;
    this.watches--;
  }
}

/**
 * What is read from and written to a device or FIFO is nothing of the file system: its directory hears
 * nothing of it.
 */
export function isElsewhere(event: FsEvent): boolean {
  if (event.mount === null || (event.mask & (IN_ACCESS | IN_MODIFY)) === 0 || event.inode === null)
    return false;
  const type = event.inode.mode & S_IFMT;
  return type !== S_IFREG && type !== S_IFDIR;
}
