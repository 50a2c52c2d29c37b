import type { Dentry } from './dentry.js';
import type { Mount } from './mount.js';

/** A place in the tree: which mount, which name in it. Immutable; identity of a file is `dentry.inode`. */
export class Path {
  constructor(
    readonly mount: Mount,
    readonly dentry: Dentry,
  ) {}
}
