import {
  EACCES,
  EEXIST,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EXDEV,
  MS_NOSYMFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  O_WRONLY,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '@sandbox/abi';
import {
  LOOKUP_BENEATH,
  LOOKUP_DIRECTORY,
  LOOKUP_EMPTY,
  LOOKUP_FOLLOW,
  LOOKUP_IN_ROOT,
  LOOKUP_NO_XDEV,
  MagicLink,
  Path,
  releaseFile,
  SyntheticDirectory,
  SyntheticFileSystem,
  tmpfs,
} from '@sandbox/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { user, World } from './world.js';

let w: World;
beforeEach(() => {
  w = new World();
  for (const d of ['/a', '/a/b', '/a/b/c', '/x']) expect(w.mkdir(d)).toBe(0);
  w.write('/a/f', 'data');
});

describe('path walk', () => {
  it('takes slashes and dots as the manual says', () => {
    const ino = w.at('/a/b').ino;
    for (const p of [
      '/a/b',
      '//a///b',
      '/a/./b',
      '/a/b/',
      '/a/b/.',
      '/a/b/c/..',
      '/../a/b',
      '/a/../a/b//',
      'a/b',
    ]) {
      expect(w.at(p).ino, p).toBe(ino);
    }
    expect(w.at('/').ino).toBe(w.at('/..').ino);
    expect(w.tryResolve('')).toBe(-ENOENT);
    expect(w.tryResolve('', LOOKUP_EMPTY)).toBe(0);
  });

  it('refuses to go through or end in what is no directory', () => {
    expect(w.tryResolve('/a/f/')).toBe(-ENOTDIR);
    expect(w.tryResolve('/a/f/.')).toBe(-ENOTDIR);
    expect(w.tryResolve('/a/f/..')).toBe(-ENOTDIR);
    expect(w.tryResolve('/a/f/x')).toBe(-ENOTDIR);
    expect(w.tryResolve('/a/f', LOOKUP_DIRECTORY)).toBe(-ENOTDIR);
    expect(w.tryResolve('/a/none/x')).toBe(-ENOENT);
    expect(w.tryResolve('/a/none')).toBe(-ENOENT);
    expect(w.tryResolve('x', LOOKUP_FOLLOW, w.resolve('/a/f'))).toBe(-ENOTDIR);
  });

  it('bounds names and paths', () => {
    const name = 'n'.repeat(255);
    expect(w.mkdir(`/${name}`)).toBe(0);
    expect(w.tryResolve(`/${name}`)).toBe(0);
    expect(w.mkdir(`/${name}n`)).toBe(-ENAMETOOLONG);
    expect(w.tryResolve(`/${name}n/x`)).toBe(-ENAMETOOLONG);
    expect(w.tryResolve(`/${'./'.repeat(2047)}`)).toBe(0);
    expect(w.tryResolve(`/${'./'.repeat(2048)}`)).toBe(-ENAMETOOLONG);
  });

  it('follows symbolic links: relative, absolute, chained, in the middle, with trailing slashes', () => {
    w.symlink('b/c', '/a/rel');
    w.symlink('/a/b', '/a/abs');
    w.symlink('rel', '/a/chain');
    w.symlink('/a/', '/a/slash');
    w.symlink('/', '/a/root');
    w.symlink('f', '/a/file');
    w.symlink('none', '/a/dangling');
    const c = w.at('/a/b/c').ino;
    for (const p of [
      '/a/rel',
      '/a/chain',
      '/a/abs/c',
      '/a/slash/b/c',
      '/a/root/a/b/c',
      '/a/rel/../c',
      '/a/chain/',
    ]) {
      expect(w.at(p).ino, p).toBe(c);
    }
    expect(w.at('/a/rel', 0).ino).not.toBe(c);
    // A trailing slash makes the last link be followed, and its target be a directory.
    expect(w.at('/a/rel/', 0).ino).toBe(c);
    expect(w.tryResolve('/a/file/')).toBe(-ENOTDIR);
    expect(w.tryResolve('/a/dangling')).toBe(-ENOENT);
    expect(w.tryResolve('/a/dangling/x')).toBe(-ENOENT);
    expect(w.at('/a/chain/..').ino).toBe(w.at('/a/b').ino);
  });

  it('gives up after forty links', () => {
    w.symlink('loop', '/loop');
    expect(w.tryResolve('/loop')).toBe(-ELOOP);
    expect(w.tryResolve('/loop/x')).toBe(-ELOOP);
    expect(w.tryResolve('/loop', 0)).toBe(0);
    w.symlink('/a', '/l0');
    for (let i = 1; i <= 40; i++) w.symlink(`l${i - 1}`, `/l${i}`);
    expect(w.tryResolve('/l39')).toBe(0);
    expect(w.tryResolve('/l40')).toBe(-ELOOP);
  });

  it('needs search permission on every directory on the way, not on the last', () => {
    w.mkdir('/locked', 0o700);
    w.mkdir('/locked/in', 0o777);
    const u = user(1000);
    expect(w.tryResolve('/locked', LOOKUP_FOLLOW, null, u)).toBe(0);
    expect(w.tryResolve('/locked/in', LOOKUP_FOLLOW, null, u)).toBe(-EACCES);
    expect(w.tryResolve('/locked/none', LOOKUP_FOLLOW, null, u)).toBe(-EACCES);
    expect(w.tryResolve('/locked/.', LOOKUP_FOLLOW, null, u)).toBe(-EACCES);
  });

  it('remembers that names do not exist, until they do', () => {
    expect(w.tryResolve('/a/new')).toBe(-ENOENT);
    w.write('/a/new', 'x');
    expect(w.tryResolve('/a/new')).toBe(0);
    w.unlink('/a/new');
    expect(w.tryResolve('/a/new')).toBe(-ENOENT);
    w.mkdir('/a/new');
    expect(w.tryResolve('/a/new/')).toBe(0);
  });

  it('works with a dentry cache far too small', () => {
    const small = new World(tmpfs(), 8);
    for (let i = 0; i < 50; i++) {
      small.mkdir(`/d${i}`);
      small.write(`/d${i}/f`, String(i));
    }
    for (let i = 0; i < 50; i++) expect(small.read(`/d${i}/f`)).toBe(String(i));
    expect(small.vfs.dcache.count).toBeLessThan(20);
  });

  it('keeps nothing of a tree that was forgotten behind the last use of a file in it', () => {
    const { dcache } = w.vfs;
    const before = dcache.count;
    for (const d of ['/t', '/t/u', '/t/u/v']) w.mkdir(d);
    w.write('/t/u/other', 'x');
    const file = w.file('/t/u/v/f');
    const again = w.file('/t/u/v/f');
    w.vfs.forget(w.resolve('/').dentry, 't');
    // What is open, and what leads to it.
    expect(dcache.count).toBe(before + 3);
    releaseFile(file);
    expect(dcache.count).toBe(before + 3);
    releaseFile(again);
    expect(dcache.count).toBe(before);
    expect(w.read('/t/u/other')).toBe('x');
  });
});

describe('mounts on the way', () => {
  beforeEach(() => {
    const fs = tmpfs({ mode: 0o755 }).create(w.env);
    w.vfs.mountAt(w.ctx, w.resolve('/a/b'), fs, 0);
    w.mkdir('/a/b/inner');
  });

  it('are crossed down and up', () => {
    expect(w.at('/a/b').dev).not.toBe(w.at('/a').dev);
    expect(w.at('/a/b').mountRoot).toBe(true);
    expect(w.at('/a/b/inner/../..').ino).toBe(w.at('/a').ino);
    expect(w.tryResolve('/a/b/c')).toBe(-ENOENT);
    expect(w.text(w.resolve('/a/b/inner'))).toBe('/a/b/inner');
  });

  it('stop RESOLVE_NO_XDEV', () => {
    expect(w.tryResolve('/a/b', LOOKUP_NO_XDEV)).toBe(-EXDEV);
    expect(w.tryResolve('..', LOOKUP_NO_XDEV, w.resolve('/a/b'))).toBe(-EXDEV);
    expect(w.tryOpen('/a/b/inner', O_DIRECTORY, undefined, RESOLVE_NO_XDEV)).toBe(-EXDEV);
  });

  it('stack', () => {
    const top = tmpfs({ mode: 0o755 }).create(w.env);
    w.vfs.mountAt(w.ctx, w.resolve('/a/b'), top, 0);
    expect(w.tryResolve('/a/b/inner')).toBe(-ENOENT);
    expect(w.vfs.umount(w.ctx, w.resolve('/a/b'), false)).toBe(0);
    expect(w.tryResolve('/a/b/inner')).toBe(0);
  });

  it('may forbid links', () => {
    w.symlink('inner', '/a/b/l');
    w.vfs.remount(w.ctx, w.resolve('/a/b'), MS_NOSYMFOLLOW, false);
    expect(w.tryResolve('/a/b/l')).toBe(-ELOOP);
    expect(w.tryResolve('/a/b/l', 0)).toBe(0);
  });
});

describe('chroot and scoped lookups', () => {
  it('keep ".." inside the root', () => {
    w.ctx.root = w.resolve('/a');
    w.ctx.cwd = w.resolve('/');
    expect(w.at('/..').ino).toBe(w.at('/').ino);
    expect(w.tryResolve('/../../x')).toBe(-ENOENT);
    w.symlink('/f', '/b/up');
    expect(w.read('/b/up')).toBe('data');
  });

  it('RESOLVE_BENEATH refuses to leave, RESOLVE_IN_ROOT stays', () => {
    const at = w.resolve('/a');
    w.symlink('../x', '/a/out');
    w.symlink('/x', '/a/absolute');
    w.symlink('b', '/a/in');
    expect(w.tryResolve('b/../f', LOOKUP_BENEATH, at)).toBe(0);
    expect(w.tryResolve('../x', LOOKUP_BENEATH, at)).toBe(-EXDEV);
    expect(w.tryResolve('/x', LOOKUP_BENEATH, at)).toBe(-EXDEV);
    for (const l of ['out', 'absolute'])
      expect(w.tryResolve(l, LOOKUP_BENEATH | LOOKUP_FOLLOW, at), l).toBe(-EXDEV);
    expect(w.tryResolve('in/c', LOOKUP_BENEATH | LOOKUP_FOLLOW, at)).toBe(0);
    expect(w.tryResolve('/f', LOOKUP_IN_ROOT, at)).toBe(0);
    expect(w.tryResolve('../../f', LOOKUP_IN_ROOT, at)).toBe(0);
    expect(w.tryResolve('absolute', LOOKUP_IN_ROOT | LOOKUP_FOLLOW, at)).toBe(-ENOENT);
    expect(w.tryOpen('a/out', O_PATH, undefined, RESOLVE_BENEATH)).toBe(0);
    expect(w.tryOpen('a/in', O_PATH, undefined, RESOLVE_NO_SYMLINKS)).toBe(-ELOOP);
    expect(w.tryOpen('/a/f', O_PATH, undefined, RESOLVE_IN_ROOT)).toBe(0);
  });
});

describe('the last component of open', () => {
  it('is made, refused or followed by O_CREAT, O_EXCL, O_NOFOLLOW', () => {
    w.symlink('made', '/a/dangling');
    w.symlink('f', '/a/link');
    expect(w.tryOpen('/a/link', O_NOFOLLOW)).toBe(-ELOOP);
    expect(w.tryOpen('/a/link', O_NOFOLLOW | O_PATH)).toBe(0);
    expect(w.tryOpen('/a/link', O_CREAT | O_EXCL | O_WRONLY)).toBe(-EEXIST);
    expect(w.tryOpen('/a/dangling', O_CREAT | O_EXCL | O_WRONLY)).toBe(-EEXIST);
    expect(w.tryOpen('/a/dangling', O_CREAT | O_NOFOLLOW | O_WRONLY)).toBe(-ELOOP);
    expect(w.tryOpen('/a/dangling', O_CREAT | O_WRONLY)).toBe(0);
    expect(w.tryResolve('/a/made')).toBe(0);
    expect(w.tryOpen('/a/b', O_CREAT)).toBe(-EISDIR);
    expect(w.tryOpen('/a/b', O_RDWR)).toBe(-EISDIR);
    expect(w.tryOpen('/a/new/', O_CREAT | O_WRONLY)).toBe(-EISDIR);
    expect(w.tryOpen('/a/f/', O_CREAT | O_WRONLY)).toBe(-EISDIR);
    expect(w.tryOpen('/a/.', O_CREAT)).toBe(-EISDIR);
    expect(w.tryOpen('/a/..', O_CREAT | O_EXCL)).toBe(-EEXIST);
    expect(w.tryOpen('/a/f', O_DIRECTORY)).toBe(-ENOTDIR);
    expect(w.tryOpen('/none/f', O_CREAT | O_WRONLY)).toBe(-ENOENT);
  });
});

describe('magic links', () => {
  it('lead to an object, also one without a name', () => {
    const f = w.file('/a/gone');
    w.unlink('/a/gone');
    const fs = new SyntheticFileSystem(w.env, 'magic', 0);
    const dir = new SyntheticDirectory(fs);
    fs.setRoot(dir);
    dir.add(
      'it',
      new MagicLink(
        fs,
        () => f.path!,
        () => 'anything',
      ),
    );
    dir.add(
      'dir',
      new MagicLink(
        fs,
        () => w.resolve('/a'),
        () => '/somewhere/else',
      ),
    );
    w.mkdir('/m');
    w.vfs.mountAt(w.ctx, w.resolve('/m'), fs, 0);
    expect(w.tryOpen('/m/it', O_RDWR)).toBe(0);
    expect(w.tryOpen('/m/it', O_NOFOLLOW)).toBe(-ELOOP);
    expect(w.read('/m/dir/f')).toBe('data');
    expect(w.tryResolve('m/dir/f', LOOKUP_BENEATH)).toBe(-EXDEV);
    expect(w.text(f.path!)).toBe('/a/gone (deleted)');
  });
});

describe('path text', () => {
  it('shows what is unreachable or deleted', () => {
    const inside = w.resolve('/a/b');
    expect(w.text(w.resolve('/'))).toBe('/');
    w.ctx.root = w.resolve('/x');
    // Only getcwd says so; links of /proc show the way from the top.
    expect(w.text(inside)).toBe('/a/b');
    w.ctx.cwd = inside;
    expect(w.vfs.getcwd(w.ctx)).toBe('(unreachable)/a/b');
    expect(w.text(w.resolve('/'))).toBe('/');
    w.ctx.root = new Path(inside.mount, inside.mount.root);
    const c = w.resolve('/a/b/c').pin();
    expect(w.rmdir('/a/b/c')).toBe(0);
    expect(w.text(c)).toBe('/a/b/c (deleted)');
    w.ctx.cwd = c;
    expect(w.vfs.getcwd(w.ctx)).toBe(-ENOENT);
    w.ctx.cwd = w.ctx.root;
    const fs = tmpfs().create(w.env);
    const at = w.resolve('/x');
    w.vfs.mountAt(w.ctx, at, fs, 0);
    w.mkdir('/x/y');
    const y = w.resolve('/x/y').pin();
    expect(w.vfs.umount(w.ctx, w.resolve('/x'), false)).toBeLessThan(0);
    expect(w.vfs.umount(w.ctx, w.resolve('/x'), true)).toBe(0);
    expect(w.text(y)).toBe('/y');
    w.ctx.cwd = y;
    expect(w.vfs.getcwd(w.ctx)).toBe('(unreachable)/y');
    w.ctx.cwd = w.ctx.root;
    y.unpin();
  });
});
