import type { Flags } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { Failure } from '../failure.js';
import { load } from '../state/store.js';

/** `resume ID`: they go on. */
export async function run(context: Context, _flags: Flags, [id]: readonly string[]): Promise<number> {
  const stored = load(context.root, id!);
  if (stored.status !== 'paused') throw new Failure('container not paused');
  await ask(stored, { op: 'resume', id: id! });
  return 0;
}
