/** The tables of the suites, from their results. */
import { readFileSync } from 'node:fs';
import { type PartResult, readResults } from './results.js';

/**
 * Why tests differ that are not the kernel's fault, or not yet done: patterns over `suite/part/test`, first
 * match counts.
 */
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
    text: "Debian's `libpython3.13-testsuite`, test case by test case, all its 480 modules, with every resource but `network` and `urlfetch` (what asks other machines): `npx tsx conformance/suites/cpython.ts --all --together 20`.",
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
    name: 'liburing',
    title: "liburing's tests",
    text: "Of Debian's source, built and run one by one: `npx tsx conformance/suites/liburing.ts`.",
    flat: true,
  },
  {
    name: 'packages',
    title: 'Source packages',
    text: "Debian's sources, configured, built with `make -j2` and tested by their own tests; counted are the files made, which must have the same bytes, and the tests: `npx tsx conformance/suites/packages.ts`.",
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

/** A suite's numbers over all its parts; null when it has not been run. */
function sums(suite: Suite): { parts: number; native: number; passed: number; ended: number } | null {
  const parts = Object.values(readResults(suite.name));
  if (parts.length === 0) return null;
  const sum = (of: (p: PartResult) => number): number => parts.reduce((n, p) => n + of(p), 0);
  return {
    parts: parts.length,
    native: sum((p) => p.passedNatively),
    passed: sum((p) => p.passed),
    ended: sum((p) => (p.ended === 'yes' ? 1 : 0)),
  };
}

/** A line for each suite, with a link to its section on `page`. */
export function overview(page: string): string[] {
  const lines = ['| suite | pass natively | pass here | |', '|---|---:|---:|---:|'];
  for (const suite of SUITES) {
    const all = sums(suite);
    if (!all) continue;
    const anchor = suite.title
      .toLowerCase()
      .replaceAll(' ', '-')
      .replace(/[^\w-]/g, '');
    const link = `[${suite.title}](${page}#${anchor})`;
    lines.push(`| ${link} | ${all.native} | ${all.passed} | ${share(all.passed, all.native)} |`);
  }
  return lines;
}

/** The page of all suites, part by part. */
export function suitesPage(): string {
  const page = [
    '# Suites of others',
    '',
    '<!-- Written by `npm run conformance` from conformance/suites/results; do not edit. -->',
    '',
    'Test suites of other projects, each test run on Linux and in the sandbox (with the same file tree) on one machine: one that passes',
    'natively has to pass here. They take hours and are not part of `npm test`.',
    '',
    ...SUITES.flatMap(section),
  ];
  return `${page.join('\n').trimEnd()}\n`;
}

function section(suite: Suite): string[] {
  const all = sums(suite);
  if (!all) return [];
  const parts = Object.entries(readResults(suite.name));
  const counted = suite.counted ?? 'tests that pass natively';
  const verdict = `${all.passed} of the ${all.native} ${counted} pass here (${share(all.passed, all.native)})`;
  const ended = all.ended === all.parts ? 'all' : all.ended;
  const lines = [`## ${suite.title}`, '', suite.text, ''];
  lines.push(`${verdict}; of ${all.parts} parts ${ended} ran to their end.`, '');
  if (!suite.flat) lines.push(...partLines(parts), ...noneLines(parts));
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

/** The parts of which something passes natively. */
function partLines(parts: readonly [string, PartResult][]): string[] {
  const lines = ['| part | natively | here | seconds natively, here |', '|---|---:|---:|---:|'];
  for (const [name, p] of parts) {
    if (p.passedNatively === 0) continue;
    const here = p.passed === p.passedNatively ? `${p.passed}` : `**${p.passed}**`;
    const end = p.ended === 'yes' ? '' : ` (${p.ended})`;
    lines.push(`| ${name} | ${p.passedNatively} | ${here}${end} | ${p.seconds.join(', ')} |`);
  }
  return [...lines, ''];
}

/** The others, and why nothing does. */
function noneLines(parts: readonly [string, PartResult][]): string[] {
  const byReason = new Map<string, string[]>();
  for (const [name, p] of parts) {
    if (p.passedNatively > 0) continue;
    const why = p.none ?? 'nothing passes natively';
    byReason.set(why, [...(byReason.get(why) ?? []), `\`${name}\``]);
  }
  if (byReason.size === 0) return [];
  const lines = [...byReason].map(([why, names]) => `- ${why}: ${names.join(', ')}`);
  return ['Parts of which nothing passes natively, and why:', '', ...lines, ''];
}
