import { setTimeout as pause } from 'node:timers/promises';
import { type Flags, on, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import type { Stats } from '../control/protocol.js';
import { Failure } from '../failure.js';
import { load } from '../state/store.js';

/** `events ID`: what the container uses, as a line of JSON every interval until it ends. */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  const interval = durationOf(text(flags, 'interval') ?? '5s');
  if (interval <= 0) throw new Failure('duration interval must be greater than 0');
  for (let first = true; ; first = false) {
    const stored = load(context.root, id!);
    if (stored.status === 'stopped') {
      if (first) throw new Failure(`container with id ${id} is not running`);
      return 0;
    }
    const { stats } = await ask(stored, { op: 'stats', id: id! });
    process.stdout.write(`${JSON.stringify({ type: 'stats', id, data: dataOf(stats!) })}\n`);
    if (on(flags, 'stats')) return 0;
    await pause(interval);
  }
}

function dataOf({ cpu, memory, pids }: Stats) {
  return {
    cpu: { usage: { ...cpu }, throttling: {} },
    cpuset: {},
    memory: {
      usage: { ...memory, max: memory.usage, failcnt: 0 },
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
