import {
  CAP_SETUID,
  EFAULT,
  EINVAL,
  EPERM,
  SYS_geteuid,
  SYS_getresuid,
  SYS_getuid,
  SYS_setfsuid,
  SYS_setresuid,
  SYS_setreuid,
  SYS_setuid,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { commitCred, fixSetfsuid, fixSetuid } from '../../process/cred/change.js';
import type { Cred } from '../../process/cred/cred.js';
import { shownAnswer } from '../../process/task/answers.js';
import type { Task } from '../../process/task/task.js';

/** (uid_t) -1: leave it as it is. */
const KEEP = 0xffffffff;

/** The kernel's id for one of the caller's namespace, -1 when it has none there. KEEP stays. */
function kernelId(cred: Cred, id: number): number {
  return id === KEEP ? KEEP : cred.userNs.uids.toKernel(id);
}

/** getuid(2) */
function sysGetuid(t: Task, _a: SyscallArgs): number {
  return shownAnswer(t, SYS_getuid, t.cred.userNs.uids, t.cred.uid);
}

/** geteuid(2) */
function sysGeteuid(t: Task, _a: SyscallArgs): number {
  return shownAnswer(t, SYS_geteuid, t.cred.userNs.uids, t.cred.euid);
}

/** getresuid(2): EFAULT. */
function sysGetresuid(t: Task, a: SyscallArgs): number {
  const { mm, cred } = t;
  const ids = cred.userNs.uids;
  if (mm.store32(a.u64(0), ids.show(cred.uid)) < 0 || mm.store32(a.u64(1), ids.show(cred.euid)) < 0)
    return -EFAULT;
  return mm.store32(a.u64(2), ids.show(cred.suid));
}

/** setuid(2): EINVAL, EPERM. */
function sysSetuid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const uid = kernelId(old, a.u32(0));
  if (uid === KEEP || uid < 0) return -EINVAL;
  const next = old.clone();
  if (old.has(CAP_SETUID)) next.uid = next.suid = uid;
  else if (uid !== old.uid && uid !== old.suid) return -EPERM;
  next.euid = next.fsuid = uid;
  fixSetuid(next, old);
  commitCred(t, next);
  return 0;
}

/** setreuid(2): EPERM. */
function sysSetreuid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const ruid = kernelId(old, a.u32(0));
  const euid = kernelId(old, a.u32(1));
  if (ruid < 0 || euid < 0) return -EINVAL;
  const privileged = old.has(CAP_SETUID);
  const next = old.clone();
  if (ruid !== KEEP) {
    next.uid = ruid;
    if (old.uid !== ruid && old.euid !== ruid && !privileged) return -EPERM;
  }
  if (euid !== KEEP) {
    next.euid = euid;
    if (old.uid !== euid && old.euid !== euid && old.suid !== euid && !privileged) return -EPERM;
  }
  if (ruid !== KEEP || (euid !== KEEP && euid !== old.uid)) next.suid = next.euid;
  next.fsuid = next.euid;
  fixSetuid(next, old);
  commitCred(t, next);
  return 0;
}

/** setresuid(2): EPERM. */
function sysSetresuid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const ruid = kernelId(old, a.u32(0));
  const euid = kernelId(old, a.u32(1));
  const suid = kernelId(old, a.u32(2));
  if (ruid < 0 || euid < 0 || suid < 0) return -EINVAL;
  const has = (id: number) => id === KEEP || id === old.uid || id === old.euid || id === old.suid;
  if (!(has(ruid) && has(euid) && has(suid)) && !old.has(CAP_SETUID)) return -EPERM;
  const next = old.clone();
  if (ruid !== KEEP) next.uid = ruid;
  if (euid !== KEEP) next.euid = euid;
  if (suid !== KEEP) next.suid = suid;
  next.fsuid = next.euid;
  fixSetuid(next, old);
  commitCred(t, next);
  return 0;
}

/** setfsuid(2): always the old one, whether or not it was changed. */
function sysSetfsuid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const uid = kernelId(old, a.u32(0));
  const shown = old.userNs.uids.show(old.fsuid);
  if (uid < 0 || uid === KEEP || uid === old.fsuid) return shown;
  if (uid === old.uid || uid === old.euid || uid === old.suid || old.has(CAP_SETUID)) {
    const next = old.clone();
    next.fsuid = uid;
    fixSetfsuid(next, old);
    commitCred(t, next);
  }
  return shown;
}

export const rows = [
  row(SYS_getuid, 'getuid', sysGetuid, []),
  row(SYS_geteuid, 'geteuid', sysGeteuid, []),
  row(SYS_getresuid, 'getresuid', sysGetresuid, ['ptr', 'ptr', 'ptr']),
  row(SYS_setuid, 'setuid', sysSetuid, ['uid']),
  row(SYS_setreuid, 'setreuid', sysSetreuid, ['uid', 'uid']),
  row(SYS_setresuid, 'setresuid', sysSetresuid, ['uid', 'uid', 'uid']),
  row(SYS_setfsuid, 'setfsuid', sysSetfsuid, ['uid']),
];
