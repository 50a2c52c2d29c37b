import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Outcome } from '../support/runtime.js';

/** Why runc cannot be asked here; '' when it can. */
export const withoutRunc = ['/usr/sbin/runc', '/usr/bin/runc'].some((path) => existsSync(path))
  ? process.geteuid!() === 0
    ? ''
    : 'runc needs root'
  : 'no runc here';

/** Run runc; what it leaves behind keeps none of its output open. */
export async function askRunc(args: readonly string[], cwd: string): Promise<Outcome> {
  const child = spawn('runc', args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  const output = ['', ''];
  for (const [i, stream] of [child.stdout, child.stderr].entries())
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output[i] += chunk;
    });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('exit', resolve),
  );
  await new Promise((resolve) => setImmediate(resolve));
  child.stdout.destroy();
  child.stderr.destroy();
  return { code, stdout: output[0]!, stderr: output[1]! };
}
