import { RAMFS_MAGIC } from '@sandbox/abi';
import { type FsStats, simpleStats, TmpfsFileSystem } from '@sandbox/vfs';

/** ramfs: a tmpfs without limits of its own, and without figures. */
export class RamFs extends TmpfsFileSystem {
  override readonly typeName: string = 'ramfs';

  override statfs(): FsStats {
    return simpleStats(RAMFS_MAGIC);
  }
}
