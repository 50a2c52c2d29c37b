import {
  EINVAL,
  ENOTTY,
  EPERM,
  ESRCH,
  NS_GET_NSTYPE,
  NS_GET_OWNER_UID,
  NS_GET_PARENT,
  NS_GET_USERNS,
  NSFS_MAGIC,
  O_RDONLY,
  S_IFREG,
} from '@sandbox/abi';
import { Dentry, File, type Inode, type IoctlCaller, Mount, type MountNamespace } from '@sandbox/vfs';
import { PseudoFs, PseudoInode } from '../../pseudo/inode.js';
import { installFile } from '../files/install.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import { PidTable } from '../kernel/pid-table.js';
import { Slot } from '../kernel/slot.js';
import type { Task } from '../task/task.js';
import { TASK_ZOMBIE } from '../task/task-state.js';
import {
  type CgroupNamespace,
  type IpcNamespace,
  NetNamespace,
  type TimeNamespace,
  type UtsNamespace,
} from './namespaces.js';
import { UserNamespace } from './user-ns.js';

/** What a link of /proc/PID/ns leads to: how it is spelled, and the object itself. */
export interface NsHandle {
  readonly kind: string;
  readonly flag: number;
  readonly ino: number;
  readonly userNs: UserNamespace;
  readonly object:
    | UserNamespace
    | PidTable
    | MountNamespace
    | UtsNamespace
    | IpcNamespace
    | NetNamespace
    | CgroupNamespace
    | TimeNamespace;
}

function handle(object: Exclude<NsHandle['object'], MountNamespace>): NsHandle {
  const { kind, flag, ino, userNs } = object;
  return { kind, flag, ino, userNs, object };
}

function mountHandle(kernel: KernelCore, object: MountNamespace): NsHandle {
  return { ...kernel.namespaces.mountNamespace(object), object };
}

/** Links of /proc/PID/ns. Null: there is nothing behind it (yet). */
export const NAMESPACE_LINKS: readonly (readonly [string, (t: Task) => NsHandle | null])[] = [
  ['cgroup', (t) => handle(t.nsSet.cgroup)],
  ['ipc', (t) => handle(t.nsSet.ipc)],
  ['mnt', (t) => mountHandle(t.kernel, t.fs.namespace)],
  ['net', (t) => handle(t.nsSet.net)],
  ['pid', (t) => handle(t.pids)],
  [
    'pid_for_children',
    (t) =>
      t.nsSet.pidForChildren.init || !t.nsSet.pidForChildren.parent ? handle(t.nsSet.pidForChildren) : null,
  ],
  ['time', (t) => handle(t.nsSet.time)],
  ['time_for_children', (t) => handle(t.nsSet.timeForChildren)],
  ['user', (t) => handle(t.cred.userNs)],
  ['uts', (t) => handle(t.nsSet.uts)],
];

/** nsfs: what the links lead to. */
class NsFs extends PseudoFs {
  readonly typeName = 'nsfs';
  readonly root: Inode;
  readonly mount: Mount;
  private readonly known = new WeakMap<object, NsInode>();

  constructor(readonly kernel: KernelCore) {
    super(kernel.mountEnv, NSFS_MAGIC);
    this.source = 'nsfs';
    this.root = new NsInode(this, handle(kernel.namespaces.initial.uts));
    const dentry = new Dentry('/', null, this.root);
    dentry.hashed = true;
    this.mount = new Mount(0, this, dentry, 0);
    this.mount.pins++;
  }

  override get bindable(): boolean {
    return true;
  }

  override mountMade(mount: Mount): void {
    if (mount.root.inode instanceof NsInode) mount.root.inode.hold();
  }
  override mountEnded(mount: Mount): void {
    if (mount.root.inode instanceof NsInode) mount.root.inode.drop();
  }

  inode(of: NsHandle): NsInode {
    let inode = this.known.get(of.object);
    if (inode === undefined) {
      inode = new NsInode(this, of);
      this.known.set(of.object, inode);
    }
    return inode;
  }
}

export class NsInode extends PseudoInode {
  constructor(
    readonly nsfs: NsFs,
    readonly ns: NsHandle,
  ) {
    super(nsfs, S_IFREG | 0o444, ns.ino);
  }

  /** A file or mount stands for the namespace, until `drop`. */
  hold(): void {
    if (this.ns.object instanceof NetNamespace) this.ns.object.hold();
  }
  drop(): void {
    if (this.ns.object instanceof NetNamespace) this.ns.object.drop();
  }

  get text(): string {
    return `${this.ns.kind}:[${this.ino}]`;
  }

  override open(flags: number): File | number {
    return new NsFile(this, flags);
  }
}

/** A handle on a namespace (ioctl_ns(2)). */
class NsFile extends File {
  constructor(
    readonly nsInode: NsInode,
    flags: number,
  ) {
    super(nsInode, flags);
    nsInode.hold();
  }

  override release(): void {
    this.nsInode.drop();
  }

  override get label(): string {
    return this.nsInode.text;
  }

  override ioctl(cmd: number, arg: number, caller: IoctlCaller): number {
    const { ns, nsfs } = this.nsInode;
    const task = caller.task as Task;
    switch (cmd) {
      case NS_GET_NSTYPE:
        return ns.flag;
      case NS_GET_USERNS: {
        const owner = ns.object instanceof UserNamespace ? ns.object.parent : ns.userNs;
        return owner === null ? -EPERM : open(task, nsfs, handle(owner), owner);
      }
      case NS_GET_PARENT: {
        const { object } = ns;
        if (object instanceof UserNamespace)
          return object.parent === null ? -EPERM : open(task, nsfs, handle(object.parent), object.parent);
        if (!(object instanceof PidTable)) return -EINVAL;
        // Only what lies within one's own is told.
        if (object.parent === null || !object.parent.isWithin(task.pids)) return -EPERM;
        return install(task, nsfs, handle(object.parent));
      }
      case NS_GET_OWNER_UID: {
        const { object } = ns;
        if (!(object instanceof UserNamespace)) return -EINVAL;
        return task.mm.store32(arg, task.cred.userNs.uids.show(object.ownerUid));
      }
      default:
        return -ENOTTY;
    }
  }
}

/** A descriptor for a user namespace, if it is the caller's or lies within. */
function open(task: Task, nsfs: NsFs, of: NsHandle, user: UserNamespace): number {
  return user.isWithin(task.cred.userNs) ? install(task, nsfs, of) : -EPERM;
}

function install(task: Task, nsfs: NsFs, of: NsHandle): number {
  return installFile(task, new NsFile(nsfs.inode(of), O_RDONLY), true);
}

/**
 * A descriptor for the namespace of `target` that /proc/PID/ns calls `kind`; -ESRCH when there is nothing
 * (any more).
 */
export function openNamespace(task: Task, target: Task, kind: string): number {
  if (target.state >= TASK_ZOMBIE) return -ESRCH;
  const of = NAMESPACE_LINKS.find((k) => k[0] === kind)?.[1](target) ?? null;
  return of === null ? -ESRCH : install(task, nsfsOf(task.kernel), of);
}

/** The namespace an open file of /proc/PID/ns stands for; null for other files. */
export function namespaceOf(file: File): NsHandle | null {
  return file instanceof NsFile ? file.nsInode.ns : null;
}

const instances = new Slot((kernel: KernelCore) => new NsFs(kernel));

/** nsfs of a kernel. Needs `mountEnv`. */
export function nsfsOf(kernel: KernelCore): NsFs {
  return instances.of(kernel);
}
