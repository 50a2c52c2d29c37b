import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Kernel } from '@sandbox/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKernel, pause } from './support.js';

let kernel: Kernel;
beforeAll(async () => {
  kernel = await makeKernel();
});
afterAll(() => kernel.dispose());

const shell = (script: string, options = {}) => kernel.spawn('/bin/sh', ['-c', script], options);

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk.toString('latin1');
  return all;
}

describe('output', () => {
  it('is two streams of Buffers', async () => {
    const child = shell('echo a; echo b >&2');
    const chunks: unknown[] = [];
    child.stdout!.on('data', (chunk) => chunks.push(chunk));
    expect(await text(child.stderr!)).toBe('b\n');
    await child.exited;
    expect(chunks).toEqual([Buffer.from('a\n')]);
  });

  it('ends after the program, with everything it wrote', async () => {
    const child = shell('head -c 300000 /dev/zero');
    expect((await text(child.stdout!)).length).toBe(300_000);
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  it('unread output makes the program wait; nothing is lost', async () => {
    const child = shell('dd if=/dev/zero bs=16384 count=64 status=none');
    child.stdout!.once('readable', () => {});
    const written = (): number => kernel.stats().calls.write ?? 0;
    let before = -1;
    while (before !== written()) {
      before = written();
      await pause(300);
    }
    expect(child.hasExited).toBe(false);
    // The pipe and the stream's buffer are full.
    expect(child.stdout!.readableLength).toBeLessThan(300_000);
    expect((await text(child.stdout!)).length).toBe(64 * 16384);
    expect(await child.exited).toMatchObject({ code: 0 });
  });

  it('a destroyed stream is a reader that has gone: SIGPIPE', async () => {
    const child = shell('exec yes');
    await once(child.stdout!, 'data');
    child.stdout!.destroy();
    expect(await child.exited).toMatchObject({ signal: 'SIGPIPE' });
  });

  it('one big write does not keep the event loop', async () => {
    const script = 'import os; os.write(1, bytes(64 << 20)); os.write(1, b"end")';
    const child = kernel.spawn('/usr/bin/env', ['python3', '-c', script], {
      env: { PATH: process.env.PATH ?? '' },
    });
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    let size = 0;
    child.stdout!.on('data', (chunk: Buffer) => (size += chunk.length));
    await once(child.stdout!, 'end');
    clearInterval(timer);
    expect(size).toBeGreaterThanOrEqual(64 << 20);
    console.log(`64 MiB in one write: longest gap between 1 ms ticks ${longest.toFixed(1)} ms`);
    expect(longest).toBeLessThan(500);
  });
});

describe('input', () => {
  it('end() is the end of the file', async () => {
    const child = kernel.spawn('/usr/bin/sort');
    child.stdin!.write('b\n');
    child.stdin!.end('a\n');
    expect(await text(child.stdout!)).toBe('a\nb\n');
  });

  it('a program that does not read makes the writer wait', async () => {
    const child = shell('read x; sleep 0.3; wc -c');
    let drained = false;
    child.stdin!.write('go\n');
    // More than pipe and stream hold.
    expect(child.stdin!.write(Buffer.alloc(400_000))).toBe(false);
    child.stdin!.once('drain', () => (drained = true));
    await pause(100);
    expect(drained).toBe(false);
    await once(child.stdin!, 'drain');
    child.stdin!.end();
    expect(await text(child.stdout!)).toBe('400000\n');
  });

  it('EPIPE when nobody reads any more', async () => {
    const child = shell('exec <&-; echo closed; sleep 5');
    await once(child.stdout!, 'data');
    const error = new Promise((resolve) => child.stdin!.on('error', resolve));
    child.stdin!.write('x');
    expect(await error).toMatchObject({ code: 'EPIPE', syscall: 'write' });
    child.kill('SIGKILL');
  });

  it('and when the program ends with input unread', async () => {
    const child = shell('true');
    const errors: unknown[] = [];
    child.stdin!.on('error', (error) => errors.push(error));
    child.stdin!.write(Buffer.alloc(1_000_000));
    await child.exited;
    await expect.poll(() => errors).toEqual([expect.objectContaining({ code: 'EPIPE' })]);
  });

  it('megabytes there and back, byte for byte', async () => {
    const block = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 31 + (i >> 7)) & 255));
    const blocks = 320;
    const child = kernel.spawn('/bin/cat');
    const sent = createHash('sha1');
    const received = createHash('sha1');
    function* source() {
      for (let i = 0; i < blocks; i++) {
        const chunk = Buffer.from(block.subarray(0, 1 + ((i * 7919) % block.length)));
        chunk[0] = i & 255;
        sent.update(chunk);
        yield chunk;
      }
    }
    await Promise.all([
      pipeline(Readable.from(source()), child.stdin!),
      (async () => {
        for await (const chunk of child.stdout!) received.update(chunk as Buffer);
      })(),
    ]);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  });

  it('programs connected through streams', async () => {
    const first = kernel.spawn('/usr/bin/seq', ['100000']);
    const second = kernel.spawn('/usr/bin/tail', ['-n', '1']);
    first.stdout!.pipe(second.stdin!);
    expect(await text(second.stdout!)).toBe('100000\n');
  });
});

describe('stdio', () => {
  it("'ignore' is /dev/null", async () => {
    const child = shell('cat; readlink /proc/self/fd/0 /proc/self/fd/2', {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(child.stdin).toBe(null);
    expect(child.stderr).toBe(null);
    expect(await text(child.stdout!)).toBe('/dev/null\n/dev/null\n');
  });

  it('pipes look like pipes', async () => {
    const child = shell('readlink /proc/self/fd/1; ls -l /proc/self/fd | wc -l');
    expect(await text(child.stdout!)).toMatch(/^pipe:\[\d+\]\n5\n$/);
  });
});

describe('a terminal', () => {
  const open = (script: string, tty: true | { rows: number; columns: number } = true) => {
    const child = kernel.spawn('/bin/sh', ['-c', script], { tty });
    let seen = '';
    child.stdout!.on('data', (chunk) => (seen += chunk));
    return { child, seen: () => seen };
  };

  it('is what the program has as all three', async () => {
    const { child, seen } = open(
      'test -t 0 && test -t 1 && test -t 2 && stty size; ps -o tty= -p $$ || true',
      {
        rows: 11,
        columns: 22,
      },
    );
    expect(child.stderr).toBe(null);
    await child.exited;
    await once(child.stdout!, 'end');
    expect(seen()).toMatch(/^11 22\r\npts\/\d+ *\r\n$/);
  });

  it('keys: echo, erase, Ctrl-D', async () => {
    const { child, seen } = open('cat');
    child.stdin!.write('abX\x7fc\r');
    await expect.poll(seen).toBe('abX\b \bc\r\nabc\r\n');
    child.stdin!.write('\x04');
    expect(await child.exited).toMatchObject({ code: 0 });
  });

  it('Ctrl-C is SIGINT to the group in front', async () => {
    const { child, seen } = open('echo on; sleep 60; echo never');
    await expect.poll(seen).toBe('on\r\n');
    child.stdin!.write('\x03');
    expect(await child.exited).toMatchObject({ signal: 'SIGINT' });
  });

  it('resize is SIGWINCH', async () => {
    const { child, seen } = open('trap "stty size; exit" WINCH; echo on; while :; do sleep 0.02; done');
    await expect.poll(seen).toBe('on\r\n');
    child.resize({ rows: 5, columns: 6 });
    await child.exited;
    await expect.poll(seen).toBe('on\r\n5 6\r\n');
  });

  it('output nobody reads makes the program wait', async () => {
    const child = kernel.spawn('/usr/bin/seq', ['1000000'], { tty: true });
    child.stdout!.once('readable', () => {});
    await pause(300);
    expect(child.hasExited).toBe(false);
    const all = await text(child.stdout!);
    expect(all.endsWith('\r\n999999\r\n1000000\r\n')).toBe(true);
    expect(await child.exited).toMatchObject({ code: 0 });
  });

  it('handlers run outside the kernel: they may start programs', async () => {
    const child = kernel.spawn('/bin/echo', ['x'], { tty: true });
    const inside: boolean[] = [];
    let second: Promise<unknown> | null = null;
    child.stdout!.on('data', () => {
      inside.push(kernel.core.entered);
      second = kernel.run('/bin/true');
    });
    await once(child.stdout!, 'end');
    expect(inside).toEqual([false]);
    expect(await second).toMatchObject({ code: 0 });
  });
});
