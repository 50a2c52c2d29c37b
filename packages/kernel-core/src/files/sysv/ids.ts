import {
  CAP_IPC_OWNER,
  CAP_SYS_ADMIN,
  EACCES,
  EEXIST,
  EFAULT,
  EIDRM,
  EINVAL,
  ENOENT,
  ENOSPC,
  EPERM,
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  IPC64_PERM,
} from '@sandbox/abi';
import type { Cred } from '../../process/cred/cred.js';
import type { Task } from '../../process/task/task.js';

/**
 * Ids are a slot and a sequence number (Linux: IPCMNI_SHIFT), so that a stale id is told from a new object's.
 */
const SLOTS = 32768;
const MAX_SEQ = 65535;

/** What all System V objects have (Linux: kern_ipc_perm; sysvipc(7)). */
export abstract class IpcObject {
  id = -1;
  seq = 0;
  key = IPC_PRIVATE;
  uid = 0;
  gid = 0;
  cuid = 0;
  cgid = 0;
  /** Permission bits, and for shared memory SHM_DEST and SHM_LOCKED. */
  mode = 0;

  own(key: number, cred: Cred, flags: number): void {
    this.key = key;
    this.uid = this.cuid = cred.euid;
    this.gid = this.cgid = cred.egid;
    this.mode = flags & 0o777;
  }

  /** struct ipc64_perm at `at`. */
  writePerm(view: DataView, at: number): void {
    view.setInt32(at + IPC64_PERM.key, this.key, true);
    view.setUint32(at + IPC64_PERM.uid, this.uid, true);
    view.setUint32(at + IPC64_PERM.gid, this.gid, true);
    view.setUint32(at + IPC64_PERM.cuid, this.cuid, true);
    view.setUint32(at + IPC64_PERM.cgid, this.cgid, true);
    view.setUint32(at + IPC64_PERM.mode, this.mode, true);
    view.setUint16(at + IPC64_PERM.seq, this.seq, true);
  }

  /** IPC_SET: owner and permissions from a struct ipc64_perm. EINVAL (no such id can be). */
  readPerm(view: DataView, at: number): number {
    const uid = view.getUint32(at + IPC64_PERM.uid, true);
    const gid = view.getUint32(at + IPC64_PERM.gid, true);
    if (uid === 0xffffffff || gid === 0xffffffff) return -EINVAL;
    this.uid = uid;
    this.gid = gid;
    this.mode = (this.mode & ~0o777) | (view.getUint32(at + IPC64_PERM.mode, true) & 0o777);
    return 0;
  }
}

function inGroup(cred: Cred, gid: number): boolean {
  return cred.fsgid === gid || cred.groups.includes(gid);
}

/** Has `cred` the permissions of `flags` (any of the three digits) on the object? EACCES. */
export function ipcPermission(object: IpcObject, cred: Cred, flags: number): number {
  const wanted = (flags >> 6) | (flags >> 3) | flags;
  let granted = object.mode;
  if (cred.euid === object.cuid || cred.euid === object.uid) granted >>= 6;
  else if (inGroup(cred, object.cgid) || inGroup(cred, object.gid)) granted >>= 3;
  return (wanted & ~granted & 7) !== 0 && !cred.capable(CAP_IPC_OWNER) ? -EACCES : 0;
}

/** May `cred` change or remove the object? EPERM. */
export function ipcOwner(object: IpcObject, cred: Cred): number {
  if (cred.euid === object.cuid || cred.euid === object.uid || cred.capable(CAP_SYS_ADMIN)) return 0;
  return -EPERM;
}

/** All objects of one kind. */
export class IpcIds<T extends IpcObject> {
  private readonly slots = new Map<number, T>();
  private readonly keys = new Map<number, T>();
  private last = -1;
  private seq = 0;

  /** `most`: how many there may be at a time (SHMMNI and its kin). */
  constructor(private readonly most: () => number) {}

  get size(): number {
    return this.slots.size;
  }
  get objects(): IterableIterator<T> {
    return this.slots.values();
  }
  /** Highest slot in use, -1 when none: what the *_INFO commands answer. */
  get highest(): number {
    let highest = -1;
    for (const slot of this.slots.keys()) if (slot > highest) highest = slot;
    return highest;
  }

  /** Object of an id: EINVAL (no such), EIDRM (another is in its place). */
  find(id: number): T | number {
    if (id < 0) return -EINVAL;
    const object = this.slots.get(id % SLOTS);
    if (!object) return -EINVAL;
    return object.id === id ? object : -EIDRM;
  }

  /** Object in a slot, for the *_STAT commands: EINVAL. */
  atSlot(slot: number): T | number {
    return slot < 0 ? -EINVAL : (this.slots.get(slot % SLOTS) ?? -EINVAL);
  }

  /**
   * shmget(2) and its kin: the id for `key`. `create` makes a new object or answers -errno; `check` says
   * whether an existing one is big enough. EEXIST, ENOENT, ENOSPC, EACCES, and theirs.
   */
  get(
    task: Task,
    key: number,
    flags: number,
    create: () => T | number,
    check: (object: T) => number,
  ): number {
    const existing = key === IPC_PRIVATE ? undefined : this.keys.get(key);
    if (!existing) {
      if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) return -ENOENT;
      const object = create();
      if (typeof object === 'number') return object;
      object.own(key, task.cred, flags);
      return this.add(object);
    }
    if ((flags & (IPC_CREAT | IPC_EXCL)) === (IPC_CREAT | IPC_EXCL)) return -EEXIST;
    const r = check(existing);
    if (r < 0) return r;
    const allowed = ipcPermission(existing, task.cred, flags);
    return allowed < 0 ? allowed : existing.id;
  }

  private add(object: T): number {
    const max = Math.min(this.most(), SLOTS);
    if (this.slots.size >= max) return -ENOSPC;
    let slot = this.last;
    do slot = slot + 1 >= max ? 0 : slot + 1;
    while (this.slots.has(slot));
    if (slot <= this.last) this.seq = this.seq >= MAX_SEQ ? 0 : this.seq + 1;
    this.last = slot;
    object.seq = this.seq;
    object.id = this.seq * SLOTS + slot;
    this.slots.set(slot, object);
    if (object.key !== IPC_PRIVATE) this.keys.set(object.key, object);
    return object.id;
  }

  /** The id and the key name nothing any more; who holds the object may go on using it. */
  remove(object: T): void {
    if (this.slots.get(object.id % SLOTS) === object) this.slots.delete(object.id % SLOTS);
    this.forgetKey(object);
  }

  /** The key is free again, the id still good (a segment that is to be destroyed). */
  forgetKey(object: T): void {
    if (object.key !== IPC_PRIVATE && this.keys.get(object.key) === object) this.keys.delete(object.key);
    object.key = IPC_PRIVATE;
  }
}

/** Read a struct for IPC_SET into the kernel's scratch. EFAULT. */
export function readForSet(task: Task, addr: number, size: number): number {
  return task.mm.copyIn(addr, task.kernel.scratch, 0, size) < 0 ? -EFAULT : 0;
}

/** An unsigned long in a struct to be copied out. */
export function putLong(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / 4294967296), true);
}
