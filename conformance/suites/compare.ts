/** What the suites share: native runs that are kept, the comparison test by test, and the record of it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Needs, type Ran, runNative, runOurs } from './execute.js';
import { recordResult, recordTests } from './results.js';

/** Where suites keep what they build, native outcomes and full outputs. */
export const BASE = join(tmpdir(), `sandbox-suites-${process.getuid?.() ?? 0}`);

/** So many differences of a part are printed. */
const SHOWN = 20;

/** How each test of a part ended, by its name; `ok` is what counts. */
export type Outcomes = ReadonlyMap<string, string>;

/** One part of a suite: a command, and what reads its output. */
export interface Part {
  readonly suite: string;
  readonly name: string;
  readonly command: readonly string[];
  /** Natively; in the sandbox four times what it took natively, and at least a minute and a half. */
  readonly seconds: number;
  readonly show?: Needs['show'];
  readonly outcomes: (ran: Ran) => Outcomes;
  /** Why nothing passes natively, where nothing does. */
  readonly whyNone?: (ran: Ran) => string;
}

/** How a part is run. */
export interface PartOptions {
  /** Run natively although a result is kept. */
  readonly again: boolean;
  /** Time limits are so many times as long. */
  readonly patience?: number;
  /**
   * Only some of its tests are run: of the part's result only theirs is put right, and native outcomes are
   * not kept.
   */
  readonly partial?: boolean;
}

/** Run a part natively (or take what is kept) and in the sandbox; print and record what differs. */
export async function judgePart(part: Part, options: PartOptions): Promise<void> {
  const patience = options.patience ?? 1;
  const file = join(BASE, part.suite, part.name.replaceAll('/', '-'));
  mkdirSync(dirname(file), { recursive: true });
  const there = await native(part, `${file}.native.json`, options, patience);
  const here = await runOurs(part.command, {
    seconds: patience * Math.max(90, there.seconds * 4 + 60),
    show: part.show,
  });
  keepOutput(part.suite, `${part.name}.ours`, here);
  judgeRuns(part, there, here, options);
}

/** Print and record what differs between two runs of a part; true when nothing does. */
export function judgeRuns(part: Part, there: Ran, here: Ran, options: PartOptions): boolean {
  const result = compare(part.outcomes(there), part.outcomes(here));
  const notes = [
    there.timedOut ? 'native timed out' : '',
    here.timedOut ? 'TIMED OUT' : '',
    here.panic ? `PANIC ${here.panic}` : '',
    ...here.unimplemented.map((u) => `unimplemented ${u}`),
  ].filter(Boolean);
  const times = `${there.seconds.toFixed(0)} s, ${here.seconds.toFixed(0)} s`;
  console.log(`${part.name}: ${result.passed} of ${result.passedNatively} (${times}) ${notes.join('; ')}`);
  const differing = Object.entries(result.differences);
  for (const [name, how] of differing.slice(0, SHOWN)) console.log(`  ${how}  ${name}`);
  if (differing.length > SHOWN) console.log(`  and ${differing.length - SHOWN} more`);
  const { passing, ...counts } = result;
  if (options.partial) {
    recordTests(part.suite, part.name, passing, result.differences);
    return differing.length === 0;
  }
  const none = result.passedNatively === 0 ? part.whyNone?.(there) : undefined;
  recordResult(part.suite, part.name, {
    ...counts,
    ...(none === undefined ? {} : { none }),
    seconds: [Math.round(there.seconds), Math.round(here.seconds)],
    ended: here.panic ? 'panic' : here.timedOut ? 'timeout' : 'yes',
  });
  return differing.length === 0;
}

/** For a look at what went wrong. */
export function keepOutput(suite: string, name: string, ran: Ran): void {
  const file = join(BASE, suite, `${name.replaceAll('/', '-')}.log`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, ran.output);
}

async function native(part: Part, kept: string, options: PartOptions, patience: number): Promise<Ran> {
  if (!options.again && !options.partial && existsSync(kept))
    return JSON.parse(readFileSync(kept, 'utf8')) as Ran;
  const ran = await runNative(part.command, { seconds: part.seconds * patience, show: part.show });
  if (!options.partial) writeFileSync(kept, JSON.stringify(ran));
  return ran;
}

interface Compared {
  readonly passedNatively: number;
  readonly passed: number;
  /** Tests that pass natively and here. */
  readonly passing: readonly string[];
  /** Tests that pass natively and not here, with how they end here. */
  readonly differences: Record<string, string>;
}

function compare(there: Outcomes, here: Outcomes): Compared {
  const differences: Record<string, string> = {};
  let passedNatively = 0;
  const passing: string[] = [];
  for (const [name, how] of there) {
    if (how !== 'ok') continue;
    passedNatively++;
    const ours = here.get(name) ?? 'not run';
    if (ours === 'ok') passing.push(name);
    else differences[name] = ours;
  }
  return { passedNatively, passed: passing.length, passing, differences };
}
