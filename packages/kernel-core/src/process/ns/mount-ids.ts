import { type IdTable, MountIds } from '@sandbox/vfs';
import { IdMap, INITIAL_USER_NS, type UserNamespace } from './user-ns.js';

/**
 * What an ID-mapped mount shows: a file system of `owner` has a file of the id N as that namespace spells it,
 * and the mount shows the id that N is in `ns` (Documentation/filesystems/idmappings.rst).
 */
export function mountIds(ns: UserNamespace, owner: UserNamespace): MountIds {
  // What the namespace is mapped to now: it may be gone before the mount.
  const uids = new IdMap(ns.uids.ranges);
  const gids = new IdMap(ns.gids.ranges);
  if (owner === INITIAL_USER_NS) return new MountIds(uids, gids);
  return new MountIds(through(uids, owner.uids), through(gids, owner.gids));
}

function through(shown: IdMap, kept: IdMap): IdTable {
  const next = (id: number, table: (id: number) => number): number => (id < 0 ? -1 : table(id));
  return {
    toKernel: (id) => next(kept.fromKernel(id), (n) => shown.toKernel(n)),
    fromKernel: (id) => next(shown.fromKernel(id), (n) => kept.toKernel(n)),
  };
}
