import {
  ARCH_GET_FS,
  ARCH_GET_GS,
  ARCH_SET_FS,
  ARCH_SET_GS,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VM,
  EBADF,
  EINVAL,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
  KCMP_FILE,
  KCMP_FILES,
  KCMP_FS,
  KCMP_IO,
  KCMP_SIGHAND,
  KCMP_VM,
  SYS_arch_prctl,
  SYS_kcmp,
  SYS_personality,
  SYS_setns,
  SYS_unshare,
  USER_REGS,
} from '@sandbox/abi';
import { regNumber, setReg } from '../../signal/frame.js';
import { ptraceAccess } from '../../task/access.js';
import { checkNamespaces, TASK_SIZE_MAX } from '../../task/clone.js';
import type { Task } from '../../task/task.js';
import type { SyscallArgs } from '../args.js';
import { unshareFiles } from '../io/close.js';
import { row } from '../row.js';

/** arch_prctl(2): EFAULT, EINVAL, EPERM (a base outside user space). */
function sysArchPrctl(t: Task, a: SyscallArgs): number {
  const option = a.i32(0);
  const address = a.u64(1);
  const regs = t.context.regs();
  switch (option) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (address >= TASK_SIZE_MAX) return -EPERM;
      setReg(regs, (option === ARCH_SET_FS ? USER_REGS.fs_base : USER_REGS.gs_base) * 2, address);
      t.context.touchRegs();
      return 0;
    case ARCH_GET_FS:
      return t.mm.store64(address, regNumber(regs, USER_REGS.fs_base * 2));
    case ARCH_GET_GS:
      return t.mm.store64(address, regNumber(regs, USER_REGS.gs_base * 2));
    default:
      return -EINVAL;
  }
}

const UNSHARE_FLAGS =
  CLONE_THREAD |
  CLONE_FS |
  CLONE_NEWNS |
  CLONE_SIGHAND |
  CLONE_VM |
  CLONE_FILES |
  CLONE_SYSVSEM |
  CLONE_NEWUTS |
  CLONE_NEWIPC |
  CLONE_NEWNET |
  CLONE_NEWUSER |
  CLONE_NEWPID |
  CLONE_NEWCGROUP |
  CLONE_NEWTIME;

/** unshare(2): EINVAL (flags; CLONE_THREAD and its kin with several threads; namespaces), EPERM (namespaces). */
function sysUnshare(t: Task, a: SyscallArgs): number {
  const flags = a.u32(0);
  if (a.hi(0) !== 0 || (flags & ~UNSHARE_FLAGS) !== 0) return -EINVAL;
  if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) !== 0) {
    if (t.group.tasks.length > 1) return -EINVAL;
    if ((flags & CLONE_VM) !== 0 && t.mm.users > 1) return -EINVAL;
  }
  const r = checkNamespaces(t, flags);
  if (r < 0) return r;
  if ((flags & CLONE_FILES) !== 0) unshareFiles(t);
  // A mount namespace of one's own means a place in it of one's own.
  if ((flags & (CLONE_FS | CLONE_NEWNS)) !== 0 && t.fs.users > 1) {
    const own = t.fs.clone();
    t.fs.release();
    t.fs = own;
  }
  if ((flags & CLONE_NEWNS) !== 0) t.kernel.vfs.unshareNamespace(t.fs);
  return 0;
}

/** setns(2): EBADF, else EINVAL: the namespaces of /proc/pid/ns cannot be entered. */
function sysSetns(t: Task, a: SyscallArgs): number {
  return t.files.get(a.i32(0)) ? -EINVAL : -EBADF;
}

/** 0 the same; 3 different, without an order (kcmp(2)). */
function compare(one: object, other: object): number {
  return one === other ? 0 : 3;
}

/** kcmp(2): EBADF, EINVAL, EOPNOTSUPP, EPERM, ESRCH. */
function sysKcmp(t: Task, a: SyscallArgs): number {
  const one = t.kernel.pids.tasks.get(a.i32(0));
  const other = t.kernel.pids.tasks.get(a.i32(1));
  if (!one || !other) return -ESRCH;
  if (ptraceAccess(t, one, true) < 0 || ptraceAccess(t, other, true) < 0) return -EPERM;
  switch (a.i32(2)) {
    case KCMP_FILE: {
      const first = one.files.get(a.i32(3));
      const second = other.files.get(a.i32(4));
      return first && second ? compare(first, second) : -EBADF;
    }
    case KCMP_VM:
      return compare(one.mm, other.mm);
    case KCMP_FILES:
      return compare(one.files, other.files);
    case KCMP_FS:
      return compare(one.fs, other.fs);
    case KCMP_SIGHAND:
      return compare(one.group.signals.handlers, other.group.signals.handlers);
    case KCMP_IO:
      // Nobody has an I/O context: all are the same nothing.
      return 0;
    default:
      return a.u32(2) < 8 ? -EOPNOTSUPP : -EINVAL;
  }
}

/** personality(2): the old value. 0xffffffff only asks. */
function sysPersonality(t: Task, a: SyscallArgs): number {
  const old = t.personality;
  const persona = a.u32(0);
  if (persona !== 0xffffffff) t.personality = persona;
  return old;
}

export const rows = [
  row(SYS_arch_prctl, 'arch_prctl', sysArchPrctl, ['int', 'ulong'], {
    support: 'partial',
    note: 'FS and GS bases; no shadow stacks, no AMX permissions, cpuid is not intercepted',
  }),
  row(SYS_unshare, 'unshare', sysUnshare, ['uint'], {
    support: 'partial',
    note: 'CLONE_FILES, CLONE_FS and CLONE_NEWNS; other namespaces answer EPERM or EINVAL',
  }),
  row(SYS_setns, 'setns', sysSetns, ['fd', 'int'], {
    support: 'partial',
    note: 'namespaces cannot be entered: EINVAL',
  }),
  row(SYS_kcmp, 'kcmp', sysKcmp, ['pid', 'pid', 'int', 'ulong', 'ulong'], {
    support: 'partial',
    note: 'tells equal from different, without an order; no KCMP_SYSVSEM, KCMP_EPOLL_TFD',
  }),
  row(SYS_personality, 'personality', sysPersonality, ['ulong'], {
    support: 'partial',
    note: 'recorded; ADDR_NO_RANDOMIZE is left to execve, other flags have no effect',
  }),
];
