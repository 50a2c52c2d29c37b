import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTree, fsImage, hostfs, overlay, tmpfs, type VfsPromises } from '@sandbox/vfs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'image-'));
const source = join(dir, 'src');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;
const has = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

beforeAll(() => {
  mkdirSync(source);
  const script = `
mkdir -p many deep/er/and/deeper empty; echo one > f; ln f deep/hard; ln -s ../f deep/link; printf '' > none; chmod 4751 f; chmod 1777 empty
i=0; while [ $i -lt 600 ]; do echo "file $i" > many/file-$i; i=$((i+1)); done
head -c 700000 /dev/urandom > random; seq 200000 > text; truncate -s 3M hole; printf tail | dd of=hole bs=1 seek=2500000 conv=notrunc 2>/dev/null
ln -s "$(printf 'long/%.0s' $(seq 100))" far; touch -d @1234567890 f text deep; mkfifo pipe
${isRoot ? "mknod null c 1 3; mknod big b 300 70000; chown 1000:70000 text; setfattr -n user.colour -v blue f 2>/dev/null; setfattr -n trusted.bytes -v 0x00ff80 deep 2>/dev/null; setfattr -n user.long -v $(printf 'x%.0s' $(seq 3000)) text 2>/dev/null; true" : ''}`;
  execFileSync('bash', ['-c', script], { cwd: source });
});

/** All there is to see of a tree; sizes and links of directories are each file system's own. */
async function shown(t: VfsPromises, times: boolean): Promise<string[]> {
  const lines: string[] = [];
  for (const e of await t.readdir('/', { recursive: true, withFileTypes: true })) {
    const path = join(e.parentPath, e.name);
    const s = await t.lstat(path);
    const content = e.isFile()
      ? (await t.readFile(path)).toString('base64')
      : e.isSymbolicLink()
        ? await t.readlink(path)
        : '';
    const xattrs = e.isSymbolicLink() ? [] : await t.listxattr(path);
    const values: string[] = [];
    for (const name of xattrs.sort())
      values.push(`${name}=${(await t.getxattr(path, name)).toString('hex')}`);
    const links = e.isDirectory() ? '' : s.nlink;
    lines.push(
      `${path} ${s.mode.toString(8)} ${s.uid}:${s.gid} ${s.rdev} ${links} ${times ? Math.floor(s.mtimeMs / 1000) : ''} ${content} ${values}`,
    );
  }
  return lines.sort();
}

const squash = (...options: string[]) => {
  const file = join(dir, `s${options.join('')}`);
  execFileSync('mksquashfs', [source, file, '-noappend', '-no-progress', '-quiet', ...options]);
  return file;
};
const erofs = (...options: string[]) => {
  const file = join(dir, `e${options.join('')}`);
  execFileSync('mkfs.erofs', ['--quiet', ...options, file, source], { stdio: 'ignore' });
  return file;
};
const erofsVersion = String(spawnSync('mkfs.erofs', ['--version']).stdout ?? '');
const COMPRESSORS = /lz4|lzma|deflate|zstd/g;
/** Can the tools here make one? Those of older distributions compress in fewer ways. */
const canMake = (kind: string): boolean =>
  kind.startsWith('erofs')
    ? has('mkfs.erofs') && (kind.match(COMPRESSORS) ?? []).every((c) => erofsVersion.includes(c))
    : has('mksquashfs');
const KINDS: Record<string, () => string> = {
  'squashfs, gzip': () => squash('-comp', 'gzip'),
  'squashfs, zstd': () => squash('-comp', 'zstd', '-b', '1M'),
  'squashfs, xz': () => squash('-comp', 'xz'),
  'squashfs, xz, machine code of every kind': () =>
    squash('-comp', 'xz', '-Xbcj', 'x86,arm,armthumb,powerpc,sparc,ia64'),
  'squashfs, lzo': () => squash('-comp', 'lzo', '-b', '1M'),
  'squashfs, lzma': () => squash('-comp', 'lzma', '-b', '1M'),
  'squashfs, lz4': () => squash('-comp', 'lz4', '-b', '4096'),
  'squashfs, plain': () => squash('-noI', '-noD', '-noF', '-noX', '-no-fragments'),
  erofs: () => erofs(),
  'erofs, extended inodes': () => erofs('-Eforce-inode-extended'),
  'erofs, chunks': () => erofs('--chunksize=4096'),
  'erofs, lz4': () => erofs('-zlz4'),
  'erofs, lz4, extended inodes, eight bytes a cluster': () =>
    erofs('-zlz4', '-Eforce-inode-extended,legacy-compress'),
  'erofs, lz4hc, large clusters, ends within the metadata': () =>
    erofs('-zlz4hc', '-C65536', '-Eztailpacking'),
  'erofs, lzma': () => erofs('-zlzma', '-C65536'),
  'erofs, deflate, fragments': () => erofs('-zdeflate', '-C32768', '-Efragments'),
  'erofs, zstd, shared content': () => erofs('-zzstd', '-C16384', '-Ededupe,fragments'),
  'erofs, deflate, shared content': () => erofs('-zdeflate', '-C16384', '-Ededupe'),
  'erofs, lzma, shared content': () => erofs('-zlzma', '-C16384', '-Ededupe'),
  'erofs, lz4, fragments alone': () => erofs('-zlz4', '-Eall-fragments'),
};

describe('an image', () => {
  for (const [name, make] of Object.entries(KINDS)) {
    it.runIf(canMake(name))(
      `of a ${name} has what it was made of`,
      async () => {
        const t = createTree(await fsImage(make()));
        const there = createTree(hostfs(source, { readOnly: true }));
        // trusted attributes are not shown through hostfs; a chunk-based or compact EROFS has one time for
        // all.
        const clean = (lines: string[]) => lines.map((l) => l.replace(/,?trusted\.bytes=\w+/, ''));
        const times = !name.startsWith('erofs') || name.includes('extended');
        expect(clean(await shown(t, times))).toEqual(clean(await shown(there, times)));
        expect((await t.statfs('/')).files).toBeGreaterThan(600);
        await expect(t.writeFile('/f', 'x')).rejects.toMatchObject({ code: 'EROFS' });
        if (isRoot) expect([...(await t.getxattr('/deep', 'trusted.bytes'))]).toEqual([0, 255, 128]);
      },
      60_000,
    );
  }

  it.runIf(has('mksquashfs'))(
    'can be written to beneath an overlay, is bounded, and refused when it is of another kind',
    async () => {
      const file = squash('-comp', 'gzip');
      const t = createTree(overlay({ lower: await fsImage(file), upper: tmpfs() }));
      await t.appendFile('/f', 'two\n');
      expect(await t.readFile('/deep/hard', 'utf8')).toBe('one\ntwo\n');
      const bad = { code: 'ERR_VFS_SOURCE' };
      await expect(fsImage(file, { maxBytes: 100_000 })).rejects.toMatchObject(bad);
      await expect(fsImage(file, { maxFiles: 100 })).rejects.toMatchObject(bad);
      await expect(fsImage('/etc/hostname')).rejects.toMatchObject(bad);
      await expect(fsImage('/no/such')).rejects.toMatchObject(bad);
      const unknown = readFileSync(file);
      unknown.writeUInt16LE(9, 20);
      await expect(fsImage(unknown)).rejects.toThrow(/number 9/);
    },
    60_000,
  );

  it.runIf(has('mksquashfs') && canMake('erofs, lz4, lzma, deflate, zstd'))(
    'that is damaged is refused, or read; nothing else happens',
    async () => {
      rmSync(join(source, 'random'));
      rmSync(join(source, 'text'));
      const images = [
        squash('-comp', 'lz4', '-b', '8192'),
        squash('-comp', 'xz', '-b', '16384'),
        squash('-noI', '-noD', '-noF', '-noX'),
        erofs(),
        erofs('-zlz4', '-C16384', '-Eztailpacking'),
        erofs('-zlzma', '-C16384', '-Efragments'),
        erofs('-zdeflate', '-Ededupe'),
        erofs('-zzstd'),
      ].map((f) => readFileSync(f));
      const damage = fc.array(fc.tuple(fc.nat(1 << 20), fc.nat(255)), { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...images), damage, fc.boolean(), async (image, changes, cut) => {
          const bytes = Buffer.from(cut ? image.subarray(0, changes[0]![0] % image.length) : image);
          // Most of what matters lies at the beginning and at the end.
          for (const [at, value] of changes) {
            if (bytes.length > 0)
              bytes[
                at % 3 === 0
                  ? at % bytes.length
                  : at % 2 === 0
                    ? at % 128
                    : bytes.length - 1 - (at % Math.min(bytes.length, 8192))
              ] = value;
          }
          try {
            await shown(createTree(await fsImage(bytes, { maxBytes: 1 << 26, maxFiles: 5000 })), true);
          } catch (error) {
            // Names that are no text cannot be asked for as text.
            expect((error as { code?: string }).code).toMatch(/^(ERR_VFS_SOURCE|ENAMETOOLONG|ENOENT)$/);
          }
        }),
        { numRuns: 150, seed: 7 },
      );
    },
    120_000,
  );
});
