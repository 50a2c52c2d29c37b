import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { hostfs } from '@sandbox/vfs';
import { afterAll, describe, it, vi } from 'vitest';
import { behavesLikeTmpfs, CONTENT } from '../support/model.js';
import { prepared } from '../support/specs.js';
import { Tree } from '../support/tree.js';

vi.setConfig({ testTimeout: 60_000 });

describe('a host directory behaves like tmpfs', () => {
  const temps: string[] = [];
  const temp = (): string => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
    temps.push(dir);
    return dir;
  };
  afterAll(() => {
    for (const dir of temps) fs.rmSync(dir, { recursive: true, force: true });
  });
  // Only root may give files away.
  const root = process.getuid?.() === 0;

  it.runIf(root).each(['shared', 'exclusive'] as const)('%s', (cache) =>
    behavesLikeTmpfs(() => prepared(CONTENT, hostfs(temp(), { cache })), 100),
  );

  it('with metadata of the guest, and again when mounted anew', () =>
    behavesLikeTmpfs(
      () => {
        const spec = hostfs(temp(), { metadata: 'guest' });
        new Tree(prepared(CONTENT, spec)).fs.dispose();
        return spec;
      },
      60,
      () => false,
      true,
    ));
});
