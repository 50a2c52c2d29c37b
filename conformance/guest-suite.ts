/** Guest programs as tests: `describeGuests(listGuests())`. */
import type { Kernel, KernelOptions } from '@sandbox/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { difference, exclusions, type Guest, judge, makeKernel, type Verdict } from './harness.js';

/** A hundred times what the longest takes by itself: the machine may have other things to do. */
const PROGRAM_TIMEOUT = 240_000;
/** On Linux the programs change users, limits and mounts. */
const asRoot = process.getuid?.() === 0;
const excluded = exclusions();

async function judgeAlone(guest: Guest, platform: KernelOptions['platform']): Promise<Verdict> {
  const kernel = await makeKernel(platform);
  try {
    return await judge(kernel, guest);
  } finally {
    await kernel.dispose();
  }
}

/** A suite for each topic, with a kernel of its own. */
export function describeGuests(
  programs: readonly Guest[],
  platform: KernelOptions['platform'] = 'auto',
): void {
  for (const topic of new Set(programs.map((guest) => guest.topic))) {
    const guests = programs.filter((guest) => guest.topic === topic);
    describe.skipIf(!asRoot)(asRoot ? topic : `${topic} (needs root)`, () => describeTopic(guests, platform));
  }
}

function describeTopic(guests: readonly Guest[], platform: KernelOptions['platform']): void {
  let kernel: Kernel;
  let panic: Error | null = null;
  beforeAll(async () => {
    kernel = await makeKernel(platform);
    kernel.on('panic', (error) => {
      panic = error;
    });
  });
  afterAll(() => kernel.dispose());

  for (const guest of guests) {
    const why = excluded[`${guest.topic}/${guest.name}`];
    it(why ? `${guest.name} (excluded: ${why})` : guest.name, {
      timeout: PROGRAM_TIMEOUT,
    }, async (context) => {
      const verdict = guest.freshKernel ? await judgeAlone(guest, platform) : await judge(kernel, guest);
      expect(panic).toBeNull();
      if (verdict.kind === 'skip') context.skip(verdict.why);
      else if (why)
        expect(verdict.kind, 'it agrees now: take it off conformance/exclusions.json').toBe('differs');
      else if (verdict.kind === 'differs')
        expect.fail(`${difference(verdict.native, verdict.ours)}\n${verdict.stderr}`);
    });
  }
}
