import type { Dentry, Mount } from '@sandbox/vfs';
import type { LayerMasks } from './layers.js';
import type { RuleTable } from './ruleset.js';

/** Where a walk towards the root stands. Used by one walk at a time. */
export class Ascent {
  mount!: Mount;
  dentry!: Dentry;
  /** It ended in a place that is part of no tree (a namespace, a nameless file). */
  internal = false;

  start(mount: Mount, dentry: Dentry): this {
    this.mount = mount;
    this.dentry = dentry;
    this.internal = false;
    return this;
  }

  /** One step up, out of mounts too. False at the end. */
  up(): boolean {
    while (this.dentry === this.mount.root) {
      const { parent, mountpoint } = this.mount;
      if (parent === null || mountpoint === null) return false;
      this.mount = parent;
      this.dentry = mountpoint;
    }
    const { parent } = this.dentry;
    if (parent !== null) {
      this.dentry = parent;
      return true;
    }
    if (this.mount.internal) {
      this.internal = true;
      return false;
    }
    // A directory that was moved out of what its bind mount shows: go on from where that is mounted.
    this.dentry = this.mount.root;
    return true;
  }
}

const ascent = new Ascent();

/**
 * Collect what the rules grant from a place up to the root. True when nothing of `wanted` is left denied in
 * `masks`: a rule of each layer grants it (is_access_to_paths_allowed for one place).
 */
export function walkUp(
  table: RuleTable,
  mount: Mount,
  dentry: Dentry,
  masks: LayerMasks,
  wanted: number,
): boolean {
  // Nameless files are not part of any hierarchy.
  if (wanted === 0 || mount.internal) return true;
  ascent.start(mount, dentry);
  do {
    if (masks.grant(table.forFile(ascent.dentry.inode), wanted)) return true;
  } while (ascent.up());
  return ascent.internal;
}
