/**
 * tmpfs beside the host's own: random operations are done in both trees, and must agree in every errno, listing, link count, size, content and
 * allocation. The host's /dev/shm is a tmpfs; where there is none (or not Linux), there is nothing to compare with.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import * as abi from '@sandbox/abi';
import { BytesIo, releaseFile, TMPFS_MAX_SIZE } from '@sandbox/vfs';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT, World } from '../core/world.js';

const { O_CREAT, O_EXCL, O_RDWR, O_TRUNC, TMPFS_MAGIC } = abi;
const BASE = '/dev/shm';
const usable =
  process.platform === 'linux' &&
  existsSync(BASE) &&
  statfsSync(BASE).type === TMPFS_MAGIC &&
  process.getuid?.() === 0;
const made: string[] = [];

afterAll(() => {
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
});

/** Result of a host call: what it returned, or -errno. */
function host<T>(work: () => T): T | number {
  try {
    return work();
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}

/** 0 or -errno. */
function done(work: () => void): number {
  return host(() => {
    work();
    return 0;
  }) as number;
}

class Pair {
  readonly world = new World();
  readonly root = mkdtempSync(`${BASE}/vfs-model-`);

  constructor() {
    made.push(this.root);
  }
  real(path: string): string {
    return `${this.root}/${path}`;
  }
  /** Both results must be the same. */
  both(what: string, ours: number, theirs: number): void {
    expect(`${what}: ${ours}`).toBe(`${what}: ${theirs}`);
  }
}

interface Op {
  run(p: Pair): void;
  toString(): string;
}

const name = fc.constantFrom('a', 'b', 'c');
const path = fc
  .tuple(
    fc.array(fc.oneof({ weight: 6, arbitrary: name }, { weight: 1, arbitrary: fc.constantFrom('.', '..') }), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.boolean(),
    fc.nat(9),
  )
  // Never above the root, which is a real directory on the host.
  .map(([parts, , slash]) => stay(parts).join('/') + (slash === 0 ? '/' : ''));

function stay(parts: string[]): string[] {
  let depth = 0;
  return parts.map((p) => {
    if (p !== '..') {
      if (p !== '.') depth++;
      return p;
    }
    if (depth === 0) return '.';
    depth--;
    return p;
  });
}

function op(text: string, run: (p: Pair) => void): Op {
  return { run, toString: () => text };
}

const offset = fc.oneof(
  fc.nat(20_000),
  fc.nat(5).map((n) => n * 4096),
  fc.constant(1_000_000),
);

function writeOp(at: string, pos: number, length: number, flags: number): Op {
  return op(`write ${at} ${pos}+${length} ${flags}`, (p) => {
    const data = Buffer.alloc(length, 65 + (pos % 26));
    const f = p.world.open(at, flags, 0o644);
    const ours = typeof f === 'number' ? f : f.write(new BytesIo(data), pos);
    if (typeof f !== 'number') releaseFile(f);
    const fd = host(() => openSync(p.real(at), flags, 0o644));
    const theirs = fd < 0 ? fd : length === 0 ? 0 : host(() => writeSync(fd, data, 0, length, pos));
    if (fd >= 0) closeSync(fd);
    p.both('write', ours, theirs);
  });
}

function truncateOp(at: string, size: number): Op {
  return op(`truncate ${at} ${size}`, (p) => {
    const f = p.world.open(at, O_RDWR);
    const ours = typeof f === 'number' ? f : p.world.vfs.ftruncate(f, size);
    if (typeof f !== 'number') releaseFile(f);
    const fd = host(() => openSync(p.real(at), O_RDWR));
    const theirs = fd < 0 ? fd : done(() => ftruncateSync(fd, size));
    if (fd >= 0) closeSync(fd);
    p.both('truncate', ours, theirs);
  });
}

const operation: fc.Arbitrary<Op> = fc.oneof(
  path.map((a) =>
    op(`mkdir ${a}`, (p) =>
      p.both(
        'mkdir',
        p.world.mkdir(a),
        done(() => mkdirSync(p.real(a))),
      ),
    ),
  ),
  path.map((a) =>
    op(`rmdir ${a}`, (p) =>
      p.both(
        'rmdir',
        p.world.rmdir(a),
        done(() => rmdirSync(p.real(a))),
      ),
    ),
  ),
  path.map((a) =>
    op(`unlink ${a}`, (p) =>
      p.both(
        'unlink',
        p.world.unlink(a),
        done(() => unlinkSync(p.real(a))),
      ),
    ),
  ),
  fc.tuple(path, path).map(([a, b]) =>
    op(`rename ${a} ${b}`, (p) =>
      p.both(
        'rename',
        p.world.rename(a, b),
        done(() => renameSync(p.real(a), p.real(b))),
      ),
    ),
  ),
  fc.tuple(path, path).map(([a, b]) =>
    op(`link ${a} ${b}`, (p) =>
      p.both(
        'link',
        p.world.link(a, b),
        done(() => linkSync(p.real(a), p.real(b))),
      ),
    ),
  ),
  fc.tuple(fc.oneof(name, fc.constantFrom('a/b', './c', 'b/', 'none')), path).map(([a, b]) =>
    op(`symlink ${a} ${b}`, (p) =>
      p.both(
        'symlink',
        p.world.symlink(a, b),
        done(() => symlinkSync(a, p.real(b))),
      ),
    ),
  ),
  fc
    .tuple(
      path,
      offset,
      fc.oneof(fc.nat(10_000), fc.constant(0)),
      fc.constantFrom(
        O_RDWR,
        O_RDWR | O_CREAT,
        O_RDWR | O_CREAT | O_EXCL,
        O_RDWR | O_CREAT | O_TRUNC,
        O_RDWR | O_TRUNC,
      ),
    )
    .map(([a, pos, length, flags]) => writeOp(a, pos, length, flags)),
  fc.tuple(path, offset).map(([a, size]) => truncateOp(a, size)),
);

/** Everything that can be seen of a tree, as text. */
function describeReal(dir: string, at = ''): string[] {
  const lines: string[] = [];
  for (const n of readdirSync(dir).sort()) {
    const full = `${dir}/${n}`;
    const s = lstatSync(full);
    const type = s.mode & abi.S_IFMT;
    const blocks = type === abi.S_IFREG ? s.blocks : 0;
    lines.push(`${at}/${n} ${type.toString(8)} nlink=${s.nlink} size=${s.size} blocks=${blocks}`);
    if (s.isSymbolicLink()) lines.push(`-> ${readlinkSync(full)}`);
    if (s.isFile()) lines.push(readFileSync(full, 'latin1'));
    if (s.isDirectory()) lines.push(...describeReal(full, `${at}/${n}`));
  }
  return lines;
}

function describeOurs(w: World, dir = '', at = ''): string[] {
  const lines: string[] = [];
  const names = w.list(dir === '' ? '/' : dir);
  if (typeof names === 'number') throw new Error(`list ${dir}: ${names}`);
  for (const n of names.filter((x) => x !== '.' && x !== '..').sort()) {
    const full = `${dir}/${n}`;
    const s = w.at(full, 0);
    const type = s.mode & abi.S_IFMT;
    const blocks = type === abi.S_IFREG ? s.blocks : 0;
    lines.push(`${at}/${n} ${type.toString(8)} nlink=${s.nlink} size=${s.size} blocks=${blocks}`);
    if (type === abi.S_IFLNK) lines.push(`-> ${w.vfs.readlink(w.ctx, ROOT, null, full, 0)}`);
    if (type === abi.S_IFREG) lines.push(w.read(full) as string);
    if (type === abi.S_IFDIR) lines.push(...describeOurs(w, full, `${at}/${n}`));
  }
  return lines;
}

describe.skipIf(!usable)('tmpfs and the host tmpfs', () => {
  it('agree after any operations', () => {
    expect(TMPFS_MAX_SIZE).toBeGreaterThan(2 ** 40);
    fc.assert(
      fc.property(fc.array(operation, { minLength: 5, maxLength: 60 }), (ops) => {
        const pair = new Pair();
        try {
          for (const o of ops) o.run(pair);
          expect(describeOurs(pair.world)).toEqual(describeReal(pair.root));
        } finally {
          rmSync(pair.root, { recursive: true, force: true });
        }
      }),
      { numRuns: 400, seed: 20240607 },
    );
  });
});
