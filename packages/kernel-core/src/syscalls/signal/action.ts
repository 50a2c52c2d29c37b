import {
  EFAULT,
  EINVAL,
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SA_RESTORER,
  SA_SIGINFO,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SIGACTION_KERNEL,
  SIGSET_SIZE,
  STACK_T,
  SYS_rt_sigaction,
  SYS_rt_sigpending,
  SYS_rt_sigprocmask,
  SYS_rt_sigreturn,
  SYS_sigaltstack,
  USER_REGS,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { altStackFlags, setAltStack } from '../../process/signal/altstack.js';
import { regNumber } from '../../process/signal/frame.js';
import { isUnblockable, type SigAction } from '../../process/signal/signal-state.js';
import { sigreturn } from '../../process/signal/sigreturn.js';
import { isValidSignal, UNBLOCKABLE_LO } from '../../process/signal/sigset.js';
import type { Task } from '../../process/task/task.js';

/** Kept like the others, without a meaning on x86. */
const SA_EXPOSE_TAGBITS = 0x800;
/**
 * Flags that are kept; others are dropped, so that programs can probe for new ones (SA_UNSUPPORTED,
 * sigaction(2)).
 */
const KNOWN_FLAGS =
  (SA_NOCLDSTOP |
    SA_NOCLDWAIT |
    SA_SIGINFO |
    SA_ONSTACK |
    SA_RESTART |
    SA_NODEFER |
    SA_RESETHAND |
    SA_EXPOSE_TAGBITS |
    SA_RESTORER) >>>
  0;

function getU64(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 4294967296;
}

function setU64(view: DataView, offset: number, value: number): void {
  // SIG_ERR is all ones, which is not exact as a number.
  const max = value >= 2 ** 64;
  view.setUint32(offset, max ? 0xffffffff : value >>> 0, true);
  view.setUint32(offset + 4, max ? 0xffffffff : Math.floor(value / 4294967296), true);
}

function writeAction(view: DataView, at: number, action: SigAction): void {
  setU64(view, at + SIGACTION_KERNEL.sa_handler, action.handler);
  setU64(view, at + SIGACTION_KERNEL.sa_flags, action.flags);
  setU64(view, at + SIGACTION_KERNEL.sa_restorer, action.restorer);
  view.setUint32(at + SIGACTION_KERNEL.sa_mask, action.mask.lo, true);
  view.setUint32(at + SIGACTION_KERNEL.sa_mask + 4, action.mask.hi, true);
}

function readAction(view: DataView, at: number, action: SigAction): void {
  action.handler = getU64(view, at + SIGACTION_KERNEL.sa_handler);
  action.flags = (view.getUint32(at + SIGACTION_KERNEL.sa_flags, true) & KNOWN_FLAGS) >>> 0;
  action.restorer = getU64(view, at + SIGACTION_KERNEL.sa_restorer);
  action.mask.set(
    view.getUint32(at + SIGACTION_KERNEL.sa_mask, true) & ~UNBLOCKABLE_LO,
    view.getUint32(at + SIGACTION_KERNEL.sa_mask + 4, true),
  );
}

/** rt_sigaction(2): EINVAL (signal, or size of sigset_t), EFAULT. */
function sysRtSigaction(t: Task, a: SyscallArgs): number {
  const sig = a.i32(0);
  const act = a.u64(1);
  const old = a.u64(2);
  if (a.u64(3) !== SIGSET_SIZE) return -EINVAL;
  const { scratch, scratchView, signals } = t.kernel;
  const size = SIGACTION_KERNEL.SIZE;
  if (act !== 0 && t.mm.copyIn(act, scratch, 0, size) < 0) return -EFAULT;
  if (!isValidSignal(sig) || (act !== 0 && isUnblockable(sig))) return -EINVAL;
  const action = t.group.signals.handlers.actions[sig];
  writeAction(scratchView, size, action);
  if (act !== 0) {
    readAction(scratchView, 0, action);
    signals.actionChanged(t.group, sig);
  }
  return old === 0 ? 0 : t.mm.copyOut(old, scratch, size, size);
}

/** rt_sigprocmask(2): EINVAL, EFAULT. */
function sysRtSigprocmask(t: Task, a: SyscallArgs): number {
  const how = a.i32(0);
  const set = a.u64(1);
  const old = a.u64(2);
  if (a.u64(3) !== SIGSET_SIZE) return -EINVAL;
  const { scratch, scratchView, signals } = t.kernel;
  const { blocked } = t.signals;
  const oldLo = blocked.lo;
  const oldHi = blocked.hi;
  if (set !== 0) {
    if (t.mm.copyIn(set, scratch, 0, SIGSET_SIZE) < 0) return -EFAULT;
    const lo = scratchView.getUint32(0, true);
    const hi = scratchView.getUint32(4, true);
    if (how === SIG_BLOCK) signals.setBlocked(t, oldLo | lo, oldHi | hi);
    else if (how === SIG_UNBLOCK) signals.setBlocked(t, oldLo & ~lo, oldHi & ~hi);
    else if (how === SIG_SETMASK) signals.setBlocked(t, lo, hi);
    else return -EINVAL;
  }
  return old === 0 ? 0 : writeSet(t, old, SIGSET_SIZE, oldLo, oldHi);
}

function writeSet(t: Task, addr: number, size: number, lo: number, hi: number): number {
  const { scratch, scratchView } = t.kernel;
  scratchView.setUint32(0, lo, true);
  scratchView.setUint32(4, hi, true);
  return t.mm.copyOut(addr, scratch, 0, size);
}

/** rt_sigpending(2): EINVAL, EFAULT. A smaller set is allowed. */
function sysRtSigpending(t: Task, a: SyscallArgs): number {
  const size = a.u64(1);
  if (size > SIGSET_SIZE) return -EINVAL;
  const { blocked, pending } = t.signals;
  const shared = t.group.signals.pending;
  const lo = (pending.set.lo | shared.set.lo) & blocked.lo;
  const hi = (pending.set.hi | shared.set.hi) & blocked.hi;
  return writeSet(t, a.u64(0), size, lo, hi);
}

/** sigaltstack(2): EFAULT, EINVAL (flags), ENOMEM (too small), EPERM (running on it). */
function sysSigaltstack(t: Task, a: SyscallArgs): number {
  const set = a.u64(0);
  const old = a.u64(1);
  const { scratch, scratchView } = t.kernel;
  const size = STACK_T.SIZE;
  if (set !== 0 && t.mm.copyIn(set, scratch, 0, size) < 0) return -EFAULT;
  const state = t.signals;
  const sp = regNumber(t.context.regs(), USER_REGS.rsp * 2);
  scratch.fill(0, size, 2 * size);
  setU64(scratchView, size + STACK_T.ss_sp, state.altSp);
  // SS_AUTODISARM is kept beside the state.
  const autodisarm = state.altFlags & 0x80000000;
  scratchView.setUint32(size + STACK_T.ss_flags, altStackFlags(state, sp) | autodisarm, true);
  setU64(scratchView, size + STACK_T.ss_size, state.altSize);
  if (set !== 0) {
    const r = setAltStack(
      state,
      getU64(scratchView, STACK_T.ss_sp),
      scratchView.getUint32(STACK_T.ss_flags, true),
      getU64(scratchView, STACK_T.ss_size),
      sp,
    );
    if (r < 0) return r;
  }
  return old === 0 ? 0 : t.mm.copyOut(old, scratch, size, size);
}

/** rt_sigreturn(2): never returns a result; a bad frame is SIGSEGV. */
function sysRtSigreturn(t: Task, _a: SyscallArgs): number {
  return sigreturn(t);
}

export const rows = [
  row(SYS_rt_sigaction, 'rt_sigaction', sysRtSigaction, ['signal', 'sigaction', 'ptr', 'size']),
  row(SYS_rt_sigprocmask, 'rt_sigprocmask', sysRtSigprocmask, ['int', 'sigset', 'ptr', 'size']),
  row(SYS_rt_sigpending, 'rt_sigpending', sysRtSigpending, ['ptr', 'size']),
  row(SYS_sigaltstack, 'sigaltstack', sysSigaltstack, ['ptr', 'ptr']),
  row(SYS_rt_sigreturn, 'rt_sigreturn', sysRtSigreturn, []),
];
