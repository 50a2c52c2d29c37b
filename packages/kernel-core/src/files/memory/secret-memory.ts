import { EINVAL, ENOSPC, O_LARGEFILE, O_RDWR, S_IFREG } from '@sandbox/abi';
import { SecretMemory } from '../../mm/secret-memory.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { MemfdFile, shmFs } from './memfd.js';

/** An open one: it can be mapped, and nothing else. */
class SecretFile extends MemfdFile {
  override get label(): string {
    return '/secretmem (deleted)';
  }
  override get seekable(): boolean {
    return false;
  }
  override get splices(): boolean {
    return false;
  }
  override release(): void {
    // Its one link is the file system's own.
    this.inode.nlink = 0;
    super.release();
  }
  override read(): number {
    return -EINVAL;
  }
  override write(): number {
    return -EINVAL;
  }
  override fallocate(): number {
    return -EINVAL;
  }
}

/** memfd_secret(2): -ENOSPC. */
export function createSecret(kernel: KernelCore, uid: number, gid: number): MemfdFile | number {
  const fs = shmFs(kernel);
  if (!fs.chargeInodes(1)) return -ENOSPC;
  const init = { mode: S_IFREG | 0o600, uid, gid, rdev: 0 };
  const inode = new SecretMemory(fs, init);
  return new SecretFile(kernel, inode, O_RDWR | O_LARGEFILE, 'secretmem');
}
