import { setTimeout as pause } from 'node:timers/promises';
import { type Flags, on, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask, dial, Replies } from '../control/client.js';
import type { Request, Stats } from '../control/protocol.js';
import { Failure } from '../failure.js';
import { load, type Stored } from '../state/store.js';

/**
 * `events ID`: what the container uses, as a line of JSON every interval until it ends, and when a process of
 * its was killed for memory.
 */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  const interval = durationOf(text(flags, 'interval') ?? '5s');
  if (interval <= 0) throw new Failure('duration interval must be greater than 0');
  const line = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
  if (!on(flags, 'stats')) await watch(load(context.root, id!), () => line({ type: 'oom', id }));
  for (let first = true; ; first = false) {
    const stored = load(context.root, id!);
    if (stored.status === 'stopped') {
      if (first) throw new Failure(`container with id ${id} is not running`);
      return 0;
    }
    const { stats } = await ask(stored, { op: 'stats', id: id! });
    line({ type: 'stats', id, data: dataOf(stats!) });
    if (on(flags, 'stats')) return 0;
    await pause(interval);
  }
}

/**
 * Call `onKill` whenever it is killed for memory what runs there; nothing keeps this process for it. Throws
 * Failure.
 */
async function watch(stored: Stored, onKill: () => void): Promise<void> {
  if (stored.status === 'stopped') return;
  const socket = await dial(stored);
  socket.write(`${JSON.stringify({ op: 'watch', id: stored.id } satisfies Request)}\n`);
  const replies = new Replies(socket);
  await replies.ok();
  socket.unref();
  void (async () => {
    for (let reply = await replies.next(); reply !== null; reply = await replies.next())
      if ('event' in reply) onKill();
  })();
}

function dataOf({ cpu, memory, pids }: Stats) {
  return {
    cpu: { usage: { ...cpu }, throttling: {} },
    cpuset: {},
    memory: {
      usage: { usage: memory.usage, limit: memory.limit, max: memory.usage, failcnt: memory.oomKills },
      swap: {},
      kernel: {},
      kernelTCP: {},
      raw: {},
    },
    pids,
    blkio: {},
    hugetlb: {},
    intel_rdt: {},
    network_interfaces: null,
  };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of "5s", "1m30s". */
function durationOf(given: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(given))
    throw new Failure(`invalid value "${given}" for flag -interval: parse error`);
  let ms = 0;
  for (const [, n, , unit] of given.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g)) ms += Number(n) * UNITS[unit!]!;
  return ms;
}
