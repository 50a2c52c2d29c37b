import {
  EACCES,
  EINVAL,
  EPERM,
  ESRCH,
  SYS_getpgid,
  SYS_getpgrp,
  SYS_getpid,
  SYS_getppid,
  SYS_getsid,
  SYS_gettid,
  SYS_set_tid_address,
  SYS_setpgid,
  SYS_setsid,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { constantAnswer } from '../../process/task/answers.js';
import { ProcessGroup, Session } from '../../process/task/session.js';
import type { Task } from '../../process/task/task.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';
import { processOf } from '../signal/send.js';

/** getpid(2) */
function sysGetpid(t: Task, _a: SyscallArgs): number {
  return constantAnswer(t, SYS_getpid, t.pidFor(t));
}

/** gettid(2) */
function sysGettid(t: Task, _a: SyscallArgs): number {
  return constantAnswer(t, SYS_gettid, t.ownTid);
}

/** getppid(2) */
function sysGetppid(t: Task, _a: SyscallArgs): number {
  return constantAnswer(t, SYS_getppid, t.group.parent?.pidFor(t) ?? 0);
}

/** set_tid_address(2) */
function sysSetTidAddress(t: Task, a: SyscallArgs): number {
  t.clearChildTid = a.u64(0);
  return t.ownTid;
}

/** The process `pid` (0: one's own) if it is an ordinary one; null otherwise. */
function lookup(t: Task, pid: number): ThreadGroup | null {
  return pid === 0 ? t.group : processOf(t, pid);
}

/** getpgid(2): ESRCH. */
function sysGetpgid(t: Task, a: SyscallArgs): number {
  const group = lookup(t, a.i32(0));
  if (!group) return -ESRCH;
  // pid 1 leads a group of its own.
  if (!group.leader) return group.pidFor(t);
  return t.pids.numberOf(group.processGroup.pgid, group.processGroup);
}

/** getpgrp(2) */
function sysGetpgrp(t: Task, _a: SyscallArgs): number {
  return t.pids.numberOf(t.group.processGroup.pgid, t.group.processGroup);
}

/** getsid(2): ESRCH. */
function sysGetsid(t: Task, a: SyscallArgs): number {
  const group = lookup(t, a.i32(0));
  if (!group) return -ESRCH;
  return group.leader ? t.pids.numberOf(group.session.sid, group.session) : group.pidFor(t);
}

/**
 * May the caller move `group`? 0, -ESRCH, -EPERM (another session, a session leader), -EACCES (a child after
 * execve).
 */
function mayMove(t: Task, group: ThreadGroup): number {
  const own = t.group;
  if (group.parent === own) {
    if (group.session !== own.session) return -EPERM;
    if (group.didExec) return -EACCES;
  } else if (group !== own) return -ESRCH;
  return group.session.leader === group ? -EPERM : 0;
}

/** setpgid(2): EACCES, EINVAL, EPERM, ESRCH. */
function sysSetpgid(t: Task, a: SyscallArgs): number {
  const pid = a.i32(0) === 0 ? t.pidFor(t) : a.i32(0);
  const pgid = a.i32(1) === 0 ? pid : a.i32(1);
  if (pgid < 0) return -EINVAL;
  const { pids } = t;
  const group = processOf(t, pid);
  if (!group) return -ESRCH;
  if (group.pidFor(t) !== pid) return -EINVAL;
  const r = mayMove(t, group);
  if (r < 0) return r;
  let target = pids.groups.get(pgid);
  if (pgid !== pid && (!target || target.session !== t.group.session)) return -EPERM;
  if (target === group.processGroup) return 0;
  if (!target) {
    target = new ProcessGroup(t.kernel, group.pid, group.session, group);
    pids.addGroup(target);
  }
  moveTo(group, target);
  return 0;
}

/** Into the new group first, so that a session never looks empty. */
function moveTo(group: ThreadGroup, target: ProcessGroup): void {
  const old = group.processGroup;
  target.add(group);
  old.remove(group);
}

/** setsid(2): EPERM for a process group leader. */
function sysSetsid(t: Task, _a: SyscallArgs): number {
  const { group, kernel } = t;
  if (group.session.leader === group || kernel.pids.groups.has(group.pid)) return -EPERM;
  const session = new Session(group.pid, group, group);
  const pgrp = new ProcessGroup(kernel, group.pid, session, group);
  t.pids.addSession(session);
  t.pids.addGroup(pgrp);
  moveTo(group, pgrp);
  for (const watcher of kernel.hooks.watchers) watcher.sessionBegan?.(t);
  return t.pidFor(t);
}

export const rows = [
  row(SYS_getpid, 'getpid', sysGetpid, []),
  row(SYS_gettid, 'gettid', sysGettid, []),
  row(SYS_getppid, 'getppid', sysGetppid, []),
  row(SYS_set_tid_address, 'set_tid_address', sysSetTidAddress, ['ptr']),
  row(SYS_getpgid, 'getpgid', sysGetpgid, ['pid']),
  row(SYS_getpgrp, 'getpgrp', sysGetpgrp, []),
  row(SYS_getsid, 'getsid', sysGetsid, ['pid']),
  row(SYS_setpgid, 'setpgid', sysSetpgid, ['pid', 'pid']),
  row(SYS_setsid, 'setsid', sysSetsid, []),
];
