/** From host signals of a stub to processor exceptions of a guest. */
import { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP } from './layout.js';

/** Not the guest's doing: somebody on the host sent it. */
export const IGNORE = 0;
export const FAULT = 1;
export const EXCEPTION = 2;
/** A call through the vsyscall page, stopped by the host filter. */
export const VSYSCALL = 3;

const SI_KERNEL = 0x80;
const SYS_SECCOMP = 1;
const FPE_INTDIV = 1;
const FPE_INTOVF = 2;
const BUS_ADRALN = 1;

/** Vectors of the Intel SDM vol. 3, table 6-1. */
const DIVIDE_ERROR = 0;
export const DEBUG = 1;
const BREAKPOINT = 3;
export const INVALID_OPCODE = 6;
const STACK_FAULT = 12;
const GENERAL_PROTECTION = 13;
export const X87_ERROR = 16;
const ALIGNMENT_CHECK = 17;
export const SIMD_ERROR = 19;

export interface Decoded {
  kind: 0 | 1 | 2 | 3;
  vector: number;
  address: number;
  access: number;
}

const result: Decoded = { kind: IGNORE, vector: 0, address: 0, access: 0 };

/** Decode a signal-delivery stop. The result object is reused. */
export function decodeSignal(signal: number, siginfo: DataView): Decoded {
  const code = siginfo.getInt32(8, true);
  result.kind = IGNORE;
  result.vector = 0;
  result.access = 0;
  result.address = siginfo.getUint32(16, true) + siginfo.getUint32(20, true) * 4294967296;
  if (code <= 0 && !(signal === SIGSEGV && code === 0)) return result;
  switch (signal) {
    case SIGSEGV:
      if (code === SI_KERNEL) exception(GENERAL_PROTECTION);
      else if (code > 0) result.kind = FAULT;
      break;
    case SIGBUS:
      if (code === BUS_ADRALN) exception(ALIGNMENT_CHECK);
      else if (code === SI_KERNEL) exception(STACK_FAULT);
      else result.kind = FAULT;
      break;
    case SIGFPE:
      // The host does not say which unit; integer codes come from #DE, for the rest the tracer looks at the
      // FPU state.
      exception(code === FPE_INTDIV || code === FPE_INTOVF ? DIVIDE_ERROR : SIMD_ERROR);
      break;
    case SIGILL:
      exception(INVALID_OPCODE);
      break;
    case SIGTRAP:
      // int3 comes as SI_KERNEL; TRAP_BRKPT is int1, a debug exception like a single step.
      exception(code === SI_KERNEL ? BREAKPOINT : DEBUG);
      break;
    case SIGSYS:
      if (code === SYS_SECCOMP) result.kind = VSYSCALL;
      break;
  }
  return result;
}

function exception(vector: number): void {
  result.kind = EXCEPTION;
  result.vector = vector;
}
