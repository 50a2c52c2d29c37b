import {
  _UFFDIO_API,
  _UFFDIO_CONTINUE,
  _UFFDIO_COPY,
  _UFFDIO_MOVE,
  _UFFDIO_POISON,
  _UFFDIO_REGISTER,
  _UFFDIO_UNREGISTER,
  _UFFDIO_WAKE,
  _UFFDIO_WRITEPROTECT,
  _UFFDIO_ZEROPAGE,
  CAP_SYS_PTRACE,
  EAGAIN,
  EFAULT,
  EINVAL,
  ENOMEM,
  EPERM,
  ESRCH,
  UFFD_API,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_FEATURE_MISSING_SHMEM,
  UFFD_FEATURE_MOVE,
  UFFD_FEATURE_PAGEFAULT_FLAG_WP,
  UFFD_FEATURE_POISON,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFDIO_API,
  UFFDIO_API_STRUCT,
  UFFDIO_CONTINUE,
  UFFDIO_CONTINUE_MODE_DONTWAKE,
  UFFDIO_CONTINUE_MODE_WP,
  UFFDIO_COPY,
  UFFDIO_COPY_MODE_DONTWAKE,
  UFFDIO_COPY_MODE_WP,
  UFFDIO_COPY_STRUCT,
  UFFDIO_MOVE,
  UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
  UFFDIO_MOVE_MODE_DONTWAKE,
  UFFDIO_MOVE_STRUCT,
  UFFDIO_POISON,
  UFFDIO_POISON_MODE_DONTWAKE,
  UFFDIO_RANGE,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_REGISTER_STRUCT,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_WRITEPROTECT,
  UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
  UFFDIO_WRITEPROTECT_MODE_WP,
  UFFDIO_WRITEPROTECT_STRUCT,
  UFFDIO_ZEROPAGE,
  UFFDIO_ZEROPAGE_MODE_DONTWAKE,
  UFFDIO_ZEROPAGE_STRUCT,
} from '@sandbox/abi';
import type { IoctlCaller } from '@sandbox/vfs';
import { FILL_CONTINUE, FILL_COPY, FILL_POISON, FILL_ZERO, fill } from '../../mm/uffd/fill.js';
import { movePages } from '../../mm/uffd/move.js';
import { writeProtect } from '../../mm/uffd/protect.js';
import { checkBytes, checkRange, register, unregister } from '../../mm/uffd/register.js';
import type { Task } from '../../process/task/task.js';
import type { UserfaultFile } from './file.js';
import { bytes, get64, NO_FEATURES, put64, view } from './words.js';

/** All of Linux 6.12's but those of hugetlbfs, whose pages there are none of. */
const FEATURES =
  UFFD_FEATURE_PAGEFAULT_FLAG_WP |
  UFFD_FEATURE_EVENT_FORK |
  UFFD_FEATURE_EVENT_REMAP |
  UFFD_FEATURE_EVENT_REMOVE |
  UFFD_FEATURE_EVENT_UNMAP |
  UFFD_FEATURE_MISSING_SHMEM |
  UFFD_FEATURE_SIGBUS |
  UFFD_FEATURE_THREAD_ID |
  UFFD_FEATURE_MINOR_SHMEM |
  UFFD_FEATURE_EXACT_ADDRESS |
  UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
  UFFD_FEATURE_WP_UNPOPULATED |
  UFFD_FEATURE_POISON |
  UFFD_FEATURE_WP_ASYNC |
  UFFD_FEATURE_MOVE;

const MODES = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR;
/** Sets of commands, by their numbers; the first has a bit in the high word as well. */
const API_IOCTLS = (1 << _UFFDIO_REGISTER) | (1 << _UFFDIO_UNREGISTER);
const API_IOCTLS_HI = (1 << (_UFFDIO_API - 32)) >>> 0;
const RANGE_IOCTLS =
  (1 << _UFFDIO_WAKE) |
  (1 << _UFFDIO_COPY) |
  (1 << _UFFDIO_ZEROPAGE) |
  (1 << _UFFDIO_MOVE) |
  (1 << _UFFDIO_WRITEPROTECT) |
  (1 << _UFFDIO_CONTINUE) |
  (1 << _UFFDIO_POISON);

/** Features and commands as fdinfo shows them. */
export function apiText(features: number): string {
  // The bit above all features says that they were chosen.
  const chosen = features === NO_FEATURES ? 0 : (features | 0x80000000) >>> 0;
  const low = (API_IOCTLS | RANGE_IOCTLS).toString(16).padStart(8, '0');
  return `${UFFD_API.toString(16)}:${chosen.toString(16)}:${API_IOCTLS_HI.toString(16)}${low}`;
}

/** A command of userfaultfd(2) (ioctl_userfaultfd(2)). */
export function command(file: UserfaultFile, cmd: number, arg: number, caller: IoctlCaller): number {
  if (cmd !== UFFDIO_API && file.features === NO_FEATURES) return -EINVAL;
  switch (cmd) {
    case UFFDIO_API:
      return handshake(file, arg, caller);
    case UFFDIO_REGISTER:
      return registerRange(file, arg, caller);
    case UFFDIO_UNREGISTER:
      return unregisterRange(file, arg, caller);
    case UFFDIO_WAKE:
      return wakeRange(file, arg, caller);
    case UFFDIO_COPY:
      return copy(file, arg, caller);
    case UFFDIO_ZEROPAGE:
      return fillRange(file, arg, caller, FILL_ZERO, UFFDIO_ZEROPAGE_MODE_DONTWAKE, 0);
    case UFFDIO_CONTINUE:
      return fillRange(
        file,
        arg,
        caller,
        FILL_CONTINUE,
        UFFDIO_CONTINUE_MODE_DONTWAKE,
        UFFDIO_CONTINUE_MODE_WP,
      );
    case UFFDIO_POISON:
      return fillRange(file, arg, caller, FILL_POISON, UFFDIO_POISON_MODE_DONTWAKE, 0);
    case UFFDIO_MOVE:
      return move(file, arg, caller);
    case UFFDIO_WRITEPROTECT:
      return protect(file, arg, caller);
    default:
      return -EINVAL;
  }
}

function handshake(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  const s = UFFDIO_API_STRUCT;
  if (caller.memory.copyIn(arg, bytes, 0, s.SIZE) !== 0) return -EFAULT;
  let wanted = view.getUint32(s.features, true);
  let error = get64(s.api) !== UFFD_API ? -EINVAL : 0;
  const forks = (wanted & UFFD_FEATURE_EVENT_FORK) !== 0;
  if (error === 0 && forks && !(caller.task as Task).cred.capable(CAP_SYS_PTRACE)) error = -EPERM;
  const unknown = (wanted & ~FEATURES) !== 0 || view.getUint32(s.features + 4, true) !== 0;
  if (error === 0 && unknown) error = -EINVAL;
  if ((wanted & UFFD_FEATURE_WP_ASYNC) !== 0) wanted |= UFFD_FEATURE_WP_UNPOPULATED;
  bytes.fill(0, 0, s.SIZE);
  if (error === 0) {
    put64(s.api, UFFD_API);
    put64(s.features, FEATURES);
    view.setUint32(s.ioctls, API_IOCTLS, true);
    view.setUint32(s.ioctls + 4, API_IOCTLS_HI, true);
  }
  if (caller.memory.copyOut(arg, bytes, 0, s.SIZE) !== 0) return -EFAULT;
  if (error !== 0) return error;
  if (file.features !== NO_FEATURES) {
    bytes.fill(0, 0, s.SIZE);
    return caller.memory.copyOut(arg, bytes, 0, s.SIZE) !== 0 ? -EFAULT : -EINVAL;
  }
  file.features = wanted;
  return 0;
}

function registerRange(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  const s = UFFDIO_REGISTER_STRUCT;
  const { mm } = file;
  // All but the last word, which is told.
  if (caller.memory.copyIn(arg, bytes, 0, s.ioctls) !== 0) return -EFAULT;
  const modes = get64(s.mode);
  if (modes === 0 || modes > MODES) return -EINVAL;
  const start = get64(s.start);
  const length = get64(s.len);
  const e = checkRange(mm, start, length);
  if (e !== 0) return e;
  if (mm.users === 0) return -ENOMEM;
  const r = register(mm, start, start + length, file, modes);
  if (r !== 0) return r;
  let known = RANGE_IOCTLS;
  if ((modes & UFFDIO_REGISTER_MODE_WP) === 0) known &= ~(1 << _UFFDIO_WRITEPROTECT);
  if ((modes & UFFDIO_REGISTER_MODE_MINOR) === 0) known &= ~(1 << _UFFDIO_CONTINUE);
  put64(s.ioctls, known);
  return caller.memory.copyOut(arg + s.ioctls, bytes, s.ioctls, 8);
}

function range(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  if (caller.memory.copyIn(arg, bytes, 0, UFFDIO_RANGE.SIZE) !== 0) return -EFAULT;
  return checkRange(file.mm, get64(UFFDIO_RANGE.start), get64(UFFDIO_RANGE.len));
}

function unregisterRange(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  const e = range(file, arg, caller);
  if (e !== 0) return e;
  const start = get64(UFFDIO_RANGE.start);
  const length = get64(UFFDIO_RANGE.len);
  if (file.mm.users === 0) return -ENOMEM;
  const r = unregister(file.mm, start, start + length, file);
  if (r === 0) file.wake(start, length);
  return r;
}

function wakeRange(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  const e = range(file, arg, caller);
  if (e === 0) file.wake(get64(UFFDIO_RANGE.start), get64(UFFDIO_RANGE.len));
  return e;
}

/** The program is to hear of a change first: -EAGAIN, said in the struct, too. */
function refuse(at: number, caller: IoctlCaller): number {
  put64(0, -EAGAIN);
  return caller.memory.copyOut(at, bytes, 0, 8) !== 0 ? -EFAULT : -EAGAIN;
}

function copy(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  const s = UFFDIO_COPY_STRUCT;
  const { mm } = file;
  if (file.changing) return refuse(arg + s.copy, caller);
  if (caller.memory.copyIn(arg, bytes, 0, s.copy) !== 0) return -EFAULT;
  const dst = get64(s.dst);
  const src = get64(s.src);
  const length = get64(s.len);
  const mode = get64(s.mode);
  const e = checkBytes(mm, src, length) || checkRange(mm, dst, length);
  if (e !== 0) return e;
  if (mode > (UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP)) return -EINVAL;
  if (mm.users === 0) return -ESRCH;
  const from = (caller.task as Task).mm;
  const done = fill(mm, FILL_COPY, dst, length, from, src, (mode & UFFDIO_COPY_MODE_WP) !== 0);
  return filled(file, caller, arg + s.copy, dst, length, done, (mode & UFFDIO_COPY_MODE_DONTWAKE) === 0);
}

/**
 * UFFDIO_ZEROPAGE, UFFDIO_CONTINUE and UFFDIO_POISON, whose structs are alike: a range, a mode, and how much
 * was done.
 */
function fillRange(
  file: UserfaultFile,
  arg: number,
  caller: IoctlCaller,
  how: number,
  dontWake: number,
  wp: number,
): number {
  const s = UFFDIO_ZEROPAGE_STRUCT;
  const { mm } = file;
  if (file.changing) return refuse(arg + s.zeropage, caller);
  if (caller.memory.copyIn(arg, bytes, 0, s.zeropage) !== 0) return -EFAULT;
  const start = get64(s.start);
  const length = get64(s.len);
  const mode = get64(s.mode);
  const e = checkRange(mm, start, length);
  if (e !== 0) return e;
  if (mode > (dontWake | wp)) return -EINVAL;
  if (mm.users === 0) return -ESRCH;
  const done = fill(mm, how, start, length, mm, 0, (mode & wp) !== 0);
  return filled(file, caller, arg + s.zeropage, start, length, done, (mode & dontWake) === 0);
}

function move(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  const s = UFFDIO_MOVE_STRUCT;
  const { mm } = file;
  if (file.changing) return refuse(arg + s.move, caller);
  if (caller.memory.copyIn(arg, bytes, 0, s.move) !== 0) return -EFAULT;
  if ((caller.task as Task).mm !== mm) return -EINVAL;
  const dst = get64(s.dst);
  const src = get64(s.src);
  const length = get64(s.len);
  const mode = get64(s.mode);
  const e = checkRange(mm, dst, length) || checkRange(mm, src, length);
  if (e !== 0) return e;
  if (mode > (UFFDIO_MOVE_MODE_DONTWAKE | UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES)) return -EINVAL;
  const holes = (mode & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES) !== 0;
  const done = movePages(mm, file, dst, src, length, holes);
  return filled(file, caller, arg + s.move, dst, length, done, (mode & UFFDIO_MOVE_MODE_DONTWAKE) === 0);
}

/** Tell how much was done, and wake those who waited for it: 0, -EAGAIN (not all of it) or the error. */
function filled(
  file: UserfaultFile,
  caller: IoctlCaller,
  at: number,
  start: number,
  length: number,
  done: number,
  wakes: boolean,
): number {
  put64(0, done);
  if (caller.memory.copyOut(at, bytes, 0, 8) !== 0) return -EFAULT;
  if (done < 0) return done;
  if (wakes) file.wake(start, done);
  return done === length ? 0 : -EAGAIN;
}

function protect(file: UserfaultFile, arg: number, caller: IoctlCaller): number {
  const s = UFFDIO_WRITEPROTECT_STRUCT;
  const { mm } = file;
  if (file.changing) return -EAGAIN;
  if (caller.memory.copyIn(arg, bytes, 0, s.SIZE) !== 0) return -EFAULT;
  const start = get64(s.start);
  const length = get64(s.len);
  const mode = get64(s.mode);
  const e = checkRange(mm, start, length);
  if (e !== 0) return e;
  const wp = (mode & UFFDIO_WRITEPROTECT_MODE_WP) !== 0;
  const dontWake = (mode & UFFDIO_WRITEPROTECT_MODE_DONTWAKE) !== 0;
  if (mode > (UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE)) return -EINVAL;
  if (wp && dontWake) return -EINVAL;
  if (mm.users === 0) return -ESRCH;
  const r = writeProtect(mm, start, start + length, wp);
  if (r === 0 && !wp && !dontWake) file.wake(start, length);
  return r;
}
