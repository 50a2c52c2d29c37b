/**
 * What a program asks of its kernel: `npx tsx examples/strace.ts [CMD ARGS...]`, printed as strace(1) does,
 * and counted.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kernel, straceTo } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const [command = 'cat', ...args] = process.argv.length > 2 ? process.argv.slice(2) : ['cat', '/etc/hostname'];

await using kernel = await Kernel.create({
  root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
});
const dir = mkdtempSync(join(tmpdir(), 'sandbox-strace-'));
try {
  const log = join(dir, 'log');
  const stop = await straceTo(kernel, log);
  const result = await kernel.run('/usr/bin/env', [command, ...args], { env: { PATH: '/usr/bin:/bin' } });
  stop();
  // The first lines are env's own way to the program.
  const lines = readFileSync(log, 'utf8').split('\n');
  console.log(
    lines.slice(lines.findIndex((line) => line.includes('execve(') && line.endsWith('= 0'))).join('\n'),
  );
  console.log(`it printed ${JSON.stringify(result.stdout)} and ended with ${result.code ?? result.signal}\n`);
} finally {
  rmSync(dir, { recursive: true });
}

const calls = Object.entries(kernel.stats().calls).sort((a, b) => b[1] - a[1]);
for (const [name, count] of calls.slice(0, 8)) console.log(`${String(count).padStart(6)}  ${name}`);
