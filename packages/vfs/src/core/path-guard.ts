import type { Dentry } from './dentry.js';
import type { File } from './file.js';
import type { Mount } from './mount.js';

/** Rights an opened description goes without although its access mode would give them (`File.withheld`). */
export const WITHHELD_TRUNCATE = 1;
export const WITHHELD_IOCTL = 2;

/**
 * A policy that stands beside the permission bits (Linux: the path_* and file_open hooks of a security
 * module). It is part of the credentials it restricts. Every method answers 0 or a negative errno, and
 * changes nothing but `File.withheld`.
 */
export interface PathGuard {
  /** May the description just made be used? `execute`: to run a program from it. */
  open(file: File, mount: Mount, dentry: Dentry, execute: boolean): number;
  /** A file of this mode (type included) is to be made in `dir`. */
  create(mount: Mount, dir: Dentry, mode: number, rdev: number): number;
  /** A name is to be taken out of `dir`. */
  remove(mount: Mount, dir: Dentry, directory: boolean): number;
  /** A file is to be cut or grown by its name. */
  truncate(mount: Mount, dentry: Dentry): number;
  /**
   * `old` is to get the name `to` (which may exist) in `dir`: by rename (`flags`: RENAME_*), or as a further
   * link (`flags` null).
   */
  refer(mount: Mount, old: Dentry, dir: Dentry, to: Dentry, flags: number | null): number;
}
