import {
  CAP_SYS_ADMIN,
  EACCES,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOKEY,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  KEY_REQKEY_DEFL_NO_CHANGE,
  KEY_REQKEY_DEFL_PROCESS_KEYRING,
  KEY_REQKEY_DEFL_THREAD_KEYRING,
  KEY_SPEC_PROCESS_KEYRING,
  KEY_SPEC_THREAD_KEYRING,
  KEYCTL_ASSUME_AUTHORITY,
  KEYCTL_CAPABILITIES,
  KEYCTL_CAPS0_CAPABILITIES,
  KEYCTL_CAPS0_INVALIDATE,
  KEYCTL_CAPS0_MOVE,
  KEYCTL_CAPS0_RESTRICT_KEYRING,
  KEYCTL_CHOWN,
  KEYCTL_CLEAR,
  KEYCTL_DESCRIBE,
  KEYCTL_GET_KEYRING_ID,
  KEYCTL_GET_SECURITY,
  KEYCTL_INSTANTIATE,
  KEYCTL_INSTANTIATE_IOV,
  KEYCTL_INVALIDATE,
  KEYCTL_JOIN_SESSION_KEYRING,
  KEYCTL_LINK,
  KEYCTL_MOVE,
  KEYCTL_MOVE_EXCL,
  KEYCTL_NEGATE,
  KEYCTL_READ,
  KEYCTL_REJECT,
  KEYCTL_RESTRICT_KEYRING,
  KEYCTL_REVOKE,
  KEYCTL_SEARCH,
  KEYCTL_SESSION_TO_PARENT,
  KEYCTL_SET_REQKEY_KEYRING,
  KEYCTL_SET_TIMEOUT,
  KEYCTL_SETPERM,
  KEYCTL_UNLINK,
  KEYCTL_UPDATE,
  SYS_keyctl,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import {
  KEY_ALL,
  KEY_LINK,
  KEY_READ,
  KEY_SEARCH,
  KEY_SETATTR,
  KEY_VIEW,
  KEY_WRITE,
  keyType,
} from '../../process/keys/key.js';
import { type KeyRef, keyPermission } from '../../process/keys/permission.js';
import {
  joinSession,
  LOOKUP_CREATE,
  lookupKey,
  NEED_NOTHING,
  NEED_UNLINK,
  setRings,
} from '../../process/keys/process-keys.js';
import { NOT_THERE, searchRing } from '../../process/keys/search.js';
import type { Task } from '../../process/task/task.js';
import { fitsPayload, isDestination, loadPayload, updatePayload } from './add-key.js';
import { linkInto } from './link.js';
import { sessionToParent } from './session-to-parent.js';
import { loadDescription, loadType } from './strings.js';

const PAGE = 4096;
const PERM_MASK = 0x01010101 * KEY_ALL;
const NO_ID = 0xffffffff;
const CAPABILITIES = [
  KEYCTL_CAPS0_CAPABILITIES | KEYCTL_CAPS0_INVALIDATE | KEYCTL_CAPS0_RESTRICT_KEYRING | KEYCTL_CAPS0_MOVE,
  0,
];

type Operation = (t: Task, a: SyscallArgs) => number;

/** What is read into a buffer is told in full: with too little room nothing is stored. */
function answer(t: Task, bytes: Uint8Array, addr: number, room: number): number {
  if (addr !== 0 && room >= bytes.length && t.mm.copyOut(addr, bytes, 0, bytes.length) < 0) return -EFAULT;
  return bytes.length;
}

function getKeyringId(t: Task, a: SyscallArgs): number {
  const ref = lookupKey(t, a.i32(1), a.i32(2) !== 0 ? LOOKUP_CREATE : 0, KEY_SEARCH);
  return typeof ref === 'number' ? ref : ref.key.serial;
}

function join(t: Task, a: SyscallArgs): number {
  if (a.u64(1) === 0) return joinSession(t, null);
  const name = loadDescription(t, a.u64(1));
  if (typeof name === 'number') return name;
  return name.startsWith('.') ? -EPERM : joinSession(t, name);
}

function update(t: Task, a: SyscallArgs): number {
  const size = a.u64(3);
  if (size > PAGE) return -EINVAL;
  const payload = loadPayload(t, a.u64(2), size);
  if (typeof payload === 'number') return payload;
  const ref = lookupKey(t, a.i32(1), 0, KEY_WRITE);
  if (typeof ref === 'number') return ref;
  const { type } = ref.key;
  if (!type.updatable) return -EOPNOTSUPP;
  return fitsPayload(type, size) ? updatePayload(t, ref.key, payload) : -EINVAL;
}

function revoke(t: Task, a: SyscallArgs): number {
  let ref = lookupKey(t, a.i32(1), 0, KEY_WRITE);
  if (ref === -EACCES) ref = lookupKey(t, a.i32(1), 0, KEY_SETATTR);
  if (typeof ref === 'number') return ref;
  t.kernel.keys.revoke(ref.key);
  return 0;
}

function invalidate(t: Task, a: SyscallArgs): number {
  const ref = lookupKey(t, a.i32(1), 0, KEY_SEARCH);
  if (typeof ref === 'number') return ref;
  t.kernel.keys.invalidate(ref.key);
  return 0;
}

function chown(t: Task, a: SyscallArgs): number {
  const { uids, gids } = t.cred.userNs;
  const uid = a.u32(2) === NO_ID ? -1 : uids.toKernel(a.u32(2));
  const gid = a.u32(3) === NO_ID ? -1 : gids.toKernel(a.u32(3));
  if ((uid < 0 && a.u32(2) !== NO_ID) || (gid < 0 && a.u32(3) !== NO_ID)) return -EINVAL;
  if (uid < 0 && gid < 0) return 0;
  const ref = lookupKey(t, a.i32(1), LOOKUP_CREATE, KEY_SETATTR);
  if (typeof ref === 'number') return ref;
  const { key } = ref;
  const { cred } = t;
  const foreignGroup = gid >= 0 && gid !== key.gid && gid !== cred.fsgid && !cred.groups.includes(gid);
  if (((uid >= 0 && uid !== key.uid) || foreignGroup) && !cred.capable(CAP_SYS_ADMIN)) return -EACCES;
  if (uid >= 0 && uid !== key.uid) {
    const r = t.kernel.keys.give(key, uid);
    if (r < 0) return r;
  }
  if (gid >= 0) key.gid = gid;
  return 0;
}

function setPerm(t: Task, a: SyscallArgs): number {
  const perm = a.u32(2);
  if ((perm & ~PERM_MASK) !== 0) return -EINVAL;
  const ref = lookupKey(t, a.i32(1), LOOKUP_CREATE, KEY_SETATTR);
  if (typeof ref === 'number') return ref;
  if (ref.key.uid !== t.cred.fsuid && !t.cred.capable(CAP_SYS_ADMIN)) return -EACCES;
  ref.key.perm = perm;
  return 0;
}

function describe(t: Task, a: SyscallArgs): number {
  const ref = lookupKey(t, a.i32(1), 0, KEY_VIEW);
  if (typeof ref === 'number') return ref;
  const { key } = ref;
  const { uids, gids } = t.cred.userNs;
  const perm = (key.perm >>> 0).toString(16).padStart(8, '0');
  const text = `${key.type.name};${uids.show(key.uid)};${key.shownGid(gids)};${perm};${key.description}\0`;
  return answer(t, Buffer.from(text, 'latin1'), a.u64(2), a.u64(3));
}

/** The keyring of a number for a change, whose own kind is checked by what is done. */
function ringFor(t: Task, id: number, flags: number): KeyRef | number {
  return lookupKey(t, id, flags, KEY_WRITE);
}

function clear(t: Task, a: SyscallArgs): number {
  const ring = ringFor(t, a.i32(1), LOOKUP_CREATE);
  if (typeof ring === 'number') return ring;
  if (!ring.key.isKeyring) return -ENOTDIR;
  t.kernel.keys.clear(ring.key);
  return 0;
}

function link(t: Task, a: SyscallArgs): number {
  const ring = ringFor(t, a.i32(2), LOOKUP_CREATE);
  if (typeof ring === 'number') return ring;
  const ref = lookupKey(t, a.i32(1), LOOKUP_CREATE, KEY_LINK);
  return typeof ref === 'number' ? ref : linkInto(t, ring.key, ref.key);
}

function unlink(t: Task, a: SyscallArgs): number {
  const ring = ringFor(t, a.i32(2), 0);
  if (typeof ring === 'number') return ring;
  const ref = lookupKey(t, a.i32(1), 0, NEED_UNLINK);
  if (typeof ref === 'number') return ref;
  if (!ring.key.isKeyring) return -ENOTDIR;
  return t.kernel.keys.unlink(ring.key, ref.key) ? 0 : -ENOENT;
}

function search(t: Task, a: SyscallArgs): number {
  const typeName = loadType(t, a.u64(2));
  if (typeof typeName === 'number') return typeName;
  const description = loadDescription(t, a.u64(3));
  if (typeof description === 'number') return description;
  const ring = lookupKey(t, a.i32(1), 0, KEY_SEARCH);
  if (typeof ring === 'number') return ring;
  let destination: KeyRef | number | null = null;
  if (a.i32(4) !== 0) {
    destination = ringFor(t, a.i32(4), LOOKUP_CREATE);
    if (typeof destination === 'number') return destination;
  }
  const type = keyType(typeName);
  if (type === null) return -ENOKEY;
  const match = { type, description, key: null, state: 'valid' } as const;
  const found = searchRing(ring, t.cred, t.kernel.clock, match);
  if (typeof found === 'number') return found === NOT_THERE ? -ENOKEY : found;
  if (destination !== null) {
    const r = keyPermission(found, t.cred, KEY_LINK) || linkInto(t, destination.key, found.key);
    if (r < 0) return r;
  }
  return found.key.serial;
}

function read(t: Task, a: SyscallArgs): number {
  const ref = lookupKey(t, a.i32(1), 0, NEED_NOTHING);
  if (typeof ref === 'number') return -ENOKEY;
  // What can be found from one's own keyrings can be read.
  if (keyPermission(ref, t.cred, KEY_READ) < 0 && !ref.possessed) return -EACCES;
  const { key } = ref;
  if (!key.type.readable) return -EOPNOTSUPP;
  const r = key.validate(t.kernel.clock);
  if (r !== 0) return r;
  const bytes = key.isKeyring
    ? new Uint8Array(Int32Array.from(key.links, (k) => k.serial).buffer)
    : key.payload;
  return answer(t, bytes, a.u64(2), a.u64(3));
}

/** Only a program request_key(2) started has the authority, and none is started. */
function withoutAuthority(): number {
  return -EPERM;
}

function setDestination(t: Task, a: SyscallArgs): number {
  const value = a.i32(1);
  const old = t.cred.keys.destination;
  if (value === KEY_REQKEY_DEFL_NO_CHANGE) return old;
  if (!isDestination(value)) return -EINVAL;
  const spec =
    value === KEY_REQKEY_DEFL_THREAD_KEYRING
      ? KEY_SPEC_THREAD_KEYRING
      : value === KEY_REQKEY_DEFL_PROCESS_KEYRING
        ? KEY_SPEC_PROCESS_KEYRING
        : 0;
  if (spec !== 0) {
    const ring = lookupKey(t, spec, LOOKUP_CREATE, NEED_NOTHING);
    if (typeof ring === 'number') return ring;
  }
  setRings(t, { destination: value });
  return old;
}

function setTimeout(t: Task, a: SyscallArgs): number {
  const ref = lookupKey(t, a.i32(1), LOOKUP_CREATE, KEY_SETATTR);
  if (typeof ref === 'number') return ref;
  const seconds = a.u32(2);
  ref.key.expiry = seconds === 0 ? 0 : t.kernel.clock.realtimeSec() + seconds;
  return 0;
}

function assumeAuthority(_t: Task, a: SyscallArgs): number {
  const id = a.i32(1);
  if (id < 0) return -EINVAL;
  return id === 0 ? 0 : -ENOKEY;
}

/** No security module labels keys: an empty string. */
function getSecurity(t: Task, a: SyscallArgs): number {
  const ref = lookupKey(t, a.i32(1), 0, KEY_VIEW);
  return typeof ref === 'number' ? ref : answer(t, new Uint8Array(1), a.u64(2), a.u64(3));
}

function restrict(t: Task, a: SyscallArgs): number {
  const ref = lookupKey(t, a.i32(1), 0, KEY_SETATTR);
  if (typeof ref === 'number') return ref;
  const byType = a.u64(2) !== 0;
  if (byType !== (a.u64(3) !== 0)) return -EINVAL;
  if (byType) {
    const name = loadType(t, a.u64(2));
    if (typeof name === 'number') return name;
    const restriction = loadDescription(t, a.u64(3));
    if (typeof restriction === 'number') return restriction;
    if (!ref.key.isKeyring) return -ENOTDIR;
    return keyType(name) === null ? -ENOKEY : -ENOENT;
  }
  if (!ref.key.isKeyring) return -ENOTDIR;
  if (ref.key.closed) return -EEXIST;
  ref.key.closed = true;
  return 0;
}

function move(t: Task, a: SyscallArgs): number {
  const flags = a.u32(4);
  if ((flags & ~KEYCTL_MOVE_EXCL) !== 0) return -EINVAL;
  const ref = lookupKey(t, a.i32(1), LOOKUP_CREATE, KEY_LINK);
  if (typeof ref === 'number') return ref;
  const from = ringFor(t, a.i32(2), 0);
  if (typeof from === 'number') return from;
  const to = ringFor(t, a.i32(3), LOOKUP_CREATE);
  if (typeof to === 'number') return to;
  const { key } = ref;
  if (from.key === to.key) return 0;
  if (!from.key.isKeyring || !to.key.isKeyring) return -ENOTDIR;
  if (from.key.find(key.type, key.description) === null) return -ENOENT;
  if ((flags & KEYCTL_MOVE_EXCL) !== 0 && to.key.find(key.type, key.description) !== null) return -EEXIST;
  const r = linkInto(t, to.key, key);
  if (r === 0) t.kernel.keys.unlink(from.key, key);
  return r;
}

function capabilities(t: Task, a: SyscallArgs): number {
  const room = Math.min(a.u64(2), PAGE);
  const bytes = new Uint8Array(room);
  bytes.set(CAPABILITIES.slice(0, room));
  if (room > 0 && t.mm.copyOut(a.u64(1), bytes, 0, room) < 0) return -EFAULT;
  return CAPABILITIES.length;
}

const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [KEYCTL_GET_KEYRING_ID, getKeyringId],
  [KEYCTL_JOIN_SESSION_KEYRING, join],
  [KEYCTL_UPDATE, update],
  [KEYCTL_REVOKE, revoke],
  [KEYCTL_CHOWN, chown],
  [KEYCTL_SETPERM, setPerm],
  [KEYCTL_DESCRIBE, describe],
  [KEYCTL_CLEAR, clear],
  [KEYCTL_LINK, link],
  [KEYCTL_UNLINK, unlink],
  [KEYCTL_SEARCH, search],
  [KEYCTL_READ, read],
  [KEYCTL_INSTANTIATE, withoutAuthority],
  [KEYCTL_NEGATE, withoutAuthority],
  [KEYCTL_REJECT, withoutAuthority],
  [KEYCTL_INSTANTIATE_IOV, withoutAuthority],
  [KEYCTL_SET_REQKEY_KEYRING, setDestination],
  [KEYCTL_SET_TIMEOUT, setTimeout],
  [KEYCTL_ASSUME_AUTHORITY, assumeAuthority],
  [KEYCTL_GET_SECURITY, getSecurity],
  [KEYCTL_SESSION_TO_PARENT, sessionToParent],
  [KEYCTL_INVALIDATE, invalidate],
  [KEYCTL_RESTRICT_KEYRING, restrict],
  [KEYCTL_MOVE, move],
  [KEYCTL_CAPABILITIES, capabilities],
]);

/** keyctl(2): what each operation answers; EOPNOTSUPP for those there are not. */
function sysKeyctl(t: Task, a: SyscallArgs): number {
  const operation = OPERATIONS.get(a.i32(0));
  return operation === undefined ? -EOPNOTSUPP : operation(t, a);
}

export const rows = [
  row(SYS_keyctl, 'keyctl', sysKeyctl, ['int', 'ulong', 'ulong', 'ulong', 'ulong'], {
    support: 'partial',
    note: 'no persistent keyrings, Diffie-Hellman or public key operations, and nothing to watch keys with: EOPNOTSUPP',
  }),
];
