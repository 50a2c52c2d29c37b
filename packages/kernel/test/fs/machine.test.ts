/** What tools ask /proc and /sys about the machine. */
import { existsSync } from 'node:fs';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { expect, it } from 'vitest';

const MiB = 1024 * 1024;

it('memory is there in blocks, as many as the limit fills; process 1 has a thread', async () => {
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    limits: { memory: 640 * MiB },
  });
  const sh = async (script: string) =>
    (await kernel.run('/bin/sh', ['-c', script], { timeout: 20_000 })).stdout.trim();
  expect(
    await sh('cd /sys/devices/system/memory; cat block_size_bytes memory4/state; ls -d memory* | wc -l'),
  ).toBe('8000000\nonline\n5');
  if (existsSync('/usr/bin/lsmem')) {
    expect(await sh('lsmem --bytes --summary=only')).toMatch(/Total online memory: +671088640/);
  }
  expect(await sh('ls /proc/1/task; cut -d" " -f1 /proc/1/task/1/stat')).toBe('1\n1');
});
