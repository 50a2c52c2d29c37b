/** What Docker and Podman have to do alike with the runtime, and how they differ in being asked for it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startOnTerminal } from './on-terminal.js';

export const LIMIT = 600_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Engine {
  /** Its command with what comes before its own commands, and its environment: for a terminal. */
  readonly command: string;
  readonly before: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  ask(...args: string[]): Promise<Ran>;
  /** `run` with this runtime, and whatever keeps a container from networks that are none of its business. */
  readonly run: readonly string[];
  readonly alone: readonly string[];
  /** Where port 80 of a container is to be, as for -p. */
  readonly publish: string;
  /** /index.html of the container of this name that is published. */
  page(name: string): Promise<string>;
  /** In a format of `stats`: the number of processes. */
  readonly pids: string;
}

/** One that has to work; what it printed. */
export async function must({ ask }: Engine, ...args: string[]): Promise<string> {
  const ran = await ask(...args);
  expect([args, ran.code, ran.code === 0 ? '' : ran.stderr]).toEqual([args, 0, '']);
  return ran.stdout;
}

async function end(engine: Engine, name: string): Promise<void> {
  await must(engine, 'kill', '-s', 'KILL', name);
  await must(engine, 'rm', '-f', name);
}

const HUNGRY = 'x=0123456789; while :; do x=$x$x; done';
const SERVE =
  'echo out; echo hi > /root/index.html; httpd -p 80 -h /root; trap "exit 5" TERM; while :; do sleep 0.1; done';
const ON_TERMINAL =
  'tty; stty size; trap "stty size" WINCH; echo ready; read x; echo got $x; while [ "$(stty size)" != "40 90" ]; do :; done; exit 3';

/**
 * On a terminal of 24 rows and 80 columns that then has another size. `args`: what runs `ON_TERMINAL` there.
 */
async function followsTerminal({ command, before, env }: Engine, args: readonly string[]): Promise<void> {
  const terminal = startOnTerminal(command, [...before, ...args], LIMIT, env);
  await terminal.saw('/dev/pts/');
  await terminal.saw('24 80\r\n');
  await terminal.saw('ready\r\n');
  terminal.type('word\n');
  await terminal.saw('got word\r\n');
  terminal.resize(40, 90);
  await terminal.saw('40 90\r\n');
  expect((await terminal.end).code).toBe(3);
}

/** The image `test` is there. `dir()`: a directory of the tests'. */
export function engineCases(engine: () => Engine, dir: () => string): void {
  const alone = (...args: string[]): Promise<Ran> => {
    const { ask, run, alone: options } = engine();
    return ask(...run, '--rm', ...options, ...args);
  };

  it('runs a program with volumes, variables, a directory, a user', { timeout: LIMIT }, async () => {
    const volume = join(dir(), 'volume');
    mkdirSync(join(volume, 'in'), { recursive: true });
    writeFileSync(join(volume, 'f'), 'volume\n');
    const options = ['-v', `${volume}:/v`, '-e', 'A=b', '-w', '/v/in', '-u', '1000:1000'];
    const ran = await alone(...options, 'test', 'sh', '-c', 'cat /v/f; echo $A; pwd; id -u; id -g; exit 7');
    expect([ran.code, ran.stdout]).toEqual([7, 'volume\nb\n/v/in\n1000\n1000\n']);
    expect((await alone('-v', `${volume}:/v`, 'test', 'sh', '-c', 'echo in > /v/new')).code).toBe(0);
    expect(readFileSync(join(volume, 'new'), 'utf8')).toBe('in\n');
    const none = await alone('test', 'nothere');
    expect(none.code).toBe(127);
    expect(none.stderr).toMatch(/nothere.*executable file not found in \$PATH/);
  });

  it('tells that a program was killed for memory', { timeout: LIMIT }, async () => {
    const { ask, run, alone: options } = engine();
    // Of a try before this one.
    await ask('rm', '-f', 'oom');
    const hungry = await ask(...run, '--name=oom', ...options, '-m', '64m', 'test', 'sh', '-c', HUNGRY);
    expect(hungry.code).toBe(137);
    const state = await must(engine(), 'inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'oom');
    expect(state).toBe('true 137\n');
    await must(engine(), 'rm', 'oom');
  });

  it('runs on a terminal', { timeout: LIMIT }, async () => {
    const { run, alone: options } = engine();
    await followsTerminal(engine(), [...run, '--rm', '-it', ...options, 'test', 'sh', '-c', ON_TERMINAL]);
  });

  it('executes on a terminal', { timeout: LIMIT }, async () => {
    const { ask, run, alone: options } = engine();
    await ask('rm', '-f', 'waits');
    await must(engine(), ...run, '-d', '--name=waits', ...options, 'test', 'sleep', '1000');
    await followsTerminal(engine(), ['exec', '-it', 'waits', 'sh', '-c', ON_TERMINAL]);
    await end(engine(), 'waits');
  });

  it('publishes a port, executes, stops, starts again with the files of before', {
    timeout: LIMIT,
  }, async () => {
    const { ask, run, publish, page, pids } = engine();
    await ask('rm', '-f', 'serve');
    const options = ['-d', '--name=serve', '-p', publish];
    await must(engine(), ...run, ...options, 'test', 'sh', '-c', SERVE);
    expect(await page('serve')).toBe('hi\n');
    const inside = ['-e', 'Z=1', '-u', '1000', '-w', '/tmp', 'serve'];
    const ran = await ask('exec', ...inside, 'sh', '-c', 'echo $Z; pwd; id -u; exit 3');
    expect([ran.code, ran.stdout]).toEqual([3, '1\n/tmp\n1000\n']);
    const format = ['--no-stream', '--format', `{{.Name}} {{.MemUsage}} {{.${pids}}}`];
    expect(await must(engine(), 'stats', ...format, 'serve')).toMatch(/^serve \d.*B \/ .*B [1-9]/);
    await must(engine(), 'exec', 'serve', 'sh', '-c', 'echo kept > /root/kept');
    expect(await must(engine(), 'diff', 'serve')).toMatch(/^A \/root\/kept$/m);
    await must(engine(), 'stop', '-t', '120', 'serve');
    expect(await must(engine(), 'inspect', '-f', '{{.State.ExitCode}}', 'serve')).toBe('5\n');
    await must(engine(), 'start', 'serve');
    expect(await must(engine(), 'exec', 'serve', 'cat', '/root/kept')).toBe('kept\n');
    expect(await page('serve')).toBe('hi\n');
    await must(engine(), 'restart', '-t', '120', 'serve');
    expect(await page('serve')).toBe('hi\n');
    expect(await must(engine(), 'logs', 'serve')).toBe('out\nout\nout\n');
    await end(engine(), 'serve');
  });
}
