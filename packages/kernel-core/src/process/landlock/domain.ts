import {
  E2BIG,
  EACCES,
  LANDLOCK_ACCESS_FS_EXECUTE,
  LANDLOCK_ACCESS_FS_IOCTL_DEV,
  LANDLOCK_ACCESS_FS_READ_DIR,
  LANDLOCK_ACCESS_FS_READ_FILE,
  LANDLOCK_ACCESS_FS_REMOVE_DIR,
  LANDLOCK_ACCESS_FS_REMOVE_FILE,
  LANDLOCK_ACCESS_FS_TRUNCATE,
  LANDLOCK_ACCESS_FS_WRITE_FILE,
  S_IFBLK,
  S_IFCHR,
} from '@sandbox/abi';
import {
  type Dentry,
  type File,
  type Inode,
  type Mount,
  type PathGuard,
  WITHHELD_IOCTL,
  WITHHELD_TRUNCATE,
} from '@sandbox/vfs';
import { INITIALLY_DENIED, LayerMasks, MAX_LAYERS } from './layers.js';
import { checkRefer, makeAccess } from './refer.js';
import { type Ruleset, RuleTable } from './ruleset.js';
import { walkUp } from './walk.js';

const masks = new LayerMasks();

/** Devices are what LANDLOCK_ACCESS_FS_IOCTL_DEV is about. */
export function isDevice(inode: Inode): boolean {
  return inode.type === S_IFCHR || inode.type === S_IFBLK;
}

/**
 * The rulesets a thread has put itself under, each a layer on the one before (landlock(7)). Immutable; part
 * of its credentials, so that children and new programs have it too. An access is allowed when every layer
 * that handles it grants it.
 */
export class LandlockDomain implements PathGuard {
  /** What each layer handles. Moving files about counts as handled by all that handle any access to files. */
  readonly fs: readonly number[];
  readonly net: readonly number[];
  readonly scoped: readonly number[];
  readonly handlesFiles: boolean;

  private constructor(
    readonly table: RuleTable,
    /** What the thread was under before. */
    readonly parent: LandlockDomain | null,
    ruleset: Ruleset,
  ) {
    this.fs = [...(parent?.fs ?? []), ruleset.fs | INITIALLY_DENIED];
    this.net = [...(parent?.net ?? []), ruleset.net];
    this.scoped = [...(parent?.scoped ?? []), ruleset.scoped];
    this.handlesFiles = parent?.handlesFiles === true || ruleset.fs !== 0;
  }

  /** `ruleset` as a further layer on `parent`. -E2BIG, -ENOMEM. */
  static under(parent: LandlockDomain | null, ruleset: Ruleset): LandlockDomain | number {
    const layer = parent === null ? 0 : parent.layers;
    if (layer >= MAX_LAYERS) return -E2BIG;
    const table = new RuleTable(ruleset.table.counter, layer + 1);
    const r = (parent === null ? 0 : table.merge(parent.table, 0)) || table.merge(ruleset.table, layer);
    if (r !== 0) {
      table.release();
      return r;
    }
    return new LandlockDomain(table, parent, ruleset);
  }

  get layers(): number {
    return this.fs.length;
  }

  /** Is it `other`, or one that came from it? Being under nothing is where all came from. */
  isWithin(other: LandlockDomain | null): boolean {
    if (other === null) return true;
    for (let d: LandlockDomain | null = this; d !== null; d = d.parent) if (d === other) return true;
    return false;
  }

  // PathGuard -----------------------------------------------------------------------------------------------

  /** 0, or -EACCES unless every layer grants all of `wanted` at the place or above it. */
  private check(mount: Mount, dentry: Dentry, wanted: number): number {
    if (!this.handlesFiles) return 0;
    const asked = masks.init(this.fs, wanted);
    return walkUp(this.table, mount, dentry, masks, asked) ? 0 : -EACCES;
  }

  open(file: File, mount: Mount, dentry: Dentry, execute: boolean): number {
    if (!this.handlesFiles) return 0;
    const inode = dentry.inode!;
    const needed = openAccess(file, inode, execute);
    let wanted = needed | LANDLOCK_ACCESS_FS_TRUNCATE;
    if (isDevice(inode)) wanted |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    const asked = masks.init(this.fs, wanted);
    if (walkUp(this.table, mount, dentry, masks, asked)) return 0;
    const { denied } = masks;
    if ((denied & LANDLOCK_ACCESS_FS_TRUNCATE) !== 0) file.withheld |= WITHHELD_TRUNCATE;
    if ((denied & LANDLOCK_ACCESS_FS_IOCTL_DEV) !== 0) file.withheld |= WITHHELD_IOCTL;
    return (denied & needed) === 0 ? 0 : -EACCES;
  }

  create(mount: Mount, dir: Dentry, mode: number, rdev: number): number {
    return this.check(mount, dir, makeAccess(mode, rdev));
  }

  remove(mount: Mount, dir: Dentry, directory: boolean): number {
    return this.check(mount, dir, directory ? LANDLOCK_ACCESS_FS_REMOVE_DIR : LANDLOCK_ACCESS_FS_REMOVE_FILE);
  }

  truncate(mount: Mount, dentry: Dentry): number {
    return this.check(mount, dentry, LANDLOCK_ACCESS_FS_TRUNCATE);
  }

  refer(mount: Mount, old: Dentry, dir: Dentry, to: Dentry, flags: number | null): number {
    return this.handlesFiles ? checkRefer(this.fs, this.table, mount, old, dir, to, flags) : 0;
  }
}

/** What opening a file takes (get_required_file_open_access). */
function openAccess(file: File, inode: Inode, execute: boolean): number {
  let access = 0;
  if (file.readable) {
    if (inode.isDirectory) return LANDLOCK_ACCESS_FS_READ_DIR;
    access = LANDLOCK_ACCESS_FS_READ_FILE;
  }
  if (file.writable) access |= LANDLOCK_ACCESS_FS_WRITE_FILE;
  return execute ? access | LANDLOCK_ACCESS_FS_EXECUTE : access;
}
