import {
  CAP_SYS_RESOURCE,
  EFAULT,
  EINVAL,
  ENODEV,
  ENXIO,
  EPERM,
  NSIG,
  PR_CAP_AMBIENT,
  PR_CAPBSET_DROP,
  PR_CAPBSET_READ,
  PR_GET_AUXV,
  PR_GET_CHILD_SUBREAPER,
  PR_GET_DUMPABLE,
  PR_GET_IO_FLUSHER,
  PR_GET_KEEPCAPS,
  PR_GET_MDWE,
  PR_GET_MEMORY_MERGE,
  PR_GET_NAME,
  PR_GET_NO_NEW_PRIVS,
  PR_GET_PDEATHSIG,
  PR_GET_SECCOMP,
  PR_GET_SECUREBITS,
  PR_GET_SPECULATION_CTRL,
  PR_GET_THP_DISABLE,
  PR_GET_TID_ADDRESS,
  PR_GET_TIMERSLACK,
  PR_GET_TIMING,
  PR_GET_TSC,
  PR_MCE_KILL,
  PR_MCE_KILL_CLEAR,
  PR_MCE_KILL_DEFAULT,
  PR_MCE_KILL_GET,
  PR_MCE_KILL_SET,
  PR_MDWE_NO_INHERIT,
  PR_MDWE_REFUSE_EXEC_GAIN,
  PR_SET_CHILD_SUBREAPER,
  PR_SET_DUMPABLE,
  PR_SET_IO_FLUSHER,
  PR_SET_KEEPCAPS,
  PR_SET_MDWE,
  PR_SET_MEMORY_MERGE,
  PR_SET_MM,
  PR_SET_NAME,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
  PR_SET_SECCOMP,
  PR_SET_SECUREBITS,
  PR_SET_SPECULATION_CTRL,
  PR_SET_SYSCALL_USER_DISPATCH,
  PR_SET_THP_DISABLE,
  PR_SET_TIMERSLACK,
  PR_SET_TIMING,
  PR_SET_TSC,
  PR_SET_VMA,
  PR_SPEC_ENABLE,
  PR_SPEC_FORCE_DISABLE,
  PR_SPEC_INDIRECT_BRANCH,
  PR_SPEC_L1D_FLUSH,
  PR_SPEC_STORE_BYPASS,
  PR_TASK_PERF_EVENTS_DISABLE,
  PR_TASK_PERF_EVENTS_ENABLE,
  PR_TIMING_STATISTICAL,
  PR_TSC_ENABLE,
  SECCOMP_MODE_FILTER,
  SECCOMP_MODE_STRICT,
  SYS_prctl,
  TASK_COMM_LEN,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { commitCred } from '../../process/cred/change.js';
import { setFilter, setStrict } from '../../process/seccomp/install.js';
import { configureUserDispatch } from '../../process/signal/user-dispatch.js';
import type { Task } from '../../process/task/task.js';
import {
  ambient,
  dropBounding,
  getKeepCaps,
  readBounding,
  setKeepCaps,
  setSecurebits,
} from './prctl-caps.js';
import { setMm, setVma } from './prctl-mm.js';

/** Arguments 3, 4 and 5 (from 2 on with `from`) must be zero for most operations that do not use them. */
function unused(a: SyscallArgs, from: number): boolean {
  for (let i = from; i <= 4; i++) if (a.u64(i) !== 0) return false;
  return true;
}

/** PR_SET_NAME: up to 15 bytes; EFAULT. */
function setName(t: Task, address: number): number {
  const bytes = new Uint8Array(TASK_COMM_LEN - 1);
  const got = t.mm.copyInPartial(address, bytes, 0, bytes.length);
  let end = bytes.subarray(0, got).indexOf(0);
  if (end < 0) {
    if (got < bytes.length) return -EFAULT;
    end = got;
  }
  t.comm = String.fromCharCode(...bytes.subarray(0, end));
  for (const watcher of t.kernel.hooks.watchers) watcher.renamed?.(t);
  return 0;
}

function getName(t: Task, address: number): number {
  const { scratch } = t.kernel;
  scratch.fill(0, 0, TASK_COMM_LEN);
  for (let i = 0; i < t.comm.length && i < TASK_COMM_LEN - 1; i++) scratch[i] = t.comm.charCodeAt(i);
  return t.mm.copyOut(address, scratch, 0, TASK_COMM_LEN);
}

function setPdeathsig(t: Task, sig: number): number {
  if (sig > NSIG) return -EINVAL;
  t.pdeathsig = sig;
  return 0;
}

function setDumpable(t: Task, value: number): number {
  if (value > 1) return -EINVAL;
  t.group.dumpable = value;
  return 0;
}

function setNoNewPrivs(t: Task, a: SyscallArgs): number {
  if (a.u64(1) !== 1 || !unused(a, 2)) return -EINVAL;
  const next = t.cred.clone();
  next.noNewPrivs = true;
  commitCred(t, next);
  return 0;
}

function setTimerSlack(t: Task, a: SyscallArgs): number {
  const attributes = t.attributes;
  // Real-time threads have none.
  if (attributes.rtPriority > 0) return 0;
  const ns = a.s64(1);
  attributes.timerSlack = ns <= 0 ? attributes.defaultTimerSlack : a.u64(1);
  return 0;
}

/** PR_MCE_KILL: EINVAL. Recorded; there is no memory failure to report. */
function setMceKill(t: Task, a: SyscallArgs): number {
  if (!unused(a, 3)) return -EINVAL;
  const how = a.u64(2);
  if (a.u64(1) === PR_MCE_KILL_CLEAR) {
    if (how !== 0) return -EINVAL;
    t.attributes.mceKill = PR_MCE_KILL_DEFAULT;
    return 0;
  }
  if (a.u64(1) !== PR_MCE_KILL_SET || how > PR_MCE_KILL_DEFAULT) return -EINVAL;
  t.attributes.mceKill = how;
  return 0;
}

/** PR_SET_IO_FLUSHER: EINVAL, EPERM. Recorded: the kernel waits for no memory of its own. */
function setIoFlusher(t: Task, a: SyscallArgs, on: number): number {
  if (!t.cred.capable(CAP_SYS_RESOURCE)) return -EPERM;
  if (!unused(a, 2) || on > 1) return -EINVAL;
  t.attributes.ioFlusher = on === 1;
  return 0;
}

/** PR_GET_AUXV: the full length; EFAULT, EINVAL. */
function getAuxv(t: Task, a: SyscallArgs): number {
  if (!unused(a, 3)) return -EINVAL;
  const { auxv } = t.mm.exec;
  const length = Math.min(auxv.length, a.u64(2));
  return t.mm.copyOut(a.u64(1), auxv, 0, length) < 0 ? -EFAULT : auxv.length;
}

/** PR_SET_MDWE: EINVAL, EPERM (what was refused stays so). */
function setMdwe(t: Task, a: SyscallArgs): number {
  const bits = a.u64(1);
  if (!unused(a, 2)) return -EINVAL;
  if (bits > (PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT) || bits === PR_MDWE_NO_INHERIT) return -EINVAL;
  const { settings } = t.mm;
  if (settings.mdwe !== 0 && settings.mdwe !== bits) return -EPERM;
  settings.mdwe = bits;
  return 0;
}

/**
 * What a thread may do about speculation of its own is nothing: the processor's state is the host's. ENODEV
 * for what does not exist.
 */
function speculation(which: number): number {
  switch (which) {
    case PR_SPEC_STORE_BYPASS:
    case PR_SPEC_INDIRECT_BRANCH:
      return PR_SPEC_ENABLE;
    case PR_SPEC_L1D_FLUSH:
      return PR_SPEC_FORCE_DISABLE;
    default:
      return -ENODEV;
  }
}

/** prctl(2). Each operation's errors stand in the manual page; EINVAL for those that are not offered. */
function sysPrctl(t: Task, a: SyscallArgs): number {
  const option = a.i32(0);
  const arg = a.u64(1);
  switch (option) {
    case PR_SET_PDEATHSIG:
      return setPdeathsig(t, arg);
    case PR_GET_PDEATHSIG:
      return t.mm.store32(arg, t.pdeathsig);
    case PR_GET_DUMPABLE:
      return t.group.dumpable;
    case PR_SET_DUMPABLE:
      return setDumpable(t, arg);
    case PR_SET_NAME:
      return setName(t, arg);
    case PR_GET_NAME:
      return getName(t, arg);
    case PR_SET_CHILD_SUBREAPER:
      t.group.childSubreaper = arg !== 0;
      return 0;
    case PR_GET_CHILD_SUBREAPER:
      return t.mm.store32(arg, t.group.childSubreaper ? 1 : 0);
    case PR_SET_NO_NEW_PRIVS:
      return setNoNewPrivs(t, a);
    case PR_GET_NO_NEW_PRIVS:
      if (!unused(a, 1)) return -EINVAL;
      return t.cred.noNewPrivs ? 1 : 0;
    case PR_GET_TID_ADDRESS:
      return t.mm.store64(arg, t.clearChildTid);
    case PR_SET_MDWE:
      return setMdwe(t, a);
    case PR_GET_MDWE:
      return unused(a, 1) ? t.mm.settings.mdwe : -EINVAL;
    case PR_SET_MEMORY_MERGE:
      if (!unused(a, 2)) return -EINVAL;
      t.mm.settings.mergeAny = arg !== 0;
      return 0;
    case PR_GET_MEMORY_MERGE:
      if (!unused(a, 1)) return -EINVAL;
      return t.mm.settings.mergeAny ? 1 : 0;
    case PR_SET_VMA:
      return setVma(t, a);
    case PR_SET_MM:
      return setMm(t, a);
    case PR_GET_AUXV:
      return getAuxv(t, a);
    default:
      return capabilityOption(t, a, option, arg);
  }
}

function capabilityOption(t: Task, a: SyscallArgs, option: number, arg: number): number {
  switch (option) {
    case PR_GET_KEEPCAPS:
      return getKeepCaps(t);
    case PR_SET_KEEPCAPS:
      return setKeepCaps(t, arg);
    case PR_CAPBSET_READ:
      return readBounding(t, arg);
    case PR_CAPBSET_DROP:
      return dropBounding(t, arg);
    case PR_GET_SECUREBITS:
      return t.cred.securebits;
    case PR_SET_SECUREBITS:
      return setSecurebits(t, arg);
    case PR_CAP_AMBIENT:
      return ambient(t, arg, a.u64(2), a.u64(3), a.u64(4));
    default:
      return machineOption(t, a, option, arg);
  }
}

function machineOption(t: Task, a: SyscallArgs, option: number, arg: number): number {
  switch (option) {
    case PR_GET_TIMING:
      return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
      return arg === PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_GET_SECCOMP:
      return t.seccompMode;
    case PR_SET_SECCOMP:
      if (arg === SECCOMP_MODE_STRICT) return setStrict(t);
      return arg === SECCOMP_MODE_FILTER ? setFilter(t, 0, a.u64(2)) : -EINVAL;
    case PR_GET_TSC:
      return t.mm.store32(arg, PR_TSC_ENABLE);
    case PR_SET_TSC:
      // Making rdtsc fault for one thread is not offered.
      return arg === PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_SET_SYSCALL_USER_DISPATCH:
      return configureUserDispatch(t, arg, a.u64(2), a.u64(3), a.u64(4));
    case PR_GET_SPECULATION_CTRL:
      return unused(a, 2) ? speculation(arg) : -EINVAL;
    case PR_SET_SPECULATION_CTRL:
      if (!unused(a, 3)) return -EINVAL;
      return speculation(arg) < 0 ? -ENODEV : -ENXIO;
    case PR_SET_TIMERSLACK:
      return setTimerSlack(t, a);
    case PR_GET_TIMERSLACK:
      return t.attributes.effectiveTimerSlack;
    case PR_SET_THP_DISABLE:
      if (!unused(a, 2)) return -EINVAL;
      t.attributes.thpDisable = arg !== 0;
      return 0;
    case PR_GET_THP_DISABLE:
      if (!unused(a, 1)) return -EINVAL;
      return t.attributes.thpDisable ? 1 : 0;
    case PR_MCE_KILL:
      return setMceKill(t, a);
    case PR_TASK_PERF_EVENTS_ENABLE:
    case PR_TASK_PERF_EVENTS_DISABLE:
      // There are no counters to switch.
      return 0;
    case PR_SET_IO_FLUSHER:
      return setIoFlusher(t, a, arg);
    case PR_GET_IO_FLUSHER:
      if (!t.cred.capable(CAP_SYS_RESOURCE)) return -EPERM;
      if (!unused(a, 1)) return -EINVAL;
      return t.attributes.ioFlusher ? 1 : 0;
    case PR_MCE_KILL_GET:
      return unused(a, 1) ? t.attributes.mceKill : -EINVAL;
    default:
      t.kernel.reporter.unimplemented(t, 'prctl', `option ${option}`);
      return -EINVAL;
  }
}

export const rows = [
  row(SYS_prctl, 'prctl', sysPrctl, ['int', 'ulong', 'ulong', 'ulong', 'ulong'], {
    support: 'partial',
    note: 'PR_SET_MM only for single fields, no PR_SET_TSC faults, no PR_SCHED_CORE; speculation cannot be controlled (ENXIO)',
  }),
];
