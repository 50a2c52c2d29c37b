import {
  EAGAIN,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EXDEV,
  MAXSYMLINKS,
  MS_NOSYMFOLLOW,
  NAME_MAX,
  PATH_MAX,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
} from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { Dentry, DentryCache } from './dentry.js';
import type { FsContext } from './fs-context.js';
import type { Inode } from './inode.js';
import type { Mount } from './mount.js';
import { Path } from './path.js';
import { MAY_EXEC, permission } from './permission.js';
import type { Protection } from './protection.js';

/** Follow a symbolic link in the last component. */
export const LOOKUP_FOLLOW = 1;
/** The result must be a directory. */
export const LOOKUP_DIRECTORY = 2;
/** An empty path means the starting point itself (AT_EMPTY_PATH). */
export const LOOKUP_EMPTY = 4;
/** Bits of openat2(2)'s `resolve`, shifted out of the way: `flags | (resolve << LOOKUP_RESOLVE_SHIFT)`. */
export const LOOKUP_RESOLVE_SHIFT = 8;
export const LOOKUP_NO_XDEV = 0x1 << 8;
export const LOOKUP_NO_MAGICLINKS = 0x2 << 8;
export const LOOKUP_NO_SYMLINKS = 0x4 << 8;
export const LOOKUP_BENEATH = 0x8 << 8;
export const LOOKUP_IN_ROOT = 0x10 << 8;
export const LOOKUP_CACHED = 0x20 << 8;
const LOOKUP_SCOPED = LOOKUP_BENEATH | LOOKUP_IN_ROOT;

/** What the last component of a path is (`Walk.lastType`). */
export const LAST_NORM = 0;
/** The path had none: it was all slashes. */
export const LAST_ROOT = 1;
export const LAST_DOT = 2;
export const LAST_DOTDOT = 3;

/** `Walk.enter`: a symbolic link was opened; walk on with `parents`. */
export const WALK_LINK = 1;

/**
 * From this length on a part of a string holds on to the whole of it: a name in a directory must not keep a
 * path of 4 KiB in memory.
 */
const SLICED = 13;
const scratch = Buffer.alloc(PATH_MAX);

function copyOf(name: string): string {
  return scratch.toString('latin1', 0, scratch.write(name, 'latin1'));
}

const SLASH = 47;
const DOT = 46;

/**
 * The state of one path walk (Linux: nameidata; path_resolution(7)). Reused, so that a walk over cached names
 * allocates nothing.
 *
 * Use: `start`, then either `run` for a whole path, or `parents` and the last component by hand (create,
 * remove, open). Errors of walking: -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EXDEV (resolve
 * flags), and what lookup or readlink of a file system report.
 */
export class Walk {
  mount!: Mount;
  /** Where the walk stands. After `parents`: the directory holding the last component. */
  dentry!: Dentry;
  lastType = LAST_NORM;
  /** Slashes follow the last component. */
  trailing = false;
  flags = 0;
  private cred!: Credentials;
  private rootMount!: Mount;
  private rootDentry!: Dentry;
  /** The walk has come to need the root: an absolute path, '..', a scoped lookup (nd->root.mnt). */
  private rootKnown = false;
  private path = '';
  private pos = 0;
  private lastStart = 0;
  private lastEnd = 0;
  private lastHash = 0;
  private links = 0;
  /** Remainders of paths whose walk was interrupted by a symbolic link. */
  private depth = 0;
  private readonly stackPath: string[] = [];
  private readonly stackPos: number[] = [];

  constructor(
    private readonly cache: DentryCache,
    private readonly protection: Protection,
  ) {}

  get inode(): Inode {
    return this.dentry.inode!;
  }

  /** The last component as a string of its own. */
  get lastName(): string {
    const name = this.path.slice(this.lastStart, this.lastEnd);
    return name.length < SLICED ? name : copyOf(name);
  }

  /** Set out from `at` (null: the working directory) or the root. 0 or -errno. */
  start(ctx: FsContext, cred: Credentials, at: Path | null, path: string, flags: number): number {
    this.cred = cred;
    this.flags = flags;
    this.path = path;
    this.pos = 0;
    this.links = 0;
    this.depth = 0;
    this.trailing = false;
    if (path.length >= PATH_MAX) return -ENAMETOOLONG;
    if (path.length === 0 && (flags & LOOKUP_EMPTY) === 0) return -ENOENT;
    const base = at ?? ctx.cwd;
    this.rootKnown = (flags & LOOKUP_SCOPED) !== 0 || path.charCodeAt(0) === SLASH;
    if ((flags & LOOKUP_SCOPED) !== 0) {
      this.rootMount = base.mount;
      this.rootDentry = base.dentry;
    } else {
      this.rootMount = ctx.root.mount;
      this.rootDentry = ctx.root.dentry;
    }
    if (path.charCodeAt(0) === SLASH) {
      if ((flags & LOOKUP_BENEATH) !== 0) return -EXDEV;
      if ((flags & LOOKUP_IN_ROOT) !== 0 && !isDirectory(base.dentry)) return -ENOTDIR;
      this.mount = this.rootMount;
      this.dentry = this.rootDentry;
      return 0;
    }
    this.mount = base.mount;
    this.dentry = base.dentry;
    if (path.length !== 0 && !isDirectory(base.dentry)) return -ENOTDIR;
    return 0;
  }

  /** Walk the whole path: `mount`, `dentry` are then the result, which exists. 0 or -errno. */
  run(): number {
    for (;;) {
      let e = this.parents();
      if (e !== 0) return e;
      e = this.finish();
      if (e !== WALK_LINK) return e;
    }
  }

  /** Take the last component as its type says. 0, WALK_LINK or -errno. */
  private finish(): number {
    let e = 0;
    if (this.lastType === LAST_NORM) {
      if (this.trailing) this.flags |= LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
      const d = this.lookupLast();
      if (typeof d === 'number') return d;
      e = this.enter(d, (this.flags & LOOKUP_FOLLOW) !== 0);
      if (e !== 0) return e;
    } else if (this.lastType === LAST_DOTDOT) {
      e = this.up();
      if (e !== 0) return e;
    }
    if ((this.flags & LOOKUP_DIRECTORY) !== 0 && !isDirectory(this.dentry)) return -ENOTDIR;
    return 0;
  }

  /** '.', '..' or the bare root as the last component of an open. 0 or -errno. */
  finishDots(): number {
    return this.lastType === LAST_DOTDOT ? this.up() : 0;
  }

  /**
   * Walk all components but the last. 0 or -errno; `lastType`, `lastName`, `trailing` describe what remains.
   */
  parents(): number {
    for (;;) {
      const path = this.path;
      const len = path.length;
      let pos = this.pos;
      while (pos < len && path.charCodeAt(pos) === SLASH) pos++;
      if (pos === len) {
        if (this.depth === 0) {
          this.lastType = LAST_ROOT;
          return 0;
        }
        this.pop();
        continue;
      }
      const dir = this.dentry;
      const denied = mayWalk(dir, this.mount, this.cred);
      if (denied !== 0) return denied;
      // One pass over the component: where it ends, and its hash.
      const start = pos;
      let h = this.cache.seed;
      let c = 0;
      while (pos < len && (c = path.charCodeAt(pos)) !== SLASH) {
        h = Math.imul(h ^ c, 0x01000193);
        pos++;
      }
      const end = pos;
      while (pos < len && path.charCodeAt(pos) === SLASH) pos++;
      this.pos = pos;
      this.lastStart = start;
      this.lastEnd = end;
      this.lastHash = h;
      this.lastType = dotType(path, start, end);
      if (pos === len && this.depth === 0) {
        this.trailing = end < len;
        return 0;
      }
      const e = this.middle();
      if (e < 0) return e;
    }
  }

  /** Step into a component that is not the last. */
  private middle(): number {
    let e = 0;
    if (this.lastType === LAST_NORM) {
      const d = this.lookupLast();
      if (typeof d === 'number') return d;
      e = this.enter(d, true);
      if (e !== 0) return e;
    } else if (this.lastType === LAST_DOTDOT) {
      e = this.up();
      if (e !== 0) return e;
    }
    return isDirectory(this.dentry) ? 0 : -ENOTDIR;
  }

  /**
   * Find the last component in the present directory: a dentry (negative when the name does not exist), or
   * -errno.
   */
  lookupLast(): Dentry | number {
    const parent = this.dentry;
    const known = this.cache.find(parent, this.path, this.lastStart, this.lastEnd, this.lastHash);
    if (known !== null && (!parent.volatile || parent.inode!.revalidate(known.name, known.inode)))
      return known;
    return this.lookupSlow(parent, known);
  }

  private lookupSlow(parent: Dentry, known: Dentry | null): Dentry | number {
    if (this.lastEnd - this.lastStart > NAME_MAX) return -ENAMETOOLONG;
    if ((this.flags & LOOKUP_CACHED) !== 0) return -EAGAIN;
    const name = this.lastName;
    const found = parent.inode!.lookup(name);
    if (typeof found === 'number' && found !== -ENOENT) return found;
    const inode = typeof found === 'number' ? null : found;
    if (known !== null) {
      // Asked again: the same file keeps its dentry, and whoever works in it its place.
      if (known.inode === inode) return known;
      this.cache.drop(known);
    }
    return this.cache.add(parent, name, this.lastHash, inode);
  }

  /**
   * Stand on `d`, a child of the present directory: cross mounts, open a symbolic link. 0, WALK_LINK, or
   * -errno.
   */
  enter(d: Dentry, follow: boolean): number {
    let mount = this.mount;
    while (d.mounts > 0) {
      const over = mount.children.get(d);
      if (over === undefined) break;
      if ((this.flags & LOOKUP_NO_XDEV) !== 0) return -EXDEV;
      mount = over;
      d = over.root;
    }
    const inode = d.inode;
    if (inode === null) return -ENOENT;
    if ((inode.mode & S_IFMT) === S_IFLNK && follow) return this.openLink(mount, inode);
    this.mount = mount;
    this.dentry = d;
    return 0;
  }

  private openLink(mount: Mount, inode: Inode): number {
    if (++this.links > MAXSYMLINKS) return -ELOOP;
    // The last component, whichever link led to it: that is what a trap in a shared directory waits for.
    if (this.protection.symlinks !== 0 && this.pos === this.path.length && this.depth === 0) {
      const e = this.protection.mayFollow(this.dentry.inode!, inode, mount.credentials(this.cred));
      if (e !== 0) return e;
    }
    if ((this.flags & LOOKUP_NO_SYMLINKS) !== 0 || (mount.flags & MS_NOSYMFOLLOW) !== 0) return -ELOOP;
    mount.accessed(inode);
    const magic = inode.followMagic(this.cred);
    if (typeof magic === 'number') return magic;
    if (magic !== null) return this.jump(magic as Path);
    const target = inode.readlink();
    if (typeof target === 'number') return target;
    if (target.length === 0) return -ENOENT;
    if (target.charCodeAt(0) === SLASH) {
      if ((this.flags & LOOKUP_BENEATH) !== 0) return -EXDEV;
      // Linux compares with a root it looks up late: until something needed it, any absolute link counts as
      // leaving.
      if ((this.flags & LOOKUP_NO_XDEV) !== 0 && (!this.rootKnown || this.mount !== this.rootMount))
        return -EXDEV;
      this.rootKnown = true;
      this.mount = this.rootMount;
      this.dentry = this.rootDentry;
    }
    if (this.pos < this.path.length) this.push();
    this.path = target;
    this.pos = 0;
    return WALK_LINK;
  }

  /** Follow a magic link to the object it names. */
  private jump(to: Path): number {
    if ((this.flags & LOOKUP_NO_MAGICLINKS) !== 0) return -ELOOP;
    if ((this.flags & LOOKUP_NO_XDEV) !== 0 && to.mount !== this.mount) return -EXDEV;
    if ((this.flags & LOOKUP_SCOPED) !== 0) return -EXDEV;
    this.mount = to.mount;
    this.dentry = to.dentry;
    return 0;
  }

  private push(): void {
    this.stackPath[this.depth] = this.path;
    this.stackPos[this.depth] = this.pos;
    this.depth++;
  }

  private pop(): void {
    this.depth--;
    this.path = this.stackPath[this.depth]!;
    this.pos = this.stackPos[this.depth]!;
    this.stackPath[this.depth] = '';
  }

  /** Go to '..': stays at the root, leaves mounts by their mount point. -ENOENT, -EXDEV. */
  private up(): number {
    let mount = this.mount;
    let d = this.dentry;
    this.rootKnown = true;
    for (;;) {
      if (d === this.rootDentry && mount === this.rootMount) {
        if ((this.flags & LOOKUP_BENEATH) !== 0) return -EXDEV;
        break;
      }
      if (d !== mount.root) {
        if (d.parent !== null) d = d.parent;
        // It was moved out of what the bind mount shows, where nothing may be reached through that mount
        // (path_connected).
        if (!mount.root.isRoot && !d.isWithin(mount.root)) return -ENOENT;
        break;
      }
      if (mount.parent === null) break;
      if ((this.flags & LOOKUP_NO_XDEV) !== 0) return -EXDEV;
      d = mount.mountpoint!;
      mount = mount.parent;
    }
    this.mount = mount;
    this.dentry = d;
    return this.enterMounts();
  }

  private enterMounts(): number {
    while (this.dentry.mounts > 0) {
      const over = this.mount.children.get(this.dentry);
      if (over === undefined) break;
      if ((this.flags & LOOKUP_NO_XDEV) !== 0) return -EXDEV;
      this.mount = over;
      this.dentry = over.root;
    }
    return 0;
  }

  /** The result as a lasting object. */
  toPath(): Path {
    return new Path(this.mount, this.dentry);
  }
}

function dotType(path: string, start: number, end: number): number {
  if (path.charCodeAt(start) !== DOT) return LAST_NORM;
  if (end === start + 1) return LAST_DOT;
  return end === start + 2 && path.charCodeAt(start + 1) === DOT ? LAST_DOTDOT : LAST_NORM;
}

function isDirectory(d: Dentry): boolean {
  return d.inode !== null && (d.inode.mode & S_IFMT) === S_IFDIR;
}

/** Search permission on a directory, with the common case first. */
function mayWalk(d: Dentry, mount: Mount, cred: Credentials): number {
  const inode = d.inode!;
  if ((inode.mode & 0o111) === 0o111 && !d.guarded && !inode.hasAcl) return 0;
  return permission(inode, MAY_EXEC, mount.credentials(cred));
}
