import {
  E2BIG,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAX_RW_COUNT,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '@sandbox/abi';
import type { IoBuf } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';
import { guessAccess } from '../../src/mm/access-kind.js';
import { Limits } from '../../src/mm/rlimits.js';
import { checkArgumentSpace, readStrings } from '../../src/process/loader/arguments.js';
import { makeMemory, PAGE } from './fakes.js';

const BASE = 0x10000000;
const RW = PROT_READ | PROT_WRITE;

function memory(pages = 4) {
  const m = makeMemory();
  m.mm.mmap(BASE, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, null, 0);
  return m;
}

describe('guest memory access', () => {
  it('reads and writes words at any alignment and across pages', () => {
    const { mm } = memory();
    for (const at of [0, 1, 2, 3, PAGE - 3, PAGE - 1, 2 * PAGE - 2]) {
      expect(mm.store32(BASE + at, 0x89abcdef)).toBe(0);
      expect(mm.load32(BASE + at)).toBe(0x89abcdef);
      expect(mm.store64(BASE + at, 0x1f23456789abcd)).toBe(0);
      expect(mm.load64(BASE + at)).toBe(0x1f23456789abcd);
      expect(mm.store64(BASE + at, -2)).toBe(0);
      expect(mm.load32(BASE + at + 4)).toBe(0xffffffff);
    }
    expect(mm.load32(BASE + 4 * PAGE - 2)).toBe(-EFAULT);
    expect(mm.store32(BASE - 1, 1)).toBe(-EFAULT);
    expect(mm.compareExchange32(BASE, 1, 2)).toBe(mm.load32(BASE));
    expect(mm.compareExchange32(BASE + 2, 1, 2)).toBe(-EINVAL);
  });

  it('counts what was copied before a fault', () => {
    const { mm } = memory(2);
    const bytes = new Uint8Array(3 * PAGE).fill(7);
    expect(mm.copyOutPartial(BASE + 100, bytes, 0, bytes.length)).toBe(2 * PAGE - 100);
    expect(mm.copyOut(BASE + 100, bytes, 0, bytes.length)).toBe(-EFAULT);
    expect(mm.copyInPartial(BASE, bytes, 0, bytes.length)).toBe(2 * PAGE);
    expect(mm.zeroPartial(BASE + PAGE, 2 * PAGE)).toBe(PAGE);
  });

  it('sees changes of rights at once', () => {
    const { mm } = memory();
    expect(mm.store32(BASE, 5)).toBe(0);
    mm.mprotect(BASE, PAGE, PROT_READ);
    expect(mm.store32(BASE, 6)).toBe(-EFAULT);
    expect(mm.load32(BASE)).toBe(5);
    mm.mprotect(BASE, PAGE, PROT_NONE);
    expect(mm.load32(BASE)).toBe(-EFAULT);
    mm.munmap(BASE, PAGE);
    expect(mm.load32(BASE)).toBe(-EFAULT);
  });

  it('reads strings to their NUL', () => {
    const { mm } = memory(2);
    mm.copyOut(BASE + PAGE - 3, Buffer.from('hello\0'), 0, 6);
    expect(mm.readString(BASE + PAGE - 3, 6)).toBe('hello');
    expect(mm.readString(BASE + PAGE - 3, 5)).toBe(-ENAMETOOLONG);
    new Uint8Array(1);
    mm.copyOut(BASE + 2 * PAGE - 2, Buffer.from('xy'), 0, 2);
    expect(mm.readString(BASE + 2 * PAGE - 2, 10)).toBe(-EFAULT);
    expect(mm.readString(0, 10)).toBe(-EFAULT);
  });

  it('moves bytes through an iovec and stops where it faults', () => {
    const { mm } = memory(2);
    const vec = BASE;
    const put = (i: number, base: number, length: number): void => {
      mm.store64(vec + i * 16, base);
      mm.store64(vec + i * 16 + 8, length);
    };
    put(0, BASE + 256, 3);
    put(1, BASE + 300, 0);
    put(2, BASE + 2 * PAGE - 2, 4);
    const io = mm.iov(vec, 3) as IoBuf;
    expect(io.remaining).toBe(7);
    expect(io.put(Buffer.from('abcdefg'), 0, 7)).toBe(5);
    expect(mm.readString(BASE + 256, 10)).toBe('abc');
    expect(io.remaining).toBe(2);
    const again = mm.iov(vec, 1) as IoBuf;
    expect(again.window(100, false)).toBe(3);
    expect(again.bytes[again.start]).toBe(0x61);
  });

  it('checks iovecs as import_iovec', () => {
    const { mm } = memory(8);
    expect(mm.iov(BASE, 1025)).toBe(-EINVAL);
    expect((mm.iov(0, 0) as IoBuf).remaining).toBe(0);
    expect(mm.iov(8, 1)).toBe(-EFAULT);
    mm.store64(BASE, BASE);
    mm.store64(BASE + 8, -1);
    expect(mm.iov(BASE, 1)).toBe(-EINVAL);
    for (let i = 0; i < 2; i++) {
      mm.store64(BASE + i * 16, BASE);
      mm.store64(BASE + i * 16 + 8, 0x7fffffff);
    }
    expect((mm.iov(BASE, 2) as IoBuf).remaining).toBe(MAX_RW_COUNT);
    mm.store64(BASE, 0x7ffffffff000);
    mm.store64(BASE + 8, 1);
    expect(mm.iov(BASE, 1)).toBe(-EFAULT);
  });

  it('gathers argument strings within their limits', () => {
    const { mm } = memory();
    mm.copyOut(BASE + 512, Buffer.from('one\0two\0'), 0, 8);
    mm.store64(BASE, BASE + 512);
    mm.store64(BASE + 8, BASE + 516);
    mm.store64(BASE + 16, 0);
    expect(readStrings(mm, BASE)).toEqual(['one', 'two']);
    expect(readStrings(mm, 0)).toEqual([]);
    expect(readStrings(mm, 64)).toBe(-EFAULT);
    const limits = Limits.initial(10);
    expect(checkArgumentSpace(limits, ['x'.repeat(100000)], ['y'.repeat(100000)], 'p')).toBe(0);
    expect(checkArgumentSpace(limits, new Array(100).fill('x'.repeat(100000)), [], 'p')).toBe(-E2BIG);
    limits.set(3, 65536, 65536);
    expect(checkArgumentSpace(limits, ['x'.repeat(130000)], ['y'.repeat(2000)], 'p')).toBe(-E2BIG);
  });
});

describe('flushes', () => {
  it('before pages other threads may still reach are given away, and only then', () => {
    const { mm, space } = memory();
    mm.munmap(BASE, PAGE);
    expect(space.flushes).toBe(0);
    space.contexts = 2;
    mm.munmap(BASE + PAGE, PAGE);
    expect(space.flushes).toBe(1);
    mm.mprotect(BASE + 2 * PAGE, PAGE, PROT_READ);
    expect(space.flushes).toBe(1);
    space.contexts = 1;
    mm.asForeigner(() => mm.munmap(BASE + 2 * PAGE, PAGE));
    expect(space.flushes).toBe(2);
  });
});

describe('guessAccess', () => {
  const RIP = 16 * 2;
  function kind(code: number[], addr = 0x5000, rdi = 0x5000, rsp = 0x9000): number {
    const { mm } = memory(1);
    mm.copyOut(BASE, Uint8Array.from(code), 0, code.length);
    const regs = new Uint32Array(54);
    regs[RIP] = BASE;
    regs[14 * 2] = rdi;
    regs[19 * 2] = rsp;
    return guessAccess(mm, regs, addr);
  }
  const READ = 1;
  const WRITE = 2;

  it('tells loads from stores', () => {
    const cases: [number[], number][] = [
      [[0x8b, 0x07], READ], // mov (%rdi),%eax
      [[0x89, 0x07], WRITE], // mov %eax,(%rdi)
      [[0x48, 0xc7, 0x07, 1, 0, 0, 0], WRITE], // movq $1,(%rdi)
      [[0x66, 0x44, 0x89, 0x07], WRITE],
      [[0x83, 0x3f, 0x05], READ], // cmpl $5,(%rdi)
      [[0x83, 0x07, 0x05], WRITE], // addl $5,(%rdi)
      [[0xf0, 0x48, 0x0f, 0xb1, 0x17], WRITE], // lock cmpxchg
      [[0x0f, 0xb6, 0x07], READ], // movzbl
      [[0x0f, 0x11, 0x07], WRITE], // movups %xmm0,(%rdi)
      [[0x0f, 0x10, 0x07], READ],
      [[0xf3, 0x0f, 0x7e, 0x07], READ], // movq (%rdi),%xmm0
      [[0x66, 0x0f, 0xd6, 0x07], WRITE], // movq %xmm0,(%rdi)
      [[0xc5, 0xfe, 0x7f, 0x07], WRITE], // vmovdqu %ymm0,(%rdi)
      [[0xc5, 0xfe, 0x6f, 0x07], READ],
      [[0x62, 0xf1, 0x7c, 0x48, 0x11, 0x07], WRITE], // vmovups %zmm0,(%rdi)
      [[0xf3, 0xaa], WRITE], // rep stosb
      [[0xf6, 0x07, 0x01], READ], // testb
      [[0xf7, 0x1f], WRITE], // negl
      [[0xd9, 0x3f], WRITE], // fnstcw
      [[0xd9, 0x2f], READ], // fldcw
    ];
    for (const [code, want] of cases) expect([code, kind(code)]).toEqual([code, want]);
  });

  it('tells the two operands of movs, push and call apart', () => {
    expect(kind([0xf3, 0xa4], 0x5000, 0x5000)).toBe(WRITE);
    expect(kind([0xf3, 0xa4], 0x7000, 0x5000)).toBe(READ);
    expect(kind([0xff, 0x37], 0x8ff8)).toBe(WRITE); // pushq (%rdi), the stack faults
    expect(kind([0xff, 0x37], 0x5000)).toBe(READ);
    expect(kind([0xe8, 0, 0, 0, 0], 0x8ff8)).toBe(WRITE);
  });
});
