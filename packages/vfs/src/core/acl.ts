import {
  ACL_GROUP,
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_UNDEFINED_ID,
  ACL_USER,
  ACL_USER_OBJ,
  EACCES,
  EAGAIN,
  EINVAL,
  EOPNOTSUPP,
  POSIX_ACL_XATTR_ENTRY,
  POSIX_ACL_XATTR_HEADER,
  POSIX_ACL_XATTR_VERSION,
  XATTR_NAME_POSIX_ACL_ACCESS,
  XATTR_NAME_POSIX_ACL_DEFAULT,
} from '@sandbox/abi';
import type { Credentials } from './credentials.js';
import type { Inode } from './inode.js';

/** One line of an access control list (acl(5)). */
interface AclEntry {
  /** ACL_USER_OBJ, ACL_USER, ... */
  readonly tag: number;
  /** 4 read, 2 write, 1 execute. */
  perm: number;
  /** The user or group of ACL_USER and ACL_GROUP; else ACL_UNDEFINED_ID. */
  readonly id: number;
}

const KNOWN_TAGS: readonly number[] = [ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER];

/** A POSIX access control list, in the order of its attribute. */
export class Acl {
  private constructor(private readonly entries: readonly AclEntry[]) {}

  /**
   * The value of a `system.posix_acl_*` attribute. null: an empty list, which means none. -EINVAL,
   * -EOPNOTSUPP (version).
   */
  static parse(bytes: Uint8Array): Acl | number | null {
    if (bytes.length === 0) return null;
    if (bytes.length < POSIX_ACL_XATTR_HEADER.SIZE) return -EINVAL;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint32(0, true) !== POSIX_ACL_XATTR_VERSION) return -EOPNOTSUPP;
    const size = bytes.length - POSIX_ACL_XATTR_HEADER.SIZE;
    if (size % POSIX_ACL_XATTR_ENTRY.SIZE !== 0) return -EINVAL;
    const entries: AclEntry[] = [];
    for (let at = POSIX_ACL_XATTR_HEADER.SIZE; at < bytes.length; at += POSIX_ACL_XATTR_ENTRY.SIZE) {
      const tag = view.getUint16(at + POSIX_ACL_XATTR_ENTRY.e_tag, true);
      if (!KNOWN_TAGS.includes(tag)) return -EINVAL;
      const named = tag === ACL_USER || tag === ACL_GROUP;
      const id = named ? view.getUint32(at + POSIX_ACL_XATTR_ENTRY.e_id, true) : ACL_UNDEFINED_ID;
      if (id === 0xffffffff) return -EINVAL;
      entries.push({ tag, perm: view.getUint16(at + POSIX_ACL_XATTR_ENTRY.e_perm, true), id });
    }
    if (entries.length === 0) return null;
    return new Acl(entries);
  }

  /**
   * An attribute's value with the users and groups it names called otherwise; what is no list stays as it is.
   * -1: no such id.
   */
  static translate(bytes: Uint8Array, uid: (id: number) => number, gid: (id: number) => number): Uint8Array {
    const acl = Acl.parse(bytes);
    if (acl === null || typeof acl === 'number') return bytes;
    return new Acl(
      acl.entries.map((e) => {
        if (e.tag === ACL_USER) return { ...e, id: uid(e.id) };
        return e.tag === ACL_GROUP ? { ...e, id: gid(e.id) } : e;
      }),
    ).toBytes();
  }

  /**
   * The rules of acl(5): one entry for owner, group and others, in order, a mask where somebody is named. 0
   * or -EINVAL.
   */
  validate(): number {
    let state = ACL_USER_OBJ;
    let needsMask = false;
    for (const { tag, perm } of this.entries) {
      if ((perm & ~7) !== 0) return -EINVAL;
      switch (tag) {
        case ACL_USER_OBJ:
          if (state !== ACL_USER_OBJ) return -EINVAL;
          state = ACL_USER;
          break;
        case ACL_USER:
          if (state !== ACL_USER) return -EINVAL;
          needsMask = true;
          break;
        case ACL_GROUP_OBJ:
          if (state !== ACL_USER) return -EINVAL;
          state = ACL_GROUP;
          break;
        case ACL_GROUP:
          if (state !== ACL_GROUP) return -EINVAL;
          needsMask = true;
          break;
        case ACL_MASK:
          if (state !== ACL_GROUP) return -EINVAL;
          state = ACL_OTHER;
          break;
        case ACL_OTHER:
          if (state !== ACL_OTHER && (state !== ACL_GROUP || needsMask)) return -EINVAL;
          state = 0;
          break;
        default:
          return -EINVAL;
      }
    }
    return state === 0 ? 0 : -EINVAL;
  }

  toBytes(): Uint8Array {
    const bytes = new Uint8Array(
      POSIX_ACL_XATTR_HEADER.SIZE + this.entries.length * POSIX_ACL_XATTR_ENTRY.SIZE,
    );
    const view = new DataView(bytes.buffer);
    view.setUint32(0, POSIX_ACL_XATTR_VERSION, true);
    let at = POSIX_ACL_XATTR_HEADER.SIZE;
    for (const e of this.entries) {
      view.setUint16(at + POSIX_ACL_XATTR_ENTRY.e_tag, e.tag, true);
      view.setUint16(at + POSIX_ACL_XATTR_ENTRY.e_perm, e.perm, true);
      view.setUint32(at + POSIX_ACL_XATTR_ENTRY.e_id, e.id >>> 0, true);
      at += POSIX_ACL_XATTR_ENTRY.SIZE;
    }
    return bytes;
  }

  /** The permission bits that say as much as this list can be said with bits. */
  get mode(): number {
    let mode = 0;
    let mask = -1;
    for (const { tag, perm } of this.entries) {
      if (tag === ACL_USER_OBJ) mode |= perm << 6;
      else if (tag === ACL_GROUP_OBJ) mode |= perm << 3;
      else if (tag === ACL_OTHER) mode |= perm;
      else if (tag === ACL_MASK) mask = perm;
    }
    return mask < 0 ? mode : (mode & ~0o70) | (mask << 3);
  }

  /** Bits alone say it all: there is nothing to store. */
  get minimal(): boolean {
    return this.entries.every(
      (e) => e.tag === ACL_USER_OBJ || e.tag === ACL_GROUP_OBJ || e.tag === ACL_OTHER,
    );
  }

  /**
   * May `cred`, who is not the owner of `inode`, do `want`? 0, -EACCES; -EAGAIN: the list names nobody who
   * could be meant.
   */
  check(inode: Inode, cred: Credentials, want: number): number {
    let inGroup = false;
    for (const e of this.entries) {
      switch (e.tag) {
        case ACL_USER:
          if (e.id === cred.fsuid) return this.masked(e.perm, want);
          break;
        case ACL_GROUP_OBJ:
        case ACL_GROUP: {
          const gid = e.tag === ACL_GROUP_OBJ ? inode.gid : e.id;
          if (cred.fsgid !== gid && !cred.groups.includes(gid)) break;
          inGroup = true;
          if ((e.perm & want) === want) return this.masked(e.perm, want);
          break;
        }
        case ACL_OTHER:
          if (inGroup) return -EACCES;
          return (e.perm & want) === want ? 0 : -EACCES;
        default:
          break;
      }
    }
    return -EAGAIN;
  }

  private masked(perm: number, want: number): number {
    const mask = this.entries.find((e) => e.tag === ACL_MASK);
    return (perm & (mask?.perm ?? 7) & want) === want ? 0 : -EACCES;
  }

  /** chmod(2): the list that goes with the permission bits `mode`. */
  withMode(mode: number): Acl {
    const hasMask = this.entries.some((e) => e.tag === ACL_MASK);
    return new Acl(
      this.entries.map((e) => {
        if (e.tag === ACL_USER_OBJ) return { ...e, perm: (mode >> 6) & 7 };
        if (e.tag === ACL_OTHER) return { ...e, perm: mode & 7 };
        if (e.tag === (hasMask ? ACL_MASK : ACL_GROUP_OBJ)) return { ...e, perm: (mode >> 3) & 7 };
        return e;
      }),
    );
  }

  /**
   * What a new file gets of its directory's default list: no more than `mode`, what it was made with, allows.
   */
  inherited(mode: number): Acl {
    const hasMask = this.entries.some((e) => e.tag === ACL_MASK);
    return new Acl(
      this.entries.map((e) => {
        if (e.tag === ACL_USER_OBJ) return { ...e, perm: e.perm & (mode >> 6) & 7 };
        if (e.tag === ACL_OTHER) return { ...e, perm: e.perm & mode & 7 };
        if (e.tag === (hasMask ? ACL_MASK : ACL_GROUP_OBJ)) return { ...e, perm: e.perm & (mode >> 3) & 7 };
        return e;
      }),
    );
  }
}

export function isAclName(name: string): boolean {
  return name === XATTR_NAME_POSIX_ACL_ACCESS || name === XATTR_NAME_POSIX_ACL_DEFAULT;
}

/** The list stored in attribute `name` of `inode`; null: none. */
export function aclOf(inode: Inode, name: string): Acl | null {
  const bytes = inode.getxattr(name);
  if (typeof bytes === 'number') return null;
  const acl = Acl.parse(bytes);
  return typeof acl === 'number' ? null : acl;
}

/** A chmod of `inode` to `mode` was done: its list follows. */
export function followMode(inode: Inode, mode: number): number {
  if (!inode.hasAcl) return 0;
  const acl = inode.accessAcl;
  return acl === null ? 0 : inode.setxattr(XATTR_NAME_POSIX_ACL_ACCESS, acl.withMode(mode).toBytes(), 0);
}
