import { SYSCALL_NAMES } from '@sandbox/abi';
import { describe, expect, it } from 'vitest';
import type { OciSeccomp } from '../src/config/types.js';
import { compileSeccomp } from '../src/sandbox/seccomp.js';

const X86_64 = 0xc000003e;
const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;

/** What the filter says of a call: classic BPF, as far as these filters use it. */
function judge(program: Uint8Array, name: string, args: readonly bigint[] = [], arch = X86_64): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, SYSCALL_NAMES.indexOf(name), true);
  data.setUint32(4, arch, true);
  args.forEach((arg, i) => {
    data.setBigUint64(16 + 8 * i, arg, true);
  });
  const code = new DataView(program.buffer);
  let a = 0;
  for (let pc = 0; pc < program.length / 8; pc++) {
    const op = code.getUint16(pc * 8, true);
    const k = code.getUint32(pc * 8 + 4, true);
    const [yes, no] = [code.getUint8(pc * 8 + 2), code.getUint8(pc * 8 + 3)];
    if (op === 0x20) a = data.getUint32(k, true);
    else if (op === 0x54) a = (a & k) >>> 0;
    else if (op === 0x06) return k;
    else if (op === 0x05) pc += k;
    else if (op === 0x15) pc += a === k ? yes : no;
    else if (op === 0x25) pc += a > k ? yes : no;
    else if (op === 0x35) pc += a >= k ? yes : no;
    else throw new Error(`instruction ${op}`);
  }
  throw new Error('no answer');
}

const allow = (names: readonly string[], args?: NonNullable<OciSeccomp['syscalls']>[number]['args']) => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  args,
});

describe('linux.seccomp', () => {
  it('lists of names, known and unknown', () => {
    const names = SYSCALL_NAMES.filter((name, i): name is string => name !== undefined && i % 3 !== 0);
    const program = compileSeccomp({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 38,
      syscalls: [allow([...names, 'no_such_call'])],
    })!;
    for (const [i, name] of SYSCALL_NAMES.entries()) {
      if (name === undefined) continue;
      expect([name, judge(program, name)]).toEqual([name, i % 3 !== 0 ? ALLOW : ERRNO | 38]);
    }
    expect(judge(program, 'write', [], 0x40000003)).toBe(0x80000000);
  });

  it.each([
    ['EQ', 5n, 0n, [5n], [4n, 6n, 5n + 2n ** 32n]],
    ['NE', 5n, 0n, [4n, 5n + 2n ** 32n], [5n]],
    ['GT', 5n, 0n, [6n, 2n ** 32n], [5n, 0n]],
    ['GE', 2n ** 33n, 0n, [2n ** 33n, 2n ** 33n + 1n], [2n ** 33n - 1n, 5n]],
    ['LT', 2n ** 33n, 0n, [2n ** 33n - 1n, 0n], [2n ** 33n, 2n ** 34n]],
    ['LE', 5n, 0n, [5n, 0n], [6n, 2n ** 32n]],
    ['MASKED_EQ', 0xf0n, 0x30n, [0x3fn, 0x30n + 2n ** 40n], [0x4fn]],
  ])('compares: %s', (op, value, valueTwo, hits, misses) => {
    const rule = allow(
      ['write'],
      [{ index: 2, value: Number(value), valueTwo: Number(valueTwo), op: `SCMP_CMP_${op}` }],
    );
    const program = compileSeccomp({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] })!;
    for (const hit of hits) expect(judge(program, 'write', [0n, 0n, hit])).toBe(ALLOW);
    for (const miss of misses) expect(judge(program, 'write', [0n, 0n, miss])).toBe(ERRNO | 1);
  });

  it('all arguments of a rule, one rule after the other', () => {
    const arg = (index: number, value: number) => ({ index, value, op: 'SCMP_CMP_EQ' });
    const program = compileSeccomp({
      defaultAction: 'SCMP_ACT_KILL_PROCESS',
      syscalls: [
        allow(['personality'], [arg(0, 1), arg(1, 2)]),
        allow(['personality'], [arg(0, 7)]),
        { names: ['personality'], action: 'SCMP_ACT_TRAP' },
      ],
    })!;
    expect(judge(program, 'personality', [1n, 2n])).toBe(ALLOW);
    expect(judge(program, 'personality', [7n, 9n])).toBe(ALLOW);
    expect(judge(program, 'personality', [1n, 9n])).toBe(0x00030000);
    expect(judge(program, 'write')).toBe(0x80000000);
  });

  it('none, and what is not supported', () => {
    expect(compileSeccomp({ defaultAction: 'SCMP_ACT_ALLOW' })).toBe(null);
    expect(() => compileSeccomp({ defaultAction: 'SCMP_ACT_NOTIFY' })).toThrow('not supported');
  });
});
