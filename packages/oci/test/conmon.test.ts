/** What CRI-O has conmon do with a runtime: its options, its pipes, and the files it looks at. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, bundle, state, dir, script } = useRuntime();
const LIMIT = 300_000;
const POLL = { timeout: LIMIT };
const CONMON = ['/usr/bin/conmon', '/usr/libexec/podman/conmon', '/usr/local/bin/conmon'].find((path) =>
  existsSync(path),
);
const skipped =
  missing || (process.geteuid!() !== 0 ? 'needs root' : '') || (CONMON === undefined ? 'no conmon here' : '');

const at = (...names: string[]): string => join(dir(), ...names);

/** Run conmon for `id`; the messages of its sync pipe. */
async function conmon(id: string, ...args: string[]): Promise<Readable> {
  const usual = ['-c', id, '-u', id, '-n', id, '-r', at('runtime'), '--runtime-arg', `--root=${state()}`];
  const files = ['-l', at(`${id}.log`), '--socket-dir-path', at('attach'), '--log-level', 'info'];
  const child = spawn(CONMON!, [...usual, ...files, ...args], {
    // Where it notes that memory was short.
    cwd: dir(),
    env: { PATH: process.env.PATH, _OCI_SYNCPIPE: '3', _OCI_STARTPIPE: '4' },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'],
  });
  const [, , , sync, begin] = child.stdio as unknown as [null, null, null, Readable, Writable];
  // By now an engine has put it into a control group.
  begin.on('error', () => {});
  begin.end(Buffer.of(0));
  expect(await once(child, 'exit')).toEqual([0, null]);
  return sync;
}

/** The next message. */
async function message(sync: Readable): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of sync) {
    text += String(chunk);
    if (text.endsWith('\n')) break;
  }
  return JSON.parse(text);
}

const creating = (bundle: string): string[] => [
  ...['-b', bundle, '--persist-dir', bundle, '--exit-dir', at('exits')],
  ...['-p', join(bundle, 'pidfile'), '-P', join(bundle, 'conmon-pidfile')],
];

async function create(id: string, bundle: string, ...more: string[]): Promise<number> {
  const { pid } = await message(await conmon(id, ...creating(bundle), ...more));
  expect(Number(readFileSync(join(bundle, 'pidfile'), 'utf8'))).toBe(pid);
  return pid as number;
}

/** Lines of the log in CRI's form, without their times. */
const logged = (id: string): string[] =>
  readFileSync(at(`${id}.log`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' ').slice(1).join(' '));
const exited = async (id: string): Promise<string> => {
  await expect.poll(() => existsSync(at('exits', id)), POLL).toBe(true);
  return readFileSync(at('exits', id), 'utf8');
};

describe.skipIf(skipped)(titled('conmon, as CRI-O runs it', skipped), () => {
  beforeAll(() => {
    for (const name of ['exits', 'attach']) mkdirSync(at(name));
    writeFileSync(at('runtime'), `#!/bin/sh\nexec ${process.execPath} ${script} "$@"\n`);
    chmodSync(at('runtime'), 0o755);
  });

  it('a container, what it says, and how it ends', { timeout: LIMIT }, async () => {
    const where = bundle('echo out; echo err >&2; exit 3');
    const pid = await create('plain', where);
    expect(JSON.parse((await run(['state', 'plain'])).stdout)).toMatchObject({ status: 'created', pid });
    expect((await run(['start', 'plain'])).code).toBe(0);
    expect(await exited('plain')).toBe('3');
    expect(logged('plain').sort()).toEqual(['stderr F err', 'stdout F out']);
    expect(JSON.parse((await run(['state', 'plain'])).stdout)).toMatchObject({ status: 'stopped' });
    expect((await run(['delete', '--force', 'plain'])).code).toBe(0);
  });

  it('a program in it, and its end by a signal', { timeout: LIMIT }, async () => {
    await create('waits', bundle('trap "exit 9" TERM; while :; do sleep 0.1; done'), '-i');
    expect((await run(['start', 'waits'])).code).toBe(0);
    const { process: spec } = JSON.parse(
      readFileSync(join(bundle('echo in; exit 5'), 'config.json'), 'utf8'),
    );
    writeFileSync(at('spec'), JSON.stringify(spec));
    const sync = await conmon('waits', '-e', '--exec-process-spec', at('spec'), '-p', at('exec-pidfile'));
    expect(await message(sync)).toMatchObject({ exit_code: 5 });
    expect(logged('waits')).toContain('stdout F in');
    const resources = JSON.stringify({ pids: { limit: 50 } });
    expect((await run(['update', '--resources', '-', 'waits'], { input: resources })).code).toBe(0);
    expect((await run(['kill', 'waits', '15'])).code).toBe(0);
    expect(await exited('waits')).toBe('9');
    expect((await run(['delete', '--force', 'waits'])).code).toBe(0);
  });

  it('a terminal', { timeout: LIMIT }, async () => {
    const where = bundle('tty; exit 2', (c) => {
      c.process.terminal = true;
    });
    await create('tty', where, '-t', '-i');
    expect((await run(['start', 'tty'])).code).toBe(0);
    expect(await exited('tty')).toBe('2');
    expect(logged('tty')[0]).toMatch(/^stdout F \/dev\/(pts\/\d+|console)\r?$/);
    expect((await run(['delete', '--force', 'tty'])).code).toBe(0);
  });

  it('why one could not be made', { timeout: LIMIT }, async () => {
    const where = bundle('true', (c) => {
      c.root!.path = '/nowhere';
    });
    const answer = await message(await conmon('missing', ...creating(where)));
    expect(answer.pid).toBe(-1);
    expect(String(answer.message)).toMatch(/no such file or directory/);
  });
});
