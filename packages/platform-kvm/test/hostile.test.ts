/** Guests at the edges of their half of the address space, and beyond. */
import { type Assembler, mem } from '@sandbox/native';
import {
  CALL,
  type Context,
  EVENT_EXCEPTION,
  EVENT_FAULT,
  EVENT_FOREIGN_SYSCALL,
  EVENT_INTERRUPTED,
  EVENT_SYSCALL,
  PROT_R,
  PROT_X,
  STATE,
} from '@sandbox/platform';
import { CODE, getReg, RAX, RIP, RSP, setReg, TestGuest } from '@sandbox/platform/conformance';
import { kvm } from '@sandbox/platform-kvm';
import { describe, expect, it } from 'vitest';
import { KVM_GET_SREGS, KVM_SET_SREGS, SEGMENT_DPL, SREGS_CS, SREGS_SS } from '../src/abi.js';
import { callStubAt, userPlaces } from '../src/call-stub.js';
import type { KvmContext } from '../src/context.host.js';
import { argumentAddress, argumentView, mustIoctl } from '../src/ioctl.host.js';
import { CALL_PAGES_AT, KERNEL_CS, KERNEL_LOW } from '../src/layout.js';

const PAGE = 4096;
const CHUNK = 2 ** 30;
const INVALID_OPCODE = 6;
const GENERAL_PROTECTION = 13;
/** Descriptors, gates, stubs, a virtual CPU's stack; beyond them, and where nothing is. */
const KERNEL_PLACES = ['80000000', '80001000', '80002000', '80003000', '80020ff8', 'a0000000', 'fffffff0'];
const KERNEL_HIGH = 0xffffffff00000000n;
const NO_ADDRESS = 2 ** 47;
/** Of `mov edx, imm32`. */
const MOV_EDX_LENGTH = 5;
const NO_STACK = 0xa05d_e6c8_f9ca;
/** Of the selector in a struct kvm_segment. */
const SELECTOR = 12;

const probe = kvm().probe();
const software = probe.ok && probe.detail.startsWith('software');

/** What comes of `code` in a guest of its own. */
async function outcome(code: (a: Assembler) => void, look: (context: Context, guest: TestGuest) => unknown) {
  const guest = new TestGuest(kvm());
  try {
    const context = guest.start((a) => {
      a.label('start');
      code(a);
    });
    await guest.run(context);
    return await look(context, guest);
  } finally {
    guest.dispose();
  }
}

/** movabs rax, place */
function load(a: Assembler, place: bigint): Assembler {
  a.db(0x48, 0xb8);
  for (let i = 0n; i < 64n; i += 8n) a.db(Number((place >> i) & 0xffn));
  return a;
}

describe.skipIf(!probe.ok)(`hostile guests${probe.ok ? '' : ` (cannot run here: ${probe.why})`}`, () => {
  it.each(KERNEL_PLACES)('cannot write at %s of the kernel half', async (low) => {
    const place = KERNEL_HIGH + BigInt(`0x${low}`);
    const seen = await outcome(
      (a) => load(a, place).db(0x88, 0x00), // mov [rax], al
      (context) => [context.event, context.faultAddr],
    );
    expect(seen).toEqual([EVENT_FAULT, Number(place)]);
  });

  it('may jump to any byte there: it ends in an event of its own', async () => {
    for (const page of [0x80000000, 0x80001000, 0x80002000, 0x80003000, 0x80020000, 0x80200000]) {
      for (let offset = 0; offset < 272; offset += 5) {
        const event = await outcome(
          (a) => load(a, KERNEL_HIGH + BigInt(page + offset)).jmpIndirect('rax'),
          (context) => context.event,
        );
        expect([EVENT_FAULT, EVENT_EXCEPTION, EVENT_SYSCALL, EVENT_FOREIGN_SYSCALL]).toContain(event);
      }
    }
  }, 300_000);

  it('a system call that is the last of the address space returns into a fault behind it', async () => {
    const guest = new TestGuest(kvm());
    const context = guest.start((a) => a.label('start').int3());
    const end = context.addressSpace.maxAddress;
    const place = guest.memory.allocate(PAGE);
    guest.memory.chunk(place).set([0x0f, 0x05], (place % CHUNK) + PAGE - 2);
    context.addressSpace.map(end - PAGE, PAGE, PROT_R | PROT_X, place);
    setReg(context, RIP, end - 2);
    setReg(context, RAX, 39);
    await guest.run(context);
    expect([context.event, context.nr]).toEqual([EVENT_SYSCALL, 39]);
    context.setResult(7, 0);
    await guest.run(context);
    expect([context.event, context.faultAddr, getReg(context, RIP)]).toEqual([EVENT_FAULT, end, end]);
    expect(getReg(context, RAX)).toBe(7);
    guest.dispose();
  });

  it.each([NO_ADDRESS, NO_ADDRESS * 2])('is not let go on at %d, which is no address', async (rip) => {
    const guest = new TestGuest(kvm());
    const context = guest.start((a) => a.label('start').syscall());
    await guest.run(context);
    setReg(context, RIP, rip);
    await guest.run(context);
    expect([context.event, context.vector]).toEqual([EVENT_EXCEPTION, GENERAL_PROTECTION]);
    // Nothing is lost by it.
    setReg(context, RIP, 0x400000);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    guest.dispose();
  });

  it.each([
    ['rcx', 0x2b],
    ['r11', 0x2b],
  ])('%s is what syscall makes of it, whatever it was', async (register) => {
    const guest = new TestGuest(kvm());
    const context = guest.start((a) =>
      a
        .label('start')
        .mov(register as 'rcx', -1)
        .mov('eax', 39)
        .syscall()
        .mov('rdi', 'rcx')
        .mov('eax', 40)
        .syscall(),
    );
    await guest.run(context);
    context.setResult(0, 0);
    await guest.run(context);
    expect([context.event, context.nr]).toEqual([EVENT_SYSCALL, 40]);
    expect(context.args[0]).toBe(0x400000 + 14);
    guest.dispose();
  });

  // Software KVM emulates `syscall` then, and has it change the privilege level.
  it.each([NO_STACK, -1])('a call with the stack pointer at %d gives nothing away', async (rsp) => {
    const guest = new TestGuest(kvm());
    const context = guest.start((a) =>
      a.label('start').mov('eax', 39).syscall().mov('eax', 40).syscall().label('end').db(0x0f, 0x20, 0xd8),
    );
    context.offerAnswer?.(40, 41);
    setReg(context, RSP, rsp);
    await guest.run(context);
    expect([context.event, context.nr, getReg(context, RSP)]).toEqual([EVENT_SYSCALL, 39, rsp]);
    context.setResult(7, 0);
    await guest.run(context);
    if (context.event === EVENT_SYSCALL) {
      expect([context.nr, getReg(context, RSP)]).toEqual([40, rsp]);
      context.setResult(41, 0);
      await guest.run(context);
    }
    // mov rax, cr3
    expect([context.event, context.vector]).toEqual([EVENT_EXCEPTION, GENERAL_PROTECTION]);
    expect([getReg(context, RIP), getReg(context, RAX), getReg(context, RSP)]).toEqual([CODE + 14, 41, rsp]);
    guest.dispose();
  });

  // Software KVM: the stub of `syscall` is a page of theirs, and so are the call pages.
  it.skipIf(!software)('can be interrupted where they wait in the stub of another virtual CPU', async () => {
    const guest = new TestGuest(kvm());
    const spin = callStubAt(1) + userPlaces.published + MOV_EDX_LENGTH;
    const context = guest.start((a) => {
      load(a.label('start').syscall(), KERNEL_HIGH + BigInt(KERNEL_LOW + CALL_PAGES_AT + PAGE + STATE));
      load(a.movd(mem('rax', 0), CALL), KERNEL_HIGH + BigInt(KERNEL_LOW + spin));
      // So many looks at a word that stays as it is take minutes.
      a.mov('edx', -1).jmpIndirect('rax');
    });
    await guest.run(context);
    // Its process has a call page for both.
    const other = context.clone();
    other.sink = guest;
    setReg(other, RIP, CODE);
    await guest.run(other);
    expect([context, other].map((c) => (c as KvmContext).vcpu!.index)).toEqual([0, 1]);
    setTimeout(() => context.interrupt(), 20);
    await guest.run(context);
    expect(context.event).toBe(EVENT_INTERRUPTED);
    // It is between two instructions, and goes on as it was.
    setTimeout(() => context.interrupt(), 20);
    await guest.run(context);
    expect(context.event).toBe(EVENT_INTERRUPTED);
    setReg(context, RIP, CODE);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    guest.dispose();
  });

  it.skipIf(!software)('what KVM cannot execute is to them an instruction they do not have', async () => {
    const guest = new TestGuest(kvm());
    const context = guest.start((a) => {
      a.label('start').syscall();
      // Code at level 0 is emulated; this has no meaning.
      a.label('unknown').db(0x43, 0xfe, 0x9c, 0x80, 1, 2, 3, 4);
    });
    await guest.run(context);
    atLevel0(context as KvmContext);
    context.setResult(7, 0);
    await guest.run(context);
    const seen = [context.event, context.vector, getReg(context, RIP), getReg(context, RAX)];
    expect(seen).toEqual([EVENT_EXCEPTION, INVALID_OPCODE, CODE + 2, 7]);
    setReg(context, RIP, CODE);
    await guest.run(context);
    expect([context.event, context.nr]).toEqual([EVENT_SYSCALL, 7]);
    expect([(context as KvmContext).vcpu!.level(), guest.instance.stats().failures]).toEqual([3, 0]);
    guest.dispose();
  });
});

/** Whatever has brought it there: its virtual CPU is at level 0. */
function atLevel0(context: KvmContext): void {
  const { fd } = context.vcpu!;
  mustIoctl('KVM_GET_SREGS', fd, KVM_GET_SREGS, argumentAddress);
  argumentView.setUint16(SREGS_CS + SELECTOR, KERNEL_CS, true);
  argumentView.setUint8(SREGS_CS + SEGMENT_DPL, 0);
  argumentView.setUint16(SREGS_SS + SELECTOR, KERNEL_CS + 8, true);
  argumentView.setUint8(SREGS_SS + SEGMENT_DPL, 0);
  mustIoctl('KVM_SET_SREGS', fd, KVM_SET_SREGS, argumentAddress);
}
