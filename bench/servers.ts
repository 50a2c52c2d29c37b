/**
 * `npx tsx bench/servers.ts [NAME...] [--rounds N] [--write]`: redis, nginx, apache and iperf3 with the
 * clients that load them, natively and in the sandbox (server and client both inside), by turns in one run:
 * medians, and how many times slower the sandbox is. Names: redis, nginx, apache, iperf. What is not
 * installed is left out.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { parse } from '../scripts/micro.js';

const SCRIPT = fileURLToPath(new URL('servers.sh', import.meta.url));
const TIMEOUT = 300_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' } },
});
const names = positionals.length > 0 ? positionals : ['redis', 'nginx', 'apache', 'iperf'];

async function natively(name: string): Promise<string> {
  return (await promisify(execFile)('bash', [SCRIPT, name], { timeout: TIMEOUT })).stdout;
}

async function inSandbox(name: string): Promise<string> {
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: { '/tmp': tmpfs() },
  });
  const script = readFileSync(SCRIPT, 'utf8');
  return (await kernel.run('/bin/bash', ['-c', script, 'bash', name], { timeout: TIMEOUT })).stdout;
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1];
}

const table = ['| load | unit | native | sandbox | x |', '|---|---|---:|---:|---:|'];
for (const name of names) {
  const seen = new Map<string, { unit: string; native: number[]; ours: number[] }>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [side, output] of [
      ['native', await natively(name)],
      ['ours', await inSandbox(name)],
    ] as const) {
      for (const [key, { value, unit }] of parse(output)) {
        const entry = seen.get(key) ?? { unit, native: [], ours: [] };
        entry[side].push(value);
        seen.set(key, entry);
      }
    }
    process.stderr.write(`${name}, round ${round + 1}\n`);
  }
  for (const [key, { unit, native, ours }] of seen) {
    const [a, b] = [median(native), median(ours)];
    const show = (n: number) => (n === undefined ? '-' : n < 100 ? n.toPrecision(3) : n.toFixed(0));
    table.push(`| ${key} | ${unit} | ${show(a)} | ${show(b)} | ${(a / b).toFixed(2)} |`);
  }
}
console.log(table.join('\n'));
console.log(`load ${loadavg()[0].toFixed(1)} at the end`);
