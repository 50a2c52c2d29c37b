import { type Flags, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { Failure } from '../failure.js';
import { load } from '../state/store.js';
import { table } from './table.js';

/**
 * `ps ID`: as a table its processes, with the pids they have inside; as JSON the pids of the host's processes
 * that stand for the container, which is what callers look up on the host.
 */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  const stored = load(context.root, id!);
  const format = text(flags, 'format') ?? 'table';
  if (format !== 'table' && format !== 'json') throw new Failure(`invalid format option`);
  const stopped = stored.status === 'stopped';
  if (format === 'json') {
    process.stdout.write(`${stopped ? 'null' : JSON.stringify([stored.pid])}\n`);
    return 0;
  }
  const { processes = [] } = stopped ? {} : await ask(stored, { op: 'ps', id: id! });
  const rows = processes.map(({ uid, pid, ppid, name }) => [String(uid), String(pid), String(ppid), name]);
  process.stdout.write(table([['UID', 'PID', 'PPID', 'CMD'], ...rows], 6, 2));
  return 0;
}
