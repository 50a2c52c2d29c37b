/**
 * What was measured last, a JSON file a kind under results/: a page can be written again when only one kind
 * was run.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';

const DIR = new URL('./results/', import.meta.url);

/** A difference, or why something did not run. */
export interface Note {
  readonly name: string;
  readonly text: string;
}

/** Rows of a table by their first column, and what is to be said about them. */
export interface Measured<Row> {
  /** The machine. */
  readonly on: string;
  readonly rows: Readonly<Record<string, Row>>;
  readonly notes: readonly Note[];
}

export interface Tally {
  same: number;
  differs: number;
  excluded: number;
  skipped: number;
}

/** Cases of a matrix and how many differ; or why it was skipped. */
export type MatrixRow = { readonly cases: number; readonly differ: number } | { readonly skip: string };

export interface Kinds {
  /** By topic. */
  guests: Tally;
  matrices: MatrixRow;
  /** On the host's tree and on Debian. */
  programs: readonly string[];
}

export function readMeasured<K extends keyof Kinds>(kind: K): Measured<Kinds[K]> | null {
  const file = new URL(`${kind}.json`, DIR);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Measured<Kinds[K]>) : null;
}

export function recordMeasured<K extends keyof Kinds>(
  kind: K,
  rows: Readonly<Record<string, Kinds[K]>>,
  notes: readonly Note[],
): void {
  const on = `Linux ${release().split('-')[0]} (${arch()}, ${cpus().length} CPUs), Node.js ${process.version}`;
  mkdirSync(fileURLToPath(DIR), { recursive: true });
  writeFileSync(new URL(`${kind}.json`, DIR), `${JSON.stringify({ on, rows, notes }, null, 2)}\n`);
}
