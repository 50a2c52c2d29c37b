/**
 * Random bytes as guest code, from a seed: whatever they are, each run ends in an event that is the guest's
 * own, and other guests go on undisturbed. `describeFuzz('kvm', kvm())`; FUZZ_RUNS and FUZZ_SEED in the
 * environment, or the options, set how many and which.
 */
import { describe, expect, it } from 'vitest';
import {
  type Context,
  EVENT_EXCEPTION,
  EVENT_FAULT,
  EVENT_FOREIGN_SYSCALL,
  EVENT_INTERRUPTED,
  EVENT_SYSCALL,
  type Platform,
  PROT_R,
  PROT_W,
  PROT_X,
} from '../index.js';
import { arg, CODE, DATA, EFLAGS, FS_BASE, PAGE, RIP, RSP, setReg, TestGuest } from './guest.js';

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
}

const CHUNK = 2 ** 30;
const OWN = [EVENT_SYSCALL, EVENT_FAULT, EVENT_EXCEPTION, EVENT_INTERRUPTED, EVENT_FOREIGN_SYSCALL];
/** Events of one piece of code before the next is tried. */
const STEPS = 4;
/** A piece that loops is interrupted, in ms. */
const PATIENCE = 3;
const WITNESS_EVERY = 500;
const GENERAL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

/** Instructions that mean something to a system below the guest. */
const TELLING: readonly (readonly number[])[] = [
  [0xe6, 0x00], // out 0, al
  [0xe7, 0x00], // out 0, eax
  [0x66, 0xe7, 0x00], // out 0, ax
  [0x31, 0xd2, 0xee], // out dx, al with dx = 0
  [0x31, 0xd2, 0xf3, 0x6e], // rep outsb
  [0xe4, 0x00], // in al, 0
  [0x31, 0xd2, 0xec], // in al, dx
  [0x31, 0xd2, 0xf3, 0x6c], // rep insb
  [0xe6, 0x0e], // out 14
  [0xf4], // hlt
  [0xfa], // cli
  [0xfb], // sti
  [0x0f, 0x30], // wrmsr
  [0x0f, 0x32], // rdmsr
  [0x0f, 0x33], // rdpmc
  [0x0f, 0x34], // sysenter
  [0x0f, 0x35], // sysexit
  [0x48, 0x0f, 0x07], // sysretq
  [0x0f, 0x05], // syscall
  [0xcd, 0x80], // int 0x80
  [0xcd, 0x0e], // int 14
  [0xcd, 0x20], // int 0x20
  [0xcc], // int3
  [0xf1], // int1
  [0x48, 0xcf], // iretq
  [0x48, 0xcb], // retfq
  [0xff, 0x2c, 0x24], // jmp far [rsp]
  [0x0f, 0x01, 0xc1], // vmcall
  [0x0f, 0x01, 0xd9], // vmmcall
  [0x0f, 0x01, 0xd8], // vmrun
  [0x0f, 0x01, 0xf8], // swapgs
  [0x0f, 0x01, 0x14, 0x24], // lgdt [rsp]
  [0x0f, 0x01, 0x1c, 0x24], // lidt [rsp]
  [0x0f, 0x01, 0x04, 0x24], // sgdt [rsp]
  [0x0f, 0x01, 0x38], // invlpg [rax]
  [0x0f, 0x00, 0xd8], // ltr ax
  [0x0f, 0x20, 0xd8], // mov rax, cr3
  [0x0f, 0x22, 0xd8], // mov cr3, rax
  [0x0f, 0x23, 0xf8], // mov dr7, rax
  [0x0f, 0x06], // clts
  [0x0f, 0x09], // wbinvd
  [0x0f, 0xa2], // cpuid
  [0x0f, 0x31], // rdtsc
  [0x0f, 0x01, 0xf9], // rdtscp
  [0x31, 0xc9, 0x0f, 0x01, 0xd0], // xgetbv
  [0x31, 0xc9, 0x0f, 0x01, 0xd1], // xsetbv
  [0x8e, 0xd8], // mov ds, ax
  [0x8e, 0xd0], // mov ss, ax
  [0x8e, 0xe8], // mov gs, ax
  [0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d], // set TF
  [0x9c, 0x80, 0x4c, 0x24, 0x02, 0x04, 0x9d], // set AC
  [0xf3, 0x48, 0x0f, 0xae, 0xd0], // wrfsbase rax
  [0x6a, 0x23, 0x68, 0x00, 0x00, 0x40, 0x00, 0x48, 0xcb], // to a 32-bit code segment
  [0x6a, 0x10, 0x68, 0x00, 0x00, 0x40, 0x00, 0x48, 0xcb], // to the kernel's
  [0xd9, 0xd0, 0x0f, 0x77, 0xdb, 0xe3], // fnop, emms, fninit
  [0x0f, 0x0b], // ud2
  [0xea, 0x00], // invalid in 64-bit mode
];

/** xorshift32 (Marsaglia 2003). */
class Bits {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0 || 1;
  }
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }
  below(n: number): number {
    return this.next() % n;
  }
}

/** An address worth having in a register. */
function address(bits: Bits): number {
  switch (bits.below(8)) {
    case 0:
      return CODE + bits.below(PAGE);
    case 1:
    case 2:
      return DATA + bits.below(PAGE);
    case 3:
      return -0x80000000 + bits.below(2) * 0x200000 + bits.below(64) * PAGE + bits.below(PAGE);
    case 4:
      return 0x7fffffffe000 + bits.below(3 * PAGE);
    case 5:
      return 0x8000_0000_0000 + bits.next() * 256;
    case 6:
      return bits.below(2) === 0 ? bits.below(256) : -1 - bits.below(256);
    default:
      return bits.next() * 65536 + bits.below(65536);
  }
}

function fill(code: Uint8Array, bits: Bits): void {
  for (let i = 0; i < code.length; i++) code[i] = bits.next();
  // Denser in things that matter than chance is.
  for (let at = bits.below(4); at < 64; at += 1 + bits.below(12)) {
    code.set(TELLING[bits.below(TELLING.length)], at);
  }
}

class Fuzzer {
  readonly guest: TestGuest;
  private readonly bits: Bits;
  private readonly page: number;
  private subject: Context;
  private readonly witness: Context;
  readonly seen = new Map<number, number>();

  constructor(platform: Platform, seed: number) {
    this.guest = new TestGuest(platform);
    this.bits = new Bits(seed);
    this.page = this.guest.memory.allocate(PAGE);
    this.witness = this.guest.start((a) =>
      a.label('start').mov('edi', 4711).mov('eax', 39).syscall().jmp('start'),
    );
    this.subject = this.newSubject();
  }

  private newSubject(): Context {
    const context = this.guest.instance.createContext();
    context.sink = this.guest;
    context.addressSpace.map(CODE, PAGE, PROT_R | PROT_W | PROT_X, this.page);
    context.addressSpace.map(DATA, PAGE, PROT_R | PROT_W, this.guest.dataOffset + PAGE);
    return context;
  }

  private prepare(): void {
    const { bits, subject } = this;
    const at = this.page % CHUNK;
    fill(this.guest.memory.chunk(this.page).subarray(at, at + 256), bits);
    subject.regs().fill(0);
    for (const i of GENERAL) setReg(subject, i, address(bits));
    const wild = bits.below(16) === 0;
    setReg(subject, RIP, wild ? address(bits) : CODE + bits.below(32));
    setReg(subject, RSP, wild ? address(bits) : DATA + PAGE - 256);
    setReg(subject, EFLAGS, bits.next());
    setReg(subject, FS_BASE, DATA);
  }

  private async step(): Promise<Context> {
    const { subject } = this;
    const timer = setTimeout(() => subject.interrupt(), PATIENCE);
    const stopped = await this.guest.run(subject);
    clearTimeout(timer);
    return stopped;
  }

  /** The present piece of code, and the registers it began with. */
  describe(): string {
    const at = this.page % CHUNK;
    const code = Buffer.from(this.guest.memory.chunk(this.page).subarray(at, at + 64)).toString('hex');
    return `code ${code}, registers ${this.began}`;
  }
  private began = '';

  async run(): Promise<void> {
    this.prepare();
    this.began = [...this.subject.regs()].map((word) => word.toString(16)).join(' ');
    for (let i = 0; i < STEPS; i++) {
      const { event } = await this.step();
      this.seen.set(event, (this.seen.get(event) ?? 0) + 1);
      expect(OWN).toContain(event);
      if (event !== EVENT_SYSCALL) return;
      this.subject.setResult(this.bits.next(), 0);
    }
  }

  /** Another guest, in another address space, is as it was. */
  async checkWitness(): Promise<void> {
    await this.guest.run(this.witness);
    expect([this.witness.event, this.witness.nr, arg(this.witness, 0)]).toEqual([EVENT_SYSCALL, 39, 4711]);
    this.subject.dispose();
    this.subject = this.newSubject();
  }
}

export function describeFuzz(name: string, platform: Platform, options: Partial<FuzzOptions> = {}): void {
  const runs = options.runs ?? 2000;
  const seed = options.seed ?? 1;
  const probe = platform.probe();
  const title = `random code on ${name}, ${runs} runs from seed ${seed}`;
  describe.skipIf(!probe.ok)(`${title}${probe.ok ? '' : ` (cannot run here: ${probe.why})`}`, () => {
    it('ends in events of the guest', { timeout: 60_000 + runs * 20 }, async () => {
      const fuzzer = new Fuzzer(platform, seed);
      for (let i = 0; i < runs; i++) {
        await fuzzer.run().catch((error) => {
          throw new Error(`run ${i}: ${fuzzer.describe()}`, { cause: error });
        });
        if (i % WITNESS_EVERY === WITNESS_EVERY - 1) await fuzzer.checkWitness();
      }
      await fuzzer.checkWitness();
      fuzzer.guest.dispose();
    });
  });
}
