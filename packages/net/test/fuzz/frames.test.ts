/**
 * Mutated packets into every parser: no exception, nothing that grows without end. `bench/fuzz.ts` does the
 * same for longer.
 */
import { expect, test } from 'vitest';
import { targets } from './targets.js';

const RUNS = Number(process.env.NET_FUZZ_RUNS ?? 5000);
const SEED = Number(process.env.NET_FUZZ_SEED ?? 1);

test.each(targets)(`$name: ${RUNS} of them, seed ${SEED}`, { timeout: 30_000 + RUNS }, async (target) => {
  const run = target.start(SEED);
  let done = 0;
  for (; done < RUNS; done++) {
    const stepped = run.step();
    if (stepped instanceof Promise) await stepped;
  }
  run.finish();
  expect(done).toBe(RUNS);
});
