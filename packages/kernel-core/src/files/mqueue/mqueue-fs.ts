import { DT_REG, ENOENT, EPERM, MQUEUE_MAGIC, S_IFDIR, S_IFMT, S_IFREG } from '@sandbox/abi';
import type { DirEmitter, Inode, NewInode } from '@sandbox/vfs';
import { AnonFs, AnonInode } from '../../process/files/anon-inode.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import type { PosixQueue, PosixQueues } from './mqueue.js';

/** The one directory: all queues of an ipc namespace. Anybody makes queues, and removes their own. */
class MqueueRoot extends AnonInode {
  constructor(
    fs: AnonFs,
    private readonly kernel: KernelCore,
    private readonly queues: PosixQueues,
  ) {
    super(fs, S_IFDIR | 0o1777, 0, 0);
    this.nlink = 2;
  }

  override lookup(name: string): Inode | number {
    return this.queues.named(name) ?? -ENOENT;
  }

  /** Queues come and go by mq_open(3) and mq_unlink(3) too. */
  override revalidate(name: string, child: Inode | null): boolean {
    return this.lookup(name) === (child ?? -ENOENT);
  }

  override readdir(pos: number, emit: DirEmitter): number {
    let at = 2;
    for (const name of this.queues.names) {
      if (at >= pos && !emit(name, this.queues.named(name)!.ino, DT_REG, at + 1)) return 0;
      at++;
    }
    return 0;
  }

  /** A file made here is a queue with the attributes that are the default. */
  override mknod(name: string, init: NewInode): Inode | number {
    const task = this.kernel.current;
    if (task === null || (init.mode & S_IFMT) !== S_IFREG) return -EPERM;
    return this.queues.create(task, name, init.mode & 0o777, -1, -1);
  }

  override unlink(_name: string, child: Inode): number {
    this.queues.remove(child as PosixQueue);
    return 0;
  }
}

/**
 * mqueue (mq_overview(7), "Mounting the message queue filesystem"): one for an ipc namespace, however often
 * it is mounted.
 */
export class MqueueFs extends AnonFs {
  override readonly root: Inode;

  constructor(kernel: KernelCore, queues: PosixQueues) {
    super(kernel.mountEnv, 'mqueue', MQUEUE_MAGIC);
    this.source = 'mqueue';
    this.root = new MqueueRoot(this, kernel, queues);
  }
}
