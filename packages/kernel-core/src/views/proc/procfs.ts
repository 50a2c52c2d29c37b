import { ENOENT, PROC_SUPER_MAGIC } from '@sandbox/abi';
import type { FileSystem, Inode } from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { PidTable } from '../../process/kernel/pid-table.js';
import { PseudoFs } from '../../pseudo/inode.js';
import { ProcRoot } from './root.js';

/** proc(5). */
export class ProcFs extends PseudoFs {
  readonly typeName = 'proc';
  readonly root: Inode;
  /** A name that is not there cannot be made: its lookup fails before anybody asks about rights. */
  override readonly creationError = ENOENT;

  constructor(
    readonly kernel: KernelCore,
    /** The pid namespace whose processes it shows. */
    readonly pids: PidTable,
  ) {
    super(kernel.mountEnv, PROC_SUPER_MAGIC);
    this.source = 'proc';
    this.root = new ProcRoot(this);
  }
}

/** /proc. */
export function procfs(kernel: KernelCore, pids: PidTable = kernel.pids): FileSystem {
  return new ProcFs(kernel, pids);
}
