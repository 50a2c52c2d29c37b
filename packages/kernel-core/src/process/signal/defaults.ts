import {
  SIGABRT,
  SIGBUS,
  SIGCHLD,
  SIGCONT,
  SIGFPE,
  SIGILL,
  SIGQUIT,
  SIGSEGV,
  SIGSTOP,
  SIGSYS,
  SIGTRAP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGWINCH,
  SIGXCPU,
  SIGXFSZ,
} from '@sandbox/abi';
import { SIG_DFL, SIG_IGN, type SigAction } from './signal-state.js';
import { SigSet } from './sigset.js';

/** Default action: nothing (signal(7)). SIGCONT's other effect happens when it is sent. */
export const KERNEL_IGNORE = SigSet.of(SIGCONT, SIGCHLD, SIGWINCH, SIGURG);
/** Default action: stop the process. */
export const KERNEL_STOP = SigSet.of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
/** Default action: end with a core dump. */
export const KERNEL_COREDUMP = SigSet.of(
  SIGQUIT,
  SIGILL,
  SIGTRAP,
  SIGABRT,
  SIGFPE,
  SIGSEGV,
  SIGBUS,
  SIGSYS,
  SIGXCPU,
  SIGXFSZ,
);
/** Raised by the instruction at hand: taken before all others. */
export const SYNCHRONOUS = SigSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS);

/** With this action, does the signal have no effect at all? */
export function isIgnored(action: SigAction, sig: number): boolean {
  return action.handler === SIG_IGN || (action.handler === SIG_DFL && KERNEL_IGNORE.has(sig));
}

/** With this action, does the signal end the process? */
export function isFatal(action: SigAction, sig: number): boolean {
  return action.handler === SIG_DFL && !KERNEL_IGNORE.has(sig) && !KERNEL_STOP.has(sig);
}
