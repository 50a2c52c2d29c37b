/**
 * `npx tsx conformance/suites/trinity.ts [--calls N] [--seed S] [--step N] [-- ARGUMENT...]`: Debian's
 * `trinity`, a fuzzer of system calls, as an ordinary guest user. It has no expectations of its own: the
 * kernel and its embedder must live, answer the next program, and have nothing left over of it. Runs `--step`
 * calls at a time, each with the next seed, until it has made `--calls`; what it did goes to
 * results/trinity.json.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { BASE } from './compare.js';
import { recordResult } from './results.js';

const CACHE = join(BASE, 'trinity');
const MIB = 2 ** 20;
const NOBODY = 65534;
const CALLS_A_SECOND = 50;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    calls: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    step: { type: 'string', default: '50000' },
  },
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is alive of the embedder's objects, in MiB. */
function heap(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed / MIB;
}

const hostFds = (): number => readdirSync('/proc/self/fd').length;

/** Longest time the event loop was kept from its timers, in ms, from now to the call of what it returns. */
function watchLoop(): () => number {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 10);
  return () => {
    clearInterval(timer);
    return longest;
  };
}

/** Of all programs so far. */
const callsOf = (kernel: Kernel): number => Object.values(kernel.stats().calls).reduce((a, b) => a + b, 0);

/** One run of so many calls; what is wrong after it. */
async function fuzz(kernel: Kernel, seed: number, calls: number): Promise<readonly string[]> {
  const before = callsOf(kernel);
  const faults: string[] = [];
  const longest = watchLoop();
  // A seed is what makes a round repeatable; only calls of 64-bit programs are made.
  const args = ['-q', '-l', 'off', '-a', '64', '-C', '4', '-N', `${calls}`, '-s', `${seed}`, ...positionals];
  const r = await kernel.run('/usr/bin/trinity', args, {
    cwd: '/tmp/suite',
    user: { uid: NOBODY },
    timeout: (60 + calls / CALLS_A_SECOND) * 1000,
  });
  const gap = longest();
  writeFileSync(join(CACHE, `${seed}.log`), r.stdout + r.stderr);
  if (r.timedOut) faults.push('hangs');
  const next = await kernel.run('/bin/echo', ['alive'], { timeout: 60_000 });
  if (next.stdout !== 'alive\n') faults.push('the next program fails');
  const left = kernel.processes();
  if (left.length > 0) faults.push(`processes left: ${left.map((p) => p.name).join(' ')}`);
  const { memory } = kernel.stats();
  const figures = [
    `seed ${seed}: ${r.signal ?? r.code}, ${calls} fuzzed calls of ${callsOf(kernel) - before}`,
    `guests hold ${(memory / MIB).toFixed(0)} MiB`,
    `embedder ${(process.memoryUsage.rss() / MIB).toFixed(0)} MiB, of it objects ${heap().toFixed(0)} MiB, ${hostFds()} descriptors`,
    `loop held up ${gap.toFixed(0)} ms at most`,
  ];
  console.log(figures.join('; '), faults.join('; '));
  return faults;
}

if (spawnSync('trinity', ['--help']).error) {
  console.log('skipped: needs trinity');
  process.exit(0);
}
mkdirSync(CACHE, { recursive: true });
const started = performance.now();
const kernel = await Kernel.create({
  root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
  mounts: { '/tmp': tmpfs() },
  limits: { memory: 1024 * MIB, processes: 200, openFiles: 20_000 },
});
let panic: string | null = null;
kernel.on('panic', (error) => {
  panic = String((error.cause as Error | undefined)?.stack ?? error);
});
const unimplemented = new Set<string>();
kernel.on('unimplemented', (what) => unimplemented.add(what.name));
await kernel.fs.mkdir('/tmp/suite');
await kernel.fs.chmod('/tmp/suite', 0o777);
// What a first program brings with it is none of what is left over.
await kernel.run('/bin/true');
const fdsBefore = hostFds();
const wanted = Number(values.calls);
const differences: Record<string, string> = {};
let seed = Number(values.seed);
let made = 0;
let rounds = 0;
let good = 0;
try {
  for (; made < wanted; seed++) {
    rounds++;
    const step = Math.min(Number(values.step), wanted - made);
    const faults = await fuzz(kernel, seed, step);
    made += step;
    if (faults.length === 0) good++;
    else differences[`seed ${seed}`] = faults.join('; ');
  }
} catch (error) {
  differences[`seed ${seed}`] = panic ?? String(error);
  console.log(`seed ${seed}: ${panic ?? error}`);
}
const leaked = hostFds() - fdsBefore;
await kernel.dispose();
if (leaked > 2) differences.embedder = `${leaked} descriptors left`;
console.log(`${made} calls; not implemented: ${[...unimplemented].join(' ')}`);
recordResult('trinity', `${made} calls`, {
  passedNatively: rounds,
  passed: good,
  differences,
  seconds: [0, Math.round((performance.now() - started) / 1000)],
  ended: panic ? 'panic' : 'yes',
});
