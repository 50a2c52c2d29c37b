import { expect, it } from 'vitest';
import { type CodeAccess, type Context, EVENT_SYSCALL, type Platform } from '../index.js';
import { arg, CODE, DATA, getReg, PAGE, RAX, RBX, RDI, RIP, RSP, setReg, TestGuest } from './guest.js';

const CHUNK = 2 ** 30;
/** Calls from each place: enough for each to be found hot. */
const ROUNDS = 150;
const PLACES = ['mov-eax', 'mov-rax', 'stack', 'behind'] as const;
const R12 = 3;

/** The hand of a kernel that has the code at CODE and no more. */
function codeAccess(guest: TestGuest): CodeAccess & { patches: number } {
  const code = (): Uint8Array => {
    const at = guest.codeOffset % CHUNK;
    return guest.memory.chunk(guest.codeOffset).subarray(at, at + PAGE);
  };
  return {
    patches: 0,
    read(_context, addr, dst) {
      for (let i = 0; i < dst.length; i++) dst[i] = code()[addr - CODE + i] ?? 0;
      return addr + dst.length <= CODE + PAGE;
    },
    patch(_context, addr, bytes) {
      this.patches++;
      code().set(bytes, addr - CODE);
      return true;
    },
  };
}

export function fastPathCases(platform: Platform): void {
  /**
   * Four calls a round, by instructions as compilers and the C library have them; their results are summed in
   * rbx.
   */
  function start(guest: TestGuest): { context: Context; at: (label: string) => number } {
    let labels = (_: string): number => 0;
    const context = guest.start((a) => {
      labels = (label) => CODE + a.labelOffset(label);
      // Room before it, where a kernel looks for jumps.
      for (let i = 0; i < 256; i++) a.db(0x90);
      a.label('start')
        .mov('edi', 1)
        .db(0xb8)
        .dd(1001)
        .label('old')
        .syscall()
        .label('mov-eax')
        .add('rbx', 'rax');
      a.mov('edi', 2).db(0x48, 0xc7, 0xc0).dd(1002).syscall().label('mov-rax').add('rbx', 'rax');
      a.mov('edi', 3)
        .mov('eax', 1003)
        .db(0x48, 0x89, 0x7c, 0x24, 0xf8)
        .syscall()
        .label('stack')
        .add('rbx', 'rax');
      a.mov('edi', 4).mov('eax', 1004).syscall().label('behind').cmp('rax', -4095).jcc('ae', 'failed');
      a.add('rbx', 'rax').label('failed').jmp('start');
    });
    setReg(context, RBX, 0);
    setReg(context, R12, 0x1212);
    setReg(context, RSP, DATA + 2048);
    return { context, at: (label) => labels(label) };
  }

  /** Let `context` make its next `rounds` of calls. Returns the sum of the results. */
  async function calls(
    guest: TestGuest,
    context: Context,
    at: (l: string) => number,
    rounds: number,
  ): Promise<number> {
    let sum = 0;
    for (let i = 0; i < rounds * 4; i++) {
      await guest.run(context);
      const n = (i % 4) + 1;
      expect([context.event, context.nr, arg(context, 0)]).toEqual([EVENT_SYSCALL, 1000 + n, n]);
      context.setResult(i, 0);
      sum += i;
      // All registers are had now and then only: what is fast is that they are not asked for.
      if (i % 37 !== 0) continue;
      expect([getReg(context, RAX), getReg(context, RDI), getReg(context, R12)]).toEqual([i, n, 0x1212]);
      expect([getReg(context, RIP), getReg(context, RSP)]).toEqual([at(PLACES[n - 1]), DATA + 2048]);
    }
    return sum;
  }

  it('calls are the same from patched places', { timeout: 60_000 }, async () => {
    const guest = new TestGuest(platform);
    const access = codeAccess(guest);
    guest.instance.setCodeAccess?.(access);
    const { context, at } = start(guest);
    const sum = await calls(guest, context, at, ROUNDS);
    if (guest.instance.capabilities.inGuestFastPath) expect(access.patches).toBe(PLACES.length);
    const child = context.fork();
    child.sink = guest;
    const thread = context.clone();
    thread.sink = guest;
    for (const one of [child, context, thread]) {
      // The last result is still to be added.
      const more = await calls(guest, one, at, 10);
      expect(getReg(one, RBX)).toBe(sum + more - 39);
    }
    guest.dispose();
  });

  it('a jump to the place of an old syscall instruction is that call', async () => {
    const guest = new TestGuest(platform);
    guest.instance.setCodeAccess?.(codeAccess(guest));
    const { context, at } = start(guest);
    await calls(guest, context, at, ROUNDS);
    setReg(context, RIP, at('old'));
    setReg(context, RAX, 77);
    await guest.run(context);
    expect([context.event, context.nr, arg(context, 0)]).toEqual([EVENT_SYSCALL, 77, 4]);
    expect(getReg(context, RIP)).toBe(at('mov-eax'));
    guest.dispose();
  });

  it('code is as it was while a debugger looks', { timeout: 60_000 }, async () => {
    const guest = new TestGuest(platform);
    const access = codeAccess(guest);
    guest.instance.setCodeAccess?.(access);
    const { context, at } = start(guest);
    const original = new Uint8Array(512);
    access.read(context, CODE, original);
    await calls(guest, context, at, ROUNDS);
    context.setPlainCode?.(true);
    const now = new Uint8Array(512);
    access.read(context, CODE, now);
    expect(now).toEqual(original);
    await calls(guest, context, at, 10);
    context.setPlainCode?.(false);
    await calls(guest, context, at, ROUNDS);
    guest.dispose();
  });
}
