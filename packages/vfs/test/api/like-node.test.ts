/** What node:fs/promises does on a directory of the host, the tree does too. */
import { mkdtempSync, rmSync } from 'node:fs';
import * as node from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTree, type FsError, overlay, tmpfs, type VfsPromises, type WatchEvent } from '@sandbox/vfs';
import { afterAll, describe, expect, it } from 'vitest';

const host = mkdtempSync(join(tmpdir(), 'like-node-'));
afterAll(() => rmSync(host, { recursive: true, force: true }));

/** The calls both have, as far as these tests use them. */
type Fs = Pick<
  typeof node,
  | 'mkdir'
  | 'writeFile'
  | 'symlink'
  | 'rm'
  | 'rename'
  | 'chmod'
  | 'cp'
  | 'readlink'
  | 'opendir'
  | 'statfs'
  | 'stat'
  | 'open'
  | 'readdir'
  | 'watch'
>;

const tree = createTree(tmpfs()) as unknown as Fs;
let round = 0;

/** The same work in a fresh directory of both. */
async function same<T>(work: (fs: Fs, dir: string) => Promise<T>): Promise<T> {
  const name = `w${round++}`;
  const dir = join(host, name);
  await node.mkdir(dir);
  await (tree as unknown as VfsPromises).mkdir(dir, { recursive: true });
  const theirs = await work(node, dir);
  const ours = await work(tree, dir);
  expect(ours).toEqual(theirs);
  return ours;
}

const code = (p: Promise<unknown>): Promise<string> =>
  p.then(
    () => 'ok',
    (e: FsError) => e.code ?? e.name,
  );

describe('as in Node', () => {
  it('directories are read in pieces', async () => {
    await same(async (fs, dir) => {
      await fs.mkdir(`${dir}/d/e`, { recursive: true });
      for (let i = 0; i < 70; i++) await fs.writeFile(`${dir}/f${i}`, '');
      await fs.writeFile(`${dir}/d/e/deep`, '');
      await fs.symlink('d', `${dir}/link`);
      const found: string[] = [];
      for await (const e of await fs.opendir(dir, { bufferSize: 7 })) {
        found.push(`${e.name} ${e.isFile()} ${e.isDirectory()} ${e.isSymbolicLink()}`);
      }
      const all: string[] = [];
      for await (const e of await fs.opendir(dir, { recursive: true }))
        all.push(`${e.parentPath.slice(dir.length)} ${e.name}`);
      const one = await fs.opendir(dir);
      const first = (await one.read())?.name.length !== 0;
      const path = one.path === dir;
      await one.close();
      const closed = [await code((async () => one.read())()), await code((async () => one.close())())];
      return {
        found: found.sort(),
        all: all.sort(),
        first,
        path,
        closed,
        missing: await code(fs.opendir(`${dir}/none`)),
        file: await code(fs.opendir(`${dir}/f1`)),
      };
    });
  });

  it('attributes come as bigints too', async () => {
    await same(async (fs, dir) => {
      const file = `${dir}/f`;
      await fs.writeFile(file, 'four');
      const handle = await fs.open(file, 'r+');
      await handle.utimes(1_234_567_890.5, 1e9);
      const s = await fs.stat(file, { bigint: true });
      const h = await handle.stat({ bigint: true });
      await handle.close();
      const sfs = await fs.statfs(dir, { bigint: true });
      return {
        size: s.size,
        times: [s.atimeNs, s.mtimeNs, s.mtimeMs, s.mtime],
        same: s.ino === h.ino,
        kinds: [s.isFile(), s.isDirectory()],
        statfs: Object.entries(sfs)
          .map(([k, v]) => `${k} ${typeof v}`)
          .sort(),
        numbers: Object.values(await fs.statfs(dir)).every((v) => typeof v === 'number'),
      };
    });
  });

  it('handles read and write several buffers, and give streams', async () => {
    await same(async (fs, dir) => {
      const handle = await fs.open(`${dir}/f`, 'w+');
      const out = await handle.writev([
        Buffer.from('one,'),
        Buffer.from('two,'),
        Buffer.from('three\nfour\r\nfive'),
      ]);
      const text = await handle.write('FOUR', 14);
      const buffers = [Buffer.alloc(3), Buffer.alloc(5), Buffer.alloc(100)];
      const read = await handle.readv(buffers, 0);
      const some = await handle.read({ position: 4, length: 3 });
      const none = await handle.read(Buffer.alloc(4), 0, 4, 1000);
      const chunks: Buffer[] = [];
      for await (const piece of handle.createReadStream({ start: 4, end: 6, autoClose: false }))
        chunks.push(piece as Buffer);
      const web: Uint8Array[] = [];
      for await (const piece of handle.readableWebStream()) web.push(new Uint8Array(piece as ArrayBuffer));
      await handle.close();
      const again = await fs.open(`${dir}/f`);
      const lines: string[] = [];
      for await (const line of again.readLines()) lines.push(line);
      return {
        written: out.bytesWritten,
        text: text.bytesWritten,
        read: read.bytesRead,
        got: buffers.map((b) => b.toString('latin1')),
        some: Buffer.from(some.buffer).subarray(0, some.bytesRead).toString(),
        none: none.bytesRead,
        chunks: Buffer.concat(chunks).toString(),
        lines,
      };
    });
  });

  it('cp makes links absolute, unless they are to be kept', async () => {
    await same(async (fs, dir) => {
      await fs.mkdir(`${dir}/a/sub`, { recursive: true });
      await fs.writeFile(`${dir}/a/file`, 'x');
      await fs.symlink('../file', `${dir}/a/sub/link`);
      await fs.cp(`${dir}/a`, `${dir}/b`, { recursive: true });
      await fs.cp(`${dir}/a`, `${dir}/c`, { recursive: true, verbatimSymlinks: true });
      return [
        (await fs.readlink(`${dir}/b/sub/link`)).slice(dir.length),
        await fs.readlink(`${dir}/c/sub/link`),
      ];
    });
  });

  it('watching tells what changes in a directory', async () => {
    await same(async (fs, dir) => {
      await fs.writeFile(`${dir}/old`, 'x');
      await fs.mkdir(`${dir}/sub`);
      const stop = new AbortController();
      const events: WatchEvent[] = [];
      const watching = (async () => {
        for await (const e of fs.watch(dir, { signal: stop.signal }))
          events.push({ eventType: e.eventType, filename: e.filename! });
      })();
      await sleep(20);
      // Between two steps the host's events have to arrive.
      const step = async (work: Promise<unknown>): Promise<void> => {
        await work;
        await sleep(20);
      };
      await step(fs.writeFile(`${dir}/new`, 'y'));
      await step(fs.rename(`${dir}/new`, `${dir}/newer`));
      await step(fs.chmod(`${dir}/old`, 0o600));
      await step(fs.writeFile(`${dir}/sub/inside`, ''));
      await step(fs.rm(`${dir}/newer`));
      stop.abort();
      const end = await code(watching);
      return { end, kinds: [...new Set(events.map((e) => `${e.eventType} ${e.filename}`))] };
    });
  });
});

describe('watching', () => {
  const take = async (events: AsyncGenerator<WatchEvent>, n: number): Promise<string[]> => {
    const got: string[] = [];
    for (let i = 0; i < n; i++) {
      const e = (await events.next()).value as WatchEvent;
      got.push(`${e.eventType} ${e.filename}`);
    }
    return got;
  };

  it('reaches directories below, made later too, and a file', async () => {
    const t = createTree(tmpfs());
    await t.mkdir('/d/a/b', { recursive: true });
    const events = t.watch('/d', { recursive: true });
    await t.writeFile('/d/a/b/f', '');
    await t.mkdir('/d/n/m', { recursive: true });
    await t.writeFile('/d/n/m/g', 'x');
    await t.mkdir('/elsewhere/x', { recursive: true });
    await t.rename('/elsewhere', '/d/moved');
    await t.symlink('..', '/d/moved/x/up');
    await t.rm('/d/a', { recursive: true });
    expect(await take(events, 10)).toEqual([
      'rename a/b/f',
      'rename n',
      'rename n/m',
      'rename n/m/g',
      'change n/m/g',
      'rename moved',
      'rename moved/x/up',
      'rename a/b/f',
      'rename a/b',
      'rename a',
    ]);
    await events.return(undefined);
    await t.writeFile('/file', '');
    const file = t.watch('/file');
    await t.appendFile('/file', 'x');
    await t.rename('/file', '/file2');
    expect(await take(file, 2)).toEqual(['change file', 'rename file']);
  });

  it('forgets nothing it holds: an ended one leaves no marks, a full one says so', async () => {
    const t = createTree(overlay({ lower: tmpfs(), upper: tmpfs() }));
    const stop = new AbortController();
    const events = t.watch('/', { signal: stop.signal, maxQueue: 3, overflow: 'throw' });
    for (let i = 0; i < 9; i++) await t.mkdir(`/d${i}`);
    expect(await take(events, 0)).toEqual([]);
    expect(await code(events.next())).toBe('ERR_FS_WATCH_QUEUE_OVERFLOW');
    expect(t.vfs.watched).toBe(false);
    const more = t.watch('/', { signal: stop.signal });
    const next = code(more.next());
    stop.abort();
    expect(await next).toBe('ABORT_ERR');
    expect(t.vfs.watched).toBe(false);
    expect(() => t.watch('/', { signal: stop.signal })).toThrow();
    expect(() => t.watch('/none')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('glob', () => {
  it('finds paths by patterns', async () => {
    const t = createTree(tmpfs());
    for (const f of [
      'src/a.ts',
      'src/b.js',
      'src/deep/c.ts',
      'src/deep/er/d.ts',
      'node_modules/x/i.ts',
      'README.md',
      '.hidden/e.ts',
    ]) {
      await t.mkdir(`/p/${f.replace(/[^/]+$/, '')}`, { recursive: true });
      await t.writeFile(`/p/${f}`, '');
    }
    const all = async (pattern: string | string[], options = {}) => {
      const found: string[] = [];
      for await (const path of t.glob(pattern, { cwd: '/p', ...options })) found.push(path);
      return found.sort();
    };
    expect(await all('**/*.ts', { exclude: ['node_modules'] })).toEqual([
      'src/a.ts',
      'src/deep/c.ts',
      'src/deep/er/d.ts',
    ]);
    expect(await all('src/*')).toEqual(['src/a.ts', 'src/b.js', 'src/deep']);
    expect(await all(['src/{a,b}.{ts,js}', 'README.md', 'src/a.ts', 'none'])).toEqual([
      'README.md',
      'src/a.ts',
      'src/b.js',
    ]);
    expect(await all('/p/src/deep/**')).toEqual([
      '/p/src/deep/c.ts',
      '/p/src/deep/er',
      '/p/src/deep/er/d.ts',
    ]);
    expect(await all('*', { exclude: (path: string) => path === 'src' })).toEqual([
      'README.md',
      'node_modules',
    ]);
    const types: string[] = [];
    for await (const e of t.glob('src/*', { cwd: '/p', withFileTypes: true }))
      types.push(`${e.name} ${e.isDirectory()}`);
    expect(types.sort()).toEqual(['a.ts false', 'b.js false', 'deep true']);
  });
});
