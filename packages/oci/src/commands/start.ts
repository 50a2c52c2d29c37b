import type { Flags } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { Failure } from '../failure.js';
import { load } from '../state/store.js';

/** `start ID`: run the program of a created container. */
export async function run(context: Context, _flags: Flags, [id]: readonly string[]): Promise<number> {
  const stored = load(context.root, id!);
  if (stored.status === 'stopped') throw new Failure('cannot start a container that has stopped');
  await ask(stored, { op: 'start', id: id! });
  return 0;
}
