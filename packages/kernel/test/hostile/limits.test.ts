/**
 * Guests that take all they can get. Each is held by a limit, the embedder's event loop goes on beside it,
 * and the next program runs. How often the loop comes round on a busy machine is the host scheduler's
 * business; what counts is how much processor time this process uses before it does.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hasCompiler } from '../support/compiler.js';

const MIB = 2 ** 20;
const MODES = [
  'forks',
  'threads',
  'fds',
  'memory',
  'mappings',
  'signals',
  'timers',
  'itimer',
  'loop',
  'calls',
  'vforks',
  'execs',
  'inflight',
  'pipes',
  'watches',
];
/** How long each is let do it, ms. */
const WHILE = 1500;
/**
 * Most processor time between two rounds of the loop, ms: slices are a few ms, one large request may take
 * longer.
 */
const LONGEST = 400;
/** And on the average, ms. */
const MEAN = 50;

describe.skipIf(!hasCompiler)(`greedy guests${hasCompiler ? '' : ' (gcc is not installed)'}`, () => {
  let dir: string;

  /** Rounds of the event loop in `ms`, and the most processor time used between two of them, ms. */
  async function watch(ms: number): Promise<{ rounds: number; longest: number; mean: number }> {
    let rounds = 0;
    let longest = 0;
    let total = 0;
    let before = process.cpuUsage();
    const timer = setInterval(() => {
      rounds++;
      const used = process.cpuUsage(before);
      before = process.cpuUsage();
      const work = (used.user + used.system) / 1000;
      total += work;
      longest = Math.max(longest, work);
    }, 10);
    await new Promise((resolve) => setTimeout(resolve, ms));
    clearInterval(timer);
    return { rounds, longest, mean: total / rounds };
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sandbox-greedy-'));
    const source = fileURLToPath(new URL('./greedy.c', import.meta.url));
    execFileSync('gcc', ['-O1', '-pthread', '-w', '-o', join(dir, 'greedy'), source]);
  });

  afterAll(() => rmSync(dir, { recursive: true }));

  it.each(MODES)('%s', { timeout: 90_000 }, async (mode) => {
    await using kernel = await Kernel.create({
      root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
      mounts: { '/guests': hostfs(dir, { readOnly: true }) },
      limits: { memory: 128 * MIB, processes: 60, openFiles: 5000 },
    });
    const guest = kernel.spawn('/guests/greedy', [mode], { stdio: 'ignore' });
    const { rounds, longest, mean } = await watch(WHILE);
    expect(kernel.processes().length).toBeLessThanOrEqual(60);
    // What a guest wrote since the watch looked last comes on top.
    expect(kernel.stats().memory).toBeLessThan(1024 * MIB);
    guest.killTree();
    await guest.exited;
    // Its children end after it, and what they hold with them.
    await vi.waitFor(() => expect(kernel.processes()).toEqual([]), { timeout: 30_000 });
    const r = await kernel.run('/bin/echo', ['alive'], { timeout: 30_000 });
    expect(r.stdout).toBe('alive\n');
    console.log(
      `${mode}: ${rounds} rounds of the loop, ${mean.toFixed(1)} ms of work between two, at most ${longest.toFixed(0)}`,
    );
    expect(rounds).toBeGreaterThan(0);
    expect(longest).toBeLessThan(LONGEST);
    expect(mean).toBeLessThan(MEAN);
  });
});

it('more than a sandbox may use is promised, as Linux does, and who fills it is killed', {
  timeout: 90_000,
}, async () => {
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    limits: { memory: 64 * MIB },
  });
  // One call that fills far more than there is.
  const read = await kernel.run('/bin/dd', ['if=/dev/zero', 'of=/dev/null', 'bs=1500M', 'count=1'], {
    timeout: 60_000,
  });
  expect([read.code, read.signal]).toEqual([null, 'SIGKILL']);
  expect(kernel.stats().memory).toBeLessThan(100 * MIB);
  // A shell that was refused memory would end with a message and a status of its own.
  const doubling = 'x=0123456789; while :; do x=$x$x; done';
  const { code, signal } = await kernel.run('/bin/sh', ['-c', doubling], { timeout: 60_000 });
  expect([code, signal]).toEqual([null, 'SIGKILL']);
  expect((await kernel.run('/bin/echo', ['alive'], { timeout: 30_000 })).stdout).toBe('alive\n');
});
