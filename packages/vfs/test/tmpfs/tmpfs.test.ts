import {
  EFAULT,
  EFBIG,
  ENOENT,
  ENOSPC,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  F_SEAL_GROW,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDWR,
  O_TMPFILE,
  SEEK_DATA,
  SEEK_HOLE,
} from '@sandbox/abi';
import {
  BytesIo,
  type File,
  type IoBuf,
  LOOKUP_EMPTY,
  PAGE_SIZE,
  parseTmpfsOptions,
  releaseFile,
  type TmpfsRegular,
  tmpfs,
} from '@sandbox/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ROOT, World } from '../core/world.js';

let w: World;
beforeEach(() => {
  w = new World();
});

const put = (f: File, text: string, at: number): number =>
  f.write(new BytesIo(Buffer.from(text, 'latin1')), at);
const get = (f: File, n: number, at: number): string => {
  const b = Buffer.alloc(n);
  const got = f.read(new BytesIo(b), at);
  return b.toString('latin1', 0, Math.max(0, got));
};
const regular = (f: File): TmpfsRegular => f.inode as TmpfsRegular;

describe('content', () => {
  it('has holes', () => {
    const f = w.file('/f');
    expect(put(f, 'end', 10 * PAGE_SIZE)).toBe(3);
    expect(f.inode.size).toBe(10 * PAGE_SIZE + 3);
    expect(f.inode.blocks).toBe(8);
    expect(get(f, 5, 0)).toBe('\0\0\0\0\0');
    expect(get(f, 10, 10 * PAGE_SIZE - 4)).toBe('\0\0\0\0end');
    expect(f.seek(0, SEEK_DATA)).toBe(10 * PAGE_SIZE);
    expect(f.seek(0, SEEK_HOLE)).toBe(0);
    expect(f.seek(10 * PAGE_SIZE + 1, SEEK_HOLE)).toBe(10 * PAGE_SIZE + 3);
    expect(f.seek(10 * PAGE_SIZE + 3, SEEK_DATA)).toBe(-ENXIO);
    expect(f.seek(10 * PAGE_SIZE + 1, SEEK_DATA)).toBe(10 * PAGE_SIZE + 1);
  });

  it('lies in few extents when written front to back, and gives reserves back at the last close', () => {
    const f = w.file('/f');
    const block = Buffer.alloc(PAGE_SIZE, 'x');
    for (let i = 0; i < 1000; i++) f.write(new BytesIo(block), i * PAGE_SIZE);
    expect(regular(f).extentCount).toBeLessThan(12);
    expect(f.inode.blocks).toBe(8000);
    releaseFile(f);
    expect(w.pages.used).toBe(1000 * PAGE_SIZE);
    w.unlink('/f');
    expect(w.pages.used).toBe(0);
  });

  it('of a removed file lives as long as somebody has it open', () => {
    const f = w.file('/f');
    put(f, 'still here', 0);
    w.unlink('/f');
    expect(get(f, 20, 0)).toBe('still here');
    expect(f.inode.nlink).toBe(0);
    releaseFile(f);
    expect(w.pages.used).toBe(0);
  });

  it('behind the end does not come to light when the file grows', () => {
    const f = w.file('/f');
    put(f, 'secretsecret', 0);
    w.vfs.ftruncate(f, 6);
    w.vfs.ftruncate(f, 12);
    expect(get(f, 12, 0)).toBe('secret\0\0\0\0\0\0');
    w.vfs.ftruncate(f, 3);
    put(f, '!', 8);
    expect(get(f, 12, 0)).toBe('sec\0\0\0\0\0!');
  });

  it('ends where the caller can no longer take or give', () => {
    const f = w.file('/f');
    put(f, 'x'.repeat(3 * PAGE_SIZE), 0);
    const faulty = (limit: number): IoBuf => {
      const io = new BytesIo(Buffer.alloc(3 * PAGE_SIZE));
      let left = limit;
      const cut = (n: number): number => {
        const k = Math.min(n, left);
        left -= k;
        return k;
      };
      return Object.assign(Object.create(io) as BytesIo, {
        put: (src: Uint8Array, o: number, n: number) => io.put(src, o, cut(n)),
        get: (dst: Uint8Array, o: number, n: number) => io.get(dst, o, cut(n)),
      });
    };
    expect(f.read(faulty(5000), 0)).toBe(5000);
    expect(f.read(faulty(0), 0)).toBe(-EFAULT);
    expect(f.write(faulty(5000), 100)).toBe(5000);
    expect(f.write(faulty(0), 0)).toBe(-EFAULT);
    expect(f.inode.size).toBe(3 * PAGE_SIZE);
  });
});

describe('fallocate', () => {
  it('reserves, punches, keeps the size', () => {
    const f = w.file('/f');
    expect(f.fallocate(0, 0, 3 * PAGE_SIZE + 1)).toBe(0);
    expect([f.inode.size, f.inode.blocks]).toEqual([3 * PAGE_SIZE + 1, 32]);
    expect(f.fallocate(FALLOC_FL_KEEP_SIZE, 0, 8 * PAGE_SIZE)).toBe(0);
    expect([f.inode.size, f.inode.blocks]).toEqual([3 * PAGE_SIZE + 1, 64]);
    put(f, 'x'.repeat(3 * PAGE_SIZE), 0);
    expect(f.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 2 * PAGE_SIZE)).toBe(0);
    expect(f.inode.blocks).toBe(56);
    expect(get(f, 12, 4)).toBe('xxxxxx\0\0\0\0\0\0');
    expect(get(f, 4, 2 * PAGE_SIZE + 8)).toBe('\0\0xx');
    expect(f.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 2)).toBe(0);
    expect(get(f, 6, 0)).toBe('xx\0\0xx');
    expect(f.fallocate(FALLOC_FL_ZERO_RANGE, 0, 4)).toBe(-EOPNOTSUPP);
    expect(f.fallocate(FALLOC_FL_COLLAPSE_RANGE, 0, PAGE_SIZE)).toBe(-EOPNOTSUPP);
    expect(f.fallocate(0, 2 ** 52, 1)).toBe(-EFBIG);
  });
});

describe('mapping', () => {
  it('says where pages lie and tells before they go', () => {
    const f = w.file('/f');
    put(f, 'x'.repeat(8 * PAGE_SIZE), 0);
    const m = regular(f);
    const at = m.translate(0, 100, false);
    expect(at).toBeGreaterThanOrEqual(0);
    expect(m.runLength).toBeGreaterThan(1);
    expect(m.translate(8, 1, false)).toBe(-EFAULT);
    // Whatever is written through the mapping is what read sees.
    w.pages.chunk(at)[at % 2 ** 30] = 0x41;
    expect(get(f, 2, 0)).toBe('Ax');
    const told: [number, number][] = [];
    const observer = { invalidate: (first: number, end: number) => void told.push([first, end]) };
    m.addObserver(observer);
    w.vfs.ftruncate(f, 2 * PAGE_SIZE + 1);
    f.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE_SIZE);
    expect(told).toEqual([
      [3, 8],
      [0, 1],
    ]);
    m.removeObserver(observer);
    w.vfs.ftruncate(f, 0);
    expect(told).toHaveLength(2);
  });

  it('of a hole takes a page', () => {
    const f = w.file('/f');
    w.vfs.ftruncate(f, 4 * PAGE_SIZE);
    expect(f.inode.blocks).toBe(0);
    expect(regular(f).translate(2, 5, true)).toBeGreaterThanOrEqual(0);
    expect(regular(f).runLength).toBe(1);
    expect(f.inode.blocks).toBe(8);
  });
});

describe('limits', () => {
  it('of size are met exactly', () => {
    w = new World(tmpfs({ size: 4 * PAGE_SIZE }));
    const f = w.file('/f');
    expect(put(f, 'x'.repeat(3 * PAGE_SIZE), 0)).toBe(3 * PAGE_SIZE);
    expect(put(f, 'y'.repeat(3 * PAGE_SIZE), 3 * PAGE_SIZE)).toBe(PAGE_SIZE);
    expect(put(f, 'z', 4 * PAGE_SIZE)).toBe(-ENOSPC);
    expect(put(f, 'z', 0)).toBe(1);
    expect(f.fallocate(0, 0, 5 * PAGE_SIZE)).toBe(-ENOSPC);
    const s = f.inode.fs.statfs();
    expect([s.blocks, s.bfree]).toEqual([4, 0]);
    w.vfs.ftruncate(f, 0);
    expect(f.inode.fs.statfs().bfree).toBe(4);
  });

  it('of inodes count files, links and long targets', () => {
    w = new World(tmpfs({ inodes: 5 }));
    expect(w.mkdir('/a')).toBe(0);
    expect(w.write('/f', '')).toBe(0);
    expect(w.link('/f', '/g')).toBe(0);
    expect(w.symlink('x'.repeat(2000), '/l')).toBe(-ENOSPC);
    expect(w.symlink('x', '/l')).toBe(0);
    expect(w.mkdir('/b')).toBe(-ENOSPC);
    w.unlink('/f');
    expect(w.mkdir('/b')).toBe(0);
    for (const n of ['/g', '/l']) w.unlink(n);
    w.rmdir('/a');
    w.rmdir('/b');
    expect(w.resolve('/').inode.fs.statfs().ffree).toBe(4);
  });

  it('there are none of: free is what the page store still has', () => {
    w = new World(tmpfs());
    const { fs } = w.resolve('/').inode;
    expect([fs.statfs().blocks, fs.statfs().bfree]).toEqual([0, 0]);
    Object.assign(w.pages, { available: () => 10 * PAGE_SIZE });
    w.write('/f', 'x');
    expect([fs.statfs().blocks, fs.statfs().bfree]).toEqual([11, 10]);
  });
});

describe('seals', () => {
  it('stop what they name', () => {
    const f = w.file('/f');
    put(f, 'x'.repeat(10), 0);
    const m = regular(f);
    m.seals = F_SEAL_GROW;
    expect(put(f, 'yyyy', 8)).toBe(-EPERM);
    expect(put(f, 'yy', 8)).toBe(2);
    expect(put(f, 'y', 10)).toBe(-EPERM);
    expect(w.vfs.ftruncate(f, 11)).toBe(-EPERM);
    expect(w.vfs.ftruncate(f, 9)).toBe(0);
    m.seals = F_SEAL_SHRINK;
    expect(w.vfs.ftruncate(f, 8)).toBe(-EPERM);
    m.seals = F_SEAL_WRITE;
    expect(put(f, 'z', 0)).toBe(-EPERM);
    expect(f.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1)).toBe(-EPERM);
  });
});

describe('directories', () => {
  it('list each entry that stays exactly once, whatever else comes and goes', () => {
    for (let i = 0; i < 100; i++) w.write(`/f${i}`, '');
    const dir = w.file('/', O_DIRECTORY);
    const seen: string[] = [];
    let pos = 0;
    for (let round = 0; ; round++) {
      let n = 0;
      dir.readdir(pos, (name, _ino, _type, next) => {
        if (n === 7) return false;
        n++;
        seen.push(name);
        pos = next;
        return true;
      });
      if (n === 0) break;
      // Behind and before the listing's place.
      w.unlink(`/f${round}`);
      w.unlink(`/f${99 - round}`);
      w.write(`/new${round}`, '');
      if (round > 40) throw new Error('endless listing');
    }
    expect(new Set(seen).size).toBe(seen.length);
    for (let i = 30; i < 60; i++) expect(seen).toContain(`f${i}`);
    expect(seen.slice(0, 2)).toEqual(['.', '..']);
  });

  it('count links and size as Linux does', () => {
    expect([w.at('/').nlink, w.at('/').size]).toEqual([2, 40]);
    w.mkdir('/a');
    w.mkdir('/a/b');
    w.write('/a/f', '');
    expect([w.at('/').nlink, w.at('/').size, w.at('/a').nlink, w.at('/a').size]).toEqual([3, 60, 3, 80]);
    w.rename('/a/b', '/b');
    expect([w.at('/').nlink, w.at('/a').nlink]).toEqual([4, 2]);
  });
});

describe('O_TMPFILE', () => {
  it('makes a file without a name, that linkat may name unless O_EXCL', () => {
    w.mkdir('/d');
    const f = w.file('/d', O_TMPFILE | O_RDWR);
    expect(f.inode.nlink).toBe(0);
    put(f, 'text', 0);
    expect(w.list('/d')).toEqual(['.', '..']);
    expect(w.vfs.link(w.ctx, ROOT, f.path, '', LOOKUP_EMPTY, null, '/d/named')).toBe(0);
    expect(w.read('/d/named')).toBe('text');
    const g = w.file('/d', O_TMPFILE | O_RDWR | O_EXCL);
    expect(w.vfs.link(w.ctx, ROOT, g.path, '', LOOKUP_EMPTY, null, '/d/other')).toBe(-ENOENT);
    releaseFile(g);
    releaseFile(f);
    w.unlink('/d/named');
    expect(w.pages.used).toBe(0);
  });
});

describe('mount data', () => {
  it('is read as by mount(8)', () => {
    expect(parseTmpfsOptions('size=10m,mode=755,uid=5,gid=6,nr_inodes=1k', 0)).toEqual({
      size: 10 << 20,
      mode: 0o755,
      uid: 5,
      gid: 6,
      inodes: 1024,
    });
    expect(parseTmpfsOptions('size=50%', 1000)).toEqual({ size: 500 });
    expect(parseTmpfsOptions('', 0)).toEqual({});
    for (const bad of ['size=x', 'mode=9', 'nonsense', 'uid='])
      expect(parseTmpfsOptions(bad, 0), bad).toBe(-22);
  });

  it('goes away with the last mount', () => {
    w.mkdir('/m');
    w.vfs.mountAt(w.ctx, w.resolve('/m'), tmpfs().create(w.env), 0);
    w.mkdir('/m/d');
    w.write('/m/d/f', 'x'.repeat(10_000));
    const f = w.file('/m/d/g', O_RDWR | O_CREAT);
    put(f, 'open', 0);
    expect(w.vfs.umount(w.ctx, w.resolve('/m'), true)).toBe(0);
    expect(get(f, 4, 0)).toBe('open');
    releaseFile(f);
    expect(w.pages.used).toBe(0);
    expect(w.env.objects!.used).toBe(1 + 1);
  });

  it('of a tree deeper than the stack, too', () => {
    w.mkdir('/m');
    const fs = tmpfs().create(w.env);
    w.vfs.mountAt(w.ctx, w.resolve('/m'), fs, 0);
    const before = w.env.objects!.used;
    let at = w.resolve('/m');
    for (let i = 0; i < 20_000; i++) {
      expect(w.vfs.mkdir(w.ctx, ROOT, at, 'd', 0o755)).toBe(0);
      at = w.vfs.resolve(w.ctx, ROOT, at, 'd') as typeof at;
    }
    expect(w.env.objects!.used).toBe(before + 20_000);
    expect(w.vfs.umount(w.ctx, w.resolve('/m'), false)).toBe(0);
    expect(w.env.objects!.used).toBe(before - 1);
  });

  it('is bounded over all file systems', () => {
    const limited = new World(tmpfs({ inodes: 50 }), undefined, 10);
    for (let i = 0; i < 9; i++) expect(limited.mkdir(`/${i}`)).toBe(0);
    expect(limited.mkdir('/more')).toBe(-ENOSPC);
    limited.rmdir('/1');
    expect(limited.mkdir('/more')).toBe(0);
  });
});

describe('memory', () => {
  it('is given back as files change, whatever the order', () => {
    let seed = 42;
    const rnd = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    const f = w.file('/f');
    for (let i = 0; i < 400; i++) {
      const at = rnd(300) * 1000;
      const what = rnd(5);
      if (what === 0) w.vfs.ftruncate(f, at);
      else if (what === 1) f.fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, 1 + rnd(50_000));
      else put(f, 'x'.repeat(1 + rnd(20_000)), at);
    }
    releaseFile(f);
    w.unlink('/f');
    expect(w.pages.used).toBe(0);
    const { files, ffree } = w.resolve('/').inode.fs.statfs();
    expect(ffree).toBe(files - 1);
  });
});
