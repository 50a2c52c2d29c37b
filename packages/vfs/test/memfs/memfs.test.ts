import * as nodeFs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  EEXIST,
  EILSEQ,
  EINVAL,
  EIO,
  ENOENT,
  ENOSPC,
  ENOTEMPTY,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  O_APPEND,
  O_CREAT,
  O_RDWR,
  O_WRONLY,
  RENAME_EXCHANGE,
  S_IFCHR,
  S_IFIFO,
} from '@sandbox/abi';
import { memfs, type NodeFs, VfsError } from '@sandbox/vfs';
import { Volume } from 'memfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { bytes, Tree } from '../support/tree.js';

let vol: InstanceType<typeof Volume>;
let tree: Tree;

beforeEach(() => {
  vol = Volume.fromJSON({ '/a.txt': 'hello', '/d/b.txt': 'bee', '/empty': null });
  tree = new Tree(memfs(vol));
});

describe('a memfs volume', () => {
  it('is shown to guests', () => {
    expect(tree.list('/')).toEqual(['a.txt', 'd', 'empty']);
    expect(tree.read('/a.txt')).toBe('hello');
    expect(tree.read('/d/b.txt')).toBe('bee');
    expect(tree.read('/none')).toBe(-ENOENT);
    expect(tree.attributes('/a.txt').size).toBe(5);
    expect(tree.attributes('/a.txt').dev).toBe(tree.fs.dev);
  });

  it('has what guests write at once', () => {
    const f = tree.opened('/new', O_CREAT | O_RDWR);
    expect(tree.writeTo(f, 'one', 0)).toBe(3);
    expect(vol.readFileSync('/new', 'utf8')).toBe('one');
    expect(tree.writeTo(f, 'two', 5)).toBe(3);
    expect(tree.readFrom(f)).toBe('one\0\0two');
    expect(f.truncate(2)).toBe(0);
    expect(vol.readFileSync('/new', 'utf8')).toBe('on');
    tree.close(f);
    tree.mkdir('/dir');
    tree.write('/dir/x', 'X');
    tree.symlink('x', '/dir/s');
    tree.unlink('/a.txt');
    tree.rename('/d', '/e');
    expect(vol.toJSON()).toEqual({
      '/new': 'on',
      '/dir/x': 'X',
      '/e/b.txt': 'bee',
      '/empty': null,
    });
    expect(tree.readlink('/dir/s')).toBe('x');
    expect(tree.attributes('/dir/s').size).toBe(1);
    expect(tree.read('/dir/s')).toBe('X');
  });

  it('shows guests what the embedder changes', () => {
    expect(tree.read('/late')).toBe(-ENOENT);
    vol.writeFileSync('/late', '1');
    expect(tree.read('/late')).toBe('1');
    const f = tree.opened('/late');
    vol.appendFileSync('/late', '2');
    expect(tree.readFrom(f)).toBe('12');
    expect(tree.attributes('/late').size).toBe(2);
    tree.close(f);
    vol.unlinkSync('/late');
    vol.mkdirSync('/late');
    expect(tree.list('/late')).toEqual([]);
    vol.rmSync('/d', { recursive: true });
    expect(tree.lstat('/d/b.txt')).toBe(-ENOENT);
  });

  it('appends, links and counts links', () => {
    const f = tree.opened('/a.txt', O_WRONLY | O_APPEND);
    expect(tree.writeTo(f, '!', f.inode.size)).toBe(1);
    tree.close(f);
    expect(tree.link('/a.txt', '/hard')).toBe(0);
    expect(tree.attributes('/hard').nlink).toBe(2);
    expect(tree.place('/hard').dentry.inode).toBe(tree.place('/a.txt').dentry.inode);
    expect(tree.unlink('/a.txt')).toBe(0);
    expect(tree.read('/hard')).toBe('hello!');
    expect(tree.attributes('/hard').nlink).toBe(1);
  });

  it('keeps deleted files that are open', () => {
    const f = tree.opened('/a.txt', O_RDWR);
    tree.unlink('/a.txt');
    expect(tree.readFrom(f)).toBe('hello');
    expect(tree.writeTo(f, 'HELLO', 0)).toBe(5);
    expect(tree.readFrom(f)).toBe('HELLO');
    expect(f.inode.getattr()).toBe(0);
    tree.close(f);
    expect(vol.existsSync('/a.txt')).toBe(false);
  });

  it('keeps to the rules where memfs would not', () => {
    expect(tree.rmdir('/d')).toBe(-ENOTEMPTY);
    tree.mkdir('/full');
    tree.write('/full/x', '');
    expect(tree.rename('/d', '/full')).toBe(-ENOTEMPTY);
    expect(vol.existsSync('/full/x')).toBe(true);
    tree.unlink('/full/x');
    expect(tree.rename('/d', '/full')).toBe(0);
    expect(tree.read('/full/b.txt')).toBe('bee');
    expect(tree.rename('/full', '/a.txt', RENAME_EXCHANGE)).toBe(-EINVAL);
    expect(tree.mkdir('/full')).toBe(-EEXIST);
    expect(tree.mknod('/fifo', S_IFIFO | 0o600)).toBe(-EPERM);
    expect(tree.mknod('/dev', S_IFCHR | 0o600, 5)).toBe(-EPERM);
  });

  it('remembers owners and modes without locking the embedder out', () => {
    expect(tree.chmod('/a.txt', 0o000)).toBe(0);
    expect(tree.chown('/a.txt', 1234, 99)).toBe(0);
    const st = tree.attributes('/a.txt');
    expect([st.mode & 0o7777, st.uid, st.gid]).toEqual([0, 1234, 99]);
    expect(tree.read('/a.txt')).toBe('hello');
    expect(vol.readFileSync('/a.txt', 'utf8')).toBe('hello');
    expect(tree.chmod('/d', 0o500)).toBe(0);
    expect(tree.write('/d/new', 'x')).toBe(1);
    expect(tree.write('/private', 'p', O_CREAT, 0o000)).toBe(1);
    expect(tree.read('/private')).toBe('p');
    expect(tree.attributes('/private').mode & 0o777).toBe(0);
  });

  it('keeps times, exactly while nobody writes', () => {
    const at = (p: string) => tree.place(p);
    expect(tree.vfs.utimens(at('/a.txt'), tree.cred, 5, 6, 7, 8)).toBe(0);
    const st = tree.attributes('/a.txt');
    expect([st.atimeSec, st.atimeNsec, st.mtimeSec, st.mtimeNsec]).toEqual([5, 6, 7, 8]);
    expect(vol.statSync('/a.txt').mtimeMs).toBe(7000);
    tree.write('/a.txt', 'x');
    expect(tree.attributes('/a.txt').mtimeSec).toBeGreaterThan(1_600_000_000);
  });

  it('takes names as UTF-8', () => {
    const name = bytes('/grüße-日本');
    expect(tree.write(name, 'x')).toBe(1);
    expect(vol.readdirSync('/')).toContain('grüße-日本');
    expect(tree.list('/')).toContain(bytes('grüße-日本'));
    expect(tree.write('/\xff\xfe', 'x')).toBe(-EILSEQ);
    expect(tree.lstat('/\xff\xfe')).toBeLessThan(0);
  });

  it('can be mapped', () => {
    const f = tree.opened('/a.txt', O_RDWR);
    const m = f.mappable!;
    const observer = { invalidate: () => {} };
    m.addObserver(observer);
    const at = m.translate(0, 1, true);
    const chunk = tree.pages.chunk(at);
    expect(Buffer.from(chunk.subarray(at % 2 ** 30, (at % 2 ** 30) + 5)).toString()).toBe('hello');
    chunk[at % 2 ** 30] = 0x4a;
    expect(tree.readFrom(f)).toBe('Jello');
    chunk[at % 2 ** 30] = 0x43;
    m.translate(0, 1, true);
    expect(m.syncPages(0, 1)).toBe(0);
    expect(vol.readFileSync('/a.txt', 'utf8')).toBe('Cello');
    m.removeObserver(observer);
    tree.close(f);
  });

  it('shows a part of the volume, or refuses changes, when told to', () => {
    const part = new Tree(memfs(vol, { root: '/d', readOnly: true }));
    expect(part.list('/')).toEqual(['b.txt']);
    expect(part.read('/b.txt')).toBe('bee');
    expect(part.read('/../a.txt')).toBe(-ENOENT);
    expect(part.write('/b.txt', 'x')).toBe(-EROFS);
    expect(part.mkdir('/x')).toBe(-EROFS);
    expect(() => new Tree(memfs(vol, { root: '/a.txt' }))).toThrow(VfsError);
    expect(() => new Tree(memfs(vol, { root: '/none' }))).toThrow(VfsError);
  });

  it('does not follow links out of its part', () => {
    vol.symlinkSync('../a.txt', '/d/out');
    vol.symlinkSync('/a.txt', '/d/abs');
    const part = new Tree(memfs(vol, { root: '/d' }));
    expect(part.read('/out')).toBe(-ENOENT);
    expect(part.read('/abs')).toBe(-ENOENT);
  });

  it('limits what guests add', () => {
    const small = new Tree(memfs(vol, { maxBytes: 10_000, maxFiles: 3 }));
    const f = small.opened('/f', O_CREAT | O_RDWR);
    expect(small.writeTo(f, 'x'.repeat(9000), 0)).toBe(9000);
    expect(small.writeTo(f, 'x'.repeat(2000), 9000)).toBeLessThanOrEqual(1000);
    expect(f.truncate(1 << 30)).toBeLessThan(0);
    expect(small.writeTo(f, 'x', 1 << 30)).toBeLessThan(0);
    small.close(f);
    expect(small.write('/g', 'x'.repeat(1001))).toBeLessThan(0);
    expect(small.mkdir('/h')).toBe(0);
    expect(small.mkdir('/i')).toBe(-ENOSPC);
    expect(small.unlink('/f')).toBe(0);
    expect(small.write('/i', 'y'.repeat(5000))).toBe(5000);
  });
});

describe('a source that lacks calls', () => {
  it('cannot be written, but is shown', () => {
    const source: NodeFs = {
      lstatSync: (p) => vol.lstatSync(p),
      readdirSync: (p) => vol.readdirSync(p),
      openSync: (p, flags, mode) => vol.openSync(p, flags, mode),
      closeSync: (fd) => vol.closeSync(fd),
      readSync: (fd, buffer, offset, length, position) => vol.readSync(fd, buffer, offset, length, position),
    };
    const t = new Tree(memfs(source));
    expect(t.read('/a.txt')).toBe('hello');
    expect(t.mkdir('/x')).toBe(-EPERM);
    expect(t.symlink('x', '/s')).toBe(-EPERM);
    expect(t.link('/a.txt', '/l')).toBe(-EPERM);
    expect(t.unlink('/a.txt')).toBe(-EPERM);
    expect(t.rename('/a.txt', '/b')).toBe(-EPERM);
    expect(t.write('/a.txt', 'x', 0)).toBe(-EOPNOTSUPP);
  });

  it('is refused when nothing could be shown', () => {
    expect(() => memfs({} as NodeFs)).toThrow(VfsError);
    expect(() => memfs(null as unknown as NodeFs)).toThrow(VfsError);
  });
});

describe('a source that misbehaves', () => {
  const proper = { mode: 0o100644, ino: 5, size: 3, nlink: 1, mtimeMs: 1, birthtimeMs: 1 };
  const dir = { mode: 0o040755, ino: 2, size: 0, nlink: 2, mtimeMs: 1, birthtimeMs: 1 };
  const base: NodeFs = {
    lstatSync: (p) => (p === '/' ? dir : proper),
    readdirSync: () => ['f'],
    openSync: () => 3,
    closeSync: () => {
      throw new Error('no');
    },
    readSync: () => 0,
    writeSync: () => 0,
  };
  const trees = (change: Partial<NodeFs>): Tree => new Tree(memfs({ ...base, ...change }));
  const thrower = (what: unknown) => (): never => {
    throw what;
  };

  it.each([
    ['throws nonsense', thrower('text')],
    ['throws undefined', thrower(undefined)],
    ['throws errors without code', thrower(new RangeError('x'))],
    ['throws a code that is none', thrower({ code: 'ENOTACODE' })],
    ['would block', thrower({ code: 'EAGAIN' })],
    [
      'throws while its error is read',
      thrower(
        new Proxy(
          {},
          {
            has: () => {
              throw new Error('x');
            },
          },
        ),
      ),
    ],
    ['answers a promise', () => Promise.resolve(1)],
    ['answers NaN', () => Number.NaN],
    ['answers text', () => 'text'],
    ['answers too much', () => 1e9],
    ['answers a negative count', () => -5],
  ])('is an I/O error: it %s', (what, call) => {
    const noise = (r: unknown): void => expect(r).toBe(-EIO);
    noise(trees({ readSync: call }).read('/f'));
    noise(trees({ writeSync: call }).write('/f', 'abc', 0));
    const listed = trees({ readdirSync: call as NodeFs['readdirSync'] }).list('/');
    noise(listed);
    const opened = trees({ openSync: call }).read('/f');
    // Any integer might be a descriptor.
    if (what !== 'answers too much') noise(opened);
  });

  it('is an I/O error when it tells no type', () => {
    expect(trees({ lstatSync: (p) => (p === '/' ? dir : { size: 3 }) }).lstat('/f')).toBe(-EIO);
    expect(trees({ lstatSync: (p) => (p === '/' ? dir : null) }).lstat('/f')).toBe(-EIO);
    const getters = Object.defineProperty({}, 'mode', {
      get: () => {
        throw new Error('x');
      },
    });
    expect(trees({ lstatSync: (p) => (p === '/' ? dir : getters) }).lstat('/f')).toBe(-EIO);
  });

  it('lists only names that can be', () => {
    expect(trees({ readdirSync: () => ['ok', '', '.', '..', 'a/b', 5, null, '\ud800'] }).list('/')).toEqual([
      'ok',
    ]);
  });

  it('does without inode numbers and modes', () => {
    const files = new Map([['/x', 'ecks']]);
    const stat = (isDir: boolean, size: number): object => ({
      isDirectory: () => isDir,
      isFile: () => !isDir,
      size,
    });
    const source: NodeFs = {
      lstatSync: (p) => {
        const text = files.get(p);
        if (p !== '/' && text === undefined) throw Object.assign(new Error(), { code: 'ENOENT' });
        return stat(p === '/', text?.length ?? 0);
      },
      readdirSync: () => [...files.keys()].map((k) => k.slice(1)),
      openSync: () => 1,
      closeSync: () => {},
      readSync: (_fd, buffer, offset, length, position) =>
        Buffer.from('ecks').copy(buffer, offset, position, position + length),
    };
    const t = new Tree(memfs(source));
    expect(t.list('/')).toEqual(['x']);
    expect(t.read('/x')).toBe('ecks');
    expect(t.place('/x').dentry.inode).toBe(t.place('/x').dentry.inode);
    expect(t.attributes('/x').mode).toBe(0o100644);
  });
});

describe('node:fs itself', () => {
  it('can be a source', () => {
    const root = nodeFs.mkdtempSync(path.join(os.tmpdir(), 'memfs-'));
    nodeFs.writeFileSync(path.join(root, 'a'), 'A');
    const t = new Tree(memfs(nodeFs, { root }));
    expect(t.read('/a')).toBe('A');
    expect(t.write('/b', 'B')).toBe(1);
    expect(nodeFs.readFileSync(path.join(root, 'b'), 'utf8')).toBe('B');
    expect(t.list('/')).toEqual(['a', 'b']);
    t.fs.dispose();
    nodeFs.rmSync(root, { recursive: true });
  });
});
