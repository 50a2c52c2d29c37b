import { EKEYEXPIRED, EKEYREVOKED, ENOKEY } from '@sandbox/abi';
import type { Clock } from '../../time/source.js';
import type { KeyUser } from './key-user.js';

/**
 * Rights on a key (keyrings(7), "Key permissions mask"): six bits, for the possessor, the user, the group and
 * others.
 */
export const KEY_VIEW = 0x01;
export const KEY_READ = 0x02;
export const KEY_WRITE = 0x04;
export const KEY_SEARCH = 0x08;
export const KEY_LINK = 0x10;
export const KEY_SETATTR = 0x20;
export const KEY_ALL = 0x3f;
export const POSSESSOR = 24;
export const USER = 16;
export const GROUP = 8;

/** The group of keys that have none, and how that is shown. */
export const NO_GROUP = 0xffffffff;
const OVERFLOW_GID = 65534;

/** What a type of key can do. */
export interface KeyType {
  readonly name: string;
  /** Programs may see the payload. */
  readonly readable: boolean;
  /** Keys of it are updated by add_key(2) with the same description. */
  readonly updatable: boolean;
  /** Longest payload; -1: none at all. */
  readonly maxPayload: number;
  /** Is the description one the type allows? */
  readonly accepts: (description: string) => boolean;
}

const any = (): boolean => true;

/** A service and a colon come first. */
function qualified(description: string): boolean {
  return description.indexOf(':') > 0;
}

export const KEYRING: KeyType = {
  name: 'keyring',
  readable: true,
  updatable: false,
  maxPayload: -1,
  accepts: any,
};
const TYPES: readonly KeyType[] = [
  KEYRING,
  { name: 'user', readable: true, updatable: true, maxPayload: 32767, accepts: any },
  { name: 'logon', readable: false, updatable: true, maxPayload: 32767, accepts: qualified },
];

export function keyType(name: string): KeyType | null {
  return TYPES.find((type) => type.name === name) ?? null;
}

const EMPTY = new Uint8Array(0);

/** A key, or a keyring: then it has links instead of a payload. */
export class Key {
  payload: Uint8Array = EMPTY;
  /** Of keyrings: the keys in them. No two have the same type and description. */
  readonly links: Key[] = [];
  /** Seconds of CLOCK_REALTIME; 0: it does not expire. */
  expiry = 0;
  revoked = false;
  invalidated = false;
  /** Nothing more may be linked (KEYCTL_RESTRICT_KEYRING). */
  closed = false;
  /** Bytes counted against its owner; none where `inQuota` is false. */
  charge = 0;
  /** A user's own keyring, not made for a session. */
  ofUser = false;

  constructor(
    readonly serial: number,
    readonly type: KeyType,
    readonly description: string,
    public uid: number,
    public gid: number,
    public perm: number,
    public owner: KeyUser,
    readonly inQuota: boolean,
  ) {}

  /** Its group as the ids of a user namespace have it. */
  shownGid(gids: { show(id: number): number }): number {
    return this.gid === NO_GROUP ? OVERFLOW_GID : gids.show(this.gid);
  }

  get isKeyring(): boolean {
    return this.type === KEYRING;
  }

  /** The key of this type and description in a keyring. */
  find(type: KeyType, description: string): Key | null {
    return this.links.find((k) => k.type === type && k.description === description) ?? null;
  }

  expired(clock: Clock): boolean {
    return this.expiry !== 0 && clock.realtimeSec() >= this.expiry;
  }

  /** 0, or why it is of no use any more (key_validate). */
  validate(clock: Clock): number {
    if (this.invalidated) return -ENOKEY;
    if (this.revoked) return -EKEYREVOKED;
    return this.expired(clock) ? -EKEYEXPIRED : 0;
  }
}
