import {
  CAP_LAST_CAP,
  CAP_SETPCAP,
  EINVAL,
  EPERM,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_IS_SET,
  PR_CAP_AMBIENT_LOWER,
  PR_CAP_AMBIENT_RAISE,
} from '@sandbox/abi';
import {
  commitCred,
  SECBIT_KEEP_CAPS,
  SECBIT_KEEP_CAPS_LOCKED,
  SECBIT_NO_CAP_AMBIENT_RAISE,
  SECURE_ALL_BITS,
  SECURE_ALL_LOCKS,
} from '../../process/cred/change.js';
import type { Task } from '../../process/task/task.js';

/** Is `cap` in the set of two words? */
function has(lo: number, hi: number, cap: number): boolean {
  return (((cap < 32 ? lo >>> cap : hi >>> (cap - 32)) >>> 0) & 1) === 1;
}

/** PR_CAPBSET_READ: 0 or 1; EINVAL. */
export function readBounding(t: Task, cap: number): number {
  if (cap > CAP_LAST_CAP) return -EINVAL;
  return has(t.cred.boundingLo, t.cred.boundingHi, cap) ? 1 : 0;
}

/** PR_CAPBSET_DROP: EINVAL, EPERM. */
export function dropBounding(t: Task, cap: number): number {
  if (!t.cred.has(CAP_SETPCAP)) return -EPERM;
  if (cap > CAP_LAST_CAP) return -EINVAL;
  const next = t.cred.clone();
  if (cap < 32) next.boundingLo = (next.boundingLo & ~(1 << cap)) >>> 0;
  else next.boundingHi &= ~(1 << (cap - 32));
  commitCred(t, next);
  return 0;
}

/** PR_SET_SECUREBITS: EPERM (no right, a locked bit, an unknown one). */
export function setSecurebits(t: Task, bits: number): number {
  const old = t.cred.securebits;
  const changesLocked = ((old & SECURE_ALL_LOCKS) >> 1) & (old ^ bits);
  const unlocks = old & SECURE_ALL_LOCKS & ~bits;
  const unknown = bits > 0xff || (bits & ~(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) !== 0;
  if (changesLocked !== 0 || unlocks !== 0 || unknown || !t.cred.has(CAP_SETPCAP)) return -EPERM;
  const next = t.cred.clone();
  next.securebits = bits;
  commitCred(t, next);
  return 0;
}

export function getKeepCaps(t: Task): number {
  return (t.cred.securebits & SECBIT_KEEP_CAPS) !== 0 ? 1 : 0;
}

/** PR_SET_KEEPCAPS: EINVAL, EPERM. */
export function setKeepCaps(t: Task, value: number): number {
  if (value > 1) return -EINVAL;
  if ((t.cred.securebits & SECBIT_KEEP_CAPS_LOCKED) !== 0) return -EPERM;
  const next = t.cred.clone();
  if (value === 1) next.securebits |= SECBIT_KEEP_CAPS;
  else next.securebits &= ~SECBIT_KEEP_CAPS;
  commitCred(t, next);
  return 0;
}

/** PR_CAP_AMBIENT: EINVAL, EPERM. */
export function ambient(t: Task, op: number, cap: number, arg4: number, arg5: number): number {
  const old = t.cred;
  if (op === PR_CAP_AMBIENT_CLEAR_ALL) {
    if (cap !== 0 || arg4 !== 0 || arg5 !== 0) return -EINVAL;
    const next = old.clone();
    next.ambientLo = next.ambientHi = 0;
    commitCred(t, next);
    return 0;
  }
  if (cap > CAP_LAST_CAP || arg4 !== 0 || arg5 !== 0) return -EINVAL;
  if (op === PR_CAP_AMBIENT_IS_SET) return has(old.ambientLo, old.ambientHi, cap) ? 1 : 0;
  if (op !== PR_CAP_AMBIENT_RAISE && op !== PR_CAP_AMBIENT_LOWER) return -EINVAL;
  const raise = op === PR_CAP_AMBIENT_RAISE;
  if (raise && !mayRaise(t, cap)) return -EPERM;
  const next = old.clone();
  const bit = 1 << (cap & 31);
  if (cap < 32) next.ambientLo = (raise ? next.ambientLo | bit : next.ambientLo & ~bit) >>> 0;
  else next.ambientHi = (raise ? next.ambientHi | bit : next.ambientHi & ~bit) >>> 0;
  commitCred(t, next);
  return 0;
}

function mayRaise(t: Task, cap: number): boolean {
  const c = t.cred;
  if ((c.securebits & SECBIT_NO_CAP_AMBIENT_RAISE) !== 0) return false;
  return has(c.permittedLo, c.permittedHi, cap) && has(c.inheritableLo, c.inheritableHi, cap);
}
