/**
 * The quick ones of the real programs, on the host's tree. All of them, on both trees: `npx tsx
 * conformance/programs.ts`.
 */
import { describe, expect, test } from 'vitest';
import { listCases, parseCases } from './programs/cases.js';
import { judgeProgram } from './programs/judge.js';

describe('real programs print what they print on Linux', () => {
  for (const c of listCases().filter((each) => each.quick)) {
    test(`${c.topic}/${c.name}`, { timeout: 240_000 }, async (context) => {
      const verdict = await judgeProgram({ name: 'host', dir: '/' }, c);
      if (verdict.kind === 'skip') context.skip(verdict.why);
      else if (verdict.kind === 'differs') expect(verdict.result).toEqual(verdict.native);
    });
  }
});

describe('the case files', () => {
  test('have names of their own', () => {
    const names = listCases().map((c) => `${c.topic}/${c.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('keys are read from the head line', () => {
    const [one, two] = parseCases(
      't',
      '# text\n#@ a needs=x,y timeout=7 quick\nline\n\n#@ b shell=busybox+sh\n',
    );
    expect(one).toMatchObject({
      name: 'a',
      script: 'line',
      needs: ['bash', 'x', 'y'],
      timeout: 7,
      quick: true,
    });
    expect(two).toMatchObject({ name: 'b', shell: ['busybox', 'sh'], quick: false, root: null });
    const [server] = parseCases('t', '#@ s publish=80,53/udp\ninside\n#> outside\nclient\n');
    expect(server).toMatchObject({
      script: 'inside',
      outside: 'client',
      publish: [
        { guest: 80, protocol: 'tcp' },
        { guest: 53, protocol: 'udp' },
      ],
    });
  });
});
