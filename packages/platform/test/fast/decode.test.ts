import { describe, expect, it } from 'vitest';
import { movableLength, setsFlags } from '../../src/fast/decode.js';

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.split(' '), (byte) => Number.parseInt(byte, 16));

describe('instructions that may be moved', () => {
  const movable: [string, string, number][] = [
    ['cmp $-4095,%rax', '48 3d 01 f0 ff ff', 6],
    ['mov %rax,%rbx', '48 89 c3', 3],
    ['mov 0x28(%r12),%rax', '49 8b 44 24 28', 5],
    ['mov 0x1234(%rbp),%eax', '8b 85 34 12 00 00', 6],
    ['mov (%rax,%rbx,4),%ecx', '8b 0c 98', 3],
    ['mov 0x10(,%rbx,4),%ecx', '8b 0c 9d 10 00 00 00', 7],
    ['cmpb $0,0x900(%r9)', '41 80 b9 00 09 00 00 00', 8],
    ['test %eax,%eax', '85 c0', 2],
    ['mov $5,%edi', 'bf 05 00 00 00', 5],
    ['push %rbx', '53', 1],
    ['lea 8(%rsp),%rdi', '48 8d 7c 24 08', 5],
  ];
  it.each(movable)('%s', (_name, code, length) => {
    expect(movableLength(bytes(code), 0)).toBe(length);
  });

  const bound: [string, string][] = [
    ['relative to rip: mov 0x10(%rip),%eax', '8b 05 10 00 00 00'],
    ['ret', 'c3'],
    ['jmp', 'eb f8'],
    ['ja', '77 05'],
    ['call', 'e8 00 00 00 00'],
    ['syscall', '0f 05'],
    ['movabs, which is longer', '48 b8 01 02 03 04 05 06 07 08'],
    ['a prefix', '66 89 c3'],
  ];
  it.each(bound)('not: %s', (_name, code) => {
    expect(movableLength(bytes(code), 0)).toBe(0);
  });

  it('knows which of them set the flags', () => {
    expect(setsFlags(bytes('48 3d 01 f0 ff ff'), 0)).toBe(true);
    expect(setsFlags(bytes('85 c0'), 0)).toBe(true);
    expect(setsFlags(bytes('48 89 c3'), 0)).toBe(false);
    expect(setsFlags(bytes('49 8b 44 24 28'), 0)).toBe(false);
  });
});
