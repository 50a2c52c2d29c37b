import {
  DT_UNKNOWN,
  EEXIST,
  EINVAL,
  EIO,
  ENOENT,
  ENOTEMPTY,
  EPERM,
  EROFS,
  EXDEV,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_RDWR,
  RENAME_NOREPLACE,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import type { DirEmitter, Inode, NewInode } from '../core/inode.js';
import { MemfsInode, sourceName } from './inode.js';
import { MemfsRegular } from './regular.js';
import { fromBytes } from './source.js';

/** A directory of the source. */
export class MemfsDirectory extends MemfsInode {
  private listing: string[] = [];
  /** Known children by the source's name, for sources without inode numbers. */
  private children: Map<string, WeakRef<MemfsInode>> | null = null;

  child(text: string): MemfsInode | undefined {
    return this.children?.get(text)?.deref();
  }
  setChild(text: string, inode: MemfsInode | null): void {
    this.children ??= new Map();
    if (inode === null) this.children.delete(text);
    else this.children.set(text, new WeakRef(inode));
  }

  /** Path of `name` in here, or -errno. */
  private pathOf(name: string): string | number {
    const child = sourceName(name);
    if (typeof child === 'number') return child;
    const path = this.path;
    if (typeof path === 'number') return path;
    return path.endsWith('/') ? path + child : `${path}/${child}`;
  }

  override lookup(name: string): Inode | number {
    const path = this.pathOf(name);
    if (typeof path === 'number') return path === -EINVAL ? -ENOENT : path;
    const r = this.fs.calls.lstat(path);
    return r < 0 ? r : this.fs.fromStat(this, name);
  }

  /** The embedder may have changed anything since. */
  override revalidate(name: string, child: Inode | null): boolean {
    const path = this.pathOf(name);
    if (typeof path === 'number') return child === null;
    const r = this.fs.calls.lstat(path);
    if (child === null) return r < 0;
    if (r < 0 || !(child instanceof MemfsInode) || child.gone || !child.isSource()) return false;
    return this.fs.fromStat(this, name) === child;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    if (pos <= 2) {
      const path = this.path;
      if (typeof path === 'number') return 0;
      const names = this.fs.calls.readdir(path);
      if (typeof names === 'number') return names;
      this.listing = names;
    }
    for (let i = Math.max(0, pos - 2); i < this.listing.length; i++) {
      const name = this.listing[i]!;
      const child = this.lookup(name);
      const type = typeof child === 'number' ? DT_UNKNOWN : (child.mode & S_IFMT) >> 12;
      const ino = typeof child === 'number' ? 1 : child.ino;
      if (!emit(name, ino, type, i + 3)) return 0;
    }
    return 0;
  }

  // Changing ------------------------------------------------------------------------------------------------

  private creatable(name: string): string | number {
    if (this.fs.readOnly) return -EROFS;
    const path = this.pathOf(name);
    if (typeof path === 'number') return path;
    const r = this.fs.chargeFile();
    return r < 0 ? r : path;
  }

  override mknod(name: string, init: NewInode): Inode | number {
    const type = init.mode & S_IFMT;
    if (type !== S_IFREG && type !== S_IFDIR) return this.fs.readOnly ? -EROFS : -EPERM;
    const path = this.creatable(name);
    if (typeof path === 'number') return path;
    const { calls } = this.fs;
    if (type === S_IFDIR) {
      const r = calls.mkdir(path, (init.mode & 0o777) | 0o700);
      return r < 0 ? r : this.born(path, name, init, -1);
    }
    const fd = calls.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, (init.mode & 0o777) | 0o600);
    return fd < 0 ? fd : this.born(path, name, init, fd);
  }

  private born(path: string, name: string, init: NewInode, fd: number): Inode | number {
    const r = this.fs.calls.lstat(path);
    const made = r < 0 ? r : this.fs.fromStat(this, name);
    if (typeof made !== 'number') made.own(init.mode, init.uid, init.gid);
    if (fd >= 0) {
      if (made instanceof MemfsRegular) made.adopt(fd);
      else this.fs.calls.close(fd);
    }
    this.touched(true);
    return typeof made !== 'number' && made.type !== (init.mode & S_IFMT) ? -EIO : made;
  }

  override symlink(name: string, target: string, init: NewInode): Inode | number {
    const text = fromBytes(target);
    if (typeof text === 'number') return text;
    const path = this.creatable(name);
    if (typeof path === 'number') return path;
    const r = this.fs.calls.symlink(text, path);
    return r < 0 ? r : this.born(path, name, init, -1);
  }

  override link(name: string, target: Inode): number {
    if (!(target instanceof MemfsInode)) return -EXDEV;
    const path = this.creatable(name);
    if (typeof path === 'number') return path;
    const from = target.path;
    if (typeof from === 'number') return from;
    const r = this.fs.calls.link(from, path);
    if (r < 0) return r;
    this.touched(true);
    return target.touched(false);
  }

  override unlink(name: string, child: Inode): number {
    return this.remove(name, child, (path) => this.fs.calls.unlink(path));
  }

  override rmdir(name: string, child: Inode): number {
    return this.remove(name, child, (path) => {
      const empty = child instanceof MemfsDirectory ? child.checkEmpty() : 0;
      return empty < 0 ? empty : this.fs.calls.rmdir(path);
    });
  }

  private remove(name: string, child: Inode, take: (path: string) => number): number {
    if (this.fs.readOnly) return -EROFS;
    const path = this.pathOf(name);
    if (typeof path === 'number') return path;
    const r = take(path);
    if (r < 0) return r;
    if (child instanceof MemfsInode) this.fs.lostName(child);
    return this.touched(true);
  }

  /** Sources do not all refuse to replace or remove a directory that is in use. */
  private checkEmpty(): number {
    const path = this.path;
    if (typeof path === 'number') return path;
    const names = this.fs.calls.readdir(path);
    if (typeof names === 'number') return names;
    return names.length > 0 ? -ENOTEMPTY : 0;
  }

  /**
   * memfs forgets to count a replaced file's links and to look into a replaced directory, so nothing is ever
   * replaced.
   */
  private makeWay(target: Inode, path: string): number {
    const { calls } = this.fs;
    if (!(target instanceof MemfsDirectory)) return calls.unlink(path);
    return target.checkEmpty() || calls.rmdir(path);
  }

  /** memfs renames what a link points to, so a link is made anew. */
  private moveLink(from: string, to: string): number {
    const { calls } = this.fs;
    const target = calls.readlink(from);
    if (typeof target === 'number') return target;
    const text = fromBytes(target);
    if (typeof text === 'number') return text;
    return calls.symlink(text, to) || calls.unlink(from);
  }

  override rename(
    name: string,
    child: Inode,
    newDir: Inode,
    newName: string,
    target: Inode | null,
    flags: number,
  ): number {
    if (this.fs.readOnly) return -EROFS;
    if ((flags & ~RENAME_NOREPLACE) !== 0) return -EINVAL;
    if (!(newDir instanceof MemfsDirectory) || !(child instanceof MemfsInode)) return -EXDEV;
    const from = this.pathOf(name);
    const to = newDir.pathOf(newName);
    if (typeof from === 'number') return from;
    if (typeof to === 'number') return to;
    if (target !== null) {
      if ((flags & RENAME_NOREPLACE) !== 0) return -EEXIST;
      const r = this.makeWay(target, to);
      if (r < 0) return r;
    }
    const r = child.isSymlink ? this.moveLink(from, to) : this.fs.calls.rename(from, to);
    if (r < 0) return r;
    if (target instanceof MemfsInode) this.fs.lostName(target);
    const text = sourceName(newName);
    if (typeof text === 'string') this.fs.place(child, newDir, text);
    child.touched(false);
    newDir.touched(true);
    return this.touched(true);
  }
}
