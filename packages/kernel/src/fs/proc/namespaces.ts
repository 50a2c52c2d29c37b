import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  DT_LNK,
  EACCES,
  ENOENT,
  ENOTTY,
  NS_GET_NSTYPE,
  NSFS_MAGIC,
  S_IFREG,
} from '@sandbox/abi';
import { Dentry, type DirEmitter, File, type Inode, Mount, type MountNamespace, Path } from '@sandbox/vfs';
import type { KernelCore } from '../../kernel/kernel-core.js';
import { PseudoFs, PseudoInode } from '../pseudo/inode.js';
import type { ProcFs } from './procfs.js';
import type { ProcSubject } from './subject.js';
import { TaskDirectory, TaskLink } from './task-inodes.js';

/** Links of /proc/PID/ns: name, kind in the text, inode number of the first namespace of that kind, CLONE_* flag. */
const KINDS: readonly (readonly [string, string, number, number])[] = [
  ['cgroup', 'cgroup', 4026531835, CLONE_NEWCGROUP],
  ['ipc', 'ipc', 4026531839, CLONE_NEWIPC],
  ['mnt', 'mnt', 4026531841, CLONE_NEWNS],
  ['net', 'net', 4026531840, CLONE_NEWNET],
  ['pid', 'pid', 4026531836, CLONE_NEWPID],
  ['pid_for_children', 'pid', 4026531836, CLONE_NEWPID],
  ['time', 'time', 4026531834, CLONE_NEWTIME],
  ['time_for_children', 'time', 4026531834, CLONE_NEWTIME],
  ['user', 'user', 4026531837, CLONE_NEWUSER],
  ['uts', 'uts', 4026531838, CLONE_NEWUTS],
];
const FIRST_OWN_INO = 4026532128;

/** nsfs: what the links lead to. */
class NsFs extends PseudoFs {
  readonly typeName = 'nsfs';
  readonly root: Inode;
  readonly mount: Mount;
  private readonly known = new Map<number, NsInode>();
  /** Mount namespaces beyond the first, numbered as they are first looked at. */
  private readonly mountNamespaces = new WeakMap<MountNamespace, number>();
  private nextNumber = FIRST_OWN_INO;
  private first: MountNamespace | null = null;

  constructor(kernel: KernelCore) {
    super(kernel.mountEnv, NSFS_MAGIC);
    this.source = 'nsfs';
    this.root = new NsInode(this, 'nsfs', 1, 0);
    const dentry = new Dentry('/', null, this.root);
    dentry.hashed = true;
    this.mount = new Mount(0, this, dentry, 0);
    this.mount.pins++;
  }

  numberOf(ns: MountNamespace, firstIno: number): number {
    this.first ??= ns;
    if (ns === this.first) return firstIno;
    let ino = this.mountNamespaces.get(ns);
    if (ino === undefined) {
      ino = this.nextNumber++;
      this.mountNamespaces.set(ns, ino);
    }
    return ino;
  }

  inode(kind: string, ino: number, flag: number): NsInode {
    let inode = this.known.get(ino);
    if (inode === undefined) {
      inode = new NsInode(this, kind, ino, flag);
      this.known.set(ino, inode);
    }
    return inode;
  }
}

class NsInode extends PseudoInode {
  constructor(
    fs: NsFs,
    readonly kind: string,
    ino: number,
    readonly flag: number,
  ) {
    super(fs, S_IFREG | 0o444, ino);
  }

  get text(): string {
    return `${this.kind}:[${this.ino}]`;
  }

  override open(flags: number): File | number {
    return new NsFile(this, flags);
  }
}

/** A handle on a namespace (ioctl_ns(2)); only its kind can be asked for. */
class NsFile extends File {
  override ioctl(cmd: number): number {
    return cmd === NS_GET_NSTYPE ? (this.inode as NsInode).flag : -ENOTTY;
  }
}

const instances = new WeakMap<KernelCore, NsFs>();

function nsfsOf(kernel: KernelCore): NsFs {
  let fs = instances.get(kernel);
  if (fs === undefined) {
    fs = new NsFs(kernel);
    instances.set(kernel, fs);
  }
  return fs;
}

function inodeFor(s: ProcSubject, kind: readonly [string, string, number, number]): NsInode {
  const fs = nsfsOf(s.kernel);
  const ns = s.task?.fs.namespace;
  const ino = kind[1] === 'mnt' && ns !== undefined && s.mm !== null ? fs.numberOf(ns, kind[2]) : kind[2];
  return fs.inode(kind[1], ino, kind[3]);
}

function placeFor(s: ProcSubject, kind: readonly [string, string, number, number]): Path {
  const inode = inodeFor(s, kind);
  const dentry = new Dentry(inode.text, null, inode);
  dentry.hashed = true;
  return new Path(nsfsOf(s.kernel).mount, dentry);
}

/** /proc/PID/ns (namespaces(7)): there is one namespace of each kind, and as many of mounts as were unshared. */
export class NsDir extends TaskDirectory {
  constructor(fs: ProcFs, s: ProcSubject) {
    super(fs, 0o511, s);
  }

  override lookup(name: string): Inode | number {
    const kind = KINDS.find((k) => k[0] === name);
    if (kind === undefined) return -ENOENT;
    const { subject } = this;
    return new TaskLink(
      this.procfs,
      subject,
      (s) => inodeFor(s, kind).text,
      (s) => placeFor(s, kind),
    );
  }

  override readdir(pos: number, emit: DirEmitter): number {
    if (!this.subject.mayInspect) return -EACCES;
    for (let i = Math.max(pos - 2, 0); i < KINDS.length; i++) {
      if (!emit(KINDS[i]![0], this.ino + i + 1, DT_LNK, i + 3)) return 0;
    }
    return 0;
  }
}
