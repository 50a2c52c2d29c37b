import { RAMFS_MAGIC } from '@sandbox/abi';
import { type FsStats, TmpfsFileSystem } from '@sandbox/vfs';

/** ramfs: a tmpfs without limits of its own, and without figures (simple_statfs). */
export class RamFs extends TmpfsFileSystem {
  override readonly typeName: string = 'ramfs';

  override statfs(): FsStats {
    return {
      type: RAMFS_MAGIC,
      bsize: 4096,
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      namelen: 255,
    };
  }
}
