import { EDQUOT } from '@sandbox/abi';
import type { KernelCore } from '../kernel/kernel-core.js';
import { TASK_ZOMBIE } from '../task/task-state.js';
import { Key, type KeyType } from './key.js';
import { KeyLimits, KeyUser } from './key-user.js';

/** Bytes a link takes of its keyring's owner. */
const LINK_BYTES = 4;
/** Keys of a kernel, whoever owns them: what root could take from the embedder. */
const MAX_KEYS = 1_000_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** How a key counts against its owner's quota. */
export const QUOTA = 0;
export const QUOTA_OVERRUN = 1;
export const NO_QUOTA = 2;

/** Who a new key belongs to, and what may be done with it. */
export interface KeyOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * All keys of a kernel (keyrings(7)). A key lives as long as it can be reached from some thread's keyrings or
 * a user's: nobody counts references, what cannot be reached is collected before that could be noticed.
 */
export class KeyRegistry {
  private readonly keys = new Map<number, Key>();
  private readonly users = new Map<number, KeyUser>();
  readonly limits = new KeyLimits();
  private bytes = 0;
  /** Some link or keyring may have gone since the last collection. */
  private stale = false;

  constructor(private readonly kernel: KernelCore) {
    const gone = (): void => {
      if (this.keys.size > 0) this.stale = true;
    };
    kernel.hooks.taskExit.push(gone);
    kernel.hooks.exec.push(gone);
  }

  /** A way to some key is gone. */
  unlinked(): void {
    this.stale = true;
  }

  userOf(uid: number): KeyUser {
    let user = this.users.get(uid);
    if (user === undefined) {
      user = new KeyUser(uid);
      this.users.set(uid, user);
    }
    return user;
  }

  /** All users that have keys, and all keys, by number. */
  allUsers(): KeyUser[] {
    this.collect();
    return [...this.users.values()].filter((u) => u.keys > 0).sort((a, b) => a.uid - b.uid);
  }
  allKeys(): Key[] {
    this.collect();
    return [...this.keys.values()].sort((a, b) => a.serial - b.serial);
  }

  /** Keyrings of that name, oldest first. */
  keyringsNamed(name: string): Key[] {
    this.collect();
    return [...this.keys.values()].filter((k) => k.isKeyring && k.description === name);
  }

  bySerial(serial: number): Key | null {
    this.collect();
    return this.keys.get(serial) ?? null;
  }

  /** A new key in no keyring yet, to be linked by the same call. -EDQUOT. */
  create(
    type: KeyType,
    description: string,
    owner: KeyOwner,
    perm: number,
    quota: 0 | 1 | 2,
    payload = 0,
  ): Key | number {
    const user = this.userOf(owner.uid);
    const charge = quota === NO_QUOTA ? 0 : description.length + 1 + payload;
    if (quota === QUOTA && !this.hasRoom(user, 1, charge)) return -EDQUOT;
    if (this.keys.size >= MAX_KEYS || this.bytes + description.length + payload > MAX_BYTES) return -EDQUOT;
    const key = new Key(
      this.newSerial(),
      type,
      description,
      owner.uid,
      owner.gid,
      perm,
      user,
      quota !== NO_QUOTA,
    );
    key.charge = charge;
    this.keys.set(key.serial, key);
    this.bytes += description.length + payload;
    this.count(key, user, 1);
    return key;
  }

  private count(key: Key, user: KeyUser, sign: 1 | -1): void {
    user.keys += sign;
    if (!key.inQuota) return;
    user.countedKeys += sign;
    user.countedBytes += sign * key.charge;
  }

  private hasRoom(user: KeyUser, keys: number, bytes: number): boolean {
    const fits = (): boolean =>
      user.countedKeys + keys <= this.limits.keysFor(user.uid) &&
      user.countedBytes + bytes <= this.limits.bytesFor(user.uid);
    if (fits()) return true;
    this.collect();
    return fits();
  }

  private newSerial(): number {
    for (;;) {
      const serial = this.kernel.random.uint32() >>> 1;
      if (serial >= 3 && !this.keys.has(serial)) return serial;
    }
  }

  /** A key takes `delta` bytes more, or fewer. 0 or -EDQUOT (key_payload_reserve). */
  recharge(key: Key, delta: number): number {
    if (delta > 0 && this.bytes + delta > MAX_BYTES) return -EDQUOT;
    if (key.inQuota) {
      if (delta > 0 && key.owner.countedBytes + delta > this.limits.bytesFor(key.owner.uid)) return -EDQUOT;
      key.charge += delta;
      key.owner.countedBytes += delta;
    }
    this.bytes += delta;
    return 0;
  }

  setPayload(key: Key, payload: Uint8Array): number {
    const r = this.recharge(key, payload.length - key.payload.length);
    if (r === 0) key.payload = payload;
    return r;
  }

  /** It belongs to `uid` from now on. 0 or -EDQUOT. */
  give(key: Key, uid: number): number {
    const to = this.userOf(uid);
    if (key.inQuota && !this.hasRoom(to, 1, key.charge)) return -EDQUOT;
    this.count(key, key.owner, -1);
    key.owner = to;
    key.uid = uid;
    this.count(key, to, 1);
    return 0;
  }

  /** Put `key` into `ring`, in place of one of the same name. 0 or -EDQUOT. */
  link(ring: Key, key: Key): number {
    const i = ring.links.findIndex((k) => k.type === key.type && k.description === key.description);
    if (i >= 0) {
      if (ring.links[i] !== key) this.stale = true;
      ring.links[i] = key;
      return 0;
    }
    const r = this.recharge(ring, LINK_BYTES);
    if (r === 0) ring.links.push(key);
    return r;
  }

  /**
   * Take out `key`, or what is there in its place: links are known by type and description. False: nothing
   * was.
   */
  unlink(ring: Key, key: Key): boolean {
    const i = ring.links.findIndex((k) => k.type === key.type && k.description === key.description);
    if (i < 0) return false;
    ring.links.splice(i, 1);
    this.recharge(ring, -LINK_BYTES);
    this.stale = true;
    return true;
  }

  clear(ring: Key): void {
    this.recharge(ring, -LINK_BYTES * ring.links.length);
    ring.links.length = 0;
    this.stale = true;
  }

  /** Nobody can use it any more; a keyring is emptied. */
  revoke(key: Key): void {
    key.revoked = true;
    if (key.isKeyring) this.clear(key);
    else this.setPayload(key, new Uint8Array(0));
  }

  /** It vanishes from all keyrings. */
  invalidate(key: Key): void {
    key.invalidated = true;
    for (const ring of this.keys.values()) if (ring.links.includes(key)) this.unlink(ring, key);
    this.stale = true;
  }

  /** Let go of what nothing leads to. */
  private collect(): void {
    if (!this.stale) return;
    this.stale = false;
    const reached = new Set<Key>();
    const visit = (key: Key | null): void => {
      if (key === null || reached.has(key)) return;
      reached.add(key);
      for (const k of key.links) visit(k);
    };
    for (const user of this.users.values()) {
      visit(user.userKeyring);
      visit(user.sessionKeyring);
    }
    for (const task of this.kernel.pids.tasks.values()) {
      if (task.state >= TASK_ZOMBIE) continue;
      const { keys } = task.cred;
      visit(keys.thread);
      visit(keys.process);
      visit(keys.session);
    }
    for (const key of this.keys.values()) {
      if (reached.has(key)) continue;
      this.keys.delete(key.serial);
      this.bytes -= key.description.length + key.payload.length + key.links.length * LINK_BYTES;
      this.count(key, key.owner, -1);
    }
  }
}
