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
import { commitCred } from '../../cred/change.js';
import { constantAnswer } from '../../task/answers.js';
import type { Task } from '../../task/task.js';
import type { SyscallArgs } from '../args.js';
import { row } from '../row.js';

/** (gid_t) -1: leave it as it is. */
const KEEP = 0xffffffff;

/** getgid(2) */
function sysGetgid(t: Task, _a: SyscallArgs): number {
  return constantAnswer(t, SYS_getgid, t.cred.gid);
}

/** getegid(2) */
function sysGetegid(t: Task, _a: SyscallArgs): number {
  return constantAnswer(t, SYS_getegid, t.cred.egid);
}

/** getresgid(2): EFAULT. */
function sysGetresgid(t: Task, a: SyscallArgs): number {
  const { mm, cred } = t;
  if (mm.store32(a.u64(0), cred.gid) < 0 || mm.store32(a.u64(1), cred.egid) < 0) return -EFAULT;
  return mm.store32(a.u64(2), cred.sgid);
}

/** setgid(2): EINVAL, EPERM. */
function sysSetgid(t: Task, a: SyscallArgs): number {
  const gid = a.u32(0);
  const old = t.cred;
  if (gid === KEEP) return -EINVAL;
  const next = old.clone();
  if (old.capable(CAP_SETGID)) next.gid = next.sgid = gid;
  else if (gid !== old.gid && gid !== old.sgid) return -EPERM;
  next.egid = next.fsgid = gid;
  commitCred(t, next);
  return 0;
}

/** setregid(2): EPERM. */
function sysSetregid(t: Task, a: SyscallArgs): number {
  const rgid = a.u32(0);
  const egid = a.u32(1);
  const old = t.cred;
  const privileged = old.capable(CAP_SETGID);
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
  const rgid = a.u32(0);
  const egid = a.u32(1);
  const sgid = a.u32(2);
  const old = t.cred;
  const has = (id: number) => id === KEEP || id === old.gid || id === old.egid || id === old.sgid;
  if (!(has(rgid) && has(egid) && has(sgid)) && !old.capable(CAP_SETGID)) return -EPERM;
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
  const gid = a.u32(0);
  const old = t.cred;
  if (gid === KEEP || gid === old.fsgid) return old.fsgid;
  if (gid === old.gid || gid === old.egid || gid === old.sgid || old.capable(CAP_SETGID)) {
    const next = old.clone();
    next.fsgid = gid;
    commitCred(t, next);
  }
  return old.fsgid;
}

/** getgroups(2): the number of groups; EFAULT, EINVAL (they do not fit). */
function sysGetgroups(t: Task, a: SyscallArgs): number {
  const size = a.i32(0);
  const { groups } = t.cred;
  if (size < 0) return -EINVAL;
  if (size === 0) return groups.length;
  if (groups.length > size) return -EINVAL;
  const words = Uint32Array.from(groups);
  const r = t.mm.copyOut(a.u64(1), new Uint8Array(words.buffer), 0, words.byteLength);
  return r < 0 ? -EFAULT : groups.length;
}

/** setgroups(2): EFAULT, EINVAL, EPERM. The kernel keeps them sorted. */
function sysSetgroups(t: Task, a: SyscallArgs): number {
  const size = a.i32(0);
  if (!t.cred.capable(CAP_SETGID)) return -EPERM;
  if (size < 0 || size > NGROUPS_MAX) return -EINVAL;
  const words = new Uint32Array(size);
  if (t.mm.copyIn(a.u64(1), new Uint8Array(words.buffer), 0, words.byteLength) < 0) return -EFAULT;
  if (words.includes(KEEP)) return -EINVAL;
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
