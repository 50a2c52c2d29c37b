import { mem } from '@sandbox/native';
import { expect, it } from 'vitest';
import { EVENT_FAULT, EVENT_SYSCALL, type Platform } from '../index.js';
import { arg, DATA, PAGE, RBX, RSI, setReg, TestGuest } from './guest.js';

/** A guest that writes `rsi` to [rbx], reads it back into rdi and calls. */
function poke(guest: TestGuest) {
  return guest.start((a) => {
    a.label('start').mov(mem('rbx'), 'rsi').mov('rdi', mem('rbx')).syscall().jmp('start');
    a.label('peek').mov('rdi', mem('rbx')).syscall().jmp('peek');
  });
}

export function addressSpaceCases(platform: Platform): void {
  it('maps, protects and unmaps in order', async () => {
    const guest = new TestGuest(platform);
    const context = poke(guest);
    const space = context.addressSpace;
    const at = 0x10000000;
    space.map(at, 2 * PAGE, 3, guest.dataOffset + PAGE);
    space.protect(at + PAGE, PAGE, 1);
    setReg(context, RBX, at);
    setReg(context, RSI, 41);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    expect(guest.data[PAGE]).toBe(41);
    setReg(context, RBX, at + PAGE);
    await guest.run(context);
    expect(context.event).toBe(EVENT_FAULT);
    space.protect(at + PAGE, PAGE, 3);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    space.unmap(at, 2 * PAGE);
    await guest.run(context);
    expect(context.event).toBe(EVENT_FAULT);
    guest.dispose();
  });

  it('applies a thousand operations in one go', async () => {
    const guest = new TestGuest(platform);
    const context = poke(guest);
    const space = context.addressSpace;
    for (let i = 0; i < 1000; i++) space.map(0x20000000 + i * 2 * PAGE, PAGE, 3, guest.dataOffset + PAGE);
    setReg(context, RBX, 0x20000000 + 999 * 2 * PAGE);
    setReg(context, RSI, 9);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    expect(guest.data[PAGE]).toBe(9);
    guest.dispose();
  });

  it('refuses operations outside the guest', () => {
    const guest = new TestGuest(platform);
    const context = poke(guest);
    const space = context.addressSpace;
    expect(() => space.map(space.maxAddress, PAGE, 3, 0)).toThrow(RangeError);
    expect(() => space.unmap(0x1001, PAGE)).toThrow(RangeError);
    expect(() => space.protect(0x1000, 0, 1)).toThrow(RangeError);
    guest.dispose();
  });

  it('flushes while a context runs', async () => {
    const guest = new TestGuest(platform);
    const at = 0x30000000;
    const context = guest.start((a) => {
      a.label('start')
        .mov('rbx', at)
        .label('loop')
        .mov('rcx', mem('rbx'))
        .cmp('rcx', 1)
        .jcc('ne', 'loop')
        .syscall();
    });
    const space = context.addressSpace;
    space.map(at, PAGE, 3, guest.dataOffset + PAGE);
    context.resume();
    await new Promise((r) => setTimeout(r, 20));
    guest.data[2 * PAGE] = 1;
    space.map(at, PAGE, 3, guest.dataOffset + 2 * PAGE);
    space.flush();
    await guest.next();
    expect(context.event).toBe(EVENT_SYSCALL);
    guest.dispose();
  });

  it('forks into a space with the same mappings that then changes alone', async () => {
    const guest = new TestGuest(platform);
    const context = poke(guest);
    setReg(context, RBX, DATA);
    setReg(context, RSI, 3);
    await guest.run(context);
    const child = context.fork();
    child.sink = guest;
    child.addressSpace.map(DATA, PAGE, 3, guest.dataOffset + 3 * PAGE);
    setReg(child, RSI, 4);
    await guest.run(child);
    expect(child.event).toBe(EVENT_SYSCALL);
    await guest.run(context);
    expect(guest.data[0]).toBe(3);
    expect(guest.data[3 * PAGE]).toBe(4);
    child.dispose();
    guest.dispose();
  });

  it('fork sees operations queued before it', async () => {
    const guest = new TestGuest(platform);
    const context = poke(guest);
    setReg(context, RBX, DATA);
    await guest.run(context);
    context.addressSpace.protect(DATA, PAGE, 1);
    const child = context.fork();
    child.sink = guest;
    await guest.run(child);
    expect(child.event).toBe(EVENT_FAULT);
    child.dispose();
    guest.dispose();
  });

  it('renews an address space, alone in it or not', async () => {
    const guest = new TestGuest(platform);
    const context = poke(guest);
    setReg(context, RBX, DATA);
    await guest.run(context);
    const sibling = context.clone();
    sibling.sink = guest;
    for (const alone of [false, true]) {
      context.renewAddressSpace();
      expect(context.addressSpace === sibling.addressSpace).toBe(false);
      setReg(context, 16, DATA);
      await guest.run(context);
      expect([context.event, context.faultAddr, alone]).toEqual([EVENT_FAULT, DATA, alone]);
    }
    await guest.run(sibling);
    expect(sibling.event).toBe(EVENT_SYSCALL);
    expect(arg(sibling, 0)).toBe(0);
    guest.dispose();
  });
}
