import type { Dentry } from './dentry.js';
import type { Inode } from './inode.js';
import type { Mount } from './mount.js';

/**
 * What attribute calls act on: a place in the tree, or an open file (whose path is null when it is
 * anonymous).
 */
export interface AttrTarget {
  readonly inode: Inode;
  readonly path: Path | null;
}

/** A place in the tree: which mount, which name in it. Immutable; identity of a file is `dentry.inode`. */
export class Path implements AttrTarget {
  constructor(
    readonly mount: Mount,
    readonly dentry: Dentry,
  ) {}

  /** The file there. Paths handed out by the VFS name existing files. */
  get inode(): Inode {
    return this.dentry.inode!;
  }
  get path(): this {
    return this;
  }

  /** Count a lasting use: the dentry stays cached, the mount busy. Undone by `unpin`. */
  pin(): this {
    this.mount.pins++;
    this.mount.expiring = false;
    this.dentry.pins++;
    return this;
  }

  unpin(): void {
    this.dentry.pins--;
    this.mount.pins--;
    if (this.mount.pins === 0) this.mount.retireIfIdle();
  }

  equals(o: Path): boolean {
    return this.mount === o.mount && this.dentry === o.dentry;
  }
}
