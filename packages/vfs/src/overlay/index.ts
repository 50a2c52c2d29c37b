import { EPERM, S_IFDIR } from '@sandbox/abi';
import type { Inode } from '../core/inode.js';
import type { OverlayInode } from './inode.js';
import { LINKS } from './marks.js';

/** Holds copies of files that have several names; hidden from guests. */
export const WORK_NAME = '.overlay-work';

/**
 * Copies of lower files with several hard links (Linux: the overlay "index"). Such a copy has its one sure
 * name here, so that all the names it has in lower layers keep meaning one file, whichever of them are
 * removed.
 */
export class OverlayIndex {
  private dir: Inode | null = null;
  private readonly entries = new Map<OverlayInode, string>();

  /**
   * @param parent where it lies as `name`, in the upper layer; null: that changes nothing.
   * @param used false: copies of files with several names are files of their own, each (Linux: index=off).
   */
  constructor(
    private readonly parent: Inode | null,
    private readonly name: string,
    readonly used: boolean,
  ) {
    const known = used ? parent?.lookup(name) : undefined;
    if (known !== undefined && typeof known !== 'number' && known.isDirectory) this.dir = known;
  }

  /** The directory, made when first needed; or -errno. */
  directory(): Inode | number {
    if (this.dir !== null) return this.dir;
    if (this.parent === null) return -EPERM;
    const made = this.parent.mknod(this.name, { mode: S_IFDIR | 0o700, uid: 0, gid: 0, rdev: 0 });
    if (typeof made !== 'number') this.dir = made;
    return made;
  }

  nameFor(inode: OverlayInode): string {
    return `#${inode.ino}`;
  }

  /** The copy of `inode` lies here under `nameFor(inode)`. */
  add(inode: OverlayInode): void {
    this.entries.set(inode, this.nameFor(inode));
    this.noteLinks(inode);
  }

  /** `linkDelta` of `inode` changed. True when that is kept here. */
  noteLinks(inode: OverlayInode): boolean {
    return this.entries.has(inode) && inode.fs.marks.setNumber(inode.upper!, LINKS, inode.linkDelta) === 0;
  }

  /**
   * What was copied up of the lower file numbered `ino`, in this or an earlier life of the upper layer; null:
   * nothing.
   */
  find(ino: number): Inode | null {
    if (this.dir === null) return null;
    const found = this.dir.lookup(`#${ino}`);
    return typeof found === 'number' ? null : found;
  }

  /** Of the lower files that were copied here: the numbers the overlay shows them with. */
  numbers(): Set<number> {
    const found = new Set<number>();
    this.dir?.readdir(2, (name) => {
      if (name.startsWith('#')) found.add(Number(name.slice(1)));
      return true;
    });
    return found;
  }

  /** No name is left: the copy goes. */
  drop(inode: OverlayInode): void {
    const name = this.entries.get(inode);
    if (name === undefined || this.dir === null) return;
    this.entries.delete(inode);
    this.dir.unlink(name, inode.upper!);
  }
}
