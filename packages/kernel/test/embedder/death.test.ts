/** However the embedder ends, no stub survives it; and where else a kernel can live. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { probePlatforms } from '@sandbox/kernel';
import { describe, expect, it } from 'vitest';
import {
  cleanUpScripts,
  descendants,
  embedderScript,
  isAlive,
  type Started,
  startScript,
} from './program.js';

cleanUpScripts();

/**
 * What embedders here run guests on, when they do not say. In virtual machines guests are no processes of the
 * host's.
 */
const platform = process.env.SANDBOX_PLATFORM || (await probePlatforms()).find((p) => p.result.ok)?.name;
const hasStubs = platform !== 'kvm';

/** A compute loop, sleepers, a pipeline, threads being made: stubs in every state. */
const BUSY = `
  const kernel = await makeKernel();
  kernel.spawn('/bin/sh', ['-c', 'while :; do :; done']);
  kernel.spawn('/bin/sh', ['-c', 'sleep 600 & sleep 600 | sleep 600']);
  kernel.spawn('/bin/sh', ['-c', 'while :; do /bin/true; done']);
  await new Promise((resolve) => setTimeout(resolve, 200));
  console.log('ready');
  process.stdin.on('data', (text) => {
    const what = String(text).trim();
    if (what === 'throw') throw new Error('nobody catches this');
    if (what === 'reject') void Promise.reject(new Error('nobody handles this'));
    if (what === 'exit') process.exit(3);
    if (what === 'abort') process.abort();
    if (what === 'dispose') void kernel.dispose().then(() => process.stdin.destroy());
  });
`;

async function expectNoneLeft(started: Started, end: () => void): Promise<Awaited<Started['ended']>> {
  await started.printed('ready');
  await expect
    .poll(() => descendants(started.child.pid!).length, { timeout: 5000 })
    .toBeGreaterThanOrEqual(hasStubs ? 5 : 0);
  const stubs = descendants(started.child.pid!);
  end();
  const result = await started.ended;
  await expect.poll(() => stubs.filter(isAlive), { timeout: 5000 }).toEqual([]);
  return result;
}

describe('no stub survives', () => {
  it.each([
    ['an uncaught exception', 'throw', { code: 1, stderr: expect.stringContaining('nobody catches this') }],
    ['an unhandled rejection', 'reject', { code: 1 }],
    ['process.exit', 'exit', { code: 3 }],
    ['abort', 'abort', { signal: 'SIGABRT' }],
    ['dispose', 'dispose', { code: 0, stderr: '' }],
  ])('%s', async (_what, word, result) => {
    const started = startScript(await embedderScript(BUSY));
    expect(await expectNoneLeft(started, () => started.child.stdin!.write(`${word}\n`))).toMatchObject(
      result,
    );
  });

  it.each(['SIGKILL', 'SIGTERM', 'SIGSEGV'] as const)('%s', async (signal) => {
    const started = startScript(await embedderScript(BUSY));
    expect(await expectNoneLeft(started, () => started.child.kill(signal))).toMatchObject({ signal });
  });
});

describe('the event loop', () => {
  it('a kernel that does nothing does not keep it', async () => {
    const started = startScript(
      await embedderScript(`
        const kernel = await makeKernel();
        const r = await kernel.run('/bin/echo', ['done']);
        process.stdout.write(r.stdout);
      `),
    );
    expect(await started.ended).toMatchObject({ code: 0, stdout: 'done\n' });
  });

  it('a program that runs does, whoever waits', async () => {
    const started = startScript(
      await embedderScript(`
        const kernel = await makeKernel();
        kernel.on('process-exit', () => console.log('it ended'));
        kernel.spawn('/bin/sleep', ['0.3']);
      `),
    );
    expect(await started.ended).toMatchObject({ code: 0, stdout: 'it ended\n' });
  });
});

describe('a worker thread', () => {
  const WORKER = `
    const { readdirSync, readFileSync } = require('node:fs');
    const { isMainThread, parentPort, Worker } = require('node:worker_threads');
    const cpuTimes = () => {
      const times = new Map();
      for (const t of readdirSync('/proc/self/task')) {
        try {
          times.set(t, parseInt(readFileSync('/proc/self/task/' + t + '/schedstat')));
        } catch {
          // It has ended since.
        }
      }
      return times;
    };
    /** How many threads but this one have had 5 ms of a processor in half a second. */
    const computing = async () => {
      const before = cpuTimes();
      before.delete(String(process.pid));
      await new Promise((resolve) => setTimeout(resolve, 500));
      return [...cpuTimes()].filter(([t, ns]) => ns - before.get(t) > 5e6).length;
    };
    if (isMainThread) {
      const worker = new Worker(__filename);
      worker.on('message', (text) => {
        console.log(text);
        if (text === 'ready') process.stdin.once('data', () => worker.terminate().then(() => console.log('terminated')));
      });
      await new Promise((resolve) => worker.on('exit', resolve));
      for (let i = 0; i < 10 && (await computing()) > 0; i++);
      console.log(await computing(), 'compute');
      process.stdin.destroy();
    } else {
      const kernel = await makeKernel();
      const r = await kernel.run('/bin/sh', ['-c', 'echo one | tr a-z A-Z']);
      parentPort.postMessage(r.stdout.trim());
      for (let i = 0; i < 4; i++) kernel.spawn('/bin/sleep', ['600']);
      const busy = kernel.spawn('/bin/sh', ['-c', 'echo go; while :; do :; done']);
      busy.stdout.once('data', () => setTimeout(() => parentPort.postMessage('ready'), 200));
    }
  `;

  it('has a kernel of its own, which ends with it', async () => {
    const started = startScript(await embedderScript(WORKER));
    const result = await expectNoneLeft(started, () => started.child.stdin!.write('now\n'));
    expect(result).toMatchObject({ code: 0, stdout: 'ONE\nready\nterminated\n0 compute\n', stderr: '' });
  });
});

const repository = dirname(fileURLToPath(new URL('../../../../package.json', import.meta.url)));
const readable = (path: string): boolean =>
  path === '/' ? true : (statSync(path).mode & 5) === 5 && readable(dirname(path));
/** Groups a user needs, or null when none is enough. */
function groupsNeeded(): string[] | null {
  if (hasStubs) return ['--clear-groups'];
  const { gid, mode } = statSync('/dev/kvm');
  return (mode & 0o60) === 0o60 ? [`--groups=${gid}`] : null;
}
const groups = groupsNeeded();
const canBeNobody = process.getuid?.() === 0 && readable(repository) && groups !== null;
const whyNot = groups === null ? ' (/dev/kvm is for root alone)' : '';

describe.skipIf(!canBeNobody)(`an ordinary user${whyNot}`, () => {
  it('without any capability runs programs, as root inside', async () => {
    const script = await embedderScript(`
      const kernel = await makeKernel();
      const commands = 'id -u; echo a > /new; chown 5:6 /new; stat -c %u:%g /new; cat /etc/shadow 2>&1; (sleep 0.05; echo b) | cat';
      const r = await kernel.run('/bin/sh', ['-c', commands]);
      console.log(process.getuid(), JSON.stringify(r.stdout), r.code);
      await kernel.dispose();
    `);
    const started = startScript(script, [
      'setpriv',
      '--reuid=65534',
      '--regid=65534',
      ...groups!,
      '--bounding-set=-all',
    ]);
    const result = await started.ended;
    expect(result.stderr).toBe('');
    // What the host keeps from this user, it keeps from the guest.
    expect(result.stdout).toBe('65534 "0\\n5:6\\ncat: /etc/shadow: Permission denied\\nb\\n" 0\n');
  });
});
