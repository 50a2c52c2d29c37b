import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Flags, on, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { Failure } from '../failure.js';
import { all, type OciState, ociState } from '../state/store.js';
import { table } from './table.js';

/** `list`: all containers below the root. */
export async function run(context: Context, flags: Flags, _args: readonly string[]): Promise<number> {
  const states = all(context.root).map((stored) => ({
    ...ociState(stored),
    owner: ownerOf(context, stored.id),
  }));
  process.stdout.write(show(states, on(flags, 'quiet') ? 'quiet' : (text(flags, 'format') ?? 'table')));
  return 0;
}

function show(states: readonly OciState[], format: string): string {
  switch (format) {
    case 'quiet':
      return states.map(({ id }) => `${id}\n`).join('');
    case 'json':
      return states.length === 0 ? 'null' : JSON.stringify(states);
    case 'table': {
      const rows = states.map((s) => [s.id, String(s.pid), s.status, s.bundle, s.created, s.owner]);
      return table([['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], ...rows], 12, 3);
    }
    default:
      throw new Failure('invalid format option');
  }
}

/** Name of the user whose it is, or "#" and the number. */
function ownerOf({ root }: Context, id: string): string {
  try {
    const { uid } = statSync(join(root, id));
    const line = readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((l) => l.split(':')[2] === String(uid));
    return line?.split(':')[0] ?? `#${uid}`;
  } catch {
    return '';
  }
}
