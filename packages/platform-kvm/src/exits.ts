import {
  ACCESS_EXEC,
  ACCESS_READ,
  ACCESS_WRITE,
  EVENT_EXCEPTION,
  EVENT_FAULT,
  EVENT_FOREIGN_SYSCALL,
  EVENT_SYSCALL,
  STOP_CALL,
  STOP_OUTSIDE,
} from '@sandbox/platform';
import {
  KVM_EXIT_INTR,
  KVM_EXIT_IO,
  KVM_EXIT_IO_OUT,
  KVM_REGS,
  RUN_EXIT_REASON,
  RUN_IO_COUNT,
  RUN_IO_DIRECTION,
  RUN_IO_PORT,
  RUN_IO_SIZE,
} from './abi.js';
import { FRAME as CALL_FRAME, type CallPage, KEPT_RDX } from './call-page.js';
import { callStubAt } from './call-stub.js';
import type { KvmContext } from './context.host.js';
import { FAST_HIGH, PARKED_LOW, THUNKS_LOW } from './fast-code.js';
import {
  CALL_STUB_BYTES,
  CALL_STUBS_AT,
  CPU_PAGES_AT,
  EXCEPTION_STUBS_AT,
  FRAME_AT,
  INT80_VECTOR,
  KERNEL_HIGH,
  KERNEL_LOW,
  PORT_COMPAT_SYSCALL,
  PORT_DIVIDE_ERROR,
  PORT_SYSCALL,
  VECTOR_DEBUG,
  VECTOR_DIVIDE_ERROR,
  VECTOR_GENERAL_PROTECTION,
  VECTOR_INVALID_OPCODE,
  VECTOR_PAGE_FAULT,
} from './layout.js';
import { stubs } from './stubs.js';
import { AT_EXCEPTION, AT_SYSCALL, AT_USER, type Vcpu } from './vcpu.host.js';

/** The context has an event, in its fields. */
export const EXIT_EVENT = 0;
/** A signal ended the run; the context is between two instructions of the guest's. */
export const EXIT_INTERRUPTED = 1;
/** Nothing for the kernel: let it go on as it is. */
export const EXIT_AGAIN = 2;
/** The virtual CPU is of no use any more: `exitProblem`. */
export const EXIT_FAILED = 3;
export type Exit = 0 | 1 | 2 | 3;

const EINTR = 4;
const EAGAIN = 11;
const R = KVM_REGS;
const ARGUMENTS = [R.rdi, R.rsi, R.rdx, R.r10, R.r8, R.r9];
const FRAME = FRAME_AT / 4;
/** Where the stub of `syscall` keeps the guest's stack pointer. */
const FRAME_RSP = CALL_FRAME + 24;
const SYSCALL_LENGTH = 2;
// Page fault error code.
const PF_WRITE = 2;
const PF_FETCH = 16;
/** Faults in a row that the tables do not explain before the kernel is told all the same. */
const MAX_SPURIOUS = 8;
/** #NMI, #DF, #MC: nothing a guest can cause. */
const NEVER = new Set([2, 8, 18]);

// Words of struct user_regs_struct.
const REG_RCX = 22;
const REG_RSI = 26;
const REG_EFLAGS = 36;
const REG_GS_BASE = 44;
const DIRECTION_FLAG = 0x400;
const MAX_INSTRUCTION = 15;
/** Segment, operand size, address size and REX. */
const PREFIXES = new Set([
  0x26,
  0x2e,
  0x36,
  0x3e,
  0x64,
  0x65,
  0x66,
  0x67,
  ...Array.from({ length: 16 }, (_, i) => 0x40 + i),
]);

export let exitProblem = '';

function failed(why: string): Exit {
  exitProblem = why;
  return EXIT_FAILED;
}

/** From the end of KVM_RUN to the events of the platform contract. */
export function decodeExit(context: KvmContext, r: number): Exit {
  const exit = decode(context, r);
  if (exit === EXIT_EVENT) context.endStep();
  return exit;
}

function decode(context: KvmContext, r: number): Exit {
  const vcpu = context.vcpu!;
  if (r < 0) {
    if (r !== -EINTR && r !== -EAGAIN) return failed(`KVM_RUN: errno ${-r}`);
    return interrupted(context, vcpu);
  }
  const reason = vcpu.runWords[RUN_EXIT_REASON / 4];
  if (reason === KVM_EXIT_IO) return decodeIo(context, vcpu);
  if (reason === KVM_EXIT_INTR) return interrupted(context, vcpu);
  return stuck(context, vcpu, reason);
}

/**
 * KVM cannot execute what the guest is at (KVM_EXIT_INTERNAL_ERROR), or it came from there by no way this
 * platform has. To the guest that is an instruction its processor does not know. In the kernel half nothing
 * of the kind can be: whoever is found there has been lost.
 */
function stuck(context: KvmContext, vcpu: Vcpu, reason: number): Exit {
  if (vcpu.regs[R.rip * 2 + 1] >>> 15 !== 0) return failed(`exit reason ${reason} in the kernel half`);
  vcpu.at = AT_USER;
  vcpu.dropException();
  vcpu.settle();
  return undefinedInstruction(context, vcpu);
}

function undefinedInstruction(context: KvmContext, vcpu: Vcpu): Exit {
  atOwnLevel(context, vcpu);
  context.vector = VECTOR_INVALID_OPCODE;
  context.faultAddr = 0;
  context.event = EVENT_EXCEPTION;
  return EXIT_EVENT;
}

/**
 * The context's registers are taken from where `vcpu` is, and it goes on from them; by an `iretq` if that is
 * level 0.
 */
function atOwnLevel(context: KvmContext, vcpu: Vcpu): void {
  context.regs();
  context.touchRegs();
  if (vcpu.level() === 0) vcpu.at = AT_EXCEPTION;
}

/**
 * Between two instructions of the guest's, or in a stub: on the way out of one the guest's state is all
 * there. On the way in a few more instructions are executed, and the run then ends by the stub's `out`.
 */
function interrupted(context: KvmContext, vcpu: Vcpu): Exit {
  vcpu.at = AT_USER;
  const { regs } = vcpu;
  // It would meet whoever the virtual CPU carries next.
  if (vcpu.exceptionPending()) return EXIT_AGAIN;
  if (inFastPath(regs[R.rip * 2], regs[R.rip * 2 + 1])) return interruptedThere(context, vcpu);
  if (regs[R.rip * 2 + 1] !== KERNEL_HIGH || regs[R.rip * 2] < KERNEL_LOW) return EXIT_INTERRUPTED;
  const at = regs[R.rip * 2] - KERNEL_LOW;
  if (stubs.leaving.has(at - EXCEPTION_STUBS_AT)) {
    vcpu.at = AT_EXCEPTION;
    return goingBack(context, vcpu, vcpu.frame[FRAME + 2], vcpu.frame[FRAME + 3]);
  }
  return inCallStub(context, vcpu, at - callStubAt(vcpu.index));
}

/** In the code patched call sites come to? */
function inFastPath(ripLow: number, ripHigh: number): boolean {
  return ripHigh === FAST_HIGH && ripLow >= THUNKS_LOW;
}

function interruptedThere(context: KvmContext, vcpu: Vcpu): Exit {
  const calls = vcpu.calls!;
  const what = context.instance.fast.classifyStop(calls, context.regs());
  if (what === STOP_OUTSIDE) return EXIT_INTERRUPTED;
  context.touchRegs();
  if (what === STOP_CALL) context.takeFromPage();
  calls.clear();
  return what === STOP_CALL ? EXIT_EVENT : EXIT_INTERRUPTED;
}

/** On its way back to the guest's own code, or to that of the fast path: as for whoever is there already. */
function goingBack(context: KvmContext, vcpu: Vcpu, ripLow: number, ripHigh: number): Exit {
  return inFastPath(ripLow, ripHigh) ? interruptedThere(context, vcpu) : EXIT_INTERRUPTED;
}

/**
 * In the stub of `syscall`, `at` bytes from its start: the call is still to be made, or made, or has its
 * answer.
 */
function inCallStub(context: KvmContext, vcpu: Vcpu, at: number): Exit {
  const { userStub, callPlaces: places } = context.instance.machine;
  const { regs, calls } = vcpu;
  const own = at >= 0 && at < places.end;
  // What a guest has not chosen to execute leads out, soon.
  if (userStub ? vcpu.level() === 0 : !own) return EXIT_AGAIN;
  // It has jumped to the stub of another virtual CPU, which may have it wait there for what does not come.
  if (!own || !calls) return EXIT_INTERRUPTED;
  if (at >= places.leave && at < places.done) {
    if (at !== places.sysret || userStub) return EXIT_AGAIN;
    vcpu.at = AT_SYSCALL;
    return goingBack(context, vcpu, regs[R.rcx * 2], regs[R.rcx * 2 + 1]);
  }
  vcpu.at = AT_SYSCALL;
  vcpu.setDirty();
  if (at >= places.saved) calls.read(KEPT_RDX, regs, R.rdx * 2);
  if (at < places.finish || (at >= places.publish && at < places.published)) {
    if (isParking(regs)) return parking(context, calls);
    const before = regs[R.rcx * 2] - SYSCALL_LENGTH;
    regs[R.rcx * 2] = before;
    if (before < 0) regs[R.rcx * 2 + 1]--;
    return EXIT_INTERRUPTED;
  }
  if (at >= places.published) calls.readRax(regs, R.rax * 2);
  else if (at === places.switched && userStub) calls.read(FRAME_RSP, regs, R.rsp * 2);
  return at >= places.published && at < places.leave && calls.take()
    ? tookCall(context, vcpu)
    : EXIT_INTERRUPTED;
}

/** The guest is in, or behind, its stub with a call in its registers. */
function tookCall(context: KvmContext, vcpu: Vcpu): Exit {
  const { regs } = vcpu;
  const { args } = context;
  vcpu.at = AT_SYSCALL;
  if (isParking(regs)) return parking(context, vcpu.calls!);
  context.calledFrom = regs[R.rcx * 2] + regs[R.rcx * 2 + 1] * 4294967296;
  for (let i = 0; i < 6; i++) {
    args[i * 2] = regs[ARGUMENTS[i] * 2];
    args[i * 2 + 1] = regs[ARGUMENTS[i] * 2 + 1];
  }
  context.nr = regs[R.rax * 2] | 0;
  context.event = EVENT_SYSCALL;
  return EXIT_EVENT;
}

function parking(context: KvmContext, calls: CallPage): Exit {
  if (calls.state !== 0) {
    context.takeParked();
    return EXIT_EVENT;
  }
  // It parked just when its answer came.
  context.regs();
  context.touchRegs();
  context.complete();
  return EXIT_INTERRUPTED;
}

/** Its `syscall` is that by which the fast path leaves. */
function isParking(regs: Uint32Array): boolean {
  return regs[R.rcx * 2 + 1] === FAST_HIGH && regs[R.rcx * 2] === PARKED_LOW;
}

function decodeIo(context: KvmContext, vcpu: Vcpu): Exit {
  const { run, regs } = vcpu;
  const port = run[RUN_IO_PORT] | (run[RUN_IO_PORT + 1] << 8);
  const low = regs[R.rip * 2] - KERNEL_LOW;
  const ours =
    run[RUN_IO_DIRECTION] === KVM_EXIT_IO_OUT &&
    run[RUN_IO_SIZE] === 1 &&
    run[RUN_IO_COUNT] === 1 &&
    regs[R.rip * 2 + 1] === KERNEL_HIGH &&
    low >= EXCEPTION_STUBS_AT;
  if (!ours) return ownIo(context, vcpu);
  if (port === PORT_SYSCALL) {
    if (low < CALL_STUBS_AT || low >= CPU_PAGES_AT) return failed('a call from elsewhere');
    const exit = tookCall(context, vcpu);
    if (low % CALL_STUB_BYTES === context.instance.machine.callPlaces.leftEmulated) atOwnLevel(context, vcpu);
    return exit;
  }
  if (port === PORT_COMPAT_SYSCALL) {
    context.event = EVENT_FOREIGN_SYSCALL;
    vcpu.at = AT_SYSCALL;
    return EXIT_EVENT;
  }
  return decodeException(context, vcpu, port === PORT_DIVIDE_ERROR ? VECTOR_DIVIDE_ERROR : port);
}

function decodeException(context: KvmContext, vcpu: Vcpu, vector: number): Exit {
  const { frame } = vcpu;
  if (vector === VECTOR_DEBUG && !vcpu.takeDebugFrame()) return EXIT_AGAIN;
  vcpu.at = AT_EXCEPTION;
  if ((frame[FRAME + 4] & 3) !== 3 || NEVER.has(vector)) {
    return failed(`vector ${vector} at 0x${frame[FRAME + 3].toString(16)}:${frame[FRAME + 2].toString(16)}`);
  }
  if (vector === VECTOR_PAGE_FAULT) return decodeFault(context, vcpu);
  if (vector === INT80_VECTOR) {
    context.event = EVENT_FOREIGN_SYSCALL;
    return EXIT_EVENT;
  }
  // Where nothing is patched any more a thread may still have been in a thunk.
  if (vector === VECTOR_INVALID_OPCODE && doesWithout(context, vcpu)) return EXIT_INTERRUPTED;
  if (vector === VECTOR_INVALID_OPCODE && context.patched.patches.sites.size > 0) {
    if (context.instance.fast.oldSyscall(context, context.regs())) {
      context.touchRegs();
      context.calledFrom = 0;
      context.event = EVENT_SYSCALL;
      return EXIT_EVENT;
    }
  }
  if (vector === VECTOR_INVALID_OPCODE && context.instance.machine.userStub) {
    // Software KVM knows no gates in user mode.
    const number = interruptNumber(context, vcpu);
    if (number === INT80_VECTOR) {
      const regs = context.regs();
      regs[32] += 2;
      context.touchRegs();
      context.event = EVENT_FOREIGN_SYSCALL;
      return EXIT_EVENT;
    }
    if (number >= 0) vector = VECTOR_GENERAL_PROTECTION;
  }
  if (vector === VECTOR_DEBUG) context.noteDebug();
  context.vector = vector;
  context.faultAddr = 0;
  context.event = EVENT_EXCEPTION;
  return EXIT_EVENT;
}

function decodeFault(context: KvmContext, vcpu: Vcpu): Exit {
  const { frame } = vcpu;
  const error = frame[FRAME];
  let addr = frame[FRAME - 4] + frame[FRAME - 3] * 4294967296;
  let access = (error & PF_FETCH) !== 0 ? ACCESS_EXEC : (error & PF_WRITE) !== 0 ? ACCESS_WRITE : ACCESS_READ;
  if (frame[FRAME + 3] === KERNEL_HIGH && frame[FRAME + 2] >= KERNEL_LOW) {
    // It jumped to a stub, where another would not have found any code.
    addr = frame[FRAME + 2] + frame[FRAME + 3] * 4294967296;
    access = ACCESS_EXEC;
  }
  if (inFastPath(frame[FRAME + 2], frame[FRAME + 3]) && doesWithout(context, vcpu)) return EXIT_INTERRUPTED;
  if (context.spurious < MAX_SPURIOUS && context.kvmSpace.tables.allows(addr, access)) {
    context.spurious++;
    return EXIT_AGAIN;
  }
  context.spurious = 0;
  context.faultAddr = addr;
  context.faultAccess = access;
  context.vector = VECTOR_PAGE_FAULT;
  context.event = EVENT_FAULT;
  return EXIT_EVENT;
}

/**
 * The guest has set the GS base by itself, and made a call by a patched site: unless that was to 0, it can do
 * without those.
 */
function doesWithout(context: KvmContext, vcpu: Vcpu): boolean {
  const { fast } = context.instance;
  // Registers that were fetched are not fetched again: not where it may go on as it is.
  if (!fast.refusedAt(vcpu.frame[FRAME + 2] + vcpu.frame[FRAME + 3] * 4294967296)) return false;
  const regs = context.regs();
  fast.leaveThunk(regs);
  if (regs[REG_GS_BASE] !== 0 || regs[REG_GS_BASE + 1] !== 0) fast.unpatch(context);
  context.touchRegs();
  return true;
}

/** The vector of the `int` the guest is at, or -1. */
function interruptNumber(context: KvmContext, vcpu: Vcpu): number {
  const rip = vcpu.frame[FRAME + 2] + vcpu.frame[FRAME + 3] * 4294967296;
  return codeByte(context, rip) === 0xcd ? codeByte(context, rip + 1) : -1;
}

/** A byte of guest code, or -1. */
function codeByte(context: KvmContext, addr: number): number {
  const { tables, instance } = context.kvmSpace;
  const place = addr < context.kvmSpace.maxAddress ? tables.lookup(addr) : -1;
  return place < 0 ? -1 : instance.machine.memory.chunk(place)[place % 2 ** 30];
}

/**
 * Under software KVM guests can reach the one port of the stub by instructions of their own. A processor with
 * no port for them would have raised a general protection exception there; the instruction's effect is
 * undone.
 */
function ownIo(context: KvmContext, vcpu: Vcpu): Exit {
  vcpu.at = AT_USER;
  const regs = context.regs();
  context.touchRegs();
  if (vcpu.run[RUN_IO_DIRECTION] === KVM_EXIT_IO_OUT) undoOut(context, vcpu, regs);
  else vcpu.settle();
  context.vector = VECTOR_GENERAL_PROTECTION;
  context.faultAddr = 0;
  context.event = EVENT_EXCEPTION;
  return EXIT_EVENT;
}

/**
 * Back to before the `out` or `outs` of the guest's. One that repeats has not left its place; all others
 * have.
 */
function undoOut(context: KvmContext, vcpu: Vcpu, regs: Uint32Array): void {
  const size = vcpu.run[RUN_IO_SIZE];
  let rip = regs[32] + regs[33] * 4294967296;
  const repeats = isRepeatedOuts(context, rip);
  const last = codeByte(context, rip - 1);
  if (!repeats) {
    rip -= last === 0 && (codeByte(context, rip - 2) | 1) === 0xe7 ? 2 : 1;
    // Without this prefix it would have been one byte, or four.
    if (size === 2) rip -= 1;
    regs[32] = rip >>> 0;
    regs[33] = Math.floor(rip / 4294967296);
  }
  if (!repeats && (last | 1) !== 0x6f) return;
  const count = vcpu.runWords[RUN_IO_COUNT / 4];
  const moved = (regs[REG_EFLAGS] & DIRECTION_FLAG) !== 0 ? -count * size : count * size;
  add(regs, REG_RSI, -moved);
  if (repeats) add(regs, REG_RCX, count);
}

function isRepeatedOuts(context: KvmContext, rip: number): boolean {
  let repeats = false;
  for (let i = 0; i < MAX_INSTRUCTION; i++) {
    const byte = codeByte(context, rip + i);
    if ((byte | 1) === 0x6f) return repeats;
    if ((byte | 1) === 0xf3) repeats = true;
    else if (!PREFIXES.has(byte)) return false;
  }
  return false;
}

/** Add a number below 2^32 to a register. */
function add(regs: Uint32Array, index: number, n: number): void {
  const sum = regs[index] + n;
  regs[index] = sum >>> 0;
  regs[index + 1] = (regs[index + 1] + Math.floor(sum / 4294967296)) >>> 0;
}
