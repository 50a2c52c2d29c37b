/** `npm run conformance`: judge everything and write docs/conformance.md. Minutes of work; alone on the machine at best. */
import { writeFileSync } from 'node:fs';
import { arch, cpus, release } from 'node:os';
import { difference, exclusions, judge, listGuests, makeKernel } from './harness.js';
import { runMatrix } from './matrix-run.js';
import { listCases, type ProgramCase } from './programs/cases.js';
import { judgeProgram, type ProgramVerdict } from './programs/judge.js';
import { openRoot, type Root } from './programs/roots.js';

const TARGET = new URL('../docs/conformance.md', import.meta.url);

interface Tally {
  same: number;
  differs: number;
  excluded: number;
  skipped: number;
}

interface Note {
  readonly name: string;
  readonly text: string;
}

/** Every guest program, counted by topic. */
async function judgeGuests(notes: Note[]): Promise<Map<string, Tally>> {
  const known = exclusions();
  const topics = new Map<string, Tally>();
  for (const guest of listGuests()) {
    const name = `${guest.topic}/${guest.name}`;
    const tally = topics.get(guest.topic) ?? { same: 0, differs: 0, excluded: 0, skipped: 0 };
    topics.set(guest.topic, tally);
    if (name in known) {
      tally.excluded++;
      continue;
    }
    const kernel = await makeKernel();
    try {
      const verdict = await judge(kernel, guest);
      if (verdict.kind === 'same') tally.same++;
      else if (verdict.kind === 'skip') {
        tally.skipped++;
        notes.push({ name, text: `skipped: ${verdict.why}` });
      } else {
        tally.differs++;
        notes.push({ name, text: difference(verdict.native, verdict.ours) });
      }
    } catch (error) {
      tally.differs++;
      notes.push({ name, text: String(error) });
    } finally {
      await kernel.dispose();
    }
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  return topics;
}

/** One cell of the table of programs. */
async function judgeOn(root: Root | { skip: string }, test: ProgramCase, notes: Note[]): Promise<string> {
  if ('skip' in root) return `skipped: ${root.skip}`;
  const name = `${test.topic}/${test.name} (${root.name})`;
  let verdict: ProgramVerdict;
  try {
    verdict = await judgeProgram(root, test);
  } catch (error) {
    notes.push({ name, text: String(error) });
    return '**fails**';
  }
  process.stderr.write(`${verdict.kind} ${name}\n`);
  if (verdict.kind === 'skip') return `skipped: ${verdict.why}`;
  const times = `${(verdict.nativeMs / 1000).toFixed(1)} s, ${(verdict.ours / 1000).toFixed(1)} s`;
  if (verdict.kind === 'same') return `same; ${times}`;
  notes.push({ name, text: difference(verdict.native, verdict.result) });
  return `**differs**; ${times}`;
}

function guestTable(topics: Map<string, Tally>): string[] {
  const lines = ['| topic | same | differ | excluded | skipped |', '|---|---:|---:|---:|---:|'];
  const row = (name: string, t: Tally): string =>
    `| ${name} | ${t.same} | ${t.differs} | ${t.excluded} | ${t.skipped} |`;
  const all: Tally = { same: 0, differs: 0, excluded: 0, skipped: 0 };
  for (const [topic, t] of topics) {
    lines.push(row(topic, t));
    for (const key of Object.keys(all) as (keyof Tally)[]) all[key] += t[key];
  }
  lines.push(row('**all**', all));
  return lines;
}

function noteLines(notes: readonly Note[]): string[] {
  if (notes.length === 0) return [];
  return ['### Differences', '', ...notes.flatMap((n) => [`\`${n.name}\``, '', '```', n.text, '```', ''])];
}

function exclusionLines(): string[] {
  const known = Object.entries(exclusions());
  if (known.length === 0) return [];
  return ['### Excluded', '', ...known.map(([name, why]) => `- \`${name}\`: ${why}`), ''];
}

/** Every case of the matrices. */
async function matrixLines(notes: Note[]): Promise<string[]> {
  const lines = ['| matrix | cases | differ |', '|---|---:|---:|'];
  let cases = 0;
  let differ = 0;
  for (const guest of listGuests(['matrix/'])) {
    const result = await runMatrix(guest);
    if ('skip' in result) {
      lines.push(`| ${guest.name} | skipped: ${result.skip} | |`);
      continue;
    }
    const d = result.differences;
    lines.push(`| ${guest.name} | ${result.cases} | ${d.length} |`);
    cases += result.cases;
    differ += d.length;
    const few = d.slice(0, 10).map((x) => `native ${x.native}\nours   ${x.ours}`);
    if (few.length > 0) notes.push({ name: `matrix/${guest.name}`, text: few.join('\n') });
    process.stderr.write(`matrix ${guest.name}\n`);
  }
  lines.push(`| **all** | ${cases} | ${differ} |`);
  return lines;
}

const guestNotes: Note[] = [];
const programNotes: Note[] = [];
const topics = await judgeGuests(guestNotes);
const matrices = await matrixLines(guestNotes);
const roots = [await openRoot('host'), await openRoot('debian')];
const rows: string[] = [];
for (const test of listCases()) {
  const cells: string[] = [];
  for (const root of roots) cells.push(await judgeOn(root, test, programNotes));
  rows.push(`| ${test.topic}/${test.name} | ${cells.join(' | ')} |`);
}
const page = [
  '# Conformance',
  '',
  '<!-- Written by `npm run conformance`; do not edit. -->',
  '',
  'Programs run on Linux and in the sandbox must print the same, byte for byte, and end the same way. How the programs are',
  'written and run: [conformance/README.md](../conformance/README.md).',
  '',
  `Judged on Linux ${release().split('-')[0]} (${arch()}, ${cpus().length} CPUs), Node.js ${process.version}.`,
  '',
  '## Guest programs',
  '',
  ...guestTable(topics),
  '',
  '### Matrices',
  '',
  'Products of calls, file types, modes, owners, flags and callers, all cases; one in seven is among the guest programs above.',
  '',
  ...matrices,
  '',
  ...exclusionLines(),
  ...noteLines(guestNotes),
  '## Real programs',
  '',
  "Scripts over programs of a distribution, on the host's own tree and on a clean Debian root. Times: natively, in the sandbox",
  '(a fresh one each, its start included).',
  '',
  '| case | host tree | Debian root |',
  '|---|---|---|',
  ...rows,
  '',
  ...noteLines(programNotes),
];
writeFileSync(TARGET, `${page.join('\n').trimEnd()}\n`);
