import {
  E2BIG,
  EEXIST,
  ENODATA,
  ENOSPC,
  XATTR_CREATE,
  XATTR_NAME_POSIX_ACL_ACCESS,
  XATTR_NAME_POSIX_ACL_DEFAULT,
  XATTR_REPLACE,
  XATTR_SIZE_MAX,
} from '@sandbox/abi';
import { Acl, isAclName } from '../core/acl.js';
import {
  ATTR_ATIME,
  ATTR_GID,
  ATTR_MODE,
  ATTR_MTIME,
  ATTR_SIZE,
  ATTR_UID,
  Inode,
  type NewInode,
  type SetAttr,
} from '../core/inode.js';
import type { TmpfsFileSystem } from './tmpfs.js';

/** Extended attributes, and what is known of access control lists among them. */
class Xattrs {
  readonly values = new Map<string, Uint8Array>();
  acl: Acl | null = null;
  hasAcl = false;

  /** `name` changed. */
  note(name: string): void {
    if (!isAclName(name)) return;
    const access = this.values.get(XATTR_NAME_POSIX_ACL_ACCESS);
    const parsed = access === undefined ? null : Acl.parse(access);
    this.acl = typeof parsed === 'number' ? null : parsed;
    this.hasAcl = this.acl !== null || this.values.has(XATTR_NAME_POSIX_ACL_DEFAULT);
  }
}

/** What all tmpfs inodes share: attributes, times, extended attributes. */
export class TmpfsInode extends Inode {
  private xattrs: Xattrs | null = null;

  constructor(
    readonly tmpfs: TmpfsFileSystem,
    init: NewInode,
  ) {
    super(tmpfs);
    this.ino = tmpfs.freshIno();
    this.mode = init.mode;
    this.uid = init.uid;
    this.gid = init.gid;
    this.rdev = init.rdev;
    const clock = tmpfs.env.clock;
    const sec = clock.now();
    const nsec = clock.nsec;
    this.atimeSec = this.mtimeSec = this.ctimeSec = this.btimeSec = sec;
    this.atimeNsec = this.mtimeNsec = this.ctimeNsec = this.btimeNsec = nsec;
  }

  override setattr(a: SetAttr): number {
    const valid = a.valid;
    const { quotas } = this.tmpfs;
    if (quotas !== null && (valid & (ATTR_UID | ATTR_GID)) !== 0) {
      const uid = (valid & ATTR_UID) !== 0 ? a.uid : this.uid;
      const gid = (valid & ATTR_GID) !== 0 ? a.gid : this.gid;
      const e = quotas.transfer(this, uid, gid, this.blocks * 512);
      if (e !== 0) return e;
    }
    if ((valid & ATTR_SIZE) !== 0) {
      const e = this.setSize(a.size);
      if (e !== 0) return e;
    }
    if ((valid & ATTR_MODE) !== 0) this.mode = a.mode;
    if ((valid & ATTR_UID) !== 0) this.uid = a.uid;
    if ((valid & ATTR_GID) !== 0) this.gid = a.gid;
    if ((valid & ATTR_ATIME) !== 0) {
      this.atimeSec = a.atimeSec;
      this.atimeNsec = a.atimeNsec;
    }
    if ((valid & ATTR_MTIME) !== 0) {
      this.mtimeSec = a.mtimeSec;
      this.mtimeNsec = a.mtimeNsec;
    }
    this.touchCtime();
    return 0;
  }

  /** Change the size of the content; only regular files have one. */
  protected setSize(_size: number): number {
    return 0;
  }

  touchCtime(): void {
    const clock = this.tmpfs.env.clock;
    this.ctimeSec = clock.now();
    this.ctimeNsec = clock.nsec;
  }

  /** Content changed. */
  touchMtime(): void {
    this.touchCtime();
    this.mtimeSec = this.ctimeSec;
    this.mtimeNsec = this.ctimeNsec;
  }

  override touchAtime(sec: number, nsec: number): void {
    this.atimeSec = sec;
    this.atimeNsec = nsec;
  }

  override evict(): void {
    this.dropXattrs();
    this.tmpfs.unchargeNew(this);
  }

  // Extended attributes -------------------------------------------------------------------------------------

  override get keepsAcls(): boolean {
    return !this.isSymlink;
  }
  override get hasAcl(): boolean {
    return this.xattrs !== null && this.xattrs.hasAcl;
  }
  override get accessAcl(): Acl | null {
    return this.xattrs === null ? null : this.xattrs.acl;
  }

  override getxattr(name: string): Uint8Array | number {
    return this.xattrs?.values.get(name) ?? -ENODATA;
  }

  override setxattr(name: string, value: Uint8Array, flags: number): number {
    if (value.length > XATTR_SIZE_MAX) return -E2BIG;
    const old = this.xattrs?.values.get(name);
    if (old !== undefined && (flags & XATTR_CREATE) !== 0) return -EEXIST;
    if (old === undefined && (flags & XATTR_REPLACE) !== 0) return -ENODATA;
    const weight = xattrWeight(name, value);
    if (!this.tmpfs.chargeInodes(weight)) return -ENOSPC;
    if (old !== undefined) this.tmpfs.unchargeInodes(xattrWeight(name, old));
    this.xattrs ??= new Xattrs();
    this.xattrs.values.set(name, new Uint8Array(value));
    this.xattrs.note(name);
    this.touchCtime();
    return 0;
  }

  override listxattr(): readonly string[] | number {
    return this.xattrs === null ? [] : [...this.xattrs.values.keys()];
  }

  override removexattr(name: string): number {
    const old = this.xattrs?.values.get(name);
    if (old === undefined) return -ENODATA;
    this.tmpfs.unchargeInodes(xattrWeight(name, old));
    this.xattrs!.values.delete(name);
    this.xattrs!.note(name);
    if (this.xattrs!.values.size === 0) this.xattrs = null;
    this.touchCtime();
    return 0;
  }

  /** The lists a new file inherits from its directory. -ENOSPC: no room for them. */
  inheritAcls(init: NewInode): number {
    let e = 0;
    if (init.acl) e = this.setxattr(XATTR_NAME_POSIX_ACL_ACCESS, init.acl, 0);
    if (e === 0 && init.defaultAcl) e = this.setxattr(XATTR_NAME_POSIX_ACL_DEFAULT, init.defaultAcl, 0);
    return e;
  }

  private dropXattrs(): void {
    if (this.xattrs === null) return;
    for (const [name, value] of this.xattrs.values) this.tmpfs.unchargeInodes(xattrWeight(name, value));
    this.xattrs = null;
  }
}

/** Bytes of heap beside the inode itself, in inodes' worth (1 KiB each) of the file system's limit. */
export function heapWeight(bytes: number): number {
  return Math.floor(bytes / 1024);
}

/** Every attribute weighs something, lest many small ones be free. */
function xattrWeight(name: string, value: Uint8Array): number {
  return 1 + heapWeight(name.length + value.length);
}

/** FIFOs, sockets and device nodes: only names; opening is the business of `Vfs.special`. */
export class TmpfsNode extends TmpfsInode {}

export class TmpfsSymlink extends TmpfsInode {
  constructor(
    fs: TmpfsFileSystem,
    init: NewInode,
    private readonly target: string,
    private readonly weight: number,
  ) {
    super(fs, init);
    this.size = target.length;
  }
  override readlink(): string | number {
    return this.target;
  }
  override evict(): void {
    super.evict();
    this.tmpfs.unchargeInodes(this.weight);
  }
}
