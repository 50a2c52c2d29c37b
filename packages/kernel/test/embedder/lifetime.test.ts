import { readdirSync, readFileSync } from 'node:fs';
import {
  type Kernel,
  KernelDisposedError,
  KernelPanicError,
  SeededRandom,
  VirtualClock,
} from '@sandbox/kernel';
import { ptrace } from '@sandbox/platform-ptrace';
import { tmpfs } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';
import { makeKernel, pause } from './support.js';

const openFds = (): number => readdirSync('/proc/self/fd').length;
/** Shared mappings: views of guest memory, pages shared with stubs. */
const views = (): number => readFileSync('/proc/self/maps', 'utf8').match(/^\S+ ...s /gm)?.length ?? 0;
const children = (): string[] =>
  readdirSync('/proc/self/task').flatMap((tid) =>
    readFileSync(`/proc/self/task/${tid}/children`, 'utf8').split(' ').filter(Boolean),
  );
/** A stub is kept a moment for the next kernel; nothing else. */
const nothingLeft = async (): Promise<void> => {
  expect(children().length).toBeLessThanOrEqual(4);
  await expect.poll(children, { timeout: 10_000 }).toEqual([]);
};
/** What keeps the event loop alive, by kind. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'Immediate').length;

describe('signals', () => {
  it('kill by name, number, default', async () => {
    await using kernel = await makeKernel();
    const ends = async (signal?: string | number) => {
      const child = kernel.spawn('/bin/sleep', ['60']);
      expect(child.kill(signal)).toBe(true);
      return (await child.exited).signal;
    };
    expect(await ends()).toBe('SIGTERM');
    expect(await ends('SIGKILL')).toBe('SIGKILL');
    expect(await ends(1)).toBe('SIGHUP');
    const child = kernel.spawn('/bin/true');
    expect(() => child.kill('SIGNONE')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(() => child.kill(65)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    expect(child.kill(0)).toBe(true);
    await child.exited;
    expect(child.kill()).toBe(false);
  });

  it('a handler, and stopping', async () => {
    await using kernel = await makeKernel();
    const child = kernel.spawn('/bin/sh', [
      '-c',
      'trap "echo usr; exit 5" USR1; echo on; while :; do sleep 0.02; done',
    ]);
    let seen = '';
    child.stdout!.on('data', (chunk) => (seen += chunk));
    await expect.poll(() => seen).toBe('on\n');
    child.kill('SIGSTOP');
    child.kill('SIGUSR1');
    await pause(50);
    expect(seen).toBe('on\n');
    child.kill('SIGCONT');
    expect(await child.exited).toMatchObject({ code: 5 });
  });

  it('killGroup reaches the children, killTree all that descend', async () => {
    await using kernel = await makeKernel();
    const group = kernel.spawn('/bin/sh', ['-c', 'sleep 60; sleep 60']);
    await expect.poll(() => kernel.processes().length).toBe(2);
    group.killGroup('SIGTERM');
    await expect.poll(() => kernel.processes().length).toBe(0);

    const script = '(setsid sh -c "sleep 60 & sleep 60" &); sleep 60';
    const tree = kernel.spawn('/bin/sh', ['-c', script]);
    await expect.poll(() => kernel.processes().filter((p) => p.name === 'sleep').length).toBe(3);
    tree.killTree();
    await tree.exited;
    await expect.poll(() => kernel.processes().length).toBe(0);
  });
});

describe('timeouts and AbortSignal', () => {
  it('timeout', async () => {
    await using kernel = await makeKernel();
    const script = 'echo some; setsid sleep 60 & wait';
    const r = await kernel.run('/bin/sh', ['-c', script], { timeout: 2000 });
    expect(r).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: true, stdout: 'some\n' });
    const late = await kernel.run('/bin/sh', ['-c', 'sleep 60 & echo main ends'], { timeout: 2000 });
    expect(late).toMatchObject({ code: 0, timedOut: true, stdout: 'main ends\n' });
    const child = kernel.spawn('/bin/sleep', ['60'], { timeout: 50 });
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
    expect(child.timedOut).toBe(true);
    expect(await kernel.run('/bin/true', [], { timeout: 60_000 })).toMatchObject({ timedOut: false });
    expect(timers()).toBeLessThan(5);
  });

  it('create', async () => {
    const fds = openFds();
    await expect(makeKernel({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    const controller = new AbortController();
    const created = makeKernel({ signal: controller.signal });
    controller.abort(new Error('changed my mind'));
    await expect(created).rejects.toThrow('changed my mind');
    expect(openFds()).toBe(fds);
    await nothingLeft();
  });

  it('spawn', async () => {
    await using kernel = await makeKernel();
    expect(() => kernel.spawn('/bin/true', [], { signal: AbortSignal.abort(new Error('no')) })).toThrow('no');
    const controller = new AbortController();
    const child = kernel.spawn('/bin/sleep', ['60'], { signal: controller.signal });
    controller.abort();
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
  });

  it('run', async () => {
    await using kernel = await makeKernel();
    const controller = new AbortController();
    const running = kernel.run('/bin/sh', ['-c', 'sleep 60 & echo x'], { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(running).rejects.toThrow('enough');
    await expect.poll(() => kernel.processes().length).toBe(0);
  });

  it('the kernel', async () => {
    const controller = new AbortController();
    const kernel = await makeKernel({ signal: controller.signal });
    const child = kernel.spawn('/bin/sleep', ['60']);
    controller.abort();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    expect(() => kernel.spawn('/bin/true')).toThrow(KernelDisposedError);
    await nothingLeft();
  });
});

describe('dispose', () => {
  it('while programs run, in every way of waiting', async () => {
    const kernel = await makeKernel();
    const spin = kernel.spawn('/bin/sh', ['-c', 'while :; do :; done']);
    const sleeping = kernel.spawn('/bin/sleep', ['60']);
    const writing = kernel.spawn('/usr/bin/yes');
    const reading = kernel.spawn('/bin/cat', [], { tty: true });
    const forking = kernel.spawn('/bin/sh', ['-c', 'while :; do /bin/true; done']);
    const running = kernel.run('/bin/sleep', ['60']);
    await pause(100);
    const all = [spin, sleeping, writing, reading, forking];
    await kernel.dispose();
    for (const child of all) expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await expect(running).rejects.toThrow(KernelDisposedError);
    await nothingLeft();
    // What is left of it does no harm.
    await kernel.dispose();
    for (const child of all) expect(child.kill()).toBe(false);
    expect(() => kernel.spawn('/bin/true')).toThrow(KernelDisposedError);
    await expect(kernel.run('/bin/true')).rejects.toThrow(KernelDisposedError);
    expect(() => kernel.fs).toThrow(KernelDisposedError);
    expect(() => kernel.processes()).toThrow(KernelDisposedError);
    reading.resize({ rows: 1, columns: 1 });
    sleeping.stdin!.on('error', () => {}).write('x');
    writing.stdout!.resume();
  });

  it('await using', async () => {
    let outside: Kernel;
    {
      await using kernel = await makeKernel();
      outside = kernel;
      expect((await kernel.run('/bin/true')).code).toBe(0);
    }
    expect(() => outside.spawn('/bin/true')).toThrow(KernelDisposedError);
  });

  it('from a handler', async () => {
    const kernel = await makeKernel();
    const ended = new Promise<void>((resolve) => {
      kernel.on('process-exit', () => void kernel.dispose().then(resolve));
    });
    kernel.spawn('/bin/true');
    await ended;
    await nothingLeft();
  });

  it('200 kernels leave nothing behind', async () => {
    const cycle = async (i: number): Promise<void> => {
      const kernel = await makeKernel({ mounts: { '/more': tmpfs() } });
      if (i % 2 === 0) expect((await kernel.run('/bin/true')).code).toBe(0);
      // The others are disposed with a program running, or with nothing ever started.
      else if (i % 4 === 1) kernel.spawn('/bin/cat', [], i % 8 === 1 ? {} : { tty: true });
      await kernel.dispose();
    };
    for (let i = 0; i < 16; i++) await cycle(i);
    // The last look at guests that are gone is a turn of the loop away.
    const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
    await settle();
    const before = { fds: openFds(), views: views(), timers: timers() };
    const started = performance.now();
    for (let i = 0; i < 200; i++) await cycle(i);
    const each = (performance.now() - started) / 200;
    console.log(
      `200 kernels: ${each.toFixed(1)} ms each; descriptors ${before.fds} -> ${openFds()}, shared mappings ${before.views} -> ${views()}`,
    );
    expect(openFds()).toBe(before.fds);
    await settle();
    expect(timers()).toBeLessThanOrEqual(before.timers);
    expect(views()).toBe(before.views);
    await nothingLeft();
  }, 60_000);

  it('kernels that could not be created leave nothing either', async () => {
    const attempt = () => makeKernel({ mounts: { '/new': tmpfs(), '/etc/passwd/x': tmpfs() } });
    await expect(attempt()).rejects.toThrow();
    const fds = openFds();
    for (let i = 0; i < 20; i++) await expect(attempt()).rejects.toThrow();
    expect(openFds()).toBe(fds);
    await nothingLeft();
  });
});

describe('several kernels', () => {
  it('know nothing of each other', async () => {
    const kernels = await Promise.all([1, 2, 3].map((i) => makeKernel({ hostname: `k${i}` })));
    const outputs = await Promise.all(
      kernels.map((kernel, i) =>
        kernel.run('/bin/sh', [
          '-c',
          `echo ${i} > /mine; sleep 0.1; hostname; cat /mine; echo $$; ls /proc | grep -c '^[0-9]'`,
        ]),
      ),
    );
    expect(outputs.map((r) => r.stdout)).toEqual([1, 2, 3].map((i) => `k${i}\n${i - 1}\n2\n4\n`));
    await kernels[0]!.dispose();
    expect((await kernels[1]!.run('/bin/cat', ['/mine'])).stdout).toBe('1\n');
    await Promise.all(kernels.map((kernel) => kernel.dispose()));
  });

  it('on platforms of different settings', async () => {
    await using a = await makeKernel({ platform: ptrace({ fastPath: false }) });
    await using b = await makeKernel({ platform: 'ptrace' });
    const r = await Promise.all([a.run('/bin/echo', ['a']), b.run('/bin/echo', ['b'])]);
    expect(r.map((x) => x.stdout)).toEqual(['a\n', 'b\n']);
  });
});

describe('a bug in the kernel', () => {
  /** Makes uname(2) of this kernel fail as no handler may. */
  function breakUname(kernel: Kernel): void {
    const table = kernel.core.syscalls as unknown as { handlers: (() => number)[] };
    table.handlers[63] = () => {
      throw new RangeError('a bug');
    };
  }

  it('ends this sandbox with a report; the embedder and other kernels live', async () => {
    await using other = await makeKernel();
    const kernel = await makeKernel();
    breakUname(kernel);
    const panics: KernelPanicError[] = [];
    kernel.on('panic', (error) => panics.push(error));
    const bystander = kernel.spawn('/bin/sleep', ['60']);
    const failing = kernel.run('/bin/uname');
    await expect(failing).rejects.toThrow(KernelPanicError);
    await expect(bystander.exited).rejects.toThrow(KernelPanicError);
    expect(panics).toHaveLength(1);
    expect(panics[0]).toMatchObject({
      code: 'ERR_KERNEL_PANIC',
      cause: expect.objectContaining({ message: 'a bug' }),
    });
    expect(panics[0]!.message).toContain('uname');
    expect(() => kernel.spawn('/bin/true')).toThrow(KernelPanicError);
    expect((await other.run('/bin/uname')).stdout).toBe('Linux\n');
    await kernel.dispose();
    await other.dispose();
    await nothingLeft();
  });

  it('needs no listener, and nobody has to wait for the programs', async () => {
    const kernel = await makeKernel();
    breakUname(kernel);
    kernel.spawn('/bin/uname');
    await expect.poll(() => children(), { timeout: 5000 }).toEqual([]);
    await kernel.dispose();
  });
});

describe('time and randomness are inputs', () => {
  it('virtual time moves only when told', async () => {
    const clock = new VirtualClock(1_000_000_000);
    await using kernel = await makeKernel({ clock });
    const child = kernel.spawn('/bin/sh', ['-c', 'date +%s; sleep 3600; date +%s; cut -d. -f1 /proc/uptime']);
    let seen = '';
    child.stdout!.on('data', (chunk) => (seen += chunk));
    await expect.poll(() => seen).toBe('1000000000\n');
    await expect.poll(() => clock.nextAlarm).toBeLessThan(Number.POSITIVE_INFINITY);
    clock.advance(3599e9);
    await pause(50);
    expect(child.hasExited).toBe(false);
    expect(clock.advanceToNextAlarm()).toBe(true);
    await child.exited;
    await expect.poll(() => seen).toMatch(/^1000000000\n1000003600\n3610\n$/);
  });

  it('the processor counter, read by the guest itself, is the virtual clock too', async () => {
    const clock = new VirtualClock(1_000_000_000, 5e9);
    // Not every platform can: software KVM does not.
    await using kernel = await makeKernel({ clock, platform: 'ptrace' });
    // rdtsc; shl rdx, 32; or rax, rdx; ret - and the same with rdtscp.
    const script = `
import ctypes, mmap, sys, threading
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex('0f3148c1e2204809d0c3909090909090' '0f01f948c1e2204809d0c3'))
at = ctypes.addressof(ctypes.c_char.from_buffer(code))
rdtsc, rdtscp = (ctypes.CFUNCTYPE(ctypes.c_ulong)(at + o) for o in (0, 16))
def show(): print(rdtsc(), rdtscp(), flush=True)
show()
sys.stdin.readline()
t = threading.Thread(target=show)
t.start()
t.join()`;
    const child = kernel.spawn('/usr/bin/python3', ['-c', script]);
    let seen = '';
    child.stdout!.on('data', (chunk) => (seen += chunk));
    await expect.poll(() => seen, { timeout: 10_000 }).toBe('5000000000 5000000000\n');
    clock.advance(1234);
    child.stdin!.write('\n');
    await child.exited;
    await expect.poll(() => seen).toBe('5000000000 5000000000\n5000001234 5000001234\n');
  });

  it('the same seed gives the same bytes', async () => {
    const sample = async (seed: number): Promise<string> => {
      await using kernel = await makeKernel({ random: new SeededRandom(seed), clock: new VirtualClock() });
      const script =
        'od -An -tx1 -N16 /dev/urandom; cat /proc/sys/kernel/random/uuid; grep stack /proc/self/maps; date +%N';
      return (await kernel.run('/bin/sh', ['-c', script])).stdout;
    };
    const first = await sample(1);
    expect(await sample(1)).toBe(first);
    expect(await sample(2)).not.toBe(first);
  });
});
