import { CGROUP2_SUPER_MAGIC, EBADF, EINVAL, ENOENT, IN_MODIFY } from '@sandbox/abi';
import type { Dentry, File, Inode } from '@sandbox/vfs';
import type { Cgroup, CgroupFiles } from '../../process/cgroup/cgroup.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { Slot } from '../../process/kernel/slot.js';
import { PseudoFs } from '../../pseudo/inode.js';
import { CgroupDir } from './dir.js';

const DIR_MODE = 0o755;

/** Mount options, and what of `Cgroups` each sets; null: it is about what there is not. */
const OPTIONS: Readonly<Record<string, 'nsDelegate' | 'memoryLocalEvents' | 'pidsLocalEvents' | null>> = {
  nsdelegate: 'nsDelegate',
  favordynmods: null,
  memory_localevents: 'memoryLocalEvents',
  memory_recursiveprot: null,
  memory_hugetlb_accounting: null,
  pids_localevents: 'pidsLocalEvents',
};

/** What fsconfig(2) takes. */
export const CGROUP2_PARAMS: Readonly<Record<string, 'flag'>> = Object.fromEntries(
  Object.keys(OPTIONS).map((name) => [name, 'flag']),
);

/**
 * cgroup2 (cgroups(7)): one tree of groups, whose mounts begin at the root of the cgroup namespace they are
 * made in.
 */
export class CgroupFs extends PseudoFs implements CgroupFiles {
  readonly typeName = 'cgroup2';
  private readonly dirs = new WeakMap<Cgroup, CgroupDir>();

  constructor(readonly kernel: KernelCore) {
    super(kernel.mountEnv, CGROUP2_SUPER_MAGIC);
    this.source = 'cgroup2';
    kernel.cgroups.files = this;
  }

  override get root(): CgroupDir {
    return this.dirOf(this.kernel.cgroups.root);
  }

  override nextIno(): number {
    return this.kernel.cgroups.nextId();
  }

  /** The directory of `cgroup`; `mode`: of a new one. */
  dirOf(cgroup: Cgroup, mode = DIR_MODE): CgroupDir {
    let dir = this.dirs.get(cgroup);
    if (dir === undefined) {
      dir = new CgroupDir(this, cgroup, mode);
      this.dirs.set(cgroup, dir);
      cgroup.view = dir;
    }
    return dir;
  }

  /** The file whose rights decide who may put tasks into `cgroup`. */
  readonly procsFile = (cgroup: Cgroup): Inode => {
    const dir = this.dirOf(cgroup);
    return dir.file('cgroup.procs') ?? dir;
  };

  groupOf(file: File | null): Cgroup | number {
    const inode = file?.inode;
    if (!(inode instanceof CgroupDir)) return -EBADF;
    return inode.cgroup.dead ? -ENOENT : inode.cgroup;
  }

  override get single(): boolean {
    return true;
  }

  override get entrance(): readonly string[] {
    return this.kernel.currentNs.cgroup.root.names;
  }

  /** What a mount shows, as the reader's namespace has it. */
  override rootText(root: Dentry): string | null {
    const { inode } = root;
    return inode instanceof CgroupDir ? inode.cgroup.pathFrom(this.kernel.currentNs.cgroup.root) : null;
  }

  override get options(): string {
    const { nsDelegate, memoryLocalEvents, pidsLocalEvents } = this.kernel.cgroups;
    const set = [];
    if (nsDelegate) set.push('nsdelegate');
    if (memoryLocalEvents) set.push('memory_localevents');
    if (pidsLocalEvents) set.push('pids_localevents');
    return set.join(',');
  }

  /** Options are of the hierarchy, and set from the first namespace alone (cgroup_apply_root_flags). */
  override reconfigure(data: string): number {
    const e = checkOptions(data);
    const { cgroups, currentNs } = this.kernel;
    if (e !== 0 || currentNs.cgroup.root !== cgroups.root) return e;
    const given = data.split(',');
    for (const [name, flag] of Object.entries(OPTIONS))
      if (flag !== null) cgroups[flag] = given.includes(name);
    return 0;
  }

  /** Watchers hear of a file whose content the kernel changed (kernfs_notify). */
  tellChanged(cgroup: Cgroup, name: string): void {
    const { vfs } = this.kernel;
    if (!vfs.watched || this.rootDentry === null || cgroup.dead) return;
    let dentry: Dentry | null = this.rootDentry;
    for (const part of [...cgroup.names, name]) {
      dentry = vfs.childOf(dentry, part);
      if (dentry === null) return;
    }
    vfs.notify(dentry, IN_MODIFY);
  }
}

const instances = new Slot((kernel: KernelCore) => new CgroupFs(kernel));

/** The one of a kernel. Needs `mountEnv`. */
export function cgroupFsOf(kernel: KernelCore): CgroupFs {
  return instances.of(kernel);
}

/** Options of mount(2): 0 or -EINVAL. */
function checkOptions(data: string): number {
  for (const option of data.split(',')) if (option !== '' && !(option in OPTIONS)) return -EINVAL;
  return 0;
}

/** What mount(2) of cgroup2 gives: -EINVAL (options), -ENOENT (the namespace's root is gone). */
export function mountCgroup2(kernel: KernelCore, data: string): CgroupFs | number {
  const fs = cgroupFsOf(kernel);
  const e = data === '' ? 0 : fs.reconfigure(data);
  if (e !== 0) return e;
  return kernel.currentNs.cgroup.root.dead ? -ENOENT : fs;
}
