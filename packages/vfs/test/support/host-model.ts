import {
  closeSync,
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
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import * as abi from '@sandbox/abi';
import { BytesIo, type FileSystemSpec, releaseFile } from '@sandbox/vfs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { ROOT, World } from '../core/world.js';
import type { Content } from './specs.js';

const { O_CREAT, O_EXCL, O_RDWR, O_TRUNC } = abi;

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
  readonly world: World;
  /** Directory of the host. */
  readonly root: string;

  constructor(with_: HostModel) {
    this.world = new World(with_.spec());
    this.root = mkdtempSync(join(with_.base, 'vfs-model-'));
    if (with_.content !== undefined) fillHost(this.root, with_.content);
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

/** What else is shown of a tree. */
interface Shown {
  readonly blocks: boolean;
  readonly directoryLinks: boolean;
}

/** Directories are as large as their file system makes them. */
const sizeOf = (type: number, size: number): number => (type === abi.S_IFDIR ? 0 : size);

/** Everything that can be seen of a tree, as text. */
function describeReal(dir: string, how: Shown, at = ''): string[] {
  const lines: string[] = [];
  for (const n of readdirSync(dir).sort()) {
    const full = `${dir}/${n}`;
    const s = lstatSync(full);
    const type = s.mode & abi.S_IFMT;
    const blocks = how.blocks && type === abi.S_IFREG ? s.blocks : 0;
    lines.push(
      `${at}/${n} ${type.toString(8)} nlink=${type === abi.S_IFDIR && !how.directoryLinks ? 0 : s.nlink} size=${sizeOf(type, s.size)} blocks=${blocks}`,
    );
    if (s.isSymbolicLink()) lines.push(`-> ${readlinkSync(full)}`);
    if (s.isFile()) lines.push(readFileSync(full, 'latin1'));
    if (s.isDirectory()) lines.push(...describeReal(full, how, `${at}/${n}`));
  }
  return lines;
}

function describeOurs(w: World, how: Shown, dir = '', at = ''): string[] {
  const lines: string[] = [];
  const names = w.list(dir === '' ? '/' : dir);
  if (typeof names === 'number') throw new Error(`list ${dir}: ${names}`);
  for (const n of names.filter((x) => x !== '.' && x !== '..').sort()) {
    const full = `${dir}/${n}`;
    const s = w.at(full, 0);
    const type = s.mode & abi.S_IFMT;
    const blocks = how.blocks && type === abi.S_IFREG ? s.blocks : 0;
    lines.push(
      `${at}/${n} ${type.toString(8)} nlink=${type === abi.S_IFDIR && !how.directoryLinks ? 0 : s.nlink} size=${sizeOf(type, s.size)} blocks=${blocks}`,
    );
    if (type === abi.S_IFLNK) lines.push(`-> ${w.vfs.readlink(w.ctx, ROOT, null, full, 0)}`);
    if (type === abi.S_IFREG) lines.push(w.read(full) as string);
    if (type === abi.S_IFDIR) lines.push(...describeOurs(w, how, full, `${at}/${n}`));
  }
  return lines;
}

/** What is compared, with what. */
export interface HostModel {
  /** Directory of the host's file system that knows how it has to be. */
  readonly base: string;
  /** A file system of ours. */
  readonly spec: () => FileSystemSpec;
  /** What it has in it; none: nothing. The host's directory gets the same. */
  readonly content?: Content;
  /** Allocated blocks are the same too. */
  readonly blocks?: boolean;
  /**
   * Directories count their subdirectories in both. Default true; those of an overlay that are merged have
   * one link.
   */
  readonly directoryLinks?: boolean;
  readonly numRuns: number;
  readonly seed: number;
}

/** `content` (see `prepared`) in a directory of the host. */
function fillHost(dir: string, content: Content): void {
  for (const [n, what] of Object.entries(content)) {
    const at = join(dir, n);
    if (typeof what !== 'string') {
      mkdirSync(at);
      fillHost(at, what);
    } else if (what.startsWith('->')) symlinkSync(what.slice(2), at);
    else if (what.startsWith('=')) linkSync(join(dir, what.slice(1)), at);
    else writeFileSync(at, what, 'latin1');
  }
}

/**
 * Random operations in both trees: they agree in every errno, listing, link count, size and content, now and
 * at the end.
 */
export function agreesWithHost(with_: HostModel): void {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 5, maxLength: 60 }), (ops) => {
      const pair = new Pair(with_);
      try {
        for (const o of ops) o.run(pair);
        const how = { blocks: with_.blocks ?? false, directoryLinks: with_.directoryLinks ?? true };
        expect(describeOurs(pair.world, how)).toEqual(describeReal(pair.root, how));
      } finally {
        rmSync(pair.root, { recursive: true, force: true });
      }
    }),
    { numRuns: with_.numRuns, seed: with_.seed },
  );
}
