import { EDEADLK, ELOOP, ENOTDIR, EPERM } from '@sandbox/abi';
import type { Key } from '../../process/keys/key.js';
import { wouldCycle } from '../../process/keys/search.js';
import type { Task } from '../../process/task/task.js';

/**
 * key_link: 0, -ENOTDIR, -EPERM (restricted), -EKEYREVOKED and its kin, -EDEADLK (a circle), -ELOOP (too
 * deep), -EDQUOT.
 */
export function linkInto(t: Task, ring: Key, key: Key): number {
  if (!ring.isKeyring) return -ENOTDIR;
  const r = ring.validate(t.kernel.clock) || key.validate(t.kernel.clock);
  if (r !== 0) return r;
  if (ring.closed) return -EPERM;
  const cycle = wouldCycle(ring, key);
  if (cycle !== 'no') return cycle === 'cycle' ? -EDEADLK : -ELOOP;
  return t.kernel.keys.link(ring, key);
}
