import { mem } from '@sandbox/native';
import { expect, it } from 'vitest';
import {
  type Context,
  EVENT_EXCEPTION,
  EVENT_SYSCALL,
  type Platform,
  PROT_R,
  PROT_W,
  PROT_X,
} from '../index.js';
import { CODE, DATA, getReg, PAGE, RBX, RDI, RIP, setReg, TestGuest } from './guest.js';

const DEBUG_VECTOR = 1;
/** DR7 (Intel SDM vol. 3, 18.2.4). */
const CONTROL = 7;
const EXECUTE = 0;
const WRITE = 1;
const ACCESS = 3;

/** DR7 with breakpoint `n` enabled for `kind`, of `length` bytes. */
function enable(n: number, kind: number, length: number): number {
  return (1 << (2 * n)) + (kind + (length - 1) * 4) * 2 ** (16 + 4 * n);
}

/** Breakpoint `n` at `addr`. False where there are none to be had. */
function watch(context: Context, n: number, addr: number, kind: number, length: number): boolean {
  return (
    context.setDebugRegister?.(n, addr) === true &&
    context.setDebugRegister(CONTROL, enable(n, kind, length)) === true
  );
}

function none(test: { skip(why: string): void }, guest: TestGuest): void {
  guest.dispose();
  test.skip('there are no hardware breakpoints to be had');
}

export function breakpointCases(platform: Platform): void {
  it('stops at an instruction with a breakpoint, once', async (test) => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').mov('ebx', 5).mov('ebx', 6).syscall());
    if (!watch(context, 0, CODE + 5, EXECUTE, 1)) return none(test, guest);
    await guest.run(context);
    expect([context.event, context.vector]).toEqual([EVENT_EXCEPTION, DEBUG_VECTOR]);
    expect(getReg(context, RIP)).toBe(CODE + 5);
    expect(context.debugStatus! & 0xf).toBe(1);
    expect(getReg(context, RBX)).toBe(5);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    expect(getReg(context, RBX)).toBe(6);
    guest.dispose();
  });

  it('stops behind an access that is watched for', async (test) => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) =>
      a
        .label('start')
        .mov('rax', mem('rdi', 8))
        .mov(mem('rdi', 16), 'rax')
        .mov(mem('rdi', 8), 'rax')
        .syscall()
        .mov('rax', mem('rdi', 8))
        .syscall(),
    );
    setReg(context, RDI, DATA);
    if (!watch(context, 2, DATA + 8, WRITE, 8)) return none(test, guest);
    await guest.run(context);
    expect([context.event, context.vector, context.debugStatus! & 0xf]).toEqual([
      EVENT_EXCEPTION,
      DEBUG_VECTOR,
      4,
    ]);
    expect(getReg(context, RIP)).toBe(CODE + 12);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    context.setResult(0, 0);
    expect(watch(context, 2, DATA + 8, ACCESS, 4)).toBe(true);
    await guest.run(context);
    expect([context.event, context.debugStatus! & 0xf]).toEqual([EVENT_EXCEPTION, 4]);
    expect(getReg(context, RIP)).toBe(CODE + 18);
    expect(context.setDebugRegister!(CONTROL, 0)).toBe(true);
    setReg(context, RIP, CODE);
    await guest.run(context);
    expect([context.event, getReg(context, RIP)]).toEqual([EVENT_SYSCALL, CODE + 14]);
    guest.dispose();
  });

  it('keeps the breakpoints of one context from others', async (test) => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').mov('ebx', 5).mov('ebx', 6).syscall());
    if (!watch(context, 0, CODE + 5, EXECUTE, 1)) return none(test, guest);
    for (const copy of [context.clone(), context.fork()]) {
      copy.sink = guest;
      await guest.run(copy);
      expect([copy.event, getReg(copy, RBX)]).toEqual([EVENT_SYSCALL, 6]);
      copy.dispose();
    }
    await guest.run(context);
    expect([context.event, getReg(context, RIP)]).toEqual([EVENT_EXCEPTION, CODE + 5]);
    context.renewAddressSpace();
    context.addressSpace.map(CODE, PAGE, PROT_R | PROT_X, guest.codeOffset);
    context.addressSpace.map(DATA, PAGE, PROT_R | PROT_W, guest.dataOffset);
    setReg(context, RIP, CODE);
    await guest.run(context);
    expect([context.event, getReg(context, RBX)]).toEqual([EVENT_SYSCALL, 6]);
    guest.dispose();
  });

  it('takes no breakpoint on a port', async (test) => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').syscall());
    if (!watch(context, 0, CODE, EXECUTE, 1)) return none(test, guest);
    expect(context.setDebugRegister!(CONTROL, enable(0, 2, 4))).toBe(false);
    guest.dispose();
  });
}
