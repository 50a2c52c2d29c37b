import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel } from '@sandbox/kernel';
import { hostfs, type JsDirectory, jsDevice, jsFile, jsfs, overlay, tmpfs } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';

async function withTree<T>(tree: JsDirectory, use: (kernel: Kernel) => Promise<T>): Promise<T> {
  const kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: { '/js': jsfs(tree) },
  });
  try {
    return await use(kernel);
  } finally {
    await kernel.dispose();
  }
}

const sh = async (kernel: Kernel, script: string) => {
  const { stdout, stderr, code } = await kernel.run('/bin/sh', ['-c', script], { timeout: 20_000 });
  return `${stdout}${stderr}${code === 0 ? '' : `exit ${code}`}`;
};

/** A source of bytes that answers later, by position. */
const later = (text: string, ms = 5) =>
  jsFile({
    size: text.length,
    read: async ({ offset, length }) => {
      await sleep(ms);
      return text.slice(offset, offset + length);
    },
  });

describe('files in JavaScript', () => {
  it('are read and written at once, and have what they say they have', async () => {
    const written: string[] = [];
    const tree = {
      fixed: 'text\n',
      dir: { answer: jsFile({ read: ({ offset }) => (offset === 0 ? '42\n' : '') }) },
      log: jsFile({ mode: 0o622, write: (data) => void written.push(Buffer.from(data).toString()) }),
      dev: jsDevice({ read: ({ length }) => new Uint8Array(length).fill(65), write: () => {} }),
    };
    await withTree(tree, async (kernel) => {
      expect(await sh(kernel, 'cat /js/fixed /js/dir/answer; echo hi > /js/log; echo more >> /js/log')).toBe(
        'text\n42\n',
      );
      expect(written).toEqual(['hi\n', 'more\n']);
      expect(await sh(kernel, 'head -c 5 /js/dev; test -c /js/dev && stat -c " %a %F" /js/log')).toBe(
        'AAAAA 622 regular empty file\n',
      );
      expect(await sh(kernel, 'echo x > /js/new')).toContain('exit');
      expect(await sh(kernel, 'cat /js/log')).toContain('Invalid argument');
    });
  });

  it('that answer later make only their reader wait', async () => {
    let other = 0;
    await withTree(
      {
        slow: later('x'.repeat(3000), 50),
        dev: jsDevice({ write: () => sleep(20) }),
        file: jsFile({ write: () => sleep(20) }),
      },
      async (kernel) => {
        const timer = setInterval(() => other++, 5);
        const [size, ticks] = await Promise.all([
          sh(kernel, 'wc -c < /js/slow; echo one > /js/dev && echo two >> /js/file && echo written'),
          sh(kernel, 'i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i'),
        ]);
        clearInterval(timer);
        expect(size.replaceAll(' ', '')).toBe('3000\nwritten\n');
        expect(ticks).toBe('1000\n');
        expect(other).toBeGreaterThan(3);
      },
    );
  });

  it('that throw are EIO or what they say, that never answer can be given up', async () => {
    let aborted = false;
    let reads = 0;
    const tree = {
      throws: jsFile({ read: () => Promise.reject(new Error('no')) }),
      full: jsFile({
        write: () => {
          throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        },
      }),
      nonsense: jsFile({ read: () => 7 as unknown as string }),
      timeout: jsFile({ timeout: 50, read: () => new Promise<string>(() => {}) }),
      never: jsFile({
        read: ({ signal }) => {
          reads++;
          signal.addEventListener('abort', () => {
            aborted = true;
          });
          return new Promise<string>(() => {});
        },
      }),
    };
    await withTree(tree, async (kernel) => {
      expect(await sh(kernel, 'cat /js/throws')).toContain('Input/output error');
      expect(await sh(kernel, 'cat /js/nonsense')).toContain('Input/output error');
      expect(await sh(kernel, 'cat /js/timeout')).toContain('Input/output error');
      expect(await sh(kernel, 'echo x | tee /js/full')).toContain('No space left');
      const given = sh(kernel, 'timeout 2 cat /js/never; echo $?');
      await expect.poll(() => reads, { timeout: 10_000 }).toBe(1);
      expect(await given).toBe('124\n');
      expect(aborted).toBe(true);
      const stuck = kernel.spawn('/bin/cat', ['/js/never'], { stdio: 'ignore' });
      await expect.poll(() => reads, { timeout: 10_000 }).toBe(2);
      stuck.kill('SIGKILL');
      expect((await stuck.exited).signal).toBe('SIGKILL');
    });
  });

  const python = (kernel: Kernel, script: string) =>
    kernel
      .run('/usr/bin/python3', ['-c', `import fcntl, mmap, os, select, struct, sys, time\n${script}`], {
        timeout: 20_000,
      })
      .then((r) => `${r.stdout}${r.stderr}`);
  const hasPython = existsSync('/usr/bin/python3');

  it.runIf(hasPython)('have ioctls, at once or later', async () => {
    const later = 0xc0087a01; // _IOWR('z', 1, 8 bytes)
    const seen: unknown[] = [];
    const dev = jsDevice({
      ioctl: async ({ command, argument, data, memory }) => {
        seen.push(command);
        switch (command) {
          case 0x80047a02: // _IOR('z', 2, 4 bytes)
            new DataView(data.buffer).setUint32(0, 77, true);
            return 5;
          case later:
            await sleep(20);
            data.reverse();
            return;
          case 0x1234: {
            const bytes = memory.read(argument, 4);
            memory.write(argument, bytes.reverse());
            await sleep(1);
            expect(() => memory.read(argument, 4)).toThrow('EFAULT');
            return;
          }
          default:
            throw Object.assign(new Error('none of mine'), { code: 'ENOTTY' });
        }
      },
    });
    const never = jsDevice({ timeout: 50, ioctl: () => new Promise<number>(() => {}) });
    const throws = jsDevice({
      ioctl: () => {
        throw Object.assign(new Error('bad'), { code: 'EBADMSG' });
      },
    });
    const mute = jsDevice({ read: () => '' });
    await withTree({ dev, never, throws, mute }, async (kernel) => {
      const out = await python(
        kernel,
        `
fd = os.open('/js/dev', os.O_RDWR)
def call(name, cmd, arg):
  try: print(name, fcntl.ioctl(fd, cmd, arg))
  except OSError as e: print(name, e.errno)

b = bytearray(4); print('read', fcntl.ioctl(fd, 0x80047a02, b), struct.unpack('<I', b)[0])
call('later', ${later}, b'abcdefgh'); b = bytearray(b'wxyz'); fcntl.ioctl(fd, 0x1234, b); print(bytes(b)); call('unknown', 0x99, 0)
import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.ioctl(fd, 0x1234, ctypes.c_void_p(8)), ctypes.get_errno())
for n in ('never', 'throws', 'mute'):
  fd = os.open('/js/' + n, os.O_RDWR)
  call(n, ${later}, b'abcdefgh')`,
      );
      expect(out.trim().split('\n')).toEqual([
        'read 5 77',
        "later b'hgfedcba'",
        "b'zyxw'",
        'unknown 25',
        '-1 14',
        'never 5',
        'throws 74',
        'mute 25',
      ]);
    });
  });

  it.runIf(hasPython)('say when they are ready', async () => {
    const queue: string[] = [];
    let closed = false;
    const events = jsDevice({
      poll: () => ({ readable: queue.length > 0 || closed, hangup: closed }),
      read: () => {
        const next = queue.shift();
        if (next !== undefined || closed) return next ?? '';
        throw Object.assign(new Error('nothing yet'), { code: 'EAGAIN' });
      },
    });
    await withTree({ events }, async (kernel) => {
      const child = kernel.spawn('/usr/bin/python3', [
        '-c',
        `
import os, select
fd = os.open('/js/events', os.O_RDONLY | os.O_NONBLOCK); p = select.epoll(); p.register(fd, select.EPOLLIN)
try: os.read(fd, 10)
except BlockingIOError: print('empty', p.poll(0), flush=True)
print(p.poll(20), os.read(fd, 100), p.poll(0), flush=True); os.set_blocking(fd, True)
print(os.read(fd, 100), flush=True); print(p.poll(20)[0][1], os.read(fd, 10), flush=True)`,
      ]);
      let out = '';
      child.stdout!.on('data', (piece: Buffer) => {
        out += piece;
        const lines = out.split('\n').length - 1;
        if (lines === 3) closed = true;
        else queue.push(`event ${lines}`);
        setTimeout(() => events.changed(), 20);
      });
      expect(await child.exited).toEqual({ code: 0, signal: null });
      expect(out.split('\n').slice(1, 4)).toEqual(["[(3, 1)] b'event 1' []", "b'event 2'", "17 b''"]);
    });
  });

  it.runIf(hasPython)('can be mapped: content is asked for once, what is written goes back', async () => {
    const bytes = Buffer.alloc(200_000, 'abcdefgh');
    const asked: [number, number][] = [];
    const written: [number, number][] = [];
    const tree = {
      once: jsFile({
        size: bytes.length,
        cache: true,
        read: async ({ offset, length }) => {
          asked.push([offset, length]);
          await sleep(5);
          return bytes.subarray(offset, offset + length);
        },
      }),
      shared: jsFile({
        size: 8192,
        read: ({ offset, length }) => bytes.subarray(offset, offset + length),
        mmap: ({ offset, length }) => bytes.subarray(offset, offset + length),
        write: (data, { offset }) => {
          written.push([offset, data.length]);
          bytes.set(data, offset);
        },
      }),
      never: jsFile({ size: 10, cache: true, timeout: 50, read: () => new Promise<string>(() => {}) }),
      forever: jsFile({ size: 10, cache: true, read: () => new Promise<string>(() => {}) }),
      broken: jsFile({ size: 10, cache: true, read: () => Promise.reject(new Error('no')) }),
      unmapped: jsFile({ size: 10, read: () => '' }),
    };
    await withTree(tree, async (kernel) => {
      const out = await python(
        kernel,
        `
f = open('/js/once', 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); print(m[:8], m[199992:], len(m)); print(f.read() == m[:])
f = open('/js/shared', 'r+b', buffering=0); m = mmap.mmap(f.fileno(), 8192); m[5000:5003] = b'XYZ'; m.flush(); print(os.pread(f.fileno(), 8, 4998)); m[0:1] = b'!'; m.close()
for n in ('never', 'broken', 'unmapped'):
  try: mmap.mmap(os.open('/js/' + n, os.O_RDONLY), 10, prot=mmap.PROT_READ)
  except OSError as e: print(n, e.errno)`,
      );
      expect(out.trim().split('\n')).toEqual([
        "b'abcdefgh' b'abcdefgh' 200000",
        'True',
        "b'ghXYZdef'",
        'never 5',
        'broken 5',
        'unmapped 19',
      ]);
      expect(asked).toEqual([[0, 200_000]]);
      // Whole pages around what was written: at msync, and when the mapping goes.
      expect(written.length).toBe(2);
      expect(written.every(([offset, length]) => offset % 4096 === 0 && length % 4096 === 0)).toBe(true);
      expect(bytes.subarray(0, 2).toString()).toBe('!b');
      const stuck = kernel.spawn('/usr/bin/python3', [
        '-c',
        "import mmap, os; mmap.mmap(os.open('/js/forever', os.O_RDONLY), 10, prot=mmap.PROT_READ)",
      ]);
      await sleep(300);
      stuck.kill('SIGKILL');
      expect((await stuck.exited).signal).toBe('SIGKILL');
    });
  });

  it('can be executed, script, program and all, although they come piece by piece', async () => {
    const slow = (path: string) => {
      const content = readFileSync(path);
      return jsFile({
        size: content.length,
        mode: 0o755,
        cache: true,
        read: async ({ offset, length }) => {
          await sleep(1);
          return content.subarray(offset, offset + Math.min(length, 100_000));
        },
      });
    };
    const script = '#!/js/sh -e\necho run by $0\n';
    const tree = {
      sh: slow('/bin/sh'),
      script: jsFile({ mode: 0o755, size: script.length, cache: true, read: () => Promise.resolve(script) }),
    };
    await withTree(tree, async (kernel) => {
      expect(await sh(kernel, '/js/sh -c "echo from afar"; /js/script; /js/script')).toBe(
        'from afar\nrun by /js/script\nrun by /js/script\n',
      );
    });
    await withTree(tree, async (kernel) => {
      expect(() => kernel.spawn('/js/script')).toThrow(expect.objectContaining({ errno: 'EAGAIN' }));
      expect((await kernel.run('/js/script')).stdout).toBe('run by /js/script\n');
    });
    const named = '#!sh -e\necho run by $0\n';
    const relative = {
      ...tree,
      script: jsFile({ mode: 0o755, size: named.length, read: (r) => named.slice(r.offset) }),
    };
    await withTree(relative, async (kernel) => {
      await kernel.load('script', { cwd: '/js' });
      const process = kernel.spawn('script', [], { cwd: '/js', stdio: ['ignore', 'pipe', 'inherit'] });
      expect(String((await process.stdout!.toArray())[0])).toBe('run by script\n');
    });
  });
});
