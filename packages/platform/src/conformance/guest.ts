import { Assembler } from '@sandbox/native';
import {
  type Context,
  type ContextSink,
  MemoryFile,
  type Platform,
  type PlatformInstance,
  type PlatformOptions,
  PROT_R,
  PROT_W,
  PROT_X,
} from '../index.js';

/** Where test guests live. */
export const CODE = 0x400000;
export const DATA = 0x500000;
export const PAGE = 4096;
const CHUNK = 2 ** 30;
const EVENT_TIMEOUT_MS = 10_000;

/** `struct user_regs_struct` indices the suite uses. */
export const RBX = 5;
export const RAX = 10;
export const RSI = 13;
export const RDI = 14;
export const RIP = 16;
export const EFLAGS = 18;
export const RSP = 19;
export const FS_BASE = 21;

/** A platform instance with a little machine code in it. */
export class TestGuest implements ContextSink {
  readonly memory = MemoryFile.create('conformance');
  readonly instance: PlatformInstance;
  readonly codeOffset: number;
  readonly dataOffset: number;
  private waiting: ((context: Context) => void) | null = null;
  private readonly arrived: Context[] = [];

  constructor(platform: Platform, options: Omit<PlatformOptions, 'memory'> = {}) {
    this.instance = platform.open({ memory: this.memory, ...options });
    this.codeOffset = this.memory.allocate(PAGE);
    this.dataOffset = this.memory.allocate(4 * PAGE);
    this.instance.setActive(true);
  }

  /** The data pages as the host sees them. */
  get data(): Uint8Array {
    const at = this.dataOffset % CHUNK;
    return this.memory.chunk(this.dataOffset).subarray(at, at + 4 * PAGE);
  }

  /** A context at `label` of the program, with the code mapped R X and one data page mapped R W. */
  start(program: (a: Assembler) => void, label = 'start'): Context {
    const a = new Assembler();
    program(a);
    this.memory.chunk(this.codeOffset).set(a.assemble(), this.codeOffset % CHUNK);
    const context = this.instance.createContext();
    context.addressSpace.map(CODE, PAGE, PROT_R | PROT_X, this.codeOffset);
    context.addressSpace.map(DATA, PAGE, PROT_R | PROT_W, this.dataOffset);
    setReg(context, RIP, CODE + a.labelOffset(label));
    setReg(context, RSP, DATA + PAGE);
    context.sink = this;
    return context;
  }

  /** Resume and wait for this guest's next event. */
  run(context: Context): Promise<Context> {
    context.resume();
    return this.next();
  }

  next(): Promise<Context> {
    const first = this.arrived.shift();
    if (first) return Promise.resolve(first);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no event from the guest')), EVENT_TIMEOUT_MS);
      this.waiting = (context) => {
        clearTimeout(timer);
        this.waiting = null;
        resolve(context);
      };
    });
  }

  onGuestEvent(context: Context): void {
    if (this.waiting) this.waiting(context);
    else this.arrived.push(context);
  }

  dispose(): void {
    this.instance.dispose();
    this.memory.dispose();
  }
}

export function setReg(context: Context, index: number, value: number): void {
  const regs = context.regs();
  regs[index * 2] = value >>> 0;
  regs[index * 2 + 1] = value < 0 ? 0xffffffff : Math.floor(value / 4294967296);
  context.touchRegs();
}

export function getReg(context: Context, index: number): number {
  const regs = context.regs();
  return regs[index * 2] + (regs[index * 2 + 1] | 0) * 4294967296;
}

/** Argument `i` of the system call that stopped it. */
export function arg(context: Context, i: number): number {
  return context.args[i * 2] + (context.args[i * 2 + 1] | 0) * 4294967296;
}
