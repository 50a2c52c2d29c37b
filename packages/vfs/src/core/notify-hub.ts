import {
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
} from '@sandbox/abi';
import type { Dentry } from './dentry.js';
import type { FileSystem } from './filesystem.js';
import type { Inode } from './inode.js';
import type { FsObserver } from './observer.js';
import type { Vfs } from './vfs.js';

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

/** Brings what happens in the tree to the instances that watch it. One a kernel. */
export class NotifyHub implements FsObserver {
  watches = 0;
  /** Those that have marks, to be told of file systems that go. */
  readonly live = new Set<Watcher>();
  private readonly instances = new Map<number, number>();
  private readonly userWatches = new Map<number, number>();

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

  event(
    inode: Inode | null,
    parent: Inode | null,
    name: string,
    mask: number,
    cookie: number,
    unlinked: boolean,
  ): void {
    if (parent !== null && parent.marks instanceof Marks)
      this.tell(parent.marks, mask, cookie, name, unlinked);
    if (inode === null || !(inode.marks instanceof Marks)) return;
    const marks = inode.marks;
    this.tell(marks, mask, cookie, '', false);
    if ((mask & IN_DELETE_SELF) !== 0) this.dropAll(marks);
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

  /** A new instance of `uid`: false at the limit. */
  chargeInstance(uid: number): boolean {
    return charge(this.instances, uid, MAX_USER_INSTANCES);
  }
  chargeWatch(uid: number): boolean {
    return charge(this.userWatches, uid, MAX_USER_WATCHES);
  }
  unchargeInstance(uid: number): void {
    uncharge(this.instances, uid);
  }
  unchargeWatch(uid: number): void {
    uncharge(this.userWatches, uid);
  }
}

function charge(table: Map<number, number>, uid: number, limit: number): boolean {
  const n = table.get(uid) ?? 0;
  if (n >= limit) return false;
  table.set(uid, n + 1);
  return true;
}

function uncharge(table: Map<number, number>, uid: number): void {
  const n = table.get(uid)! - 1;
  if (n === 0) table.delete(uid);
  else table.set(uid, n);
}
