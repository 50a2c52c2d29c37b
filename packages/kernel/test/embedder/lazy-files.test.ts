import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel } from '@sandbox/kernel';
import { hostfs, httpFile, type JsDirectory, jsfs, lazyTree, overlay, tmpfs } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const big = Buffer.alloc(3_000_000);
for (let i = 0; i < big.length; i += 4) big.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);

async function withTree<T>(tree: JsDirectory, use: (kernel: Kernel) => Promise<T>): Promise<T> {
  const kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: { '/far': overlay({ lower: jsfs(tree), upper: tmpfs() }) },
  });
  try {
    return await use(kernel);
  } finally {
    await kernel.dispose();
  }
}

const sh = async (kernel: Kernel, script: string) => {
  const { stdout, stderr } = await kernel.run('/bin/sh', ['-c', script], { timeout: 20_000 });
  return `${stdout}${stderr}`;
};

/** A server of ranges that is slow, and what it was asked for. */
async function serve(state: { content: Buffer; tag: string; ranges: string[] }): Promise<[Server, string]> {
  const server = createServer(async (request, response) => {
    const { content, tag } = state;
    if (request.url !== '/file') return void response.writeHead(404).end();
    const m = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const match = request.headers['if-match'];
    if (match !== undefined && match !== tag) return void response.writeHead(412).end();
    if (m === null) return void response.writeHead(200).end(content);
    const first = Number(m[1]);
    const last = Math.min(Number(m[2]), content.length - 1);
    state.ranges.push(`${first}-${last}`);
    await sleep(5);
    if (first >= content.length)
      return void response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${content.length}`, etag: tag });
    response.end(content.subarray(first, last + 1));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return [server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`];
}

describe('files that lie elsewhere', () => {
  it('are fetched in ranges over HTTP, once, and only what is read', async () => {
    const state = { content: big, tag: '"one"', ranges: [] as string[] };
    const [server, url] = await serve(state);
    try {
      const file = await httpFile(url);
      await withTree({ file }, async (kernel) => {
        state.ranges.length = 0;
        expect(await sh(kernel, 'tail -c 4 /far/file | od -An -tx4; stat -c %s /far/file')).toContain(
          '3000000',
        );
        expect(state.ranges).toEqual(['2949120-2999999']);
        expect(await sh(kernel, 'sha256sum < /far/file; cmp /far/file /far/file && echo same')).toBe(
          `${sha(big)}  -\nsame\n`,
        );
        const fetched = state.ranges.reduce(
          (n, r) => n + Number(r.split('-')[1]) - Number(r.split('-')[0]) + 1,
          0,
        );
        expect(fetched).toBe(big.length);
        // Copied up into the layer above, it can be written to.
        expect(await sh(kernel, 'printf new >> /far/file; tail -c 3 /far/file; stat -c %s /far/file')).toBe(
          'new3000003\n',
        );
      });
    } finally {
      server.close();
    }
  });

  it('that change, or vanish, are errors', async () => {
    const state = { content: big, tag: '"one"', ranges: [] as string[] };
    const [server, url] = await serve(state);
    try {
      await expect(httpFile(url.replace('/file', '/none'))).rejects.toMatchObject({ code: 'ERR_VFS_SOURCE' });
      const file = await httpFile(url);
      await withTree({ file }, async (kernel) => {
        expect(await sh(kernel, 'head -c 4 /far/file | wc -c')).toContain('4');
        state.tag = '"two"';
        expect(await sh(kernel, 'tail -c 4 /far/file | wc -c')).toContain('Input/output error');
        state.tag = '"one"';
        expect(await sh(kernel, 'tail -c 4 /far/file | wc -c')).toContain('4');
      });
      state.content = Buffer.alloc(0);
      await withTree({ file: await httpFile(url) }, async (kernel) => {
        expect(await sh(kernel, 'wc -c < /far/file')).toContain('0');
      });
      state.content = big;
      const gone = await httpFile(url, {
        timeout: 100,
        fetch: (u, o) =>
          new Headers(o?.headers).get('range') === 'bytes=0-0' ? fetch(u, o) : new Promise(() => {}),
      });
      await withTree({ gone }, async (kernel) => {
        expect(await sh(kernel, 'cat /far/gone')).toContain('Input/output error');
      });
    } finally {
      server.close();
    }
  });

  it('come from an object store: programs and their libraries run from there', async () => {
    const program = realpathSync('/bin/cat');
    const needed = execFileSync('ldd', [program], { encoding: 'utf8' });
    const libraries = [...needed.matchAll(/(\/\S+) \(0x/g)]
      .map((m) => m[1]!)
      .filter((path) => existsSync(path));
    const store = new Map<string, Buffer>([
      ['bin/cat', readFileSync(program)],
      ['deep/er/text', Buffer.from('from the store\n')],
    ]);
    for (const path of libraries) store.set(`lib/${path.split('/').at(-1)}`, readFileSync(path));
    let reads = 0;
    const tree = lazyTree(
      [...store].map(([path, content]) => ({
        path,
        size: content.length,
        mode: 0o755,
        mtime: new Date(1e12),
      })),
      async (path, { offset, length }) => {
        reads++;
        await sleep(2);
        return store.get(path)!.subarray(offset, offset + length);
      },
      { timeout: 20_000 },
    );
    await withTree(tree, async (kernel) => {
      expect(
        await sh(
          kernel,
          'ls -R /far | head -3; stat -c %Y /far/bin/cat; LD_LIBRARY_PATH=/far/lib /far/bin/cat /far/deep/er/text',
        ),
      ).toBe('/far:\nbin\ndeep\n1000000000\nfrom the store\n');
      expect(reads).toBeGreaterThan(2);
    });
    const twice = [
      { path: 'a', size: 1 },
      { path: 'a/b', size: 1 },
    ];
    expect(() => lazyTree(twice, () => '')).toThrow(
      expect.objectContaining({ code: 'ERR_VFS_INVALID_OPTION' }),
    );
  });
});
