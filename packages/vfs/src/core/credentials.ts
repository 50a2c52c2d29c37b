import type { MountIds } from './mount-ids.js';
import type { PathGuard } from './path-guard.js';

/** Who is asking: the part of a task's credentials that file systems need (credentials(7)). */
export interface Credentials {
  readonly fsuid: number;
  readonly fsgid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /**
   * True when the effective set holds the capability `cap` (CAP_* number): over everything or, where the
   * owners of a file are given, over that file (user_namespaces(7)).
   */
  capable(cap: number, uid?: number, gid?: number): boolean;
  /** The ID-mapped mount they are made for; absent or null: ids are everybody's. */
  readonly ids?: MountIds | null;
  /** A policy that restricts what these credentials allow; absent or null: none. */
  readonly guard?: PathGuard | null;
}

/** Full rights: the kernel itself and an embedder's direct access. */
export const KERNEL_CREDENTIALS: Credentials = {
  fsuid: 0,
  fsgid: 0,
  groups: [],
  capable: () => true,
  ids: null,
};
