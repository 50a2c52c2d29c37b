import { BINPRM_BUF_SIZE, ENOEXEC } from '@sandbox/abi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/process/loader/script.js';

function parse(text: string): ReturnType<typeof parseScript> {
  const head = new Uint8Array(BINPRM_BUF_SIZE);
  head.set(Buffer.from(text, 'latin1').subarray(0, BINPRM_BUF_SIZE));
  return parseScript(head);
}

describe('parseScript', () => {
  it('takes interpreter and one argument', () => {
    expect(parse('#!/bin/sh\n')).toEqual({ interpreter: '/bin/sh', argument: null });
    expect(parse('#!/bin/sh')).toEqual({ interpreter: '/bin/sh', argument: null });
    expect(parse('#! \t/bin/sh -e  x \t\nrest')).toEqual({ interpreter: '/bin/sh', argument: '-e  x' });
    expect(parse('#!/bin/sh\r\n')).toEqual({ interpreter: '/bin/sh\r', argument: null });
    expect(parse('#!i a\0b\n')).toEqual({ interpreter: 'i', argument: 'a' });
  });

  it('needs an interpreter that fits', () => {
    expect(parse('#!\n')).toBe(-ENOEXEC);
    expect(parse('#!   \n')).toBe(-ENOEXEC);
    expect(parse(`#!${'x'.repeat(300)}`)).toBe(-ENOEXEC);
    expect(parse(`#!${' '.repeat(300)}`)).toBe(-ENOEXEC);
    expect(parse('#!')).toEqual({ interpreter: '', argument: null });
    const cut = parse(`#!/i ${'x'.repeat(300)}\n`);
    expect(cut).toEqual({ interpreter: '/i', argument: 'x'.repeat(BINPRM_BUF_SIZE - 1 - 5) });
  });

  it('never throws or reads beyond the buffer', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\0', 'a', '/'), maxLength: 300 }),
        (rest) => {
          const r = parse(`#!${rest}`);
          return typeof r === 'number' ? r === -ENOEXEC : !/[ \t\n\0]/.test(r.interpreter);
        },
      ),
      { numRuns: 2000, seed: 5 },
    );
  });
});
