import {
  EFAULT,
  EINVAL,
  ENODEV,
  ENOKEY,
  ENOTDIR,
  EPERM,
  KEY_REQKEY_DEFL_DEFAULT,
  KEY_REQKEY_DEFL_PROCESS_KEYRING,
  KEY_REQKEY_DEFL_SESSION_KEYRING,
  KEY_REQKEY_DEFL_THREAD_KEYRING,
  KEY_REQKEY_DEFL_USER_KEYRING,
  KEY_REQKEY_DEFL_USER_SESSION_KEYRING,
  KEY_SPEC_PROCESS_KEYRING,
  KEY_SPEC_SESSION_KEYRING,
  KEY_SPEC_THREAD_KEYRING,
  KEY_SPEC_USER_KEYRING,
  KEY_SPEC_USER_SESSION_KEYRING,
  SYS_add_key,
  SYS_request_key,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import {
  KEY_LINK,
  KEY_READ,
  KEY_SEARCH,
  KEY_SETATTR,
  KEY_VIEW,
  KEY_WRITE,
  type Key,
  type KeyType,
  keyType,
  POSSESSOR,
  USER,
} from '../../process/keys/key.js';
import { type KeyRef, keyPermission } from '../../process/keys/permission.js';
import { LOOKUP_CREATE, lookupKey, searchProcess } from '../../process/keys/process-keys.js';
import { QUOTA } from '../../process/keys/registry.js';
import type { Task } from '../../process/task/task.js';
import { linkInto } from './link.js';
import { loadDescription, loadType } from './strings.js';

const MAX_PAYLOAD = 1024 * 1024 - 1;

/** Bytes from the guest; -EFAULT. */
export function loadPayload(t: Task, addr: number, size: number): Uint8Array | number {
  const bytes = new Uint8Array(size);
  return t.mm.copyIn(addr, bytes, 0, size) < 0 ? -EFAULT : bytes;
}

/** Does the type take that many bytes? Keyrings take none, others at least one. */
export function fitsPayload(type: KeyType, size: number): boolean {
  return type.maxPayload < 0 ? size === 0 : size > 0 && size <= type.maxPayload;
}

function defaultPerm(type: KeyType): number {
  let possessor = KEY_VIEW | KEY_SEARCH | KEY_LINK | KEY_SETATTR;
  if (type.readable) possessor |= KEY_READ;
  if (type.updatable || type.maxPayload < 0) possessor |= KEY_WRITE;
  return (possessor << POSSESSOR) | (KEY_VIEW << USER);
}

/**
 * add_key(2): EACCES, EDQUOT, EFAULT, EINVAL, EKEYEXPIRED, EKEYREVOKED, ENODEV (type), ENOKEY, ENOTDIR,
 * EPERM.
 */
function sysAddKey(t: Task, a: SyscallArgs): number {
  const size = a.u64(3);
  if (size > MAX_PAYLOAD) return -EINVAL;
  const typeName = loadType(t, a.u64(0));
  if (typeof typeName === 'number') return typeName;
  let description: string | number = '';
  if (a.u64(1) !== 0) {
    description = loadDescription(t, a.u64(1));
    if (typeof description === 'number') return description;
    if (description.startsWith('.') && typeName.startsWith('keyring')) return -EPERM;
  }
  const payload = loadPayload(t, a.u64(2), size);
  if (typeof payload === 'number') return payload;
  const ring = lookupKey(t, a.i32(4), LOOKUP_CREATE, KEY_WRITE);
  if (typeof ring === 'number') return ring;
  const type = keyType(typeName);
  if (type === null) return -ENODEV;
  if (!ring.key.isKeyring) return -ENOTDIR;
  if (!fitsPayload(type, size) || description === '' || !type.accepts(description)) return -EINVAL;
  return createOrUpdate(t, ring, type, description, payload);
}

function createOrUpdate(
  t: Task,
  ring: KeyRef,
  type: KeyType,
  description: string,
  payload: Uint8Array,
): number {
  const { keys } = t.kernel;
  if (ring.key.closed) return -EPERM;
  const old = type.updatable ? ring.key.find(type, description) : null;
  if (old !== null) {
    const r = keyPermission({ key: old, possessed: ring.possessed }, t.cred, KEY_WRITE);
    if (r < 0) return r;
    return updatePayload(t, old, payload) || old.serial;
  }
  const owner = { uid: t.cred.fsuid, gid: t.cred.fsgid };
  const key = keys.create(type, description, owner, defaultPerm(type), QUOTA, payload.length);
  if (typeof key === 'number') return key;
  key.payload = payload;
  const r = keys.link(ring.key, key);
  if (r < 0) keys.unlinked();
  return r < 0 ? r : key.serial;
}

/** New content makes a key that was given up good again: it does not expire any more. */
export function updatePayload(t: Task, key: Key, payload: Uint8Array): number {
  const r = t.kernel.keys.setPayload(key, payload);
  if (r === 0) key.expiry = 0;
  return r;
}

const DESTINATIONS: Readonly<Record<number, number>> = {
  [KEY_REQKEY_DEFL_THREAD_KEYRING]: KEY_SPEC_THREAD_KEYRING,
  [KEY_REQKEY_DEFL_PROCESS_KEYRING]: KEY_SPEC_PROCESS_KEYRING,
  [KEY_REQKEY_DEFL_SESSION_KEYRING]: KEY_SPEC_SESSION_KEYRING,
  [KEY_REQKEY_DEFL_USER_KEYRING]: KEY_SPEC_USER_KEYRING,
  [KEY_REQKEY_DEFL_USER_SESSION_KEYRING]: KEY_SPEC_USER_SESSION_KEYRING,
};

/** KEY_SPEC_* of a KEY_REQKEY_DEFL_*, null: there is none such, or it stands for the default. */
export function isDestination(value: number): boolean {
  return value === KEY_REQKEY_DEFL_DEFAULT || value in DESTINATIONS;
}

/**
 * request_key(2): finds keys, asks nobody to make one (Linux would run /sbin/request-key). EACCES, EFAULT,
 * EINVAL, EKEYEXPIRED, EKEYREVOKED, ENOKEY, EPERM.
 */
function sysRequestKey(t: Task, a: SyscallArgs): number {
  const typeName = loadType(t, a.u64(0));
  if (typeof typeName === 'number') return typeName;
  const description = loadDescription(t, a.u64(1));
  if (typeof description === 'number') return description;
  if (a.u64(2) !== 0) {
    const callout = loadDescription(t, a.u64(2));
    if (typeof callout === 'number') return callout;
  }
  let destination: KeyRef | number | null = null;
  if (a.i32(3) !== 0) {
    destination = lookupKey(t, a.i32(3), LOOKUP_CREATE, KEY_WRITE);
    if (typeof destination === 'number') return destination;
  }
  const type = keyType(typeName);
  if (type === null) return -ENOKEY;
  const found = searchProcess(t, type, description);
  if (typeof found === 'number') return found;
  if (destination !== null) {
    const r = keyPermission(found, t.cred, KEY_LINK) || linkInto(t, destination.key, found.key);
    if (r < 0) return r;
  }
  return found.key.serial;
}

export const rows = [
  row(SYS_add_key, 'add_key', sysAddKey, ['str', 'str', 'ptr', 'size', 'int'], {
    support: 'partial',
    note: 'types keyring, user and logon',
  }),
  row(SYS_request_key, 'request_key', sysRequestKey, ['str', 'str', 'str', 'int'], {
    support: 'partial',
    note: 'no program is asked to make a key: ENOKEY',
  }),
];
