/**
 * What runs in the emulated machine, bundled into one file: the platform's own suite, some random code, guest
 * programs and real ones compared with what they do natively there. Arguments pick parts by name (`suite`,
 * `calls`, `fuzz`, `guests`, `programs`, or `TOPIC/NAME` of a guest or real program); none means all.
 * `case=WORD` leaves only those cases of the suites that have it in their names.
 */
import { describeFuzz, describePlatform } from '@sandbox/platform/conformance';
import { kvm } from '@sandbox/platform-kvm';
import { difference, judge, listGuests, makeKernel } from '../../conformance/harness.js';
import { listCases } from '../../conformance/programs/cases.js';
import { judgeProgram } from '../../conformance/programs/judge.js';
import { whyKnown } from './known.js';
import { runCases } from './suite.js';

const TOPICS = ['signal', 'memory', 'static', 'ids'];
const PROGRAMS = [
  'shell/busybox-sh',
  'shell/pipelines',
  'shell/traps',
  'coreutils/text',
  'python/basics',
  'python/subprocess',
  'compilers/gcc-hello',
  'compilers/gcc-signals',
  'compilers/perl',
  'compilers/node',
  'compilers/java',
  'network/redis',
];
/** Emulation takes so many times as long, on a machine that has other things to do. */
const SLOWNESS = 30;
const FUZZ_RUNS = 300;

const CASE = 'case=';
const only = process.argv
  .slice(2)
  .filter((part) => part.startsWith(CASE))
  .map((part) => part.slice(CASE.length));
const parts = process.argv.slice(2).filter((part) => !part.startsWith(CASE));
const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);
const named = parts.filter((part) => part.includes('/'));

let failures = 0;

async function guests(filters: readonly string[], topics: readonly string[]): Promise<void> {
  for (const guest of listGuests(filters)) {
    if (!topics.includes(guest.topic)) continue;
    const kernel = await makeKernel('kvm');
    try {
      const verdict = await judge(kernel, guest);
      const name = `${guest.topic}/${guest.name}`;
      const known = verdict.kind === 'differs' ? whyKnown(name, verdict.native, verdict.ours) : null;
      console.log(`${(known ? 'known' : verdict.kind).padEnd(7)} guest ${name}`);
      if (known) console.log(known);
      if (verdict.kind === 'skip') console.log(verdict.why);
      if (verdict.kind === 'differs') {
        if (!known) failures++;
        console.log(`${difference(verdict.native, verdict.ours)}\n${verdict.stderr}`);
      }
    } finally {
      await kernel.dispose();
    }
  }
}

async function programs(names: readonly string[]): Promise<void> {
  for (const found of listCases()) {
    const name = `${found.topic}/${found.name}`;
    if (!names.includes(name)) continue;
    const root = { name: 'host', dir: '/' } as const;
    const verdict = await judgeProgram(root, { ...found, timeout: found.timeout * SLOWNESS }, 'kvm');
    console.log(`${verdict.kind.padEnd(7)} program ${name}`);
    if (verdict.kind === 'skip') console.log(verdict.why);
    if (verdict.kind === 'differs') {
      failures++;
      console.log(difference(verdict.native, verdict.result));
    }
  }
}

const probe = kvm().probe();
console.log(probe.ok ? `kvm: ${probe.detail}` : `kvm: ${probe.code}: ${probe.why}`);
if (!probe.ok) failures++;
if (wants('suite')) describePlatform('kvm', kvm());
if (wants('calls')) describePlatform('kvm, calls in shared memory', kvm({ spin: 'always' }));
if (wants('fuzz')) describeFuzz('kvm', kvm(), { runs: FUZZ_RUNS, seed: 1 });
failures += await runCases(only);
if (wants('programs')) await programs(PROGRAMS);
if (wants('guests')) await guests([], TOPICS);
if (named.length > 0) {
  await guests(
    named,
    listGuests(named).map((g) => g.topic),
  );
  await programs(named);
}
console.log(failures === 0 ? 'all as expected' : `${failures} failures`);
process.exit(failures === 0 ? 0 : 1);
