/**
 * The cases: `<topic>.sh` files beside this one. A line `#@ NAME KEY=VALUE...` begins a case, the lines after
 * it are its script. Keys: `needs` (commands that must exist, with commas between), `shell` (what runs the
 * script, `bash` when not said), `timeout` (seconds natively; the sandbox gets three times as long), `quick`
 * (part of the short run), `root` (only on this root), `optional` (not every platform has what it is about:
 * where the script then prints `SKIP` and why, and nothing else, it is skipped), `publish` (ports of servers
 * whose clients are outside: `80,53/udp`; the script for those is behind a line `#> outside`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const dir = fileURLToPath(new URL('.', import.meta.url));
const DEFAULT_TIMEOUT = 30;

/** A port of a case's server. */
export interface CasePort {
  /** What it has in the sandbox. */
  readonly guest: number;
  readonly protocol: 'tcp' | 'udp';
}

export interface ProgramCase {
  readonly topic: string;
  readonly name: string;
  readonly script: string;
  readonly needs: readonly string[];
  readonly shell: readonly string[];
  /** Seconds. */
  readonly timeout: number;
  readonly quick: boolean;
  readonly optional: boolean;
  readonly root: string | null;
  readonly publish: readonly CasePort[];
  /** What is run on the host meanwhile; empty: nothing. */
  readonly outside: string;
}

/** All cases, or those whose `topic/name` contains one of `filters`. */
export function listCases(filters: readonly string[] = []): ProgramCase[] {
  const files = readdirSync(dir).filter((f) => f.endsWith('.sh'));
  const all = files
    .sort()
    .flatMap((file) => parseCases(file.slice(0, -3), readFileSync(`${dir}/${file}`, 'utf8')));
  if (filters.length === 0) return all;
  return all.filter((c) => filters.some((f) => `${c.topic}/${c.name}`.includes(f)));
}

/** The cases of one file. */
export function parseCases(topic: string, text: string): ProgramCase[] {
  const cases: ProgramCase[] = [];
  for (const part of text.split(/^#@ /m).slice(1)) {
    const end = part.indexOf('\n');
    const [name, ...pairs] = part.slice(0, end).trim().split(/\s+/);
    const keys = new Map(pairs.map((p) => p.split('=', 2) as [string, string | undefined]));
    const shell = (keys.get('shell') ?? 'bash').split('+');
    const [script, outside = ''] = part.slice(end + 1).split(/^#> outside\n/m);
    cases.push({
      topic,
      name,
      script: script.trimEnd(),
      outside: outside.trimEnd(),
      publish: (keys.get('publish') ?? '').split(',').filter(Boolean).map(parsePort),
      needs: [shell[0], ...(keys.get('needs') ?? '').split(',').filter(Boolean)],
      shell,
      timeout: Number(keys.get('timeout') ?? DEFAULT_TIMEOUT),
      quick: keys.has('quick'),
      optional: keys.has('optional'),
      root: keys.get('root') ?? null,
    });
  }
  return cases;
}

function parsePort(text: string): CasePort {
  const [number, protocol] = text.split('/');
  return { guest: Number(number), protocol: protocol === 'udp' ? 'udp' : 'tcp' };
}
