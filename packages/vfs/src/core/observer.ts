import type { Dentry } from './dentry.js';
import type { File } from './file.js';
import type { FileSystem } from './filesystem.js';
import type { Inode } from './inode.js';
import type { Mount } from './mount.js';

/**
 * Something that happened in the tree. There is one object for all of them: an observer keeps nothing of it.
 */
export class FsEvent {
  /** IN_* or FAN_* (which have the same values): one event, plus IN_ISDIR. */
  mask = 0;
  /**
   * The file it happened to; null for events of a directory about a name (IN_CREATE, IN_DELETE, IN_MOVED_*,
   * FAN_RENAME), whose object hears nothing itself.
   */
  inode: Inode | null = null;
  /** What the event is about: `inode`, or what the name in the directory stands for. */
  object: Inode | null = null;
  /** The name by which `object` was reached; null where only the file itself hears of it. */
  dentry: Dentry | null = null;
  /** The mount through which it was used; null where the event is of the file, wherever it is mounted. */
  mount: Mount | null = null;
  /** The directory `dentry` is (or was) in, and its name there. */
  dir: Dentry | null = null;
  name = '';
  /** FAN_RENAME: where to. */
  newDir: Dentry | null = null;
  newName = '';
  /** Joins the halves of a rename. */
  cookie = 0;
  /** The name is gone already (IN_EXCL_UNLINK). */
  unlinked = false;

  set(mask: number, inode: Inode | null, object: Inode): this {
    this.mask = mask;
    this.inode = inode;
    this.object = object;
    this.dentry = null;
    this.mount = null;
    this.dir = null;
    this.name = '';
    this.newDir = null;
    this.newName = '';
    this.cookie = 0;
    this.unlinked = false;
    return this;
  }

  /** Let go of the tree. */
  clear(): void {
    this.inode = null;
    this.object = null;
    this.dentry = null;
    this.mount = null;
    this.dir = null;
    this.newDir = null;
  }
}

/**
 * Hears of what happens in the tree (inotify(7) and fanotify(7) are built on it). Called only while `active`.
 */
export interface FsObserver {
  /** Anybody is watching anything. */
  readonly active: boolean;
  event(event: FsEvent): void;
  /** Somebody wants to be asked about files of `fs` before they are opened or read (FAN_OPEN_PERM...). */
  asksAbout(fs: FileSystem): boolean;
  /** May `file` be opened (`execute`: to run it)? 0, -EPERM, or -EAGAIN: not said yet, ask again. */
  mayOpen(file: File, execute: boolean): number;
  /** The last mount of `fs` is gone. */
  unmounted(fs: FileSystem): void;
}
