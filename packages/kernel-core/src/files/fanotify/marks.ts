import { ENOENT, ENOSPC } from '@sandbox/abi';
import {
  type FileSystem,
  type Inode,
  Mark,
  Mount,
  type MountWatcher,
  NotifyHub,
  type Path,
  UserCounts,
  type Vfs,
} from '@sandbox/vfs';
import { Interest } from './interest.js';

/** /proc/sys/fs/fanotify/max_user_marks */
const MAX_USER_MARKS = 65536;

/** Marks of each user, over all groups of a kernel. */
const userMarks = new WeakMap<NotifyHub, UserCounts>();

/** What can be marked. */
export type Markable = Inode | Mount | FileSystem;

/** On an inode; what it wants is asked by its group, so it is told nothing itself. */
class InodeMark extends Mark {
  constructor(
    private readonly marks: Marks,
    path: Path,
  ) {
    super(path.inode, path.dentry, 0);
  }
  override tell(): void {}
  override drop(): void {
    this.marks.drop(this.inode);
  }
}

/** The marks of one fanotify group. */
export class Marks implements MountWatcher {
  private readonly interests = new Map<Markable, Interest>();
  private readonly onInodes = new Map<Inode, InodeMark>();
  /** How many are about each file system. */
  private readonly perFs = new Map<FileSystem, number>();
  private readonly hub: NotifyHub;
  private readonly counts: UserCounts;

  constructor(
    private readonly vfs: Vfs,
    private readonly uid: number,
    private readonly unlimited: boolean,
  ) {
    this.hub = NotifyHub.of(vfs);
    let counts = userMarks.get(this.hub);
    if (counts === undefined) userMarks.set(this.hub, (counts = new UserCounts(MAX_USER_MARKS)));
    this.counts = counts;
  }

  get(at: Markable): Interest | null {
    return this.interests.get(at) ?? null;
  }

  concerns(fs: FileSystem): boolean {
    return this.perFs.has(fs);
  }

  /** The mark on `at`, made if there is none; -ENOSPC: too many. `path` leads to it. */
  take(at: Markable, path: Path, evictable: boolean): Interest | number {
    const old = this.interests.get(at);
    if (old !== undefined) return old;
    const { objects } = this.vfs.env;
    if (objects && !objects.charge(1)) return -ENOSPC;
    if (!this.unlimited && !this.counts.charge(this.uid)) {
      objects?.uncharge(1);
      return -ENOSPC;
    }
    const interest = new Interest(evictable);
    this.interests.set(at, interest);
    const fs = fsOf(at);
    this.perFs.set(fs, (this.perFs.get(fs) ?? 0) + 1);
    if (at === path.inode) {
      const mark = new InodeMark(this, path);
      this.onInodes.set(path.inode, mark);
      this.hub.attach(mark);
    } else {
      this.hub.watches++;
      if (at instanceof Mount) (at.watchers ??= new Set()).add(this);
    }
    return interest;
  }

  /** Take bits of a mark away, and the mark with the last one. 0 or -ENOENT. */
  remove(at: Markable, mask: number, flags: number, kept: number): number {
    const interest = this.interests.get(at);
    if (interest === undefined) return -ENOENT;
    if (interest.remove(mask, flags, kept)) this.drop(at);
    return 0;
  }

  drop(at: Markable): void {
    if (!this.interests.delete(at)) return;
    const fs = fsOf(at);
    const left = this.perFs.get(fs)! - 1;
    if (left === 0) this.perFs.delete(fs);
    else this.perFs.set(fs, left);
    this.vfs.env.objects?.uncharge(1);
    if (!this.unlimited) this.counts.uncharge(this.uid);
    const mark = this.onInodes.get(at as Inode);
    if (mark !== undefined) {
      this.onInodes.delete(mark.inode);
      this.hub.detach(mark);
      return;
    }
    this.hub.watches--;
    if (at instanceof Mount) at.watchers?.delete(this);
  }

  /** All that `which` says yes to. */
  dropAll(which: (at: Markable) => boolean): void {
    for (const at of [...this.interests.keys()]) if (which(at)) this.drop(at);
  }

  unmounted(fs: FileSystem): void {
    this.dropAll((at) => fsOf(at) === fs);
  }
  mountEnded(mount: Mount): void {
    this.drop(mount);
  }

  get all(): IterableIterator<[Markable, Interest]> {
    return this.interests.entries();
  }
}

function fsOf(at: Markable): FileSystem {
  return 'fs' in at ? at.fs : at;
}
