/**
 * Every guest program, on the host's Linux and in the sandbox: what it prints and how it ends must be equal. Topics are
 * kernels of their own; exclusions.json lists the programs that differ, with the reason, and only shrinks.
 */
import type { Kernel } from '@sandbox/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  difference,
  exclusions,
  type Guest,
  judge,
  listGuests,
  makeKernel,
  type Verdict,
} from './harness.js';

const PROGRAM_TIMEOUT = 90_000;
/** On Linux the programs change users, limits and mounts. */
const asRoot = process.getuid?.() === 0;
const excluded = exclusions();
const topics = new Map<string, Guest[]>();
for (const guest of listGuests()) {
  const programs = topics.get(guest.topic);
  if (programs) programs.push(guest);
  else topics.set(guest.topic, [guest]);
}

async function judgeAlone(guest: Guest): Promise<Verdict> {
  const kernel = await makeKernel();
  try {
    return await judge(kernel, guest);
  } finally {
    await kernel.dispose();
  }
}

for (const [topic, guests] of topics) {
  describe.skipIf(!asRoot)(asRoot ? topic : `${topic} (needs root)`, () => {
    let kernel: Kernel;
    let panic: Error | null = null;
    beforeAll(async () => {
      kernel = await makeKernel();
      kernel.on('panic', (error) => {
        panic = error;
      });
    });
    afterAll(() => kernel.dispose());

    for (const guest of guests) {
      const why = excluded[`${topic}/${guest.name}`];
      it(why ? `${guest.name} (excluded: ${why})` : guest.name, {
        timeout: PROGRAM_TIMEOUT,
      }, async (context) => {
        const verdict = guest.freshKernel ? await judgeAlone(guest) : await judge(kernel, guest);
        expect(panic).toBeNull();
        if (verdict.kind === 'skip') context.skip(verdict.why);
        else if (why)
          expect(verdict.kind, 'it agrees now: take it off conformance/exclusions.json').toBe('differs');
        else if (verdict.kind === 'differs')
          expect.fail(`${difference(verdict.native, verdict.ours)}\n${verdict.stderr}`);
      });
    }
  });
}

describe('exclusions', () => {
  it('name programs that exist', () => {
    const names = listGuests().map((g) => `${g.topic}/${g.name}`);
    expect(Object.keys(excluded).filter((name) => !names.includes(name))).toEqual([]);
  });
});
