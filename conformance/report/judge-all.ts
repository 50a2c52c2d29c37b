/** Judges all of a kind and records what came out. Minutes of work each; alone on the machine at best. */
import { difference, exclusions, judge, listGuests, makeKernel } from '../harness.js';
import { runMatrix } from '../matrix-run.js';
import { listCases, type ProgramCase } from '../programs/cases.js';
import { judgeProgram, type ProgramVerdict } from '../programs/judge.js';
import { openRoot, type Root } from '../programs/roots.js';
import { type MatrixRow, type Note, readMeasured, recordMeasured, type Tally } from './measured.js';

/** So many differences of a matrix are noted. */
const SHOWN = 10;

/** Every guest program, counted by topic; or those of one topic, of which what was recorded is replaced. */
export async function judgeGuests(only?: string): Promise<void> {
  const known = exclusions();
  const before = only === undefined ? null : readMeasured('guests');
  const topics: Record<string, Tally> = { ...before?.rows };
  const notes = (before?.notes ?? []).filter((note) => !note.name.startsWith(`${only}/`));
  if (only !== undefined) delete topics[only];
  for (const guest of listGuests(only === undefined ? [] : [`${only}/`])) {
    const name = `${guest.topic}/${guest.name}`;
    topics[guest.topic] ??= { same: 0, differs: 0, excluded: 0, skipped: 0 };
    const tally = topics[guest.topic];
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
      process.stderr.write(`${verdict.kind} ${name}\n`);
    } catch (error) {
      tally.differs++;
      notes.push({ name, text: String(error) });
      process.stderr.write(`fails ${name}\n`);
    } finally {
      await kernel.dispose();
    }
  }
  const sorted = Object.entries(topics).sort(([a], [b]) => (a < b ? -1 : 1));
  recordMeasured('guests', Object.fromEntries(sorted), notes);
}

/** Every case of the matrices. */
export async function judgeMatrices(): Promise<void> {
  const rows: Record<string, MatrixRow> = {};
  const notes: Note[] = [];
  for (const guest of listGuests(['matrix/'])) {
    const result = await runMatrix(guest);
    if ('skip' in result) {
      rows[guest.name] = { skip: result.skip };
      continue;
    }
    rows[guest.name] = { cases: result.cases, differ: result.differences.length };
    const few = result.differences.slice(0, SHOWN).map((d) => `native ${d.native}\nours   ${d.ours}`);
    if (few.length > 0) notes.push({ name: `matrix/${guest.name}`, text: few.join('\n') });
    process.stderr.write(`matrix ${guest.name}: ${result.differences.length} of ${result.cases}\n`);
  }
  recordMeasured('matrices', rows, notes);
}

/** Every real program, on both trees; or those of one topic, of which what was recorded is replaced. */
export async function judgePrograms(only?: string): Promise<void> {
  const roots = [await openRoot('host'), await openRoot('debian')];
  const mine = (name: string): boolean => only === undefined || name.startsWith(`${only}/`);
  const before = only === undefined ? null : readMeasured('programs');
  const rows = Object.fromEntries(Object.entries(before?.rows ?? {}).filter(([name]) => !mine(name)));
  const notes = (before?.notes ?? []).filter((note) => !mine(note.name));
  for (const test of listCases()) {
    const name = `${test.topic}/${test.name}`;
    if (!mine(name)) continue;
    const cells: string[] = [];
    for (const root of roots) cells.push(await judgeOn(root, test, notes));
    rows[name] = cells;
  }
  const sorted = Object.entries(rows).sort(([a], [b]) => (a < b ? -1 : 1));
  recordMeasured('programs', Object.fromEntries(sorted), notes);
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
