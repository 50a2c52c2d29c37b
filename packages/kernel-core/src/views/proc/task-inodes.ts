import { EACCES, EPERM, ESRCH, S_IFDIR, S_IFLNK } from '@sandbox/abi';
import { ATTR_MODE, type Credentials, type Path, type SetAttr } from '@sandbox/vfs';
import { PseudoInode } from '../../pseudo/inode.js';
import { type Content, TextInode } from '../../pseudo/text.js';
import type { ProcFs } from './procfs.js';
import type { ProcSubject } from './subject.js';

/** Makes the content of a file about a process or thread. -ESRCH is seen to before. */
export type TaskContent = (s: ProcSubject) => Content;
/** Takes what is written to one; the bytes used, or -errno. */
export type TaskStore = (s: ProcSubject, text: string, offset: number, cred: Credentials) => number;

/** An inode about a process or thread: its owner follows the process's. */
export interface TaskInode {
  readonly subject: ProcSubject;
  refresh(): void;
}

/** A generated file of /proc/PID. */
export class TaskText extends TextInode implements TaskInode {
  constructor(
    fs: ProcFs,
    mode: number,
    readonly subject: ProcSubject,
    private readonly make: TaskContent,
    /** Only those may open it who may look into the process. */
    private readonly guarded: boolean,
    private readonly take: TaskStore | null,
    private readonly plain = false,
  ) {
    super(fs, mode);
    this.refresh();
  }

  /** The files of a process have no poll operation in Linux. */
  override get pollable(): boolean {
    return false;
  }

  override get sequential(): boolean {
    return !this.plain;
  }

  /** proc_setattr: not the mode. The owner is the process's again at the next look. */
  override setattr(attr: SetAttr): number {
    return (attr.valid & ATTR_MODE) !== 0 ? -EPERM : super.setattr(attr);
  }

  refresh(): void {
    this.subject.own(this);
  }

  override getattr(): number {
    this.refresh();
    return this.subject.alive ? 0 : -ESRCH;
  }

  override mayOpen(_cred: Credentials): number {
    if (!this.subject.alive) return -ESRCH;
    return this.guarded && !this.subject.mayInspect ? -EACCES : 0;
  }

  override content(): Content {
    return this.subject.alive ? this.make(this.subject) : -ESRCH;
  }

  override store(bytes: Uint8Array, offset: number, cred: Credentials): number {
    if (!this.subject.alive) return -ESRCH;
    if (this.take === null) return super.store(bytes, offset, cred);
    return this.take(this.subject, Buffer.from(bytes).toString('latin1'), offset, cred);
  }
}

/** A link of /proc/PID that leads to an object rather than to a path (exe, cwd, root, fd/N). */
export class TaskLink extends PseudoInode implements TaskInode {
  constructor(
    fs: ProcFs,
    readonly subject: ProcSubject,
    /** How the object is spelled: a byte string, or -errno. */
    private readonly text: (s: ProcSubject) => string | number,
    /** Where it leads; null: it is an ordinary link after all. */
    private readonly target: (s: ProcSubject) => Path | number | null,
    mode = 0o777,
  ) {
    super(fs, S_IFLNK | mode);
    this.refresh();
  }

  refresh(): void {
    this.subject.own(this);
  }

  override getattr(): number {
    this.refresh();
    return 0;
  }

  override readlink(): string | number {
    if (!this.subject.mayInspect) return -EACCES;
    return this.text(this.subject);
  }

  override followMagic(_cred: Credentials): object | number | null {
    if (!this.subject.mayInspect) return -EACCES;
    return this.target(this.subject);
  }
}

/** A directory about a process or thread. */
export abstract class TaskDirectory extends PseudoInode implements TaskInode {
  constructor(
    fs: ProcFs,
    mode: number,
    readonly subject: ProcSubject,
  ) {
    super(fs, S_IFDIR | mode);
    this.nlink = 2;
    this.refresh();
  }

  override setattr(attr: SetAttr): number {
    return (attr.valid & ATTR_MODE) !== 0 ? -EPERM : super.setattr(attr);
  }

  get procfs(): ProcFs {
    return this.fs as ProcFs;
  }

  refresh(): void {
    this.subject.own(this);
  }

  override getattr(): number {
    this.refresh();
    return 0;
  }
}
