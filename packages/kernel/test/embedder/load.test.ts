/**
 * What a kernel costs its embedder. Bounds are wide: a busy machine must not decide; the figures are printed.
 */
import { readFileSync } from 'node:fs';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';
import { describe, expect, it } from 'vitest';
import { makeKernel, pause } from './support.js';

const MIB = 2 ** 20;

/** How often this thread was put on a processor after it had slept. */
const wakeUps = (): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1]);

describe('the event loop', () => {
  /** Share of the ticks of a 10 ms interval that came, compared with an interval alone. */
  async function ticks(ms: number): Promise<number> {
    let count = 0;
    const timer = setInterval(() => count++, 10);
    await pause(ms);
    clearInterval(timer);
    return count / (ms / 10);
  }

  it('a guest in a compute loop leaves it alone', async () => {
    await using kernel = await makeKernel();
    const alone = await ticks(1000);
    kernel.spawn('/bin/sh', ['-c', 'while :; do :; done']);
    await pause(50);
    const beside = await ticks(1000);
    console.log(`10 ms interval: ${((beside / alone) * 100).toFixed(0)} % of its rate beside a compute loop`);
    expect(beside / alone).toBeGreaterThan(0.6);
  });

  it('so does one that calls all the time', async () => {
    await using kernel = await makeKernel();
    const alone = await ticks(1000);
    kernel.spawn('/bin/dd', ['if=/dev/zero', 'of=/dev/null', 'bs=1']);
    await pause(50);
    const beside = await ticks(1000);
    console.log(
      `10 ms interval: ${((beside / alone) * 100).toFixed(0)} % of its rate beside system calls without end`,
    );
    expect(beside / alone).toBeGreaterThan(0.6);
  });

  it('guests that sleep cost nothing', async () => {
    await using kernel = await makeKernel();
    for (let i = 0; i < 5; i++) kernel.spawn('/bin/sleep', ['600']);
    kernel.spawn('/bin/cat');
    await pause(1300);
    const before = process.cpuUsage();
    const wokenBefore = wakeUps();
    await pause(2000);
    const used = process.cpuUsage(before);
    const woken = (wakeUps() - wokenBefore) / 2;
    const share = (used.user + used.system) / 2e6;
    console.log(`idle guests: ${(share * 100).toFixed(2)} % of a processor, ${woken} wake-ups a second`);
    expect(share).toBeLessThan(0.1);
    expect(woken).toBeLessThan(200);
  });
});

describe('memory', () => {
  it('that files have used up is missing to files, not to programs', { timeout: 180_000 }, async () => {
    await using kernel = await makeKernel({ limits: { memory: 64 * MIB } });
    const script =
      'head -c 200M /dev/zero > /root/big; echo $?; rm /root/big; head -c 20M /dev/zero | tee /root/b | wc -c';
    const { stdout, stderr, code } = await kernel.run('/bin/sh', ['-c', script]);
    expect(stderr).toMatch(/No space left on device/);
    expect(stdout).toBe(`1\n${20 * MIB}\n`);
    expect(code).toBe(0);
  });

  it('of further idle sandboxes', async () => {
    const kernels: Kernel[] = [];
    const add = async (): Promise<void> => {
      const kernel = await Kernel.create({
        root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
      });
      kernel.spawn('/bin/sleep', ['600']);
      kernels.push(kernel);
    };
    for (let i = 0; i < 5; i++) await add();
    await pause(500);
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 20; i++) await add();
    await pause(500);
    const each = (process.memoryUsage.rss() - before) / 20 / MIB;
    console.log(`each further idle sandbox: ${each.toFixed(1)} MiB`);
    for (const kernel of kernels) await kernel.dispose();
    expect(each).toBeLessThan(16);
  });
});
