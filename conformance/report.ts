/**
 * `npm run conformance [-- PART... | --quick | --pages]`: judge programs and suites, and write
 * docs/conformance.md and docs/suites.md. PART is `guests`, `guests/TOPIC`, `matrices`, `programs`,
 * `programs/TOPIC` or the name of a suite; none: all of them, which takes hours; `--quick`: all but the
 * suites, which takes minutes; `--pages`: nothing, only the pages. What is not run keeps the results it has.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { listGuests } from './harness.js';
import { listCases } from './programs/cases.js';
import { judgeGuests, judgeMatrices, judgePrograms } from './report/judge-all.js';
import { conformancePage } from './report/page.js';
import { suitesPage } from './suites/tables.js';

/** A suite is a command of its own: a run of hours outlives what one of its parts does to the process. */
function suite(name: string, ...args: string[]): void {
  const file = fileURLToPath(new URL(`./suites/${name}.ts`, import.meta.url));
  const ran = spawnSync(process.execPath, [...process.execArgv, file, ...args], { stdio: 'inherit' });
  if (ran.status !== 0) {
    console.error(`${name}: ended with ${ran.status ?? ran.signal}`);
    process.exitCode = 1;
  }
}

const OWN: Readonly<Record<string, () => Promise<void>>> = {
  guests: () => judgeGuests(),
  matrices: judgeMatrices,
  programs: () => judgePrograms(),
};
const SUITES: Readonly<Record<string, () => void>> = {
  cpython: () => suite('cpython', '--all', '--together', '20'),
  'stress-ng': () => suite('stress-ng'),
  liburing: () => suite('liburing'),
  go: () => suite('go'),
  selftests: () => suite('selftests'),
  packages: () => suite('packages'),
  trinity: () => suite('trinity'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, pages: { type: 'boolean', default: false } },
});
const topics = new Set(listGuests().map((guest) => guest.topic));
const programTopics = new Set(listCases().map((test) => test.topic));
const known: Readonly<Record<string, () => void | Promise<void>>> = {
  ...OWN,
  ...SUITES,
  ...Object.fromEntries([...topics].map((topic) => [`guests/${topic}`, () => judgeGuests(topic)])),
  ...Object.fromEntries([...programTopics].map((topic) => [`programs/${topic}`, () => judgePrograms(topic)])),
};
const unknown = positionals.filter((name) => !(name in known));
if (unknown.length > 0) {
  console.error(
    `${unknown.join(', ')}: not one of guests/TOPIC, programs/TOPIC, ${Object.keys({ ...OWN, ...SUITES }).join(', ')}`,
  );
  process.exit(2);
}
const all = values.pages ? [] : Object.keys(values.quick ? OWN : { ...OWN, ...SUITES });
for (const name of positionals.length > 0 ? positionals : all) await known[name]();
writeFileSync(new URL('../docs/conformance.md', import.meta.url), conformancePage());
writeFileSync(new URL('../docs/suites.md', import.meta.url), suitesPage());
