import {
  AT_EMPTY_PATH,
  AT_NO_AUTOMOUNT,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  DT_REG,
  DT_UNKNOWN,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOTEMPTY,
  EPERM,
  EROFS,
  ESTALE,
  FULL_MINOR,
  MEM_MAJOR,
  makedev,
  NULL_MINOR,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  PTMX_MINOR,
  RANDOM_MINOR,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  TTY_MINOR,
  TTYAUX_MAJOR,
  URANDOM_MINOR,
  ZERO_MINOR,
} from '@sandbox/abi';
import {
  hostClose,
  hostFchownat,
  hostLinkat,
  hostMkdirat,
  hostMknodat,
  hostOpenat,
  hostRenameat2,
  hostStatx,
  hostSymlinkat,
  hostUnlinkat,
} from '@sandbox/native';
import type { Credentials } from '../core/credentials.js';
import { DirListing, ListedDirectoryFile, ListingReader } from '../core/dir-listing.js';
import type { File } from '../core/file.js';
import type { DirEmitter, Inode, NewInode } from '../core/inode.js';
import { writeGuestAttributes } from './guest-attributes.host.js';
import { badName } from './host-access.host.js';
import type { HostFd } from './host-fds.host.js';
import { HostInode } from './host-inode.host.js';
import { HostRegular } from './host-regular.host.js';
import { HostSymlink } from './host-symlink.host.js';
import { readListing } from './listing.host.js';
import { toHostId } from './options.js';
import { sameBirth, sameHostFile } from './statx.host.js';

const STAT_FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
const CREATE = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
const OPEN_LISTED = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

/**
 * Devices that are open to everybody on any host. A node of another one, made for a guest, would open that
 * device of the host to whoever there reaches the directory, with the mode the guest chose.
 */
const ANYBODYS: ReadonlySet<number> = new Set([
  makedev(MEM_MAJOR, NULL_MINOR),
  makedev(MEM_MAJOR, ZERO_MINOR),
  makedev(MEM_MAJOR, FULL_MINOR),
  makedev(MEM_MAJOR, RANDOM_MINOR),
  makedev(MEM_MAJOR, URANDOM_MINOR),
  makedev(TTYAUX_MAJOR, TTY_MINOR),
  makedev(TTYAUX_MAJOR, PTMX_MINOR),
]);

/** A host directory. Children are reached by one name below its descriptor. */
export class HostDirectory extends HostInode {
  dirFd: HostFd | null = null;
  /** Its content belongs to the host's kernel (a mounted /proc, /sys): it is shown empty. */
  hidden = false;
  /** For callers without an open description. */
  private reader: ListingReader | null = null;

  override openFd(): number {
    return this.dirFd?.open ? this.dirFd.fd : -1;
  }

  override lookup(name: string): Inode | number {
    const bad = badName(name);
    if (bad !== 0) return bad;
    if (this.hidden || this.nlink === 0) return -ENOENT;
    const dir = this.fs.access.dirFd(this);
    if (dir < 0) return dir;
    const r = hostStatx(dir, name, STAT_FLAGS);
    return r < 0 ? r : this.fs.fromStatx(this, name);
  }

  // Reading -------------------------------------------------------------------------------------------------

  /** All entries now, or -errno. */
  list(): DirListing | number {
    if (this.hidden) return new DirListing();
    const dir = this.fs.access.dirFd(this);
    if (dir < 0) return dir;
    if (this.dirFd?.open) {
      const list = readListing(dir, this);
      if (list !== -EBADF) return list;
    }
    // Held only by an O_PATH descriptor: the root, or a directory the host lets us search but not list.
    const fd = hostOpenat(dir, '.', OPEN_LISTED, 0);
    if (fd < 0) return fd;
    const list = readListing(fd, this);
    hostClose(fd);
    return list;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    this.reader ??= new ListingReader();
    return this.reader.read(this, pos, emit);
  }

  listedIno(lo: number, hi: number): number {
    return this.fs.guestIno(this.hostDev, lo, hi);
  }
  /** Whether an ordinary file stands for a device only looking at it tells. */
  listedType(type: number): number {
    return type === DT_REG && this.fs.settings.guestMetadata ? DT_UNKNOWN : type;
  }

  override open(flags: number, _cred: Credentials): File | number {
    if (!this.hidden) {
      // Readable by the guest's rules; whether by the host's too shows only now.
      const dir = this.fs.access.dirFd(this);
      if (dir < 0) return dir;
    }
    return new ListedDirectoryFile(this, flags);
  }

  // Changing ------------------------------------------------------------------------------------------------

  /** A descriptor to change the directory by, or -errno. */
  private changeable(name: string): number {
    if (this.fs.readOnly) return -EROFS;
    const bad = badName(name);
    if (bad !== 0) return bad;
    if (this.hidden) return -EPERM;
    this.stale = true;
    return this.fs.access.dirFd(this);
  }

  override mknod(name: string, init: NewInode): Inode | number {
    const dir = this.changeable(name);
    if (dir < 0) return dir;
    switch (init.mode & S_IFMT) {
      case S_IFREG:
        return this.createFile(dir, name, init);
      case S_IFDIR: {
        const r = hostMkdirat(dir, name, 0o700);
        return r < 0 ? r : this.born(dir, name, init);
      }
      default:
        return this.fs.settings.guestMetadata
          ? this.createStandIn(dir, name, init)
          : this.createSpecial(dir, name, init);
    }
  }

  private createSpecial(dir: number, name: string, init: NewInode): Inode | number {
    const type = init.mode & S_IFMT;
    // An overlay's whiteout is a mark, not a device.
    const isMark = type === S_IFCHR && init.rdev === 0;
    const isAnybodys = type === S_IFCHR && ANYBODYS.has(init.rdev);
    if (type !== S_IFIFO && type !== S_IFSOCK && !isMark && !isAnybodys) return -EPERM;
    const r = hostMknodat(dir, name, isMark ? S_IFCHR : type | 0o600, isAnybodys ? init.rdev : 0);
    return r < 0 ? r : this.born(dir, name, init);
  }

  /** An ordinary file in place of a device, FIFO or socket, which only guests take for one. */
  private createStandIn(dir: number, name: string, init: NewInode): Inode | number {
    const fd = hostOpenat(dir, name, CREATE, 0o600);
    if (fd < 0) return fd;
    const r = writeGuestAttributes(fd, init);
    hostClose(fd);
    if (r < 0) hostUnlinkat(dir, name, 0);
    return r < 0 ? r : this.born(dir, name, init);
  }

  private createFile(dir: number, name: string, init: NewInode): Inode | number {
    const fd = hostOpenat(dir, name, CREATE, 0o600);
    if (fd < 0) return fd;
    const made = this.born(dir, name, init);
    if (made instanceof HostRegular) made.adopt(fd);
    else hostClose(fd);
    return made;
  }

  /** Give the new `name` its owner and mode; its inode, or -errno and the name is gone again. */
  private born(dir: number, name: string, init: NewInode): Inode | number {
    const r = hostStatx(dir, name, STAT_FLAGS);
    if (r < 0) return r;
    const made = this.fs.fromStatx(this, name);
    if (made.type !== (init.mode & S_IFMT)) return -ESTALE;
    const e = this.setBirth(made, init);
    if (e < 0) {
      hostUnlinkat(dir, name, made.isDirectory ? AT_REMOVEDIR : 0);
      this.fs.forget(made);
      return e;
    }
    return made;
  }

  private setBirth(made: HostInode, init: NewInode): number {
    const handle = this.fs.access.openHandle(made);
    if (handle < 0) return handle;
    const r = this.dress(handle, made, init);
    hostClose(handle);
    return r < 0 ? r : made.refresh();
  }

  /** Owner and mode of the new file open as `handle`. */
  private dress(handle: number, made: HostInode, init: NewInode): number {
    const { settings } = this.fs;
    if (settings.guestMetadata) return made.keepForGuest(handle, init);
    const r = settings.owner === null ? this.giveOwner(handle, made, init) : 0;
    return r < 0 || made.isSymlink ? r : made.chmod(init.mode, handle);
  }

  override tmpfile(init: NewInode): Inode | number {
    if (this.fs.readOnly) return -EROFS;
    if (this.hidden) return -EPERM;
    const dir = this.fs.access.dirFd(this);
    if (dir < 0) return dir;
    const fd = hostOpenat(dir, '.', O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600);
    if (fd < 0) return fd;
    const r = hostStatx(fd, '', AT_EMPTY_PATH);
    const made = r < 0 ? r : this.fs.fromStatx(null, '');
    if (!(made instanceof HostRegular)) {
      hostClose(fd);
      return typeof made === 'number' ? made : -ESTALE;
    }
    made.adopt(fd);
    const e = made.pin() || this.dress(fd, made, init) || made.refresh();
    if (e < 0) made.evict();
    return e < 0 ? e : made;
  }

  /** An embedder without privileges owns what it makes, whoever the guest says it is. */
  private giveOwner(handle: number, made: HostInode, init: NewInode): number {
    if (init.uid === made.uid && init.gid === made.gid) return 0;
    const { uidMap, gidMap } = this.fs.settings;
    const uid = toHostId(uidMap, init.uid);
    const gid = toHostId(gidMap, init.gid);
    if (uid < 0 || gid < 0) return -EINVAL;
    const r = hostFchownat(handle, '', uid, gid, AT_EMPTY_PATH);
    return r === -EPERM && !this.fs.privileged ? 0 : r;
  }

  override symlink(name: string, target: string, init: NewInode): Inode | number {
    const dir = this.changeable(name);
    if (dir < 0) return dir;
    const r = hostSymlinkat(target, dir, name);
    if (r < 0) return r;
    const made = this.born(dir, name, init);
    if (made instanceof HostSymlink) made.remember(target);
    return made;
  }

  override link(name: string, target: Inode): number {
    const dir = this.changeable(name);
    if (dir < 0) return dir;
    if (!(target instanceof HostInode)) return -EINVAL;
    const r =
      target.parent === null
        ? this.linkUnnamed(dir, name, target)
        : this.linkNamed(name, target, target.parent);
    if (r < 0) return r;
    target.nlink++;
    target.named(this, name);
    target.stale = true;
    if (target instanceof HostRegular) target.unpin();
    return 0;
  }

  private linkNamed(name: string, target: HostInode, parent: HostDirectory): number {
    const from = this.fs.access.dirFd(parent);
    return from < 0 ? from : hostLinkat(from, target.name, this.fs.access.dirFd(this), name, 0);
  }

  /** An O_TMPFILE file gets its name. */
  private linkUnnamed(dir: number, name: string, target: HostInode): number {
    const fd = target.openFd();
    if (fd < 0) return -ENOENT;
    return hostLinkat(this.fs.access.procFd, String(fd), dir, name, AT_SYMLINK_FOLLOW);
  }

  override unlink(name: string, child: Inode): number {
    return this.remove(name, child, 0);
  }

  override rmdir(name: string, child: Inode): number {
    return this.remove(name, child, AT_REMOVEDIR);
  }

  private remove(name: string, child: Inode, flags: number): number {
    const dir = this.changeable(name);
    if (dir < 0) return dir;
    if (child instanceof HostRegular) {
      const r = child.beforeUnlink(this, name);
      if (r < 0) return r;
    }
    const r = hostUnlinkat(this.fs.access.dirFd(this), name, flags);
    if (r === 0 && child instanceof HostInode) this.gone(name, child, flags !== 0);
    return r;
  }

  /** `child` lost `name` here. */
  private gone(name: string, child: HostInode, isDirectory: boolean): void {
    child.nlink = isDirectory ? 0 : Math.max(0, child.nlink - 1);
    child.unnamed(this, name);
    child.stale = child.nlink > 0;
    if (child.nlink === 0) this.fs.forget(child);
  }

  override rename(
    name: string,
    child: Inode,
    newDir: Inode,
    newName: string,
    target: Inode | null,
    flags: number,
  ): number {
    if ((flags & ~(RENAME_EXCHANGE | RENAME_NOREPLACE)) !== 0) return -EINVAL;
    if (!(newDir instanceof HostDirectory) || !(child instanceof HostInode)) return -EINVAL;
    const exchange = (flags & RENAME_EXCHANGE) !== 0;
    const to = newDir.changeable(newName);
    if (to < 0) return to;
    const from = this.changeable(name);
    if (from < 0) return from;
    if (!exchange && target instanceof HostRegular) {
      const r = target.beforeUnlink(newDir, newName);
      if (r < 0) return r;
    }
    const { access } = this.fs;
    const r = hostRenameat2(access.dirFd(this), name, access.dirFd(newDir), newName, flags);
    if (r < 0) return r === -EEXIST && target !== null && target.isDirectory ? -ENOTEMPTY : r;
    if (target instanceof HostInode) {
      if (exchange) {
        target.unnamed(newDir, newName);
        target.named(this, name);
        target.stale = true;
      } else newDir.gone(newName, target, target.isDirectory);
    }
    child.unnamed(this, name);
    child.named(newDir, newName);
    child.stale = true;
    return 0;
  }

  override evict(): void {
    if (this.dirFd !== null) this.fs.access.fds.close(this.dirFd);
    this.dirFd = null;
    this.reader = null;
  }
}

/** A directory others change too: what was found under a name must be asked for again. */
export class SharedHostDirectory extends HostDirectory {
  override revalidate(name: string, child: Inode | null): boolean {
    if (this.hidden) return child === null;
    if (child instanceof HostInode && child.fresh && child.parent === this && child.name === name)
      return true;
    const dir = this.fs.access.dirFd(this);
    if (dir < 0) return false;
    const r = hostStatx(dir, name, STAT_FLAGS);
    if (child === null) return r === -ENOENT;
    if (r < 0 || !(child instanceof HostInode) || !sameHostFile(child) || !sameBirth(child)) return false;
    child.named(this, name);
    child.fill();
    return true;
  }
}
