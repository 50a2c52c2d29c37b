import {
  AF_UNIX,
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
  PIPEFS_MAGIC,
  S_IFIFO,
  S_IFSOCK,
  SOCKFS_MAGIC,
} from '@sandbox/abi';
import type { Credentials, File } from '@sandbox/vfs';
import { AnonFs, AnonInode } from '../process/files/anon-inode.js';
import type { KernelCore } from '../process/kernel/kernel-core.js';
import { Slot } from '../process/kernel/slot.js';
import { EpollWatches } from './epoll/epoll.js';
import { PipeBuffers } from './pipe/pipe-buffers.js';
import { Fifos, makePipe } from './pipe/pipe-file.js';
import { SocketFamilies } from './socket/families.js';
import { UnixDomain } from './unix/domain.js';
import { UnixFamily } from './unix/family.js';

/** Pipes, sockets and other files without a file system. Needs `kernel.mountEnv`. */
export function ioOf(kernel: KernelCore): IoState {
  return states.of(kernel);
}

const states = new Slot((kernel: KernelCore) => new IoState(kernel));

/**
 * What a kernel keeps for files without a file system: the pseudo file systems, and the bounds on their
 * memory.
 */
export class IoState {
  readonly pipeBuffers = new PipeBuffers();
  readonly fifos = new Fifos(this.pipeBuffers);
  readonly epollWatches = new EpollWatches();
  private lastEventId = 0;
  private readonly pipeFs: AnonFs;
  private readonly sockFs: AnonFs;

  /** Address families that need no network. */
  readonly families = new SocketFamilies();
  readonly unix: UnixDomain;

  constructor(kernel: KernelCore) {
    const env = kernel.mountEnv;
    this.pipeFs = new AnonFs(env, 'pipefs', PIPEFS_MAGIC);
    this.sockFs = new AnonFs(env, 'sockfs', SOCKFS_MAGIC);
    this.unix = new UnixDomain(kernel, (uid, gid) => this.socketInode(uid, gid));
    this.families.register(AF_UNIX, new UnixFamily(this.unix));
  }

  /** pipe(2): both ends into `ends`, reading end first. 0 or -ENFILE. */
  makePipe(cred: Credentials, flags: number, ends: File[]): number {
    const inode = new AnonInode(this.pipeFs, S_IFIFO | 0o600, cred.fsuid, cred.fsgid);
    const privileged = cred.capable(CAP_SYS_RESOURCE) || cred.capable(CAP_SYS_ADMIN);
    return makePipe(inode, this.pipeBuffers, cred.fsuid, privileged, flags, ends);
  }

  /** An inode for a socket of any family. */
  socketInode(uid: number, gid: number): AnonInode {
    return new AnonInode(this.sockFs, S_IFSOCK | 0o777, uid, gid);
  }

  /** Inode of a nameless file that is no pipe; `mode` says what it looks like. */
  hostInode(mode: number): AnonInode {
    return new AnonInode(this.pipeFs, mode, 0, 0);
  }

  /** Where inodes of the embedder's descriptors lie. */
  get hostFs(): AnonFs {
    return this.pipeFs;
  }

  nextEventId(): number {
    return this.lastEventId++;
  }
}
