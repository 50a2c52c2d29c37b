/** bench/micro.c: made, and its output read. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Value and unit by benchmark. */
export type Results = Map<string, { value: number; unit: string }>;

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Compile it, statically, into `dir`. Its path. */
export function compileMicro(dir: string): string {
  const binary = join(dir, 'micro');
  const sources = ['bench/micro.c', 'bench/net.c'].map((file) => join(root, file));
  execFileSync('gcc', ['-O2', '-static', '-pthread', '-w', '-o', binary, ...sources]);
  return binary;
}

export function parse(output: string | undefined): Results {
  const results: Results = new Map();
  for (const line of output?.split('\n') ?? []) {
    const [name, value, unit] = line.split('\t');
    if (unit) results.set(name, { value: Number(value), unit });
  }
  return results;
}
