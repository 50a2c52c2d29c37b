import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ran } from './support/docker.js';
import { startOnTerminal } from './support/on-terminal.js';
import { type Podman, usePodman, withoutPodman } from './support/podman.js';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, dir } = useRuntime();
const skipped = missing || withoutPodman;
const LIMIT = 600_000;
const TRIES = 600;

let own: Podman;
let podman: Podman['podman'];

/** One that has to work; what it printed. */
async function must(...args: string[]): Promise<string> {
  const ran = await podman(...args);
  expect([args, ran.code]).toEqual([args, 0]);
  return ran.stdout;
}

const sandbox = (...args: string[]): Promise<Ran> =>
  podman('--runtime', 'sandbox', 'run', '--rm', '--network', 'none', ...args);

/** What a server published at `port` says. */
async function answerOf(port: string): Promise<string> {
  for (let i = 0; i < TRIES; i++) {
    const got = await own.within('busybox', 'wget', '-q', '-O', '-', `http://127.0.0.1:${port}/index.html`);
    if (got.code === 0) return got.stdout;
    await pause(50);
  }
  throw new Error('nobody answers');
}

describe.skipIf(skipped)(titled('Podman', skipped), () => {
  beforeAll(async () => {
    const work = join(dir(), 'podman');
    mkdirSync(work);
    const config = join(work, 'written.conf');
    const install = ['install', '--engine', 'podman', '--config', config, '--write'];
    expect((await run(install)).stdout).toMatch(/written/);
    expect((await run(install)).stdout).toMatch(/already/);
    own = usePodman(work, config);
    ({ podman } = own);
    execFileSync('tar', ['-C', join(dir(), 'rootfs'), '-cf', join(work, 'root.tar'), '.']);
    await must('import', '-c', 'ENV PATH=/bin', join(work, 'root.tar'), 'test');
  }, LIMIT);

  afterAll(() => {
    own?.end();
  }, LIMIT);

  it('runs a program with volumes, variables, a directory, a user', { timeout: LIMIT }, async () => {
    const volume = join(dir(), 'volume');
    mkdirSync(join(volume, 'in'), { recursive: true });
    writeFileSync(join(volume, 'f'), 'volume\n');
    const script = 'cat /v/f; echo $A; pwd; id -u; exit 7';
    const options = ['-v', `${volume}:/v`, '-e', 'A=b', '-w', '/v/in', '-u', '1000:1000'];
    const ran = await sandbox(...options, 'test', 'sh', '-c', script);
    expect([ran.code, ran.stdout]).toEqual([7, 'volume\nb\n/v/in\n1000\n']);
    expect((await sandbox('-v', `${volume}:/v`, 'test', 'sh', '-c', 'echo in > /v/new')).code).toBe(0);
    expect(readFileSync(join(volume, 'new'), 'utf8')).toBe('in\n');
    expect((await sandbox('test', 'nothere')).code).toBe(127);
  });

  it('tells that a program was killed for memory', { timeout: LIMIT }, async () => {
    // Of a try before this one.
    await podman('rm', '-f', 'oom');
    const args = ['run', '--name=oom', '--network=none', '-m', '64m', 'test', 'sh', '-c', HUNGRY];
    expect((await podman('--runtime', 'sandbox', ...args)).code).toBe(137);
    expect(await must('inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'oom')).toBe('true 137\n');
    await must('rm', 'oom');
  });

  it('runs on a terminal', { timeout: LIMIT }, async () => {
    const script =
      'tty; stty size; trap "stty size" WINCH; echo ready; read x; echo got $x; while [ "$(stty size)" != "40 90" ]; do :; done; exit 3';
    const options = [
      '--runtime',
      'sandbox',
      'run',
      '--rm',
      '-it',
      '--network=none',
      'test',
      'sh',
      '-c',
      script,
    ];
    const terminal = startOnTerminal(own.command, [...own.before, ...options], LIMIT, own.env);
    await terminal.saw('/dev/pts/0\r\n');
    await terminal.saw('24 80\r\n');
    await terminal.saw('ready\r\n');
    terminal.type('word\n');
    await terminal.saw('got word\r\n');
    terminal.resize(40, 90);
    await terminal.saw('40 90\r\n');
    expect((await terminal.end).code).toBe(3);
  });

  it('publishes a port, executes, stops, starts again with the files of before', {
    timeout: LIMIT,
  }, async () => {
    const serve =
      'echo out; echo hi > /root/index.html; httpd -p 80 -h /root; trap "exit 5" TERM; while :; do sleep 0.1; done';
    const options = ['-d', '--name=serve', '-p', '127.0.0.1:8080:80'];
    await must('--runtime', 'sandbox', 'run', ...options, 'test', 'sh', '-c', serve);
    expect(await answerOf('8080')).toBe('hi\n');
    const inside = ['-e', 'Z=1', '-u', '1000', '-w', '/tmp', 'serve'];
    const ran = await podman('exec', ...inside, 'sh', '-c', 'echo $Z; pwd; id -u; exit 3');
    expect([ran.code, ran.stdout]).toEqual([3, '1\n/tmp\n1000\n']);
    const format = ['--no-stream', '--format', '{{.Name}} {{.MemUsage}} {{.PIDS}}'];
    expect(await must('stats', ...format, 'serve')).toMatch(/^serve \d.*B \/ .*B [1-9]/);
    await must('exec', 'serve', 'sh', '-c', 'echo kept > /root/kept');
    expect(await must('diff', 'serve')).toMatch(/^A \/root\/kept$/m);
    await must('stop', '-t', '120', 'serve');
    expect(await must('inspect', '-f', '{{.State.ExitCode}}', 'serve')).toBe('5\n');
    await must('start', 'serve');
    expect(await must('exec', 'serve', 'cat', '/root/kept')).toBe('kept\n');
    expect(await answerOf('8080')).toBe('hi\n');
    await must('restart', '-t', '120', 'serve');
    expect(await answerOf('8080')).toBe('hi\n');
    expect(await must('logs', 'serve')).toBe('out\nout\nout\n');
    await must('rm', '-f', '-t', '0', 'serve');
  });
});

const HUNGRY = 'x=0123456789; while :; do x=$x$x; done';
