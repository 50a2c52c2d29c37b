import { EACCES } from '@sandbox/abi';
import type { Cred } from '../cred/cred.js';
import { GROUP, KEY_ALL, type Key, POSSESSOR, USER } from './key.js';

/** A key as a caller came to it: one that lies in its own keyrings it possesses, with more rights. */
export interface KeyRef {
  readonly key: Key;
  readonly possessed: boolean;
}

/** May `cred` do `need` (KEY_*; 0: nothing) with the key (key_task_permission)? 0 or -EACCES. */
export function keyPermission(ref: KeyRef, cred: Cred, need: number): number {
  const { key } = ref;
  let granted: number;
  if (key.uid === cred.fsuid) granted = key.perm >>> USER;
  else if (
    (key.perm & (KEY_ALL << GROUP)) !== 0 &&
    (key.gid === cred.fsgid || cred.groups.includes(key.gid))
  ) {
    granted = key.perm >>> GROUP;
  } else granted = key.perm;
  if (ref.possessed) granted |= key.perm >>> POSSESSOR;
  return (granted & need) === need ? 0 : -EACCES;
}
