import {
  CLONE_ARGS,
  CLONE_ARGS_SIZE_VER0,
  CLONE_ARGS_SIZE_VER2,
  CLONE_DETACHED,
  CLONE_NEWTIME,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
  E2BIG,
  EFAULT,
  EINVAL,
  NSIG,
  SIGCHLD,
  SYS_clone,
  SYS_clone3,
  SYS_fork,
  SYS_vfork,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { copyStructIn } from '../../mm/extensible.js';
import { announced, isAnnouncing } from '../../process/memory/announce.js';
import {
  type CloneRequest,
  cloneTask,
  inVfork,
  TASK_SIZE_MAX,
  waitForVfork,
} from '../../process/task/clone.js';
import type { Task } from '../../process/task/task.js';

/** High word of the clone3 flags: CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP. */
const HI_CLEAR_SIGHAND = 1;
const HI_INTO_CGROUP = 2;
/** Depth of nested pid namespaces, the most set_tid can name. */
const MAX_PID_NS_LEVEL = 32;
const PAGE_SIZE = 4096;
const NO_IDS: readonly number[] = [];

function request(flags: number, exitSignal: number): CloneRequest {
  return {
    flags,
    clearSighand: false,
    exitSignal,
    stack: 0,
    tls: 0,
    pidfd: 0,
    parentTid: 0,
    childTid: 0,
    setTid: NO_IDS,
    cgroup: -1,
  };
}

/** fork(2): EAGAIN. */
function sysFork(t: Task, _a: SyscallArgs): number {
  if (isAnnouncing(t)) return announced(t);
  return cloneTask(t, request(0, SIGCHLD));
}

/** vfork(2): EAGAIN. The caller sleeps until the child execs or exits. */
function sysVfork(t: Task, _a: SyscallArgs): number {
  if (inVfork(t)) return waitForVfork(t);
  return cloneTask(t, request(CLONE_VFORK | CLONE_VM, SIGCHLD));
}

/** clone(2), in the argument order of x86-64: flags, stack, parent_tid, child_tid, tls. */
function sysClone(t: Task, a: SyscallArgs): number {
  if (inVfork(t)) return waitForVfork(t);
  if (isAnnouncing(t)) return announced(t);
  const flags = a.u32(0);
  // One address serves both, so only one can be asked for.
  if ((flags & CLONE_PIDFD) !== 0 && (flags & CLONE_PARENT_SETTID) !== 0) return -EINVAL;
  const req = request((flags & ~CSIGNAL) >>> 0, flags & CSIGNAL);
  req.stack = a.u64(1);
  req.parentTid = req.pidfd = a.u64(2);
  req.childTid = a.u64(3);
  req.tls = a.u64(4);
  return cloneTask(t, req);
}

function u64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 4294967296;
}

/** set_tid: the ids wished for. EFAULT. */
function readSetTid(t: Task, addr: number, count: number): readonly number[] | number {
  if (count === 0) return NO_IDS;
  const ids = new Int32Array(count);
  if (t.mm.copyIn(addr, new Uint8Array(ids.buffer), 0, count * 4) < 0) return -EFAULT;
  return [...ids];
}

/**
 * The struct in the scratch area, judged as copy_clone_args_from_user and clone3_args_valid do. A request, or
 * -EINVAL, -EBADF.
 */
function decodeArgs(t: Task, size: number): CloneRequest | number {
  const view = t.kernel.scratchView;
  const flags = view.getUint32(CLONE_ARGS.flags, true);
  const high = view.getUint32(CLONE_ARGS.flags + 4, true);
  const exitSignal = u64(view, CLONE_ARGS.exit_signal);
  const stack = u64(view, CLONE_ARGS.stack);
  const stackSize = u64(view, CLONE_ARGS.stack_size);
  const setTid = u64(view, CLONE_ARGS.set_tid);
  const setTidSize = u64(view, CLONE_ARGS.set_tid_size);
  if (setTidSize > MAX_PID_NS_LEVEL || (setTid === 0) !== (setTidSize === 0)) return -EINVAL;
  if (exitSignal > NSIG) return -EINVAL;
  const intoCgroup = (high & HI_INTO_CGROUP) !== 0;
  if (intoCgroup && (u64(view, CLONE_ARGS.cgroup) > 0x7fffffff || size < CLONE_ARGS_SIZE_VER2))
    return -EINVAL;
  if ((high & ~(HI_CLEAR_SIGHAND | HI_INTO_CGROUP)) !== 0) return -EINVAL;
  if ((flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))) !== 0) return -EINVAL;
  const clearSighand = (high & HI_CLEAR_SIGHAND) !== 0;
  if (clearSighand && (flags & CLONE_SIGHAND) !== 0) return -EINVAL;
  if ((flags & (CLONE_THREAD | CLONE_PARENT)) !== 0 && exitSignal !== 0) return -EINVAL;
  if ((stack === 0) !== (stackSize === 0) || stack + stackSize > TASK_SIZE_MAX) return -EINVAL;
  const req = request(flags, exitSignal);
  req.clearSighand = clearSighand;
  if (intoCgroup) req.cgroup = u64(view, CLONE_ARGS.cgroup);
  req.stack = stack + stackSize;
  req.tls = u64(view, CLONE_ARGS.tls);
  req.pidfd = u64(view, CLONE_ARGS.pidfd);
  req.parentTid = u64(view, CLONE_ARGS.parent_tid);
  req.childTid = u64(view, CLONE_ARGS.child_tid);
  const ids = readSetTid(t, setTid, setTidSize);
  if (typeof ids === 'number') return ids;
  req.setTid = ids;
  return req;
}

/** clone3(2) */
function sysClone3(t: Task, a: SyscallArgs): number {
  if (inVfork(t)) return waitForVfork(t);
  if (isAnnouncing(t)) return announced(t);
  const size = a.u64(1);
  if (size > PAGE_SIZE) return -E2BIG;
  if (size < CLONE_ARGS_SIZE_VER0) return -EINVAL;
  const r = copyStructIn(t.mm, a.u64(0), size, t.kernel.scratch, CLONE_ARGS.SIZE);
  if (r < 0) return r;
  const req = decodeArgs(t, size);
  if (typeof req === 'number') return req;
  if (
    (req.flags & CLONE_PIDFD) !== 0 &&
    (req.flags & CLONE_PARENT_SETTID) !== 0 &&
    req.pidfd === req.parentTid
  ) {
    return -EINVAL;
  }
  return cloneTask(t, req);
}

export const rows = [
  row(SYS_fork, 'fork', sysFork, []),
  row(SYS_vfork, 'vfork', sysVfork, []),
  row(SYS_clone, 'clone', sysClone, ['ulong', 'ptr', 'ptr', 'ptr', 'ptr']),
  row(SYS_clone3, 'clone3', sysClone3, ['ptr', 'size']),
];
