import {
  CONSOLE_MINOR,
  FULL_MINOR,
  KMSG_MINOR,
  MEM_MAJOR,
  MISC_MAJOR,
  makedev,
  NULL_MINOR,
  PTMX_MINOR,
  RANDOM_MINOR,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  TTY_MINOR,
  TTYAUX_MAJOR,
  URANDOM_MINOR,
  ZERO_MINOR,
} from '@sandbox/abi';
import { type FileSystem, type MountEnvironment, type NewInode, TmpfsFileSystem } from '@sandbox/vfs';
import { ttysOf } from '../../files/tty/ttys.js';
import { UserfaultDevice } from '../../files/userfaultfd/device.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { KmsgFile } from './kmsg.js';
import { FullFile, NullFile, ZeroFile } from './memory-devices.js';
import { RandomFile } from './random-device.js';

/** Of the numbers given to miscellaneous devices as they come. */
const USERFAULTFD_MINOR = 257;
const RANDOM_RDEV = makedev(MEM_MAJOR, RANDOM_MINOR);

/** Nodes of /dev: name, mode, device number. */
const NODES: readonly (readonly [string, number, number])[] = [
  ['null', 0o666, makedev(MEM_MAJOR, NULL_MINOR)],
  ['zero', 0o666, makedev(MEM_MAJOR, ZERO_MINOR)],
  ['full', 0o666, makedev(MEM_MAJOR, FULL_MINOR)],
  ['random', 0o666, RANDOM_RDEV],
  ['urandom', 0o666, makedev(MEM_MAJOR, URANDOM_MINOR)],
  ['userfaultfd', 0o600, makedev(MISC_MAJOR, USERFAULTFD_MINOR)],
  ['kmsg', 0o644, makedev(MEM_MAJOR, KMSG_MINOR)],
  ['tty', 0o666, makedev(TTYAUX_MAJOR, TTY_MINOR)],
  ['console', 0o600, makedev(TTYAUX_MAJOR, CONSOLE_MINOR)],
  ['ptmx', 0o666, makedev(TTYAUX_MAJOR, PTMX_MINOR)],
];

const LINKS: readonly (readonly [string, string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
];

/** Mount points within /dev. */
const DIRECTORIES: readonly (readonly [string, number])[] = [
  ['pts', 0o755],
  ['shm', 0o1777],
  ['mqueue', 0o1777],
];

/** Serve the device numbers, so that a node made by mknod(2) anywhere is the same device. Once per kernel. */
export function registerDevices(kernel: KernelCore): void {
  const { special } = kernel.vfs;
  special.addChar(makedev(MEM_MAJOR, NULL_MINOR), (inode, flags) => new NullFile(inode, flags));
  special.addChar(makedev(MEM_MAJOR, ZERO_MINOR), (inode, flags) => new ZeroFile(inode, flags));
  special.addChar(makedev(MEM_MAJOR, FULL_MINOR), (inode, flags) => new FullFile(inode, flags));
  special.addChar(makedev(MEM_MAJOR, KMSG_MINOR), (inode, flags) => new KmsgFile(inode, flags, kernel.log));
  special.addChar(
    makedev(MISC_MAJOR, USERFAULTFD_MINOR),
    (inode, flags) => new UserfaultDevice(inode, flags),
  );
  for (const minor of [RANDOM_MINOR, URANDOM_MINOR]) {
    special.addChar(
      makedev(MEM_MAJOR, minor),
      (inode, flags) => new RandomFile(inode, flags, kernel, minor === RANDOM_MINOR),
    );
  }
  ttysOf(kernel).register(special);
}

/** A tmpfs that holds device nodes and goes by the name of devtmpfs. */
class Devtmpfs extends TmpfsFileSystem {
  override readonly typeName = 'devtmpfs';

  constructor(env: MountEnvironment) {
    super(env, { mode: 0o755 });
    this.source = 'devtmpfs';
  }
}

/** /dev. Registers the devices' drivers as well. */
export function devfs(kernel: KernelCore): FileSystem {
  registerDevices(kernel);
  const fs = new Devtmpfs(kernel.mountEnv);
  const { root } = fs;
  const init: NewInode = { mode: 0, uid: 0, gid: 0, rdev: 0 };
  for (const [name, mode, rdev] of NODES) root.mknod(name, { ...init, mode: S_IFCHR | mode, rdev });
  for (const [name, target] of LINKS) root.symlink(name, target, { ...init, mode: S_IFLNK | 0o777 });
  for (const [name, mode] of DIRECTORIES) root.mknod(name, { ...init, mode: S_IFDIR | mode });
  return fs;
}

/** /dev/pts: where the kernel's terminals have their nodes. */
export function devpts(kernel: KernelCore): FileSystem {
  return ttysOf(kernel).devpts;
}

/** /dev/shm. */
export function devShm(kernel: KernelCore): FileSystem {
  return new TmpfsFileSystem(kernel.mountEnv, { mode: 0o1777, size: kernel.limits.memory / 2 });
}
