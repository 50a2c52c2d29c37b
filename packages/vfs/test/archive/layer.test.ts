import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S_IFCHR, S_IFIFO, S_IFSOCK } from '@sandbox/abi';
import { createTree, ociImage, overlay, tar, tmpfs, type VfsPromises } from '@sandbox/vfs';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'layer-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function base(): Promise<Buffer> {
  const p = pack();
  for (const d of ['d', 'd/sub', 'e', 'e/deep', 'e/deep/er'])
    p.entry({ name: `${d}/`, type: 'directory', mode: 0o755 });
  for (const f of ['d/a', 'd/b', 'd/sub/c', 'e/x', 'e/deep/y', 'e/deep/er/z'])
    p.entry({ name: f, mode: 0o644 }, `content of ${f}\n`);
  p.entry({ name: 'e/hard', type: 'link', linkname: 'd/a' });
  p.entry({ name: 'd/link', type: 'symlink', linkname: 'a' });
  p.finalize();
  return bytesOf(p as AsyncIterable<Uint8Array>);
}

/** An image of these layers, as an OCI layout in a directory. */
function image(layers: readonly Uint8Array[], name: string): string {
  const at = join(dir, name);
  mkdirSync(join(at, 'blobs/sha256'), { recursive: true });
  const blob = (content: string | Uint8Array) => {
    const digest = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(at, 'blobs/sha256', digest), content);
    return { digest: `sha256:${digest}`, size: content.length, mediaType: '' };
  };
  const config = blob('{}');
  const manifest = blob(JSON.stringify({ config, layers: layers.map(blob) }));
  writeFileSync(join(at, 'index.json'), JSON.stringify({ manifests: [manifest] }));
  writeFileSync(join(at, 'oci-layout'), '{}');
  return at;
}

/** All there is to see of a tree. */
async function shown(t: VfsPromises, links: boolean): Promise<string[]> {
  const lines: string[] = [];
  for (const e of await t.readdir('/', { recursive: true, withFileTypes: true })) {
    const path = join(e.parentPath, e.name);
    const s = await t.lstat(path, { bigint: true });
    const content = e.isFile()
      ? await t.readFile(path, 'latin1')
      : e.isSymbolicLink()
        ? await t.readlink(path)
        : '';
    const times = e.isDirectory() ? '' : `${links ? s.nlink : ''} ${s.mtimeNs}`;
    const xattrs = e.isSymbolicLink() ? [] : await t.listxattr(path);
    lines.push(
      `${path} ${s.mode.toString(8)} ${s.uid}:${s.gid} ${s.rdev} ${times} ${content} ${xattrs.join()}`,
    );
  }
  return lines.sort();
}

let images = 0;
/** A layer of what `change` does makes, on top of what was there, the same tree. */
async function survives(change: (t: VfsPromises) => Promise<void>, links = true): Promise<string[]> {
  const below = await base();
  const t = createTree(overlay({ lower: await tar(below), upper: tmpfs() }));
  await change(t);
  const layer = await bytesOf(await t.layer());
  const { root } = await ociImage(image([below, layer], `image${images++}`));
  expect(await shown(createTree(root), links)).toEqual(await shown(t, links));
  const names: string[] = [];
  const { extract } = await import('tar-stream');
  const parser = extract();
  parser.on('entry', (header, stream, next) => {
    names.push(`${header.type === 'link' ? '=' : ''}${header.name}`);
    stream.resume();
    next();
  });
  await new Promise<void>((done) => parser.on('finish', () => done()).end(layer));
  return names;
}

describe('the upper layer of an overlay as a layer of an image', () => {
  it('is empty at first', async () => {
    expect(await survives(async () => {})).toEqual([]);
  });

  it('has what is new, changed and gone', async () => {
    const names = await survives(async (t) => {
      await t.appendFile('/d/b', 'more');
      await t.rm('/e/deep', { recursive: true });
      await t.rm('/d/sub', { recursive: true });
      await t.mkdir('/d/sub');
      await t.writeFile('/d/sub/new', 'n');
      await t.writeFile(`/d/${'long'.repeat(50)}`, 'x'.repeat(200_000));
      await t.writeFile('/é\n', 'odd name');
      await t.symlink('t'.repeat(150), '/far');
      await t.mknod('/dev', S_IFCHR | 0o600, 0x103);
      await t.mknod('/pipe', S_IFIFO | 0o640);
      await t.link('/d/b', '/second');
      await t.chown('/second', 3_000_000_000, 70_000);
      await t.setxattr('/second', 'user.colour', 'blue');
      await t.utimes('/d/b', 5, 1.25);
      await t.chmod('/e/x', 0o4755);
    });
    expect(names).toContain('e/.wh.deep');
    expect(names).toContain('d/sub/.wh..wh..opq');
    expect(names).not.toContain('d/a');
    expect(names.filter((n) => n === '=second' || n === '=d/b')).toHaveLength(1);
  });

  it('has directories that were renamed whole, and lower files with several names', async () => {
    expect((await survives((t) => t.appendFile('/d/a', 'changed'))).length).toBe(2);
    await survives((t) => t.rename('/e', '/moved'), false);
    await survives(async (t) => {
      await t.rename('/e/deep', '/d/deep');
      await t.writeFile('/d/deep/more', '');
      await t.rm('/d/deep/y');
      await t.rm('/e/hard');
      await t.appendFile('/d/a', 'alone');
    }, false);
    const t = createTree(overlay({ lower: await tar(await base()), upper: tmpfs() }));
    await t.appendFile('/e/hard', '!');
    expect(await t.diff()).toEqual([
      { path: '/d/a', kind: 'changed' },
      { path: '/e/hard', kind: 'changed' },
    ]);
  });

  it('leaves sockets out, is of overlays only', async () => {
    const t = createTree(overlay({ lower: await tar(await base()), upper: tmpfs() }));
    await t.mknod('/socket', S_IFSOCK | 0o755);
    expect((await bytesOf(await t.layer())).length).toBe(1024);
    await expect(createTree(tmpfs()).layer()).rejects.toMatchObject({ code: 'EOPNOTSUPP' });
  });

  const asRoot = process.getuid?.() === 0 && spawnSync('getfattr', ['--version']).status === 0;
  it.runIf(asRoot)('is what tar(1) reads, attributes with any bytes included', async () => {
    const t = createTree(overlay({ lower: await tar(await base()), upper: tmpfs() }));
    const value = Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 255);
    await t.writeFile('/f', 'text');
    await t.setxattr('/f', 'trusted.bytes', value);
    const archive = join(dir, 'l.tar');
    const out = join(dir, 'out');
    writeFileSync(archive, await bytesOf(await t.layer()));
    mkdirSync(out);
    execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-xf', archive, '-C', out]);
    const got = execFileSync('getfattr', ['--only-values', '-n', 'trusted.bytes', join(out, 'f')]);
    expect([...got]).toEqual([...value]);
  });

  it('whatever was done', async () => {
    const place = fc.constantFrom('/d', '/d/sub', '/e', '/e/deep', '/e/deep/er', '/n', '/d/n');
    const name = fc.constantFrom('a', 'b', 'c', 'x', 'y', 'hard', 'link', 'sub', 'deep', 'n');
    const path = fc.tuple(place, name).map(([p, n]) => `${p}/${n}`);
    const step = fc.oneof(
      fc.tuple(fc.constant('write' as const), path, fc.string({ maxLength: 5 })),
      fc.tuple(fc.constant('rm' as const), fc.oneof(path, place), fc.constant('')),
      fc.tuple(fc.constant('mkdir' as const), fc.oneof(path, place), fc.constant('')),
      fc.tuple(fc.constant('rename' as const), fc.oneof(path, place), fc.oneof(path, place)),
      fc.tuple(fc.constant('link' as const), path, path),
      fc.tuple(fc.constant('symlink' as const), path, name),
      fc.tuple(fc.constant('chmod' as const), fc.oneof(path, place), fc.constantFrom('600', '755')),
    );
    const work = async (t: VfsPromises, [what, at, arg]: [string, string, string]): Promise<void> => {
      if (what === 'write') await t.appendFile(at, arg);
      else if (what === 'rm') await t.rm(at, { recursive: true });
      else if (what === 'mkdir') await t.mkdir(at);
      else if (what === 'rename') await t.rename(at, arg);
      else if (what === 'link') await t.link(at, arg);
      else if (what === 'symlink') await t.symlink(arg, at);
      else await t.chmod(at, Number.parseInt(arg, 8));
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        await survives(async (t) => {
          for (const s of steps) await work(t, s).catch(() => {});
          // A name whose other names are left alone is a file of its own in a layer.
        }, false);
      }),
      { numRuns: 60, seed: 5 },
    );
  }, 120_000);
});
