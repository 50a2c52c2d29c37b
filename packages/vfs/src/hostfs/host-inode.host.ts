import {
  AT_EMPTY_PATH,
  EACCES,
  EINVAL,
  ENODATA,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESTALE,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  S_ISGID,
  S_ISUID,
  S_ISVTX,
  UTIME_OMIT,
} from '@sandbox/abi';
import {
  hostClose,
  hostFchmodat,
  hostFchownat,
  hostGetxattr,
  hostListxattr,
  hostRemovexattr,
  hostSetxattr,
  hostStatx,
  hostUtimensat,
  xattrBytes,
} from '@sandbox/native';
import {
  ATTR_ATIME,
  ATTR_GID,
  ATTR_MODE,
  ATTR_MTIME,
  ATTR_SIZE,
  ATTR_UID,
  Inode,
  type SetAttr,
} from '../core/inode.js';
import {
  type GuestAttributes,
  guestAttributes,
  PRIVATE_PREFIX,
  readGuestAttributes,
  readGuestAttributesAt,
  removeGuestAttributes,
  writeGuestAttributes,
} from './guest-attributes.host.js';
import type { HostDirectory } from './host-directory.host.js';
import type { HostFileSystem } from './hostfs.host.js';
import { type IdRange, toHostId } from './options.js';
import {
  fillFromStatx,
  sameHostFile,
  statxDev,
  statxGid,
  statxInoHi,
  statxInoLo,
  statxUid,
} from './statx.host.js';

/** Name of a file that has none (any more): no host file can be called so. */
const NAMELESS = '/';
/** chown(2): leave as it is. */
const KEEP = 0xffffffff;
const CAPABILITY = 'security.capability';
/** Other names of a file remembered at most. */
const MAX_ALIASES = 32;

interface Alias {
  readonly parent: HostDirectory;
  readonly name: string;
}

/**
 * A host file as an inode: identified by device and inode number, reached by the directory and name it was
 * seen under last.
 */
export abstract class HostInode extends Inode {
  readonly hostDev: number;
  readonly inoLo: number;
  readonly inoHi: number;
  parent: HostDirectory | null = null;
  name = NAMELESS;
  /** Further hard links seen. */
  private aliases: Alias[] | null = null;
  /** The attributes changed on the host through us. */
  stale = false;
  /** `fs.turn` when they were last taken from the host. */
  private seen = 0;
  private capability: Uint8Array | number | null = null;
  /** st_mode on the host. */
  hostMode = 0;
  /**
   * Who a guest gave a symbolic link to, which can keep no attributes: remembered as long as it is in memory.
   */
  private linkOwner: GuestAttributes | null = null;

  /** From the last statx. */
  constructor(
    override readonly fs: HostFileSystem,
    ino: number,
    /** S_IFMT bits shown to guests. */
    private readonly shownType: number,
  ) {
    super(fs);
    this.ino = ino;
    this.hostDev = statxDev();
    this.inoLo = statxInoLo();
    this.inoHi = statxInoHi();
  }

  /** Take the attributes of the last statx. */
  fill(): void {
    const { settings } = this.fs;
    fillFromStatx(this);
    this.hostMode = this.mode;
    if (settings.owner !== null) {
      this.uid = settings.owner.uid;
      this.gid = settings.owner.gid;
    } else {
      this.uid = this.fs.shownUid(statxUid());
      this.gid = this.fs.shownGid(statxGid());
    }
    if (this.mayHaveGuestAttributes && this.readGuestAttributes()) this.fillGuestAttributes();
    this.stale = false;
    this.seen = this.fs.turn;
  }

  /** The sticky bit, without meaning on a regular file, says that there are some. */
  private get mayHaveGuestAttributes(): boolean {
    const type = this.hostMode & S_IFMT;
    if (this.fs.settings.guestMetadata)
      return type === S_IFREG || type === S_IFDIR || this.linkOwner !== null;
    return type === S_IFREG && (this.hostMode & S_ISVTX) !== 0;
  }

  private readGuestAttributes(): boolean {
    if (this.linkOwner !== null) {
      Object.assign(guestAttributes, this.linkOwner);
      return true;
    }
    const open = this.openFd();
    if (open >= 0) return readGuestAttributes(open);
    const { access } = this.fs;
    if (this.parent === null) return this.name === '' && readGuestAttributes(access.rootFd);
    const dir = access.dirFd(this.parent);
    return dir >= 0 && readGuestAttributesAt(dir, this.name);
  }

  private fillGuestAttributes(): void {
    const { mode, uid, gid, rdev } = guestAttributes;
    if ((mode & S_IFMT) !== this.shownType) return;
    this.mode = mode;
    this.rdev = rdev;
    if (uid >= 0) this.uid = uid;
    if (gid >= 0) this.gid = gid;
  }

  /** What is known of it may be used without asking the host. */
  get fresh(): boolean {
    return !this.stale && (this.fs.exclusive || this.seen === this.fs.turn);
  }

  // Names ---------------------------------------------------------------------------------------------------

  /** It was seen (or put) in `parent` as `name`. */
  named(parent: HostDirectory, name: string): void {
    if (this.parent === parent && this.name === name) return;
    if (this.parent !== null && this.nlink > 1 && (this.mode & S_IFMT) !== S_IFDIR) {
      this.aliases ??= [];
      const known = this.aliases.some((a) => a.parent === this.parent && a.name === this.name);
      if (!known) this.aliases.push({ parent: this.parent, name: this.name });
      if (this.aliases.length > MAX_ALIASES) this.aliases.shift();
    }
    this.parent = parent;
    this.name = name;
  }

  /** That name is gone. */
  unnamed(parent: HostDirectory, name: string): void {
    const others = this.aliases?.filter((a) => a.parent !== parent || a.name !== name) ?? [];
    if (this.parent === parent && this.name === name) {
      const next = others.pop();
      this.parent = next?.parent ?? null;
      this.name = next?.name ?? NAMELESS;
    }
    this.aliases = others.length > 0 ? others : null;
  }

  /** The one name known is `parent`/`name`. */
  isLastName(parent: HostDirectory, name: string): boolean {
    return this.aliases === null && this.parent === parent && this.name === name;
  }

  // Attributes ----------------------------------------------------------------------------------------------

  /** An open descriptor of this very file, or -1. */
  abstract openFd(): number;

  override getattr(): number {
    return this.fresh ? 0 : this.refresh();
  }

  /** Ask the host. 0 or -errno. */
  refresh(): number {
    const open = this.openFd();
    if (open >= 0) return this.refreshFrom(open);
    const handle = this.fs.access.openHandle(this);
    if (handle < 0) return handle === -ESTALE && this.name === NAMELESS ? 0 : handle;
    const r = this.refreshFrom(handle);
    hostClose(handle);
    return r;
  }

  protected refreshFrom(fd: number): number {
    const r = hostStatx(fd, '', AT_EMPTY_PATH);
    if (r < 0) return r;
    if (!sameHostFile(this)) return -ESTALE;
    this.fill();
    return 0;
  }

  /** Run `change` on a descriptor of the file (O_PATH at least) and on its path in /proc/self/fd. */
  protected withHandle(change: (fd: number, procName: string) => number): number {
    const open = this.openFd();
    if (open >= 0) return change(open, String(open));
    const handle = this.fs.access.openHandle(this);
    if (handle < 0) return handle;
    const r = change(handle, String(handle));
    hostClose(handle);
    return r;
  }

  override setattr(attr: SetAttr): number {
    if (this.fs.readOnly) return -EROFS;
    const denied = this.refused(attr);
    if (denied !== 0) return denied;
    if ((attr.valid & ATTR_SIZE) !== 0) {
      const r = this.resize(attr.size);
      if (r < 0) return r;
    }
    const r = this.withHandle((fd, procName) => this.change(attr, fd, procName));
    const after = this.refresh();
    return r < 0 ? r : after;
  }

  private refused(attr: SetAttr): number {
    if (this.fs.settings.owner === null) return 0;
    if ((attr.valid & ATTR_UID) !== 0 && attr.uid !== this.uid) return -EPERM;
    if ((attr.valid & ATTR_GID) !== 0 && attr.gid !== this.gid) return -EPERM;
    return 0;
  }

  private change(attr: SetAttr, fd: number, procName: string): number {
    const { valid } = attr;
    const owners = (valid & (ATTR_UID | ATTR_GID)) !== 0 && this.fs.settings.owner === null;
    let r = 0;
    if (this.fs.settings.guestMetadata) {
      if (owners || (valid & ATTR_MODE) !== 0) r = this.changeForGuest(attr, fd);
    } else {
      if (owners) r = this.chown(attr, fd);
      if (r === 0 && (valid & ATTR_MODE) !== 0) r = this.chmod(attr.mode, fd);
    }
    if (r === 0 && (valid & (ATTR_ATIME | ATTR_MTIME)) !== 0) {
      r = hostUtimensat(
        this.fs.access.procFd,
        procName,
        attr.atimeSec,
        (valid & ATTR_ATIME) !== 0 ? attr.atimeNsec : UTIME_OMIT,
        attr.mtimeSec,
        (valid & ATTR_MTIME) !== 0 ? attr.mtimeNsec : UTIME_OMIT,
        0,
      );
    }
    return r;
  }

  /** Mode and owners stay with the guest. */
  private changeForGuest(attr: SetAttr, fd: number): number {
    const { valid } = attr;
    return this.keepForGuest(fd, {
      mode: this.shownType | (((valid & ATTR_MODE) !== 0 ? attr.mode : this.mode) & 0o7777),
      uid: (valid & ATTR_UID) !== 0 ? attr.uid : this.uid,
      gid: (valid & ATTR_GID) !== 0 ? attr.gid : this.gid,
      rdev: this.rdev,
    });
  }

  /** Keep `a` on the file open as `fd`, and the file usable for the embedder. */
  keepForGuest(fd: number, a: GuestAttributes): number {
    const type = this.hostMode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR) {
      // The caller may use its object again.
      this.linkOwner = a.uid === this.uid && a.gid === this.gid ? null : { ...a, mode: this.mode };
      return 0;
    }
    const r = writeGuestAttributes(fd, a);
    if (r < 0) return r;
    return this.hostChmod(fd, (a.mode & 0o777) | (type === S_IFDIR ? 0o700 : 0o600));
  }

  /**
   * chmod(2) on the host, set-id bits of programs excepted: owned by the embedder, they would be a way out
   * for other users of the host.
   */
  chmod(mode: number, fd: number): number {
    const isFile = (this.hostMode & S_IFMT) === S_IFREG;
    if (!isFile || (mode & (S_ISUID | S_ISGID)) === 0) {
      if (isFile && (this.hostMode & S_ISVTX) !== 0) removeGuestAttributes(fd);
      return this.hostChmod(fd, mode & 0o7777);
    }
    const r = writeGuestAttributes(fd, { mode: S_IFREG | (mode & 0o7777), uid: -1, gid: -1, rdev: 0 });
    return r < 0 ? r : this.hostChmod(fd, (mode & 0o777) | S_ISVTX);
  }

  private hostChmod(fd: number, mode: number): number {
    const { procFd } = this.fs.access;
    return procFd < 0 ? -EOPNOTSUPP : hostFchmodat(procFd, String(fd), mode);
  }

  private chown(attr: SetAttr, fd: number): number {
    const { uidMap, gidMap } = this.fs.settings;
    const uid = (attr.valid & ATTR_UID) !== 0 ? ownerFor(uidMap, attr.uid, this.uid) : KEEP;
    const gid = (attr.valid & ATTR_GID) !== 0 ? ownerFor(gidMap, attr.gid, this.gid) : KEEP;
    if (uid < 0 || gid < 0) return -EINVAL;
    return uid === KEEP && gid === KEEP ? 0 : hostFchownat(fd, '', uid, gid, AT_EMPTY_PATH);
  }

  /** truncate(2) for files that have a size to set. */
  protected resize(_size: number): number {
    return (this.mode & S_IFMT) === S_IFDIR ? -EACCES : -EINVAL;
  }

  // Extended attributes: the user's own pass through; of the rest only what the guest's kernel must see is
  // shown. ------

  override getxattr(name: string): Uint8Array | number {
    if (name !== CAPABILITY) return isUserXattr(name) ? this.readXattr(name) : -ENODATA;
    // Every exec asks for it.
    if (this.capability !== null && this.fs.exclusive) return this.capability;
    return (this.capability = this.readXattr(name));
  }

  private readXattr(name: string): Uint8Array | number {
    let value: Uint8Array | null = null;
    const r = this.withHandle((_fd, procName) => {
      const n = hostGetxattr(`/proc/self/fd/${procName}`, name);
      if (n >= 0) value = Uint8Array.from(xattrBytes.subarray(0, n));
      return n;
    });
    return value ?? (r < 0 ? r : -ENODATA);
  }

  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const denied = this.xattrDenied(name);
    if (denied !== 0) return denied;
    this.stale = true;
    return this.withHandle((_fd, procName) => hostSetxattr(`/proc/self/fd/${procName}`, name, value, flags));
  }

  override removexattr(name: string): number {
    const denied = this.xattrDenied(name);
    if (denied !== 0) return denied;
    this.stale = true;
    return this.withHandle((_fd, procName) => hostRemovexattr(`/proc/self/fd/${procName}`, name));
  }

  private xattrDenied(name: string): number {
    if (this.fs.readOnly) return -EROFS;
    if (isUserXattr(name)) return 0;
    // File capabilities and labels are the host's to give; ACLs would speak of host ids.
    return name.startsWith('system.') ? -EOPNOTSUPP : -EPERM;
  }

  override listxattr(): readonly string[] | number {
    let names: string[] = [];
    const r = this.withHandle((_fd, procName) => {
      const n = hostListxattr(`/proc/self/fd/${procName}`);
      if (n > 0) names = xattrBytes.toString('latin1', 0, n - 1).split('\0');
      return n;
    });
    if (r < 0) return r === -EOPNOTSUPP ? [] : r;
    return names.filter((n) => isUserXattr(n) || n === CAPABILITY);
  }
}

function isUserXattr(name: string): boolean {
  return name.startsWith('user.') && !name.startsWith(PRIVATE_PREFIX);
}

/** The host id to set for guest id `id`; one without a host id can at most stay (-1 otherwise). */
function ownerFor(map: readonly IdRange[] | null, id: number, present: number): number {
  const host = toHostId(map, id);
  return host < 0 && id === present ? KEEP : host;
}

/** Symbolic links, FIFOs, sockets, device nodes: shown, never opened on the host. */
export class HostSpecial extends HostInode {
  override openFd(): number {
    return -1;
  }
}
