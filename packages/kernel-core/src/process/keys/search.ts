import { EACCES, EAGAIN, EKEYEXPIRED, EKEYREVOKED, ENOKEY, ENOTDIR } from '@sandbox/abi';
import type { Clock } from '../../time/source.js';
import type { Cred } from '../cred/cred.js';
import { KEY_SEARCH, type Key, type KeyType } from './key.js';
import { type KeyRef, keyPermission } from './permission.js';

/** Keyrings within keyrings that are looked into, or may be linked. */
export const MAX_DEPTH = 6;

/** Nothing was found, and nothing stood in the way. */
export const NOT_THERE = -EAGAIN;

/** What is looked for: a key by type and description, or one particular key. */
export interface KeyMatch {
  readonly type: KeyType | null;
  readonly description: string;
  readonly key: Key | null;
  /**
   * Which keys count: all, those that are of use (others are told about), or the same but expired ones are
   * passed by.
   */
  readonly state: 'any' | 'valid' | 'not expired';
}

function matches(key: Key, match: KeyMatch): boolean {
  if (match.key !== null) return key === match.key;
  return key.type === match.type && key.description === match.description;
}

/**
 * Breadth before depth as Linux has it: the keys of a keyring, then its keyrings (keyring_search). A
 * reference with the possession of `ring`; -EAGAIN (not there), -EACCES, -ENOTDIR, -EKEYREVOKED,
 * -EKEYEXPIRED.
 */
export function searchRing(ring: KeyRef, cred: Cred, clock: Clock, match: KeyMatch): KeyRef | number {
  if (!ring.key.isKeyring) return -ENOTDIR;
  const r = keyPermission(ring, cred, KEY_SEARCH);
  if (r < 0) return r;
  if (matches(ring.key, match)) return ring;
  return descend(ring.key, ring.possessed, cred, clock, match, 0, new Set());
}

function descend(
  ring: Key,
  possessed: boolean,
  cred: Cred,
  clock: Clock,
  match: KeyMatch,
  depth: number,
  seen: Set<Key>,
): KeyRef | number {
  let result = -EAGAIN;
  seen.add(ring);
  for (const key of ring.links) {
    if (!matches(key, match)) continue;
    const found = judge({ key, possessed }, cred, clock, match);
    if (typeof found !== 'number') return found;
    result = worse(result, found);
  }
  if (depth >= MAX_DEPTH) return result;
  for (const key of ring.links) {
    if (!key.isKeyring || seen.has(key) || key.revoked || key.invalidated) continue;
    if (keyPermission({ key, possessed }, cred, KEY_SEARCH) < 0) continue;
    const found = descend(key, possessed, cred, clock, match, depth + 1, seen);
    if (typeof found !== 'number') return found;
    result = worse(result, found);
  }
  return result;
}

function judge(ref: KeyRef, cred: Cred, clock: Clock, match: KeyMatch): KeyRef | number {
  if (match.state !== 'any') {
    const r = ref.key.validate(clock);
    if (r !== 0) return r === -EKEYEXPIRED && match.state === 'not expired' ? NOT_THERE : r;
  }
  const e = keyPermission(ref, cred, KEY_SEARCH);
  return e < 0 ? e : ref;
}

/** Of two reasons for not finding anything, the one that is told (search_cred_keyrings_rcu). */
export function worse(a: number, b: number): number {
  for (const e of [-EACCES, -EKEYREVOKED, -EKEYEXPIRED, -ENOKEY]) if (a === e || b === e) return e;
  return a;
}

/** Would `key` in `ring` close a circle? True also when the keyrings lie too deep to tell. */
export function wouldCycle(ring: Key, key: Key): 'no' | 'cycle' | 'deep' {
  if (!key.isKeyring) return 'no';
  if (key === ring) return 'cycle';
  let deep = false;
  const visit = (k: Key, depth: number): boolean => {
    for (const below of k.links) {
      if (!below.isKeyring) continue;
      if (below === ring) return true;
      if (depth + 1 >= MAX_DEPTH) {
        deep = true;
        continue;
      }
      if (visit(below, depth + 1)) return true;
    }
    return false;
  };
  if (visit(key, 0)) return 'cycle';
  return deep ? 'deep' : 'no';
}
