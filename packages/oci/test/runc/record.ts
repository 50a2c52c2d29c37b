/**
 * `npx tsx packages/oci/test/runc/record.ts`, as root: writes what runc answers to the steps into
 * recorded.json.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeRoot } from '../support/runtime.js';
import { askRunc } from './ask-runc.js';
import { play } from './play.js';

const dir = mkdtempSync(join(tmpdir(), 'sandbox-oci-runc-'));
try {
  makeRoot(join(dir, 'rootfs'));
  const answers = await play(dir, join(dir, 'rootfs'), (args, cwd) =>
    askRunc(['--root', join(dir, 'state'), ...args], cwd),
  );
  const lines = answers.map((answer) => `  ${JSON.stringify(answer)}`);
  writeFileSync(fileURLToPath(new URL('recorded.json', import.meta.url)), `[\n${lines.join(',\n')}\n]\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
