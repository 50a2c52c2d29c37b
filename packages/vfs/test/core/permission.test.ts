import {
  CAP_CHOWN,
  CAP_DAC_OVERRIDE,
  CAP_DAC_READ_SEARCH,
  CAP_FOWNER,
  CAP_FSETID,
  EACCES,
  EEXIST,
  EINVAL,
  ENODATA,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
  EROFS,
  ETXTBSY,
  MS_NODEV,
  MS_NOEXEC,
  MS_RDONLY,
  O_CREAT,
  O_NOATIME,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  S_IFCHR,
  UTIME_NOW,
  UTIME_OMIT,
  XATTR_CREATE,
  XATTR_REPLACE,
} from '@sandbox/abi';
import { type Credentials, MAY_EXEC, MAY_READ, MAY_WRITE, permission } from '@sandbox/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ROOT, user, World } from './world.js';

let w: World;
const alice = user(100, 100, [500]);
const bob = user(200, 200, [500]);

beforeEach(() => {
  w = new World();
  w.mkdir('/open', 0o777);
  w.write('/open/a', 'a', alice);
});

const chmod = (path: string, mode: number, cred: Credentials) => w.vfs.chmod(w.resolve(path), cred, mode);
const chown = (path: string, uid: number, gid: number, cred: Credentials) =>
  w.vfs.chown(w.resolve(path), cred, uid, gid);
const mode = (path: string) => w.at(path).mode & 0o7777;

describe('permission classes', () => {
  it('take exactly one of owner, group, other', () => {
    const inode = w.resolve('/open/a').inode;
    inode.mode = 0o100047;
    expect(permission(inode, MAY_READ, alice)).toBe(-EACCES);
    inode.gid = 500;
    expect(permission(inode, MAY_READ, bob)).toBe(0);
    expect(permission(inode, MAY_WRITE, bob)).toBe(-EACCES);
    expect(permission(inode, MAY_READ | MAY_WRITE | MAY_EXEC, user(9))).toBe(0);
  });

  it('are overridden by capabilities', () => {
    const inode = w.resolve('/open/a').inode;
    inode.mode = 0o100000;
    const override = user(9, 9, [], [CAP_DAC_OVERRIDE]);
    const search = user(9, 9, [], [CAP_DAC_READ_SEARCH]);
    expect(permission(inode, MAY_READ | MAY_WRITE, override)).toBe(0);
    expect(permission(inode, MAY_EXEC, override)).toBe(-EACCES);
    expect(permission(inode, MAY_READ, search)).toBe(0);
    expect(permission(inode, MAY_WRITE, search)).toBe(-EACCES);
    const dir = w.resolve('/open').inode;
    dir.mode = 0o040000;
    expect(permission(dir, MAY_EXEC | MAY_READ, search)).toBe(0);
    expect(permission(dir, MAY_WRITE, search)).toBe(-EACCES);
    expect(permission(dir, MAY_EXEC | MAY_WRITE, override)).toBe(0);
  });

  it('judge opens', () => {
    chmod('/open/a', 0o400, alice);
    expect(w.tryOpen('/open/a', O_RDONLY, alice)).toBe(0);
    expect(w.tryOpen('/open/a', O_RDWR, alice)).toBe(-EACCES);
    expect(w.tryOpen('/open/a', O_RDONLY | O_TRUNC, alice)).toBe(-EACCES);
    expect(w.tryOpen('/open/a', O_RDONLY, bob)).toBe(-EACCES);
    expect(w.tryOpen('/open/a', 3, alice)).toBe(-EACCES);
    // A file made with mode 0 may still be written through the description that made it.
    expect(w.vfs.open(w.ctx, alice, null, '/open/new', O_WRONLY | O_CREAT, 0)).toBeTypeOf('object');
    expect(w.tryOpen('/open/new', O_WRONLY, alice)).toBe(-EACCES);
    chmod('/open/a', 0o444, alice);
    expect(w.tryOpen('/open/a', O_RDONLY | O_NOATIME, bob)).toBe(-EPERM);
    expect(w.tryOpen('/open/a', O_RDONLY | O_NOATIME, alice)).toBe(0);
  });

  it('judge mounts', () => {
    const access = (m: number) => w.vfs.access(w.ctx, ROOT, null, '/open/a', m, 1);
    chmod('/open/a', 0o755, alice);
    expect(access(MAY_EXEC | MAY_WRITE)).toBe(0);
    w.vfs.remount(w.ctx, w.resolve('/'), MS_NOEXEC | MS_NODEV, false);
    expect(access(MAY_EXEC)).toBe(-EACCES);
    w.vfs.mknod(w.ctx, ROOT, null, '/dev', S_IFCHR | 0o666, 0x103);
    expect(w.tryOpen('/dev')).toBe(-EACCES);
    w.vfs.remount(w.ctx, w.resolve('/'), MS_RDONLY, false);
    expect(access(MAY_WRITE)).toBe(-EROFS);
    expect(access(0)).toBe(0);
  });

  it('keep an executing file from being written', () => {
    w.resolve('/open/a').inode.writers = -1;
    expect(w.tryOpen('/open/a', O_WRONLY)).toBe(-ETXTBSY);
    expect(w.vfs.truncate(w.resolve('/open/a'), ROOT, 0)).toBe(-ETXTBSY);
    expect(w.tryOpen('/open/a', O_RDONLY)).toBe(0);
  });
});

describe('chmod and chown', () => {
  it('belong to the owner', () => {
    expect(chmod('/open/a', 0o600, bob)).toBe(-EPERM);
    expect(chmod('/open/a', 0o600, user(200, 200, [], [CAP_FOWNER]))).toBe(0);
    expect(chown('/open/a', 200, -1, alice)).toBe(-EPERM);
    expect(chown('/open/a', 100, -1, alice)).toBe(0);
    expect(chown('/open/a', -1, 500, alice)).toBe(0);
    expect(chown('/open/a', -1, 501, alice)).toBe(-EPERM);
    expect(chown('/open/a', -1, -1, bob)).toBe(0);
    expect(chown('/open/a', 200, 7, user(1, 1, [], [CAP_CHOWN]))).toBe(0);
    expect([w.at('/open/a').uid, w.at('/open/a').gid]).toEqual([200, 7]);
  });

  it('drop set-id bits where Linux does', () => {
    chmod('/open/a', 0o6755, alice);
    expect(mode('/open/a')).toBe(0o6755);
    expect(chown('/open/a', -1, 500, alice)).toBe(0);
    expect(mode('/open/a')).toBe(0o755);
    chown('/open/a', 100, 999, ROOT);
    chmod('/open/a', 0o2755, alice);
    expect(mode('/open/a')).toBe(0o755);
    chmod('/open/a', 0o2755, user(100, 100, [], [CAP_FSETID]));
    expect(mode('/open/a')).toBe(0o2755);
    // Without group execution the bit means mandatory locking and stays.
    chmod('/open/a', 0o6745, ROOT);
    chown('/open/a', 100, 100, ROOT);
    expect(mode('/open/a')).toBe(0o2745);
    // Directories keep theirs.
    chmod('/open', 0o6777, ROOT);
    chown('/open', 1, 1, ROOT);
    expect(mode('/open')).toBe(0o6777);
    chmod('/open/a', 0o4777, ROOT);
    expect(w.vfs.truncate(w.resolve('/open/a'), bob, 0)).toBe(0);
    expect(mode('/open/a')).toBe(0o777);
  });

  it('do not apply to symbolic links', () => {
    w.symlink('a', '/open/l');
    expect(w.vfs.chmod(w.resolve('/open/l', 0), ROOT, 0o600)).toBe(-EOPNOTSUPP);
    expect(w.vfs.chown(w.resolve('/open/l', 0), ROOT, 5, 6)).toBe(0);
    expect(w.at('/open/l', 0).uid).toBe(5);
  });
});

describe('set-group-ID directories', () => {
  it('pass on group and bit', () => {
    w.mkdir('/team', 0o777);
    chown('/team', 0, 500, ROOT);
    chmod('/team', 0o2777, ROOT);
    w.mkdir('/team/d', 0o755, user(9));
    w.write('/team/f', 'x', user(9));
    expect([w.at('/team/d').gid, mode('/team/d')]).toEqual([500, 0o2755]);
    expect([w.at('/team/f').gid, mode('/team/f')]).toEqual([500, 0o644]);
    w.file('/team/x', O_RDWR | O_CREAT, 0o2755, user(9));
    w.file('/team/y', O_RDWR | O_CREAT, 0o2755, alice);
    expect([mode('/team/x'), mode('/team/y')]).toEqual([0o755, 0o2755]);
  });

  it('apply the umask', () => {
    w.ctx.umask = 0o027;
    w.mkdir('/m', 0o777);
    w.file('/m/f', O_RDWR | O_CREAT, 0o666);
    w.symlink('x', '/m/l');
    expect([mode('/m'), mode('/m/f'), w.at('/m/l', 0).mode & 0o777]).toEqual([0o750, 0o640, 0o777]);
  });
});

describe('times', () => {
  it('may be set by owners, touched by writers', () => {
    const set = (cred: Credentials, an: number, mn: number) =>
      w.vfs.utimens(w.resolve('/open/a'), cred, 5, an, 6, mn);
    expect(set(bob, 1, 2)).toBe(-EPERM);
    expect(set(bob, UTIME_NOW, UTIME_OMIT)).toBe(-EPERM);
    expect(set(bob, UTIME_NOW, UTIME_NOW)).toBe(-EACCES);
    chmod('/open/a', 0o666, alice);
    expect(set(bob, UTIME_NOW, UTIME_NOW)).toBe(0);
    expect(set(alice, 1, UTIME_OMIT)).toBe(0);
    const s = w.at('/open/a');
    expect([s.atimeSec, s.atimeNsec, s.mtimeNsec]).toEqual([5, 1, 7]);
    expect(s.ctimeSec).toBeGreaterThan(s.mtimeSec);
  });

  it('of access follow relatime', () => {
    const before = w.at('/open/a').atimeSec;
    w.read('/open/a');
    const first = w.at('/open/a').atimeSec;
    expect(first).toBeGreaterThan(before);
    w.read('/open/a');
    expect(w.at('/open/a').atimeSec).toBe(first);
    w.write('/open/a', 'new');
    w.read('/open/a');
    expect(w.at('/open/a').atimeSec).toBeGreaterThan(first);
    w.now += 86401;
    const day = w.at('/open/a').atimeSec;
    w.read('/open/a');
    expect(w.at('/open/a').atimeSec).toBeGreaterThan(day);
  });
});

describe('extended attributes', () => {
  const v = Buffer.from('value');
  const set = (path: string, name: string, cred: Credentials, flags = 0) =>
    w.vfs.setxattr(w.resolve(path, 0), cred, name, v, flags);

  it('have namespaces with rules of their own', () => {
    expect(set('/open/a', 'user.x', alice)).toBe(0);
    expect(w.vfs.getxattr(w.resolve('/open/a'), bob, 'user.x')).toEqual(new Uint8Array(v));
    expect(set('/open/a', 'user.x', bob)).toBe(-EACCES);
    expect(set('/open/a', 'trusted.x', alice)).toBe(-EPERM);
    expect(set('/open/a', 'trusted.x', ROOT)).toBe(0);
    expect(w.vfs.getxattr(w.resolve('/open/a'), alice, 'trusted.x')).toBe(-ENODATA);
    expect(set('/open/a', 'security.x', alice)).toBe(-EPERM);
    expect(set('/open/a', 'system.posix_acl_access', ROOT)).toBe(-EOPNOTSUPP);
    expect(set('/open/a', 'nonsense', ROOT)).toBe(-EOPNOTSUPP);
    expect(set('/open/a', 'user.', alice)).toBe(-EINVAL);
    expect(set('/open/a', '', alice)).toBe(-ERANGE);
    expect(w.vfs.listxattr(w.resolve('/open/a'), alice)).toEqual(['user.x']);
    expect(w.vfs.listxattr(w.resolve('/open/a'), ROOT)).toEqual(['user.x', 'trusted.x']);
    w.symlink('a', '/open/l');
    expect(set('/open/l', 'user.x', ROOT)).toBe(-EPERM);
    expect(set('/open/l', 'trusted.x', ROOT)).toBe(0);
  });

  it('are created and replaced as asked', () => {
    expect(set('/open/a', 'user.x', alice, XATTR_REPLACE)).toBe(-ENODATA);
    expect(set('/open/a', 'user.x', alice, XATTR_CREATE)).toBe(0);
    expect(set('/open/a', 'user.x', alice, XATTR_CREATE)).toBe(-EEXIST);
    expect(w.vfs.removexattr(w.resolve('/open/a'), alice, 'user.x')).toBe(0);
    expect(w.vfs.removexattr(w.resolve('/open/a'), alice, 'user.x')).toBe(-ENODATA);
  });
});

describe('protections', () => {
  it('keep others from linking what they could not change', () => {
    expect(w.link('/open/a', '/open/l', bob)).toBe(-EPERM);
    chmod('/open/a', 0o666, alice);
    expect(w.link('/open/a', '/open/l', bob)).toBe(0);
    chmod('/open/a', 0o4666, alice);
    expect(w.link('/open/a', '/open/l2', bob)).toBe(-EPERM);
    expect(w.link('/open/a', '/open/l2', alice)).toBe(0);
    w.vfs.protection.hardlinks = 0;
    expect(w.link('/open/a', '/open/l3', bob)).toBe(0);
  });

  it('of sticky directories can be switched on', () => {
    w.mkdir('/tmp', 0o1777);
    w.symlink('/open/a', '/tmp/trap', bob);
    w.write('/tmp/bait', 'x', bob);
    chmod('/tmp/bait', 0o666, bob);
    const write = O_WRONLY | O_CREAT;
    expect([w.tryOpen('/tmp/trap', O_RDONLY, alice), w.tryOpen('/tmp/bait', write, alice)]).toEqual([0, 0]);
    w.vfs.protection.symlinks = 1;
    w.vfs.protection.regular = 1;
    expect(w.tryOpen('/tmp/trap', O_RDONLY, alice)).toBe(-EACCES);
    expect(w.tryOpen('/tmp/trap', O_RDONLY, bob)).toBe(0);
    expect(w.tryOpen('/tmp/bait', write, alice)).toBe(-EACCES);
    expect(w.tryOpen('/tmp/bait', O_WRONLY, alice)).toBe(0);
    chmod('/tmp', 0o1775, ROOT);
    expect(w.tryOpen('/tmp/bait', write, alice)).toBe(0);
    w.vfs.protection.regular = 2;
    expect(w.tryOpen('/tmp/bait', write, alice)).toBe(-EACCES);
  });
});
