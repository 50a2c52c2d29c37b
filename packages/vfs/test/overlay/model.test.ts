import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { hostfs, memfs, overlay, tmpfs } from '@sandbox/vfs';
import { Volume } from 'memfs';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { behavesLikeTmpfs, CONTENT } from '../support/model.js';
import { type Content, prepared } from '../support/specs.js';
import { Tree } from '../support/tree.js';

vi.setConfig({ testTimeout: 60_000 });

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
    behavesLikeTmpfs(() => overlay({ lower: prepared(CONTENT), upper: tmpfs() }), 300));

  it('over several layers', () => {
    const top: Content = { a: { b: { a: 'aba' } }, b: { b: {} }, c: 'c' };
    const low: Content = {
      a: { a: 'aa', b: { a: 'hidden', c: 'abc' }, c: '=a' },
      b: { a: 'ba' },
      c: 'hidden',
    };
    behavesLikeTmpfs(() => overlay({ lower: [prepared(top), prepared(low)], upper: tmpfs() }), 150);
  });

  it.skipIf(process.getuid?.() !== 0)('over a host directory, changes in another', () => {
    const lower = temp();
    const filled = new Tree(prepared(CONTENT, hostfs(lower)));
    filled.fs.dispose();
    // Of what is kept on the host nothing is lost when the overlay is mounted anew.
    behavesLikeTmpfs(
      () => overlay({ lower: hostfs(lower), upper: hostfs(temp()) }),
      100,
      () => false,
      true,
    );
  });

  it.skipIf(process.getuid?.() !== 0)('that keeps hard links together when it is mounted anew', () => {
    const spec = overlay({ lower: prepared({ x: 'x', y: '=x', z: '=x' }), upper: hostfs(temp()) });
    const first = new Tree(spec);
    first.write('/x', 'changed');
    first.unlink('/y');
    const { ino, nlink } = first.attributes('/z');
    expect(nlink).toBe(2);
    first.fs.dispose();
    const second = new Tree(spec);
    expect(second.list('/')).toEqual(['x', 'z']);
    expect(second.attributes('/x')).toMatchObject({ ino, nlink });
    expect(second.read('/z')).toBe('changed');
    second.write('/z', 'again');
    expect(second.read('/x')).toBe('again');
    second.fs.dispose();
  });

  it('with changes in a memfs volume, but for renaming directories', () =>
    behavesLikeTmpfs(
      () => overlay({ lower: prepared(CONTENT), upper: memfs(new Volume()) }),
      100,
      (o) => o.op === 'rename',
    ));

  it('over a host directory', () => {
    const lower = temp();
    const owner = { uid: 1, gid: 2 };
    const filled = new Tree(prepared(CONTENT, hostfs(lower, { owner })));
    filled.fs.dispose();
    behavesLikeTmpfs(() => overlay({ lower: hostfs(lower, { owner }), upper: tmpfs() }), 60);
  });
});
