import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Docker, type Ran, startDocker, withoutDocker } from './support/docker.js';
import { startOnTerminal } from './support/on-terminal.js';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, dir } = useRuntime();
const skipped = missing || withoutDocker;
const LIMIT = 600_000;

let daemon: Docker;
let docker: Docker['docker'];

/** One that has to work; what it printed. */
async function must(...args: string[]): Promise<string> {
  const ran = await docker(...args);
  expect([args, ran.code, ran.stderr]).toEqual([args, 0, '']);
  return ran.stdout;
}

const sandbox = (...args: string[]): Promise<Ran> => docker('run', '--rm', '--runtime=sandbox', ...args);

describe.skipIf(skipped)(titled('Docker', skipped), () => {
  beforeAll(async () => {
    const work = join(dir(), 'docker');
    mkdirSync(work);
    const config = join(work, 'written.json');
    const install = ['install', '--engine', 'docker', '--config', config, '--write'];
    expect((await run(install)).stdout).toMatch(/written/);
    const before = readFileSync(config, 'utf8');
    expect((await run(install)).stdout).toMatch(/already/);
    expect(readFileSync(config, 'utf8')).toBe(before);
    daemon = await startDocker(work, config, true);
    ({ docker } = daemon);
    execFileSync('tar', ['-C', join(dir(), 'rootfs'), '-cf', join(work, 'root.tar'), '.']);
    await must('import', '-c', 'ENV PATH=/bin', join(work, 'root.tar'), 'test');
  }, LIMIT);

  afterAll(async () => {
    await daemon?.stop();
  }, LIMIT);

  it('runs a program with volumes, variables, a directory, a user', { timeout: LIMIT }, async () => {
    const volume = join(dir(), 'volume');
    mkdirSync(volume);
    writeFileSync(join(volume, 'f'), 'volume\n');
    const script = 'cat /v/f; echo $A; pwd; id; exit 7';
    const options = ['-v', `${volume}:/v`, '-e', 'A=b', '-w', '/made/up', '-u', '1000:1000'];
    expect(await sandbox(...options, 'test', 'sh', '-c', script)).toEqual({
      code: 7,
      stdout: 'volume\nb\n/made/up\nuid=1000(user) gid=1000 groups=1000\n',
      stderr: '',
    });
    expect((await sandbox('-v', `${volume}:/v`, 'test', 'sh', '-c', 'echo in > /v/new')).code).toBe(0);
    expect(readFileSync(join(volume, 'new'), 'utf8')).toBe('in\n');
    const none = await sandbox('test', 'nothere');
    expect(none.code).toBe(127);
    expect(none.stderr).toMatch(/exec: "nothere": executable file not found in \$PATH/);
  });

  it('tells that a program was killed for memory', { timeout: LIMIT }, async () => {
    // Of a try before this one.
    await docker('rm', '-f', 'oom');
    await docker('run', '--name=oom', '--runtime=sandbox', '-m', '64m', 'test', 'sh', '-c', HUNGRY);
    expect(await must('inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'oom')).toBe('true 137\n');
    await must('rm', 'oom');
  });

  it('runs on a terminal', { timeout: LIMIT }, async () => {
    const script =
      'tty; stty size; trap "stty size" WINCH; echo ready; read x; echo got $x; while [ "$(stty size)" != "40 90" ]; do :; done; exit 3';
    const args = ['-H', daemon.socket, 'run', '--rm', '--runtime=sandbox', '-it', 'test', 'sh', '-c', script];
    const terminal = startOnTerminal('docker', args, LIMIT);
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
    const options = ['-d', '--name=serve', '--runtime=sandbox', '-p', '127.0.0.1::80'];
    await must('run', ...options, 'test', 'sh', '-c', serve);
    const answer = async () => answerOf((await must('port', 'serve', '80')).trim());
    expect(await answer()).toBe('hi\n');
    const inside = ['-e', 'Z=1', '-u', '1000', '-w', '/tmp', 'serve'];
    expect(await docker('exec', ...inside, 'sh', '-c', 'echo $Z; pwd; id -u; exit 3')).toEqual({
      code: 3,
      stdout: '1\n/tmp\n1000\n',
      stderr: '',
    });
    const format = ['--no-stream', '--format', '{{.Name}} {{.MemUsage}} {{.PIDs}}'];
    expect(await must('stats', ...format, 'serve')).toMatch(/^serve \d.*iB \/ .*iB [1-9]/);
    await must('exec', 'serve', 'sh', '-c', 'echo kept > /root/kept');
    expect(await must('diff', 'serve')).toMatch(/^A \/root\/kept$/m);
    await must('stop', '-t', '120', 'serve');
    expect(await must('inspect', '-f', '{{.State.ExitCode}}', 'serve')).toBe('5\n');
    await must('start', 'serve');
    expect(await must('exec', 'serve', 'cat', '/root/kept')).toBe('kept\n');
    expect(await answer()).toBe('hi\n');
    await must('restart', '-t', '120', 'serve');
    expect(await answer()).toBe('hi\n');
    expect(await must('logs', 'serve')).toBe('out\nout\nout\n');
    await must('rm', '-f', 'serve');
  });
});

const HUNGRY = 'x=0123456789; while :; do x=$x$x; done';
const TRIES = 1200;

async function answerOf(address: string): Promise<string> {
  for (let i = 0; ; i++) {
    try {
      return await (await fetch(`http://${address}/index.html`)).text();
    } catch (error) {
      if (i >= TRIES) throw error;
      await pause(50);
    }
  }
}
