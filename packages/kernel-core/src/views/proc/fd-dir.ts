import { DT_LNK, DT_REG, EACCES, ENOENT, O_CLOEXEC, O_PATH } from '@sandbox/abi';
import type { Credentials, DirEmitter, File, Inode } from '@sandbox/vfs';
import type { FdTable } from '../../process/files/fd-table.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';
import { placeOf } from './anon-path.js';
import { fileText } from './paths.js';
import type { ProcFs } from './procfs.js';
import type { ProcSubject } from './subject.js';
import { TaskDirectory, TaskLink, TaskText } from './task-inodes.js';

/** Listings put descriptor N at position N + 2. */
const FIRST_POS = 2;

function tableOf(s: ProcSubject): FdTable | null {
  const { task } = s;
  return task === null || task.state >= TASK_ZOMBIE ? null : task.files;
}

/** The number a name stands for; -1 when it is none. */
export function numberOf(name: string): number {
  return /^(0|[1-9]\d{0,8})$/.test(name) ? Number(name) : -1;
}

/** Permissions of the link say how the file is open: l-wx, lrwx; none for O_PATH. */
function linkMode(file: File): number {
  if ((file.flags & O_PATH) !== 0) return 0;
  return (file.readable ? 0o500 : 0) | (file.writable ? 0o300 : 0);
}

/** A link of /proc/PID/fd; it is about one open file for as long as the descriptor is. */
class FdLink extends TaskLink {
  constructor(
    fs: ProcFs,
    s: ProcSubject,
    readonly file: File,
  ) {
    super(
      fs,
      s,
      () => fileText(s, file),
      () => placeOf(s.kernel, file),
      linkMode(file),
    );
    this.size = 64;
  }
}

abstract class DescriptorDir extends TaskDirectory {
  protected abstract readonly entryType: number;

  protected fileAt(name: string): File | null {
    return tableOf(this.subject)?.get(numberOf(name)) ?? null;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    const table = tableOf(this.subject);
    if (table === null) return -ENOENT;
    for (let fd = Math.max(pos - FIRST_POS, 0); fd < table.size; fd++) {
      if (table.get(fd) === null) continue;
      if (!emit(String(fd), this.ino + fd + 1, this.entryType, fd + FIRST_POS + 1)) return 0;
    }
    return 0;
  }
}

/** /proc/PID/fd */
export class FdDir extends DescriptorDir {
  protected readonly entryType = DT_LNK;

  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o500, s);
  }

  /**
   * A process may look at its own descriptors, dumpable or not (proc_fd_permission): to itself they are its
   * own.
   */
  override refresh(): void {
    super.refresh();
    const caller = this.subject.kernel.current;
    if (caller?.group === this.subject.group) this.uid = caller.cred.fsuid;
  }

  override getattr(): number {
    this.refresh();
    const table = tableOf(this.subject);
    let n = 0;
    for (let fd = 0; table !== null && fd < table.size; fd++) if (table.get(fd) !== null) n++;
    this.size = n;
    return 0;
  }

  override lookup(name: string): Inode | number {
    const file = this.fileAt(name);
    return file === null ? -ENOENT : new FdLink(this.procfs, this.subject, file);
  }

  override revalidate(name: string, child: Inode | null): boolean {
    if (!(child instanceof FdLink) || this.fileAt(name) !== child.file) return false;
    child.refresh();
    return true;
  }
}

/** /proc/PID/fdinfo */
export class FdInfoDir extends DescriptorDir {
  protected readonly entryType = DT_REG;

  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o555, s);
  }

  override permission(_mask: number, _cred: Credentials): number {
    return this.subject.mayInspect ? 0 : -EACCES;
  }

  override lookup(name: string): Inode | number {
    if (this.fileAt(name) === null) return -ENOENT;
    const fd = numberOf(name);
    return new TaskText(this.procfs, 0o444, this.subject, (s) => fdInfoText(s, fd), true, null);
  }

  override revalidate(name: string, child: Inode | null): boolean {
    return child !== null && this.fileAt(name) !== null;
  }
}

/** /proc/PID/fdinfo/N */
function fdInfoText(s: ProcSubject, fd: number): string | number {
  const table = tableOf(s);
  const file = table?.get(fd) ?? null;
  if (table === null || file === null) return -ENOENT;
  const flags = table.getCloexec(fd) ? file.flags | O_CLOEXEC : file.flags;
  const mount = file.path?.mount.id ?? 0;
  return (
    `pos:\t${file.pos}\nflags:\t0${(flags >>> 0).toString(8)}\nmnt_id:\t${mount}\nino:\t${file.inode.ino}\n` +
    file.fdinfo
  );
}
