import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  O_APPEND,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
} from '@sandbox/abi';
import { type File, type FileSystemSpec, hostfs, overlay, releaseFile, tmpfs } from '@sandbox/vfs';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type Content, prepared } from '../support/specs.js';
import { Tree } from '../support/tree.js';

/** What an overlay over this must behave like: a plain file system with the same content. */
const CONTENT: Content = {
  a: { a: 'aa', b: { a: 'aba', c: 'abc' }, c: '=a' },
  b: { a: 'ba', b: {} },
  c: 'c',
};

const name = fc.constantFrom('a', 'b', 'c');
const somePath = fc.array(name, { minLength: 1, maxLength: 3 }).map((p) => `/${p.join('/')}`);
const text = fc.constantFrom('', 'x', 'longer text');

type Op =
  | { op: 'write'; path: string; text: string; flags: number }
  | { op: 'mkdir' | 'rmdir' | 'unlink' | 'hold' | 'forget' | 'shrink'; path: string }
  | { op: 'rename' | 'link' | 'symlink'; path: string; to: string; flags: number }
  | { op: 'chmod'; path: string; mode: number }
  | { op: 'writeHeld'; index: number; text: string };

const operation: fc.Arbitrary<Op> = fc.oneof(
  fc.record({
    op: fc.constant('write' as const),
    path: somePath,
    text,
    flags: fc.constantFrom(O_CREAT, O_CREAT | O_TRUNC, O_APPEND, 0),
  }),
  fc.record({ op: fc.constantFrom('mkdir' as const, 'rmdir' as const, 'unlink' as const), path: somePath }),
  fc.record({ op: fc.constantFrom('hold' as const, 'forget' as const, 'shrink' as const), path: somePath }),
  fc.record({
    op: fc.constant('rename' as const),
    path: somePath,
    to: somePath,
    flags: fc.constantFrom(0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE),
  }),
  fc.record({
    op: fc.constantFrom('link' as const, 'symlink' as const),
    path: somePath,
    to: somePath,
    flags: fc.constant(0),
  }),
  fc.record({ op: fc.constant('chmod' as const), path: somePath, mode: fc.constantFrom(0o600, 0o755) }),
  fc.record({ op: fc.constant('writeHeld' as const), index: fc.nat(5), text }),
);

class Player {
  readonly held: File[] = [];
  constructor(readonly tree: Tree) {}

  play(o: Op): unknown {
    const { tree } = this;
    switch (o.op) {
      case 'write': {
        const f = tree.open(o.path, O_RDWR | o.flags);
        if (typeof f === 'number') return f;
        const r = tree.writeTo(f, o.text, (o.flags & O_APPEND) !== 0 ? f.inode.size : 0);
        tree.close(f);
        return r;
      }
      case 'mkdir':
        return tree.mkdir(o.path);
      case 'rmdir':
        return tree.rmdir(o.path);
      case 'unlink':
        return tree.unlink(o.path);
      case 'shrink':
        return tree.truncate(o.path, 1);
      case 'rename':
        return tree.rename(o.path, o.to, o.flags);
      case 'link':
        return tree.link(o.path, o.to);
      case 'symlink':
        return tree.symlink(o.path, o.to);
      case 'chmod':
        return typeof tree.lstat(o.path) === 'number' ? 'none' : tree.chmod(o.path, o.mode);
      case 'hold': {
        const f = tree.open(o.path, this.held.length % 2 === 0 ? O_RDONLY : O_RDWR);
        if (typeof f === 'number') return f;
        this.held.push(f);
        return 'held';
      }
      case 'forget':
        tree.vfs.dcache.prune(tree.fs.rootDentry!);
        return 0;
      case 'writeHeld': {
        const f = this.held[o.index];
        return f?.writable ? tree.writeTo(f, o.text, 1) : 'no file';
      }
    }
  }

  /** Everything a guest can see. */
  snapshot(dir = '/', out: Record<string, unknown> = {}): Record<string, unknown> {
    const { tree } = this;
    for (const n of tree.list(dir) as string[]) {
      const p = dir === '/' ? `/${n}` : `${dir}/${n}`;
      const st = tree.attributes(p);
      const type = st.mode & S_IFMT;
      if (type === S_IFDIR) {
        out[p] = [st.mode, st.uid, st.gid];
        this.snapshot(p, out);
      } else {
        const content = type === S_IFLNK ? tree.readlink(p) : tree.read(p);
        out[p] = [type === S_IFLNK ? type : st.mode, st.uid, st.gid, st.nlink, content];
      }
    }
    return out;
  }

  heldContent(): unknown[] {
    return this.held.map((f) => (f.inode.isDirectory ? 'dir' : [this.tree.readFrom(f), f.inode.nlink]));
  }

  /** Names with the same inode number, in both trees the same groups. */
  identities(): string[][] {
    const groups = new Map<number, string[]>();
    for (const p of Object.keys(this.snapshot())) {
      const { ino } = this.tree.attributes(p);
      groups.set(ino, [...(groups.get(ino) ?? []), p]);
    }
    return [...groups.values()].filter((g) => g.length > 1).sort();
  }

  close(): void {
    for (const f of this.held) releaseFile(f);
    expect(this.tree.fs.dispose()).toBeUndefined();
  }
}

function check(makeSpec: () => FileSystemSpec, ops: readonly Op[]): void {
  const model = new Player(new Tree(prepared(CONTENT)));
  const real = new Player(new Tree(makeSpec()));
  for (const o of ops) {
    const want = model.play(o);
    expect({ o, r: real.play(o) }).toEqual({ o, r: want });
    expect(real.heldContent()).toEqual(model.heldContent());
  }
  expect(real.snapshot()).toEqual(model.snapshot());
  expect(real.identities()).toEqual(model.identities());
  model.close();
  real.close();
}

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

  const run = (makeSpec: () => FileSystemSpec, numRuns: number): void => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 1, maxLength: 25 }), (ops) => check(makeSpec, ops)),
      {
        numRuns,
        seed: 4711,
      },
    );
  };

  it('over one layer in memory', () => run(() => overlay({ lower: prepared(CONTENT), upper: tmpfs() }), 600));

  it('over several layers', () => {
    const top: Content = { a: { b: { a: 'aba' } }, b: { b: {} }, c: 'c' };
    const low: Content = {
      a: { a: 'aa', b: { a: 'hidden', c: 'abc' }, c: '=a' },
      b: { a: 'ba' },
      c: 'hidden',
    };
    run(() => overlay({ lower: [prepared(top), prepared(low)], upper: tmpfs() }), 300);
  });

  it.skipIf(process.getuid?.() !== 0)('over a host directory, changes in another', () => {
    const lower = temp();
    const filled = new Tree(prepared(CONTENT, hostfs(lower)));
    filled.fs.dispose();
    run(() => overlay({ lower: hostfs(lower), upper: hostfs(temp()) }), 60);
  });

  it('over a host directory', () => {
    const lower = temp();
    const owner = { uid: 1, gid: 2 };
    const filled = new Tree(prepared(CONTENT, hostfs(lower, { owner })));
    filled.fs.dispose();
    run(() => overlay({ lower: hostfs(lower, { owner }), upper: tmpfs() }), 150);
  });
});
