import { SYSFS_MAGIC } from '@sandbox/abi';
import type { FileSystem, Inode } from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { NetNamespace } from '../../process/ns/namespaces.js';
import { PseudoDir, PseudoFs } from '../../pseudo/inode.js';
import { fillSysfs } from './tree.js';

/** sysfs(5): the part of it that programs ask about the machine. */
export class SysFs extends PseudoFs {
  readonly typeName = 'sysfs';
  readonly root: Inode;
  /** The network namespace whose interfaces it shows: that of whoever mounted it. */
  readonly netns: NetNamespace;

  constructor(readonly kernel: KernelCore) {
    super(kernel.mountEnv, SYSFS_MAGIC);
    this.source = 'sysfs';
    this.netns = kernel.currentNs.net;
    const root = new PseudoDir(this, 0o555, 1);
    this.root = root;
    fillSysfs(this, root);
  }
}

/** /sys. */
export function sysfs(kernel: KernelCore): FileSystem {
  return new SysFs(kernel);
}
