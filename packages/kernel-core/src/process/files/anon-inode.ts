import { ANON_INODE_FS_MAGIC, EINVAL, EOPNOTSUPP, S_IFMT } from '@sandbox/abi';
import {
  ATTR_GID,
  ATTR_MODE,
  ATTR_SIZE,
  ATTR_UID,
  FileSystem,
  type FsStats,
  Inode,
  type MountEnvironment,
  type SetAttr,
  simpleStats,
} from '@sandbox/vfs';

/** An inode without a name: what pipes, sockets, eventfds and the like have for fstat(2). */
export class AnonInode extends Inode {
  constructor(fs: AnonFs, mode: number, uid: number, gid: number) {
    super(fs);
    this.ino = fs.nextIno();
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    const clock = fs.env.clock;
    this.atimeSec = this.mtimeSec = this.ctimeSec = this.btimeSec = clock.now();
    this.atimeNsec = this.mtimeNsec = this.ctimeNsec = this.btimeNsec = clock.nsec;
  }

  /** fchmod and fchown work on pipes and sockets; a size is none of theirs (ftruncate(2) EINVAL). */
  override setattr(attr: SetAttr): number {
    if (attr.valid & ATTR_SIZE) return -EINVAL;
    if (attr.valid & ATTR_MODE) this.mode = (this.mode & S_IFMT) | (attr.mode & 0o7777);
    if (attr.valid & ATTR_UID) this.uid = attr.uid;
    if (attr.valid & ATTR_GID) this.gid = attr.gid;
    return 0;
  }
}

/**
 * The inode eventfds, epoll instances and their like share: nobody may change it (Linux: anon_inode_setattr).
 */
class SharedAnonInode extends AnonInode {
  override setattr(): number {
    return -EOPNOTSUPP;
  }
}

/**
 * A file system that is never mounted (Linux: pipefs, sockfs, anon_inodefs): it gives anonymous files a
 * device number and inode numbers.
 */
export class AnonFs extends FileSystem {
  private lastIno = 0;
  readonly root: Inode;

  constructor(
    env: MountEnvironment,
    readonly typeName: string,
    readonly magic: number,
  ) {
    super(env);
    this.root = new AnonInode(this, 0o40555, 0, 0);
  }

  nextIno(): number {
    return ++this.lastIno;
  }

  statfs(): FsStats {
    return simpleStats(this.magic);
  }
}

/** The one inode of anon_inodefs. */
export function sharedAnonInode(env: MountEnvironment): AnonInode {
  return new SharedAnonInode(new AnonFs(env, 'anon_inodefs', ANON_INODE_FS_MAGIC), 0o600, 0, 0);
}
