import { mem } from '@sandbox/native';
import { expect, it } from 'vitest';
import {
  ACCESS_WRITE,
  EVENT_EXCEPTION,
  EVENT_FAULT,
  EVENT_FOREIGN_SYSCALL,
  EVENT_INTERRUPTED,
  EVENT_SYSCALL,
  type Platform,
} from '../index.js';
import { arg, CODE, DATA, getReg, RAX, RBX, RIP, setReg, TestGuest } from './guest.js';

export function eventCases(platform: Platform): void {
  it('reports a system call with number and six arguments, and delivers the result', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => {
      a.label('start')
        .mov('eax', 39)
        .mov('edi', 1)
        .mov('rsi', -2)
        .mov('rdx', 0x123456789a)
        .mov('r10', 4)
        .mov('r8', 5);
      a.mov('r9', 6).syscall().mov('rdi', 'rax').mov('eax', 60).syscall();
    });
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    expect(context.nr).toBe(39);
    expect([0, 1, 2, 3, 4, 5].map((i) => arg(context, i))).toEqual([1, -2, 0x123456789a, 4, 5, 6]);
    context.setResult(0xdeadbeef, 0x7f);
    await guest.run(context);
    expect(context.nr).toBe(60);
    expect(arg(context, 0)).toBe(0x7fdeadbeef);
    guest.dispose();
  });

  it('truncates the number to 32 bits and passes negative results', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => {
      a.label('start').mov('rax', 0x100000027).syscall().mov('rdi', 'rax').syscall();
    });
    await guest.run(context);
    expect(context.nr).toBe(39);
    context.setResult(-38 >>> 0, 0xffffffff);
    await guest.run(context);
    expect(context.nr).toBe(-38);
    expect(arg(context, 0)).toBe(-38);
    guest.dispose();
  });

  it('reports faults with the address, and goes on where it stopped once they are resolved', async () => {
    const guest = new TestGuest(platform);
    const address = 0x700000;
    const context = guest.start((a) => {
      a.label('start')
        .mov('rbx', address + 8)
        .mov('rcx', 77)
        .mov(mem('rbx'), 'rcx')
        .mov('rdi', mem('rbx'))
        .mov('eax', 1);
      a.syscall();
    });
    await guest.run(context);
    expect(context.event).toBe(EVENT_FAULT);
    expect(context.faultAddr).toBe(address + 8);
    if (guest.instance.capabilities.faultAccessKnown) expect(context.faultAccess).toBe(ACCESS_WRITE);
    context.addressSpace.map(address, 4096, 3, guest.dataOffset + 4096);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    expect(arg(context, 0)).toBe(77);
    expect(guest.data[4096 + 8]).toBe(77);
    guest.dispose();
  });

  it.each([
    ['divide error', [0x31, 0xc9, 0xf7, 0xf1], 0],
    ['breakpoint', [0xcc], 3],
    ['invalid opcode', [0x0f, 0x0b], 6],
    ['general protection (hlt)', [0xf4], 13],
    ['general protection (out)', [0xe6, 0x10], 13],
  ])('reports %s', async (_name, bytes, vector) => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').db(...bytes));
    await guest.run(context);
    expect(context.event).toBe(EVENT_EXCEPTION);
    expect(context.vector).toBe(vector);
    guest.dispose();
  });

  it.each([
    ['rdtsc', [0x0f, 0x31]],
    ['rdtscp', [0x0f, 0x01, 0xf9]],
  ])('reports %s when asked to, in threads and forks too', async (_name, bytes) => {
    const guest = new TestGuest(platform, { trapTsc: true });
    const traps = guest.instance.capabilities.trapsTsc;
    const context = guest.start((a) =>
      a
        .label('start')
        .db(...bytes)
        .syscall(),
    );
    const others = [context.clone(), context.fork()];
    for (const other of others) other.sink = guest;
    for (const each of [context, ...others]) {
      await guest.run(each);
      expect(each.event).toBe(traps ? EVENT_EXCEPTION : EVENT_SYSCALL);
      if (traps) expect([each.vector, getReg(each, RIP)]).toEqual([13, CODE]);
    }
    guest.dispose();
    const native = new TestGuest(platform);
    const free = native.start((a) =>
      a
        .label('start')
        .db(...bytes)
        .syscall(),
    );
    await native.run(free);
    expect(free.event).toBe(EVENT_SYSCALL);
    native.dispose();
  });

  it('reports execution of an unmapped page and of a page without execute right', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').mov('rax', 0x900000).jmpIndirect('rax'));
    await guest.run(context);
    expect(context.event).toBe(EVENT_FAULT);
    expect(context.faultAddr).toBe(0x900000);
    setReg(context, RIP, DATA);
    await guest.run(context);
    expect(context.event).toBe(EVENT_FAULT);
    expect(context.faultAddr).toBe(DATA);
    guest.dispose();
  });

  it('turns a call through the vsyscall page into a fault there, with the return address on the stack', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => {
      a.label('start').mov('rax', -10485760).xor('edi', 'edi').callIndirect('rax').label('back').int3();
    });
    await guest.run(context);
    expect(context.event).toBe(EVENT_FAULT);
    expect(context.faultAddr).toBe(0xffffffffff600000);
    expect(getReg(context, RIP)).toBe(-10485760);
    guest.dispose();
  });

  it('does not let int 0x80 through', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').mov('eax', 20).db(0xcd, 0x80));
    await guest.run(context);
    expect([EVENT_FOREIGN_SYSCALL, EVENT_EXCEPTION]).toContain(context.event);
    guest.dispose();
  });

  it('interrupts a computing guest, which keeps its state', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) =>
      a.label('start').xor('ebx', 'ebx').label('loop').inc('rbx').jmp('loop'),
    );
    // How far it gets in a while depends on what else the machine does; that it gets on does not.
    const runsOn = async (from: number): Promise<number> => {
      for (let i = 0; i < 50 && getReg(context, RBX) <= from; i++) {
        context.resume();
        await new Promise((r) => setTimeout(r, 30));
        context.interrupt();
        await guest.next();
        expect(context.event).toBe(EVENT_INTERRUPTED);
        expect(getReg(context, RBX)).toBeGreaterThanOrEqual(0);
      }
      return getReg(context, RBX);
    };
    const first = await runsOn(1000);
    expect(first).toBeGreaterThan(1000);
    expect(await runsOn(first)).toBeGreaterThan(first);
    guest.dispose();
  });

  it('interrupts a context that has been resumed but not yet run', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').jmp('start'));
    context.resume();
    context.interrupt();
    await guest.next();
    expect(context.event).toBe(EVENT_INTERRUPTED);
    guest.dispose();
  });

  it('serves many calls in order', { timeout: 300_000 }, async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => {
      a.label('start')
        .xor('ebx', 'ebx')
        .label('loop')
        .mov('rdi', 'rbx')
        .mov('eax', 39)
        .syscall()
        .inc('rbx')
        .jmp('loop');
    });
    const total = 20_000;
    let seen = 0;
    await new Promise<void>((resolve, reject) => {
      context.sink = {
        onGuestEvent(c): void {
          if (c.event !== EVENT_SYSCALL || arg(c, 0) !== seen)
            reject(new Error(`event ${c.event} at call ${seen}`));
          if (++seen === total) resolve();
          else {
            c.setResult(seen, 0);
            c.resume();
          }
        },
      };
      context.resume();
    });
    expect(seen).toBe(total);
    expect(getReg(context, RIP)).toBeGreaterThan(CODE);
    expect(getReg(context, RAX)).toBeDefined();
    guest.dispose();
  });
}
