import {
  DN_ACCESS,
  DN_ATTRIB,
  DN_CREATE,
  DN_DELETE,
  DN_MODIFY,
  DN_MULTISHOT,
  DN_RENAME,
  ENOTDIR,
  F_OWNER_PID,
  IN_ACCESS,
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  POLL_MSG,
} from '@sandbox/abi';
import {
  addReleaseListener,
  type Dentry,
  type File,
  type Inode,
  Mark,
  NotifyHub,
  type ReleaseListener,
  removeReleaseListener,
} from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { Task } from '../../process/task/task.js';
import { fileSignals, signalOwner } from '../locks/fasync.js';

/** Which events of a directory and of what lies in it each bit stands for (Linux: convert_arg). */
const EVENTS: readonly (readonly [dn: number, events: number])[] = [
  [DN_ACCESS, IN_ACCESS],
  [DN_MODIFY, IN_MODIFY],
  [DN_ATTRIB, IN_ATTRIB],
  [DN_RENAME, IN_MOVED_FROM],
  [DN_CREATE, IN_CREATE | IN_MOVED_TO],
  [DN_DELETE, IN_DELETE | IN_MOVED_FROM],
];

/**
 * What one open directory asked for with fcntl(F_NOTIFY): a signal to the file's owner when something happens
 * in it.
 */
class DirectoryMark extends Mark implements ReleaseListener {
  nextListener: ReleaseListener | null = null;

  constructor(
    private readonly kernel: KernelCore,
    private readonly hub: NotifyHub,
    inode: Inode,
    dentry: Dentry,
    readonly file: File,
    private readonly fd: number,
  ) {
    super(inode, dentry, 0);
  }

  /** It stays after the first event. */
  multishot = false;

  override tell(): void {
    signalOwner(this.kernel, fileSignals(this.file), this.fd, POLL_MSG);
    if (!this.multishot) this.drop();
  }

  override drop(): void {
    removeReleaseListener(this.file, this);
    this.hub.detach(this);
  }

  onFileReleased(): void {
    this.hub.detach(this);
  }
}

/**
 * fcntl(F_NOTIFY): `arg` holds DN_* bits, added to those before; 0 ends it. ENOTDIR. The caller becomes the
 * owner that is signalled. Without DN_MULTISHOT the first event ends it.
 */
export function notifyDirectory(t: Task, file: File, fd: number, arg: number): number {
  const path = file.path;
  if (path === null || !file.inode.isDirectory) return -ENOTDIR;
  const { kernel } = t;
  const hub = NotifyHub.of(kernel.vfs);
  const found = hub.find(file.inode, (m) => m instanceof DirectoryMark && m.file === file);
  const old = found instanceof DirectoryMark ? found : null;
  let events = 0;
  for (const [dn, mask] of EVENTS) if ((arg & dn) !== 0) events |= mask;
  if (events === 0) {
    old?.drop();
    return 0;
  }
  const owner = fileSignals(file);
  if (owner.id === 0) {
    owner.type = F_OWNER_PID;
    owner.id = t.group.pid;
    owner.uid = t.cred.uid;
    owner.euid = t.cred.euid;
  }
  const mark = old ?? new DirectoryMark(kernel, hub, file.inode, path.dentry, file, fd);
  if (old === null) {
    addReleaseListener(file, mark);
    hub.attach(mark);
  }
  mark.mask |= events;
  mark.multishot ||= (arg & DN_MULTISHOT) !== 0;
  return 0;
}
