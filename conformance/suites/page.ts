/** `npx tsx conformance/suites/page.ts`: writes docs/suites.md from the results of the suites. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type PartResult, readResults } from './results.js';

const TARGET = new URL('../../docs/suites.md', import.meta.url);
/** Why tests differ that are not the kernel's fault, or not yet done: patterns over `suite/part/test`, first match counts. */
const REASONS = (
  JSON.parse(readFileSync(new URL('reasons.json', import.meta.url), 'utf8')) as {
    match: string;
    why: string;
  }[]
).map(({ match, why }) => ({ pattern: new RegExp(match), why }));

interface Suite {
  readonly name: string;
  readonly title: string;
  readonly text: string;
  /** Parts are single tests: they make no table of their own. */
  readonly flat: boolean;
  /** What is counted, where nothing is compared with Linux. */
  readonly counted?: string;
}

const SUITES: readonly Suite[] = [
  {
    name: 'cpython',
    title: "CPython's own tests",
    text: "Debian's `libpython3.13-testsuite`, test case by test case: the modules about the operating system, and others as far as they have been run: `npx tsx conformance/suites/cpython.ts`.",
    flat: false,
  },
  {
    name: 'stress-ng',
    title: 'stress-ng',
    text: 'Every stressor of the classes os, memory, scheduler, interrupt, filesystem, pipe and vm for a second with `--verify`: `npx tsx conformance/suites/stress-ng.ts`.',
    flat: true,
  },
  {
    name: 'go',
    title: "The tests of Go's standard library",
    text: "Debian's `golang-go`, packages about the operating system, as `go test -short` runs them: `npx tsx conformance/suites/go.ts`.",
    flat: false,
  },
  {
    name: 'selftests',
    title: "Linux's selftests",
    text: "Of Debian's `linux-source-6.12`, built and run natively first: `npx tsx conformance/suites/selftests.ts`.",
    flat: false,
  },
  {
    name: 'trinity',
    title: 'trinity',
    text: "Debian's fuzzer of system calls, as an ordinary guest user, every round with a seed of its own. A round passes when it ends, the next program runs, and no process, memory or descriptor is left over: `npx tsx conformance/suites/trinity.ts`.",
    flat: true,
    counted: 'rounds (50,000 calls each)',
  },
];

function reason(suite: string, part: string, test: string): string {
  const name = `${suite}/${part}/${test}`;
  return REASONS.find((r) => r.pattern.test(name))?.why ?? 'open';
}

function share(passed: number, all: number): string {
  // Never rounded up to all of them.
  return all === 0 ? '-' : `${(Math.floor((1000 * passed) / all) / 10).toFixed(1)} %`;
}

function section(suite: Suite): string[] {
  const parts = Object.entries(readResults(suite.name));
  if (parts.length === 0) return [];
  const sum = (of: (p: PartResult) => number): number => parts.reduce((n, [, p]) => n + of(p), 0);
  const native = sum((p) => p.passedNatively);
  const passed = sum((p) => p.passed);
  const ends = parts.filter(([, p]) => p.ended !== 'yes').length;
  const lines = [`## ${suite.title}`, '', suite.text, ''];
  const counted = suite.counted ?? 'tests that pass natively';
  const verdict = `${passed} of the ${native} ${counted} pass here (${share(passed, native)})`;
  lines.push(
    `${verdict}; of ${parts.length} parts ${ends === 0 ? 'all' : parts.length - ends} ran to their end.`,
    '',
  );
  if (!suite.flat) {
    lines.push('| part | natively | here | seconds natively, here |', '|---|---:|---:|---:|');
    for (const [name, p] of parts) {
      const here = p.passed === p.passedNatively ? `${p.passed}` : `**${p.passed}**`;
      const end = p.ended === 'yes' ? '' : ` (${p.ended})`;
      lines.push(`| ${name} | ${p.passedNatively} | ${here}${end} | ${p.seconds.join(', ')} |`);
    }
    lines.push('');
  }
  const byReason = new Map<string, string[]>();
  for (const [part, p] of parts) {
    for (const [test, how] of Object.entries(p.differences)) {
      const why = reason(suite.name, part, test);
      const name = suite.flat ? `\`${part}\` (${how.slice(0, 100)})` : `\`${test.replace(/^test\./, '')}\``;
      byReason.set(why, [...(byReason.get(why) ?? []), name]);
    }
  }
  if (byReason.size > 0) lines.push('What remains, by reason:', '');
  for (const [why, names] of byReason) {
    const shown = names.slice(0, 12).join(', ');
    lines.push(`- ${why}: ${names.length} (${shown}${names.length > 12 ? ', ...' : ''})`);
  }
  lines.push('');
  return lines;
}

const page = [
  '# Suites of others',
  '',
  '<!-- Written by conformance/suites/page.ts from conformance/suites/results; do not edit. -->',
  '',
  'Test suites of other projects, each test run on Linux and in the sandbox (with the same file tree) on one machine: one that passes',
  'natively has to pass here. They take hours and are not part of `npm test`.',
  '',
  ...SUITES.flatMap(section),
];
writeFileSync(TARGET, `${page.join('\n').trimEnd()}\n`);
