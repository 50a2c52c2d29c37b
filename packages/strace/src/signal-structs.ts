/** Signals: sets, actions, siginfo, wait status. */
import {
  SI_QUEUE,
  SI_TIMER,
  SI_USER,
  SIGACTION_KERNEL,
  SIGBUS,
  SIGCHLD,
  SIGFPE,
  SIGILL,
  SIGINFO,
  SIGIO,
  SIGNAL_NAMES,
  SIGSEGV,
  SIGSYS,
  SIGTRAP,
  STACK_T,
} from '@sandbox/abi';
import type { SigInfo } from '@sandbox/kernel-core/process';
import { at, ptr64, u64 } from './call.js';
import { bits, except, list, type Names, named, oneOf } from './names.js';

const FIRST_RT = 32;

/** 'SIGTERM', 'SIGRT_3'; a number when there is no such signal. */
export function signalName(signo: number): string {
  const name = SIGNAL_NAMES[signo];
  if (name !== undefined) return name;
  if (signo === FIRST_RT) return 'SIGRTMIN';
  return signo > FIRST_RT && signo <= 64 ? `SIGRT_${signo - FIRST_RT}` : String(signo);
}

/** A set by what is in it, or by what is not when that is less. */
export function sigsetText(lo: number, hi: number): string {
  const has = (signo: number): boolean =>
    ((signo <= 32 ? lo >>> (signo - 1) : hi >>> (signo - 33)) & 1) !== 0;
  const inside: string[] = [];
  const outside: string[] = [];
  for (let signo = 1; signo <= 64; signo++) {
    (has(signo) ? inside : outside).push(signalName(signo).replace(/^SIG/, ''));
  }
  return inside.length >= outside.length ? `~[${outside.join(' ')}]` : `[${inside.join(' ')}]`;
}

export const sigset = at(8, (v) => sigsetText(v.getUint32(0, true), v.getUint32(4, true)));

const SA_FLAGS = named('SA_', except('SA_NOMASK', 'SA_ONESHOT', 'SA_UNSUPPORTED'));
const SA_RESTORER = 0x04000000;

export const sigaction = at(SIGACTION_KERNEL.SIZE, (v) => {
  const address = ptr64(v, SIGACTION_KERNEL.sa_handler);
  const handler = address === 'NULL' ? 'SIG_DFL' : address === '0x1' ? 'SIG_IGN' : address;
  const flags = v.getUint32(SIGACTION_KERNEL.sa_flags, true);
  const mask = sigsetText(
    v.getUint32(SIGACTION_KERNEL.sa_mask, true),
    v.getUint32(SIGACTION_KERNEL.sa_mask + 4, true),
  );
  const restorer =
    (flags & SA_RESTORER) === 0 ? '' : `, sa_restorer=${ptr64(v, SIGACTION_KERNEL.sa_restorer)}`;
  return `{sa_handler=${handler}, sa_mask=${mask}, sa_flags=${bits(SA_FLAGS, flags)}${restorer}}`;
});

const SS_FLAGS = named('SS_', except('SS_FLAG_BITS'));

export const stackT = at(STACK_T.SIZE, (v) => {
  const flags = bits(SS_FLAGS, v.getUint32(STACK_T.ss_flags, true));
  return `{ss_sp=${ptr64(v, STACK_T.ss_sp)}, ss_flags=${flags}, ss_size=${u64(v, STACK_T.ss_size)}}`;
});

// siginfo ---------------------------------------------------------------------------------------------------

const GENERAL = named('SI_', except('SI_MAX_SIZE', 'SI_LOAD_SHIFT'));
const CODES: Readonly<Record<number, Names>> = {
  [SIGILL]: named('ILL_'),
  [SIGFPE]: named('FPE_'),
  [SIGSEGV]: named('SEGV_'),
  [SIGBUS]: named('BUS_'),
  [SIGTRAP]: named('TRAP_'),
  [SIGCHLD]: named('CLD_'),
  [SIGIO]: named('POLL_'),
  [SIGSYS]: list({ SYS_SECCOMP: 1, SYS_USER_DISPATCH: 2 }),
};
const CLD_EXITED = 1;
const FAULTS = new Set([SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP]);

function codeName(signo: number, code: number): string {
  const own = CODES[signo];
  if (code > 0 && code < 0x80 && own) return oneOf(own, code);
  return oneOf(GENERAL, code);
}

/** Clock ticks, with seconds when there are any. */
function ticks(value: number): string {
  return value === 0 ? '0' : `${value} /* ${value / 100} s */`;
}

/** The fields of a siginfo that mean something for its signal and code. */
export function siginfoText(info: SigInfo): string {
  const { signo, code } = info;
  const parts = [`si_signo=${signalName(signo)}`, `si_code=${codeName(signo, code)}`];
  if (info.errno !== 0) parts.push(`si_errno=${info.errno}`);
  if ((signo === SIGCHLD || info.child) && code > 0) {
    const status = code === CLD_EXITED ? String(info.status) : signalName(info.status);
    parts.push(`si_pid=${info.pid}`, `si_uid=${info.uid}`, `si_status=${status}`);
    parts.push(`si_utime=${ticks(info.utime)}`, `si_stime=${ticks(info.stime)}`);
  } else if (FAULTS.has(signo) && code > 0 && code < 0x80) {
    parts.push(`si_addr=${info.addr === 0 ? 'NULL' : `0x${info.addr.toString(16)}`}`);
  } else if (signo === SIGIO && code > 0) {
    parts.push(`si_band=${info.band}`, `si_fd=${info.fd}`);
  } else if (signo === SIGSYS && code > 0) {
    parts.push(
      `si_call_addr=0x${info.addr.toString(16)}`,
      `si_syscall=${info.syscall}`,
      'si_arch=AUDIT_ARCH_X86_64',
    );
  } else if (code === SI_TIMER) {
    parts.push(`si_timerid=${info.timerId}`, `si_overrun=${info.overrun}`, ...value(info));
  } else if (code <= SI_USER) {
    parts.push(`si_pid=${info.pid}`, `si_uid=${info.uid}`);
    if (code === SI_QUEUE) parts.push(...value(info));
  }
  return `{${parts.join(', ')}}`;
}

function value(info: SigInfo): string[] {
  const whole = info.valueLo + info.valueHi * 2 ** 32;
  return [`si_int=${info.valueLo | 0}`, `si_ptr=${whole === 0 ? 'NULL' : `0x${whole.toString(16)}`}`];
}

/** A siginfo in guest memory, as the kernel laid it out for waitid and sigtimedwait. */
export const siginfo = at(SIGINFO.SIZE, (v) => {
  const signo = v.getInt32(SIGINFO.si_signo, true);
  const code = v.getInt32(SIGINFO.si_code, true);
  if (signo === 0) return '{}';
  const i32 = (offset: number): number => v.getInt32(offset, true);
  const wide = (offset: number): number =>
    v.getUint32(offset, true) + v.getUint32(offset + 4, true) * 2 ** 32;
  const timer = code === SI_TIMER;
  const chld = signo === SIGCHLD && code > 0;
  return siginfoText({
    signo,
    code,
    errno: i32(SIGINFO.si_errno),
    pid: i32(SIGINFO.si_pid),
    uid: v.getUint32(SIGINFO.si_uid, true),
    status: chld ? i32(SIGINFO.si_status) : 0,
    utime: chld ? wide(SIGINFO.si_utime) : 0,
    stime: chld ? wide(SIGINFO.si_stime) : 0,
    valueLo: v.getUint32(SIGINFO.si_value, true),
    valueHi: v.getUint32(SIGINFO.si_value + 4, true),
    addr: wide(SIGINFO.si_addr),
    addrLsb: 0,
    band: i32(SIGINFO.si_band),
    fd: i32(SIGINFO.si_fd),
    timerId: timer ? i32(SIGINFO.si_tid) : 0,
    overrun: timer ? i32(SIGINFO.si_overrun) : 0,
    syscall: i32(SIGINFO.si_syscall),
    trapno: 0,
    errorCode: 0,
    queued: false,
    account: -1,
    source: null,
    child: false,
    raw: null,
  });
});

/** A wait status word by the macros of wait(2). */
export function statusText(status: number): string {
  if (status === 0xffff) return '{WIFCONTINUED(s)}';
  if ((status & 0xff) === 0x7f)
    return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName((status >> 8) & 0xff)}}`;
  const signal = status & 0x7f;
  if (signal === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}`;
  const core = (status & 0x80) !== 0 ? ' && WCOREDUMP(s)' : '';
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(signal)}${core}}`;
}

export const waitStatus = at(4, (v) => `[${statusText(v.getInt32(0, true))}]`);
