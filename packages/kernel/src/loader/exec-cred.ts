import { MS_NOSUID, S_ISGID, S_ISUID, S_IXGRP } from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import { SECBIT_KEEP_CAPS, SECBIT_NOROOT } from '../cred/change.js';
import type { Cred } from '../cred/cred.js';

/** Credentials of the program about to run, and whether it is to distrust its environment (AT_SECURE). */
export interface ExecCred {
  readonly cred: Cred;
  readonly secure: boolean;
  /** It runs as another user or group than the caller really is. */
  readonly changed: boolean;
}

/**
 * How execve changes credentials (bprm_fill_uid, cap_bprm_creds_from_file; execve(2), capabilities(7)): set-id bits, unless the mount or
 * no_new_privs forbids; then the capabilities. File capabilities are not looked at.
 */
export function execCred(old: Cred, file: File): ExecCred {
  const cred = old.clone();
  applySetId(cred, file);
  const changed = cred.euid !== old.uid || cred.egid !== old.gid;
  if (changed) {
    cred.ambientLo = 0;
    cred.ambientHi = 0;
  }
  const root = cred.userNs.uids.toKernel(0);
  const rootMatters = (cred.securebits & SECBIT_NOROOT) === 0;
  const privileged = rootMatters && (cred.euid === root || cred.uid === root);
  const effective = rootMatters && cred.euid === root;
  cred.permittedLo = (privileged ? (cred.boundingLo | cred.inheritableLo) >>> 0 : 0) | cred.ambientLo;
  cred.permittedHi = (privileged ? (cred.boundingHi | cred.inheritableHi) >>> 0 : 0) | cred.ambientHi;
  cred.permittedLo >>>= 0;
  cred.permittedHi >>>= 0;
  cred.effectiveLo = effective ? cred.permittedLo : cred.ambientLo;
  cred.effectiveHi = effective ? cred.permittedHi : cred.ambientHi;
  cred.securebits &= ~SECBIT_KEEP_CAPS;
  cred.suid = cred.euid;
  cred.fsuid = cred.euid;
  cred.sgid = cred.egid;
  cred.fsgid = cred.egid;
  const grew = ((cred.permittedLo & ~cred.ambientLo) | (cred.permittedHi & ~cred.ambientHi)) !== 0;
  const secure = changed || (cred.uid !== root && (effective || grew));
  return { cred, secure, changed };
}

function applySetId(cred: Cred, file: File): void {
  const mount = file.path?.mount;
  if (cred.noNewPrivs || !mount || (mount.flags & MS_NOSUID) !== 0) return;
  const { mode, uid, gid } = file.inode;
  // Owners without a place in the caller's user namespace give nothing.
  if (cred.userNs.uids.fromKernel(uid) < 0 || cred.userNs.gids.fromKernel(gid) < 0) return;
  if ((mode & S_ISUID) !== 0) cred.euid = file.inode.uid;
  if ((mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) cred.egid = file.inode.gid;
}
