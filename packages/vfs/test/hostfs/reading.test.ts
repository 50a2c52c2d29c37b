import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  EACCES,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENXIO,
  EROFS,
  O_CREAT,
  O_RDWR,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from '@sandbox/abi';
import { hostfs, releaseFile } from '@sandbox/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore, Tree } from '../support/tree.js';

let dir: string;
let tree: Tree;
const host = (name: string): string => path.join(dir, name);

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
  fs.mkdirSync(host('sub'));
  fs.writeFileSync(host('sub/file'), 'content');
  fs.writeFileSync(host('empty'), '');
  fs.symlinkSync('sub/file', host('link'));
  fs.linkSync(host('sub/file'), host('hard'));
});
afterEach(() => {
  tree?.fs.dispose();
  fs.rmSync(dir, { recursive: true, force: true });
});

describe.each(['shared', 'exclusive'] as const)('a read-only host directory, %s', (cache) => {
  beforeEach(() => {
    tree = new Tree(hostfs(dir, { readOnly: true, cache }));
  });

  it('shows names, content and link targets', () => {
    expect(tree.list('/')).toEqual(['empty', 'hard', 'link', 'sub']);
    expect(tree.read('/sub/file')).toBe('content');
    expect(tree.read('/link')).toBe('content');
    expect(tree.readlink('/link')).toBe('sub/file');
    expect(tree.read('/empty')).toBe('');
    expect(tree.read('/none')).toBe(-ENOENT);
    expect(tree.read('/sub/file/x')).toBe(-ENOTDIR);
    expect(tree.readlink('/sub')).toBe(-EINVAL);
    expect(tree.open('/sub', O_RDWR)).toBe(-EISDIR);
  });

  it('shows exact attributes', () => {
    const st = tree.attributes('/sub/file');
    const want = fs.lstatSync(host('sub/file'), { bigint: true });
    expect(BigInt(st.ino)).toBe(want.ino);
    expect(BigInt(st.mode)).toBe(want.mode);
    expect(st.nlink).toBe(2);
    expect(BigInt(st.size)).toBe(want.size);
    expect(BigInt(st.blocks)).toBe(want.blocks);
    expect(BigInt(st.uid)).toBe(want.uid);
    expect(BigInt(st.mtimeSec) * 1_000_000_000n + BigInt(st.mtimeNsec)).toBe(want.mtimeNs);
    expect(BigInt(st.ctimeSec) * 1_000_000_000n + BigInt(st.ctimeNsec)).toBe(want.ctimeNs);
    expect(st.dev).toBe(tree.fs.dev);
  });

  it('shows times before the epoch', () => {
    execFileSync('touch', ['-a', '-d', '@-100.5', host('empty')]);
    execFileSync('touch', ['-m', '-d', '@-3', host('empty')]);
    const st = tree.attributes('/empty');
    expect([st.atimeSec, st.atimeNsec, st.mtimeSec]).toEqual([-101, 500_000_000, -3]);
  });

  it('gives hard links one inode', () => {
    expect(tree.place('/hard').dentry.inode).toBe(tree.place('/sub/file').dentry.inode);
  });

  it('does without openat2', () => {
    fs.mkdirSync(host('x/y/z'), { recursive: true });
    fs.writeFileSync(host('x/y/z/f'), 'deep');
    fs.symlinkSync('/', host('x/y/out'));
    (tree.fs as unknown as { access: { canOpenat2: boolean } }).access.canOpenat2 = false;
    expect(tree.read('/x/y/z/f')).toBe('deep');
    expect(tree.list('/x/y/z')).toEqual(['f']);
    expect(tree.read('/x/y/out/etc/passwd')).toBe(-ENOENT);
    // A directory that became a link is not gone through.
    const inodes = ['/x', '/x/y', '/x/y/z'].map((p) => tree.place(p).dentry.inode!);
    for (const inode of inodes) inode.evict();
    fs.renameSync(host('x/y'), host('x/was'));
    fs.symlinkSync('was', host('x/y'));
    expect(inodes[2].lookup('f')).toBe(-ENOTDIR);
  });

  it('refuses every change with EROFS', () => {
    expect(tree.write('/new', 'x')).toBe(-EROFS);
    expect(tree.open('/sub/file', O_WRONLY)).toBe(-EROFS);
    expect(tree.open('/sub/file', O_RDWR | O_CREAT)).toBe(-EROFS);
    expect(tree.mkdir('/d')).toBe(-EROFS);
    expect(tree.symlink('x', '/s')).toBe(-EROFS);
    expect(tree.link('/empty', '/l')).toBe(-EROFS);
    expect(tree.unlink('/empty')).toBe(-EROFS);
    expect(tree.rmdir('/sub')).toBe(-EROFS);
    expect(tree.rename('/empty', '/e')).toBe(-EROFS);
    expect(tree.chmod('/empty', 0o600)).toBe(-EROFS);
    expect(tree.chown('/empty', 1, 1)).toBe(-EROFS);
    const inode = tree.place('/empty').dentry.inode!;
    expect(inode.setxattr('user.x', new Uint8Array(1), 0)).toBe(-EROFS);
    expect(inode.fallocate(0, 0, 1)).toBe(-EROFS);
    expect(fs.readdirSync(dir).sort()).toEqual(['empty', 'hard', 'link', 'sub']);
  });

  it('keeps names that are not UTF-8', () => {
    const raw = Buffer.from([0x61, 0xff, 0xfe, 0x62]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), raw]), 'raw');
    expect(tree.list('/')).toContain(raw.toString('latin1'));
    expect(tree.read(`/${raw.toString('latin1')}`)).toBe('raw');
  });

  it('lists directories larger than one buffer, from any position', () => {
    for (let i = 0; i < 1500; i++) fs.writeFileSync(host(`sub/${'n'.repeat(60)}${i}`), '');
    expect((tree.list('/sub') as string[]).length).toBe(1501);
    const d = tree.opened('/sub');
    const seen: string[] = [];
    let pos = 2;
    for (;;) {
      let got = 0;
      d.readdir(pos, (name, _ino, _type, next) => {
        if (got === 7) return false;
        got++;
        seen.push(name);
        pos = next;
        return true;
      });
      if (got === 0) break;
    }
    expect(new Set(seen).size).toBe(1501);
    expect(seen.length).toBe(1501);
    releaseFile(d);
  });

  it('goes as deep as the host does', () => {
    // Deeper than a path can name at once: made step by step.
    const name = 'd'.repeat(200);
    const cwd = process.cwd();
    process.chdir(dir);
    for (let i = 0; i < 40; i++) {
      fs.mkdirSync(name);
      process.chdir(name);
    }
    fs.writeFileSync('leaf', 'deep');
    process.chdir(cwd);
    let inode = tree.place('/').dentry.inode!;
    for (let i = 0; i < 40; i++) inode = inode.lookup(name) as typeof inode;
    const leaf = inode.lookup('leaf') as typeof inode;
    expect(leaf.isRegular).toBe(true);
    const f = leaf.open(0, tree.cred);
    expect(typeof f).not.toBe('number');
    if (typeof f !== 'number') expect(tree.readFrom(f)).toBe('deep');
    // Too deep for a path, so for rmSync too.
    execFileSync('rm', ['-rf', dir]);
  });

  it('shows special files without opening them', () => {
    execFileSync('mkfifo', [host('fifo')]);
    expect(tree.attributes('/fifo').mode & S_IFMT).not.toBe(S_IFREG);
    expect(tree.open('/fifo')).toBe(-ENXIO);
  });

  it('shows the kernel file systems of the host as empty directories', () => {
    const all = new Tree(hostfs('/', { readOnly: true, cache }));
    expect(all.list('/proc')).toEqual([]);
    expect(all.read('/proc/self/environ')).toBe(-ENOENT);
    expect(all.read('/proc/version')).toBe(-ENOENT);
    expect(all.list('/sys')).toEqual([]);
    all.fs.dispose();
  });

  it('keeps few host descriptors', () => {
    const small = new Tree(hostfs(dir, { readOnly: true, cache, maxHostFds: 8 }));
    for (let i = 0; i < 100; i++) {
      fs.mkdirSync(host(`many${i}`));
      fs.writeFileSync(host(`many${i}/f`), String(i));
    }
    const before = fs.readdirSync('/proc/self/fd').length;
    const open = [];
    for (let i = 0; i < 100; i++) open.push(small.opened(`/many${i}/f`));
    expect(open.map((f) => small.readFrom(f))).toEqual(open.map((_, i) => String(i)));
    expect(fs.readdirSync('/proc/self/fd').length - before).toBeLessThanOrEqual(10);
    for (const f of open) small.close(f);
    small.fs.dispose();
  });
});

describe('content', () => {
  const big = Buffer.alloc(40 * 1024 * 1024 + 12345);
  for (let i = 0; i < big.length; i += 4096)
    big.writeUInt32LE(i, i - (i % 4) > big.length - 4 ? big.length - 4 : i);

  it.each([
    ['the heap', undefined],
    ['guest memory', memoryStore],
  ])('is the same through a store on %s, cached or direct, whatever the order', (_, makeStore) => {
    fs.writeFileSync(host('big'), big);
    const store = makeStore?.();
    tree = new Tree(hostfs(dir, { cache: 'exclusive', cacheLimit: 8 << 20 }), store);
    const f = tree.opened('/big');
    const check = (offset: number, length: number): void => {
      const got = tree.readFrom(f, offset, length) as string;
      const want = big.subarray(offset, offset + length);
      expect(Buffer.from(got, 'latin1').equals(want)).toBe(true);
    };
    check(0, 4096);
    check(0, 1 << 20);
    check(16 * 1024 * 1024 - 100, 200);
    check(big.length - 5000, 8192);
    for (let at = 3; at < 3 << 20; at += 12_288) check(at, 12_288);
    check(5 << 20, 4 << 20);
    expect(tree.readFrom(f, big.length, 10)).toBe('');
    tree.close(f);
    tree.fs.dispose();
    store?.dispose();
  });
});

describe('permissions of the host', () => {
  it.skipIf(process.getuid?.() === 0)('are reported when the file is opened', () => {
    fs.chmodSync(host('empty'), 0);
    tree = new Tree(hostfs(dir));
    expect(tree.open('/empty')).toBe(-EACCES);
  });
});
