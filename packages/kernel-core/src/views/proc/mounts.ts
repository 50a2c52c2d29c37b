import { POLLERR, POLLIN, POLLPRI, POLLRDNORM } from '@sandbox/abi';
import {
  type Credentials,
  type Dentry,
  devText,
  type File,
  isReachable,
  type Mount,
  type MountNamespace,
  mangle,
  Path,
  pathText,
  WaitQueue,
} from '@sandbox/vfs';
import { type Content, TextFile } from '../../pseudo/text.js';
import type { ProcFs } from './procfs.js';
import type { ProcSubject } from './subject.js';
import { TaskText } from './task-inodes.js';

/** Those who wait for changes of a namespace's mounts. */
const watchers = new WeakMap<MountNamespace, WaitQueue>();

function changesOf(ns: MountNamespace): WaitQueue {
  let queue = watchers.get(ns);
  if (queue === undefined) {
    const made = new WaitQueue();
    queue = made;
    watchers.set(ns, made);
    const before = ns.onChange;
    ns.onChange = () => {
      before?.();
      made.wake(POLLIN | POLLRDNORM | POLLERR | POLLPRI);
    };
  }
  return queue;
}

/** What `make` says of each mount that can be reached from the process's root. */
function eachMount(s: ProcSubject, make: (mount: Mount, at: string) => string): Content {
  const { task } = s;
  if (task === null || s.mm === null) return '';
  const { fs } = task;
  const lines: string[] = [];
  // By number, which is the order of their making, wherever they were moved since.
  for (const mount of [...fs.namespace.mounts].sort((a, b) => a.id - b.id)) {
    const path = new Path(mount, mount.root);
    if (isReachable(fs.root, path)) lines.push(make(mount, mangle(pathText(fs.root, path))));
  }
  return lines.join('');
}

/** Options of the mount but for ro and rw, each with a comma before it. */
function mountOptions(mount: Mount): string {
  const text = mount.optionText;
  const comma = text.indexOf(',');
  return comma < 0 ? '' : text.slice(comma);
}

function fsOptions(mount: Mount): string {
  const o = mount.fs.options;
  return o === '' ? '' : `,${o}`;
}

/** /proc/PID/mounts (fstab(5)) */
function mountsText(s: ProcSubject): Content {
  return eachMount(s, (mount, at) => {
    const access = mount.readOnly ? 'ro' : 'rw';
    const options = access + mountOptions(mount) + fsOptions(mount);
    return `${mangle(mount.source)} ${at} ${mangle(mount.fs.typeName)} ${options} 0 0\n`;
  });
}

/** Path of a dentry within its file system. */
export function insideText(dentry: Dentry): string {
  let text = '';
  for (let d: Dentry | null = dentry; d !== null && d.parent !== null; d = d.parent)
    text = `/${d.name}${text}`;
  const deleted = dentry.parent !== null && !dentry.hashed;
  return `${text === '' ? '/' : text}${deleted ? '//deleted' : ''}`;
}

/** /proc/PID/mountinfo (proc_pid_mountinfo(5)) */
function mountinfoText(s: ProcSubject): Content {
  return eachMount(s, (mount, at) => {
    const access = mount.fs.readOnly ? 'ro' : 'rw';
    return (
      `${mount.id} ${mount.parent?.id ?? mount.id} ${devText(mount.fs.dev)} ${mangle(mount.fs.rootText(mount.root) ?? insideText(mount.root))} ${at} ` +
      `${mount.optionText} ${mount.propagationText}- ${mangle(mount.fs.typeName)} ${mangle(mount.source)} ${access}${fsOptions(mount)}\n`
    );
  });
}

/** /proc/PID/mountstats */
export function mountstatsText(s: ProcSubject): Content {
  return eachMount(
    s,
    (mount, at) =>
      `device ${mangle(mount.source)} mounted on ${at} with fstype ${mangle(mount.fs.typeName)}\n`,
  );
}

/** mounts and mountinfo can be polled: POLLERR and POLLPRI after a change. */
export class MountsInode extends TaskText {
  static mounts(fs: ProcFs, s: ProcSubject): MountsInode {
    return new MountsInode(fs, 0o444, s, mountsText, false, null);
  }
  static mountinfo(fs: ProcFs, s: ProcSubject): MountsInode {
    return new MountsInode(fs, 0o444, s, mountinfoText, false, null);
  }

  override get pollable(): boolean {
    return true;
  }

  override open(flags: number, cred: Credentials): File | number {
    const ns = this.subject.task?.fs.namespace;
    const e = this.mayOpen(cred);
    if (e !== 0 || ns === undefined) return e;
    return new MountsFile(this, flags, cred, ns);
  }
}

class MountsFile extends TextFile {
  private seen: number;
  private readonly queue: WaitQueue;

  constructor(
    inode: MountsInode,
    flags: number,
    cred: Credentials,
    private readonly ns: MountNamespace,
  ) {
    super(inode, flags, cred);
    this.seen = ns.generation;
    this.queue = changesOf(ns);
  }

  override get waitQueue(): WaitQueue {
    return this.queue;
  }

  override poll(): number {
    let events = POLLIN | POLLRDNORM;
    if (this.seen !== this.ns.generation) {
      this.seen = this.ns.generation;
      events |= POLLERR | POLLPRI;
    }
    return events;
  }
}
