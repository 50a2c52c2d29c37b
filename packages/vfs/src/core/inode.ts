import {
  EINVAL,
  EISDIR,
  ELOOP,
  ENODATA,
  ENODEV,
  ENOTDIR,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ETXTBSY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import type { Acl } from './acl.js';
import type { Credentials } from './credentials.js';
import type { File } from './file.js';
import type { FileSystem } from './filesystem.js';
import type { FileLocks } from './locks.js';
import type { Mappable } from './mappable.js';

/** What `Inode.setattr` is to change: bits of `SetAttr.valid`. */
export const ATTR_MODE = 1;
export const ATTR_UID = 2;
export const ATTR_GID = 4;
export const ATTR_SIZE = 8;
export const ATTR_ATIME = 16;
export const ATTR_MTIME = 32;
export const ATTR_CTIME = 64;

/**
 * Attribute changes, already checked against the caller's rights. Times are seconds and nanoseconds since the
 * epoch.
 */
export interface SetAttr {
  valid: number;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  atimeSec: number;
  atimeNsec: number;
  mtimeSec: number;
  mtimeNsec: number;
}

/** Attribute changes that change nothing yet. */
export function newSetAttr(): SetAttr {
  return {
    valid: 0,
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    atimeSec: 0,
    atimeNsec: 0,
    mtimeSec: 0,
    mtimeNsec: 0,
  };
}

/**
 * Receives directory entries; returns false to stop (its buffer is full): that entry then counts as not
 * delivered.
 */
export type DirEmitter = (name: string, ino: number, type: number, nextPos: number) => boolean;

/** What a new inode gets at birth, decided by the caller's umask, setgid rules and credentials. */
export interface NewInode {
  /** File type and permission bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Device number for S_IFCHR and S_IFBLK, as `makedev`. */
  rdev: number;
  /**
   * Values of the `system.posix_acl_*` attributes it inherits; null: none. File systems without them ignore
   * these.
   */
  acl?: Uint8Array | null;
  defaultAcl?: Uint8Array | null;
}

/**
 * A file of any type. Subclasses state what differs; every default answers with the errno Linux gives for
 * "not this kind of file". Names and link targets are *byte strings*: each UTF-16 unit is one byte (latin1),
 * so any name survives.
 *
 * Methods return a result, or a negative errno. None may throw. Permission of the caller has been checked by
 * the path walk (`VfsContext`); an inode checks only what it alone can know.
 */
export abstract class Inode {
  ino = 0;
  /** S_IF* type and permission bits. */
  mode = 0;
  uid = 0;
  gid = 0;
  /** It is known to carry no file capabilities: writing need not look (Linux: S_NOSEC). */
  withoutCaps = false;
  nlink = 1;
  rdev = 0;
  size = 0;
  /** Allocated 512-byte blocks (st_blocks). */
  blocks = 0;
  blksize = 4096;
  atimeSec = 0;
  atimeNsec = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  ctimeSec = 0;
  ctimeNsec = 0;
  btimeSec = 0;
  btimeNsec = 0;

  constructor(readonly fs: FileSystem) {}

  /** st_dev. */
  get dev(): number {
    return this.fs.dev;
  }
  get type(): number {
    return this.mode & S_IFMT;
  }
  get isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }
  get isSymlink(): boolean {
    return (this.mode & S_IFMT) === S_IFLNK;
  }
  get isRegular(): boolean {
    return (this.mode & S_IFMT) === S_IFREG;
  }

  /** Bring the attribute fields up to date where they live elsewhere. 0 or -errno. */
  getattr(): number {
    return 0;
  }
  /** Apply `attr`. 0 or -errno (EROFS, EPERM, EFBIG, ENOSPC, EISDIR/EINVAL for size of a non-file). */
  setattr(_attr: SetAttr): number {
    return -EPERM;
  }
  /**
   * A rule of its own on top of the mode bits (proc's fd directories); 0 or -EACCES. `mask`: 4 read, 2 write,
   * 1 execute.
   */
  permission(_mask: number, _cred: Credentials): number {
    return 0;
  }

  // Directories ---------------------------------------------------------------------------------------------

  /** The child `name` (never '.', '..', '' or with '/'), or -ENOENT. */
  lookup(_name: string): Inode | number {
    return -ENOTDIR;
  }
  /**
   * False when a cached answer of `lookup(name)` may be stale and must be asked again (proc, shared host
   * trees).
   */
  revalidate(_name: string, _child: Inode | null): boolean {
    return true;
  }
  /** Make a new child of any type but symlink; the name is known not to exist. Its inode, or -errno. */
  mknod(_name: string, _init: NewInode): Inode | number {
    return this.isDirectory ? -EPERM : -ENOTDIR;
  }
  symlink(_name: string, _target: string, _init: NewInode): Inode | number {
    return this.isDirectory ? -EPERM : -ENOTDIR;
  }
  /** Hard link to `target` (same file system, not a directory). 0 or -errno (EMLINK, EPERM). */
  link(_name: string, _target: Inode): number {
    return this.isDirectory ? -EPERM : -ENOTDIR;
  }
  /** Remove a non-directory child. */
  unlink(_name: string, _child: Inode): number {
    return this.isDirectory ? -EPERM : -ENOTDIR;
  }
  /** Remove an empty directory child: -ENOTEMPTY when it is not. */
  rmdir(_name: string, _child: Inode): number {
    return this.isDirectory ? -EPERM : -ENOTDIR;
  }
  /**
   * Rename child `name` to `newName` in `newDir` (same file system), replacing `target` where given, or
   * exchanging both with RENAME_EXCHANGE. Type and ancestry rules are checked by the caller; emptiness of a
   * replaced directory is not. `whiteout` (where `makesWhiteouts`): the device to leave behind under the old
   * name.
   */
  rename(
    _name: string,
    _child: Inode,
    _newDir: Inode,
    _newName: string,
    _target: Inode | null,
    _flags: number,
    _whiteout: NewInode | null,
  ): number {
    return this.isDirectory ? -EPERM : -ENOTDIR;
  }
  /** Can a name that moves away leave a whiteout (RENAME_WHITEOUT)? */
  get makesWhiteouts(): boolean {
    return false;
  }
  /** An unnamed regular file (O_TMPFILE). */
  tmpfile(_init: NewInode): Inode | number {
    return -EOPNOTSUPP;
  }
  /**
   * Entries from position `pos` (0 = start; '.' and '..' are not included, positions 0 and 1 belong to them,
   * so first real pos is 2). 0 or -errno.
   */
  readdir(_pos: number, _emit: DirEmitter): number {
    return -ENOTDIR;
  }
  /** Symlink target as a byte string, or -errno. */
  readlink(): string | number {
    return -EINVAL;
  }
  /**
   * A magic link (proc's exe, cwd, fd/N) names an object, not a path. Resolves to it, or null for an ordinary
   * symlink. The result is a `Path` (see path.ts), typed loosely here to keep this file at the bottom.
   */
  followMagic(_cred: Credentials): object | number | null {
    return null;
  }

  // Opening and content -------------------------------------------------------------------------------------

  /**
   * Open it with `flags` (O_*): an open file description, or -errno. O_CREAT, O_EXCL, O_TRUNC and permissions
   * have been dealt with. A directory may answer a subclass of `DirectoryFile`; -EISDIR gets it the plain
   * one.
   */
  open(_flags: number, _cred: Credentials): File | number {
    if (this.isSymlink) return -ELOOP;
    return this.isDirectory ? -EISDIR : -ENXIO;
  }
  /** Its pages for mmap, or null (mmap then fails with ENODEV). */
  get mappable(): Mappable | null {
    return null;
  }
  /** fallocate(2); `mode` holds FALLOC_FL_*. */
  fallocate(_mode: number, _offset: number, _length: number): number {
    return this.isRegular ? -EOPNOTSUPP : -ENODEV;
  }
  /** The last link and the last open description are gone: free the content. */
  evict(): void {}
  /** Open descriptions (and watches) that keep an unlinked inode alive. Maintained by the VFS. */
  pins = 0;
  /**
   * Open descriptions with write access; negative: how often it is being executed, so that writing is
   * ETXTBSY.
   */
  writers = 0;
  /** flock(2) and record locks, while there are any. */
  locks: FileLocks | null = null;
  /** The inode of an overlay that shows this one: one object for one file, however it is reached. */
  above: Inode | null = null;
  /** Where an observer keeps what it watches here (inotify); null: nobody watches. */
  marks: object | null = null;
  /** It keeps POSIX access control lists (acl(5)) in its `system.posix_acl_*` attributes. */
  get keepsAcls(): boolean {
    return false;
  }
  /** It has any such list: `accessAcl` and the attributes are worth a look. */
  get hasAcl(): boolean {
    return false;
  }
  /** The list that says more of who may use it than its mode. */
  get accessAcl(): Acl | null {
    return null;
  }
  /** A read happened: note the access time. Asked only when the mount's rules (relatime...) want it noted. */
  touchAtime(_sec: number, _nsec: number): void {}

  // Extended attributes (xattr(7)) --------------------------------------------------------------------------

  getxattr(_name: string): Uint8Array | number {
    return -ENODATA;
  }
  /** `flags`: XATTR_CREATE, XATTR_REPLACE. */
  setxattr(_name: string, _value: Uint8Array, _flags: number): number {
    return -EOPNOTSUPP;
  }
  listxattr(): readonly string[] | number {
    return [];
  }
  removexattr(_name: string): number {
    return -EOPNOTSUPP;
  }
}

/**
 * `inode` is being executed: it cannot be opened for writing until `allowWrite`. -ETXTBSY when it is open for
 * writing now.
 */
export function denyWrite(inode: Inode): number {
  if (inode.writers > 0) return -ETXTBSY;
  inode.writers--;
  return 0;
}

export function allowWrite(inode: Inode): void {
  inode.writers++;
}
