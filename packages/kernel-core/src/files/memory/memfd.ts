import {
  EBUSY,
  EINVAL,
  EPERM,
  F_ADD_SEALS,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  O_DIRECT,
  S_IFREG,
} from '@sandbox/abi';
import { type File, type NewInode, TmpfsFile, TmpfsFileSystem, TmpfsRegular } from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';

const ALL_SEALS =
  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC;
const WRITE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

/** The tmpfs nobody mounts, where nameless memory files live (Linux: shm_mnt). */
const shared = new WeakMap<KernelCore, TmpfsFileSystem>();

export function shmFs(kernel: KernelCore): TmpfsFileSystem {
  let fs = shared.get(kernel);
  if (!fs) {
    fs = new TmpfsFileSystem(kernel.mountEnv);
    shared.set(kernel, fs);
  }
  return fs;
}

/**
 * A file of memfd_create(2): a tmpfs file in no directory, living as long as somebody has it open or mapped.
 */
export class MemfdFile extends TmpfsFile {
  constructor(
    private readonly kernel: KernelCore,
    inode: TmpfsRegular,
    flags: number,
    private readonly name: string,
  ) {
    super(inode, flags);
    inode.pins++;
  }

  override get label(): string {
    return `/memfd:${this.name} (deleted)`;
  }

  /** The kernel's own mount has no direct I/O. */
  override setFlags(flags: number): number {
    return (flags & ~this.flags & O_DIRECT) !== 0 ? -EINVAL : 0;
  }

  override release(): void {
    super.release();
    this.inode.pins--;
    this.kernel.vfs.inodeUnused(this.inode);
  }
}

/** A new memory file, or -ENOSPC. `seals`: what it begins with (F_SEAL_SEAL: none can be added). */
export function createMemfd(
  kernel: KernelCore,
  name: string,
  flags: number,
  init: { uid: number; gid: number; mode: number; seals: number },
): MemfdFile | number {
  const fresh: NewInode = { mode: S_IFREG | init.mode, uid: init.uid, gid: init.gid, rdev: 0 };
  const inode = shmFs(kernel).createUnlinked(fresh);
  if (typeof inode === 'number') return inode;
  inode.seals = init.seals;
  return new MemfdFile(kernel, inode, flags, name);
}

/**
 * fcntl(2) F_GET_SEALS and F_ADD_SEALS. EINVAL (no such file, unknown seals), EPERM (read-only, sealed),
 * EBUSY (mapped writable).
 */
export function fcntlSeals(file: File, cmd: number, seals: number): number {
  const inode = file.inode instanceof TmpfsRegular ? file.inode : null;
  if (cmd !== F_ADD_SEALS) return inode === null ? -EINVAL : inode.seals;
  if (!file.writable) return -EPERM;
  if ((seals & ~ALL_SEALS) !== 0 || inode === null) return -EINVAL;
  if ((inode.seals & F_SEAL_SEAL) !== 0) return -EPERM;
  if ((seals & F_SEAL_WRITE & ~inode.seals) !== 0 && inode.writableMappings > 0) return -EBUSY;
  // A program that can no longer lose its execute permission must not change either.
  if ((seals & F_SEAL_EXEC) !== 0 && (inode.mode & 0o111) !== 0) seals |= WRITE_SEALS;
  inode.seals |= seals;
  return 0;
}
