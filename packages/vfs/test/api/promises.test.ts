import { CAP_DAC_OVERRIDE, O_RDWR, POLLIN, S_IFIFO, S_IFREG } from '@sandbox/abi';
import { createTree, File, type FsError, type IoBuf, tmpfs, type VfsPromises, WaitQueue } from '@sandbox/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { user } from '../core/world.js';

let t: VfsPromises;
beforeEach(() => {
  t = createTree(tmpfs());
});

const codeOf = (p: Promise<unknown>): Promise<string> =>
  p.then(
    () => 'ok',
    (e: FsError) => e.code,
  );

describe('files', () => {
  it('are written, appended to, read, copied', async () => {
    await t.writeFile('/a', 'grüße');
    await t.appendFile('/a', Buffer.from('!'));
    expect(await t.readFile('/a', 'utf8')).toBe('grüße!');
    expect(await t.readFile('/a')).toEqual(Buffer.from('grüße!'));
    await t.copyFile('/a', '/b');
    expect(await t.readFile('/b', { encoding: 'utf8' })).toBe('grüße!');
    expect(await codeOf(t.copyFile('/a', '/b', t.constants.COPYFILE_EXCL))).toBe('EEXIST');
    await t.copyFile('/a', '/a');
    expect((await t.stat('/a')).size).toBe(8);
    await t.writeFile(
      '/a',
      (function* () {
        yield 'x'.repeat(100_000);
        yield new Uint8Array([65]);
      })(),
    );
    expect((await t.readFile('/a')).length).toBe(100_001);
    await t.truncate('/a', 3);
    expect(await t.readFile('/a', 'utf8')).toBe('xxx');
  });

  it('fail as Node files do', async () => {
    const error = await t.readFile('/näh').catch((e: FsError) => e as FsError);
    expect(error).toMatchObject({ code: 'ENOENT', errno: -2, syscall: 'open', path: '/näh' });
    expect((error as FsError).message).toBe("ENOENT: no such file or directory, open '/näh'");
    await t.mkdir('/d');
    expect(await codeOf(t.readFile('/d'))).toBe('EISDIR');
    expect(await codeOf(t.writeFile('/d', ''))).toBe('EISDIR');
    expect(await codeOf(t.open('/x', 'wx+').then((h) => h.close()))).toBe('ok');
    expect(await codeOf(t.open('/x', 'wx'))).toBe('EEXIST');
    await expect(t.readFile('a\0b')).rejects.toThrow(TypeError);
    await expect(t.open('/x', 'nonsense')).rejects.toThrow(TypeError);
  });

  it('are used through handles', async () => {
    await using h = await t.open('/f', 'w+');
    expect(await h.write('hello world')).toMatchObject({ bytesWritten: 11 });
    const b = Buffer.alloc(5);
    expect(await h.read(b, 0, 5, 6)).toMatchObject({ bytesRead: 5 });
    expect(b.toString()).toBe('world');
    await h.truncate(5);
    expect((await h.stat()).size).toBe(5);
    await h.chmod(0o600);
    expect((await t.stat('/f')).mode & 0o777).toBe(0o600);
    await h.utimes(1, new Date(2500));
    const s = await t.stat('/f');
    expect([s.atimeMs, s.mtimeMs, s.mtime.getTime()]).toEqual([1000, 2500, 2500]);
    await h.close();
    await h.close();
    expect(await codeOf(h.stat())).toBe('EBADF');
    await using ro = await t.open('/f');
    expect(await codeOf(ro.write('x'))).toBe('EBADF');
    await using ap = await t.open('/f', 'a+');
    await ap.write('!', 0);
    expect(await t.readFile('/f', 'utf8')).toBe('hello!');
  });

  it('stream', async () => {
    await new Promise<void>((resolve, reject) => {
      const s = t.createWriteStream('/s');
      s.on('error', reject).on('close', resolve);
      for (let i = 0; i < 1000; i++) s.write(`${i}\n`);
      s.end();
    });
    let text = '';
    for await (const piece of t.createReadStream('/s', 'utf8')) text += piece;
    expect(text).toBe(Array.from({ length: 1000 }, (_, i) => `${i}\n`).join(''));
    text = '';
    for await (const piece of t.createReadStream('/s', { encoding: 'utf8', start: 2, end: 5 })) text += piece;
    expect(text).toBe('1\n2\n');
    await expect(
      (async () => {
        for await (const _ of t.createReadStream('/none'));
      })(),
    ).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('directories', () => {
  beforeEach(async () => {
    await t.mkdir('/p/q/r', { recursive: true });
    await t.writeFile('/p/f', 'f');
    await t.writeFile('/p/q/g', 'g');
    await t.symlink('q', '/p/l');
  });

  it('are made with their parents', async () => {
    expect(await t.mkdir('/x/y/z', { recursive: true })).toBe('/x');
    expect(await t.mkdir('/x/y/z', { recursive: true })).toBe(undefined);
    expect(await codeOf(t.mkdir('/x'))).toBe('EEXIST');
    expect(await codeOf(t.mkdir('/p/f', { recursive: true }))).toBe('EEXIST');
    expect(await codeOf(t.mkdir('/p/f/x', { recursive: true }))).toBe('ENOTDIR');
    const a = await t.mkdtemp('/tmp-');
    expect(a).toMatch(/^\/tmp-\w{6}$/);
    expect((await t.stat(a)).mode & 0o777).toBe(0o700);
  });

  it('are listed', async () => {
    expect((await t.readdir('/p')).sort()).toEqual(['f', 'l', 'q']);
    expect((await t.readdir('/p', { recursive: true })).sort()).toEqual(['f', 'l', 'q', 'q/g', 'q/r']);
    const entries = await t.readdir('/p', { withFileTypes: true });
    const kinds = Object.fromEntries(
      entries.map((e) => [e.name, [e.isFile(), e.isDirectory(), e.isSymbolicLink(), e.parentPath]]),
    );
    expect(kinds).toEqual({
      f: [true, false, false, '/p'],
      q: [false, true, false, '/p'],
      l: [false, false, true, '/p'],
    });
    expect(await codeOf(t.readdir('/p/f'))).toBe('ENOTDIR');
  });

  it('are removed', async () => {
    expect(await codeOf(t.rm('/p'))).toBe('ERR_FS_EISDIR');
    expect(await codeOf(t.rm('/none'))).toBe('ENOENT');
    await t.rm('/none', { force: true });
    expect(await codeOf(t.rmdir('/p'))).toBe('ENOTEMPTY');
    await t.symlink('/p', '/out');
    await t.mkdir('/z');
    await t.symlink('/p', '/z/link');
    await t.rm('/z', { recursive: true });
    expect(await t.exists('/p/q/g')).toBe(true);
    await t.rm('/p', { recursive: true });
    expect(await t.exists('/p')).toBe(false);
    expect(await t.readdir('/')).toEqual(['out']);
  });

  it('are removed however deep', async () => {
    let at = '/deep';
    await t.mkdir(at);
    for (let i = 0; i < 300; i++) {
      // Beyond PATH_MAX only a working directory leads further; 300 levels are enough to show no recursion by
      // path.
      at += '/abcdefgh';
      await t.mkdir(at);
    }
    await t.rm('/deep', { recursive: true });
    expect(await t.exists('/deep')).toBe(false);
  });

  it('are copied', async () => {
    await t.chmod('/p/f', 0o640);
    await t.utimes('/p/f', 5, 6);
    expect(await codeOf(t.cp('/p', '/c'))).toBe('EISDIR');
    await t.cp('/p', '/c', { recursive: true, preserveTimestamps: true });
    expect((await t.readdir('/c', { recursive: true })).sort()).toEqual(['f', 'l', 'q', 'q/g', 'q/r']);
    expect(await t.readlink('/c/l')).toBe('/p/q');
    expect((await t.stat('/c/f')).mtimeMs).toBe(6000);
    await t.writeFile('/c/f', 'changed');
    await t.cp('/p', '/c', { recursive: true, force: false });
    expect(await t.readFile('/c/f', 'utf8')).toBe('changed');
    expect(await codeOf(t.cp('/p', '/c', { recursive: true, force: false, errorOnExist: true }))).toBe(
      'EEXIST',
    );
    await t.cp('/p', '/c', { recursive: true });
    expect(await t.readFile('/c/f', 'utf8')).toBe('f');
    await t.cp('/p', '/only', { recursive: true, filter: (s) => !s.endsWith('/q') });
    expect((await t.readdir('/only')).sort()).toEqual(['f', 'l']);
    expect(await codeOf(t.cp('/p', '/p/q/inside', { recursive: true }))).toBe('EINVAL');
  });
});

describe('names and attributes', () => {
  it('link, rename, resolve', async () => {
    await t.mkdir('/d');
    await t.writeFile('/d/ä', 'x');
    await t.symlink('d/ä', '/l');
    expect(await t.readlink('/l')).toBe('d/ä');
    expect(await t.realpath('/l')).toBe('/d/ä');
    await t.link('/d/ä', '/h');
    expect((await t.stat('/h')).nlink).toBe(2);
    await t.rename('/d/ä', '/d/b');
    expect(await codeOf(t.stat('/l'))).toBe('ENOENT');
    expect((await t.lstat('/l')).isSymbolicLink()).toBe(true);
    const error = await t.rename('/none', '/x').catch((e: FsError) => e as FsError);
    expect((error as FsError).message).toBe("ENOENT: no such file or directory, rename '/none' -> '/x'");
  });

  it('are checked against the credentials', async () => {
    const rooted = createTree(tmpfs({ mode: 0o755 }), { credentials: user(1000) });
    expect(await codeOf(rooted.writeFile('/f', ''))).toBe('EACCES');
    const able = createTree(tmpfs({ mode: 0o755 }), {
      credentials: user(1000, 1000, [], [CAP_DAC_OVERRIDE]),
    });
    expect(await codeOf(able.writeFile('/f', ''))).toBe('ok');
    await able.chmod('/f', 0);
    expect(await codeOf(able.access('/f', able.constants.X_OK))).toBe('EACCES');
    expect((await able.stat('/f')).uid).toBe(1000);
  });

  it('carry extended attributes', async () => {
    await t.writeFile('/f', '');
    await t.setxattr('/f', 'user.mime', 'text/plain');
    expect((await t.getxattr('/f', 'user.mime')).toString()).toBe('text/plain');
    expect(await t.listxattr('/f')).toEqual(['user.mime']);
    await t.removexattr('/f', 'user.mime');
    expect(await codeOf(t.getxattr('/f', 'user.mime'))).toBe('ENODATA');
  });
});

/** A stream that has something to read when it is told so. */
class Mailbox extends File {
  readonly queue = new WaitQueue();
  private text = '';
  override get waitQueue(): WaitQueue {
    return this.queue;
  }
  deliver(text: string): void {
    this.text = text;
    this.queue.wake(POLLIN);
  }
  override read(io: IoBuf): number {
    if (this.text === '') return -11;
    const b = Buffer.from(this.text);
    this.text = '';
    return io.put(b, 0, b.length);
  }
}

describe('files that block', () => {
  it('are waited for, until the signal says otherwise', async () => {
    let box: Mailbox | null = null;
    t.vfs.special.fifo = (inode, flags) => (box = new Mailbox(inode, flags));
    await t.mknod('/box', S_IFIFO | 0o600);
    await using h = await t.open('/box', O_RDWR);
    const b = Buffer.alloc(10);
    const reading = h.read(b);
    await Promise.resolve();
    box!.deliver('news');
    expect(await reading).toMatchObject({ bytesRead: 4 });
    const stop = new AbortController();
    const waiting = h.read(b, 0, 10, null, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(box!.queue.empty).toBe(true);
    expect((await h.stat()).mode & S_IFREG).toBe(0);
  });
});
