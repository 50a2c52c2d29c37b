/** Which KVM this is, found out once a process by running a few instructions. */
import { readFileSync } from 'node:fs';
import { Assembler, hostMonotonicNs } from '@sandbox/native';
import { EVENT_EXCEPTION, MemoryFile } from '@sandbox/platform';
import type { KvmContext } from './context.host.js';
import { decodeExit, EXIT_AGAIN, EXIT_EVENT, EXIT_INTERRUPTED, type Exit, exitProblem } from './exits.js';
import { KvmInstance } from './instance.host.js';
import { PAGE, VECTOR_DEBUG } from './layout.js';

const CODE = 0x400000;
const PROT_RX = 5;
const ROUNDS = 8;
/** Calls of the guest that are, in the end, answered inside, and the one after each so many that is not. */
const ANSWERED = 1;
const INSIDE = 8;
const LEAVING = 300;
const CHUNK = 2 ** 30;
const REG_RIP = 32;

export interface Kind {
  /**
   * `syscall` leaves guest code at its privilege level: software KVM (PVM), where ring 0 is emulated and
   * guests run the stub themselves. Else VMX or SVM.
   */
  readonly userStub: boolean;
  /**
   * Processors walk our page tables themselves, and the host's behind them (EPT, nested paging): an entry may
   * be one of 2 MiB, and be split.
   */
  readonly largePages: boolean;
  /** A system call there and back, in nanoseconds: the shortest of a few. */
  readonly roundTrip: number;
  /** A system call that does not leave the machine. */
  readonly inGuest: number;
}

let known: Kind | null = null;

let virtualises: boolean | null = null;

/** The processor has VMX or SVM. Without them KVM, if it is there, is a software one. */
export function processorVirtualises(): boolean {
  return (virtualises ??= hasFlag());
}

function hasFlag(): boolean {
  try {
    return /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'latin1'));
  } catch {
    return false;
  }
}

/** Throws HostCallError, MissingCapability, or Error when a guest does not behave. */
export function kind(): Kind {
  known ??= examine();
  return known;
}

/** Where KVM says whether it shadows page tables or not. */
const DIMENSIONS = ['/sys/module/kvm_intel/parameters/ept', '/sys/module/kvm_amd/parameters/npt'];

function hasTwoDimensions(): boolean {
  return DIMENSIONS.some((path) => {
    try {
      return /^[Y1]/.test(readFileSync(path, 'latin1'));
    } catch {
      return false;
    }
  });
}

/** What `look` finds in a machine of its own. */
function withMachine<T>(userStub: boolean, look: (instance: KvmInstance, memory: MemoryFile) => T): T {
  const memory = MemoryFile.create('probe');
  let instance: KvmInstance | null = null;
  try {
    instance = new KvmInstance({ memory }, userStub);
    return look(instance, memory);
  } finally {
    instance?.dispose();
    memory.dispose();
  }
}

function examine(): Kind {
  // With its stub open to user mode a machine works on either kind, far enough to tell.
  const userStub = withMachine(true, (instance, memory) => {
    const context = startCaller(instance, memory);
    toCall(context, LEAVING);
    return context.vcpu!.level() === 3;
  });
  return withMachine(userStub, (instance, memory) => ({
    userStub,
    largePages: !userStub && hasTwoDimensions(),
    ...measure(startCaller(instance, memory)),
  }));
}

let breakpoints: boolean | null = null;

/**
 * Do debug registers stop a guest? Software KVM takes them, and does not load them. Tried when it is first
 * asked.
 */
export function hasBreakpoints(): boolean {
  breakpoints ??= withMachine(kind().userStub, tryBreakpoint);
  return breakpoints;
}

function tryBreakpoint(instance: KvmInstance, memory: MemoryFile): boolean {
  const a = new Assembler();
  a.label('start').mov('eax', LEAVING).label('call').syscall();
  const context = startGuest(instance, memory, a);
  if (!context.setDebugRegister(0, CODE + a.labelOffset('call')) || !context.setDebugRegister(7, 1))
    return false;
  toEvent(context);
  const stopped = context.event === EVENT_EXCEPTION && context.vector === VECTOR_DEBUG;
  const seen = stopped && context.debugStatus === 1;
  context.dispose();
  return seen;
}

function startGuest(instance: KvmInstance, memory: MemoryFile, a: Assembler): KvmContext {
  const code = memory.allocate(PAGE);
  memory.chunk(code).set(a.assemble(), code % CHUNK);
  const context = instance.createContext();
  context.addressSpace.map(CODE, PAGE, PROT_RX, code);
  context.regs()[REG_RIP] = CODE;
  context.touchRegs();
  instance.cpus.carryHere(context);
  return context;
}

/**
 * A guest that makes one call that leaves the machine, and then so many that may be answered inside, for
 * ever.
 */
function startCaller(instance: KvmInstance, memory: MemoryFile): KvmContext {
  const a = new Assembler();
  a.label('start').mov('eax', LEAVING).syscall().mov('rbx', INSIDE);
  a.label('inside').mov('eax', ANSWERED).syscall().dec('rbx').jcc('ne', 'inside').jmp('start');
  return startGuest(instance, memory, a);
}

function measure(context: KvmContext): { roundTrip: number; inGuest: number } {
  let roundTrip = Number.POSITIVE_INFINITY;
  toCall(context, LEAVING);
  for (let i = 0; i < ROUNDS * (INSIDE + 1); i++) {
    const nr = i % (INSIDE + 1) === INSIDE ? LEAVING : ANSWERED;
    roundTrip = Math.min(roundTrip, toCall(context, nr));
  }
  context.offerAnswer(ANSWERED, 0);
  let inside = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) inside = Math.min(inside, toCall(context, LEAVING));
  return { roundTrip, inGuest: Math.max(0, inside - roundTrip) / INSIDE };
}

/** Let the guest run until its next event, or to its end. */
function toEvent(context: KvmContext): Exit {
  const vcpu = context.vcpu!;
  context.writeBack();
  let exit = decodeExit(context, vcpu.runHere());
  while (exit === EXIT_AGAIN || exit === EXIT_INTERRUPTED) {
    context.writeBack();
    exit = decodeExit(context, vcpu.runHere());
  }
  return exit;
}

/** Let the guest run until it makes call `nr`, the next that leaves the machine. Nanoseconds it took. */
function toCall(context: KvmContext, nr: number): number {
  const before = hostMonotonicNs();
  const exit = toEvent(context);
  const took = hostMonotonicNs() - before;
  if (exit !== EXIT_EVENT || context.event !== 1 || context.nr !== nr) {
    const what = exit === EXIT_EVENT ? `event ${context.event}, call ${context.nr}` : exitProblem;
    throw new Error(`a guest's system call ${nr} came as ${what}`);
  }
  return took;
}
