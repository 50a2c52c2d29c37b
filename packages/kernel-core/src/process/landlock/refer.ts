import {
  EACCES,
  ENOENT,
  EXDEV,
  LANDLOCK_ACCESS_FS_EXECUTE,
  LANDLOCK_ACCESS_FS_IOCTL_DEV,
  LANDLOCK_ACCESS_FS_MAKE_BLOCK,
  LANDLOCK_ACCESS_FS_MAKE_CHAR,
  LANDLOCK_ACCESS_FS_MAKE_DIR,
  LANDLOCK_ACCESS_FS_MAKE_FIFO,
  LANDLOCK_ACCESS_FS_MAKE_REG,
  LANDLOCK_ACCESS_FS_MAKE_SOCK,
  LANDLOCK_ACCESS_FS_MAKE_SYM,
  LANDLOCK_ACCESS_FS_READ_FILE,
  LANDLOCK_ACCESS_FS_REFER,
  LANDLOCK_ACCESS_FS_REMOVE_DIR,
  LANDLOCK_ACCESS_FS_REMOVE_FILE,
  LANDLOCK_ACCESS_FS_TRUNCATE,
  LANDLOCK_ACCESS_FS_WRITE_FILE,
  RENAME_EXCHANGE,
  RENAME_WHITEOUT,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFSOCK,
} from '@sandbox/abi';
import type { Dentry, Mount } from '@sandbox/vfs';
import { LayerMasks, MASK_FS } from './layers.js';
import type { RuleTable } from './ruleset.js';
import { Ascent, walkUp } from './walk.js';

/** Rights that can be tied to files; the others concern directories. */
export const ACCESS_FILE =
  LANDLOCK_ACCESS_FS_EXECUTE |
  LANDLOCK_ACCESS_FS_WRITE_FILE |
  LANDLOCK_ACCESS_FS_READ_FILE |
  LANDLOCK_ACCESS_FS_TRUNCATE |
  LANDLOCK_ACCESS_FS_IOCTL_DEV;

/**
 * What making a file of this type takes. The whiteouts of overlays (character device 0) are taken for regular
 * files.
 */
export function makeAccess(mode: number, rdev: number): number {
  switch (mode & S_IFMT) {
    case S_IFLNK:
      return LANDLOCK_ACCESS_FS_MAKE_SYM;
    case S_IFDIR:
      return LANDLOCK_ACCESS_FS_MAKE_DIR;
    case S_IFCHR:
      return rdev === 0 ? LANDLOCK_ACCESS_FS_MAKE_REG : LANDLOCK_ACCESS_FS_MAKE_CHAR;
    case S_IFBLK:
      return LANDLOCK_ACCESS_FS_MAKE_BLOCK;
    case S_IFIFO:
      return LANDLOCK_ACCESS_FS_MAKE_FIFO;
    case S_IFSOCK:
      return LANDLOCK_ACCESS_FS_MAKE_SOCK;
    default:
      return LANDLOCK_ACCESS_FS_MAKE_REG;
  }
}

function makeAccessOf(name: Dentry): number {
  return makeAccess(name.inode!.mode, name.inode!.rdev);
}

function removeAccess(name: Dentry): number {
  if (name.inode === null) return 0;
  return name.inode.isDirectory ? LANDLOCK_ACCESS_FS_REMOVE_DIR : LANDLOCK_ACCESS_FS_REMOVE_FILE;
}

/**
 * One side of a move: what is denied in its directory, what is asked of it, and what is denied to the file
 * that leaves it.
 */
class Side {
  readonly masks = new LayerMasks();
  readonly child = new LayerMasks();
  access = 0;
  allowed = false;
  /** Accesses that matter for the file: a directory brings those of all that is in it. */
  counts = 0;

  /** The file itself, before the directories above it. */
  startChild(handled: readonly number[], table: RuleTable, name: Dentry): void {
    this.child.grant(table.forFile(name.inode), this.child.init(handled, MASK_FS));
    this.counts = name.inode!.isDirectory ? MASK_FS : ACCESS_FILE;
  }

  /** From comparing all that may be handled to what is asked. */
  narrow(): void {
    if (this.masks.narrow(this.access)) this.allowed = true;
  }

  grant(table: RuleTable, dentry: Dentry, wanted: number): void {
    if (!this.allowed && this.masks.grant(table.forFile(dentry.inode), wanted)) this.allowed = true;
  }

  /** Denied by more than the right to move alone. */
  get forbids(): boolean {
    return (this.masks.denied & this.access & ~LANDLOCK_ACCESS_FS_REFER) !== 0;
  }
}

const source = new Side();
const destination = new Side();
const ascent = new Ascent();

/**
 * A rename, exchange or link (current_check_refer_path). A file that gets another parent must not gain access
 * by it: the rules above its new place may grant no more than those above the old one do. 0, -ENOENT, -EACCES
 * when a side forbids its part of it, -EXDEV when only the move as such is forbidden, so that a copy will do.
 */
export function checkRefer(
  handled: readonly number[],
  table: RuleTable,
  mount: Mount,
  old: Dentry,
  dir: Dentry,
  to: Dentry,
  flags: number | null,
): number {
  const exchange = flags !== null && (flags & RENAME_EXCHANGE) !== 0;
  if (old.inode === null || (exchange && to.inode === null)) return -ENOENT;
  source.access = exchange ? makeAccessOf(to) : 0;
  destination.access = makeAccessOf(old);
  if (flags !== null) {
    source.access |= removeAccess(old);
    destination.access |= removeAccess(to);
    if ((flags & RENAME_WHITEOUT) !== 0) source.access |= LANDLOCK_ACCESS_FS_MAKE_REG;
  }
  const oldDir = old.parent ?? old;
  if (oldDir === dir) {
    const asked = source.masks.init(handled, source.access | destination.access);
    return walkUp(table, mount, dir, source.masks, asked) ? 0 : -EACCES;
  }
  source.access |= LANDLOCK_ACCESS_FS_REFER;
  destination.access |= LANDLOCK_ACCESS_FS_REFER;
  const from = collect(handled, table, mount, old === mount.root ? old : oldDir, source.masks);
  const into = collect(handled, table, mount, dir, destination.masks);
  if (from && into) return 0;
  if (compare(handled, table, mount, old, exchange ? to : null)) return 0;
  return source.forbids || destination.forbids ? -EACCES : -EXDEV;
}

/** What is denied in `dir`, by the rules from there up to the root of its mount. True when nothing is. */
function collect(
  handled: readonly number[],
  table: RuleTable,
  mount: Mount,
  dir: Dentry,
  masks: LayerMasks,
): boolean {
  const asked = masks.init(handled, MASK_FS);
  for (let d: Dentry | null = dir; d !== null; d = d.parent) {
    if (masks.grant(table.forFile(d.inode), asked)) return true;
    if (d === mount.root) break;
  }
  return false;
}

/** From the root of the common mount on up, both sides together (is_access_to_paths_allowed for two). */
function compare(
  handled: readonly number[],
  table: RuleTable,
  mount: Mount,
  old: Dentry,
  other: Dentry | null,
): boolean {
  let everything = 0;
  for (const bits of handled) everything |= bits;
  source.allowed = destination.allowed = false;
  source.startChild(handled, table, old);
  if (other !== null) destination.startChild(handled, table, other);
  let comparing = true;
  ascent.start(mount, mount.root);
  do {
    if (comparing && gainsNothing(other !== null)) {
      comparing = false;
      source.narrow();
      destination.narrow();
      if (source.allowed && destination.allowed) return true;
    }
    source.grant(table, ascent.dentry, comparing ? everything : source.access);
    destination.grant(table, ascent.dentry, comparing ? everything : destination.access);
    if (source.allowed && destination.allowed) return true;
  } while (ascent.up());
  return ascent.internal;
}

function gainsNothing(exchange: boolean): boolean {
  if (!source.masks.within(source.child, destination.masks, source.counts)) return false;
  return !exchange || destination.masks.within(destination.child, source.masks, destination.counts);
}
