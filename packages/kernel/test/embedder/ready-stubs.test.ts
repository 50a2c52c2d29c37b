/** Stubs and memory files kept for the next kernel: that it gets them, and nothing of what was before. */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { type Kernel, type KernelOptions, VirtualClock } from '@sandbox/kernel';
import { ptrace } from '@sandbox/platform-ptrace';
import { describe, expect, it } from 'vitest';
import { makeKernel } from './support.js';

const platform = ptrace();
const make = (options: Partial<KernelOptions> = {}): Promise<Kernel> => makeKernel({ platform, ...options });

const children = (): number[] =>
  readdirSync('/proc/self/task').flatMap((tid) =>
    readFileSync(`/proc/self/task/${tid}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
const noneKept = (): Promise<void> => expect.poll(children, { timeout: 10_000 }).toEqual([]);

/** Does the memory of a kernel hold `text` in its first `bytes`? */
function holds(kernel: Kernel, text: string, bytes: number): boolean {
  const fd = openSync(`/proc/self/fd/${kernel.core.memory.fd}`, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    readSync(fd, buffer, 0, bytes, 0);
    return buffer.includes(text);
  } finally {
    closeSync(fd);
  }
}

describe('a kernel after another', () => {
  it('gets its stub and an empty memory file', async () => {
    await noneKept();
    const secret = `secret-${process.pid}-of-one`;
    const first = await make();
    const [stub] = children();
    const written = await first.run('/bin/sh', [
      '-c',
      `x=${secret}; for i in 1 2 3 4 5 6; do x=$x$x; done; echo $x > /kept; cat /kept`,
    ]);
    expect(written.stdout).toContain(secret);
    expect(holds(first, secret, 64 << 20)).toBe(true);
    const { ino } = fstatSync(first.core.memory.fd);
    await first.dispose();
    expect(children()).toEqual([stub]);

    await using second = await make();
    expect(children()).toEqual([stub]);
    expect(fstatSync(second.core.memory.fd).ino).toBe(ino);
    expect(holds(second, secret, 64 << 20)).toBe(false);
    expect(second.core.memory.committedBytes()).toBeLessThan(1 << 20);
    const r = await second.run('/bin/sh', ['-c', 'ls /kept 2>&1; echo done; sh -c "echo inner"']);
    expect(r.stdout).toMatch(/No such file.*\ndone\ninner\n$/s);
  });

  it('does not while the other lives', async () => {
    await using a = await make();
    await using b = await make();
    expect(fstatSync(a.core.memory.fd).ino).not.toBe(fstatSync(b.core.memory.fd).ino);
    const both = await Promise.all([a, b].map((k) => k.run('/bin/echo', ['x'])));
    expect(both.map((r) => r.stdout)).toEqual(['x\n', 'x\n']);
  });

  it('gets a new one when the host has killed it', async () => {
    await noneKept();
    await (await make()).dispose();
    const [stub] = children();
    process.kill(stub!, 'SIGKILL');
    await using kernel = await make();
    expect((await kernel.run('/bin/echo', ['on'])).stdout).toBe('on\n');
    expect(children()).not.toContain(stub);
  });

  it('gets a new one when it wants another kind', async () => {
    await noneKept();
    await (await make()).dispose();
    const [stub] = children();
    await using kernel = await make({ clock: new VirtualClock(1e9) });
    expect((await kernel.run('/bin/date', ['+%s'])).stdout).toBe('1000000000\n');
    expect(children()).toContain(stub);
    expect(children().length).toBeGreaterThan(1);
  });

  it('follows one that ended with programs running', async () => {
    await noneKept();
    const first = await make();
    first.spawn('/bin/sh', ['-c', 'while :; do :; done']);
    first.spawn('/bin/sleep', ['60']);
    await first.dispose();
    expect(children().length).toBe(1);
    await using second = await make();
    expect((await second.run('/bin/echo', ['on'])).stdout).toBe('on\n');
  });
});

it('few are kept, for a moment', async () => {
  await noneKept();
  const fds = readdirSync('/proc/self/fd').length;
  const kernels = await Promise.all(Array.from({ length: 8 }, () => make()));
  await Promise.all(kernels.map((kernel) => kernel.dispose()));
  expect(children().length).toBe(4);
  await noneKept();
  expect(readdirSync('/proc/self/fd').length).toBe(fds);
});
