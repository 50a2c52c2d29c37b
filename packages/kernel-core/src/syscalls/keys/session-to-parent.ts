import { EPERM, KEY_SPEC_SESSION_KEYRING } from '@sandbox/abi';
import { KEY_LINK } from '../../process/keys/key.js';
import { lookupKey } from '../../process/keys/process-keys.js';
import type { Task } from '../../process/task/task.js';

/**
 * KEYCTL_SESSION_TO_PARENT: the parent gets the caller's session keyring. EPERM unless both belong to one
 * user alone.
 */
export function sessionToParent(t: Task): number {
  const ref = lookupKey(t, KEY_SPEC_SESSION_KEYRING, 0, KEY_LINK);
  if (typeof ref === 'number') return ref;
  const parent = t.group.parent;
  const task = parent?.tasks.length === 1 ? parent.tasks[0]! : null;
  if (task === null) return -EPERM;
  const mine = t.cred;
  const theirs = task.cred;
  const session = mine.keys.session!;
  if (session === theirs.keys.session) return 0;
  const ids = [theirs.uid, theirs.euid, theirs.suid];
  const groups = [theirs.gid, theirs.egid, theirs.sgid];
  if (ids.some((id) => id !== mine.euid) || groups.some((id) => id !== mine.egid)) return -EPERM;
  if (session.uid !== mine.euid) return -EPERM;
  if (theirs.keys.session !== null && theirs.keys.session.uid !== mine.euid) return -EPERM;
  const next = theirs.clone();
  next.keys = { ...theirs.keys, session };
  task.cred = next;
  t.kernel.keys.unlinked();
  return 0;
}
