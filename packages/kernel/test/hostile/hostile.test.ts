/**
 * Guests that attack the platform's own pieces. Whatever becomes of them, the kernel answers the next
 * program.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCompiler } from '../support/compiler.js';

describe.skipIf(!hasCompiler)(`hostile guests${hasCompiler ? '' : ' (gcc is not installed)'}`, () => {
  let dir: string;
  let kernel: Kernel;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sandbox-hostile-'));
    for (const name of ['scribble', 'jumper', 'random_code']) {
      const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
      execFileSync('gcc', ['-O1', '-pthread', '-mfsgsbase', '-w', '-o', join(dir, name), source]);
    }
    kernel = await Kernel.create({
      root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
      mounts: { '/guests': hostfs(dir, { readOnly: true }) },
    });
  });

  afterAll(async () => {
    await kernel.dispose();
    rmSync(dir, { recursive: true });
  });

  async function stillServes(): Promise<void> {
    const r = await kernel.run('/bin/echo', ['alive']);
    expect(r.stdout).toBe('alive\n');
  }

  it.each(['0', '1', '2'])(
    'rubbish in the page it shares with the kernel, way %s',
    { timeout: 90_000 },
    async (mode) => {
      const r = await kernel.run('/guests/scribble', [mode], { timeout: 60_000 });
      // It may hurt itself in any way: rubbish in the flags is a single step, elsewhere a wild jump.
      expect(r.signal ?? `exit ${r.code}`).toMatch(/^(SIG[A-Z]+|exit [02])$/);
      await stillServes();
    },
  );

  it.each(['1', '2'])('jumps into the stub, seed %s', { timeout: 300_000 }, async (seed) => {
    const r = await kernel.run('/guests/jumper', [seed, '150'], { timeout: 280_000 });
    expect(r.stdout).toBe('children 150\n');
    await stillServes();
  });

  it.each(['1', '2'])('random code, seed %s', { timeout: 300_000 }, async (seed) => {
    const r = await kernel.run('/guests/random_code', [seed, '400'], { timeout: 280_000 });
    expect(r.stdout).toBe('children 400\n');
    await stillServes();
  });
});
