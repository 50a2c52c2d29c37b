import {
  E2BIG,
  EFAULT,
  EINVAL,
  ENODEV,
  EPERM,
  POLLERR,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from '@sandbox/abi';
import { type Credentials, type File, type IoBuf, WaitQueue } from '@sandbox/vfs';
import type { Mover } from '../../process/cgroup/attach.js';
import type { Cgroup } from '../../process/cgroup/cgroup.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { type Content, TextFile, TextInode } from '../../pseudo/text.js';
import type { CgroupFs } from './fs.js';
import type { CgroupFileRow } from './row.js';

/** The most one write takes. */
const WRITE_MAX = 4096;
const BUSY = POLLERR | POLLPRI;

/** A file in the directory of a group. */
export class CgroupFile extends TextInode {
  /** Counts its changes that pollers hear of. */
  generation = 0;
  readonly queue = new WaitQueue();
  /** Its controller has been taken from the group. */
  withdrawn = false;
  readonly kernel: KernelCore;
  readonly procsFile: Mover['procsFile'];

  constructor(
    fs: CgroupFs,
    readonly cgroup: Cgroup,
    readonly row: CgroupFileRow,
  ) {
    const writable = row.store !== null && (cgroup.parent !== null || row.onRoot === 'same');
    super(fs, (row.show === null ? 0 : 0o444) | (writable ? 0o200 : 0));
    this.kernel = fs.kernel;
    this.procsFile = fs.procsFile;
    this.uid = cgroup.uid;
    this.gid = cgroup.gid;
  }

  get gone(): boolean {
    return this.withdrawn || this.cgroup.dead;
  }

  override content(): Content {
    if (this.gone) return -ENODEV;
    return this.row.show?.(this.cgroup, this.kernel) ?? -EINVAL;
  }

  /** What pollers wait for has happened. */
  changed(): void {
    this.generation++;
    this.queue.wake(BUSY);
  }

  /** Writes `text` for `opener` (cgroup_file_write). 0 or -errno. */
  take(text: string, opener: Mover): number {
    const { cgroup, kernel, row } = this;
    if (this.gone) return -ENODEV;
    const isNamespaceRoot = opener.root === cgroup && opener.root !== kernel.cgroups.root;
    if (kernel.cgroups.nsDelegate && !row.delegated && isNamespaceRoot) return -EPERM;
    // Its limits are the embedder's.
    if (cgroup.fixed && row.controller !== 0) return -EPERM;
    if (row.store === null || (cgroup.parent === null && row.onRoot !== 'same')) return -EINVAL;
    return row.store(cgroup, text, kernel, opener);
  }

  override open(flags: number, cred: Credentials): File | number {
    return new OpenCgroupFile(this, flags, cred, this.kernel.currentNs.cgroup.root);
  }
}

class OpenCgroupFile extends TextFile {
  /** `generation` when it was read last. */
  private seen = -1;
  private readonly by: Mover;

  constructor(
    private readonly file: CgroupFile,
    flags: number,
    cred: Credentials,
    root: Cgroup,
  ) {
    super(file, flags, cred);
    this.by = { cred, root, procsFile: file.procsFile };
  }

  override get waitQueue(): WaitQueue {
    return this.file.queue;
  }

  override get positionedWrites(): boolean {
    return true;
  }

  override poll(): number {
    const events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
    return this.file.gone || this.seen !== this.file.generation ? events | BUSY : events;
  }

  override read(io: IoBuf, offset: number): number {
    if (this.file.gone) return -ENODEV;
    this.seen = this.file.generation;
    return super.read(io, offset);
  }

  override write(io: IoBuf, _offset: number): number {
    const { remaining } = io;
    if (remaining > WRITE_MAX) return -E2BIG;
    const bytes = Buffer.alloc(remaining);
    if (io.get(bytes, 0, remaining) < remaining) return -EFAULT;
    if (this.file.gone) return -ENODEV;
    if (remaining === 0) return 0;
    const text = bytes.toString('latin1');
    const end = text.indexOf('\0');
    const e = this.file.take((end < 0 ? text : text.slice(0, end)).trim(), this.by);
    return e < 0 ? e : remaining;
  }
}
