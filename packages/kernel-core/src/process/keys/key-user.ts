import type { Key } from './key.js';

/**
 * What one user's keys take, and the keyrings it has for good (Linux: struct key_user; keyrings(7), "User
 * keyrings").
 */
export class KeyUser {
  keys = 0;
  /** Keys and bytes that count against the quota. */
  countedKeys = 0;
  countedBytes = 0;
  /** _uid.N and _uid_ses.N, once something asked for them. */
  userKeyring: Key | null = null;
  sessionKeyring: Key | null = null;

  constructor(readonly uid: number) {}
}

/** /proc/sys/kernel/keys. */
export class KeyLimits {
  maxkeys = 200;
  maxbytes = 20000;
  root_maxkeys = 1_000_000;
  root_maxbytes = 25_000_000;
  gc_delay = 300;
  persistent_keyring_expiry = 259_200;

  keysFor(uid: number): number {
    return uid === 0 ? this.root_maxkeys : this.maxkeys;
  }
  bytesFor(uid: number): number {
    return uid === 0 ? this.root_maxbytes : this.maxbytes;
  }
}
