import { DT_DIR, DT_REG, EACCES, EBUSY, ENOENT, EPERM, S_IFDIR, S_IFMT, S_IFREG } from '@sandbox/abi';
import type { DirEmitter, Inode, NewInode } from '@sandbox/vfs';
import type { Cgroup, CgroupView } from '../../process/cgroup/cgroup.js';
import { PseudoInode } from '../../pseudo/inode.js';
import { coreFiles } from './core-files.js';
import { cpuFiles } from './cpu-files.js';
import { CgroupFile } from './file.js';
import type { CgroupFs } from './fs.js';
import { memoryFiles } from './memory-files.js';
import { pidsFiles } from './pids-files.js';
import type { CgroupFileRow } from './row.js';

const ROWS: readonly CgroupFileRow[] = [...coreFiles, ...cpuFiles, ...memoryFiles, ...pidsFiles];
const BY_NAME = new Map(ROWS.map((row) => [row.name, row]));
/** Positions of subdirectories begin here. */
const FIRST_CHILD = 1000;

/** The directory of a group. */
export class CgroupDir extends PseudoInode implements CgroupView {
  private readonly files = new Map<string, CgroupFile>();

  constructor(
    private readonly cgroupFs: CgroupFs,
    readonly cgroup: Cgroup,
    mode: number,
  ) {
    super(cgroupFs, S_IFDIR | mode, cgroup.id);
    this.uid = cgroup.uid;
    this.gid = cgroup.gid;
    this.nlink = 2 + cgroup.children.size;
  }

  private has(row: CgroupFileRow): boolean {
    const { cgroup } = this;
    if (cgroup.dead) return false;
    if (cgroup.parent === null) return row.onRoot !== 'no';
    return row.controller === 0 || (cgroup.controllers & row.controller) !== 0;
  }

  /** One of its files, or null. */
  file(name: string): CgroupFile | null {
    const row = BY_NAME.get(name);
    if (row === undefined || !this.has(row)) return null;
    let file = this.files.get(name);
    if (file === undefined) {
      file = new CgroupFile(this.cgroupFs, this.cgroup, row);
      this.files.set(name, file);
    }
    return file;
  }

  override lookup(name: string): Inode | number {
    const child = this.cgroup.children.get(name);
    return child !== undefined ? this.cgroupFs.dirOf(child) : (this.file(name) ?? -ENOENT);
  }

  /** Controllers bring and take files, and groups of the embedder's come and go. */
  override revalidate(name: string, child: Inode | null): boolean {
    const now = this.lookup(name);
    return (typeof now === 'number' ? null : now) === child;
  }

  override getattr(): number {
    this.nlink = 2 + this.cgroup.children.size;
    return 0;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    for (let i = Math.max(0, pos - 2); i < ROWS.length; i++) {
      const file = this.file(ROWS[i]!.name);
      if (file !== null && !emit(file.row.name, file.ino, DT_REG, i + 3)) return 0;
    }
    for (const child of this.cgroup.children.values()) {
      const at = FIRST_CHILD + child.id;
      if (at >= pos && !emit(child.name, child.id, DT_DIR, at + 1)) return 0;
    }
    return 0;
  }

  /** mkdir(2) makes a group; nothing else can be made. */
  override mknod(name: string, init: NewInode): Inode | number {
    const type = init.mode & S_IFMT;
    if (this.cgroup.dead) return -ENOENT;
    if (type !== S_IFDIR) return type === S_IFREG ? -EACCES : -EPERM;
    const made = this.cgroupFs.kernel.cgroups.make(this.cgroup, name, init.uid, init.gid);
    return typeof made === 'number' ? made : this.cgroupFs.dirOf(made, init.mode & 0o7777);
  }

  override rmdir(_name: string, child: Inode): number {
    if (!(child instanceof CgroupDir)) return -EBUSY;
    return this.cgroupFs.kernel.cgroups.remove(child.cgroup);
  }

  // CgroupView ----------------------------------------------------------------------------------------------

  changed(name: string): void {
    this.files.get(name)?.changed();
    this.cgroupFs.tellChanged(this.cgroup, name);
  }

  withdrawn(controllers: number): void {
    for (const [name, file] of this.files) {
      if ((file.row.controller & controllers) === 0) continue;
      file.withdrawn = true;
      this.files.delete(name);
    }
  }
}
