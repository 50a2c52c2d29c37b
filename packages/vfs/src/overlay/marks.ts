import { ENODATA, EOPNOTSUPP, EPERM, S_IFCHR, S_IFMT } from '@sandbox/abi';
import type { Inode } from '../core/inode.js';

const OPAQUE = 'opaque';
/** On a directory: where in the lower layers it was before it was renamed. */
export const REDIRECT = 'redirect';
/** On a copied-up file: the inode number it is shown with, in decimal. */
export const ORIGIN = 'origin';
/** On a copy in the index: `OverlayInode.linkDelta`, in decimal. */
export const LINKS = 'nlink';
/** On a directory: what is in it may show the number of something in a lower layer. */
export const IMPURE = 'impure';
/** On a copy of attributes alone: the content is that of the lower file. */
export const METACOPY = 'metacopy';
/** On the root: which overlay it is of. */
export const UUID = 'uuid';

/** A name that hides what lower layers have under it: a character device 0/0. */
export function isWhiteout(inode: Inode): boolean {
  return inode.rdev === 0 && (inode.mode & S_IFMT) === S_IFCHR;
}

const YES = Uint8Array.of(0x79);
const ESCAPE = 'overlay.';

/** The attributes an overlay keeps on files of its upper layer (Documentation/filesystems/overlayfs.rst). */
export class Marks {
  /**
   * @param prefixes where they may be, the first that a layer takes: `trusted.overlay.` as Linux does,
   * `user.overlay.` ("userxattr"); none: an overlay without.
   * @param escapes guests may use names of this kind, which are kept with `overlay.` in front of them; false:
   * to guests there are none.
   */
  constructor(
    private readonly prefixes: readonly string[],
    private readonly escapes: boolean,
  ) {}

  /** Is the attribute one of the overlay's own? */
  isPrivate(name: string): boolean {
    for (const prefix of this.prefixes)
      if (name.startsWith(prefix)) return !this.escapes || !name.startsWith(ESCAPE, prefix.length);
    return false;
  }

  /** How the layer calls what guests call `name`; null: they cannot have it. */
  inLayer(name: string): string | null {
    for (const prefix of this.prefixes) {
      if (name.startsWith(prefix)) return this.escapes ? prefix + ESCAPE + name.slice(prefix.length) : null;
    }
    return name;
  }

  /** What guests see of the attributes a layer has. */
  shown(names: readonly string[]): readonly string[] {
    const shown: string[] = [];
    for (const name of names) {
      const prefix = this.prefixes.find((p) => name.startsWith(p));
      if (prefix === undefined) shown.push(name);
      else if (this.escapes && name.startsWith(prefix + ESCAPE))
        shown.push(prefix + name.slice(prefix.length + ESCAPE.length));
    }
    return shown;
  }

  /** 0 or -errno. */
  set(inode: Inode, mark: string, value: Uint8Array): number {
    let r = -EOPNOTSUPP;
    for (const prefix of this.prefixes) {
      r = inode.setxattr(prefix + mark, value, 0);
      if (r !== -EPERM && r !== -EOPNOTSUPP) return r;
    }
    return r;
  }

  get(inode: Inode, mark: string): Uint8Array | null {
    for (const prefix of this.prefixes) {
      const value = inode.getxattr(prefix + mark);
      if (typeof value !== 'number') return value;
    }
    return null;
  }

  remove(inode: Inode, mark: string): number {
    let r = -ENODATA;
    for (const prefix of this.prefixes) {
      r = inode.removexattr(prefix + mark);
      if (r === 0) return 0;
    }
    return r;
  }

  setNumber(inode: Inode, mark: string, value: number): number {
    return this.set(inode, mark, Buffer.from(String(value)));
  }

  getNumber(inode: Inode, mark: string): number | null {
    const value = this.get(inode, mark);
    const n = value === null ? Number.NaN : Number(Buffer.from(value).toString('latin1'));
    return Number.isSafeInteger(n) ? n : null;
  }

  /** Lower directories of the same name do not shine through. */
  setOpaque(inode: Inode): number {
    return this.set(inode, OPAQUE, YES);
  }

  isOpaque(inode: Inode): boolean {
    const value = this.get(inode, OPAQUE);
    return value !== null && value[0] === YES[0];
  }

  setImpure(inode: Inode): number {
    return this.set(inode, IMPURE, YES);
  }
}

/**
 * Of overlays an embedder makes: `trusted.`, or `user.` where a layer refuses that; guests neither see nor
 * touch them.
 */
export const HIDDEN_MARKS = new Marks(['trusted.overlay.', 'user.overlay.'], false);
