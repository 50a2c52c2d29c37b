/**
 * No wake-up is lost between guest threads and the tracer, whether both look at shared memory or sleep.
 * WAKEUP_CALLS sets how many rounds each thread goes (some four system calls each); millions take minutes.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kernel } from '@sandbox/kernel';
import { ptrace } from '@sandbox/platform-ptrace';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCompiler } from '../support/compiler.js';

const calls = process.env.WAKEUP_CALLS ?? '4000';

describe.skipIf(!hasCompiler)(`wake-ups${hasCompiler ? '' : ' (gcc is not installed)'}`, () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'sandbox-wakeups-'));
    const source = fileURLToPath(new URL('./wakeups.c', import.meta.url));
    execFileSync('gcc', ['-O1', '-pthread', '-w', '-o', join(dir, 'wakeups'), source]);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  for (const spin of ['adaptive', 'always'] as const) {
    it.each(['1', '2', '5'])(`${spin} spinning, threads: %s`, { timeout: 600_000 }, async (threads) => {
      await using kernel = await Kernel.create({
        platform: ptrace({ spin }),
        root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
        mounts: { '/guests': hostfs(dir, { readOnly: true }) },
      });
      const r = await kernel.run('/guests/wakeups', [threads, calls], { timeout: 500_000 });
      expect(r).toMatchObject({ code: 0, stdout: `${threads} threads, 0 bad\n` });
    });
  }
});
