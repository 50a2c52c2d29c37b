import { ENOENT, EOPNOTSUPP, EPERM } from '@sandbox/abi';
import { type Credentials, type Inode, MAY_WRITE, permission } from '@sandbox/vfs';
import type { Cgroup } from './cgroup.js';
import type { Cgroups } from './cgroups.js';

/**
 * Who moves tasks: its rights, what its namespace begins with, and the file that stands for the right to do
 * so in each group.
 */
export interface Mover {
  readonly cred: Credentials;
  readonly root: Cgroup;
  procsFile(cgroup: Cgroup): Inode;
}

/**
 * May `mover` put a process (or `threads` of it) that is in `from` into `to` (cgroup_attach_permissions)? 0,
 * -EACCES, -EPERM (across the bounds of a container), -ENOENT (outside of its namespace), -EOPNOTSUPP,
 * -EBUSY.
 */
export function mayAttach(
  cgroups: Cgroups,
  mover: Mover,
  from: Cgroup,
  to: Cgroup,
  threads: boolean,
): number {
  let common = from;
  while (!to.isWithin(common)) common = common.parent!;
  const e = permission(mover.procsFile(common), MAY_WRITE, mover.cred);
  if (e !== 0) return e;
  if (cgroups.nsDelegate && (!from.isWithin(mover.root) || !to.isWithin(mover.root))) return -ENOENT;
  // A container's limits are the embedder's: its tasks stay within.
  if (from.fence !== to.fence) return -EPERM;
  const held = cgroups.mayHold(to);
  if (held !== 0) return held;
  return threads && from.domain !== to.domain ? -EOPNOTSUPP : 0;
}
