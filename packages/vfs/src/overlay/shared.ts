import type { Dentry } from '../core/dentry.js';
import type { Inode } from '../core/inode.js';
import type { Vfs } from '../core/ops/vfs.js';
import type { OverlayInode } from './inode.js';

/** Looked through for what is gone when this many more are known. */
const SWEEP = 1024;

/**
 * For an overlay whose layers are directories of mounted file systems: others see them too, and other
 * overlays may be made of them. So inodes of a layer do not know by what they are shown, and names that
 * change in the upper one are changes of a tree with cached names.
 */
export class SharedLayers {
  private readonly shown = new Map<Inode, WeakRef<OverlayInode>>();
  private sweepAt = SWEEP;

  constructor(
    private readonly vfs: Vfs,
    /** The upper directory; null: there is none. */
    private readonly upper: Dentry | null,
    /**
     * Roots of the layers and the work directory: a layer that holds one of them shows it to nobody (-ELOOP).
     */
    readonly traps: ReadonlySet<Inode>,
  ) {}

  inodeOf(real: Inode): OverlayInode | null {
    return this.shown.get(real)?.deref() ?? null;
  }

  remember(real: Inode, inode: OverlayInode): void {
    this.shown.set(real, new WeakRef(inode));
    if (this.shown.size < this.sweepAt) return;
    for (const [key, ref] of this.shown) if (ref.deref() === undefined) this.shown.delete(key);
    this.sweepAt = this.shown.size * 2 + SWEEP;
  }

  /** `name` in the upper directory of `dir` is not what it was. */
  changed(dir: OverlayInode, name: string): void {
    const { dcache } = this.vfs;
    const names: string[] = [];
    for (let d = dir; d.parent !== null; d = d.parent) names.push(d.name);
    let at = this.upper;
    for (let n = names.pop(); n !== undefined && at !== null; n = names.pop())
      at = dcache.find(at, n, 0, n.length, dcache.hashName(n, 0, n.length));
    if (at !== null) this.vfs.forget(at, name);
  }
}
