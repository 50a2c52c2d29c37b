import {
  E2BIG,
  EFAULT,
  EINVAL,
  EPERM,
  ESRCH,
  SI_MAX_SIZE,
  SI_TKILL,
  SIGINFO,
  SYS_kill,
  SYS_rt_sigqueueinfo,
  SYS_rt_tgsigqueueinfo,
  SYS_tgkill,
  SYS_tkill,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { checkKill, credOf } from '../../process/signal/permission.js';
import { type SigInfo, userSiginfo } from '../../process/signal/siginfo.js';
import {
  isKernelCode,
  isKnownLayout,
  KERNEL_SIGINFO_SIZE,
  readSiginfo,
} from '../../process/signal/siginfo-layout.js';
import type { ProcessGroup } from '../../process/task/session.js';
import type { Task } from '../../process/task/task.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';

const INT_MIN = -0x80000000;

/**
 * Send after the checks of kill(2). `info` is a signal of the sender's making; signal 0 only checks. EINVAL,
 * EPERM, EAGAIN.
 */
export function signalProcess(t: Task, group: ThreadGroup, sig: number, info: SigInfo | null): number {
  const r = checkKill(t, group, credOf(group), sig, info);
  if (r < 0) return r;
  if (sig === 0) return 0;
  return t.kernel.signals.sendToProcess(group, info ?? userSiginfo(sig, t.group.pid, t.cred.uid));
}

/** The process a number names: that of any thread (Linux looks a tid up, too), or pid 1. */
export function processOf(t: Task, pid: number): ThreadGroup | null {
  const { pids } = t;
  return pids.tasks.get(pid)?.group ?? pids.processes.get(pid) ?? null;
}

/** One success is success; else the last failure, ESRCH when there is nobody. */
export function signalProcessGroup(t: Task, pgrp: ProcessGroup | undefined, sig: number): number {
  let result = -ESRCH;
  if (!pgrp) return result;
  for (const member of pgrp.members) {
    const r = signalProcess(t, member, sig, null);
    if (result !== 0) result = r;
  }
  return result;
}

/** kill(-1): everybody but pid 1 and oneself. */
function signalAll(t: Task, sig: number): number {
  let result = 0;
  let count = 0;
  for (const group of t.pids.processes.values()) {
    if (group.pidFor(t) <= 1 || group === t.group) continue;
    const r = signalProcess(t, group, sig, null);
    count++;
    if (r !== -EPERM) result = r;
  }
  return count > 0 ? result : -ESRCH;
}

/** kill(2): EINVAL, EPERM, ESRCH. */
function sysKill(t: Task, a: SyscallArgs): number {
  const pid = a.i32(0);
  const sig = a.i32(1);
  if (pid > 0) {
    const group = processOf(t, pid);
    return group ? signalProcess(t, group, sig, null) : -ESRCH;
  }
  if (pid === 0) return signalProcessGroup(t, t.group.processGroup, sig);
  if (pid === -1) return signalAll(t, sig);
  if (pid === INT_MIN) return -ESRCH;
  return signalProcessGroup(t, t.pids.groups.get(-pid), sig);
}

/** To one thread, which must be of process `tgid` unless that is 0. EINVAL, EPERM, ESRCH, EAGAIN. */
export function signalThread(t: Task, tgid: number, tid: number, sig: number, info: SigInfo | null): number {
  const target = t.pids.tasks.get(tid);
  if (!target || (tgid > 0 && target.pidFor(t) !== tgid)) return -ESRCH;
  const r = checkKill(t, target.group, target.cred, sig, info);
  if (r < 0) return r;
  if (sig === 0) return 0;
  return t.kernel.signals.sendToTask(target, info ?? userSiginfo(sig, t.group.pid, t.cred.uid, SI_TKILL));
}

/** tkill(2): EINVAL, EPERM, ESRCH, EAGAIN. */
function sysTkill(t: Task, a: SyscallArgs): number {
  const tid = a.i32(0);
  return tid <= 0 ? -EINVAL : signalThread(t, 0, tid, a.i32(1), null);
}

/** tgkill(2): EINVAL, EPERM, ESRCH, EAGAIN. */
function sysTgkill(t: Task, a: SyscallArgs): number {
  const tgid = a.i32(0);
  const tid = a.i32(1);
  if (tid <= 0 || tgid <= 0) return -EINVAL;
  return signalThread(t, tgid, tid, a.i32(2), null);
}

/**
 * A siginfo_t from the guest; `sig` replaces si_signo unless it is negative. EFAULT, or E2BIG when it carries
 * more than the kernel understands.
 */
export function copySiginfo(t: Task, addr: number, sig: number): SigInfo | number {
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, SI_MAX_SIZE) < 0) return -EFAULT;
  if (sig >= 0) scratchView.setInt32(SIGINFO.si_signo, sig, true);
  const info = readSiginfo(scratchView, 0);
  if (!isKnownLayout(info.signo, info.code)) {
    for (let i = KERNEL_SIGINFO_SIZE; i < SI_MAX_SIZE; i++) if (scratch[i] !== 0) return -E2BIG;
  }
  return info;
}

/**
 * rt_sigqueueinfo(2): EAGAIN, EFAULT, EINVAL, EPERM (a code that is the kernel's, to another process), ESRCH.
 */
function sysRtSigqueueinfo(t: Task, a: SyscallArgs): number {
  const pid = a.i32(0);
  const sig = a.i32(1);
  const info = copySiginfo(t, a.u64(2), sig & 0x7fffffff);
  if (typeof info === 'number') return info;
  if (isKernelCode(info.code) && t.ownTid !== pid) return -EPERM;
  const group = processOf(t, pid);
  return group ? signalProcess(t, group, sig, info) : -ESRCH;
}

/** rt_tgsigqueueinfo(2): the same, for one thread. */
function sysRtTgsigqueueinfo(t: Task, a: SyscallArgs): number {
  const tgid = a.i32(0);
  const tid = a.i32(1);
  const sig = a.i32(2);
  const info = copySiginfo(t, a.u64(3), sig & 0x7fffffff);
  if (typeof info === 'number') return info;
  if (tid <= 0 || tgid <= 0) return -EINVAL;
  if (isKernelCode(info.code) && t.ownTid !== tid) return -EPERM;
  return signalThread(t, tgid, tid, sig, info);
}

export const rows = [
  row(SYS_kill, 'kill', sysKill, ['pid', 'signal']),
  row(SYS_tkill, 'tkill', sysTkill, ['pid', 'signal']),
  row(SYS_tgkill, 'tgkill', sysTgkill, ['pid', 'pid', 'signal']),
  row(SYS_rt_sigqueueinfo, 'rt_sigqueueinfo', sysRtSigqueueinfo, ['pid', 'signal', 'siginfo']),
  row(SYS_rt_tgsigqueueinfo, 'rt_tgsigqueueinfo', sysRtTgsigqueueinfo, ['pid', 'pid', 'signal', 'siginfo']),
];
