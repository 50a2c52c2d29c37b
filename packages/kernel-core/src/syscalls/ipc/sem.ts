import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EFBIG,
  EINTR,
  EINVAL,
  ERANGE,
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  SEM_INFO,
  SEM_STAT,
  SEM_STAT_ANY,
  SEM_UNDO,
  SEMAEM,
  SEMBUF,
  SEMID64_DS,
  SEMINFO,
  SEMMAP,
  SEMMNU,
  SEMUME,
  SEMUSZ,
  SEMVMX,
  SETALL,
  SETVAL,
  SYS_semctl,
  SYS_semget,
  SYS_semop,
  SYS_semtimedop,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { ipcOwner, ipcPermission, putLong, readForSet } from '../../files/sysv/ids.js';
import { SemOperation, type SemSet } from '../../files/sysv/sem.js';
import { sysvOf } from '../../files/sysv/state.js';
import type { Task } from '../../process/task/task.js';
import { isValid, loadTimespec, Timespec } from '../../process/time/timespec.js';

const READ = 0o444;
const WRITE = 0o222;
const timeout = new Timespec();

/** semget(2): EACCES, EEXIST, EINVAL, ENOENT, ENOSPC. */
function sysSemget(task: Task, args: SyscallArgs): number {
  const count = args.i32(1);
  const { sem, limits } = sysvOf(task.nsSet.ipc);
  if (count < 0 || count > limits.semmsl) return -EINVAL;
  const create = (): SemSet | number => {
    if (count === 0) return -EINVAL;
    const set = sem.create(count);
    if (typeof set !== 'number') set.ctime = task.kernel.clock.realtimeSec();
    return set;
  };
  return sem.ids.get(task, args.i32(0), args.i32(2), create, (s) => (count > s.count ? -EINVAL : 0));
}

/** The operations of semop, read once. EFAULT. */
function readOperations(task: Task, addr: number, count: number): SemOperation | number {
  const { scratch, scratchView: view } = task.kernel;
  if (task.mm.copyIn(addr, scratch, 0, count * SEMBUF.SIZE) < 0) return -EFAULT;
  const numbers = new Uint16Array(count);
  const amounts = new Int16Array(count);
  const flags = new Int16Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * SEMBUF.SIZE;
    numbers[i] = view.getUint16(at + SEMBUF.sem_num, true);
    amounts[i] = view.getInt16(at + SEMBUF.sem_op, true);
    flags[i] = view.getInt16(at + SEMBUF.sem_flg, true);
  }
  return new SemOperation(task, numbers, amounts, flags, null);
}

/** First run: check everything, do the operations or join those who wait. */
function start(task: Task, args: SyscallArgs, timeoutAddr: number): number {
  const id = args.i32(0);
  const count = args.u32(2);
  if (timeoutAddr !== 0 && loadTimespec(task.mm, timeoutAddr, timeout) < 0) return -EFAULT;
  if (count > sysvOf(task.nsSet.ipc).limits.semopm) return -E2BIG;
  const read = readOperations(task, args.u64(1), count);
  if (typeof read === 'number') return read;
  if (count < 1 || id < 0) return -EINVAL;
  if (timeoutAddr !== 0 && !isValid(timeout)) return -EINVAL;
  const set = sysvOf(task.nsSet.ipc).sem.ids.find(id);
  if (typeof set === 'number') return set;
  for (const n of read.numbers) if (n >= set.count) return -EFBIG;
  const allowed = ipcPermission(set, task.cred, read.alters ? WRITE : READ);
  if (allowed < 0) return allowed;
  const undo = read.flags.some((f) => (f & SEM_UNDO) !== 0) ? set.undoOf(task.group) : null;
  const op = new SemOperation(task, read.numbers, read.amounts, read.flags, undo);
  const now = task.kernel.clock.realtimeSec();
  const r = set.tryOperation(op, task.pidFor(task));
  if (r <= 0) {
    if (r === 0) set.otime = now;
    if (r === 0 && op.alters) set.update(now);
    return r;
  }
  set.pending.push(op);
  task.wait.data = { set, op };
  if (timeoutAddr !== 0) task.setTimeout(timeout.ns);
  return BLOCKED;
}

interface Sleeper {
  readonly set: SemSet;
  readonly op: SemOperation;
}

/**
 * semtimedop(2): E2BIG, EACCES, EAGAIN, EFAULT, EFBIG, EIDRM, EINTR, EINVAL, ERANGE. Never restarted after a
 * handler.
 */
function operate(task: Task, args: SyscallArgs, timeoutAddr: number): number {
  if (task.wait.round === 0) {
    const r = start(task, args, timeoutAddr);
    if (r !== BLOCKED) return r;
  }
  const { set, op } = task.wait.data as Sleeper;
  if (op.status !== null) return op.status;
  let result = BLOCKED;
  if (task.wait.timedOut) result = -EAGAIN;
  else if (task.interrupted) result = -EINTR;
  if (result !== BLOCKED) set.withdraw(op);
  return result;
}

function sysSemop(task: Task, args: SyscallArgs): number {
  return operate(task, args, 0);
}

function sysSemtimedop(task: Task, args: SyscallArgs): number {
  return operate(task, args, args.u64(3));
}

/** IPC_INFO, SEM_INFO. */
function info(task: Task, cmd: number, addr: number): number {
  const { sem, limits } = sysvOf(task.nsSet.ipc);
  const { scratch, scratchView: view } = task.kernel;
  scratch.fill(0, 0, SEMINFO.SIZE);
  const put = (at: number, value: number): void => view.setInt32(at, value, true);
  put(SEMINFO.semmap, SEMMAP);
  put(SEMINFO.semmni, limits.semmni);
  put(SEMINFO.semmns, limits.semmns);
  put(SEMINFO.semmnu, SEMMNU);
  put(SEMINFO.semmsl, limits.semmsl);
  put(SEMINFO.semopm, limits.semopm);
  put(SEMINFO.semume, SEMUME);
  put(SEMINFO.semusz, cmd === SEM_INFO ? sem.ids.size : SEMUSZ);
  put(SEMINFO.semvmx, SEMVMX);
  put(SEMINFO.semaem, cmd === SEM_INFO ? sem.total : SEMAEM);
  if (task.mm.copyOut(addr, scratch, 0, SEMINFO.SIZE) < 0) return -EFAULT;
  return Math.max(0, sem.ids.highest);
}

function writeStat(task: Task, set: SemSet, addr: number): number {
  const { scratch, scratchView: view } = task.kernel;
  scratch.fill(0, 0, SEMID64_DS.SIZE);
  set.writePerm(view, SEMID64_DS.sem_perm);
  putLong(view, SEMID64_DS.sem_otime, set.otime);
  putLong(view, SEMID64_DS.sem_ctime, set.ctime);
  putLong(view, SEMID64_DS.sem_nsems, set.count);
  return task.mm.copyOut(addr, scratch, 0, SEMID64_DS.SIZE);
}

/** GETALL. EFAULT. */
function getAll(task: Task, set: SemSet, addr: number): number {
  const values = new Uint8Array(set.values.buffer, set.values.byteOffset, set.values.byteLength);
  return task.mm.copyOut(addr, values, 0, values.length);
}

/** SETALL: all values at once. EFAULT, ERANGE. */
function setAll(task: Task, set: SemSet, addr: number): number {
  const values = new Uint16Array(set.count);
  if (task.mm.copyIn(addr, new Uint8Array(values.buffer), 0, values.byteLength) < 0) return -EFAULT;
  if (values.some((v) => v > SEMVMX)) return -ERANGE;
  set.values.set(values);
  for (let n = 0; n < set.count; n++) {
    set.pids[n] = task.pidFor(task);
    set.clearUndo(n);
  }
  set.ctime = task.kernel.clock.realtimeSec();
  set.update(set.ctime);
  return 0;
}

/** SETVAL; the value has been checked. */
function setValue(task: Task, set: SemSet, n: number, value: number): number {
  set.clearUndo(n);
  set.values[n] = value;
  set.pids[n] = task.pidFor(task);
  set.ctime = task.kernel.clock.realtimeSec();
  set.update(set.ctime);
  return 0;
}

/** Commands about the values of a set. */
function values(task: Task, set: SemSet, n: number, cmd: number, args: SyscallArgs): number {
  const writes = cmd === SETVAL || cmd === SETALL;
  if (cmd === SETVAL && (n < 0 || n >= set.count)) return -EINVAL;
  const allowed = ipcPermission(set, task.cred, writes ? WRITE : READ);
  if (allowed < 0) return allowed;
  if (cmd === GETALL) return getAll(task, set, args.u64(3));
  if (cmd === SETALL) return setAll(task, set, args.u64(3));
  if (n < 0 || n >= set.count) return -EINVAL;
  switch (cmd) {
    case SETVAL:
      return setValue(task, set, n, args.i32(3));
    case GETVAL:
      return set.values[n]!;
    case GETPID:
      return set.pids[n]!;
    default:
      return set.waiting(n, cmd === GETZCNT);
  }
}

/** IPC_SET, IPC_RMID. */
function change(task: Task, cmd: number, set: SemSet, addr: number): number {
  if (cmd === IPC_SET) {
    const r = readForSet(task, addr, SEMID64_DS.SIZE);
    if (r < 0) return r;
  }
  const allowed = ipcOwner(set, task.cred);
  if (allowed < 0) return allowed;
  if (cmd === IPC_RMID) {
    sysvOf(task.nsSet.ipc).sem.destroy(set);
    return 0;
  }
  const r = set.readPerm(task.kernel.scratchView, SEMID64_DS.sem_perm);
  if (r === 0) set.ctime = task.kernel.clock.realtimeSec();
  return r;
}

/** semctl(2): EACCES, EFAULT, EIDRM, EINVAL, EPERM, ERANGE. */
function sysSemctl(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  const cmd = args.i32(2);
  const addr = args.u64(3);
  const { ids } = sysvOf(task.nsSet.ipc).sem;
  if (id < 0) return -EINVAL;
  switch (cmd) {
    case IPC_INFO:
    case SEM_INFO:
      return info(task, cmd, addr);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY: {
      const set = cmd === IPC_STAT ? ids.find(id) : ids.atSlot(id);
      if (typeof set === 'number') return set;
      const allowed = cmd === SEM_STAT_ANY ? 0 : ipcPermission(set, task.cred, READ);
      if (allowed < 0) return allowed;
      if (writeStat(task, set, addr) < 0) return -EFAULT;
      return cmd === IPC_STAT ? 0 : set.id;
    }
    case GETALL:
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case SETALL:
    case SETVAL: {
      if (cmd === SETVAL && (args.i32(3) < 0 || args.i32(3) > SEMVMX)) return -ERANGE;
      const set = ids.find(id);
      return typeof set === 'number' ? set : values(task, set, args.i32(1), cmd, args);
    }
    case IPC_SET:
    case IPC_RMID: {
      const set = ids.find(id);
      return typeof set === 'number' ? set : change(task, cmd, set, addr);
    }
    default:
      return -EINVAL;
  }
}

const UNDO = 'the adjustments of SEM_UNDO belong to a process, whatever CLONE_SYSVSEM said';

export const rows = [
  row(SYS_semget, 'semget', sysSemget, ['int', 'int', 'int']),
  row(SYS_semop, 'semop', sysSemop, ['int', 'ptr', 'size'], { note: UNDO }),
  row(SYS_semtimedop, 'semtimedop', sysSemtimedop, ['int', 'ptr', 'size', 'timespec'], { note: UNDO }),
  row(SYS_semctl, 'semctl', sysSemctl, ['int', 'int', 'int', 'ptr']),
];
