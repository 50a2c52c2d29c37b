/**
 * The fast path on a busy machine: as many processes that only compute as there are processors, and beside
 * them the same system calls with every call a stop and with the fast path, in turns. Prints the medians (ns)
 * and their ratio, which should not pass 1.2.
 *
 *   npm run build && node bench/busy.mjs [ROUNDS]
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kernel } from '@sandbox/kernel';
import { ptrace } from '@sandbox/platform-ptrace';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const ROUNDS = Number(process.argv[2] ?? 7);
const NAMES = [
  'read-1',
  'lseek',
  'fstat',
  'poll',
  'open+close',
  'stat',
  'futex-ping-pong',
  'pipe-ping-pong',
  'fork+exit+wait',
  'thread',
  'mprotect',
];
const directory = mkdtempSync(join(tmpdir(), 'bench-busy-'));
const program = join(directory, 'micro');
const results = new Map();

async function measure(platform, label) {
  const kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    platform,
  });
  const { stdout } = await kernel.run(program, ['/dev/shm', ...NAMES]);
  await kernel.dispose();
  for (const line of stdout.trim().split('\n')) {
    const [name, nanoseconds, unit] = line.split('\t');
    if (unit !== 'ns') continue;
    const figures = results.get(name) ?? { plain: [], fast: [] };
    figures[label].push(Number(nanoseconds));
    results.set(name, figures);
  }
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

const computing = [];
try {
  execFileSync('gcc', ['-O2', '-static', '-pthread', '-w', '-o', program, 'bench/micro.c', 'bench/net.c']);
  for (let i = 0; i < availableParallelism(); i++)
    computing.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  for (let round = 0; round < ROUNDS; round++) {
    await measure(ptrace({ fastPath: false }), 'plain');
    await measure(ptrace(), 'fast');
  }
} finally {
  for (const child of computing) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
}
for (const [name, { plain, fast }] of results) {
  const [p, f] = [median(plain), median(fast)];
  console.log(
    `${name.padEnd(20)} ${p.toFixed(0).padStart(10)} ${f.toFixed(0).padStart(10)}  ${(f / p).toFixed(2)}`,
  );
}
