/**
 * `npx tsx bench/allocations.ts [CALLS]`: how much garbage the commonest calls make. A guest makes CALLS
 * (default 1 million) of each while the collections of this process's young generation are counted; each
 * collection stands for some megabytes allocated. None is the aim: what remains is the event loop's own.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const calls = Number(process.argv[2] ?? 1e6);
const dir = mkdtempSync(join(tmpdir(), 'sandbox-alloc-'));
let collections = 0;
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length;
});
observer.observe({ entryTypes: ['gc'] });
try {
  const binary = join(dir, 'micro');
  const source = new URL('micro.c', import.meta.url).pathname;
  const net = new URL('net.c', import.meta.url).pathname;
  execFileSync('gcc', ['-O2', '-static', '-pthread', '-w', '-o', binary, source, net]);
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
  });
  console.log('operation          calls  collections  ns a call');
  for (const name of ['read-1', 'write-1', 'lseek', 'fstat', 'poll', 'open+close', 'stat']) {
    // Once before, so that everything is compiled and patched.
    await kernel.run(binary, ['--count', '20000', '/dev/shm', name]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    collections = 0;
    const start = performance.now();
    const { code } = await kernel.run(binary, ['--count', String(calls), '/dev/shm', name]);
    const ns = ((performance.now() - start) / calls) * 1e6;
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (code !== 0) throw new Error(`${name} failed`);
    console.log(
      `${name.padEnd(14)} ${String(calls).padStart(9)} ${String(collections).padStart(12)} ${ns.toFixed(0).padStart(10)}`,
    );
  }
} finally {
  observer.disconnect();
  rmSync(dir, { recursive: true, force: true });
}
