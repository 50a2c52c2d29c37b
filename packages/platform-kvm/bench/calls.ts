/**
 * `npx tsx packages/platform-kvm/bench/calls.ts`: what a system call of a guest costs on this machine, by
 * each way it can take, beside the same loop in machine code alone. As the guest's own time stamp counter has
 * it, the best of some rounds: other programs only ever add.
 */
import { Assembler, callable, codePage, hostMonotonicNs, mem } from '@sandbox/native';
import { type CodeAccess, type Context, type ContextSink, MemoryFile } from '@sandbox/platform';
import { KVM_RUN, RUN_DIRTY_REGS, RUN_REGS, SYS_ioctl } from '../src/abi.js';
import type { KvmContext } from '../src/context.host.js';
import { KvmInstance } from '../src/instance.host.js';
import { kind } from '../src/kind.host.js';
import { AT_SYSCALL } from '../src/vcpu.host.js';

const CODE = 0x400000;
const DATA = 0x500000;
const REG_RIP = 32;
const PAGE = 4096;
const ROUNDS = Number(process.env.ROUNDS ?? 40);
const CALLS = Number(process.env.CALLS ?? 500);
const GETPPID = 110;
const GETRANDOM = 318;

/** Byte offsets in struct kvm_run. */
const RAX = RUN_REGS;
const RCX = RUN_REGS + 16;
const R11 = RUN_REGS + 88;
const RIP = RUN_REGS + 128;
const RFLAGS = RUN_REGS + 136;

/** long loop(run, fd, n): answer n calls of the guest, as an emulator in C that does nothing else would. */
function nativeLoop() {
  const a = new Assembler();
  a.push('rbx').push('r12').push('r13').mov('rbx', 'rdi').mov('r12', 'rsi').mov('r13', 'rdx');
  a.label('next').mov('rax', mem('rbx', RCX)).mov(mem('rbx', RIP), 'rax');
  a.mov('rax', mem('rbx', R11)).mov(mem('rbx', RFLAGS), 'rax').movq(mem('rbx', RAX), 42);
  a.movq(mem('rbx', RUN_DIRTY_REGS), 1);
  // A run that was interrupted goes on where it is.
  a.label('again').mov('eax', SYS_ioctl).mov('rdi', 'r12').mov('esi', KVM_RUN).xor('edx', 'edx').syscall();
  a.test('rax', 'rax').jcc('s', 'again');
  a.dec('r13').jcc('ne', 'next').pop('r13').pop('r12').pop('rbx').ret();
  return callable(codePage(a.assemble()), 3);
}

/** Answers every call at once, and counts. */
class Answering implements ContextSink {
  left = 0;
  done: (() => void) | null = null;
  onGuestEvent(context: Context): void {
    if (context.event !== 1) throw new Error(`event ${context.event}, vector ${context.vector}`);
    if (--this.left === 0) {
      this.done!();
      return;
    }
    context.setResult(42, 0);
    context.resume();
  }
  run(context: Context, calls: number): Promise<void> {
    this.left = calls;
    return new Promise((resolve) => {
      this.done = resolve;
      context.setResult(42, 0);
      context.resume();
    });
  }
}

/**
 * A guest that makes CALLS calls GETPPID, notes how many ticks of the time stamp counter each took, and ends
 * the round by another call.
 */
function guest(instance: KvmInstance, memory: MemoryFile): KvmContext {
  const a = new Assembler();
  a.label('start').mov('rbx', CALLS).mov('r12', DATA);
  a.label('loop').lfence().rdtsc().mov('r14d', 'eax').mov('eax', GETPPID).syscall().lfence().rdtsc();
  a.sub('eax', 'r14d').mov(mem('r12', 0), 'eax').add('r12', 4).dec('rbx').jcc('ne', 'loop');
  a.mov('eax', GETRANDOM).syscall().jmp('start');
  const code = memory.allocate(PAGE);
  memory.chunk(code).set(a.assemble(), code % 2 ** 30);
  codePlace = code;
  const context = instance.createContext();
  context.addressSpace.map(CODE, PAGE, 5, code);
  context.addressSpace.map(DATA, PAGE, 3, data);
  context.regs()[REG_RIP] = CODE;
  context.touchRegs();
  return context;
}

/** Place of the code of the guest made last. */
let codePlace = 0;
/** A kernel's hand on it: where nothing else runs, what was there may as well be written over. */
const access: CodeAccess = {
  read(_context, addr, dst) {
    const from = (codePlace % 2 ** 30) + addr - CODE;
    for (let i = 0; i < dst.length; i++) dst[i] = addr + i < CODE ? 0 : memory.chunk(codePlace)[from + i];
    return true;
  },
  patch(_context, addr, bytes) {
    memory.chunk(codePlace).set(bytes, (codePlace % 2 ** 30) + addr - CODE);
    return true;
  },
};

/** Ticks in a microsecond. */
function tickRate(): number {
  const a = new Assembler();
  a.rdtsc().shl('rdx', 32).or('rax', 'rdx').ret();
  const ticks = callable(codePage(a.assemble()), 0);
  const [from, at] = [ticks(), hostMonotonicNs()];
  while (hostMonotonicNs() < at + 50e6);
  return (ticks() - from) / 50e3;
}

/** Rounds of the guest: the shortest call, and the median of the best round. */
async function measure(name: string, round: () => Promise<void> | void): Promise<void> {
  let [shortest, median] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < ROUNDS; i++) {
    await round();
    const sorted = deltas.slice().sort();
    shortest = Math.min(shortest, sorted[0]);
    median = Math.min(median, sorted[CALLS >> 1]);
  }
  console.log(`${name}\t${(shortest / rate).toFixed(2)}\t${(median / rate).toFixed(2)}`);
}

const memory = MemoryFile.create('bench');
const { userStub, roundTrip, inGuest } = kind();
const instance = new KvmInstance({ memory }, userStub);
instance.setActive(true);
const data = memory.allocate(PAGE);
const chunk = memory.chunk(data);
const deltas = new Uint32Array(chunk.buffer, chunk.byteOffset + (data % 2 ** 30), CALLS);
const rate = tickRate();
console.log(
  `${userStub ? 'software' : 'hardware'} KVM, probe ${(roundTrip / 1000).toFixed(2)}; shortest and median, us`,
);

const sink = new Answering();
const plain = guest(instance, memory);
plain.sink = sink;
await sink.run(plain, 1);
if (userStub) {
  const loop = nativeLoop();
  plain.setResult(42, 0);
  instance.cpus.carryHere(plain);
  plain.writeBack();
  const { address, fd } = plain.vcpu!;
  loop(address, fd, CALLS);
  await measure('exit, machine code', () => void loop(address, fd, CALLS + 1));
  // The driver has not seen where that ended.
  plain.vcpu!.at = AT_SYSCALL;
}
await sink.run(plain, CALLS);
await measure('exit', () => sink.run(plain, CALLS + 1));
plain.offerAnswer(GETPPID, 42);
await measure('answered in the guest', () => sink.run(plain, 1));
plain.dispose();

instance.driver.useCallPages(roundTrip - inGuest, 'always');
const fast = guest(instance, memory);
fast.sink = sink;
await sink.run(fast, CALLS + 1);
await measure('no exit', () => sink.run(fast, CALLS + 1));
fast.dispose();

instance.setCodeAccess(access);
const patched = guest(instance, memory);
patched.sink = sink;
await sink.run(patched, CALLS + 1);
await measure('no exit, patched', () => sink.run(patched, CALLS + 1));
patched.offerAnswer(GETPPID, 42);
await measure('answered, patched', () => sink.run(patched, 1));
patched.dispose();
console.log(instance.stats());
instance.dispose();
memory.dispose();
