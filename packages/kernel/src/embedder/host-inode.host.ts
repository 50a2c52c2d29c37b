import { isatty } from 'node:tty';
import { EACCES, O_ACCMODE, S_IFCHR, S_IFIFO } from '@sandbox/abi';
import { AnonInode, ioOf } from '@sandbox/kernel-core/files';
import type { KernelCore } from '@sandbox/kernel-core/process';
import { File } from '@sandbox/vfs';

/**
 * Inode of a descriptor of the embedder's. Opened anew (/dev/stdin, /proc/self/fd/1) it leads to the same
 * descriptor.
 */
export class HostInode extends AnonInode {
  constructor(
    kernel: KernelCore,
    private readonly fd: number,
    private readonly make: (inode: HostInode, flags: number) => File,
    private readonly access: number,
  ) {
    super(ioOf(kernel).hostFs, isatty(fd) ? S_IFCHR | 0o620 : S_IFIFO | 0o600, 0, 0);
  }

  override open(flags: number): File | number {
    return (flags & O_ACCMODE) === this.access ? this.make(this, flags) : -EACCES;
  }

  get label(): string {
    return `host:[${this.fd}]`;
  }
}

/** Counts the guests' files that are open on a descriptor; `idle` is called when there are none any more. */
export class HostUsers {
  private count = 0;
  constructor(private readonly idle: () => void) {}

  add(): void {
    this.count++;
  }
  drop(): void {
    if (--this.count === 0) this.idle();
  }
}

/** A guest's file for a descriptor of the embedder's, whichever way bytes go. */
export abstract class HostDescriptorFile extends File {
  constructor(
    private readonly node: HostInode,
    flags: number,
    private readonly users: HostUsers | null,
  ) {
    super(node, flags);
    users?.add();
  }

  override release(): void {
    this.users?.drop();
  }
  override get label(): string {
    return this.node.label;
  }
}
