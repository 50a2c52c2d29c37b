import { ENXIO, major, S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT } from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { File } from './file.js';
import type { Inode } from './inode.js';

/** Opens a special file: a description, or -errno. */
export type SpecialOpener = (inode: Inode, flags: number, cred: Credentials) => File | number;

/**
 * Who serves device numbers and FIFOs, whatever file system their node lies on. Filled by the kernel; a tree
 * used alone has none, and opening a special file is ENXIO.
 */
export class SpecialFiles {
  /** Named pipes. The description may answer `openPending` until the other end comes. */
  fifo: SpecialOpener | null = null;
  private readonly char = new Map<number, SpecialOpener>();
  private readonly block = new Map<number, SpecialOpener>();

  /** Serve one character device. */
  addChar(rdev: number, opener: SpecialOpener): void {
    this.char.set(rdev, opener);
  }
  /** Serve all minors of a character device major that have no opener of their own. */
  addCharMajor(majorNumber: number, opener: SpecialOpener): void {
    this.char.set(majorKey(majorNumber), opener);
  }
  addBlock(rdev: number, opener: SpecialOpener): void {
    this.block.set(rdev, opener);
  }

  open(inode: Inode, flags: number, cred: Credentials): File | number {
    switch (inode.mode & S_IFMT) {
      case S_IFIFO:
        return this.fifo === null ? inode.open(flags, cred) : this.fifo(inode, flags, cred);
      case S_IFCHR:
        return this.device(this.char, inode, flags, cred);
      case S_IFBLK:
        return this.device(this.block, inode, flags, cred);
      default:
        // Sockets cannot be opened (open(2) ENXIO).
        return -ENXIO;
    }
  }

  private device(
    table: Map<number, SpecialOpener>,
    inode: Inode,
    flags: number,
    cred: Credentials,
  ): File | number {
    const opener = table.get(inode.rdev) ?? table.get(majorKey(major(inode.rdev)));
    return opener === undefined ? inode.open(flags, cred) : opener(inode, flags, cred);
  }
}

/** Majors share the tables with full device numbers, below zero. */
function majorKey(n: number): number {
  return -1 - n;
}
