/**
 * `npx tsx --expose-gc bench/connections.ts [CONNECTIONS] [SECONDS]`: what connections into one sandbox take.
 * First that many idle ones through a published port (a process of its own holds the outer ends), in memory
 * of this process, all ends and the relays between them included; then 2000 a second are asked for, made and
 * closed, for so many seconds: how many there were, and what memory does meanwhile.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const connections = Number(process.argv[2] ?? 10_000);
const seconds = Number(process.argv[3] ?? 60);
const PER_SECOND = 2000;

interface Memory {
  /** Of this process: what the host has given it. Varies by some MB with what the heap keeps in reserve. */
  readonly resident: number;
  /** Live objects, and what they hold outside the heap. */
  readonly live: number;
}

/** Bytes, without garbage. */
async function memory(): Promise<Memory> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await sleep(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { resident: rss, live: heapUsed + external };
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const kb = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
/** How much more than before. */
const grown = (now: Memory, before: Memory): string =>
  `${mb(now.resident - before.resident)} resident, ${mb(now.live - before.live)} live`;

const dir = mkdtempSync(join(tmpdir(), 'sandbox-connections-'));
try {
  const binary = join(dir, 'hold');
  execFileSync('gcc', ['-O2', '-static', '-w', '-o', binary, new URL('hold.c', import.meta.url).pathname]);
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
  });
  const server = kernel.spawn(binary, ['serve', '7000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(server.stdout!, 'data');
  const port = await kernel.net.publish({ guest: 7000 });
  /** A process outside; what it says is awaited. */
  const outside = async (...args: string[]) => {
    const child = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    return child;
  };

  const warm = await outside('connect', String(port.port), '200');
  warm.stdin.end();
  await once(warm, 'exit');
  await sleep(500);
  const before = await memory();
  const holder = await outside('connect', String(port.port), String(connections));
  while (port.connections < connections) await sleep(50);
  const held = await memory();
  console.log(
    `${connections} idle connections: ${grown(held, before)}; ${kb((held.resident - before.resident) / connections)} each`,
  );
  holder.stdin.end();
  await once(holder, 'exit');
  while (port.connections > 0) await sleep(50);
  console.log(`all closed: ${grown(await memory(), before)}`);

  if (seconds > 0) {
    const rate = spawn(binary, ['rate', String(port.port), String(PER_SECOND), String(seconds)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const ended = once(rate, 'exit');
    const start = performance.now();
    for (let over = false; !over; ) {
      over = await Promise.race([
        ended.then(() => true),
        sleep(Math.max(1, seconds / 6) * 1000).then(() => false),
      ]);
      const after = ((performance.now() - start) / 1000).toFixed(0);
      console.log(`after ${after} s: ${grown(await memory(), before)}; ${port.connections} open`);
    }
  }
  server.kill('SIGKILL');
  await server.exited;
} finally {
  rmSync(dir, { recursive: true });
}
