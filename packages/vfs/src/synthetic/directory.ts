import { ENOENT, S_IFDIR, S_IFMT } from '@sandbox/abi';
import type { DirEmitter, Inode } from '../core/inode.js';
import type { SyntheticFileSystem } from './filesystem.js';
import { SyntheticInode } from './inode.js';

/** Positions of children that `list` makes up begin here; fixed children come before. */
export const DYNAMIC_POS = 0x10000;

/** A directory with fixed children, added and removed by code; guests cannot create in it (EPERM). */
export class SyntheticDirectory extends SyntheticInode {
  protected readonly children = new Map<string, Inode>();

  /** @param permissions permission bits, 0o555 as a rule. */
  constructor(fs: SyntheticFileSystem, permissions = 0o555) {
    super(fs, S_IFDIR | permissions);
    this.nlink = 2;
  }

  /** Put `inode` under `name` (a byte string), replacing what was there. May be done while mounted. */
  add<T extends Inode>(name: string, inode: T): T {
    this.delete(name);
    this.children.set(name, inode);
    if (inode.isDirectory) this.nlink++;
    return inode;
  }

  /** Take `name` out. False when it was not there. */
  delete(name: string): boolean {
    const old = this.children.get(name);
    if (old === undefined) return false;
    this.children.delete(name);
    if (old.isDirectory) this.nlink--;
    return true;
  }

  get(name: string): Inode | undefined {
    return this.children.get(name);
  }

  override lookup(name: string): Inode | number {
    return this.children.get(name) ?? -ENOENT;
  }

  /** Children come and go without the tree being told. */
  override revalidate(name: string, child: Inode | null): boolean {
    return (this.children.get(name) ?? null) === child;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    let at = 2;
    for (const [name, inode] of this.children) {
      if (at >= pos && !emit(name, inode.ino, (inode.mode & S_IFMT) >> 12, at + 1)) return 0;
      at++;
    }
    return 0;
  }
}

/**
 * A directory whose further children are made up when asked for (processes, descriptors). A name is asked for
 * again at each walk: `find` must give the same inode for the same object, lest those who stand in it lose
 * their place.
 */
export abstract class DynamicDirectory extends SyntheticDirectory {
  /** The child `name`, which is none of the fixed ones: an inode, or -ENOENT. */
  protected abstract find(name: string): Inode | number;
  /**
   * Emit children from `pos` on, where `pos` counts from 0 and means whatever this directory likes (a pid, a
   * descriptor). `emit` as in `Inode.readdir`, with positions of the same counting. 0 or -errno.
   */
  protected abstract list(pos: number, emit: DirEmitter): number;

  override lookup(name: string): Inode | number {
    return this.children.get(name) ?? this.find(name);
  }

  override revalidate(name: string, child: Inode | null): boolean {
    return child !== null && this.children.get(name) === child;
  }

  override readdir(pos: number, emit: DirEmitter): number {
    let stopped = false;
    const watch: DirEmitter = (name, ino, type, next) => {
      const ok = emit(name, ino, type, next);
      if (!ok) stopped = true;
      return ok;
    };
    if (pos < DYNAMIC_POS) super.readdir(pos, watch);
    if (stopped) return 0;
    return this.list(Math.max(0, pos - DYNAMIC_POS), (name, ino, type, next) =>
      emit(name, ino, type, DYNAMIC_POS + next),
    );
  }
}
