import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, describe, expect, it } from 'vitest';
import { Kernel } from '../../src/index.js';

/** Long enough to copy that many slices end meanwhile. */
const SIZE = 64 << 20;

const dir = mkdtempSync(join(tmpdir(), 'host-overlay-'));
const merged = join(dir, 'merged');

/**
 * An overlay of the host's, as container engines have them; false where none can be mounted (no root, no
 * overlayfs).
 */
function mounted(): boolean {
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(dir, name));
  const options = `lowerdir=${dir}/lower,upperdir=${dir}/upper,workdir=${dir}/work`;
  try {
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, merged], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const able = mounted();

afterAll(() => {
  if (able) execFileSync('umount', [merged]);
  rmSync(dir, { recursive: true, force: true });
});

describe.skipIf(!able)(able ? 'hostfs on overlayfs' : 'hostfs on overlayfs (cannot be mounted here)', () => {
  it('large files are copied up, however long that takes', { timeout: 120_000 }, async () => {
    for (const name of ['open', 'chmod', 'link']) writeFileSync(join(dir, 'lower', name), Buffer.alloc(SIZE));
    await using kernel = await Kernel.create({
      root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
      mounts: { '/mnt': hostfs(merged) },
    });
    const script =
      'cd /mnt && : >> open && chmod 600 chmod && ln link other && fallocate -l 64M new && stat -c %s *';
    const { stdout, stderr } = await kernel.run('/bin/sh', ['-c', script]);
    expect(stderr).toBe('');
    expect(stdout).toBe(`${SIZE}\n`.repeat(5));
  });
});
