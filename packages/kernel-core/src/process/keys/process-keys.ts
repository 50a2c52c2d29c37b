import {
  EAGAIN,
  EINVAL,
  ENOKEY,
  KEY_SPEC_GROUP_KEYRING,
  KEY_SPEC_PROCESS_KEYRING,
  KEY_SPEC_REQKEY_AUTH_KEY,
  KEY_SPEC_REQUESTOR_KEYRING,
  KEY_SPEC_SESSION_KEYRING,
  KEY_SPEC_THREAD_KEYRING,
  KEY_SPEC_USER_KEYRING,
  KEY_SPEC_USER_SESSION_KEYRING,
} from '@sandbox/abi';
import { commitCred } from '../cred/change.js';
import type { Task } from '../task/task.js';
import {
  KEY_ALL,
  KEY_LINK,
  KEY_READ,
  KEY_SEARCH,
  KEY_SETATTR,
  KEY_VIEW,
  KEYRING,
  type Key,
  type KeyType,
  NO_GROUP,
  POSSESSOR,
  USER,
} from './key.js';
import { type KeyRef, keyPermission } from './permission.js';
import { QUOTA, QUOTA_OVERRUN } from './registry.js';
import type { KeyRings } from './rings.js';
import { searchRing, worse } from './search.js';

/** Keyrings that do not exist yet are made. */
export const LOOKUP_CREATE = 1;

export const OWN_PERM = (KEY_ALL << POSSESSOR) | (KEY_VIEW << USER);
const SESSION_PERM = (KEY_ALL << POSSESSOR) | ((KEY_VIEW | KEY_READ) << USER);
const NAMED_SESSION_PERM = (KEY_ALL << POSSESSOR) | ((KEY_VIEW | KEY_READ | KEY_LINK) << USER);
const USER_PERM = ((KEY_ALL & ~KEY_SETATTR) << POSSESSOR) | (KEY_ALL << USER);

/** Change the caller's keyrings. */
export function setRings(t: Task, change: Partial<KeyRings>): void {
  const next = t.cred.clone();
  next.keys = { ...next.keys, ...change };
  commitCred(t, next);
  t.kernel.keys.unlinked();
}

/** The two keyrings of the caller's user, made when they are first asked for (look_up_user_keyrings). */
function userKeyrings(t: Task): { user: Key; session: Key } {
  const { keys } = t.kernel;
  const owner = keys.userOf(t.cred.uid);
  if (owner.userKeyring === null || owner.sessionKeyring === null) {
    const id = t.cred.userNs.uids.show(t.cred.uid);
    const of = { uid: t.cred.uid, gid: NO_GROUP };
    const user = keys.create(KEYRING, `_uid.${id}`, of, USER_PERM, QUOTA_OVERRUN) as Key;
    const session = keys.create(KEYRING, `_uid_ses.${id}`, of, USER_PERM, QUOTA_OVERRUN) as Key;
    user.ofUser = session.ofUser = true;
    keys.link(session, user);
    owner.userKeyring = user;
    owner.sessionKeyring = session;
  }
  return { user: owner.userKeyring, session: owner.sessionKeyring };
}

/** A keyring for the caller alone. Never fails: it does not count against its own quota. */
export function ownKeyring(t: Task, name: string, perm: number, quota: 0 | 1): Key | number {
  return t.kernel.keys.create(KEYRING, name, { uid: t.cred.uid, gid: t.cred.gid }, perm, quota);
}

/**
 * KEYCTL_JOIN_SESSION_KEYRING: a fresh session keyring, or the one of that name. Its number (0: it was that
 * already), or -EDQUOT.
 */
export function joinSession(t: Task, name: string | null): number {
  const { cred } = t;
  if (name === null) {
    const ring = ownKeyring(t, '_ses', SESSION_PERM, cred.keys.session === null ? QUOTA_OVERRUN : QUOTA);
    if (typeof ring === 'number') return ring;
    setRings(t, { session: ring });
    return ring.serial;
  }
  let ring: Key | number | null = findByName(t, name);
  if (ring === null) ring = ownKeyring(t, name, NAMED_SESSION_PERM, QUOTA);
  if (typeof ring === 'number') return ring;
  if (ring === cred.keys.session) return 0;
  setRings(t, { session: ring });
  return ring.serial;
}

/** A keyring of that name the caller may search, by itself or as its owner. */
function findByName(t: Task, name: string): Key | null {
  const { cred, kernel } = t;
  for (const key of kernel.keys.keyringsNamed(name)) {
    if (key.revoked || cred.userNs.uids.fromKernel(key.uid) < 0) continue;
    if (keyPermission({ key, possessed: false }, cred, KEY_SEARCH) === 0) return key;
  }
  return null;
}

/** The keyrings of a thread, in the order they are searched. */
export function ringsOf(t: Task): Key[] {
  const { thread, process, session } = t.cred.keys;
  const own = [thread, process, session].filter((r) => r !== null);
  if (session === null) {
    const user = t.kernel.keys.userOf(t.cred.uid).sessionKeyring;
    if (user !== null) own.push(user);
  }
  return own;
}

/** Look through the caller's keyrings: a reference with possession, or -ENOKEY and what stood in the way. */
export function searchProcess(t: Task, type: KeyType, description: string): KeyRef | number {
  return searchAll(t, { type, description, key: null, state: 'not expired' });
}

/** Does the caller possess the key? */
export function possesses(t: Task, key: Key): boolean {
  const found = searchAll(t, { type: null, description: '', key, state: 'any' });
  return typeof found !== 'number';
}

function searchAll(t: Task, match: Parameters<typeof searchRing>[3]): KeyRef | number {
  let result = -EAGAIN;
  for (const key of ringsOf(t)) {
    const found = searchRing({ key, possessed: true }, t.cred, t.kernel.clock, match);
    if (typeof found !== 'number') return found;
    result = worse(result, found);
  }
  return result === -EAGAIN ? -ENOKEY : result;
}

/** The key a number or KEY_SPEC_* stands for, whatever may be done with it. -EINVAL, -ENOKEY, -EDQUOT. */
function resolve(t: Task, id: number, flags: number): KeyRef | number {
  const { cred } = t;
  const create = (flags & LOOKUP_CREATE) !== 0;
  const possessed = true;
  switch (id) {
    case KEY_SPEC_THREAD_KEYRING: {
      if (cred.keys.thread !== null) return { key: cred.keys.thread, possessed };
      if (!create) return -ENOKEY;
      const key = ownKeyring(t, '_tid', OWN_PERM, QUOTA_OVERRUN);
      if (typeof key === 'number') return key;
      setRings(t, { thread: key });
      return { key, possessed };
    }
    case KEY_SPEC_PROCESS_KEYRING: {
      if (cred.keys.process !== null) return { key: cred.keys.process, possessed };
      if (!create) return -ENOKEY;
      const key = ownKeyring(t, '_pid', OWN_PERM, QUOTA_OVERRUN);
      if (typeof key === 'number') return key;
      setRings(t, { process: key });
      return { key, possessed };
    }
    case KEY_SPEC_SESSION_KEYRING: {
      const r = ensureSession(t, create);
      return r < 0 ? r : { key: t.cred.keys.session!, possessed };
    }
    case KEY_SPEC_USER_KEYRING:
      return { key: userKeyrings(t).user, possessed };
    case KEY_SPEC_USER_SESSION_KEYRING:
      return { key: userKeyrings(t).session, possessed };
    case KEY_SPEC_REQKEY_AUTH_KEY:
      return -ENOKEY;
    case KEY_SPEC_REQUESTOR_KEYRING:
      return -ENOKEY;
    case KEY_SPEC_GROUP_KEYRING:
      return -EINVAL;
  }
  if (id < 1) return -EINVAL;
  const key = t.kernel.keys.bySerial(id);
  return key === null ? -ENOKEY : { key, possessed: possesses(t, key) };
}

/** There is a session keyring: that of the user until one is to be changed. */
function ensureSession(t: Task, create: boolean): number {
  const { session } = t.cred.keys;
  if (session === null) {
    const user = userKeyrings(t).session;
    if (create) return joinSession(t, null);
    setRings(t, { session: user });
  } else if (session.ofUser && create) return joinSession(t, null);
  return 0;
}

/** The caller looks at the right itself, and at whether the key is of use. */
export const NEED_NOTHING = 0;
/** KEYCTL_UNLINK: not even whether the key is of use matters. */
export const NEED_UNLINK = -1;

/**
 * The key of a number or KEY_SPEC_*, with the right `need` (KEY_*, NEED_*) to it (lookup_user_key). -EACCES,
 * -EINVAL, -ENOKEY, -EKEYREVOKED, -EKEYEXPIRED, -EDQUOT.
 */
export function lookupKey(t: Task, id: number, flags: number, need: number): KeyRef | number {
  const ref = resolve(t, id, flags);
  if (typeof ref === 'number' || need === NEED_UNLINK) return ref;
  if (need !== NEED_NOTHING) {
    const r = ref.key.validate(t.kernel.clock);
    if (r !== 0) return r;
  }
  const r = keyPermission(ref, t.cred, need);
  return r < 0 ? r : ref;
}
