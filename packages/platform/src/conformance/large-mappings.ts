import { mem } from '@sandbox/native';
import { expect, it } from 'vitest';
import { type Context, EVENT_FAULT, EVENT_SYSCALL, type Platform, PROT_R, PROT_W } from '../index.js';
import { arg, CODE, PAGE, RBX, RIP, RSI, setReg, TestGuest } from './guest.js';

const MIB = 2 ** 20;
const CHUNK = 2 ** 30;
/**
 * Where address and offset agree in their lower bits a platform may map pieces of 2 MiB at once, and has to
 * divide them again.
 */
const AT = 0x40000000;
const LENGTH = 6 * MIB;
const RW = PROT_R | PROT_W;

/** A guest that reads and writes where it is told to. */
class Mapper {
  readonly guest: TestGuest;
  readonly context: Context;
  private writeAt = 0;

  constructor(platform: Platform) {
    this.guest = new TestGuest(platform);
    this.context = this.guest.start((a) => {
      a.label('start').mov('rdi', mem('rbx')).syscall();
      a.label('write').mov(mem('rbx'), 'rsi').mov('rdi', 'rsi').syscall();
      this.writeAt = CODE + a.labelOffset('write');
    });
  }

  /** Memory for AT, `number` in the first word of each page. */
  memory(number: number): number {
    const { memory } = this.guest;
    const place = memory.allocateFor(AT, LENGTH);
    const words = new DataView(memory.chunk(place).buffer, memory.chunk(place).byteOffset);
    for (let at = 0; at < LENGTH; at += PAGE) words.setUint32((place % CHUNK) + at, number + at / PAGE, true);
    return place;
  }

  private async go(context: Context, rip: number, addr: number): Promise<number | string> {
    setReg(context, RIP, rip);
    setReg(context, RBX, addr);
    await this.guest.run(context);
    if (context.event === EVENT_SYSCALL) return arg(context, 0);
    expect([context.event, context.faultAddr]).toEqual([EVENT_FAULT, addr]);
    return 'fault';
  }

  read(addr: number, context = this.context): Promise<number | string> {
    return this.go(context, CODE, addr);
  }
  write(addr: number, value: number, context = this.context): Promise<number | string> {
    setReg(context, RSI, value);
    return this.go(context, this.writeAt, addr);
  }
}

export function largeMappingCases(platform: Platform): void {
  it('a part of a large mapping is changed alone', async () => {
    const m = new Mapper(platform);
    const space = m.context.addressSpace;
    const place = m.memory(1000);
    space.map(AT, LENGTH, RW, place);
    const page = AT + 2 * MIB + 5 * PAGE;
    for (const at of [AT, page - PAGE, page, page + PAGE, AT + LENGTH - PAGE])
      expect(await m.read(at)).toBe(1000 + (at - AT) / PAGE);
    space.protect(page, PAGE, PROT_R);
    expect(await m.write(page, 7)).toBe('fault');
    expect(await m.read(page)).toBe(1000 + 512 + 5);
    expect(await m.write(page + PAGE, 8)).toBe(8);
    space.unmap(page - PAGE, PAGE);
    expect(await m.read(page - PAGE)).toBe('fault');
    expect([await m.read(page), await m.read(page + PAGE)]).toEqual([1517, 8]);
    space.map(page - PAGE, PAGE, RW, place);
    expect(await m.read(page - PAGE)).toBe(1000);
    m.guest.dispose();
  });

  it('all of a large mapping is protected, replaced and taken away', async () => {
    const m = new Mapper(platform);
    const space = m.context.addressSpace;
    space.map(AT, LENGTH, RW, m.memory(1000));
    expect(await m.write(AT + 3 * MIB, 5)).toBe(5);
    space.protect(AT, LENGTH, 0);
    expect(await m.read(AT + 3 * MIB)).toBe('fault');
    space.protect(AT + 3 * MIB, PAGE, PROT_R);
    expect([await m.read(AT + 3 * MIB), await m.read(AT + 3 * MIB + PAGE)]).toEqual([5, 'fault']);
    space.protect(AT, LENGTH, RW);
    expect(await m.read(AT + 3 * MIB + PAGE)).toBe(1000 + 769);
    space.map(AT, LENGTH, RW, m.memory(5000));
    for (const at of [AT, AT + 3 * MIB, AT + 5 * MIB]) expect(await m.read(at)).toBe(5000 + (at - AT) / PAGE);
    space.unmap(AT, 4 * MIB);
    expect([await m.read(AT), await m.read(AT + 3 * MIB), await m.read(AT + 4 * MIB)]).toEqual([
      'fault',
      'fault',
      6024,
    ]);
    m.guest.dispose();
  });

  it('a fork has its large mappings to itself', async () => {
    const m = new Mapper(platform);
    const space = m.context.addressSpace;
    const place = m.memory(1000);
    space.map(AT, LENGTH, RW, place);
    expect(await m.write(AT + PAGE, 3)).toBe(3);
    space.protect(AT, LENGTH, PROT_R);
    const child = m.context.fork();
    child.sink = m.guest;
    expect([await m.write(AT + PAGE, 4), await m.write(AT + PAGE, 4, child)]).toEqual(['fault', 'fault']);
    // As copy-on-write has it.
    const copy = m.memory(9000);
    child.addressSpace.map(AT + PAGE, PAGE, RW, copy);
    expect(await m.write(AT + PAGE, 4, child)).toBe(4);
    expect([await m.read(AT + PAGE), await m.read(AT + 2 * PAGE, child)]).toEqual([3, 1002]);
    space.unmap(AT, LENGTH);
    expect([await m.read(AT), await m.read(AT, child), await m.read(AT + 5 * MIB, child)]).toEqual([
      'fault',
      1000,
      1000 + 1280,
    ]);
    m.guest.dispose();
  });
}
