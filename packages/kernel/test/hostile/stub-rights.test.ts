import { readdirSync, readFileSync } from 'node:fs';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { expect, it } from 'vitest';

/** Fields of /proc/PID/status of every process this one traces. */
function traced(): Map<string, string>[] {
  const found: Map<string, string>[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let status: string;
    try {
      status = readFileSync(`/proc/${pid}/status`, 'utf8');
    } catch {
      continue;
    }
    const fields = new Map(status.split('\n').map((line) => line.split(':\t') as [string, string]));
    if (fields.get('TracerPid') === String(process.pid)) found.push(fields);
  }
  return found;
}

it('host processes of guests have no capability, whoever runs this, and a filter on their calls', async () => {
  await using kernel = await Kernel.create({
    platform: 'ptrace',
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
  });
  const guest = kernel.spawn('/bin/cat');
  await expect.poll(() => traced().length, { timeout: 20_000 }).toBeGreaterThan(1);
  for (const fields of traced()) {
    for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb']) expect(fields.get(set), set).toMatch(/^0+$/);
    expect(fields.get('NoNewPrivs')).toBe('1');
    expect(fields.get('Seccomp')).toBe('2');
  }
  guest.kill();
  await guest.exited;
});
