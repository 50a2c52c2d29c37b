import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

test('examples/network.ts', { timeout: 60_000 }, async () => {
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [tsx, 'examples/network.ts'], {
    cwd: root,
    timeout: 50_000,
  });
  expect(stdout).toContain('140000 bytes, the first: /hello');
  expect(stdout).toMatch(/\d+ packets were lost/);
});
