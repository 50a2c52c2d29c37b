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
});
