import { DT_LNK, EACCES, ENOENT } from '@sandbox/abi';
import { Dentry, type DirEmitter, type Inode, Path } from '@sandbox/vfs';
import { NAMESPACE_LINKS, type NsInode, nsfsOf } from '../../process/ns/nsfs.js';
import type { ProcFs } from './procfs.js';
import type { ProcSubject } from './subject.js';
import { TaskDirectory, TaskLink } from './task-inodes.js';

/** Of process 1 and what has ended, the first namespaces are shown. */
function inodeFor(s: ProcSubject, kind: (typeof NAMESPACE_LINKS)[number]): NsInode | null {
  const { task, kernel } = s;
  if (task === null || s.mm === null) return null;
  const of = kind[1](task);
  return of === null ? null : nsfsOf(kernel).inode(of);
}

function placeFor(s: ProcSubject, kind: (typeof NAMESPACE_LINKS)[number]): Path | number {
  const inode = inodeFor(s, kind);
  if (inode === null) return -ENOENT;
  const dentry = new Dentry(inode.text, null, inode);
  dentry.hashed = true;
  return new Path(nsfsOf(s.kernel).mount, dentry);
}

/** /proc/PID/ns (namespaces(7)). */
export class NsDir extends TaskDirectory {
  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o511, s);
  }

  override lookup(name: string): Inode | number {
    const kind = NAMESPACE_LINKS.find((k) => k[0] === name);
    if (kind === undefined) return -ENOENT;
    const { subject } = this;
    return new TaskLink(
      this.procfs,
      subject,
      (s) => inodeFor(s, kind)?.text ?? -ENOENT,
      (s) => placeFor(s, kind),
    );
  }

  override readdir(pos: number, emit: DirEmitter): number {
    if (!this.subject.mayInspect) return -EACCES;
    for (let i = Math.max(pos - 2, 0); i < NAMESPACE_LINKS.length; i++) {
      if (!emit(NAMESPACE_LINKS[i]![0], this.ino + i + 1, DT_LNK, i + 3)) return 0;
    }
    return 0;
  }
}
