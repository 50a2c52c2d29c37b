import {
  EBADF,
  EINVAL,
  ENOENT,
  EPERM,
  ESRCH,
  PIDFD_NONBLOCK,
  PIDFD_SIGNAL_PROCESS_GROUP,
  PIDFD_SIGNAL_THREAD,
  PIDFD_SIGNAL_THREAD_GROUP,
  PIDFD_THREAD,
  RLIMIT_NOFILE,
  SI_TKILL,
  SYS_pidfd_getfd,
  SYS_pidfd_open,
  SYS_pidfd_send_signal,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { installFile } from '../../process/files/install.js';
import { asPidfd, type PidfdFile, pidfdFor } from '../../process/files/pidfd.js';
import { type SigInfo, userSiginfo } from '../../process/signal/siginfo.js';
import { isKernelCode } from '../../process/signal/siginfo-layout.js';
import { ptraceAccess } from '../../process/task/access.js';
import type { Task } from '../../process/task/task.js';
import { TaskDir } from '../../views/proc/task-dir.js';
import { copySiginfo, signalProcess, signalProcessGroup, signalThread } from '../signal/send.js';

/** pidfd_open(2): EINVAL, EMFILE, ESRCH; ENOENT for a thread that is no leader, without PIDFD_THREAD. */
function sysPidfdOpen(t: Task, a: SyscallArgs): number {
  const pid = a.i32(0);
  const flags = a.u32(1);
  if ((flags & ~(PIDFD_NONBLOCK | PIDFD_THREAD)) !== 0 || pid <= 0) return -EINVAL;
  const target = t.pids.tasks.get(pid);
  if (!target) return -ESRCH;
  const isThread = (flags & PIDFD_THREAD) !== 0;
  if (!isThread && target.pidFor(t) !== pid) return -ENOENT;
  const file = pidfdFor(target, isThread, flags);
  return installFile(t, file, true);
}

/** pidfd_send_signal also takes a descriptor of /proc/PID, as there were before pidfd_open. */
function pidfdOrDirectory(file: File | null): PidfdFile | null {
  const inode = file?.inode;
  if (!(inode instanceof TaskDir) || !inode.subject.whole) return asPidfd(file);
  const { task } = inode.subject;
  return task === null ? null : pidfdFor(task, false, 0);
}

const SCOPES = PIDFD_SIGNAL_THREAD | PIDFD_SIGNAL_THREAD_GROUP | PIDFD_SIGNAL_PROCESS_GROUP;

function sendByPidfd(t: Task, file: PidfdFile, sig: number, scope: number, info: SigInfo | null): number {
  if (scope === PIDFD_SIGNAL_PROCESS_GROUP) {
    return signalProcessGroup(t, t.kernel.pids.groups.get(file.group.pid), sig);
  }
  if (file.isGone) return -ESRCH;
  if (scope === PIDFD_SIGNAL_THREAD) {
    const made = info ?? userSiginfo(sig, t.group.pid, t.cred.uid, SI_TKILL);
    return signalThread(t, 0, file.task.tidFor(t), sig, made);
  }
  return signalProcess(t, file.group, sig, info);
}

/** pidfd_send_signal(2): EBADF, EFAULT, EINVAL, EPERM, ESRCH, EAGAIN. */
function sysPidfdSendSignal(t: Task, a: SyscallArgs): number {
  const sig = a.i32(1);
  const address = a.u64(2);
  const flags = a.u32(3);
  if ((flags & ~SCOPES) !== 0 || (flags & (flags - 1)) !== 0) return -EINVAL;
  const file = pidfdOrDirectory(t.files.get(a.i32(0)));
  if (!file) return -EBADF;
  const scope = flags !== 0 ? flags : file.isThread ? PIDFD_SIGNAL_THREAD : PIDFD_SIGNAL_THREAD_GROUP;
  let info: SigInfo | null = null;
  if (address !== 0) {
    const copied = copySiginfo(t, address, -1);
    if (typeof copied === 'number') return copied;
    if (copied.signo !== sig) return -EINVAL;
    const self = file.task === t && scope !== PIDFD_SIGNAL_PROCESS_GROUP;
    if (!self && isKernelCode(copied.code)) return -EPERM;
    info = copied;
  }
  return sendByPidfd(t, file, sig, scope, info);
}

/** pidfd_getfd(2): EBADF, EINVAL, EMFILE, EPERM, ESRCH. */
function sysPidfdGetfd(t: Task, a: SyscallArgs): number {
  if (a.u32(2) !== 0) return -EINVAL;
  const pidfd = asPidfd(t.files.get(a.i32(0)));
  if (!pidfd) return -EBADF;
  const target = pidfd.hasExited ? null : pidfd.isThread ? pidfd.task : pidfd.group.leader;
  if (!target) return -ESRCH;
  const r = ptraceAccess(t, target, true);
  if (r < 0) return r;
  const file = target.files.get(a.i32(1));
  if (!file) return -EBADF;
  const fd = t.files.install(file, true, t.group.limits.soft[RLIMIT_NOFILE]);
  if (fd >= 0) file.refs++;
  return fd;
}

export const rows = [
  row(SYS_pidfd_open, 'pidfd_open', sysPidfdOpen, ['pid', 'uint']),
  row(SYS_pidfd_send_signal, 'pidfd_send_signal', sysPidfdSendSignal, ['fd', 'signal', 'siginfo', 'uint']),
  row(SYS_pidfd_getfd, 'pidfd_getfd', sysPidfdGetfd, ['fd', 'fd', 'uint']),
];
