import {
  EAGAIN,
  EFAULT,
  EINTR,
  EINVAL,
  ERESTARTNOHAND,
  SIGINFO,
  SIGSET_SIZE,
  SYS_pause,
  SYS_rt_sigsuspend,
  SYS_rt_sigtimedwait,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import type { SigInfo } from '../../process/signal/siginfo.js';
import { writeSiginfo } from '../../process/signal/siginfo-layout.js';
import { SigSet } from '../../process/signal/sigset.js';
import type { Task } from '../../process/task/task.js';
import { isValid, loadTimespec, Timespec } from '../../process/time/timespec.js';

const wanted = new SigSet();
const ts = new Timespec();

function readSet(t: Task, addr: number, into: SigSet): number {
  const { scratch, scratchView } = t.kernel;
  if (t.mm.copyIn(addr, scratch, 0, SIGSET_SIZE) < 0) return -EFAULT;
  into.set(scratchView.getUint32(0, true), scratchView.getUint32(4, true));
  return 0;
}

/** pause(2): EINTR, after a handler. */
function sysPause(t: Task, _a: SyscallArgs): number {
  return t.sleep(null, 0, -ERESTARTNOHAND);
}

/** rt_sigsuspend(2): EINTR after a handler, which still runs with the given mask; EINVAL, EFAULT. */
function sysRtSigsuspend(t: Task, a: SyscallArgs): number {
  if (t.wait.round === 0) {
    if (a.u64(1) !== SIGSET_SIZE) return -EINVAL;
    const r = readSet(t, a.u64(0), wanted);
    if (r < 0) return r;
    t.kernel.signals.setTemporaryMask(t, wanted.lo, wanted.hi);
  }
  return t.sleep(null, 0, -ERESTARTNOHAND);
}

function reportInfo(t: Task, addr: number, info: SigInfo): number {
  if (addr === 0) return info.signo;
  const { scratch, scratchView } = t.kernel;
  writeSiginfo(scratchView, 0, info);
  const r = t.mm.copyOut(addr, scratch, 0, SIGINFO.SIZE);
  return r < 0 ? r : info.signo;
}

/** rt_sigtimedwait(2): EAGAIN (time is up), EINTR (another signal's handler), EINVAL, EFAULT. */
function sysRtSigtimedwait(t: Task, a: SyscallArgs): number {
  const timeout = a.u64(2);
  const { waiting } = t.signals;
  if (t.wait.round === 0) {
    if (a.u64(3) !== SIGSET_SIZE) return -EINVAL;
    let r = readSet(t, a.u64(0), wanted);
    if (r === 0 && timeout !== 0) r = loadTimespec(t.mm, timeout, ts);
    if (r < 0) return r;
    if (timeout !== 0 && !isValid(ts)) return -EINVAL;
    t.setTimeout(timeout === 0 ? Number.POSITIVE_INFINITY : ts.ns);
  } else {
    wanted.copyFrom(waiting);
    waiting.clear();
  }
  const { signals } = t.kernel;
  const info = signals.dequeue(t, wanted);
  signals.recompute(t);
  if (info) return reportInfo(t, a.u64(1), info);
  if (t.wait.timedOut || (t.wait.round === 0 && timeout !== 0 && ts.isZero)) return -EAGAIN;
  if (t.interrupted) return -EINTR;
  // From here until the next run these signals wake the thread although it blocks them.
  waiting.copyFrom(wanted);
  return BLOCKED;
}

export const rows = [
  row(SYS_pause, 'pause', sysPause, []),
  row(SYS_rt_sigsuspend, 'rt_sigsuspend', sysRtSigsuspend, ['sigset', 'size']),
  row(SYS_rt_sigtimedwait, 'rt_sigtimedwait', sysRtSigtimedwait, ['sigset', 'ptr', 'timespec', 'size']),
];
