import {
  FP_XSTATE_MAGIC1,
  FP_XSTATE_MAGIC2,
  FPSTATE,
  FPX_SW_BYTES,
  MCONTEXT,
  RT_SIGFRAME,
  SA_RESTORER,
  SA_SIGINFO,
  SI_QUEUE,
  SIGINFO,
  SIGSEGV,
  SIGUSR1,
  UCONTEXT,
  USER_REGS,
} from '@sandbox/abi';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setReg, setupFrame } from '../../src/process/signal/frame.js';
import { siginfo } from '../../src/process/signal/siginfo.js';
import { sigreturn } from '../../src/process/signal/sigreturn.js';
import { SigSet } from '../../src/process/signal/sigset.js';
import type { Task } from '../../src/process/task/task.js';
import { FakeKernel } from '../support/fake-kernel.js';
import { FakeContext } from '../support/fake-platform.js';

const XFEATURES = 7;
const SIZE = 832;

/** A context with an FPU image of 832 bytes (x87, SSE, AVX) that can be looked at. */
class FpuContext extends FakeContext {
  override readonly fpuSize = SIZE as 576;
  override readonly xfeatures = XFEATURES as 3;
  image = new Uint8Array(SIZE);
  loaded: Uint8Array | null = null;
  override saveFpu(dst?: Uint8Array, offset = 0): void {
    dst?.set(this.image, offset);
  }
  override loadFpu(src?: Uint8Array, offset = 0, length = 0): boolean {
    this.loaded = src ? src.slice(offset, offset + length) : null;
    return true;
  }
  override resetFpu(): void {
    this.loaded = null;
  }
}

let kernel: FakeKernel;
let task: Task;
let context: FpuContext;
let stack: number;
const bytes = new Uint8Array(4096);
const view = new DataView(bytes.buffer);

beforeEach(() => {
  kernel = new FakeKernel([]);
  const made = kernel.process();
  task = made.task;
  context = new FpuContext(task.context.addressSpace);
  task.context = context;
  stack = kernel.map(made, 65536) + 60000;
  const regs = context.regs();
  for (let i = 0; i < 54; i++) regs[i] = 0x1000 + i;
  setReg(regs, USER_REGS.rsp * 2, stack);
  setReg(regs, USER_REGS.rip * 2, 0x401000);
  regs[USER_REGS.eflags * 2] = 0x246 | 0x400;
  context.image.fill(0x5a);
  context.image.fill(0, 512, 576);
  context.image[512] = 4;
});
afterEach(() => kernel.dispose());

/** Set up a frame; its address. */
function deliver(): number {
  const info = siginfo(SIGUSR1, SI_QUEUE);
  info.pid = 42;
  info.valueLo = 0x1234;
  expect(setupFrame(task, info, 0x402000, SA_SIGINFO | SA_RESTORER, 0x403000, SigSet.of(5))).toBe(true);
  const frame = context.regs()[USER_REGS.rsp * 2] + context.regs()[USER_REGS.rsp * 2 + 1] * 2 ** 32;
  task.mm.copyIn(frame, bytes, 0, RT_SIGFRAME.SIZE);
  return frame;
}

/** What the handler's `ret` and the restorer do. */
function returnFrom(frame: number): void {
  setReg(context.regs(), USER_REGS.rsp * 2, frame + 8);
  sigreturn(task);
}

const mc = RT_SIGFRAME.uc + UCONTEXT.uc_mcontext;
const segv = () => task.signals.pending.set.has(SIGSEGV);

describe('a frame', () => {
  it('holds registers, mask, siginfo and FPU state', () => {
    deliver();
    expect(view.getUint32(RT_SIGFRAME.pretcode, true)).toBe(0x403000);
    expect(view.getUint32(mc + MCONTEXT.r15, true)).toBe(0x1000);
    expect(view.getUint32(mc + MCONTEXT.r15 + 4, true)).toBe(0x1001);
    expect(view.getUint32(mc + MCONTEXT.rip, true)).toBe(0x401000);
    expect(view.getUint16(mc + MCONTEXT.cs, true)).toBe(0x33);
    expect(view.getUint32(RT_SIGFRAME.uc + UCONTEXT.uc_sigmask, true)).toBe(1 << 4);
    expect(view.getInt32(RT_SIGFRAME.info + SIGINFO.si_pid, true)).toBe(42);
    expect(view.getUint32(RT_SIGFRAME.info + SIGINFO.si_value, true)).toBe(0x1234);
    const fpstate =
      view.getUint32(mc + MCONTEXT.fpstate, true) + view.getUint32(mc + MCONTEXT.fpstate + 4, true) * 2 ** 32;
    task.mm.copyIn(fpstate, bytes, 0, SIZE + 4);
    const sw = FPSTATE.sw_reserved;
    expect(view.getUint32(sw + FPX_SW_BYTES.magic1, true)).toBe(FP_XSTATE_MAGIC1);
    expect(view.getUint32(sw + FPX_SW_BYTES.extended_size, true)).toBe(SIZE + 4);
    expect(view.getUint32(sw + FPX_SW_BYTES.xstate_size, true)).toBe(SIZE);
    expect(view.getUint32(SIZE, true)).toBe(FP_XSTATE_MAGIC2);
    expect(view.getUint32(512, true)).toBe(7);
    expect(bytes[600]).toBe(0x5a);
  });

  it('starts the handler with its arguments and clear flags', () => {
    const frame = deliver();
    const regs = context.regs();
    expect(regs[USER_REGS.rdi * 2]).toBe(SIGUSR1);
    expect(regs[USER_REGS.rip * 2]).toBe(0x402000);
    expect(regs[USER_REGS.rsi * 2]).toBe((frame + RT_SIGFRAME.info) >>> 0);
    expect(regs[USER_REGS.rdx * 2]).toBe((frame + RT_SIGFRAME.uc) >>> 0);
    expect(regs[USER_REGS.rax * 2]).toBe(0);
    expect(regs[USER_REGS.eflags * 2]).toBe(0x246);
  });
});

describe('rt_sigreturn', () => {
  it('restores everything', () => {
    const before = context.regs().slice();
    const frame = deliver();
    returnFrom(frame);
    expect(segv()).toBe(false);
    const after = context.regs();
    for (const name of [
      'rax',
      'rbx',
      'rcx',
      'rdx',
      'rsi',
      'rdi',
      'rbp',
      'r8',
      'r15',
      'rsp',
      'rip',
      'eflags',
    ] as const) {
      const i = USER_REGS[name] * 2;
      expect([name, after[i]]).toEqual([name, before[i]]);
    }
    expect(task.signals.blocked.lo).toBe(1 << 4);
    expect(context.loaded![600]).toBe(0x5a);
  });

  /** Change a frame's FPU part and return. */
  function tamper(change: (v: DataView) => void): void {
    const frame = deliver();
    const fpstate =
      view.getUint32(mc + MCONTEXT.fpstate, true) + view.getUint32(mc + MCONTEXT.fpstate + 4, true) * 2 ** 32;
    task.mm.copyIn(fpstate, bytes, 0, SIZE + 4);
    change(view);
    task.mm.copyOut(fpstate, bytes, 0, SIZE + 4);
    returnFrom(frame);
  }
  const sw = FPSTATE.sw_reserved;

  it.each<[string, (v: DataView) => void]>([
    ['no first mark', (v) => v.setUint32(sw + FPX_SW_BYTES.magic1, 0, true)],
    ['no second mark', (v) => v.setUint32(SIZE, 0, true)],
    ['a size that is too large', (v) => v.setUint32(sw + FPX_SW_BYTES.xstate_size, SIZE + 64, true)],
    ['a size that is too small', (v) => v.setUint32(sw + FPX_SW_BYTES.xstate_size, 512, true)],
  ])('takes an image with %s as legacy', (_what, change) => {
    tamper(change);
    expect(segv()).toBe(false);
    expect(context.loaded![512]).toBe(3);
    expect(context.loaded![100]).toBe(0x5a);
    expect(context.loaded![600]).toBe(0);
  });

  it('leaves out features the frame does not ask for', () => {
    tamper((v) => v.setUint32(sw + FPX_SW_BYTES.xfeatures, 3, true));
    expect(context.loaded![512]).toBe(3);
  });

  it.each<[string, (v: DataView) => void]>([
    ['a feature the processor lacks', (v) => v.setUint32(512, 0x40000, true)],
    ['a compacted format', (v) => v.setUint32(524, 0x80000000, true)],
    ['reserved header bytes', (v) => v.setUint32(572, 1, true)],
  ])('is SIGSEGV with %s', (_what, change) => {
    tamper(change);
    expect(segv()).toBe(true);
  });

  it('is SIGSEGV for a frame that cannot be read', () => {
    returnFrom(0x1000);
    expect(segv()).toBe(true);
    expect(task.signals.blocked.has(SIGSEGV)).toBe(false);
  });

  it('is SIGSEGV for a rip outside user space, which the frame of SIGSEGV then shows', () => {
    const frame = deliver();
    task.mm.store32(frame + mc + MCONTEXT.rip + 4, 0x80000000);
    returnFrom(frame);
    expect(segv()).toBe(true);
    expect(context.regs()[USER_REGS.rip * 2 + 1]).toBe(0x80000000);
  });

  it('never lets the guest choose privileged flags', () => {
    const frame = deliver();
    task.mm.store32(frame + mc + MCONTEXT.eflags, 0xffffffff);
    returnFrom(frame);
    // IOPL, NT, VM, VIF, VIP, ID and IF stay as they were.
    expect(context.regs()[USER_REGS.eflags * 2] & 0x3a7200).toBe(0x200);
  });

  it('starts from the initial FPU state without an image', () => {
    const frame = deliver();
    context.loaded = new Uint8Array(1);
    task.mm.store64(frame + mc + MCONTEXT.fpstate, 0);
    returnFrom(frame);
    expect(segv()).toBe(false);
    expect(context.loaded).toBe(null);
  });
});
