import type { Credentials } from '@sandbox/vfs';

/** Capability numbers 0..40 as two words. */
const CAP_FULL_LO = 0xffffffff;
const CAP_FULL_HI = 0x1ff;

/**
 * Credentials of a task (credentials(7), capabilities(7)). Immutable by convention: a change makes a copy with `clone`,
 * alters the copy and installs it, so sharing between tasks and open files is free.
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

  capable(cap: number): boolean {
    return cap < 32 ? ((this.effectiveLo >>> cap) & 1) === 1 : ((this.effectiveHi >>> (cap - 32)) & 1) === 1;
  }

  clone(): Cred {
    return Object.assign(new Cred(), this);
  }
}
