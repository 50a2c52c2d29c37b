import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import {
  EEXIST,
  EINVAL,
  ENOENT,
  ENOTEMPTY,
  ENXIO,
  EPERM,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDWR,
  O_WRONLY,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  SEEK_DATA,
  SEEK_HOLE,
} from '@sandbox/abi';
import { hostfs } from '@sandbox/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Tree } from '../support/tree.js';

let dir: string;
let tree: Tree;
const host = (name: string): string => path.join(dir, name);
const text = (name: string): string => fs.readFileSync(host(name), 'latin1');

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hostfs-'));
});
afterEach(() => {
  tree.fs.dispose();
  fs.rmSync(dir, { recursive: true, force: true });
});

describe.each(['shared', 'exclusive'] as const)('a writable host directory, %s', (cache) => {
  beforeEach(() => {
    tree = new Tree(hostfs(dir, { cache }));
  });

  it('creates files with the mode asked for, whatever the umask of the process', () => {
    const umask = process.umask(0o077);
    expect(tree.write('/a', 'hello', O_CREAT | O_EXCL, 0o666)).toBe(5);
    process.umask(umask);
    expect(text('a')).toBe('hello');
    expect(fs.statSync(host('a')).mode & 0o7777).toBe(0o644);
    expect(tree.write('/a', '', O_CREAT | O_EXCL)).toBe(-EEXIST);
    expect(tree.read('/a')).toBe('hello');
  });

  it('writes through at once', () => {
    const f = tree.opened('/a', O_CREAT | O_RDWR);
    expect(tree.writeTo(f, 'abc', 0)).toBe(3);
    expect(text('a')).toBe('abc');
    expect(tree.readFrom(f)).toBe('abc');
    expect(tree.writeTo(f, 'XY', 1)).toBe(2);
    expect(text('a')).toBe('aXY');
    expect(tree.readFrom(f)).toBe('aXY');
    expect(tree.writeTo(f, 'end', 100_000)).toBe(3);
    expect(fs.statSync(host('a')).size).toBe(100_003);
    expect(tree.attributes('/a').size).toBe(100_003);
    expect(tree.readFrom(f, 99_998, 10)).toBe('\0\0end');
    expect(f.truncate(2)).toBe(0);
    expect(text('a')).toBe('aX');
    expect(tree.readFrom(f)).toBe('aX');
    expect(f.truncate(5)).toBe(0);
    expect(tree.readFrom(f)).toBe('aX\0\0\0');
    expect(f.fsync(false)).toBe(0);
    tree.close(f);
  });

  it('appends', () => {
    tree.write('/log', 'one');
    const f = tree.opened('/log', O_WRONLY | O_APPEND);
    expect(tree.writeTo(f, 'two', f.inode.size)).toBe(3);
    tree.close(f);
    expect(text('log')).toBe('onetwo');
  });

  it('makes, moves and removes', () => {
    expect(tree.mkdir('/d', 0o2775)).toBe(0);
    expect(fs.statSync(host('d')).mode & 0o777).toBe(0o755);
    expect(tree.mkdir('/d')).toBe(-EEXIST);
    tree.write('/d/f', '1');
    expect(tree.rmdir('/d')).toBe(-ENOTEMPTY);
    expect(tree.link('/d/f', '/g')).toBe(0);
    expect(tree.attributes('/g').nlink).toBe(2);
    expect(tree.place('/g').dentry.inode).toBe(tree.place('/d/f').dentry.inode);
    expect(tree.symlink('d/f', '/s')).toBe(0);
    expect(tree.read('/s')).toBe('1');
    expect(fs.readlinkSync(host('s'))).toBe('d/f');
    expect(tree.rename('/d', '/e')).toBe(0);
    expect(tree.read('/e/f')).toBe('1');
    expect(tree.read('/d/f')).toBe(-ENOENT);
    tree.write('/e/f', '22');
    expect(tree.read('/g')).toBe('22');
    expect(tree.unlink('/e/f')).toBe(0);
    expect(tree.read('/g')).toBe('22');
    expect(tree.attributes('/g').nlink).toBe(1);
    expect(tree.rmdir('/e')).toBe(0);
    expect(fs.readdirSync(dir).sort()).toEqual(['g', 's']);
  });

  it('renames with flags and over others', () => {
    tree.write('/a', 'A');
    tree.write('/b', 'B');
    expect(tree.rename('/a', '/b', RENAME_NOREPLACE)).toBe(-EEXIST);
    expect(tree.rename('/a', '/b', RENAME_EXCHANGE)).toBe(0);
    expect([tree.read('/a'), tree.read('/b'), text('a'), text('b')]).toEqual(['B', 'A', 'B', 'A']);
    const old = tree.opened('/b');
    expect(tree.rename('/a', '/b')).toBe(0);
    expect(tree.read('/b')).toBe('B');
    expect(tree.read('/a')).toBe(-ENOENT);
    expect(tree.readFrom(old)).toBe('A');
    tree.close(old);
    tree.mkdir('/full');
    tree.write('/full/x', '');
    tree.mkdir('/dir');
    expect(tree.rename('/dir', '/full')).toBe(-ENOTEMPTY);
    tree.unlink('/full/x');
    expect(tree.rename('/dir', '/full')).toBe(0);
  });

  it('keeps deleted files that are open', () => {
    tree.write('/a', 'before');
    const f = tree.opened('/a', O_RDWR);
    expect(tree.unlink('/a')).toBe(0);
    expect(tree.lstat('/a')).toBe(-ENOENT);
    expect(fs.existsSync(host('a'))).toBe(false);
    expect(tree.readFrom(f)).toBe('before');
    expect(tree.writeTo(f, 'AFTER!', 0)).toBe(6);
    expect(tree.readFrom(f)).toBe('AFTER!');
    expect(f.inode.getattr()).toBe(0);
    expect(f.inode.nlink).toBe(0);
    // A new file of the name is another one.
    tree.write('/a', 'new');
    expect(tree.readFrom(f)).toBe('AFTER!');
    expect(tree.read('/a')).toBe('new');
    tree.close(f);
  });

  it('makes files without names, and names them', () => {
    const dirInode = tree.place('/').dentry.inode!;
    const made = dirInode.tmpfile({ mode: 0o100640, uid: 0, gid: 0, rdev: 0 });
    if (typeof made === 'number') throw new Error(`tmpfile: ${made}`);
    expect([made.nlink, made.mode & 0o7777]).toEqual([0, 0o640]);
    const f = made.open(O_RDWR, tree.cred);
    if (typeof f === 'number') throw new Error(`open: ${f}`);
    expect(tree.writeTo(f, 'temporary', 0)).toBe(9);
    expect(fs.readdirSync(dir)).toEqual([]);
    expect(dirInode.link('named', made)).toBe(0);
    expect(text('named')).toBe('temporary');
    expect(tree.read('/named')).toBe('temporary');
    expect(tree.place('/named').dentry.inode).toBe(made);
    expect(tree.attributes('/named').nlink).toBe(1);
    tree.close(f);
  });

  it('limits descriptors pinned by deleted files', () => {
    const small = new Tree(hostfs(dir, { cache, maxHostFds: 8 }));
    const files = [];
    let error = 0;
    for (let i = 0; i < 40 && error === 0; i++) {
      files.push(small.opened(`/f${i}`, O_CREAT | O_RDWR));
      error = small.unlink(`/f${i}`);
    }
    expect(error).toBeLessThan(0);
    for (const f of files) small.close(f);
    expect(small.write('/again', 'x')).toBe(1);
    expect(small.unlink('/again')).toBe(0);
    small.fs.dispose();
  });

  it('changes modes and times', () => {
    tree.write('/a', '');
    expect(tree.chmod('/a', 0o640)).toBe(0);
    expect(fs.statSync(host('a')).mode & 0o7777).toBe(0o640);
    expect(tree.attributes('/a').mode & 0o7777).toBe(0o640);
    expect(tree.vfs.utimens(tree.place('/a'), tree.cred, 5, 6, 7, 8)).toBe(0);
    const st = fs.statSync(host('a'), { bigint: true });
    expect([st.atimeNs, st.mtimeNs]).toEqual([5_000_000_006n, 7_000_000_008n]);
    tree.symlink('nowhere', '/s');
    expect(tree.vfs.utimens(tree.place('/s'), tree.cred, 1, 2, 3, 4)).toBe(0);
    expect(fs.lstatSync(host('s'), { bigint: true }).mtimeNs).toBe(3_000_000_004n);
  });

  it('never makes set-id programs or devices on the host', () => {
    tree.write('/a', '');
    const onHost = (name: string): number => fs.statSync(host(name)).mode & 0o6777;
    expect(tree.chmod('/a', 0o4755)).toBe(0);
    expect([tree.attributes('/a').mode & 0o7777, onHost('a')]).toEqual([0o4755, 0o755]);
    expect(tree.chmod('/a', 0o6711)).toBe(0);
    expect([tree.attributes('/a').mode & 0o7777, onHost('a')]).toEqual([0o6711, 0o711]);
    // Writing takes them away, for whoever may not keep them.
    const f = tree.opened('/a', O_RDWR);
    f.cred = { fsuid: 5, fsgid: 5, groups: [], capable: () => false };
    tree.writeTo(f, 'x', 0);
    tree.close(f);
    expect([tree.attributes('/a').mode & 0o7777, onHost('a')]).toEqual([0o711, 0o711]);
    tree.chmod('/a', 0o4755);
    expect(tree.chmod('/a', 0o1644)).toBe(0);
    expect(tree.attributes('/a').mode & 0o7777).toBe(0o1644);
    expect(tree.write('/b', '', O_CREAT, 0o4755)).toBe(0);
    expect([tree.attributes('/b').mode & 0o7777, onHost('b')]).toEqual([0o4755, 0o755]);
    tree.vfs.dcache.prune(tree.fs);
    expect(tree.attributes('/b').mode & 0o7777).toBe(0o4755);
    // /dev/mem, /dev/console, a block device.
    expect(tree.mknod('/c', S_IFCHR | 0o666, 0x101)).toBe(-EPERM);
    expect(tree.mknod('/c', S_IFCHR | 0o666, 0x501)).toBe(-EPERM);
    expect(tree.mknod('/c', S_IFBLK | 0o666, 0x103)).toBe(-EPERM);
    expect(tree.mknod('/fifo', S_IFIFO | 0o600)).toBe(0);
    expect(fs.readdirSync(dir).sort()).toEqual(['a', 'b', 'fifo']);
    const inode = tree.place('/b').dentry.inode!;
    expect(inode.setxattr('security.capability', new Uint8Array(20), 0)).toBe(-EPERM);
    expect(inode.setxattr('trusted.x', new Uint8Array(1), 0)).toBe(-EPERM);
    // What the host must not be asked for is kept in an attribute that guests do not see.
    expect(inode.listxattr()).toEqual([]);
    expect(inode.getxattr('user.sandbox.attr')).toBeLessThan(0);
    expect(inode.setxattr('user.sandbox.attr', Buffer.from('100777 0 0 0'), 0)).toBe(-EPERM);
  });

  it("makes devices that are anybody's, as far as the host lets it", () => {
    const { status } = spawnSync('mknod', [path.join(dir, 'own'), 'c', '1', '3']);
    fs.rmSync(path.join(dir, 'own'), { force: true });
    expect(tree.mknod('/null', S_IFCHR | 0o640, 0x103)).toBe(status === 0 ? 0 : -EPERM);
    if (status !== 0) return;
    const { mode, rdev } = fs.statSync(path.join(dir, 'null'));
    expect([mode, rdev]).toEqual([S_IFCHR | 0o640, 0x103]);
    expect(tree.attributes('/null')).toMatchObject({ mode: S_IFCHR | 0o640, rdev: 0x103 });
  });

  it('passes user attributes through', () => {
    tree.write('/a', '');
    const inode = tree.place('/a').dentry.inode!;
    const value = Uint8Array.of(0, 1, 255);
    expect(inode.setxattr('user.k', value, 0)).toBe(0);
    expect(inode.getxattr('user.k')).toEqual(value);
    expect(inode.listxattr()).toEqual(['user.k']);
    expect(inode.removexattr('user.k')).toBe(0);
    expect(inode.listxattr()).toEqual([]);
  });

  it('allocates and punches', () => {
    const f = tree.opened('/a', O_CREAT | O_RDWR);
    expect(f.fallocate(0, 0, 8192)).toBe(0);
    expect(tree.attributes('/a').size).toBe(8192);
    tree.writeTo(f, 'x'.repeat(200_000), 0);
    expect(tree.readFrom(f, 0, 4)).toBe('xxxx');
    expect(f.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536)).toBe(0);
    expect(tree.readFrom(f, 65534, 4)).toBe('\0\0xx');
    expect(f.seek(0, SEEK_DATA)).toBe(65536);
    expect(f.seek(70_000, SEEK_HOLE)).toBe(200_000);
    expect(f.fallocate(0x80, 0, 10)).toBeLessThan(0);
    tree.close(f);
  });

  it('accepts no name with path syntax', () => {
    const root = tree.place('/').dentry.inode!;
    const init = { mode: 0o100644, uid: 0, gid: 0, rdev: 0 };
    const beside = `${path.basename(dir)}-x`;
    for (const name of ['..', '.', '', 'a/b', `../${beside}`, 'a\0b', '\u012e\u012e']) {
      expect(root.lookup(name)).toBeLessThan(0);
      expect(root.mknod(name, init)).toBeLessThan(0);
      expect(root.symlink(name, 'x', init)).toBeLessThan(0);
    }
    expect(fs.readdirSync(dir)).toEqual([]);
    expect(fs.existsSync(path.join(dir, '..', beside))).toBe(false);
  });

  it('says EINVAL for ids without a host id', () => {
    const mapped = new Tree(hostfs(dir, { cache, uidMap: [{ host: 0, guest: 0, count: 1 }] }));
    tree.write('/a', '');
    expect(mapped.chown('/a', 5, -1)).toBe(-EINVAL);
    mapped.fs.dispose();
  });

  it('shows all files as one owner when told to', () => {
    const owned = new Tree(hostfs(dir, { cache, owner: { uid: 77, gid: 88 } }));
    owned.write('/a', '');
    const st = owned.attributes('/a');
    expect([st.uid, st.gid]).toEqual([77, 88]);
    expect(owned.chown('/a', 77, 88)).toBe(0);
    expect(owned.chown('/a', 1, 1)).toBe(-EPERM);
    owned.fs.dispose();
  });
});

describe('a host directory with metadata of the guest', () => {
  const onHost = (name: string): number[] => {
    const st = fs.lstatSync(host(name));
    return [st.mode & 0o7777, st.uid, st.gid];
  };
  const own = [process.geteuid!(), process.getegid!()];

  it('keeps owners, modes and devices to the guest, also when mounted anew', () => {
    const spec = hostfs(dir, { metadata: 'guest' });
    tree = new Tree(spec);
    expect(tree.write('/a', 'x', O_CREAT, 0o4000)).toBe(1);
    expect(tree.chown('/a', 33, 44)).toBe(0);
    expect(tree.chmod('/a', 0o2050)).toBe(0);
    expect(tree.mkdir('/d', 0o555)).toBe(0);
    expect(tree.chown('/d', 1, 2)).toBe(0);
    expect(tree.mknod('/tty', S_IFCHR | 0o600, 0x501)).toBe(0);
    expect(tree.mknod('/fifo', S_IFIFO | 0o600)).toBe(0);
    expect(tree.symlink('a', '/l')).toBe(0);
    expect(tree.chown('/l', 7, 8)).toBe(0);
    expect(tree.write('/d/inside', 'still possible')).toBe(14);
    const check = (t: Tree): void => {
      expect(t.attributes('/a')).toMatchObject({ mode: 0o102050, uid: 33, gid: 44 });
      expect(t.attributes('/d')).toMatchObject({ mode: 0o040555, uid: 1, gid: 2 });
      expect(t.attributes('/tty')).toMatchObject({ mode: S_IFCHR | 0o600, rdev: 0x501 });
      expect(t.attributes('/fifo').mode).toBe(S_IFIFO | 0o600);
      expect(t.read('/a')).toBe('x');
      expect(t.open('/tty')).toBe(-ENXIO);
      expect(t.list('/')).toEqual(['a', 'd', 'fifo', 'l', 'tty']);
    };
    check(tree);
    expect(tree.attributes('/l')).toMatchObject({ uid: 7, gid: 8 });
    check(new Tree(spec));
    expect(onHost('a')).toEqual([0o650, ...own]);
    expect(onHost('d')).toEqual([0o755, ...own]);
    expect(onHost('tty')).toEqual([0o600, ...own]);
    expect(fs.lstatSync(host('tty')).isFile()).toBe(true);
    expect(tree.unlink('/tty')).toBe(0);
    expect(tree.rename('/fifo', '/pipe')).toBe(0);
    expect(tree.attributes('/pipe').mode).toBe(S_IFIFO | 0o600);
  });

  it("shows files of the embedder as root's", () => {
    fs.writeFileSync(host('mine'), '', { mode: 0o640 });
    tree = new Tree(hostfs(dir, { metadata: 'guest' }));
    expect(tree.attributes('/mine')).toMatchObject({ mode: 0o100640, uid: 0, gid: 0 });
  });
});

describe('a shared host directory', () => {
  beforeEach(() => {
    tree = new Tree(hostfs(dir));
  });
  // What the host said is trusted within one turn of the event loop.
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

  it('shows what others change', async () => {
    expect(tree.lstat('/a')).toBe(-ENOENT);
    fs.writeFileSync(host('a'), 'one');
    expect(tree.read('/a')).toBe('one');
    const f = tree.opened('/a');
    fs.writeFileSync(host('a'), 'three');
    expect(tree.readFrom(f)).toBe('three');
    await turn();
    expect(tree.attributes('/a').size).toBe(5);
    fs.renameSync(host('a'), host('b'));
    await turn();
    expect(tree.lstat('/a')).toBe(-ENOENT);
    expect(tree.read('/b')).toBe('three');
    tree.close(f);
    fs.unlinkSync(host('b'));
    fs.mkdirSync(host('b'));
    await turn();
    expect(tree.attributes('/b').mode & 0o170000).toBe(0o040000);
    expect(tree.list('/')).toEqual(['b']);
  });

  it('opens a replaced file anew', async () => {
    fs.writeFileSync(host('a'), 'one');
    expect(tree.read('/a')).toBe('one');
    fs.writeFileSync(host('t'), 'two');
    fs.renameSync(host('t'), host('a'));
    await turn();
    expect(tree.read('/a')).toBe('two');
  });

  it('follows directories that others move', async () => {
    fs.mkdirSync(host('d/e'), { recursive: true });
    fs.writeFileSync(host('d/e/f'), 'f');
    expect(tree.read('/d/e/f')).toBe('f');
    fs.renameSync(host('d'), host('x'));
    await turn();
    expect(tree.read('/d/e/f')).toBe(-ENOENT);
    expect(tree.read('/x/e/f')).toBe('f');
  });
});

describe('owners', () => {
  it.skipIf(process.getuid?.() !== 0)(
    "are the guest's, mapped, where the embedder may give files away",
    () => {
      tree = new Tree(
        hostfs(dir, {
          uidMap: [{ host: 1000, guest: 0, count: 100 }],
          gidMap: [{ host: 2000, guest: 0, count: 100 }],
        }),
      );
      tree.write('/a', '');
      expect(execFileSync('stat', ['-c', '%u %g', host('a')], { encoding: 'utf8' }).trim()).toBe('1000 2000');
      expect(tree.chown('/a', 5, 6)).toBe(0);
      expect(execFileSync('stat', ['-c', '%u %g', host('a')], { encoding: 'utf8' }).trim()).toBe('1005 2006');
      expect(tree.attributes('/a').uid).toBe(5);
      fs.writeFileSync(host('root'), '');
      expect(tree.attributes('/root').uid).toBe(65534);
    },
  );
});
