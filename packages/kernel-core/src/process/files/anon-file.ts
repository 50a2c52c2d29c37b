import { File, type Inode } from '@sandbox/vfs';

/**
 * A description made by a system call of its own (eventfd, epoll, timerfd, signalfd). All of them share one
 * inode, and seeking moves nothing (Linux: anon_inode_getfile, noop_llseek).
 */
export abstract class AnonFile extends File {
  /** The name between the brackets of /proc/pid/fd/N. */
  protected abstract readonly kind: string;

  constructor(inode: Inode, flags: number) {
    super(inode, flags);
  }

  override seek(_offset: number, _whence: number): number {
    return this.pos;
  }

  override get label(): string {
    return `anon_inode:[${this.kind}]`;
  }
}
