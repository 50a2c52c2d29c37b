import { constants } from 'node:os';
import { type Flags, on } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { Failure } from '../failure.js';
import { load } from '../state/store.js';

/** `kill ID [SIGNAL]`: by number or name, with SIG or without. */
export async function run(
  context: Context,
  flags: Flags,
  [id, given = 'SIGTERM']: readonly string[],
): Promise<number> {
  const signal = signalOf(given);
  const stored = load(context.root, id!);
  const all = on(flags, 'all');
  if (stored.status === 'stopped') {
    // With its first process all others have ended.
    if (all) return 0;
    throw new Failure('container not running');
  }
  await ask(stored, { op: 'kill', id: id!, signal, all });
  return 0;
}

/** Linux's range of real-time signals as the C library leaves it. */
const REAL_TIME = /^RTM(IN|AX)(?:([+-])(\d+))?$/;

function signalOf(given: string): number {
  if (/^-?\d+$/.test(given)) {
    const n = Number(given);
    if (n >= 0 && n <= 64) return n;
    throw new Failure('unable to signal init: invalid argument');
  }
  const name = given.toUpperCase().replace(/^SIG/, '');
  const number = (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`];
  if (number !== undefined) return number;
  const m = REAL_TIME.exec(name);
  if (m !== null) {
    const from = m[1] === 'IN' ? 34 : 64;
    const n = from + (m[2] === '-' ? -Number(m[3]) : Number(m[3] ?? 0));
    if (n >= 34 && n <= 64) return n;
  }
  throw new Failure(`unknown signal ${JSON.stringify(given)}`);
}
