import {
  ARCH_GET_FS,
  ARCH_GET_GS,
  ARCH_SET_FS,
  ARCH_SET_GS,
  EBADF,
  EFAULT,
  EINVAL,
  ENOENT,
  EPERM,
  ESRCH,
  KCMP_EPOLL_TFD,
  KCMP_FILE,
  KCMP_FILES,
  KCMP_FS,
  KCMP_IO,
  KCMP_SIGHAND,
  KCMP_SYSVSEM,
  KCMP_VM,
  SYS_arch_prctl,
  SYS_kcmp,
  SYS_personality,
  USER_REGS,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { EpollFile } from '../../files/epoll/epoll.js';
import { sysvOf } from '../../files/sysv/state.js';
import { regNumber, setReg } from '../../process/signal/frame.js';
import { ptraceAccess } from '../../process/task/access.js';
import { TASK_SIZE_MAX } from '../../process/task/clone.js';
import type { Task } from '../../process/task/task.js';

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

/** 0 the same; 3 different, without an order (kcmp(2)). */
function compare(one: object, other: object): number {
  return one === other ? 0 : 3;
}

/** kcmp(2): EBADF, EFAULT, EINVAL, ENOENT, EPERM, ESRCH. */
function sysKcmp(t: Task, a: SyscallArgs): number {
  const one = t.pids.tasks.get(a.i32(0));
  const other = t.pids.tasks.get(a.i32(1));
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
    case KCMP_SYSVSEM:
      return sameUndo(one, other) ? 0 : 3;
    case KCMP_EPOLL_TFD:
      return compareWatched(t, one, other, a.i32(3), a.u64(4));
    default:
      return -EINVAL;
  }
}

/**
 * KCMP_EPOLL_TFD: is descriptor `fd` of `one` what an epoll instance of `other` watches? `addr`: struct
 * kcmp_epoll_slot.
 */
function compareWatched(t: Task, one: Task, other: Task, fd: number, addr: number): number {
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, 12) < 0) return -EFAULT;
  const file = one.files.get(fd);
  const epoll = other.files.get(scratchView.getInt32(0, true));
  if (file === null || epoll === null) return -EBADF;
  if (!(epoll instanceof EpollFile)) return -EINVAL;
  const watched = epoll.watchedAs(scratchView.getInt32(4, true), scratchView.getUint32(8, true));
  return watched === null ? -ENOENT : compare(file, watched);
}

function hasUndo(task: Task): boolean {
  return sysvOf(task.nsSet.ipc).sem.hasUndo(task.group);
}

/** One process, or two that have no adjustments of semaphores to undo. */
function sameUndo(one: Task, other: Task): boolean {
  return one.group === other.group || (!hasUndo(one) && !hasUndo(other));
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
  row(SYS_kcmp, 'kcmp', sysKcmp, ['pid', 'pid', 'int', 'ulong', 'ulong'], {
    support: 'partial',
    note: 'tells equal from different, without an order',
  }),
  row(SYS_personality, 'personality', sysPersonality, ['ulong'], {
    support: 'partial',
    note: 'recorded; ADDR_NO_RANDOMIZE is left to execve, other flags have no effect',
  }),
];
