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
import { type File, type FileSystemSpec, type HeapPageStore, releaseFile } from '@sandbox/vfs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { type Content, prepared } from './specs.js';
import { Tree } from './tree.js';

/** What every tree of the model tests starts with. */
export const CONTENT: Content = {
  a: { a: 'aa', b: { a: 'aba', c: 'abc' }, c: '=a' },
  b: { a: 'ba', b: {} },
  c: 'c',
};

const name = fc.constantFrom('a', 'b', 'c');
const somePath = fc.array(name, { minLength: 1, maxLength: 3 }).map((p) => `/${p.join('/')}`);
const text = fc.constantFrom('', 'x', 'longer text');

export type Op =
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
        tree.vfs.dcache.prune(tree.fs);
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

  numbers(): Record<string, number> {
    return Object.fromEntries(Object.keys(this.snapshot()).map((p) => [p, this.tree.attributes(p).ino]));
  }

  close(): void {
    for (const f of this.held) releaseFile(f);
    this.tree.fs.dispose();
    // Everything went back to the store.
    expect((this.tree.pages as HeapPageStore).used).toBe(0);
  }
}

function withoutLinks(snapshot: Record<string, unknown>): Record<string, unknown> {
  const strip = (v: unknown): unknown => (Array.isArray(v) && v.length > 3 ? [...v.slice(0, 3), v[4]] : v);
  return Object.fromEntries(Object.entries(snapshot).map(([k, v]) => [k, strip(v)]));
}

/** Play `ops` on a tree made by `makeSpec` and on a tmpfs with the same content: nothing may differ. */
function check(makeSpec: () => FileSystemSpec, ops: readonly Op[], lasting: boolean): void {
  const model = new Player(new Tree(prepared(CONTENT)));
  const spec = makeSpec();
  const real = new Player(new Tree(spec));
  for (const o of ops) {
    const want = model.play(o);
    expect({ o, r: real.play(o) }).toEqual({ o, r: want });
    expect(real.heldContent()).toEqual(model.heldContent());
  }
  expect(real.snapshot()).toEqual(model.snapshot());
  expect(real.identities()).toEqual(model.identities());
  const numbers = real.numbers();
  real.close();
  if (lasting) {
    const again = new Player(new Tree(spec));
    // Removed names of files that were not copied up are not counted for longer than the mount lasts.
    expect(withoutLinks(again.snapshot())).toEqual(withoutLinks(model.snapshot()));
    expect(again.numbers()).toEqual(numbers);
    again.close();
  }
  model.close();
}

/**
 * Random operations, the same ones each time. `except`: what the file system is known not to do. `lasting`:
 * what `makeSpec` made shows the same when it is mounted anew.
 */
export function behavesLikeTmpfs(
  makeSpec: () => FileSystemSpec,
  numRuns: number,
  except: (op: Op) => boolean = () => false,
  lasting = false,
): void {
  const sequences = fc.array(
    operation.filter((o) => !except(o)),
    { minLength: 1, maxLength: 25 },
  );
  fc.assert(
    fc.property(sequences, (ops) => check(makeSpec, ops, lasting)),
    { numRuns, seed: 4711 },
  );
}
