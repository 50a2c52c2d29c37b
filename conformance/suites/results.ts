/** Results of the suites: one JSON file each under results/, rewritten as parts are run. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DIR = new URL('./results/', import.meta.url);

/** One part of a suite (a test module, a class of stressors). */
export interface PartResult {
  /** Tests that pass on Linux, and how many of these pass here. */
  readonly passedNatively: number;
  readonly passed: number;
  /** Those that do not, with how they end here. */
  readonly differences: Readonly<Record<string, string>>;
  /** Why nothing passes on Linux, where nothing does and it is known. */
  readonly none?: string;
  /** How long it took natively and here. */
  readonly seconds: readonly number[];
  /** The run came to its end here. */
  readonly ended: 'yes' | 'timeout' | 'panic';
}

export function readResults(suite: string): Record<string, PartResult> {
  const file = new URL(`${suite}.json`, DIR);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, PartResult>) : {};
}

export function recordResult(suite: string, part: string, result: PartResult): void {
  const all = readResults(suite);
  all[part] = result;
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
  mkdirSync(fileURLToPath(DIR), { recursive: true });
  writeFileSync(new URL(`${suite}.json`, DIR), `${JSON.stringify(sorted, null, 2)}\n`);
}

/** Put the result of a part right by a run of some of its tests. */
export function recordTests(
  suite: string,
  part: string,
  passing: readonly string[],
  differing: Readonly<Record<string, string>>,
): void {
  const known = readResults(suite)[part];
  if (known === undefined) return;
  const differences = { ...known.differences, ...differing };
  for (const name of passing) delete differences[name];
  const passed = known.passedNatively - Object.keys(differences).length;
  recordResult(suite, part, { ...known, passed, differences });
}
