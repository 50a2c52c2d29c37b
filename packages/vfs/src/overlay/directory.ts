import {
  EEXIST,
  EIO,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  EXDEV,
  S_IFCHR,
  S_IFMT,
} from '@sandbox/abi';
import type { Credentials } from '../core/credentials.js';
import { DirListing, ListedDirectoryFile, ListingReader } from '../core/dir-listing.js';
import type { File } from '../core/file.js';
import type { DirEmitter, Inode, NewInode } from '../core/inode.js';
import { clearDirectory, isEmpty } from './clear.js';
import { OverlayInode } from './inode.js';
import { contentBelow, type Layers, mergedBelow, NO_LAYERS } from './layers.js';
import { isWhiteout, METACOPY } from './marks.js';
import { mergeListing } from './merge.js';
import type { OverlayFileSystem } from './overlay.js';
import { noteWhere, renameEntry } from './rename.js';

const WHITEOUT: NewInode = { mode: S_IFCHR, uid: 0, gid: 0, rdev: 0 };

/**
 * A directory of an overlay: the upper layer's, the lower layers' of the same path, or all of them merged.
 */
export class OverlayDirectory extends OverlayInode {
  /** For callers without an open description. */
  private reader: ListingReader | null = null;
  /** Lower names hidden without a mark, because the upper layer takes none. */
  private hidden: Set<string> | null = null;
  private removed = false;

  constructor(
    fs: OverlayFileSystem,
    upper: Inode | null,
    /** Lower directories that shine through, topmost first. */
    readonly lowers: readonly Inode[],
    /** Which layer each is in. */
    readonly layers: readonly number[],
    /** Where those lie, from the root of their layers; it stays when the directory is renamed. */
    readonly lowerPath: string,
    ino: number,
  ) {
    super(fs, upper, lowers[0] ?? null, ino);
    this.sync();
  }

  override sync(): void {
    super.sync();
    if (this.removed) {
      this.nlink = 0;
      return;
    }
    // How many subdirectories a merged directory has is not known: 1 says so (find(1), fts(3)).
    if (
      this.lowers !== undefined &&
      (this.upper === null ? 0 : 1) + this.lowers.length > 1 &&
      this.nlink > 0
    ) {
      this.nlink = 1;
    }
  }

  // Looking -------------------------------------------------------------------------------------------------

  override lookup(name: string): Inode | number {
    if (this.removed || this.fs.isWork(this, name)) return -ENOENT;
    if (this.upper !== null) {
      const u = this.upper.lookup(name);
      if (typeof u !== 'number') return isWhiteout(u) ? -ENOENT : this.fromUpper(name, u);
      if (u !== -ENOENT) return u;
    }
    return this.hides(name) ? -ENOENT : this.lookupLower(name);
  }

  private fromUpper(name: string, upper: Inode): Inode | number {
    const known = this.fs.shownBy(upper);
    if (known !== null) return known.named(this, name);
    if (!upper.isDirectory) return this.file(name, upper, 0, () => this.fs.upperFile(upper));
    const below = this.belowUpper(name, upper);
    return typeof below === 'number' ? below : this.merged(name, upper, below);
  }

  /** What the upper directory `upper` merges with. */
  private belowUpper(name: string, upper: Inode): Layers | number {
    if (this.fs.marks.isOpaque(upper)) return NO_LAYERS;
    const redirect = this.fs.redirectOf(upper);
    if (redirect?.startsWith('/')) return this.fs.lowersAt(redirect);
    if (this.lowers.length === 0 || this.hides(name)) return NO_LAYERS;
    return this.collect(redirect ?? name);
  }

  private lookupLower(name: string): Inode | number {
    for (let i = 0; i < this.lowers.length; i++) {
      const l = this.lowers[i]!.lookup(name);
      if (typeof l === 'number') {
        if (l === -ENOENT) continue;
        return l;
      }
      const known = this.fs.shownBy(l);
      if (known !== null) return known.named(this, name);
      if (isWhiteout(l)) return -ENOENT;
      if (!l.isDirectory) return this.file(name, l, i + 1, () => this.fs.lowerFile(l, this.layers[i]!));
      const below = this.collect(name);
      return typeof below === 'number' ? below : this.merged(name, null, below);
    }
    return -ENOENT;
  }

  /**
   * The file `real`, made by `make`; its content, where it is elsewhere, comes from lower directories `below`
   * on.
   */
  private file(name: string, real: Inode, below: number, make: () => OverlayInode): Inode | number {
    const { fs } = this;
    if (fs.shared === null || !real.isRegular || fs.marks.get(real, METACOPY) === null)
      return make().named(this, name);
    // A mark that another overlay left, whose options are not for this one.
    if (!fs.findsContent) return -EPERM;
    const dir: Layers = { lowers: this.lowers, layers: this.layers, path: this.lowerPath };
    const data = contentBelow(fs, dir, name, below, fs.redirectOf(real));
    return typeof data === 'number' ? data : make().setData(data).named(this, name);
  }

  private collect(name: string): Layers | number {
    return mergedBelow(this.fs, { lowers: this.lowers, layers: this.layers, path: this.lowerPath }, name);
  }

  private merged(name: string, upper: Inode | null, below: Layers): Inode | number {
    const { fs } = this;
    if ((upper !== null && fs.isTrap(upper)) || below.lowers.some((l) => fs.isTrap(l))) return -ELOOP;
    return fs.directory(upper, below).named(this, name);
  }

  /** Is the lower `name` hidden without a mark? */
  hides(name: string): boolean {
    return this.hidden !== null && this.hidden.has(name);
  }
  private hide(name: string): void {
    this.hidden ??= new Set();
    this.hidden.add(name);
    this.fs.keep(this);
  }

  /** Would `name` show from a lower layer if the upper one did not hide it? */
  lowerHas(name: string): boolean {
    for (const dir of this.lowers) {
      const l = dir.lookup(name);
      if (typeof l !== 'number') return !isWhiteout(l);
    }
    return false;
  }

  // Listing -------------------------------------------------------------------------------------------------

  override readdir(pos: number, emit: DirEmitter): number {
    this.reader ??= new ListingReader();
    return this.reader.read(this, pos, emit);
  }

  list(): DirListing | number {
    if (this.removed) return new DirListing();
    const { listings } = this.fs;
    const known = listings?.get(this) ?? null;
    if (known !== null) return known;
    const list = mergeListing(this);
    if (typeof list !== 'number') listings?.set(this, list);
    return list;
  }

  override open(flags: number, _cred: Credentials): File | number {
    return new ListedDirectoryFile(this, flags);
  }

  /** Nothing shows in it: 0, or -ENOTEMPTY or another -errno. */
  checkEmpty(): number {
    const list = this.list();
    if (typeof list === 'number') return list;
    return list.names.length > 0 ? -ENOTEMPTY : 0;
  }

  // Changing ------------------------------------------------------------------------------------------------

  /** The upper directory, ready to take `name`; or -errno. */
  changeable(name: string): Inode | number {
    if (this.fs.readOnly) return -EROFS;
    if (this.removed) return -ENOENT;
    if (this.fs.isWork(this, name)) return -EPERM;
    const r = this.raise();
    if (r < 0) return r;
    this.fs.listings?.drop(this);
    return this.upper!;
  }

  /** What the upper layer has under `name`: an inode, null, or -errno. */
  upperChild(name: string): Inode | null | number {
    const u = this.upper!.lookup(name);
    return u === -ENOENT ? null : u;
  }

  /** Take a whiteout out of the way. 1 when there was one, 0, or -errno. */
  uncover(name: string): number {
    if (this.hidden?.delete(name)) return 1;
    const u = this.upperChild(name);
    if (u === null) return 0;
    if (typeof u === 'number') return u;
    if (!isWhiteout(u)) return -EEXIST;
    const r = this.upper!.unlink(name, u);
    if (r === 0 && u.nlink === 0 && (this.fs.shared === null || u.pins === 0)) u.evict();
    return r < 0 ? r : 1;
  }

  /** Hide lower `name`, if there is one. 0 or -errno. */
  cover(name: string): number {
    if (!this.lowerHas(name)) return 0;
    const made = this.upper!.mknod(name, WHITEOUT);
    if ((made === -EPERM || made === -EOPNOTSUPP) && this.fs.shared === null) this.hide(name);
    else if (typeof made === 'number') return made;
    return 0;
  }

  /**
   * The upper directory `made`, now called `name`, must not merge with lower ones of that name. `moved`: it
   * came from elsewhere. 0 or -errno.
   */
  separate(name: string, made: Inode, moved: boolean): number {
    const { fs } = this;
    if (!this.lowerHas(name)) {
      // Not needed, as long as the lower layers stay what they are.
      if (this.lowers.length > 0 && (fs.marksNew || (moved && fs.shared !== null))) fs.marks.setOpaque(made);
      return 0;
    }
    const r = fs.marks.setOpaque(made);
    if (r !== -EPERM && r !== -EOPNOTSUPP) return r;
    if (fs.shared !== null) return -EIO;
    this.hide(name);
    return 0;
  }

  /** Run `make` where a whiteout of `name` may lie; put it back if that fails. */
  private replacingWhiteout(name: string, make: (upper: Inode) => Inode | number): Inode | number {
    const upper = this.changeable(name);
    if (typeof upper === 'number') return upper;
    const covered = this.uncover(name);
    if (covered < 0) return covered;
    const made = make(upper);
    if (typeof made === 'number' && covered === 1) this.cover(name);
    this.fs.changed(this, name);
    if (typeof made === 'number') return made;
    this.sync();
    return made;
  }

  override mknod(name: string, init: NewInode): Inode | number {
    // Whiteouts are ours to make.
    if (init.rdev === 0 && (init.mode & S_IFMT) === S_IFCHR) return -EPERM;
    const made = this.replacingWhiteout(name, (upper) => upper.mknod(name, init));
    if (typeof made === 'number') return made;
    if (!made.isDirectory)
      return new OverlayInode(this.fs, made, null, this.fs.upperIno(made.ino)).named(this, name);
    const r = this.separate(name, made, false);
    if (r < 0) {
      this.upper!.rmdir(name, made);
      this.cover(name);
      this.fs.changed(this, name);
      return r;
    }
    return this.fs.directory(made, NO_LAYERS).named(this, name);
  }

  override symlink(name: string, target: string, init: NewInode): Inode | number {
    const made = this.replacingWhiteout(name, (upper) => upper.symlink(name, target, init));
    if (typeof made === 'number') return made;
    return new OverlayInode(this.fs, made, null, this.fs.upperIno(made.ino)).named(this, name);
  }

  override tmpfile(init: NewInode): Inode | number {
    if (this.fs.readOnly) return -EROFS;
    if (this.removed) return -ENOENT;
    const r = this.raise();
    if (r < 0) return r;
    const made = this.upper!.tmpfile(init);
    if (typeof made === 'number') return made;
    return new OverlayInode(this.fs, made, null, this.fs.upperIno(made.ino));
  }

  override link(name: string, target: Inode): number {
    if (!(target instanceof OverlayInode)) return -EXDEV;
    const r = target.raise() || noteWhere(target, false);
    if (r < 0) return r;
    const made = this.replacingWhiteout(name, (upper) => {
      const e = upper.link(name, target.upper!);
      return e < 0 ? e : target;
    });
    if (typeof made === 'number') return made;
    target.sync();
    return 0;
  }

  override unlink(name: string, child: Inode): number {
    const upper = this.changeable(name);
    if (typeof upper === 'number') return upper;
    if (!(child instanceof OverlayInode)) return -EIO;
    const u = this.upperChild(name);
    if (typeof u === 'number') return u;
    if (u === null) {
      const r = this.cover(name);
      if (r < 0) return r;
      child.loseLowerName();
    } else {
      if (this.fs.shared === null) u.pins = child.pins;
      const r = upper.unlink(name, u);
      if (r < 0) return r;
      const covered = this.cover(name);
      if (covered < 0) {
        // Better the old file than what lay under it.
        upper.link(name, u);
        return covered;
      }
    }
    child.unlinked();
    this.fs.changed(this, name);
    this.sync();
    return 0;
  }

  override rmdir(name: string, child: Inode): number {
    const upper = this.changeable(name);
    if (typeof upper === 'number') return upper;
    if (!(child instanceof OverlayDirectory)) return -ENOTDIR;
    const empty = child.checkEmpty();
    if (empty < 0) return empty;
    const r = this.removeUpperDirectory(upper, name);
    if (r < 0) return r;
    const covered = this.cover(name);
    this.fs.changed(this, name);
    if (covered < 0) return covered;
    child.died();
    this.sync();
    return 0;
  }

  /** Remove the (in the merged view empty) directory `name` from the upper layer, whiteouts and all. */
  removeUpperDirectory(upper: Inode, name: string): number {
    const u = this.upperChild(name);
    if (u === null) return 0;
    if (typeof u === 'number') return u;
    // While it is emptied nothing may show in it (ovl_clear_empty).
    if (this.fs.shared !== null && this.lowerHas(name) && !isEmpty(u) && this.fs.marks.setOpaque(u) < 0)
      return -EIO;
    // Whiteouts are all that is left of a directory that shows nothing.
    const r = clearDirectory(u, (_name, inode) => (isWhiteout(inode) ? 0 : -ENOTEMPTY));
    if (r < 0) return r;
    const removed = upper.rmdir(name, u);
    if (removed === 0 && (this.fs.shared === null || u.pins === 0)) u.evict();
    return removed;
  }

  died(): void {
    this.removed = true;
    this.nlink = 0;
    this.fs.listings?.drop(this);
    this.fs.unkeep(this);
  }

  // Renaming ------------------------------------------------------------------------------------------------

  override rename(
    name: string,
    child: Inode,
    newDir: Inode,
    newName: string,
    target: Inode | null,
    flags: number,
  ): number {
    if (!(child instanceof OverlayInode) || !(newDir instanceof OverlayDirectory)) return -EXDEV;
    return renameEntry(this, name, child, newDir, newName, target as OverlayInode | null, flags);
  }
}
