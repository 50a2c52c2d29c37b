import {
  EEXIST,
  ENOENT,
  ENOTEMPTY,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  O_APPEND,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  RENAME_EXCHANGE,
  S_IFCHR,
} from '@sandbox/abi';
import { type Inode, overlay, tmpfs } from '@sandbox/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { prepared } from '../support/specs.js';
import { Tree } from '../support/tree.js';

const LOWER = {
  etc: { passwd: 'root', hosts: 'localhost', conf: { a: 'A', b: 'B' } },
  bin: { sh: 'shell', bash: '=sh', link: '->sh' },
  empty: {},
};

let tree: Tree;
beforeEach(() => {
  tree = new Tree(overlay({ lower: prepared(LOWER), upper: tmpfs() }));
});

const inodeOf = (path: string): Inode => tree.place(path).dentry.inode!;

describe('an overlay', () => {
  it('shows lower content and one st_dev', () => {
    expect(tree.list('/')).toEqual(['bin', 'empty', 'etc']);
    expect(tree.read('/etc/passwd')).toBe('root');
    expect(tree.read('/bin/link')).toBe('shell');
    expect(tree.attributes('/etc/passwd').dev).toBe(tree.fs.dev);
    expect(tree.attributes('/').mode & 0o7777).toBe(0o755);
  });

  it('copies a file up when it is written, keeping its number, owner and times', () => {
    const before = tree.attributes('/etc/passwd');
    const dirBefore = tree.attributes('/etc');
    tree.time += 100;
    const f = tree.opened('/etc/passwd', O_WRONLY | O_APPEND);
    expect(tree.attributes('/etc').mtimeSec).toBe(dirBefore.mtimeSec);
    expect(tree.attributes('/etc/passwd').mtimeSec).toBe(before.mtimeSec);
    expect(tree.writeTo(f, '!', f.inode.size)).toBe(1);
    tree.close(f);
    expect(tree.read('/etc/passwd')).toBe('root!');
    const after = tree.attributes('/etc/passwd');
    expect([after.ino, after.uid, after.gid, after.mode]).toEqual([
      before.ino,
      before.uid,
      before.gid,
      before.mode,
    ]);
    expect(after.mtimeSec).toBe(before.mtimeSec + 100);
    const inos = new Map<string, number>();
    tree.opened('/etc').readdir(2, (name, ino) => inos.set(name, ino).size > 0);
    expect(inos.get('passwd')).toBe(before.ino);
  });

  it('shows a copy to those who opened the file for reading before', () => {
    const f = tree.opened('/etc/hosts', O_RDONLY);
    expect(tree.write('/etc/hosts', 'new', O_TRUNC)).toBe(3);
    expect(tree.readFrom(f)).toBe('new');
    tree.close(f);
  });

  it('does not change what was mapped before the copy', () => {
    const f = tree.opened('/etc/hosts', O_RDONLY);
    const mapped = f.mappable!;
    const page = mapped.translate(0, 1, false);
    tree.write('/etc/hosts', 'CHANGED');
    expect(mapped.translate(0, 1, false)).toBe(page);
    const chunk = tree.pages.chunk(page);
    expect(Buffer.from(chunk.subarray(page % 2 ** 30, (page % 2 ** 30) + 9)).toString()).toBe('localhost');
    tree.close(f);
  });

  it('hides what is removed', () => {
    expect(tree.unlink('/etc/hosts')).toBe(0);
    expect(tree.lstat('/etc/hosts')).toBe(-ENOENT);
    expect(tree.list('/etc')).toEqual(['conf', 'passwd']);
    expect(tree.rmdir('/etc/conf')).toBe(-ENOTEMPTY);
    tree.unlink('/etc/conf/a');
    tree.unlink('/etc/conf/b');
    expect(tree.rmdir('/etc/conf')).toBe(0);
    expect(tree.lstat('/etc/conf')).toBe(-ENOENT);
    expect(tree.mkdir('/etc/conf')).toBe(0);
    expect(tree.list('/etc/conf')).toEqual([]);
    expect(tree.write('/etc/hosts', 'again', O_CREAT)).toBe(5);
    expect(tree.read('/etc/hosts')).toBe('again');
    expect(tree.unlink('/etc/hosts')).toBe(0);
    expect(tree.lstat('/etc/hosts')).toBe(-ENOENT);
  });

  it('keeps hard links together when they are copied up', () => {
    expect(tree.attributes('/bin/sh').ino).toBe(tree.attributes('/bin/bash').ino);
    expect(tree.write('/bin/sh', 'changed', O_TRUNC)).toBe(7);
    expect(tree.read('/bin/bash')).toBe('changed');
    expect(tree.attributes('/bin/bash').nlink).toBe(2);
    expect(tree.unlink('/bin/sh')).toBe(0);
    expect(tree.read('/bin/bash')).toBe('changed');
    expect(tree.attributes('/bin/bash').nlink).toBe(1);
    expect(tree.link('/bin/bash', '/bin/dash')).toBe(0);
    expect(tree.attributes('/bin/dash').nlink).toBe(2);
    expect(tree.rename('/bin/bash', '/bin/zsh')).toBe(0);
    expect(tree.attributes('/bin/zsh').nlink).toBe(2);
    expect(tree.list('/bin')).toEqual(['dash', 'link', 'zsh']);
    tree.unlink('/bin/zsh');
    tree.unlink('/bin/dash');
    expect(tree.list('/')).toEqual(['bin', 'empty', 'etc']);
  });

  it('copies the last name of a file with several up where it is', () => {
    tree.lstat('/bin/sh');
    tree.unlink('/bin/bash');
    expect(tree.chmod('/bin/sh', 0o700)).toBe(0);
    expect(tree.list('/bin')).toEqual(['link', 'sh']);
    expect(tree.attributes('/bin/sh')).toMatchObject({ nlink: 1, mode: 0o100700 });
    expect(tree.lstat('/bin/bash')).toBe(-ENOENT);
  });

  it('writes to a deleted file that was only below', () => {
    const f = tree.opened('/etc/hosts', O_RDONLY);
    tree.unlink('/etc/hosts');
    expect(tree.readFrom(f)).toBe('localhost');
    // chmod through the description
    expect(tree.vfs.chmod({ inode: f.inode, path: f.path, file: f } as never, tree.cred, 0o600)).toBe(0);
    expect(f.inode.mode & 0o777).toBe(0o600);
    expect(tree.readFrom(f)).toBe('localhost');
    expect(tree.lstat('/etc/hosts')).toBe(-ENOENT);
    tree.close(f);
  });

  it('renames files and directories of lower layers', () => {
    expect(tree.rename('/etc/hosts', '/etc/conf/a')).toBe(0);
    expect(tree.read('/etc/conf/a')).toBe('localhost');
    expect(tree.lstat('/etc/hosts')).toBe(-ENOENT);
    const ino = tree.attributes('/etc/conf').ino;
    expect(tree.rename('/etc/conf', '/moved')).toBe(0);
    expect(tree.attributes('/moved').ino).toBe(ino);
    expect(tree.list('/moved')).toEqual(['a', 'b']);
    expect(tree.read('/moved/b')).toBe('B');
    expect(tree.mkdir('/etc/conf')).toBe(0);
    expect(tree.list('/etc/conf')).toEqual([]);
    expect(tree.rename('/etc', '/moved')).toBe(-ENOTEMPTY);
    expect(tree.rename('/etc', '/empty')).toBe(0);
    expect(tree.read('/empty/passwd')).toBe('root');
    expect(tree.list('/')).toEqual(['bin', 'empty', 'moved']);
    expect(tree.rename('/bin', '/moved', RENAME_EXCHANGE)).toBe(0);
    expect(tree.read('/moved/sh')).toBe('shell');
    expect(tree.read('/bin/b')).toBe('B');
    expect(tree.rename('/bin/b', '/moved/link')).toBe(0);
    expect(tree.read('/moved/link')).toBe('B');
  });

  it('finds renamed directories again when nothing of them is cached', () => {
    tree.rename('/etc', '/other');
    tree.vfs.dcache.prune(tree.fs);
    expect(tree.read('/other/conf/a')).toBe('A');
    expect(tree.lstat('/etc')).toBe(-ENOENT);
  });

  it('keeps its marks to itself', () => {
    tree.unlink('/etc/conf/a');
    tree.unlink('/etc/conf/b');
    tree.rmdir('/etc/conf');
    tree.mkdir('/etc/conf');
    tree.write('/bin/sh', 'x');
    expect(inodeOf('/etc/conf').listxattr()).toEqual([]);
    expect(inodeOf('/etc/conf').getxattr('trusted.overlay.opaque')).toBeLessThan(0);
    expect(inodeOf('/etc/conf').setxattr('trusted.overlay.opaque', new Uint8Array(1), 0)).toBe(-EOPNOTSUPP);
    expect(tree.list('/')).toEqual(['bin', 'empty', 'etc']);
    expect(tree.lstat('/.overlay-work')).toBe(-ENOENT);
    expect(tree.mkdir('/.overlay-work')).toBe(-EPERM);
    // A guest's own 0/0 device would be a whiteout.
    expect(tree.mknod('/white', S_IFCHR, 0)).toBe(-EPERM);
  });

  it('copies extended attributes up', () => {
    const value = Uint8Array.of(1, 2, 3);
    const layered = new Tree(
      overlay({
        lower: {
          kind: 'tmpfs',
          create: (env) => {
            const fs = prepared({ f: 'x' }).create(env);
            (fs.root.lookup('f') as Inode).setxattr('user.k', value, 0);
            return fs;
          },
        },
        upper: tmpfs(),
      }),
    );
    const inode = layered.place('/f').dentry.inode!;
    expect(inode.getxattr('user.k')).toEqual(value);
    expect(inode.setxattr('user.j', value, 0)).toBe(0);
    expect([...(inode.listxattr() as string[])].sort()).toEqual(['user.j', 'user.k']);
    expect(inode.removexattr('user.k')).toBe(0);
    expect(inode.listxattr()).toEqual(['user.j']);
  });

  it('merges several layers, topmost first', () => {
    const t = new Tree(
      overlay({
        lower: [
          prepared({ d: { a: 'top', n: 'n' }, f: 'top' }),
          prepared({ d: { a: 'low', b: 'low' }, f: { x: '' } }),
        ],
        upper: tmpfs(),
      }),
    );
    expect(t.list('/d')).toEqual(['a', 'b', 'n']);
    expect(t.read('/d/a')).toBe('top');
    expect(t.read('/d/b')).toBe('low');
    expect(t.read('/f')).toBe('top');
    expect(t.unlink('/f')).toBe(0);
    expect(t.lstat('/f')).toBe(-ENOENT);
    expect(t.mkdir('/f')).toBe(0);
    expect(t.list('/f')).toEqual([]);
    expect(t.rename('/d', '/e')).toBe(0);
    expect(t.list('/e')).toEqual(['a', 'b', 'n']);
  });

  it('is read-only without an upper layer', () => {
    const t = new Tree(overlay({ lower: prepared(LOWER) }));
    expect(t.read('/etc/passwd')).toBe('root');
    expect(t.open('/etc/passwd', O_RDWR)).toBe(-EROFS);
    expect(t.mkdir('/x')).toBe(-EROFS);
    expect(t.unlink('/etc/passwd')).toBe(-EROFS);
    expect(inodeOf('/etc/passwd')).toBeDefined();
  });

  it('copies no more of a file than survives truncation', () => {
    expect(tree.truncate('/etc/hosts', 5)).toBe(0);
    expect(tree.read('/etc/hosts')).toBe('local');
    expect(tree.write('/etc/hosts', 'new', O_TRUNC)).toBe(3);
    expect(tree.read('/etc/hosts')).toBe('new');
    expect(tree.mkdir('/etc')).toBe(-EEXIST);
  });

  it('lists steadily while entries are removed', () => {
    const d = tree.opened('/etc');
    let pos = 2;
    const seen: string[] = [];
    for (;;) {
      let name = '';
      d.readdir(pos, (n, _ino, _type, next) => {
        if (name !== '') return false;
        name = n;
        pos = next;
        return true;
      });
      if (name === '') break;
      seen.push(name);
      tree.unlink(`/etc/${name}`);
    }
    expect(seen.sort()).toEqual(['conf', 'hosts', 'passwd']);
  });
});
