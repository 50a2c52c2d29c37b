import { DT_DIR, ENOENT, S_IFDIR, S_IFLNK } from '@sandbox/abi';
import type { DirEmitter, Inode } from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { PseudoDir, PseudoInode, PseudoLink } from '../../pseudo/inode.js';
import { numberOf } from './fd-dir.js';
import type { ProcFs } from './procfs.js';
import { ProcSubject } from './subject.js';
import { sysctlDir } from './sysctl.js';
import { addSystemFiles } from './system-files.js';
import { TaskDir } from './task-dir.js';

/** Inode number of /proc. */
const ROOT_INO = 1;
/** Listings put process N at this position plus N; all other entries come before. */
const FIRST_PROCESS = 256;

/** /proc/self and /proc/thread-self: who is asking. */
class SelfLink extends PseudoInode {
  constructor(
    private readonly procfs: ProcFs,
    private readonly thread: boolean,
  ) {
    super(procfs, S_IFLNK | 0o777);
  }

  override readlink(): string | number {
    const task = this.procfs.kernel.current;
    if (task === null) return -ENOENT;
    const pid = task.pidFor(this.procfs);
    if (pid === 0) return -ENOENT;
    return this.thread ? `${pid}/task/${task.tidFor(this.procfs)}` : String(pid);
  }
}

/** /proc: the fixed entries, then the processes. */
export class ProcRoot extends PseudoInode {
  private readonly fixed: PseudoDir;

  constructor(private readonly procfs: ProcFs) {
    super(procfs, S_IFDIR | 0o555, ROOT_INO);
    const fixed = (this.fixed = new PseudoDir(procfs));
    fixed.add('self', new SelfLink(procfs, false));
    fixed.add('thread-self', new SelfLink(procfs, true));
    fixed.add('mounts', new PseudoLink(procfs, 'self/mounts'));
    fixed.add('net', new PseudoLink(procfs, 'self/net'));
    fixed.add('sys', sysctlDir(procfs));
    addSystemFiles(procfs, fixed);
  }

  private get kernel(): KernelCore {
    return this.procfs.kernel;
  }

  override getattr(): number {
    this.nlink = this.fixed.nlink + this.procfs.pids.processes.size;
    return 0;
  }

  override lookup(name: string): Inode | number {
    const pid = numberOf(name);
    if (pid < 0) return this.fixed.lookup(name);
    const { pids } = this.procfs;
    // A thread's number leads to its process, though listings do not show it.
    const group = pids.processes.get(pid) ?? pids.tasks.get(pid)?.group;
    if (group === undefined) return -ENOENT;
    const fs = this.procfs;
    if (!group.shown.some((s) => s.fs === fs && s.name === name)) group.shown.push({ fs, name });
    return new TaskDir(this.procfs, new ProcSubject(this.kernel, group, 0, this.procfs.pids));
  }

  override revalidate(name: string, child: Inode | null): boolean {
    if (!(child instanceof TaskDir)) return child !== null || numberOf(name) < 0;
    const pid = numberOf(name);
    const { pids } = this.procfs;
    const group = pids.processes.get(pid) ?? pids.tasks.get(pid)?.group;
    if (group !== child.subject.group) return false;
    child.refresh();
    return true;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    if (pos < FIRST_PROCESS) {
      let full = false;
      this.fixed.readdir(pos, (name, ino, type, next) => {
        full = !emit(name, ino, type, next);
        return !full;
      });
      if (full) return 0;
    }
    const pids = [...this.procfs.pids.processes.keys()]
      .filter((pid) => FIRST_PROCESS + pid >= pos)
      .sort((a, b) => a - b);
    for (const pid of pids) if (!emit(String(pid), this.ino + pid, DT_DIR, FIRST_PROCESS + pid + 1)) return 0;
    return 0;
  }
}
