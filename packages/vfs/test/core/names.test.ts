import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EROFS,
  EXDEV,
  MS_RDONLY,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFSOCK,
} from '@sandbox/abi';
import { type Path, tmpfs } from '@sandbox/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ROOT, user, World } from './world.js';

let w: World;
beforeEach(() => {
  w = new World();
  for (const d of ['/d', '/d/sub', '/e']) w.mkdir(d);
  w.write('/f', 'f');
  w.write('/d/g', 'g');
});

const pin = (path: string): Path => w.resolve(path).pin();

describe('making names', () => {
  it('keeps nothing of the paths they were made by', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const held = (): number => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    w.write('/d/before', '');
    const before = held();
    // Each path 4,000 bytes of its own.
    for (let i = 0; i < 2000; i++)
      w.write(Buffer.from(`/d/${'./'.repeat(1980)}a-rather-long-name-${i}`).toString('latin1'), '');
    expect(held() - before).toBeLessThan(5e6);
  });

  it('answers as mkdir(2), symlink(2), mknod(2)', () => {
    expect(w.mkdir('/d')).toBe(-EEXIST);
    expect(w.mkdir('/d/')).toBe(-EEXIST);
    expect(w.mkdir('/')).toBe(-EEXIST);
    expect(w.mkdir('/d/.')).toBe(-EEXIST);
    expect(w.mkdir('/none/x')).toBe(-ENOENT);
    expect(w.mkdir('/f/x')).toBe(-ENOTDIR);
    expect(w.mkdir('')).toBe(-ENOENT);
    expect(w.mkdir('/trailing///')).toBe(0);
    expect(w.symlink('', '/l')).toBe(-ENOENT);
    expect(w.symlink('x', '/l/')).toBe(-ENOENT);
    expect(w.symlink('x', '/f')).toBe(-EEXIST);
    const mknod = (path: string, mode: number, cred = ROOT, dev = 0) =>
      w.vfs.mknod(w.ctx, cred, null, path, mode, dev);
    expect(mknod('/fifo', S_IFIFO | 0o600)).toBe(0);
    expect(mknod('/plain', 0o600)).toBe(0);
    expect(mknod('/dir', S_IFDIR | 0o600)).toBe(-EPERM);
    expect(mknod('/odd', 0o030000)).toBe(-EINVAL);
    expect(mknod('/d/sock', S_IFSOCK | 0o600)).toBe(0);
    w.mkdir('/open', 0o777);
    expect(mknod('/open/dev', S_IFCHR | 0o600, user(5), 0x103)).toBe(-EPERM);
    expect(mknod('/open/null', S_IFCHR | 0o666, ROOT, 0x103)).toBe(0);
    expect(w.at('/open/null').rdev).toBe(0x103);
  });

  it('links files, not directories, within one file system', () => {
    expect(w.link('/f', '/d/f2')).toBe(0);
    expect(w.at('/f').nlink).toBe(2);
    expect(w.at('/d/f2').ino).toBe(w.at('/f').ino);
    expect(w.link('/d', '/d2')).toBe(-EPERM);
    expect(w.link('/none', '/n')).toBe(-ENOENT);
    expect(w.link('/f', '/d/g')).toBe(-EEXIST);
    w.symlink('f', '/l');
    expect(w.link('/l', '/l2')).toBe(0);
    expect(w.at('/l2', 0).ino).toBe(w.at('/l', 0).ino);
    w.vfs.mountAt(w.ctx, w.resolve('/e'), tmpfs().create(w.env), 0);
    expect(w.link('/f', '/e/f')).toBe(-EXDEV);
    expect(w.rename('/f', '/e/f')).toBe(-EXDEV);
  });

  it('is refused on read-only mounts, after what exists is known', () => {
    w.vfs.remount(w.ctx, w.resolve('/'), MS_RDONLY, false);
    expect(w.mkdir('/new')).toBe(-EROFS);
    expect(w.mkdir('/d')).toBe(-EEXIST);
    expect(w.unlink('/f')).toBe(-EROFS);
    expect(w.rename('/f', '/g')).toBe(-EROFS);
    expect(w.write('/f', 'x')).toBe(-EROFS);
    expect(w.read('/f')).toBe('f');
  });
});

describe('removing names', () => {
  it('answers as unlink(2) and rmdir(2)', () => {
    expect(w.unlink('/d')).toBe(-EISDIR);
    expect(w.unlink('/none')).toBe(-ENOENT);
    expect(w.unlink('/f/')).toBe(-ENOTDIR);
    expect(w.unlink('/d/')).toBe(-EISDIR);
    expect(w.unlink('/d/..')).toBe(-EISDIR);
    expect(w.rmdir('/d')).toBe(-ENOTEMPTY);
    expect(w.rmdir('/d/.')).toBe(-EINVAL);
    expect(w.rmdir('/d/..')).toBe(-ENOTEMPTY);
    expect(w.rmdir('/')).toBe(-EBUSY);
    expect(w.rmdir('/f')).toBe(-ENOTDIR);
    expect(w.rmdir('/e')).toBe(0);
    expect(w.unlink('/f')).toBe(0);
    expect(w.stat('/f')).toBe(-ENOENT);
  });

  it('leaves a mount point alone', () => {
    w.vfs.mountAt(w.ctx, w.resolve('/e'), tmpfs().create(w.env), 0);
    expect(w.rmdir('/e')).toBe(-EBUSY);
    expect(w.rename('/e', '/e2')).toBe(-EBUSY);
  });

  it('makes a directory dead for those inside', () => {
    const e = pin('/e');
    expect(w.rmdir('/e')).toBe(0);
    expect(w.vfs.mkdir(w.ctx, ROOT, e, 'x', 0o755)).toBe(-ENOENT);
    expect(w.tryResolve('x', 1, e)).toBe(-ENOENT);
    expect(w.tryResolve('..', 1, e)).toBe(0);
    expect(w.mkdir('/e')).toBe(0);
    expect(w.vfs.mkdir(w.ctx, ROOT, e, 'x', 0o755)).toBe(-ENOENT);
  });
});

describe('rename', () => {
  it('replaces like with like', () => {
    expect(w.rename('/f', '/d/g')).toBe(0);
    expect(w.read('/d/g')).toBe('f');
    expect(w.rename('/d/g', '/e')).toBe(-EISDIR);
    expect(w.rename('/e', '/d/g')).toBe(-ENOTDIR);
    expect(w.rename('/e', '/d')).toBe(-ENOTEMPTY);
    expect(w.rename('/d/sub', '/e')).toBe(0);
    expect(w.rename('/none', '/x')).toBe(-ENOENT);
    expect(w.rename('/d', '/d')).toBe(0);
  });

  it('does nothing when both are the same file', () => {
    w.link('/f', '/f2');
    expect(w.rename('/f', '/f2')).toBe(0);
    expect(w.at('/f').nlink).toBe(2);
  });

  it('never puts a directory into itself, nor over its ancestor', () => {
    expect(w.rename('/d', '/d/sub/x')).toBe(-EINVAL);
    expect(w.rename('/d', '/d/x')).toBe(-EINVAL);
    expect(w.rename('/d/sub', '/d')).toBe(-ENOTEMPTY);
    expect(w.rename('/d/g', '/d')).toBe(-ENOTEMPTY);
    expect(w.rename('/d/sub', '/d', RENAME_EXCHANGE)).toBe(-EINVAL);
  });

  it('judges dots and trailing slashes', () => {
    expect(w.rename('/d/.', '/x')).toBe(-EBUSY);
    expect(w.rename('/d', '/e/..')).toBe(-EBUSY);
    expect(w.rename('/d', '/e/..', RENAME_NOREPLACE)).toBe(-EEXIST);
    expect(w.rename('/f/', '/x')).toBe(-ENOTDIR);
    expect(w.rename('/f', '/x/')).toBe(-ENOTDIR);
    expect(w.rename('/d/', '/x/')).toBe(0);
  });

  it('takes flags', () => {
    expect(w.rename('/f', '/d/g', RENAME_NOREPLACE)).toBe(-EEXIST);
    expect(w.rename('/f', '/new', RENAME_NOREPLACE)).toBe(0);
    expect(w.rename('/new', '/none', RENAME_EXCHANGE)).toBe(-ENOENT);
    expect(w.rename('/new', '/d', RENAME_EXCHANGE)).toBe(0);
    expect(w.read('/d')).toBe('f');
    expect(w.read('/new/g')).toBe('g');
    expect(w.rename('/new', '/d', RENAME_EXCHANGE | RENAME_NOREPLACE)).toBe(-EINVAL);
    expect(w.rename('/new', '/d', 0x80)).toBe(-EINVAL);
  });

  it('takes those inside along', () => {
    const sub = pin('/d/sub');
    expect(w.rename('/d', '/e/moved')).toBe(0);
    expect(w.text(sub)).toBe('/e/moved/sub');
    expect(w.at('/e/moved/sub/..').ino).toBe(w.at('/e/moved').ino);
    expect([w.at('/').nlink, w.at('/e').nlink]).toEqual([3, 3]);
  });

  it('asks for rights in both directories, and in a directory that gets another parent', () => {
    const u = user(7);
    w.mkdir('/p', 0o777);
    w.mkdir('/q', 0o777);
    w.mkdir('/p/mine', 0o700, u);
    w.mkdir('/p/other', 0o755);
    expect(w.rename('/p/mine', '/q/mine', 0, u)).toBe(0);
    expect(w.rename('/p/other', '/q/other', 0, u)).toBe(-EACCES);
    expect(w.rename('/p/other', '/p/renamed', 0, u)).toBe(0);
    expect(w.rename('/f', '/p/f', 0, u)).toBe(-EACCES);
  });
});

describe('sticky directories', () => {
  it('let only owners remove and rename', () => {
    const alice = user(1);
    const bob = user(2);
    w.mkdir('/tmp', 0o1777);
    w.write('/tmp/a', 'a', alice);
    w.mkdir('/tmp/dir', 0o777, alice);
    expect(w.unlink('/tmp/a', bob)).toBe(-EPERM);
    expect(w.rename('/tmp/a', '/tmp/b', 0, bob)).toBe(-EPERM);
    w.write('/tmp/b', 'b', bob);
    expect(w.rename('/tmp/b', '/tmp/a', 0, bob)).toBe(-EPERM);
    expect(w.rmdir('/tmp/dir', bob)).toBe(-EPERM);
    expect(w.unlink('/tmp/a', alice)).toBe(0);
    expect(w.rmdir('/tmp/dir')).toBe(0);
  });
});
