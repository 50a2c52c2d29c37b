/** docs/conformance.md, of what was measured last. */
import { exclusions } from '../harness.js';
import { overview } from '../suites/tables.js';
import { type Measured, type Note, readMeasured, type Tally } from './measured.js';

export function conformancePage(): string {
  const page = [
    '# Conformance',
    '',
    '<!-- Written by `npm run conformance`; do not edit. -->',
    '',
    'Programs run on Linux and in the sandbox must print the same, byte for byte, and end the same way. How the programs are',
    'written and run: [conformance/README.md](../conformance/README.md).',
    '',
    '## Guest programs',
    '',
    ...guestLines(),
    ...matrixLines(),
    ...exclusionLines(),
    ...programLines(),
    '## Suites of others',
    '',
    'Tests of other projects: one that passes on Linux has to pass here. Part by part, with the reasons for what does not:',
    '[suites.md](suites.md).',
    '',
    ...overview('suites.md'),
  ];
  return `${page.join('\n').trimEnd()}\n`;
}

function machine(measured: Measured<unknown>): string[] {
  return [`Judged on ${measured.on}.`, ''];
}

function guestLines(): string[] {
  const measured = readMeasured('guests');
  if (!measured) return ['Not run.', ''];
  const lines = ['| topic | same | differ | excluded | skipped |', '|---|---:|---:|---:|---:|'];
  const row = (name: string, t: Tally): string =>
    `| ${name} | ${t.same} | ${t.differs} | ${t.excluded} | ${t.skipped} |`;
  const all: Tally = { same: 0, differs: 0, excluded: 0, skipped: 0 };
  for (const [topic, t] of Object.entries(measured.rows)) {
    lines.push(row(topic, t));
    for (const key of Object.keys(all) as (keyof Tally)[]) all[key] += t[key];
  }
  lines.push(row('**all**', all), '');
  return [...machine(measured), ...lines, ...noteLines(measured.notes)];
}

function matrixLines(): string[] {
  const measured = readMeasured('matrices');
  if (!measured) return [];
  const lines = ['| matrix | cases | differ |', '|---|---:|---:|'];
  let cases = 0;
  let differ = 0;
  for (const [name, row] of Object.entries(measured.rows)) {
    if ('skip' in row) {
      lines.push(`| ${name} | skipped: ${row.skip} | |`);
      continue;
    }
    lines.push(`| ${name} | ${row.cases} | ${row.differ} |`);
    cases += row.cases;
    differ += row.differ;
  }
  lines.push(`| **all** | ${cases} | ${differ} |`, '');
  return [
    '### Matrices',
    '',
    'Products of calls, file types, modes, owners, flags and callers, all cases; one in seven is among the guest programs above.',
    '',
    ...machine(measured),
    ...lines,
    ...noteLines(measured.notes),
  ];
}

function programLines(): string[] {
  const measured = readMeasured('programs');
  if (!measured) return [];
  return [
    '## Real programs',
    '',
    "Scripts over programs of a distribution, on the host's own tree and on a clean Debian root. Times: natively, in the sandbox",
    '(a fresh one each, its start included).',
    '',
    ...machine(measured),
    '| case | host tree | Debian root |',
    '|---|---|---|',
    ...Object.entries(measured.rows).map(([name, cells]) => `| ${name} | ${cells.join(' | ')} |`),
    '',
    ...noteLines(measured.notes),
  ];
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
