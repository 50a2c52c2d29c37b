import {
  CAP_SYS_ADMIN,
  CONSOLE_MINOR,
  EBUSY,
  EIO,
  ENODEV,
  ENXIO,
  makedev,
  O_NOCTTY,
  PTMX_MINOR,
  TTY_MINOR,
  TTYAUX_MAJOR,
  UNIX98_PTY_SLAVE_MAJOR,
} from '@sandbox/abi';
import {
  type Credentials,
  type File,
  type FsContext,
  type Inode,
  KERNEL_CREDENTIALS,
  OPEN_ONLY_FLAGS,
  Path,
  type SpecialFiles,
} from '@sandbox/vfs';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { Slot } from '../../process/kernel/slot.js';
import { Devpts, PtmxInode, PtsInode } from './devpts.js';
import { acquireOnOpen, controllingTty } from './job-control.js';
import { PtyMasterFile } from './pty-master-file.js';
import type { Tty } from './tty.js';
import { TtyFile } from './tty-file.js';

export const TTY_RDEV = makedev(TTYAUX_MAJOR, TTY_MINOR);
export const CONSOLE_RDEV = makedev(TTYAUX_MAJOR, CONSOLE_MINOR);
export const PTMX_RDEV = makedev(TTYAUX_MAJOR, PTMX_MINOR);
/** The terminals of one kernel: opening of all terminal devices. */
export class Ttys {
  /** What /dev/ptmx makes terminals in, and what is mounted at /dev/pts. */
  private instance: Devpts | null = null;
  /** What /dev/console is: the embedder's first terminal. */
  console: Tty | null = null;
  /** Terminals in all instances. */
  count = 0;
  /** sysctl kernel.pty.max, and how many of them the first instance keeps for itself. */
  max = 4096;
  reserve = 1024;

  constructor(readonly kernel: KernelCore) {}

  get devpts(): Devpts {
    return (this.instance ??= new Devpts(this));
  }

  /** Serve the terminal devices' numbers. */
  register(special: SpecialFiles): void {
    special.addChar(TTY_RDEV, this.openCurrent);
    special.addChar(CONSOLE_RDEV, this.openConsole);
    special.addChar(PTMX_RDEV, this.openMaster);
    special.addCharMajor(UNIX98_PTY_SLAVE_MAJOR, this.openSlave);
  }

  /** /dev/tty: the caller's controlling terminal. */
  private readonly openCurrent = (inode: Inode, flags: number, cred: Credentials): File | number => {
    const task = this.kernel.current;
    const tty = task === null ? null : controllingTty(task.group);
    return tty === null ? -ENXIO : this.open(tty, inode, flags, cred);
  };

  private readonly openConsole = (inode: Inode, flags: number, cred: Credentials): File | number => {
    return this.console === null ? -ENODEV : this.open(this.console, inode, flags | O_NOCTTY, cred);
  };

  /** /dev/ptmx: a new pseudo-terminal. */
  private readonly openMaster = (inode: Inode, flags: number, cred: Credentials): File | number => {
    const devpts = inode instanceof PtmxInode ? inode.devpts : this.devpts;
    const pts = devpts.create(cred);
    return typeof pts === 'number' ? pts : new PtyMasterFile(inode, flags, pts.tty.master);
  };

  /** A node of /dev/pts. The same device number elsewhere leads nowhere. */
  private readonly openSlave = (inode: Inode, flags: number, cred: Credentials): File | number => {
    return inode instanceof PtsInode ? this.open(inode.tty, inode, flags, cred) : -EIO;
  };

  private open(tty: Tty, inode: Inode, flags: number, cred: Credentials): File | number {
    if (tty.master.closed || tty.master.locked) return -EIO;
    if (tty.exclusive && tty.files.size > 0 && !cred.capable(CAP_SYS_ADMIN)) return -EBUSY;
    const file = new TtyFile(inode, flags, tty);
    acquireOnOpen(tty, this.kernel.current, file, flags);
    return file;
  }

  /**
   * The instance whose nodes a process at `ctx` sees in /dev/pts; the first one where none is mounted there.
   */
  instanceAt(ctx: FsContext): Devpts {
    const at = this.kernel.vfs.resolve(ctx, KERNEL_CREDENTIALS, null, '/dev/pts');
    return typeof at !== 'number' && at.mount.fs instanceof Devpts ? at.mount.fs : this.devpts;
  }

  /**
   * Open the slave of `tty` whatever its node's rights are and wherever `ctx` has it mounted (TIOCGPTPEER, a
   * new program's terminal).
   */
  openPeer(tty: Tty, flags: number, ctx: FsContext, cred: Credentials): File | number {
    const { vfs } = this.kernel;
    const mount = ctx.namespace.mounts.find((m) => m.fs === tty.devpts && m.root === m.fs.rootDentry);
    if (mount === undefined) {
      const node = tty.devpts.nodes.get(tty.index);
      return node === undefined ? -EIO : this.open(tty, node, flags & ~OPEN_ONLY_FLAGS, cred);
    }
    const at = new Path(mount, mount.root);
    const file = vfs.open(ctx, KERNEL_CREDENTIALS, at, String(tty.index), flags, 0);
    if (typeof file !== 'number') file.cred = cred;
    return file;
  }

  /** The master of `tty` is closed. */
  remove(tty: Tty): void {
    this.count--;
    tty.devpts.remove(tty);
    if (this.console === tty) this.console = null;
  }
}

const instances = new Slot((kernel: KernelCore) => new Ttys(kernel));

/** The terminals of a kernel. */
export function ttysOf(kernel: KernelCore): Ttys {
  return instances.of(kernel);
}
