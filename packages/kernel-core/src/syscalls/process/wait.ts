import {
  __WALL,
  __WCLONE,
  __WNOTHREAD,
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  ERESTART_RESTARTBLOCK,
  ESRCH,
  O_NONBLOCK,
  P_ALL,
  P_PGID,
  P_PID,
  P_PIDFD,
  RUSAGE,
  SIGCHLD,
  SIGINFO,
  SYS_wait4,
  SYS_waitid,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOWAIT,
  WSTOPPED,
  WUNTRACED,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { asPidfd } from '../../process/files/pidfd.js';
import { rusage } from '../../process/task/rusage.js';
import type { Task } from '../../process/task/task.js';
import { type WaitTarget, waitForChild, waitResult } from '../../process/task/wait-child.js';

const WAIT4_OPTIONS = (WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL) >>> 0;
const WAITID_OPTIONS =
  (WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL) >>> 0;
const INT_MIN = -0x80000000;

const target: WaitTarget = { type: P_ALL, id: 0, group: null };

function ownGroup(t: Task): number {
  return t.pids.numberOf(t.group.processGroup.pgid, t.group.processGroup);
}

function setTarget(type: number, id: number): void {
  target.type = type;
  target.id = id;
  target.group = null;
}

/** 0 or -EFAULT. */
function writeRusage(t: Task, addr: number): number {
  if (addr === 0) return 0;
  rusage.write(t.kernel.scratchView, 0);
  return t.mm.copyOut(addr, t.kernel.scratch, 0, RUSAGE.SIZE);
}

/** wait4(2): ECHILD, EINVAL, ESRCH; EFAULT, when the child has been reaped already. */
function sysWait4(t: Task, a: SyscallArgs): number {
  const pid = a.i32(0);
  const status = a.u64(1);
  const options = a.u32(2);
  if ((options & ~WAIT4_OPTIONS) !== 0) return -EINVAL;
  if (pid === INT_MIN) return -ESRCH;
  if (pid === -1) setTarget(P_ALL, 0);
  else if (pid < 0) setTarget(P_PGID, -pid);
  else if (pid === 0) setTarget(P_PGID, ownGroup(t));
  else setTarget(P_PID, pid);
  const r = waitForChild(t, target, options | WEXITED);
  if (r <= 0) return r;
  if (status !== 0 && t.mm.store32(status, waitResult.status) !== 0) return -EFAULT;
  return writeRusage(t, a.u64(3)) < 0 ? -EFAULT : r;
}

/** Whom waitid is for. 0; WNOHANG when the pidfd is non-blocking; -EINVAL, -EBADF. */
function decodeTarget(t: Task, type: number, id: number): number {
  switch (type) {
    case P_ALL:
      setTarget(P_ALL, 0);
      return 0;
    case P_PID:
      if (id <= 0) return -EINVAL;
      setTarget(P_PID, id);
      return 0;
    case P_PGID:
      if (id < 0) return -EINVAL;
      setTarget(P_PGID, id === 0 ? ownGroup(t) : id);
      return 0;
    case P_PIDFD: {
      if (id < 0) return -EINVAL;
      const file = asPidfd(t.files.get(id));
      if (!file) return -EBADF;
      setTarget(P_PID, file.group.pid);
      target.group = file.group;
      return (file.flags & O_NONBLOCK) !== 0 ? WNOHANG : 0;
    }
    default:
      return -EINVAL;
  }
}

/**
 * The fields of siginfo_t that waitid fills, all zero when it found nothing; those between stay as they are.
 */
function writeInfo(t: Task, addr: number, found: boolean): number {
  if (addr === 0) return 0;
  const { mm } = t;
  const w = waitResult;
  let r = mm.store32(addr + SIGINFO.si_signo, found ? SIGCHLD : 0);
  r |= mm.store32(addr + SIGINFO.si_errno, 0);
  r |= mm.store32(addr + SIGINFO.si_code, found ? w.code : 0);
  r |= mm.store32(addr + SIGINFO.si_pid, found ? w.pid : 0);
  r |= mm.store32(addr + SIGINFO.si_uid, found ? t.cred.userNs.uids.show(w.uid) : 0);
  r |= mm.store32(addr + SIGINFO.si_status, found ? w.detail : 0);
  return r === 0 ? 0 : -EFAULT;
}

/**
 * waitid(2): EAGAIN (non-blocking pidfd), EBADF, ECHILD, EINVAL; EFAULT, when the child has been reaped
 * already.
 */
function sysWaitid(t: Task, a: SyscallArgs): number {
  let options = a.u32(3);
  if ((options & ~WAITID_OPTIONS) !== 0) return -EINVAL;
  if ((options & (WEXITED | WSTOPPED | WCONTINUED)) === 0) return -EINVAL;
  const kind = decodeTarget(t, a.i32(0), a.i32(1));
  if (kind < 0) return finishWaitid(t, a, kind);
  const nonblocking = kind === WNOHANG && (options & WNOHANG) === 0;
  if (nonblocking) options |= WNOHANG;
  const r = waitForChild(t, target, options);
  return finishWaitid(t, a, r === 0 && nonblocking ? -EAGAIN : r);
}

function finishWaitid(t: Task, a: SyscallArgs, r: number): number {
  // Asleep: the call is not over.
  if (r < -ERESTART_RESTARTBLOCK) return r;
  if (r > 0 && writeRusage(t, a.u64(4)) < 0) return -EFAULT;
  if (writeInfo(t, a.u64(2), r > 0) < 0) return -EFAULT;
  return Math.min(r, 0);
}

export const rows = [
  row(SYS_wait4, 'wait4', sysWait4, ['pid', 'status', 'int', 'rusage']),
  row(SYS_waitid, 'waitid', sysWaitid, ['int', 'pid', 'ptr', 'int', 'rusage']),
];
