import type { Flags } from '../cli/parser.js';
import type { Context } from '../context.js';
import { load, ociState } from '../state/store.js';

/** `state ID`: its state as JSON. */
export async function run(context: Context, _flags: Flags, [id]: readonly string[]): Promise<number> {
  process.stdout.write(JSON.stringify(ociState(load(context.root, id!)), null, 2));
  return 0;
}
