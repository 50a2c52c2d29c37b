import type { FileSystem } from './filesystem.js';
import type { Inode } from './inode.js';

/** Hears of what happens in the tree (inotify(7) is built on it). Called only while `active`. */
export interface FsObserver {
  /** Anybody is watching anything. */
  readonly active: boolean;
  /**
   * `mask`: IN_* (one event, plus IN_ISDIR). `inode`: the file it happened to; null for events of a directory about a name
   * (IN_CREATE, IN_DELETE, IN_MOVED_*), whose object hears nothing itself. `parent` and `name`: the directory it was reached by, null for
   * events only the file itself hears. `cookie` joins the halves of a rename. `unlinked`: the name is gone already (IN_EXCL_UNLINK).
   */
  event(
    inode: Inode | null,
    parent: Inode | null,
    name: string,
    mask: number,
    cookie: number,
    unlinked: boolean,
  ): void;
  /** The last mount of `fs` is gone. */
  unmounted(fs: FileSystem): void;
}
