import type { FileSystem } from './filesystem.js';
import type { Inode } from './inode.js';
import { Inode as InodeBase } from './inode.js';

/**
 * One name in the tree (Linux: struct dentry): a cached answer of `Inode.lookup`. A *negative* dentry has no
 * inode: the name is known not to exist.
 *
 * A dentry belongs to a file system, not to a mount: bind mounts share dentries. Directories have exactly one
 * dentry while they are in use, so identity of a directory is identity of its dentry.
 */
export class Dentry {
  inode: Inode | null;
  /** Uses by open files, working directories and mounts: a pinned dentry is never evicted. */
  pins = 0;
  /** Watches that were put on its inode by this name: kept cached too, but not in use. */
  watches = 0;
  /** Cached children, negative ones included: a parent stays cached as long as its children. */
  childCount = 0;
  /** The children, as a list. */
  firstChild: Dentry | null = null;
  nextSibling: Dentry | null = null;
  prevSibling: Dentry | null = null;
  /** Mounts on top of it, over all namespaces: a quick test before asking the mount. */
  mounts = 0;
  /**
   * Reachable by lookup. False: removed or replaced, shown as "(deleted)" (Linux: d_unhashed). Roots count as
   * hashed.
   */
  hashed = false;
  /** Used since the evicting hand last came by. */
  referenced = false;
  /** Was in use when the tree it lies in was dropped: goes when it is no more. */
  lingering = false;
  /** Its inode overrides `revalidate`: cached children must be asked about. */
  volatile = false;
  /** Its inode overrides `permission`. */
  guarded = false;
  hash = 0;
  /** Distinguishes equal names in different directories within the hash table. */
  salt = 0;
  hashNext: Dentry | null = null;
  lruNext: Dentry | null = null;
  lruPrev: Dentry | null = null;

  constructor(
    public name: string,
    /** Null for the root of a file system. */
    public parent: Dentry | null,
    inode: Inode | null,
  ) {
    this.inode = inode;
    if (inode !== null) this.noteInode(inode);
  }

  /** Give a negative dentry its inode (the name was created). */
  instantiate(inode: Inode): void {
    this.inode = inode;
    this.noteInode(inode);
  }

  private noteInode(inode: Inode): void {
    this.volatile = inode.revalidate !== InodeBase.prototype.revalidate;
    this.guarded = inode.permission !== InodeBase.prototype.permission;
  }

  get isRoot(): boolean {
    return this.parent === null;
  }

  /** True when `ancestor` lies on the way from this dentry to its root, or is this dentry. */
  isWithin(ancestor: Dentry): boolean {
    let d: Dentry | null = this;
    while (d !== null) {
      if (d === ancestor) return true;
      d = d.parent;
    }
    return false;
  }
}

function isUnused(d: Dentry): boolean {
  return d.pins === 0 && d.watches === 0 && d.childCount === 0 && d.mounts === 0;
}

const FNV_PRIME = 0x01000193;

/**
 * All cached names (Linux: dcache): a hash table over (parent, name) with intrusive chains, so that a path
 * walk finds a component by its bytes within the path, without cutting it out. Bounded: behind `limit`,
 * unpinned leaves that were not used lately are dropped (second-chance order).
 */
export class DentryCache {
  private buckets: (Dentry | null)[];
  private mask: number;
  private lruHead: Dentry | null = null;
  private lruTail: Dentry | null = null;
  private nextSalt = 1;
  /** Number of hashed, non-root dentries. */
  count = 0;
  /** Above this many the hand goes round: `limit`, or more while too much is in use to get below it. */
  private evictAt: number;

  /** @param seed makes collisions unpredictable to a guest. */
  constructor(
    readonly limit: number,
    readonly seed: number,
  ) {
    this.evictAt = limit;
    this.mask = 1023;
    this.buckets = new Array(this.mask + 1).fill(null);
  }

  /** A root dentry for a file system: hashed by definition, in no table. */
  root(inode: Inode): Dentry {
    const d = new Dentry('/', null, inode);
    d.hashed = true;
    d.salt = this.freshSalt();
    return d;
  }

  /** A dentry no lookup finds, for a file without a name (O_TMPFILE). */
  unnamed(parent: Dentry, name: string, inode: Inode): Dentry {
    const d = new Dentry(name, parent, inode);
    d.salt = this.freshSalt();
    return d;
  }

  private freshSalt(): number {
    this.nextSalt = (this.nextSalt + 1) | 0;
    return Math.imul(this.nextSalt, 0x9e3779b1);
  }

  /** Hash of the bytes `path[start..end)`: what `find` and `insert` want, before the parent is mixed in. */
  hashName(path: string, start: number, end: number): number {
    let h = this.seed;
    for (let i = start; i < end; i++) h = Math.imul(h ^ path.charCodeAt(i), FNV_PRIME);
    return h;
  }

  /** The cached child of `parent` called `path[start..end)` whose `hashName` is `hash`; null when unknown. */
  find(parent: Dentry, path: string, start: number, end: number, hash: number): Dentry | null {
    const h = mix(hash, parent.salt);
    let d = this.buckets[h & this.mask]!;
    while (d !== null) {
      if (d.hash === h && d.parent === parent && sameName(d.name, path, start, end)) {
        d.referenced = true;
        return d;
      }
      d = d.hashNext!;
    }
    return null;
  }

  /** Cache `name` in `parent` (which must not be cached yet). `inode` null makes it negative. */
  add(parent: Dentry, name: string, hash: number, inode: Inode | null): Dentry {
    const d = new Dentry(name, parent, inode);
    d.salt = this.freshSalt();
    this.insert(d, mix(hash, parent.salt));
    if (this.count > this.evictAt) this.evict();
    return d;
  }

  private insert(d: Dentry, hash: number): void {
    d.hash = hash;
    d.hashed = true;
    const i = hash & this.mask;
    d.hashNext = this.buckets[i]!;
    this.buckets[i] = d;
    const parent = d.parent!;
    parent.childCount++;
    d.prevSibling = null;
    d.nextSibling = parent.firstChild;
    if (parent.firstChild) parent.firstChild.prevSibling = d;
    parent.firstChild = d;
    d.lruPrev = this.lruTail;
    d.lruNext = null;
    if (this.lruTail) this.lruTail.lruNext = d;
    else this.lruHead = d;
    this.lruTail = d;
    this.count++;
    if (this.count > this.mask * 2 && this.mask < 0xfffff) this.growTable();
  }

  private growTable(): void {
    const old = this.buckets;
    this.mask = this.mask * 4 + 3;
    const buckets: (Dentry | null)[] = new Array(this.mask + 1).fill(null);
    for (let d of old) {
      while (d !== null) {
        const next: Dentry | null = d.hashNext;
        const i = d.hash & this.mask;
        d.hashNext = buckets[i]!;
        buckets[i] = d;
        d = next;
      }
    }
    this.buckets = buckets;
  }

  /**
   * Take `d` out of the cache: later lookups of the name ask the file system. No effect when it is not
   * hashed.
   */
  drop(d: Dentry): void {
    if (!d.hashed || d.parent === null) return;
    d.hashed = false;
    const i = d.hash & this.mask;
    let at = this.buckets[i]!;
    if (at === d) this.buckets[i] = d.hashNext;
    else {
      while (at.hashNext !== d) at = at.hashNext!;
      at.hashNext = d.hashNext;
    }
    d.hashNext = null;
    if (d.lruPrev) d.lruPrev.lruNext = d.lruNext;
    else this.lruHead = d.lruNext;
    if (d.lruNext) d.lruNext.lruPrev = d.lruPrev;
    else this.lruTail = d.lruPrev;
    d.lruPrev = null;
    d.lruNext = null;
    if (d.prevSibling) d.prevSibling.nextSibling = d.nextSibling;
    else d.parent.firstChild = d.nextSibling;
    if (d.nextSibling) d.nextSibling.prevSibling = d.prevSibling;
    d.nextSibling = null;
    d.prevSibling = null;
    d.parent.childCount--;
    this.count--;
  }

  /**
   * Nobody finds `d` any more, and what is cached below it and not in use goes with it (Linux: d_invalidate).
   * Mount points stay.
   */
  dropTree(d: Dentry): void {
    if (d.mounts > 0) return;
    this.dropUnused(d);
    this.drop(d);
  }

  private dropUnused(d: Dentry): void {
    let child = d.firstChild;
    while (child !== null) {
      const next: Dentry | null = child.nextSibling;
      this.dropUnused(child);
      if (isUnused(child)) this.drop(child);
      else child.lingering = true;
      child = next;
    }
  }

  /**
   * A use of `d`, which is lingering, has ended: it goes when that was the last, and so do the directories it
   * kept.
   */
  useEnded(d: Dentry): void {
    for (let at: Dentry | null = d; at?.lingering && isUnused(at); at = at.parent) this.drop(at);
  }

  /** The name was removed: an unused dentry becomes negative, one in use is dropped and keeps its inode. */
  removed(d: Dentry): void {
    if (isUnused(d)) d.inode = null;
    else this.drop(d);
  }

  /** rename(2): `d` is now called `name` in `parent`. */
  move(d: Dentry, parent: Dentry, name: string): void {
    this.drop(d);
    d.name = name;
    d.parent = parent;
    this.insert(d, mix(this.hashName(name, 0, name.length), parent.salt));
  }

  /** RENAME_EXCHANGE: the two swap places. */
  exchange(a: Dentry, b: Dentry): void {
    const parent = a.parent!;
    const name = a.name;
    const bParent = b.parent!;
    const bName = b.name;
    this.drop(a);
    this.drop(b);
    a.hashed = b.hashed = false;
    a.parent = bParent;
    a.name = bName;
    b.parent = parent;
    b.name = name;
    this.insert(a, mix(this.hashName(bName, 0, bName.length), bParent.salt));
    this.insert(b, mix(this.hashName(name, 0, name.length), parent.salt));
  }

  /** Drop unused leaves until an eighth of the room is free; gives up after looking at each dentry twice. */
  private evict(): void {
    const target = this.limit - (this.limit >>> 3);
    let looks = this.count * 2;
    while (this.count > target && looks-- > 0) {
      const d = this.lruHead;
      if (d === null) break;
      if (d.referenced || d.pins > 0 || d.watches > 0 || d.childCount > 0 || d.mounts > 0) {
        d.referenced = false;
        this.toTail(d);
      } else this.drop(d);
    }
    this.evictAt = Math.max(this.limit, this.count + (this.limit >>> 3));
  }

  private toTail(d: Dentry): void {
    if (this.lruTail === d) return;
    if (d.lruPrev) d.lruPrev.lruNext = d.lruNext;
    else this.lruHead = d.lruNext;
    d.lruNext!.lruPrev = d.lruPrev;
    d.lruPrev = this.lruTail;
    d.lruNext = null;
    this.lruTail!.lruNext = d;
    this.lruTail = d;
  }

  /** Forget every unused dentry of `fs`, which is going away. */
  prune(fs: FileSystem): void {
    // Parents were cached before their children, mostly: backwards, one pass frees nearly all. What is left
    // grows old.
    for (let pass = 0, dropped = 1; pass < 8 && dropped > 0; pass++) {
      dropped = 0;
      let d = this.lruTail;
      while (d !== null) {
        const prev: Dentry | null = d.lruPrev;
        if (d.pins === 0 && d.childCount === 0 && d.mounts === 0 && (d.inode ?? d.parent!.inode)?.fs === fs) {
          this.drop(d);
          dropped++;
        }
        d = prev;
      }
    }
  }
}

function mix(hash: number, salt: number): number {
  const h = Math.imul(hash ^ salt, 0x85ebca6b);
  return h ^ (h >>> 15);
}

function sameName(name: string, path: string, start: number, end: number): boolean {
  const n = name.length;
  if (n !== end - start) return false;
  for (let i = 0; i < n; i++) if (name.charCodeAt(i) !== path.charCodeAt(start + i)) return false;
  return true;
}
