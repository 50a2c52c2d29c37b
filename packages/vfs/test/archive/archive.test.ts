import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createTree, ociImage, overlay, tar, tmpfs, VfsError } from '@sandbox/vfs';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'archive-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const has = (program: string) => spawnSync('which', [program]).status === 0;

type Entry = Parameters<ReturnType<typeof pack>['entry']>[0];

async function archive(...entries: (readonly [Entry, (string | Buffer)?])[]): Promise<Buffer> {
  const p = pack();
  for (const [header, content] of entries) p.entry(header, content ?? '');
  p.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of p as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('a tar archive', () => {
  it.each([
    ['plain', '', 'tar'],
    ['gzip', '-z', 'tgz'],
    ...(has('xz')
      ? [
          ['xz', '-J', 'txz'],
          ['xz in several blocks', '-Ixz\\ --block-size=16384', 'bxz'],
          ['xz with a filter for machine code', '-Ixz\\ --x86\\ --lzma2', 'xxz'],
        ]
      : []),
    ...(has('bzip2') ? [['bzip2', '-j', 'tbz2']] : []),
  ])('made by tar(1), %s, has everything it was made of', async (_name, flag, suffix) => {
    const from = join(dir, `tree-${suffix}`);
    mkdirSync(join(from, 'deep/er'), { recursive: true });
    writeFileSync(join(from, 'deep/file'), 'x'.repeat(100_000));
    symlinkSync('deep/file', join(from, 'link'));
    execFileSync('sh', ['-c', `ln deep/file hard; mkfifo pipe; chmod 750 deep; touch -d @1000.5 deep/file`], {
      cwd: from,
    });
    const name = 'n'.repeat(120);
    writeFileSync(join(from, name), '');
    const file = join(dir, `a.${suffix}`);
    execFileSync('sh', ['-c', `tar --format=posix -cf "$1" ${flag} -C "$2" .`, 'sh', file, from]);
    const tree = createTree(await tar(file));
    expect((await tree.readFile('/deep/file')).length).toBe(100_000);
    expect(await tree.readlink('/link')).toBe('deep/file');
    const [a, b] = [await tree.stat('/hard'), await tree.stat('/deep/file')];
    expect([a.ino, a.nlink, Math.round(a.mtimeMs)]).toEqual([b.ino, 2, 1_000_500]);
    expect((await tree.stat('/pipe')).isFIFO()).toBe(true);
    expect((await tree.stat('/deep')).mode & 0o777).toBe(0o750);
    expect((await tree.stat(`/${name}`)).isFile()).toBe(true);
    await expect(tree.writeFile('/new', '')).rejects.toMatchObject({ code: 'EROFS' });
  });

  /** Bytes many of which are branches of one processor or another. */
  function code(): Buffer {
    const opcodes = [0xe8, 0xe9, 0xeb, 0x48, 0xf0, 0xf8, 0x40, 0x7f, 0x94, 0x90, 0x10, 0x16];
    let seed = 1;
    const bytes = Array.from({ length: 40_000 }, () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      const byte = seed >>> 16;
      return seed >>> 30 === 0
        ? opcodes[byte % opcodes.length]!
        : seed >>> 30 === 1
          ? (byte & 1) * 255
          : byte;
    });
    return Buffer.from(bytes);
  }

  it.runIf(has('xz'))('of xz may have been through filters, and be several streams', async () => {
    const bytes = code();
    const plain = await archive([{ name: 'code' }, bytes]);
    const filters = [
      'x86',
      'x86=start=4096',
      'arm',
      'armthumb',
      'powerpc',
      'sparc',
      'ia64',
      'delta=dist=3',
      'arm64',
    ];
    for (const filter of filters) {
      const run = (input: Buffer) => spawnSync('xz', ['-c', `--${filter}`, '--lzma2=preset=1'], { input });
      const half = 16384;
      const [first, second] = [run(plain.subarray(0, half)), run(plain.subarray(half))];
      // An older xz knows fewer.
      if (first.status !== 0) continue;
      const padded = Buffer.concat([first.stdout, Buffer.alloc(8), second.stdout]);
      const tree = createTree(await tar(padded));
      expect(bytes.equals(await tree.readFile('/code')), filter).toBe(true);
    }
  });

  it.runIf(has('bzip2'))('of bzip2 may be several streams, and is refused when it is damaged', async () => {
    const bytes = Buffer.concat([code(), Buffer.alloc(300_000), Buffer.from('abab'.repeat(5000))]);
    const plain = await archive([{ name: 'f' }, bytes]);
    const run = (input: Buffer) => execFileSync('bzip2', ['-c', '-1'], { input });
    const packed = Buffer.concat([run(plain.subarray(0, 50_000)), run(plain.subarray(50_000))]);
    expect(bytes.equals(await createTree(await tar(packed)).readFile('/f'))).toBe(true);
    for (let i = 4; i < packed.length; i += 997) {
      const bad = Buffer.from(packed);
      bad[i]! ^= 1 << (i & 7);
      await expect(tar(bad)).rejects.toMatchObject({ code: 'ERR_VFS_SOURCE' });
    }
    await expect(tar(packed.subarray(0, packed.length - 3))).rejects.toMatchObject({
      code: 'ERR_VFS_SOURCE',
    });
  });

  it('carries owners, devices and extended attributes', async () => {
    const bytes = await archive(
      [{ name: 'f', uid: 7, gid: 8, mode: 0o4755, pax: { 'SCHILY.xattr.user.k': 'v' } }, 'data'],
      [{ name: 'dev', type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 }],
    );
    const tree = createTree(await tar(gzipSync(bytes)));
    expect(await tree.stat('/f')).toMatchObject({ uid: 7, gid: 8, mode: 0o104755 });
    expect(Buffer.from(await tree.getxattr('/f', 'user.k')).toString()).toBe('v');
    expect((await tree.stat('/dev')).isCharacterDevice()).toBe(true);
  });

  it('is refused when it reaches out, is too large, or is none', async () => {
    const out = await archive([{ name: '../etc/passwd' }, 'x']);
    await expect(tar(out)).rejects.toThrow(VfsError);
    const two = await archive([{ name: 'a' }, 'x'.repeat(1000)], [{ name: 'b' }, 'y']);
    await expect(tar(two, { maxBytes: 500 })).rejects.toMatchObject({ code: 'ERR_VFS_SOURCE' });
    await expect(tar(two, { maxFiles: 1 })).rejects.toMatchObject({ code: 'ERR_VFS_SOURCE' });
    await expect(tar(Buffer.from('no archive at all, but long enough'.repeat(40)))).rejects.toThrow(VfsError);
    await expect(tar(gzipSync(two).subarray(0, 60))).rejects.toThrow(VfsError);
    await expect(tar(join(dir, 'missing.tar'))).rejects.toThrow(VfsError);
    const link = await archive([{ name: 'l', type: 'link', linkname: '../../etc/passwd' }]);
    await expect(tar(link)).rejects.toThrow(VfsError);
  });
});

function blob(at: string, bytes: Buffer): { digest: string; size: number } {
  const hex = createHash('sha256').update(bytes).digest('hex');
  mkdirSync(join(at, 'blobs/sha256'), { recursive: true });
  writeFileSync(join(at, 'blobs/sha256', hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
}

async function layout(at: string): Promise<void> {
  const one = await archive(
    [{ name: 'etc/', type: 'directory' }],
    [{ name: 'etc/keep' }, 'one'],
    [{ name: 'etc/gone' }, 'one'],
    [{ name: 'var/', type: 'directory', mode: 0o700 }],
    [{ name: 'var/old' }, 'one'],
  );
  const two = await archive(
    [{ name: 'etc/.wh.gone' }],
    [{ name: 'var/new' }, 'two'],
    [{ name: 'var/.wh..wh..opq' }],
    [{ name: 'etc/keep' }, 'two'],
  );
  const config = blob(
    at,
    Buffer.from(JSON.stringify({ config: { Env: ['A=b'], Cmd: ['sh'], WorkingDir: '/etc' } })),
  );
  const layers = [blob(at, gzipSync(one)), blob(at, two)];
  const manifest = blob(at, Buffer.from(JSON.stringify({ config, layers })));
  const index = {
    manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }],
  };
  writeFileSync(join(at, 'index.json'), JSON.stringify(index));
  writeFileSync(join(at, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

describe('an OCI image', () => {
  it('is its layers on top of each other, from a directory and from an archive of one', async () => {
    const at = join(dir, 'image');
    await layout(at);
    execFileSync('tar', ['-cf', join(dir, 'image.tar'), '-C', at, '.']);
    for (const path of [at, join(dir, 'image.tar')]) {
      const image = await ociImage(path, { reference: 'latest' });
      expect(image.config).toMatchObject({ env: ['A=b'], cmd: ['sh'], workingDir: '/etc', entrypoint: [] });
      const tree = createTree(overlay({ lower: image.root, upper: tmpfs() }));
      expect(await tree.readFile('/etc/keep', 'utf8')).toBe('two');
      expect((await tree.readdir('/etc')).sort()).toEqual(['keep']);
      expect(await tree.readdir('/var')).toEqual(['new']);
      await tree.writeFile('/var/own', 'x');
    }
    await expect(ociImage(at, { reference: 'other' })).rejects.toThrow(VfsError);
    await expect(ociImage(dir)).rejects.toThrow(VfsError);
  });

  it('of docker save is read as well', async () => {
    const layer = await archive([{ name: 'bin/', type: 'directory' }], [{ name: 'bin/sh' }, '#!']);
    const saved = await archive(
      [
        { name: 'manifest.json' },
        JSON.stringify([{ Config: 'c.json', Layers: ['l/layer.tar'], RepoTags: ['a:1'] }]),
      ],
      [{ name: 'c.json' }, '{"config":{"Entrypoint":["/bin/sh"]}}'],
      [{ name: 'l/layer.tar' }, layer.toString('latin1')],
    );
    const file = join(dir, 'saved.tar');
    writeFileSync(file, saved);
    const image = await ociImage(file);
    expect(image.config.entrypoint).toEqual(['/bin/sh']);
    expect(await createTree(image.root).readFile('/bin/sh', 'utf8')).toBe('#!');
  });

  it('reads no file of the host a link leads to', async () => {
    const at = join(dir, 'bad');
    mkdirSync(at);
    writeFileSync(join(at, 'manifest.json'), JSON.stringify([{ Config: 'c.json', Layers: ['l.tar'] }]));
    symlinkSync('/etc/passwd', join(at, 'c.json'));
    await expect(ociImage(at)).rejects.toThrow(/leads out/);
    expect(readFileSync('/etc/passwd').length).toBeGreaterThan(0);
  });
});
