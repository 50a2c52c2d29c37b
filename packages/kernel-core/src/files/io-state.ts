import {
  AF_UNIX,
  ANON_INODE_FS_MAGIC,
  CAP_SYS_ADMIN,
  CAP_SYS_RESOURCE,
  PIPEFS_MAGIC,
  S_IFIFO,
  S_IFSOCK,
  SOCKFS_MAGIC,
} from '@sandbox/abi';
import type { Credentials, File, MountEnvironment } from '@sandbox/vfs';
import { AnonFs, AnonInode, SharedAnonInode } from '../process/files/anon-inode.js';
import { EpollWatches } from './epoll/epoll.js';
import { PipeBuffers } from './pipe/pipe-buffers.js';
import { Fifos, makePipe } from './pipe/pipe-file.js';
import { SocketFamilies } from './socket/families.js';
import { UnixDomain, type UnixHost } from './unix/domain.js';
import { UnixFamily } from './unix/family.js';

/** What a kernel keeps for files without a file system: the pseudo file systems, and the bounds on their memory. */
export class IoState {
  readonly pipeBuffers = new PipeBuffers();
  readonly fifos = new Fifos(this.pipeBuffers);
  /** The inode all anonymous descriptions share: eventfd, epoll, timerfd... */
  readonly anonInode: AnonInode;
  readonly epollWatches = new EpollWatches();
  private lastEventId = 0;
  private readonly pipeFs: AnonFs;
  private readonly sockFs: AnonFs;

  /** Address families that need no network. */
  readonly families = new SocketFamilies();
  readonly unix: UnixDomain;

  constructor(env: MountEnvironment, host: UnixHost) {
    this.anonInode = new SharedAnonInode(new AnonFs(env, 'anon_inodefs', ANON_INODE_FS_MAGIC), 0o600, 0, 0);
    this.pipeFs = new AnonFs(env, 'pipefs', PIPEFS_MAGIC);
    this.sockFs = new AnonFs(env, 'sockfs', SOCKFS_MAGIC);
    this.unix = new UnixDomain(host, (uid, gid) => this.socketInode(uid, gid));
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
