/**
 * Millions of mutated packets into every parser. `npx tsx packages/net/bench/fuzz.ts [--packets N] [--seed S]
 * [TARGET...]`
 *
 * SIGTERM ends it early. Prints a line for each target: packets, seconds, the slowest one (in processor
 * time), and what the heap has grown by in the second half. Ends at the first thing that is wrong, with the
 * packet.
 */
import { setImmediate as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { targets } from '../test/fuzz/targets.js';

const { values, positionals } = parseArgs({
  options: { packets: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const packets = Number(values.packets);
const seed = Number(values.seed);

/** Milliseconds of processor time: a busy machine makes none of the parsers slow. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function heap(): number {
  global.gc?.();
  return process.memoryUsage().heapUsed;
}

let stopped = false;
process.on('SIGTERM', () => {
  stopped = true;
});

for (const target of targets) {
  if (positionals.length > 0 && !positionals.some((p) => target.name.toLowerCase().includes(p.toLowerCase())))
    continue;
  const run = target.start(seed);
  const begin = performance.now();
  let slowest = 0;
  let half = 0;
  let done = 0;
  for (let i = 0; i < packets && !stopped; i++, done++) {
    if (i % 4096 === 0) await pause();
    const before = cpu();
    let bytes: Uint8Array | undefined;
    try {
      const stepped = run.step();
      bytes = stepped instanceof Promise ? await stepped : stepped;
    } catch (error) {
      throw new Error(`${target.name}, seed ${seed}, packet ${i}`, { cause: error });
    }
    const took = cpu() - before;
    if (took > slowest) slowest = took;
    if (took > 2000) throw new Error(`${took.toFixed(0)} ms for ${Buffer.from(bytes).toString('hex')}`);
    if (i === packets >> 1) half = heap();
  }
  const grown = heap() - half;
  run.finish();
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    `${target.name}: ${done} packets, ${seconds.toFixed(0)} s, slowest ${slowest.toFixed(0)} ms, heap ${(grown / 2 ** 20).toFixed(1)} MiB more`,
  );
}
