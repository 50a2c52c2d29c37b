import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { EFAULT, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, O_RDWR } from '@sandbox/abi';
import {
  BytesIo,
  CHUNK_SIZE,
  type File,
  type HeapPageStore,
  hostfs,
  type Mappable,
  type MappingObserver,
  PAGE_SIZE,
} from '@sandbox/vfs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore, Tree } from '../support/tree.js';

let dir: string;
let tree: Tree;
let file: File;
const host = (): string => path.join(dir, 'f');

/**
 * A guest's shared mapping of a whole file: page tables that are filled by faults and emptied when the file
 * says so.
 */
class Mapping implements MappingObserver {
  private readonly pages = new Map<number, { at: number; writable: boolean }>();
  constructor(
    private readonly mappable: Mappable,
    private readonly t: Tree,
  ) {
    mappable.addObserver(this);
  }
  invalidate(first: number, end: number): void {
    for (const index of [...this.pages.keys()]) if (index >= first && index < end) this.pages.delete(index);
  }
  private fault(index: number, write: boolean): number {
    const known = this.pages.get(index);
    if (known !== undefined && (known.writable || !write)) return known.at;
    const at = this.mappable.translate(index, 64, write);
    if (at < 0) return at;
    for (let i = 0; i < this.mappable.runLength; i++) {
      this.pages.set(index + i, { at: at + i * PAGE_SIZE, writable: write });
    }
    return at;
  }
  load(offset: number): number {
    const at = this.fault(Math.floor(offset / PAGE_SIZE), false);
    return at < 0 ? at : this.t.pages.chunk(at)[(at % CHUNK_SIZE) + (offset % PAGE_SIZE)]!;
  }
  store(offset: number, value: number): number {
    const at = this.fault(Math.floor(offset / PAGE_SIZE), true);
    if (at < 0) return at;
    this.t.pages.chunk(at)[(at % CHUNK_SIZE) + (offset % PAGE_SIZE)] = value;
    return 0;
  }
  sync(): number {
    return this.mappable.syncPages(0, 1 << 30);
  }
  unmap(): void {
    this.mappable.removeObserver(this);
  }
}

const setUp = (cache: 'shared' | 'exclusive', content: string | Uint8Array): void => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
  fs.writeFileSync(host(), content);
  tree = new Tree(hostfs(dir, { cache }));
  file = tree.opened('/f', O_RDWR);
};
const map = (): Mapping => new Mapping(file.mappable!, tree);

afterEach(() => {
  tree.close(file);
  tree.fs.dispose();
  fs.rmSync(dir, { recursive: true, force: true });
});

describe.each(['shared', 'exclusive'] as const)('a mapped host file (%s)', (cache) => {
  beforeEach(() => setUp(cache, Buffer.alloc(300_000, 'a')));

  it('shows the content, and SIGBUS behind the end', () => {
    const m = map();
    expect(m.load(299_999)).toBe(97);
    expect(m.load(300_001)).toBe(0);
    expect(m.load(303_104)).toBe(-EFAULT);
    m.unmap();
  });

  it('and read(2), write(2) see each other at once', () => {
    const m = map();
    expect(m.store(5, 66)).toBe(0);
    expect(tree.readFrom(file, 4, 3)).toBe('aBa');
    expect(tree.writeTo(file, 'xyz', 4)).toBe(3);
    expect(m.load(5)).toBe(121);
    m.unmap();
  });

  it('is written back by msync, fsync and unmapping, each time anew', () => {
    const m = map();
    const onHost = (): string => fs.readFileSync(host(), 'latin1').slice(0, 4);
    m.store(0, 48);
    expect(onHost()).toBe('aaaa');
    expect(m.sync()).toBe(0);
    expect(onHost()).toBe('0aaa');
    m.store(1, 49);
    expect(file.fsync(false)).toBe(0);
    expect(onHost()).toBe('01aa');
    m.store(2, 50);
    m.unmap();
    expect(onHost()).toBe('012a');
    expect(fs.statSync(host()).size).toBe(300_000);
  });

  it('keeps what is stored behind the end out of the file', () => {
    const m = map();
    expect(m.store(300_005, 88)).toBe(0);
    m.sync();
    expect(fs.statSync(host()).size).toBe(300_000);
    expect(tree.writeTo(file, 'E', 300_010)).toBe(1);
    expect(tree.readFrom(file, 300_000, 20)).toBe(`${'\0'.repeat(10)}E`);
    expect(m.load(300_005)).toBe(0);
    m.unmap();
  });

  it('keeps its other pages when a hole is punched', () => {
    const m = map();
    expect(m.load(100_000)).toBe(97);
    expect(file.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3, 70_000)).toBe(0);
    expect([m.load(100_000), m.load(70_003), m.load(2), m.load(3), m.load(70_002)]).toEqual([
      97, 97, 97, 0, 0,
    ]);
    m.unmap();
  });

  it('loses its pages when truncated', () => {
    const m = map();
    m.load(0);
    m.store(200_000, 88);
    expect(file.truncate(100)).toBe(0);
    expect(m.load(4096)).toBe(-EFAULT);
    expect(m.load(150)).toBe(0);
    expect(file.truncate(300_000)).toBe(0);
    expect(m.load(200_000)).toBe(0);
    m.unmap();
    expect(fs.readFileSync(host()).every((b, i) => b === (i < 100 ? 97 : 0))).toBe(true);
  });
});

describe('when memory is short', () => {
  it('pages of mapped files are given back too, and come again', () => {
    setUp('exclusive', Buffer.alloc(20 << 20, 'z'));
    const m = map();
    for (let at = 0; at < 20 << 20; at += 1 << 16) expect(m.load(at)).toBe(122);
    m.store(70_000, 33);
    const users = [...(tree.env.memoryUsers ?? [])];
    const pages = tree.pages as HeapPageStore;
    const used = pages.used;
    expect(used).toBeGreaterThanOrEqual(20 << 20);
    expect(users[0].reclaim(1)).toBeGreaterThanOrEqual(20 << 20);
    expect(pages.used).toBe(0);
    expect(fs.readFileSync(host())[70_000]).toBe(33);
    expect(m.load(70_000)).toBe(33);
    expect(m.load(5)).toBe(122);
    m.unmap();
  });

  it('a file being read is spared', () => {
    setUp('exclusive', Buffer.alloc(100_000, 'q'));
    tree.readFrom(file, 0, 10);
    const user = [...(tree.env.memoryUsers ?? [])][0];
    const io = new BytesIo(new Uint8Array(5000));
    const put = io.put.bind(io);
    let given = -1;
    io.put = (src, offset, length) => {
      given = user.reclaim(1 << 30);
      return put(src, offset, length);
    };
    expect(file.read(io, 0)).toBe(5000);
    expect(given).toBe(0);
    expect(io.bytes[4999]).toBe(113);
    expect(user.reclaim(1 << 30)).toBeGreaterThan(0);
  });
});

describe('a mapped shared host file', () => {
  beforeEach(() => setUp('shared', 'one two three'));
  it('is read anew when others changed it', async () => {
    const m = map();
    expect(m.load(0)).toBe(111);
    fs.writeFileSync(host(), 'ONE and more');
    await new Promise((done) => setImmediate(done));
    expect(tree.attributes('/f').size).toBe(12);
    expect(m.load(0)).toBe(79);
    expect(m.load(12)).toBe(0);
    m.unmap();
  });
});

type Op =
  | { op: 'store' | 'load'; at: number; value: number }
  | { op: 'write'; at: number; text: string }
  | { op: 'read'; at: number; length: number }
  | { op: 'truncate'; size: number }
  | { op: 'sync' | 'fsync' | 'remap' | 'punch'; at: number };

const place = fc.oneof(fc.nat(200_000), fc.nat(9000), fc.constantFrom(65535, 65536, 65537, 131072));
const operation: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ op: fc.constantFrom('store' as const, 'load' as const), at: place, value: fc.nat(255) }),
  fc.record({
    op: fc.constant('write' as const),
    at: place,
    text: fc.string({ minLength: 1, maxLength: 9000, unit: 'binary-ascii' }),
  }),
  fc.record({ op: fc.constant('read' as const), at: place, length: fc.integer({ min: 1, max: 150_000 }) }),
  fc.record({ op: fc.constant('truncate' as const), size: place }),
  fc.record({
    op: fc.constantFrom('sync' as const, 'fsync' as const, 'remap' as const, 'punch' as const),
    at: place,
  }),
);

/** The file as one array. */
class Model {
  data: Buffer;
  constructor(initial: Buffer) {
    this.data = Buffer.from(initial);
  }
  resize(size: number): void {
    const next = Buffer.alloc(size);
    this.data.copy(next);
    this.data = next;
  }
  write(at: number, text: string): void {
    if (at + text.length > this.data.length) this.resize(at + text.length);
    this.data.write(text, at, 'latin1');
  }
}

function play(o: Op, model: Model, m: Mapping): Mapping {
  switch (o.op) {
    case 'store':
      if (o.at < model.data.length) {
        expect(m.store(o.at, o.value)).toBe(0);
        model.data[o.at] = o.value;
      }
      return m;
    case 'load':
      if (o.at < model.data.length) expect(m.load(o.at)).toBe(model.data[o.at]);
      return m;
    case 'write':
      expect(tree.writeTo(file, o.text, o.at)).toBe(o.text.length);
      model.write(o.at, o.text);
      return m;
    case 'read': {
      const want = model.data.toString('latin1', o.at, o.at + o.length);
      expect(tree.readFrom(file, o.at, o.length) === want).toBe(true);
      return m;
    }
    case 'truncate':
      expect(file.truncate(o.size)).toBe(0);
      model.resize(o.size);
      return m;
    case 'punch':
      expect(file.fallocate(3, o.at, 70_000)).toBe(0);
      model.data.fill(0, o.at, Math.min(model.data.length, o.at + 70_000));
      return m;
    case 'sync':
      expect(m.sync()).toBe(0);
      return m;
    case 'fsync':
      expect(file.fsync(false)).toBe(0);
      return m;
    case 'remap':
      m.unmap();
      expect(fs.readFileSync(host()).equals(model.data)).toBe(true);
      return map();
  }
}

describe('mapping, reading and writing in any order', () => {
  it.each([
    ['shared', undefined],
    ['exclusive', undefined],
    ['exclusive', memoryStore],
  ] as const)('agree (%s)', (cache, makeStore) => {
    const store = makeStore?.();
    fc.assert(
      fc.property(fc.nat(150_000), fc.array(operation, { maxLength: 30 }), (size, ops) => {
        const initial = Buffer.alloc(size, 'abcdefg');
        dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
        fs.writeFileSync(host(), initial);
        tree = new Tree(hostfs(dir, { cache }), store);
        file = tree.opened('/f', O_RDWR);
        const model = new Model(initial);
        let m = map();
        for (const o of ops) m = play(o, model, m);
        m.unmap();
        expect(fs.readFileSync(host()).equals(model.data)).toBe(true);
        tree.close(file);
        tree.fs.dispose();
        fs.rmSync(dir, { recursive: true, force: true });
      }),
      { numRuns: 120, seed: 99 },
    );
    store?.dispose();
    setUp(cache, '');
  });
});
