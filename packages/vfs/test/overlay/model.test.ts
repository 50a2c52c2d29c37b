import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { afterAll, describe, it } from 'vitest';
import { behavesLikeTmpfs, CONTENT } from '../support/model.js';
import { type Content, prepared } from '../support/specs.js';
import { Tree } from '../support/tree.js';

describe('an overlay behaves like one file system', () => {
  const temps: string[] = [];
  const temp = (): string => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'overlay-'));
    temps.push(dir);
    return dir;
  };
  afterAll(() => {
    for (const dir of temps) fs.rmSync(dir, { recursive: true, force: true });
  });

  it('over one layer in memory', () =>
    behavesLikeTmpfs(() => overlay({ lower: prepared(CONTENT), upper: tmpfs() }), 600));

  it('over several layers', () => {
    const top: Content = { a: { b: { a: 'aba' } }, b: { b: {} }, c: 'c' };
    const low: Content = {
      a: { a: 'aa', b: { a: 'hidden', c: 'abc' }, c: '=a' },
      b: { a: 'ba' },
      c: 'hidden',
    };
    behavesLikeTmpfs(() => overlay({ lower: [prepared(top), prepared(low)], upper: tmpfs() }), 300);
  });

  it.skipIf(process.getuid?.() !== 0)('over a host directory, changes in another', () => {
    const lower = temp();
    const filled = new Tree(prepared(CONTENT, hostfs(lower)));
    filled.fs.dispose();
    behavesLikeTmpfs(() => overlay({ lower: hostfs(lower), upper: hostfs(temp()) }), 60);
  });

  it('over a host directory', () => {
    const lower = temp();
    const owner = { uid: 1, gid: 2 };
    const filled = new Tree(prepared(CONTENT, hostfs(lower, { owner })));
    filled.fs.dispose();
    behavesLikeTmpfs(() => overlay({ lower: hostfs(lower, { owner }), upper: tmpfs() }), 150);
  });
});
