import type { Flags } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { Failure } from '../failure.js';
import { load } from '../state/store.js';

/** `pause ID`: its programs stand still. */
export async function run(context: Context, _flags: Flags, [id]: readonly string[]): Promise<number> {
  const stored = load(context.root, id!);
  if (stored.status !== 'running' && stored.status !== 'created') throw new Failure('container not running');
  await ask(stored, { op: 'pause', id: id! });
  return 0;
}
