/**
 * A good part of the guest programs, and a few real ones, in virtual machines: those that are close to the
 * platform (memory, signals, descriptors that block) and quick. All of them: `npx tsx conformance/run.ts
 * --platform kvm`, or `SANDBOX_PLATFORM=kvm npm test`.
 */
import { kvm } from '@sandbox/platform-kvm';
import { describe, expect, it } from 'vitest';
import { describeGuests } from './guest-suite.js';
import { listGuests } from './harness.js';
import { listCases } from './programs/cases.js';
import { judgeProgram } from './programs/judge.js';

const TOPICS = ['fd', 'ids', 'memory', 'poll', 'signal', 'static'];
const PROGRAMS = ['shell/pipelines', 'shell/traps', 'python/subprocess', 'shell/busybox-sh'];

const probe = kvm().probe();
const title = probe.ok
  ? `in virtual machines (${probe.detail})`
  : `in virtual machines: NOT RUN, ${probe.why}`;
if (!probe.ok) console.warn(`kvm: ${probe.code}: ${probe.why}`);

describe.skipIf(!probe.ok)(title, () => {
  describeGuests(
    listGuests().filter((guest) => TOPICS.includes(guest.topic)),
    'kvm',
  );

  describe('real programs', () => {
    for (const c of listCases().filter((each) => PROGRAMS.includes(`${each.topic}/${each.name}`))) {
      it(`${c.topic}/${c.name}`, { timeout: 90_000 }, async (context) => {
        const verdict = await judgeProgram({ name: 'host', dir: '/' }, c, 'kvm');
        if (verdict.kind === 'skip') context.skip(verdict.why);
        else if (verdict.kind === 'differs') expect(verdict.result).toEqual(verdict.native);
      });
    }
  });
});
