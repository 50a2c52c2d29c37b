import { readFileSync } from 'node:fs';
import { count, type Flags, text } from '../cli/parser.js';
import { parseJson } from '../config/load.js';
import type { OciResources } from '../config/types.js';
import type { Context } from '../context.js';
import { ask } from '../control/client.js';
import { errnoText, Failure } from '../failure.js';
import { load } from '../state/store.js';

/** `update ID`: other limits for a container that runs. */
export async function run(context: Context, flags: Flags, [id]: readonly string[]): Promise<number> {
  const stored = load(context.root, id!);
  if (stored.status === 'stopped') throw new Failure('container not running');
  if (text(flags, 'l3-cache-schema') !== undefined)
    throw new Failure('Intel RDT/CAT: l3 cache schema is not enabled');
  if (text(flags, 'mem-bw-schema') !== undefined)
    throw new Failure('Intel RDT/MBA: memory bandwidth schema is not enabled');
  const file = text(flags, 'resources');
  const resources = file === undefined ? fromFlags(flags) : fromFile(file);
  await ask(stored, { op: 'update', id: id!, resources });
  return 0;
}

function fromFile(file: string): OciResources {
  try {
    return parseJson(readFileSync(file === '-' ? 0 : file, 'utf8'), file) as OciResources;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`open ${file}: ${errnoText(error)}`);
  }
}

function fromFlags(flags: Flags): OciResources {
  return {
    memory: {
      limit: count(flags, 'memory'),
      reservation: count(flags, 'memory-reservation'),
      swap: count(flags, 'memory-swap'),
    },
    cpu: {
      period: count(flags, 'cpu-period'),
      quota: count(flags, 'cpu-quota'),
      shares: count(flags, 'cpu-share'),
      realtimePeriod: count(flags, 'cpu-rt-period'),
      realtimeRuntime: count(flags, 'cpu-rt-runtime'),
      cpus: text(flags, 'cpuset-cpus'),
      mems: text(flags, 'cpuset-mems'),
    },
    pids: { limit: count(flags, 'pids-limit') },
    blockIO: { weight: count(flags, 'blkio-weight') },
  };
}
