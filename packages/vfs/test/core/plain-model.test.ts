/**
 * tmpfs and overlays beside a model that is nothing but maps and buffers: what calls answer, and what is
 * there afterwards.
 */
import {
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  O_CREAT,
  O_RDWR,
  S_IFDIR,
  S_IFMT,
} from '@sandbox/abi';
import { BytesIo, type FileSystemSpec, overlay, releaseFile, tmpfs } from '@sandbox/vfs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prepared } from '../support/specs.js';
import { World } from './world.js';

type Dir = Map<string, Node>;
interface Regular {
  content: Buffer;
}
type Node = Dir | Regular;
/** Done: what `what` gave does not matter. */
const ok = (_what: unknown): number => 0;
const isDir = (n: Node | undefined): n is Dir => n instanceof Map;

/** A tree without links, owners and times. Paths are lists of names. */
class Model {
  readonly root: Dir = new Map();

  private directory(path: readonly string[]): Dir | number {
    let at: Node = this.root;
    for (const name of path) {
      if (!isDir(at)) return -ENOTDIR;
      const next: Node | undefined = at.get(name);
      if (next === undefined) return -ENOENT;
      at = next;
    }
    return isDir(at) ? at : -ENOTDIR;
  }
  private within(
    path: readonly string[],
    f: (dir: Dir, name: string, there: Node | undefined) => number,
  ): number {
    const dir = this.directory(path.slice(0, -1));
    const name = path.at(-1)!;
    return typeof dir === 'number' ? dir : f(dir, name, dir.get(name));
  }

  mkdir(path: readonly string[]): number {
    return this.within(path, (dir, name, there) =>
      there === undefined ? ok(dir.set(name, new Map())) : -EEXIST,
    );
  }
  rmdir(path: readonly string[]): number {
    return this.within(path, (dir, name, there) => {
      if (there === undefined) return -ENOENT;
      if (!isDir(there)) return -ENOTDIR;
      return there.size > 0 ? -ENOTEMPTY : ok(dir.delete(name));
    });
  }
  unlink(path: readonly string[]): number {
    return this.within(path, (dir, name, there) => {
      if (there === undefined) return -ENOENT;
      return isDir(there) ? -EISDIR : ok(dir.delete(name));
    });
  }
  link(from: readonly string[], to: readonly string[]): number {
    let old: Node | undefined;
    const e = this.within(from, (_dir, _name, there) => {
      old = there;
      return there === undefined ? -ENOENT : 0;
    });
    if (e !== 0) return e;
    return this.within(to, (dir, name, there) => {
      if (there !== undefined) return -EEXIST;
      return isDir(old) ? -EPERM : ok(dir.set(name, old!));
    });
  }
  rename(from: readonly string[], to: readonly string[]): number {
    const beneath = (a: readonly string[], b: readonly string[]) =>
      a.length < b.length && a.every((n, i) => n === b[i]);
    const target = this.directory(to.slice(0, -1));
    return this.within(from, (dir, name, source) => {
      if (typeof target === 'number') return target;
      if (source === undefined) return -ENOENT;
      if (isDir(source) && beneath(from, to)) return -EINVAL;
      const old = target.get(to.at(-1)!);
      if (isDir(old) && beneath(to, from)) return -ENOTEMPTY;
      if (old === source) return 0;
      if (old !== undefined) {
        if (isDir(source) && !isDir(old)) return -ENOTDIR;
        if (!isDir(source) && isDir(old)) return -EISDIR;
        if (isDir(old) && old.size > 0) return -ENOTEMPTY;
      }
      dir.delete(name);
      target.set(to.at(-1)!, source);
      return 0;
    });
  }
  /** Open (with `create`: O_CREAT) and write at `at`. */
  write(path: readonly string[], create: boolean, at: number, data: Buffer): number {
    return this.within(path, (dir, name, there) => {
      if (isDir(there)) return -EISDIR;
      if (there === undefined && !create) return -ENOENT;
      const file = there ?? { content: Buffer.alloc(0) };
      dir.set(name, file);
      if (data.length > 0) {
        const whole = Buffer.alloc(Math.max(file.content.length, at + data.length));
        file.content.copy(whole);
        data.copy(whole, at);
        file.content = whole;
      }
      return data.length;
    });
  }
  truncate(path: readonly string[], size: number): number {
    return this.within(path, (_dir, _name, there) => {
      if (there === undefined) return -ENOENT;
      if (isDir(there)) return -EISDIR;
      const whole = Buffer.alloc(size);
      there.content.copy(whole, 0, 0, size);
      there.content = whole;
      return 0;
    });
  }

  shown(dir: Dir = this.root, at = ''): string[] {
    return [...dir.keys()].sort().flatMap((name) => {
      const node = dir.get(name)!;
      const path = `${at}/${name}`;
      return isDir(node)
        ? [`${path}/`, ...this.shown(node, path)]
        : [`${path} ${node.content.toString('latin1')}`];
    });
  }
}

function shown(w: World, at = ''): string[] {
  const names = (w.list(at === '' ? '/' : at) as string[]).filter((n) => n !== '.' && n !== '..').sort();
  return names.flatMap((name) => {
    const path = `${at}/${name}`;
    if ((w.at(path).mode & S_IFMT) === S_IFDIR) return [`${path}/`, ...shown(w, path)];
    return [`${path} ${w.read(path)}`];
  });
}

interface Op {
  readonly text: string;
  readonly model: (m: Model) => number;
  readonly real: (w: World) => number;
}

const place = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 });
const p = (path: readonly string[]): string => `/${path.join('/')}`;
const offset = fc.oneof(fc.nat(9000), fc.constantFrom(0, 4096, 8192, 70_000));

function writeReal(w: World, path: string, create: boolean, at: number, data: Buffer): number {
  const f = w.open(path, O_RDWR | (create ? O_CREAT : 0));
  if (typeof f === 'number') return f;
  const n = f.write(new BytesIo(data), at);
  releaseFile(f);
  return n;
}

function truncateReal(w: World, path: string, size: number): number {
  const f = w.open(path, O_RDWR);
  if (typeof f === 'number') return f;
  const e = w.vfs.ftruncate(f, size);
  releaseFile(f);
  return e;
}

const operation: fc.Arbitrary<Op> = fc.oneof(
  ...(['mkdir', 'rmdir', 'unlink'] as const).map((op) =>
    place.map((at) => ({
      text: `${op} ${p(at)}`,
      model: (m: Model) => m[op](at),
      real: (w: World) => w[op](p(at)),
    })),
  ),
  ...(['rename', 'link'] as const).map((op) =>
    fc.tuple(place, place).map(([a, b]) => ({
      text: `${op} ${p(a)} ${p(b)}`,
      model: (m: Model) => m[op](a, b),
      real: (w: World) => w[op](p(a), p(b)),
    })),
  ),
  fc.tuple(place, fc.boolean(), offset, fc.nat(6000)).map(([at, create, pos, length]) => {
    const data = Buffer.alloc(length, 97 + (pos % 26));
    return {
      text: `write ${p(at)} ${create} ${pos}+${length}`,
      model: (m: Model) => m.write(at, create, pos, data),
      real: (w: World) => writeReal(w, p(at), create, pos, data),
    };
  }),
  fc.tuple(place, offset).map(([at, size]) => ({
    text: `truncate ${p(at)} ${size}`,
    model: (m: Model) => m.truncate(at, size),
    real: (w: World) => truncateReal(w, p(at), size),
  })),
);

function holds(spec: () => FileSystemSpec, numRuns: number, seed: number): void {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 5, maxLength: 60 }), (ops) => {
      const model = new Model();
      const world = new World(spec());
      for (const op of ops) expect(`${op.text}: ${op.real(world)}`).toBe(`${op.text}: ${op.model(model)}`);
      expect(shown(world)).toEqual(model.shown());
    }),
    { numRuns, seed },
  );
}

describe('a plain model', () => {
  it('holds for tmpfs', { timeout: 60_000 }, () => holds(() => tmpfs({ mode: 0o755 }), 500, 42));

  it('holds for an overlay of an empty tree', { timeout: 60_000 }, () =>
    holds(() => overlay({ lower: prepared({}), upper: tmpfs({ mode: 0o755 }) }), 300, 43),
  );
});
