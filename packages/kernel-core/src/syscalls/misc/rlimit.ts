import {
  CAP_SYS_RESOURCE,
  EFAULT,
  EINVAL,
  EPERM,
  ESRCH,
  RLIM_NLIMITS,
  RLIMIT_CPU,
  RLIMIT_NOFILE,
  SYS_getrlimit,
  SYS_prlimit64,
  SYS_setrlimit,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { INFINITE } from '../../mm/rlimits.js';
import type { Task } from '../../process/task/task.js';

/** /proc/sys/fs/nr_open: the most a hard RLIMIT_NOFILE can be. */
const NR_OPEN = 1048576;
const SIZE = 16;

function decode(view: DataView, at: number): number {
  const lo = view.getUint32(at, true);
  const hi = view.getUint32(at + 4, true);
  return lo === 0xffffffff && hi === 0xffffffff ? INFINITE : hi * 4294967296 + lo;
}

function encode(view: DataView, at: number, value: number): void {
  const none = value === INFINITE;
  view.setUint32(at, none ? 0xffffffff : value >>> 0, true);
  view.setUint32(at + 4, none ? 0xffffffff : Math.floor(value / 4294967296), true);
}

function writeLimit(task: Task, addr: number, soft: number, hard: number): number {
  const { scratch, scratchView } = task.kernel;
  encode(scratchView, 0, soft);
  encode(scratchView, 8, hard);
  return task.mm.copyOut(addr, scratch, 0, SIZE);
}

/** do_prlimit: install new limits of `target`. EINVAL, EPERM. */
function setLimit(task: Task, target: Task, resource: number, soft: number, hard: number): number {
  if (soft > hard) return -EINVAL;
  if (resource === RLIMIT_NOFILE && hard > NR_OPEN) return -EPERM;
  const limits = target.group.limits;
  if (hard > limits.hard[resource]! && !task.cred.capable(CAP_SYS_RESOURCE)) return -EPERM;
  limits.set(resource, soft, hard);
  if (resource === RLIMIT_CPU) {
    target.group.cpuLimitNext = 0;
    if (hard !== INFINITE || soft !== INFINITE) target.kernel.cpuTimers.watchLimits();
  }
  return 0;
}

/** getrlimit(2): EFAULT, EINVAL. */
function sysGetrlimit(task: Task, args: SyscallArgs): number {
  const resource = args.u32(0);
  if (resource >= RLIM_NLIMITS) return -EINVAL;
  const limits = task.group.limits;
  return writeLimit(task, args.u64(1), limits.soft[resource]!, limits.hard[resource]!);
}

/** setrlimit(2): EFAULT, EINVAL, EPERM. */
function sysSetrlimit(task: Task, args: SyscallArgs): number {
  const resource = args.u32(0);
  const { scratch, scratchView } = task.kernel;
  if (task.mm.copyIn(args.u64(1), scratch, 0, SIZE) < 0) return -EFAULT;
  if (resource >= RLIM_NLIMITS) return -EINVAL;
  return setLimit(task, task, resource, decode(scratchView, 0), decode(scratchView, 8));
}

/** Another process' limits are for its own user, or CAP_SYS_RESOURCE. */
function mayAccess(task: Task, target: Task): boolean {
  if (task === target) return true;
  const c = task.cred;
  const t = target.cred;
  const sameUser = c.uid === t.euid && c.uid === t.suid && c.uid === t.uid;
  const sameGroup = c.gid === t.egid && c.gid === t.sgid && c.gid === t.gid;
  return (sameUser && sameGroup) || c.capable(CAP_SYS_RESOURCE);
}

/** prlimit(2): EFAULT, EINVAL, EPERM, ESRCH. */
function sysPrlimit64(task: Task, args: SyscallArgs): number {
  const pid = args.i32(0);
  const resource = args.u32(1);
  const from = args.u64(2);
  const { scratch, scratchView } = task.kernel;
  let soft = 0;
  let hard = 0;
  if (from !== 0) {
    if (task.mm.copyIn(from, scratch, 0, SIZE) < 0) return -EFAULT;
    soft = decode(scratchView, 0);
    hard = decode(scratchView, 8);
  }
  const target = pid === 0 ? task : task.pids.tasks.get(pid);
  if (!target) return -ESRCH;
  if (!mayAccess(task, target)) return -EPERM;
  if (resource >= RLIM_NLIMITS) return -EINVAL;
  const oldSoft = target.group.limits.soft[resource]!;
  const oldHard = target.group.limits.hard[resource]!;
  if (from !== 0) {
    const r = setLimit(task, target, resource, soft, hard);
    if (r < 0) return r;
  }
  const to = args.u64(3);
  return to === 0 ? 0 : writeLimit(task, to, oldSoft, oldHard);
}

export const rows = [
  row(SYS_getrlimit, 'getrlimit', sysGetrlimit, ['int', 'rlimit']),
  row(SYS_setrlimit, 'setrlimit', sysSetrlimit, ['int', 'rlimit']),
  row(SYS_prlimit64, 'prlimit64', sysPrlimit64, ['pid', 'int', 'rlimit', 'rlimit']),
];
