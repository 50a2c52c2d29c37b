import { CAP_SETUID, CAP_SYS_PTRACE, EPERM, MS_NOSUID, S_ISGID, S_ISUID, S_IXGRP } from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import { SECBIT_KEEP_CAPS, SECBIT_NOROOT } from '../cred/change.js';
import type { Cred } from '../cred/cred.js';
import { ringsOfProcess } from '../keys/rings.js';
import { fileCaps } from './file-caps.js';

/** Credentials of the program about to run, and whether it is to distrust its environment (AT_SECURE). */
export interface ExecCred {
  readonly cred: Cred;
  readonly secure: boolean;
  /** It runs as another user or group than the caller really is. */
  readonly changed: boolean;
}

/** What makes a gain of rights by execve unsafe (bprm->unsafe). */
export interface ExecRisks {
  /** Who traces the program to be, if anybody. */
  readonly tracer: Cred | null;
  /** Another process shares the root and working directory. */
  readonly shared: boolean;
}

/**
 * How execve changes credentials (bprm_fill_uid, cap_bprm_creds_from_file; execve(2), capabilities(7)):
 * set-id bits and file capabilities, unless the mount or no_new_privs forbids; then the sets. -EPERM when the
 * file's effective capabilities cannot all be given.
 */
export function execCred(old: Cred, file: File, risks: ExecRisks): ExecCred | number {
  const cred = old.clone();
  cred.keys = ringsOfProcess(old.keys);
  applySetId(cred, file);
  const caps = fileCaps(file, cred.userNs);
  const root = cred.userNs.uids.toKernel(0);
  let effective = false;
  cred.permittedLo = cred.permittedHi = 0;
  if (caps !== null) {
    effective = caps.effective;
    cred.permittedLo =
      ((cred.boundingLo & caps.permittedLo) | (cred.inheritableLo & caps.inheritableLo)) >>> 0;
    cred.permittedHi =
      ((cred.boundingHi & caps.permittedHi) | (cred.inheritableHi & caps.inheritableHi)) >>> 0;
    const lacks = (caps.permittedLo & ~cred.permittedLo) | (caps.permittedHi & ~cred.permittedHi);
    if (effective && lacks !== 0) return -EPERM;
  }
  // A set-user-ID-root program with capabilities of its own gets those, not all.
  const ownCapsOnly = caps !== null && cred.euid === root && cred.uid !== root;
  if ((cred.securebits & SECBIT_NOROOT) === 0 && !ownCapsOnly) {
    if (cred.euid === root || cred.uid === root) {
      cred.permittedLo = (cred.boundingLo | cred.inheritableLo) >>> 0;
      cred.permittedHi = (cred.boundingHi | cred.inheritableHi) >>> 0;
    }
    if (cred.euid === root) effective = true;
  }
  const changed = cred.euid !== old.uid || cred.egid !== old.gid;
  const gained = ((cred.permittedLo & ~old.permittedLo) | (cred.permittedHi & ~old.permittedHi)) !== 0;
  if ((changed || gained) && isUnsafe(cred, risks)) withoutGain(cred, old);
  if (caps !== null || cred.euid !== old.uid || cred.egid !== old.gid) cred.ambientLo = cred.ambientHi = 0;
  cred.permittedLo = (cred.permittedLo | cred.ambientLo) >>> 0;
  cred.permittedHi = (cred.permittedHi | cred.ambientHi) >>> 0;
  cred.effectiveLo = effective ? cred.permittedLo : cred.ambientLo;
  cred.effectiveHi = effective ? cred.permittedHi : cred.ambientHi;
  cred.securebits &= ~SECBIT_KEEP_CAPS;
  cred.suid = cred.euid;
  cred.fsuid = cred.euid;
  cred.sgid = cred.egid;
  cred.fsgid = cred.egid;
  const grew = ((cred.permittedLo & ~cred.ambientLo) | (cred.permittedHi & ~cred.ambientHi)) !== 0;
  const secure = changed || (cred.uid !== root && (effective || grew));
  return { cred, secure, changed: changed || gained };
}

function isUnsafe(cred: Cred, risks: ExecRisks): boolean {
  if (cred.noNewPrivs || risks.shared) return true;
  return risks.tracer !== null && !risks.tracer.capableIn(cred.userNs, CAP_SYS_PTRACE);
}

/** No more rights than before, and maybe fewer. */
function withoutGain(cred: Cred, old: Cred): void {
  if (!old.has(CAP_SETUID) || cred.noNewPrivs) {
    cred.euid = cred.uid;
    cred.egid = cred.gid;
  }
  cred.permittedLo = (cred.permittedLo & old.permittedLo) >>> 0;
  cred.permittedHi = (cred.permittedHi & old.permittedHi) >>> 0;
}

function applySetId(cred: Cred, file: File): void {
  const mount = file.path?.mount;
  if (cred.noNewPrivs || !mount || (mount.flags & MS_NOSUID) !== 0) return;
  const { mode } = file.inode;
  const ids = file.path?.mount.ids ?? null;
  const uid = ids === null ? file.inode.uid : ids.uids.toKernel(file.inode.uid);
  const gid = ids === null ? file.inode.gid : ids.gids.toKernel(file.inode.gid);
  if (uid < 0 || gid < 0) return;
  // Owners without a place in the caller's user namespace give nothing.
  if (cred.userNs.uids.fromKernel(uid) < 0 || cred.userNs.gids.fromKernel(gid) < 0) return;
  if ((mode & S_ISUID) !== 0) cred.euid = uid;
  if ((mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) cred.egid = gid;
}
