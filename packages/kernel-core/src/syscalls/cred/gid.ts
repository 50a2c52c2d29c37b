import {
  CAP_SETGID,
  EFAULT,
  EINVAL,
  EPERM,
  NGROUPS_MAX,
  SYS_getegid,
  SYS_getgid,
  SYS_getgroups,
  SYS_getresgid,
  SYS_setfsgid,
  SYS_setgid,
  SYS_setgroups,
  SYS_setregid,
  SYS_setresgid,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { commitCred } from '../../process/cred/change.js';
import type { Cred } from '../../process/cred/cred.js';
import { shownAnswer } from '../../process/task/answers.js';
import type { Task } from '../../process/task/task.js';

/** (gid_t) -1: leave it as it is. */
const KEEP = 0xffffffff;

/** The kernel's id for one of the caller's namespace, -1 when it has none there. KEEP stays. */
function kernelId(cred: Cred, id: number): number {
  return id === KEEP ? KEEP : cred.userNs.gids.toKernel(id);
}

/** getgid(2) */
function sysGetgid(t: Task, _a: SyscallArgs): number {
  return shownAnswer(t, SYS_getgid, t.cred.userNs.gids, t.cred.gid);
}

/** getegid(2) */
function sysGetegid(t: Task, _a: SyscallArgs): number {
  return shownAnswer(t, SYS_getegid, t.cred.userNs.gids, t.cred.egid);
}

/** getresgid(2): EFAULT. */
function sysGetresgid(t: Task, a: SyscallArgs): number {
  const { mm, cred } = t;
  const ids = cred.userNs.gids;
  if (mm.store32(a.u64(0), ids.show(cred.gid)) < 0 || mm.store32(a.u64(1), ids.show(cred.egid)) < 0)
    return -EFAULT;
  return mm.store32(a.u64(2), ids.show(cred.sgid));
}

/** setgid(2): EINVAL, EPERM. */
function sysSetgid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const gid = kernelId(old, a.u32(0));
  if (gid === KEEP || gid < 0) return -EINVAL;
  const next = old.clone();
  if (old.has(CAP_SETGID)) next.gid = next.sgid = gid;
  else if (gid !== old.gid && gid !== old.sgid) return -EPERM;
  next.egid = next.fsgid = gid;
  commitCred(t, next);
  return 0;
}

/** setregid(2): EPERM. */
function sysSetregid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const rgid = kernelId(old, a.u32(0));
  const egid = kernelId(old, a.u32(1));
  if (rgid < 0 || egid < 0) return -EINVAL;
  const privileged = old.has(CAP_SETGID);
  const next = old.clone();
  if (rgid !== KEEP) {
    next.gid = rgid;
    if (old.gid !== rgid && old.egid !== rgid && !privileged) return -EPERM;
  }
  if (egid !== KEEP) {
    next.egid = egid;
    if (old.gid !== egid && old.egid !== egid && old.sgid !== egid && !privileged) return -EPERM;
  }
  if (rgid !== KEEP || (egid !== KEEP && egid !== old.gid)) next.sgid = next.egid;
  next.fsgid = next.egid;
  commitCred(t, next);
  return 0;
}

/** setresgid(2): EPERM. */
function sysSetresgid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const rgid = kernelId(old, a.u32(0));
  const egid = kernelId(old, a.u32(1));
  const sgid = kernelId(old, a.u32(2));
  if (rgid < 0 || egid < 0 || sgid < 0) return -EINVAL;
  const has = (id: number) => id === KEEP || id === old.gid || id === old.egid || id === old.sgid;
  if (!(has(rgid) && has(egid) && has(sgid)) && !old.has(CAP_SETGID)) return -EPERM;
  const next = old.clone();
  if (rgid !== KEEP) next.gid = rgid;
  if (egid !== KEEP) next.egid = egid;
  if (sgid !== KEEP) next.sgid = sgid;
  next.fsgid = next.egid;
  commitCred(t, next);
  return 0;
}

/** setfsgid(2): always the old one, whether or not it was changed. */
function sysSetfsgid(t: Task, a: SyscallArgs): number {
  const old = t.cred;
  const gid = kernelId(old, a.u32(0));
  const shown = old.userNs.gids.show(old.fsgid);
  if (gid < 0 || gid === KEEP || gid === old.fsgid) return shown;
  if (gid === old.gid || gid === old.egid || gid === old.sgid || old.has(CAP_SETGID)) {
    const next = old.clone();
    next.fsgid = gid;
    commitCred(t, next);
  }
  return shown;
}

/** getgroups(2): the number of groups; EFAULT, EINVAL (they do not fit). */
function sysGetgroups(t: Task, a: SyscallArgs): number {
  const size = a.i32(0);
  const { groups } = t.cred;
  if (size < 0) return -EINVAL;
  if (size === 0) return groups.length;
  if (groups.length > size) return -EINVAL;
  const words = Uint32Array.from(groups, (g) => t.cred.userNs.gids.show(g));
  const r = t.mm.copyOut(a.u64(1), new Uint8Array(words.buffer), 0, words.byteLength);
  return r < 0 ? -EFAULT : groups.length;
}

/** setgroups(2): EFAULT, EINVAL, EPERM. The kernel keeps them sorted. */
function sysSetgroups(t: Task, a: SyscallArgs): number {
  const size = a.i32(0);
  const { userNs } = t.cred;
  // Until gid_map is written, and where setgroups was forbidden, groups cannot be given up
  // (user_namespaces(7)).
  const possible = userNs.gids.ranges === null || (userNs.gids.ranges.length > 0 && userNs.setgroupsAllowed);
  if (!t.cred.has(CAP_SETGID) || !possible) return -EPERM;
  if (size < 0 || size > NGROUPS_MAX) return -EINVAL;
  const words = new Uint32Array(size);
  if (t.mm.copyIn(a.u64(1), new Uint8Array(words.buffer), 0, words.byteLength) < 0) return -EFAULT;
  for (let i = 0; i < size; i++) {
    const gid = userNs.gids.toKernel(words[i]!);
    if (gid < 0 || gid === KEEP) return -EINVAL;
    words[i] = gid;
  }
  const next = t.cred.clone();
  next.groups = Array.from(words.sort());
  commitCred(t, next);
  return 0;
}

export const rows = [
  row(SYS_getgid, 'getgid', sysGetgid, []),
  row(SYS_getegid, 'getegid', sysGetegid, []),
  row(SYS_getresgid, 'getresgid', sysGetresgid, ['ptr', 'ptr', 'ptr']),
  row(SYS_setgid, 'setgid', sysSetgid, ['gid']),
  row(SYS_setregid, 'setregid', sysSetregid, ['gid', 'gid']),
  row(SYS_setresgid, 'setresgid', sysSetresgid, ['gid', 'gid', 'gid']),
  row(SYS_setfsgid, 'setfsgid', sysSetfsgid, ['gid']),
  row(SYS_getgroups, 'getgroups', sysGetgroups, ['int', 'ptr']),
  row(SYS_setgroups, 'setgroups', sysSetgroups, ['int', 'ptr']),
];
