import {
  BUS_MCEERR_AO,
  CLD_CONTINUED,
  FPE_CONDTRAP,
  ILL_BADIADDR,
  SEGV_CPERR,
  SI_ASYNCNL,
  SI_DETHREAD,
  SI_KERNEL,
  SI_MAX_SIZE,
  SI_SIGIO,
  SI_TIMER,
  SI_TKILL,
  SI_USER,
  SIGBUS,
  SIGCHLD,
  SIGFPE,
  SIGILL,
  SIGINFO,
  SIGIO,
  SIGSEGV,
  SIGSYS,
  SIGTRAP,
  SYS_USER_DISPATCH,
  TRAP_PERF,
} from '@sandbox/abi';
import { type SigInfo, siginfo } from './siginfo.js';

/** Which member of the union of siginfo_t counts (Linux: enum siginfo_layout). */
export const SIL_KILL = 0;
export const SIL_TIMER = 1;
export const SIL_POLL = 2;
export const SIL_FAULT = 3;
export const SIL_CHLD = 4;
export const SIL_RT = 5;
export const SIL_SYS = 6;

/** AUDIT_ARCH_X86_64. */
const ARCH_X86_64 = 0xc000003e;
/** Codes above this have no layout of their own for signals without specific codes. */
const NSIGPOLL = 6;
/** Bytes of siginfo_t the kernel looks at; the rest is kept zero (Linux: sizeof struct kernel_siginfo). */
export const KERNEL_SIGINFO_SIZE = 48;

/** Signals whose positive codes mean something special: layout and highest code. */
const SPECIFIC: ReadonlyMap<number, { readonly layout: number; readonly limit: number }> = new Map([
  [SIGILL, { layout: SIL_FAULT, limit: ILL_BADIADDR + 2 }],
  [SIGFPE, { layout: SIL_FAULT, limit: FPE_CONDTRAP }],
  [SIGSEGV, { layout: SIL_FAULT, limit: SEGV_CPERR }],
  [SIGBUS, { layout: SIL_FAULT, limit: BUS_MCEERR_AO }],
  [SIGTRAP, { layout: SIL_FAULT, limit: TRAP_PERF }],
  [SIGCHLD, { layout: SIL_CHLD, limit: CLD_CONTINUED }],
  [SIGIO, { layout: SIL_POLL, limit: NSIGPOLL }],
  [SIGSYS, { layout: SIL_SYS, limit: SYS_USER_DISPATCH }],
]);

/** As siginfo_layout() of the kernel: by signal for codes of the kernel, by code for those of programs. */
export function layoutOf(signo: number, code: number): number {
  if (code > SI_USER && code < SI_KERNEL) {
    const specific = SPECIFIC.get(signo);
    if (specific && code <= specific.limit) return specific.layout;
    return code <= NSIGPOLL ? SIL_POLL : SIL_KILL;
  }
  if (code === SI_TIMER) return SIL_TIMER;
  if (code === SI_SIGIO) return SIL_POLL;
  return code < SI_USER ? SIL_RT : SIL_KILL;
}

/**
 * Has this pair a layout the kernel knows? Of others it takes the expansion bytes only when they are zero.
 */
export function isKnownLayout(signo: number, code: number): boolean {
  if (code === SI_KERNEL) return true;
  if (code > SI_USER) {
    const specific = SPECIFIC.get(signo);
    return code <= (specific ? Math.max(specific.limit, NSIGPOLL) : NSIGPOLL);
  }
  return code >= SI_DETHREAD || code === SI_ASYNCNL;
}

function setLong(view: DataView, offset: number, value: number): void {
  const lo = value >>> 0;
  view.setUint32(offset, lo, true);
  view.setUint32(offset + 4, Math.floor((value - lo) / 4294967296) >>> 0, true);
}

function setValue(view: DataView, offset: number, info: SigInfo): void {
  view.setUint32(offset, info.valueLo, true);
  view.setUint32(offset + 4, info.valueHi, true);
}

/** Lay out `info` as siginfo_t (128 bytes) at `offset`. */
export function writeSiginfo(view: DataView, offset: number, info: SigInfo): void {
  for (let i = 0; i < SI_MAX_SIZE; i += 4) view.setUint32(offset + i, 0, true);
  view.setInt32(offset + SIGINFO.si_signo, info.signo, true);
  view.setInt32(offset + SIGINFO.si_errno, info.errno, true);
  view.setInt32(offset + SIGINFO.si_code, info.code, true);
  if (info.raw) {
    for (let i = 0; i < info.raw.length; i++) view.setUint8(offset + SIGINFO.si_pid + i, info.raw[i]);
    return;
  }
  switch (info.child ? SIL_CHLD : layoutOf(info.signo, info.code)) {
    case SIL_FAULT:
      setLong(view, offset + SIGINFO.si_addr, info.addr);
      if (info.addrLsb !== 0) view.setInt16(offset + SIGINFO.si_addr_lsb, info.addrLsb, true);
      return;
    case SIL_CHLD:
      view.setInt32(offset + SIGINFO.si_pid, info.pid, true);
      view.setUint32(offset + SIGINFO.si_uid, info.uid, true);
      view.setInt32(offset + SIGINFO.si_status, info.status, true);
      setLong(view, offset + SIGINFO.si_utime, info.utime);
      setLong(view, offset + SIGINFO.si_stime, info.stime);
      return;
    case SIL_POLL:
      setLong(view, offset + SIGINFO.si_band, info.band);
      view.setInt32(offset + SIGINFO.si_fd, info.fd, true);
      return;
    case SIL_TIMER:
      view.setInt32(offset + SIGINFO.si_tid, info.timerId, true);
      view.setInt32(offset + SIGINFO.si_overrun, info.overrun, true);
      setValue(view, offset + SIGINFO.si_value, info);
      return;
    case SIL_SYS:
      setLong(view, offset + SIGINFO.si_call_addr, info.addr);
      view.setInt32(offset + SIGINFO.si_syscall, info.syscall, true);
      view.setUint32(offset + SIGINFO.si_arch, ARCH_X86_64, true);
      return;
    default:
      view.setInt32(offset + SIGINFO.si_pid, info.pid, true);
      view.setUint32(offset + SIGINFO.si_uid, info.uid, true);
      setValue(view, offset + SIGINFO.si_value, info);
  }
}

/**
 * A siginfo a program made (rt_sigqueueinfo(2), pidfd_send_signal(2)). Its first three words are read, the
 * rest is passed on as it is. `code` is checked by the caller against what programs may claim.
 */
export function readSiginfo(view: DataView, offset: number): SigInfo {
  const info = siginfo(
    view.getInt32(offset + SIGINFO.si_signo, true),
    view.getInt32(offset + SIGINFO.si_code, true),
  );
  info.errno = view.getInt32(offset + SIGINFO.si_errno, true);
  info.pid = view.getInt32(offset + SIGINFO.si_pid, true);
  info.uid = view.getUint32(offset + SIGINFO.si_uid, true);
  info.valueLo = view.getUint32(offset + SIGINFO.si_value, true);
  info.valueHi = view.getUint32(offset + SIGINFO.si_value + 4, true);
  info.raw = new Uint8Array(KERNEL_SIGINFO_SIZE - SIGINFO.si_pid);
  for (let i = 0; i < info.raw.length; i++) info.raw[i] = view.getUint8(offset + SIGINFO.si_pid + i);
  return info;
}

/** True for codes only the kernel (or tkill) may give: a program may claim those only towards itself. */
export function isKernelCode(code: number): boolean {
  return code >= 0 || code === SI_TKILL;
}
