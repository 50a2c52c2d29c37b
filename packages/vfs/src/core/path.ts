import type { Dentry } from './dentry.js';
import type { Mount } from './mount.js';

/** A place in the tree: which mount, which name in it. Immutable; identity of a file is `dentry.inode`. */
export class Path {
  constructor(
    readonly mount: Mount,
    readonly dentry: Dentry,
  ) {}

  /** Count a lasting use: the dentry stays cached, the mount busy. Undone by `unpin`. */
  pin(): this {
    this.mount.pins++;
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
