/** The part of a case that runs on the host: clients of a server that is inside. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernel } from '@sandbox/kernel';
import type { CasePort } from './cases.js';

const PRELUDE = `exec </dev/null 2>&1
until_up() { for i in $(seq 200); do timeout 20 "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo 'nobody answers'; exit 99; }
`;
const MAX_OUTPUT = 64 * 1024 * 1024;

/** PORT, PORT2... */
function variables(ports: readonly number[]): Record<string, string> {
  return Object.fromEntries(ports.map((port, i) => [i === 0 ? 'PORT' : `PORT${i + 1}`, String(port)]));
}

/** The case's ports as the script inside knows them. */
export function insidePorts(publish: readonly CasePort[]): Record<string, string> {
  return variables(publish.map(({ guest }) => guest));
}

/**
 * Free ports of the host for a server that runs natively: the same one for TCP and UDP where the case has
 * them so.
 */
export async function nativePorts(publish: readonly CasePort[]): Promise<Record<string, string>> {
  const chosen = new Map<number, number>();
  for (const { guest } of publish) if (!chosen.has(guest)) chosen.set(guest, await freePort());
  return variables(publish.map(({ guest }) => chosen.get(guest)!));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Publish the case's ports on ports of the host: where the clients find them. */
export async function publishPorts(
  kernel: Kernel,
  publish: readonly CasePort[],
): Promise<Record<string, string>> {
  const chosen = new Map<number, number>();
  for (const { guest, protocol } of publish) {
    const { port } = await kernel.net.publish({ guest, protocol, host: chosen.get(guest) ?? 0 });
    chosen.set(guest, port);
  }
  return variables(publish.map(({ guest }) => chosen.get(guest)!));
}

/** Run the clients, in an empty directory. Resolves with what they print and how they end. */
export function runOutside(script: string, env: Record<string, string>, seconds: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'programs-outside-'));
  return new Promise((resolve) => {
    const child = execFile(
      'bash',
      ['-c', PRELUDE + script],
      {
        cwd: dir,
        env,
        timeout: seconds * 1000,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT,
        encoding: 'latin1',
      },
      (_error, stdout) => {
        rmSync(dir, { recursive: true, force: true });
        resolve(`${stdout}outside: ${child.exitCode ?? child.signalCode}\n`);
      },
    );
  });
}
