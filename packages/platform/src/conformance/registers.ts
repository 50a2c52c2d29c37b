import { memSegment } from '@sandbox/native';
import { expect, it } from 'vitest';
import { EVENT_EXCEPTION, EVENT_SYSCALL, type Platform } from '../index.js';
import { arg, CODE, DATA, EFLAGS, FS_BASE, getReg, RBX, RDI, RIP, setReg, TestGuest } from './guest.js';

/** Index of every general register but rcx, r11 (clobbered by `syscall`), rax, rsp. */
const KEPT = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 14];

/** #DB, and the flag that raises it after each instruction (Intel SDM vol. 3, 18.3.1.4). */
const DEBUG_VECTOR = 1;
const TRAP_FLAG = 0x100;

export function registerCases(platform: Platform): void {
  it('keeps all registers over a system call and a look at them', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').syscall().jmp('start'));
    for (const i of KEPT) setReg(context, i, 0x1111 * (i + 1));
    await guest.run(context);
    context.setResult(7, 0);
    for (const i of KEPT) expect(getReg(context, i)).toBe(0x1111 * (i + 1));
    await guest.run(context);
    expect(context.nr).toBe(7);
    for (const i of KEPT) expect(getReg(context, i)).toBe(0x1111 * (i + 1));
    guest.dispose();
  });

  it('does not let the kernel give a guest privileged flags', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').pushfq().pop('rdi').syscall());
    // IOPL 3, and interrupts off.
    setReg(context, EFLAGS, 0x3000);
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    expect(arg(context, 0) & 0x3200).toBe(0x200);
    guest.dispose();
  });

  it('sets and reports the FS base', async () => {
    const guest = new TestGuest(platform);
    guest.data[0x40] = 0x5a;
    const context = guest.start((a) => a.label('start').mov('rdi', memSegment('fs', 0x40)).syscall());
    setReg(context, FS_BASE, DATA);
    await guest.run(context);
    expect(arg(context, 0)).toBe(0x5a);
    expect(getReg(context, FS_BASE)).toBe(DATA);
    guest.dispose();
  });

  it('saves, resets and loads the FPU and SSE state', async () => {
    const guest = new TestGuest(platform);
    const view = new DataView(guest.data.buffer, guest.data.byteOffset);
    view.setFloat64(0, 2.5, true);
    const context = guest.start((a) => {
      a.label('start').mov('rbx', DATA);
      a.db(0xf3, 0x0f, 0x7e, 0x03); // movq xmm0, [rbx]
      a.syscall();
      a.db(0x66, 0x0f, 0xd6, 0x43, 0x08); // movq [rbx+8], xmm0
      a.syscall();
      a.db(0x66, 0x0f, 0xd6, 0x43, 0x10); // movq [rbx+16], xmm0
      a.syscall();
    });
    await guest.run(context);
    const image = new Uint8Array(context.fpuSize);
    context.saveFpu(image, 0);
    expect(new DataView(image.buffer).getFloat64(160, true)).toBe(2.5);
    expect(context.fpuSize).toBeGreaterThanOrEqual(576);
    expect(context.xfeatures & 3).toBe(3);
    // What it says is there is what guests have, whatever more the host keeps in such an area.
    expect(new DataView(image.buffer).getBigUint64(512, true) & ~BigInt(context.xfeatures)).toBe(0n);
    context.resetFpu();
    await guest.run(context);
    expect(view.getFloat64(8, true)).toBe(0);
    expect(context.loadFpu(image, 0, image.length)).toBe(true);
    await guest.run(context);
    expect(view.getFloat64(16, true)).toBe(2.5);
    guest.dispose();
  });

  it('refuses an FPU image the processor would not take', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').syscall());
    await guest.run(context);
    const image = new Uint8Array(context.fpuSize);
    context.saveFpu(image, 0);
    image.fill(0xff, 24, 28); // MXCSR with reserved bits
    image[512] = 3; // XSTATE_BV: x87 and SSE are in the image
    expect(context.loadFpu(image, 0, image.length)).toBe(false);
    guest.dispose();
  });

  it('executes one instruction when asked to, and hides the flag that does it', async (test) => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) =>
      a.label('start').mov('ebx', 5).mov('edi', 6).syscall().mov('ebx', 7).syscall(),
    );
    if (!context.stepNext) return test.skip('the platform cannot execute single instructions');
    for (const rip of [CODE + 5, CODE + 10]) {
      context.stepNext();
      await guest.run(context);
      expect([context.event, context.vector]).toEqual([EVENT_EXCEPTION, DEBUG_VECTOR]);
      expect(getReg(context, RIP)).toBe(rip);
      expect(getReg(context, EFLAGS) & TRAP_FLAG).toBe(0);
    }
    expect(getReg(context, RBX)).toBe(5);
    context.stepNext();
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    context.setResult(0, 0);
    // Nothing is stepped any more.
    await guest.run(context);
    expect(context.event).toBe(EVENT_SYSCALL);
    expect(getReg(context, RBX)).toBe(7);
    guest.dispose();
  });

  it('clones with registers of its own', async () => {
    const guest = new TestGuest(platform);
    const context = guest.start((a) => a.label('start').syscall().mov('rdi', 'rbx').syscall());
    setReg(context, RBX, 5);
    await guest.run(context);
    const child = context.clone();
    child.sink = guest;
    expect(child.addressSpace).toBe(context.addressSpace);
    setReg(child, RBX, 6);
    await guest.run(child);
    expect(arg(child, 0)).toBe(6);
    await guest.run(context);
    expect(arg(context, 0)).toBe(5);
    expect(getReg(context, RDI)).toBe(5);
    guest.dispose();
  });
}
