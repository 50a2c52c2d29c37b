/** Which KVM this is, found out once a process by running a few instructions. */
import { readFileSync } from 'node:fs';
import { Assembler, hostMonotonicNs } from '@sandbox/native';
import { MemoryFile } from '@sandbox/platform';
import { KVM_GET_SREGS, SEGMENT_DPL, SREGS_CS } from './abi.js';
import { decodeExit, EXIT_AGAIN, EXIT_EVENT, EXIT_INTERRUPTED, exitProblem } from './exits.js';
import { KvmInstance } from './instance.host.js';
import { argumentAddress, argumentView, mustIoctl } from './ioctl.host.js';
import { PAGE } from './layout.js';

const CODE = 0x400000;
const PROT_RX = 5;
const ROUNDS = 64;
const CHUNK = 2 ** 30;
const REG_RIP = 32;

export interface Kind {
  /**
   * `syscall` leaves guest code at its privilege level: software KVM (PVM), where ring 0 is emulated and guests run the stub themselves.
   * Else VMX or SVM.
   */
  readonly userStub: boolean;
  /** A system call there and back, in nanoseconds: the shortest of a few. */
  readonly roundTrip: number;
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

function examine(): Kind {
  const memory = MemoryFile.create('probe');
  let instance: KvmInstance | null = null;
  try {
    // With its stub open to user mode a machine works on either kind, far enough to tell.
    instance = new KvmInstance({ memory }, true);
    return tryOut(instance, memory);
  } finally {
    instance?.dispose();
    memory.dispose();
  }
}

function tryOut(instance: KvmInstance, memory: MemoryFile): Kind {
  const a = new Assembler();
  a.label('start').syscall().jmp('start');
  const code = memory.allocate(PAGE);
  memory.chunk(code).set(a.assemble(), code % CHUNK);
  const context = instance.createContext();
  context.addressSpace.map(CODE, PAGE, PROT_RX, code);
  context.regs()[REG_RIP] = CODE;
  context.touchRegs();
  instance.cpus.carryHere(context);
  const vcpu = context.vcpu!;
  let best = Number.POSITIVE_INFINITY;
  let userStub = false;
  for (let i = 0; i < ROUNDS; i++) {
    context.writeBack();
    const before = hostMonotonicNs();
    let exit = decodeExit(context, vcpu.runHere());
    while (exit === EXIT_AGAIN || exit === EXIT_INTERRUPTED) exit = decodeExit(context, vcpu.runHere());
    best = Math.min(best, hostMonotonicNs() - before);
    if (exit !== EXIT_EVENT || context.event !== 1)
      throw new Error(
        `a guest's system call came as ${exit === EXIT_EVENT ? `event ${context.event}` : exitProblem}`,
      );
    if (i === 0) {
      mustIoctl('KVM_GET_SREGS', vcpu.fd, KVM_GET_SREGS, argumentAddress);
      userStub = argumentView.getUint8(SREGS_CS + SEGMENT_DPL) === 3;
      if (!userStub) instance.machine.userStub = false;
    }
  }
  context.dispose();
  return { userStub, roundTrip: best };
}
