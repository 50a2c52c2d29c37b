import { FileSystem, type FsStats, type MountEnvironment, simpleStats } from '../core/filesystem.js';
import type { Inode } from '../core/inode.js';

/** A file system whose files are made up by code: proc, sysfs, devtmpfs, an embedder's own tree. */
export class SyntheticFileSystem extends FileSystem {
  private lastIno = 0;
  private top: Inode | null = null;

  constructor(
    env: MountEnvironment,
    readonly typeName: string,
    /** f_type of statfs(2). */
    readonly magic: number,
  ) {
    super(env);
    this.source = typeName;
  }

  /** Set the root directory; once, before mounting. */
  setRoot(root: Inode): this {
    this.top = root;
    return this;
  }

  get root(): Inode {
    if (this.top === null) throw new Error(`${this.typeName}: mounted before its root was set`);
    return this.top;
  }

  nextIno(): number {
    return ++this.lastIno;
  }

  statfs(): FsStats {
    return simpleStats(this.magic);
  }
}
