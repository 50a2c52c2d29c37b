import type { Credentials } from '@sandbox/vfs';
import { type KeyRings, NO_RINGS } from '../keys/rings.js';
import type { LandlockDomain } from '../landlock/domain.js';
import { INITIAL_USER_NS, type UserNamespace } from '../ns/user-ns.js';

/** Capability numbers 0..40 as two words. */
const CAP_FULL_LO = 0xffffffff;
const CAP_FULL_HI = 0x1ff;

/**
 * Credentials of a task (credentials(7), capabilities(7)). Immutable by convention: a change makes a copy
 * with `clone`, alters the copy and installs it, so sharing between tasks and open files is free.
 */
export class Cred implements Credentials {
  uid = 0;
  gid = 0;
  euid = 0;
  egid = 0;
  suid = 0;
  sgid = 0;
  fsuid = 0;
  fsgid = 0;
  groups: readonly number[] = [];
  effectiveLo = 0;
  effectiveHi = 0;
  permittedLo = 0;
  permittedHi = 0;
  inheritableLo = 0;
  inheritableHi = 0;
  boundingLo = CAP_FULL_LO;
  boundingHi = CAP_FULL_HI;
  ambientLo = 0;
  ambientHi = 0;
  securebits = 0;
  noNewPrivs = false;
  /** Keyrings (keyrings(7)). */
  keys: KeyRings = NO_RINGS;
  /** What it has put itself under (landlock(7)). */
  guard: LandlockDomain | null = null;
  /** The user namespace its capabilities are held in. */
  userNs: UserNamespace = INITIAL_USER_NS;

  /** A login of `uid`:`gid`: all capabilities for root, none for others. */
  static forUser(uid: number, gid: number, groups: readonly number[] = []): Cred {
    const c = new Cred();
    c.uid = c.euid = c.suid = c.fsuid = uid;
    c.gid = c.egid = c.sgid = c.fsgid = gid;
    c.groups = groups;
    if (uid === 0) {
      c.effectiveLo = c.permittedLo = CAP_FULL_LO;
      c.effectiveHi = c.permittedHi = CAP_FULL_HI;
    }
    return c;
  }

  /** Is `cap` effective, wherever it counts? */
  has(cap: number): boolean {
    return cap < 32 ? ((this.effectiveLo >>> cap) & 1) === 1 : ((this.effectiveHi >>> (cap - 32)) & 1) === 1;
  }

  /**
   * `cap` over what belongs to the first user namespace or, with the kernel ids of a file's owner, over that
   * file, whose owners must have a place in this one (capable_wrt_inode_uidgid).
   */
  capable(cap: number, uid?: number, gid?: number): boolean {
    if (!this.has(cap)) return false;
    if (this.userNs.parent === null) return true;
    if (uid === undefined || gid === undefined) return false;
    return this.userNs.uids.fromKernel(uid) >= 0 && this.userNs.gids.fromKernel(gid) >= 0;
  }

  /**
   * `cap` over what belongs to the user namespace `ns` (cap_capable): held in it, or as its creator in the
   * namespace it was made in.
   */
  capableIn(ns: UserNamespace, cap: number): boolean {
    for (let at: UserNamespace | null = ns; at !== null; at = at.parent) {
      if (at === this.userNs) return this.has(cap);
      if (at.level <= this.userNs.level) return false;
      if (at.parent === this.userNs && at.ownerUid === this.euid) return true;
    }
    return false;
  }

  /** All capabilities, permitted, effective and bounding. */
  setAll(): void {
    this.permittedLo = this.effectiveLo = this.boundingLo = CAP_FULL_LO;
    this.permittedHi = this.effectiveHi = this.boundingHi = CAP_FULL_HI;
  }

  clone(): Cred {
    return Object.assign(new Cred(), this);
  }
}
