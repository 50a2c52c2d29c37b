import {
  EFAULT,
  EINVAL,
  EIO,
  ESRCH,
  NT_PRFPREG,
  NT_PRSTATUS,
  PTRACE_ARCH_PRCTL,
  PTRACE_ATTACH,
  PTRACE_CONT,
  PTRACE_DETACH,
  PTRACE_EVENT_STOP,
  PTRACE_GET_RSEQ_CONFIGURATION,
  PTRACE_GET_SYSCALL_INFO,
  PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG,
  PTRACE_GETEVENTMSG,
  PTRACE_GETFPREGS,
  PTRACE_GETREGS,
  PTRACE_GETREGSET,
  PTRACE_GETSIGINFO,
  PTRACE_GETSIGMASK,
  PTRACE_INTERRUPT,
  PTRACE_KILL,
  PTRACE_LISTEN,
  PTRACE_OLDSETOPTIONS,
  PTRACE_PEEKDATA,
  PTRACE_PEEKSIGINFO,
  PTRACE_PEEKTEXT,
  PTRACE_PEEKUSR,
  PTRACE_POKEDATA,
  PTRACE_POKETEXT,
  PTRACE_POKEUSR,
  PTRACE_SECCOMP_GET_FILTER,
  PTRACE_SECCOMP_GET_METADATA,
  PTRACE_SEIZE,
  PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG,
  PTRACE_SETFPREGS,
  PTRACE_SETOPTIONS,
  PTRACE_SETREGS,
  PTRACE_SETREGSET,
  PTRACE_SETSIGINFO,
  PTRACE_SETSIGMASK,
  PTRACE_SINGLEBLOCK,
  PTRACE_SINGLESTEP,
  PTRACE_SUD_CONFIG,
  PTRACE_SYSCALL,
  PTRACE_SYSEMU,
  PTRACE_SYSEMU_SINGLESTEP,
  PTRACE_TRACEME,
  SI_MAX_SIZE,
  SIGKILL,
} from '@sandbox/abi';
import { BLOCKED } from '../../call/result.js';
import { awaitMissingForCall } from '../memory/await-page.js';
import { readSiginfo, writeSiginfo } from '../signal/siginfo-layout.js';
import { isValidSignal } from '../signal/sigset.js';
import { configureUserDispatch } from '../signal/user-dispatch.js';
import { withdrawAnswers } from '../task/answers.js';
import type { Task } from '../task/task.js';
import { TASK_TRACED, TASK_ZOMBIE, WORK_EMU, WORK_STEP, WORK_TRACE } from '../task/task-state.js';
import { peekUser, pokeUser, regSet } from './area.js';
import { attach, checkOptions, detach, traceMe } from './attach.js';
import { filterMetadata, filterOf, peekSiginfo, rseqConfiguration } from './details.js';
import { syscallInfo } from './syscall-info.js';

const word = new Uint8Array(8);
const wordView = new DataView(word.buffer);

/** The request's arguments: addr and data as addresses, data's words as a value. */
export interface PtraceArguments {
  addr: number;
  data: number;
  dataLo: number;
  dataHi: number;
}

/** ptrace(2). */
export function ptrace(task: Task, request: number, pid: number, args: PtraceArguments): number {
  if (request === PTRACE_TRACEME) return traceMe(task);
  const other = task.pids.tasks.get(pid);
  if (!other) return -ESRCH;
  if (request === PTRACE_ATTACH) return attach(task, other, false, 0, 0);
  if (request === PTRACE_SEIZE) return attach(task, other, true, args.addr, args.data);
  const { tracee } = other;
  if (tracee === null || tracee.tracer !== task) return -ESRCH;
  if (request === PTRACE_INTERRUPT) return interrupt(other);
  if (request === PTRACE_KILL) return kill(other);
  if (other.state !== TASK_TRACED || tracee.listening) return -ESRCH;
  return onStopped(task, other, request, args);
}

function onStopped(task: Task, other: Task, request: number, a: PtraceArguments): number {
  switch (request) {
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
    case PTRACE_SINGLEBLOCK:
    case PTRACE_SYSEMU:
    case PTRACE_SYSEMU_SINGLESTEP:
      return resume(other, request, a.data);
    case PTRACE_DETACH:
      return detach(other, a.data);
    case PTRACE_LISTEN:
      return listen(other);
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
      if (access(other, a.addr, word, 8, false) < 8) return missed(task, other);
      return task.mm.copyOut(a.data, word, 0, 8);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
      wordView.setUint32(0, a.dataLo, true);
      wordView.setUint32(4, a.dataHi, true);
      return access(other, a.addr, word, 8, true) < 8 ? missed(task, other) : 0;
    case PTRACE_PEEKUSR: {
      const r = peekUser(other, a.addr, word);
      return r < 0 ? r : task.mm.copyOut(a.data, word, 0, 8);
    }
    case PTRACE_POKEUSR:
      return pokeUser(other, a.addr, a.dataLo, a.dataHi);
    case PTRACE_GETREGS:
      return wholeSet(task, other, NT_PRSTATUS, a.data, false);
    case PTRACE_SETREGS:
      return wholeSet(task, other, NT_PRSTATUS, a.data, true);
    case PTRACE_GETFPREGS:
      return wholeSet(task, other, NT_PRFPREG, a.data, false);
    case PTRACE_SETFPREGS:
      return wholeSet(task, other, NT_PRFPREG, a.data, true);
    case PTRACE_GETREGSET:
      return partialSet(task, other, a, false);
    case PTRACE_SETREGSET:
      return partialSet(task, other, a, true);
    default:
      return onState(task, other, request, a);
  }
}

function onState(task: Task, other: Task, request: number, a: PtraceArguments): number {
  const tracee = other.tracee!;
  switch (request) {
    case PTRACE_SETOPTIONS:
    case PTRACE_OLDSETOPTIONS: {
      const r = checkOptions(task, a.data);
      if (r === 0) tracee.options = a.data;
      return r;
    }
    case PTRACE_GETEVENTMSG:
      return task.mm.store64(a.data, tracee.message);
    case PTRACE_GETSIGINFO: {
      if (tracee.info === null) return -EINVAL;
      const { scratch, scratchView } = task.kernel;
      writeSiginfo(scratchView, 0, tracee.info);
      return task.mm.copyOut(a.data, scratch, 0, SI_MAX_SIZE);
    }
    case PTRACE_SETSIGINFO: {
      const { scratch, scratchView } = task.kernel;
      if (task.mm.copyIn(a.data, scratch, 0, SI_MAX_SIZE) < 0) return -EFAULT;
      if (tracee.info === null) return -EINVAL;
      const info = readSiginfo(scratchView, 0);
      tracee.info = info;
      if (other.shownSignal !== null) other.shownSignal = info;
      return 0;
    }
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
      return signalMask(task, other, a, request === PTRACE_SETSIGMASK);
    case PTRACE_GET_SYSCALL_INFO:
      return syscallInfo(task, other, a.addr, a.data);
    case PTRACE_PEEKSIGINFO:
      return peekSiginfo(task, other, a.addr, a.data);
    case PTRACE_GET_RSEQ_CONFIGURATION:
      return rseqConfiguration(task, other, a.addr, a.data);
    case PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG:
      return userDispatch(task, other, a.addr, a.data, false);
    case PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG:
      return userDispatch(task, other, a.addr, a.data, true);
    case PTRACE_SECCOMP_GET_FILTER:
      return filterOf(task, other, a.addr, a.data);
    case PTRACE_SECCOMP_GET_METADATA:
      return filterMetadata(task, other, a.addr, a.data);
    case PTRACE_ARCH_PRCTL:
      return -EINVAL;
    default:
      return -EIO;
  }
}

/** Bytes of the tracee's memory at `addr`, whatever its protection; how many could be copied. */
function access(other: Task, addr: number, buffer: Uint8Array, length: number, write: boolean): number {
  const { mm } = other;
  mm.missing = -1;
  return mm.asForeigner(() => mm.accessForced(addr, buffer, 0, length, write));
}

/** `access` could not: BLOCKED where the page is asked of a program first, else -EIO. */
function missed(task: Task, other: Task): number {
  const { mm } = other;
  return mm.missing >= 0 && awaitMissingForCall(task, mm) === BLOCKED ? BLOCKED : -EIO;
}

/** PTRACE_CONT and its kin: EIO for a bad signal. */
function resume(other: Task, request: number, sig: number): number {
  if (sig !== 0 && !isValidSignal(sig)) return -EIO;
  const step =
    request === PTRACE_SINGLESTEP || request === PTRACE_SYSEMU_SINGLESTEP || request === PTRACE_SINGLEBLOCK;
  let work = other.syscallWork & ~(WORK_TRACE | WORK_EMU | WORK_STEP);
  if (request === PTRACE_SYSCALL) work |= WORK_TRACE;
  if (request === PTRACE_SYSEMU || request === PTRACE_SYSEMU_SINGLESTEP) work |= WORK_EMU;
  if (step) work |= WORK_STEP;
  other.syscallWork = work;
  if (work !== 0) withdrawAnswers(other);
  const tracee = other.tracee!;
  tracee.given = sig;
  tracee.unreported = false;
  tracee.info = null;
  other.untrap();
  return 0;
}

/** PTRACE_INTERRUPT: EIO for one that was not seized. */
function interrupt(other: Task): number {
  const tracee = other.tracee!;
  if (!tracee.seized) return -EIO;
  if (other.state >= TASK_ZOMBIE) return 0;
  if (other.state === TASK_TRACED) {
    if (tracee.listening) {
      tracee.listening = false;
      tracee.trapPending = true;
      other.signals.work = true;
      other.untrap();
    } else {
      tracee.trapPending = true;
      other.signals.work = true;
    }
    return 0;
  }
  tracee.trapPending = true;
  other.kernel.signals.wake(other);
  return 0;
}

/** PTRACE_KILL: as PTRACE_CONT with SIGKILL, and no error when it does not apply. */
function kill(other: Task): number {
  if (other.state !== TASK_TRACED) return 0;
  return resume(other, PTRACE_CONT, SIGKILL);
}

/** PTRACE_LISTEN: EIO unless it is seized and in a group stop. */
function listen(other: Task): number {
  const tracee = other.tracee!;
  if (!tracee.seized || tracee.info === null || tracee.info.code >> 8 !== PTRACE_EVENT_STOP) return -EIO;
  tracee.listening = true;
  if (tracee.notifyPending) {
    tracee.listening = false;
    other.signals.work = true;
    other.untrap();
  }
  return 0;
}

function wholeSet(task: Task, other: Task, type: number, addr: number, write: boolean): number {
  const set = regSet(other, type)!;
  const size = set.size(other);
  if (!write) return task.mm.copyOut(addr, set.get(other), 0, size) < 0 ? -EIO : 0;
  const { scratch } = task.kernel;
  if (task.mm.copyIn(addr, scratch, 0, size) < 0) return -EIO;
  return set.set(other, scratch, size);
}

/**
 * PTRACE_GETREGSET and SETREGSET: EINVAL (no such set, bad length), EFAULT. The length transferred goes back
 * into the iovec.
 */
function partialSet(task: Task, other: Task, a: PtraceArguments, write: boolean): number {
  const { scratch, scratchView } = task.kernel;
  if (task.mm.copyIn(a.data, scratch, 0, 16) < 0) return -EFAULT;
  const base = scratchView.getUint32(0, true) + scratchView.getUint32(4, true) * 4294967296;
  const wanted = scratchView.getUint32(8, true) + scratchView.getUint32(12, true) * 4294967296;
  const set = regSet(other, a.addr);
  if (set === null || wanted % set.unit !== 0) return -EINVAL;
  const length = Math.min(wanted, set.size(other), scratch.length);
  let r: number;
  if (write) {
    r = task.mm.copyIn(base, scratch, 0, length) < 0 ? -EFAULT : set.set(other, scratch, length);
  } else {
    r = task.mm.copyOut(base, set.get(other), 0, length);
  }
  return r < 0 ? r : task.mm.store64(a.data + 8, length);
}

/** PTRACE_GETSIGMASK, SETSIGMASK: EINVAL unless `addr` is the size of a mask; EFAULT. */
function signalMask(task: Task, other: Task, a: PtraceArguments, write: boolean): number {
  if (a.addr !== 8) return -EINVAL;
  const state = other.signals;
  if (write) {
    if (task.mm.copyIn(a.data, word, 0, 8) < 0) return -EFAULT;
    const lo = wordView.getUint32(0, true);
    const hi = wordView.getUint32(4, true);
    state.hasSaved = false;
    task.kernel.signals.setBlocked(other, lo, hi);
    return 0;
  }
  const mask = state.hasSaved ? state.saved : state.blocked;
  wordView.setUint32(0, mask.lo, true);
  wordView.setUint32(4, mask.hi, true);
  return task.mm.copyOut(a.data, word, 0, 8);
}

const sud = new Uint8Array(PTRACE_SUD_CONFIG.SIZE);
const sudView = new DataView(sud.buffer);

/** PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG and SET: EINVAL (size; what prctl(2) refuses), EFAULT. */
function userDispatch(task: Task, other: Task, size: number, addr: number, write: boolean): number {
  if (size !== PTRACE_SUD_CONFIG.SIZE) return -EINVAL;
  if (write) {
    if (task.mm.copyIn(addr, sud, 0, size) < 0) return -EFAULT;
    const word = (at: number): number =>
      sudView.getUint32(at, true) + sudView.getUint32(at + 4, true) * 4294967296;
    const { mode, offset, len, selector } = PTRACE_SUD_CONFIG;
    return configureUserDispatch(other, word(mode), word(offset), word(len), word(selector));
  }
  const { dispatch } = other;
  const store = (at: number, value: number): void => sudView.setBigUint64(at, BigInt(value), true);
  store(PTRACE_SUD_CONFIG.mode, dispatch === null ? 0 : 1);
  store(PTRACE_SUD_CONFIG.offset, dispatch?.offset ?? 0);
  store(PTRACE_SUD_CONFIG.len, dispatch?.length ?? 0);
  store(PTRACE_SUD_CONFIG.selector, dispatch?.selector ?? 0);
  return task.mm.copyOut(addr, sud, 0, size) < 0 ? -EFAULT : 0;
}
