import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageOf, missing, useRuntime } from './support/runtime.js';

const { run, bundle, state, dir } = useRuntime();

const SERVE = 'trap "exit 5" TERM; while :; do sleep 0.05; done';
const LIMIT = 300_000;

async function status(id: string): Promise<{ status: string; pid: number }> {
  return JSON.parse((await run(['state', id])).stdout);
}

/** Wait for a status; a supervisor ends a moment after its container. */
async function until(id: string, wanted: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await status(id)).status === wanted) return;
  }
  throw new Error(`${id} did not become ${wanted}`);
}

describe.skipIf(missing)('the life of a container', () => {
  it('create, start, kill, delete, and what each refuses', { timeout: LIMIT }, async () => {
    const at = bundle(SERVE);
    const pidFile = join(dir(), 'pid');
    expect(await run(['create', '--bundle', at, '--pid-file', pidFile, 'a'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    const created = JSON.parse((await run(['state', 'a'])).stdout);
    expect(created).toMatchObject({ ociVersion: '1.2.0', id: 'a', status: 'created', bundle: at, owner: '' });
    expect(created.pid).toBe(Number(readFileSync(pidFile, 'utf8')));
    expect(existsSync(`/proc/${created.pid}`)).toBe(true);
    expect(messageOf(await run(['create', '--bundle', at, 'a']))).toMatch(
      /container with given ID already exists$/,
    );
    expect((await run(['start', 'a'])).code).toBe(0);
    expect((await status('a')).status).toBe('running');
    const again = await run(['start', 'a']);
    expect([again.code, messageOf(again)]).toEqual([1, 'cannot start an already running container']);
    const deleted = await run(['delete', 'a']);
    expect([deleted.code, messageOf(deleted)]).toEqual([
      1,
      'cannot delete container a that is not stopped: running',
    ]);
    expect(messageOf(await run(['kill', 'a', 'NONE']))).toBe('unknown signal "NONE"');
    expect((await run(['kill', 'a', '0'])).code).toBe(0);
    expect((await run(['kill', 'a'])).code).toBe(0);
    await until('a', 'stopped');
    expect((await status('a')).pid).toBe(0);
    const dead = await run(['kill', 'a']);
    expect([dead.code, messageOf(dead)]).toEqual([1, 'container not running']);
    expect(messageOf(await run(['start', 'a']))).toBe('cannot start a container that has stopped');
    expect(messageOf(await run(['pause', 'a']))).toBe('container not running');
    expect(messageOf(await run(['exec', 'a', 'true']))).toBe(
      'exec failed: cannot exec in a stopped container',
    );
    expect((await run(['delete', 'a'])).code).toBe(0);
    expect((await run(['delete', '--force', 'a'])).code).toBe(0);
    expect(existsSync(join(state(), 'a'))).toBe(false);
  });

  it('has names longer than the address of a socket', { timeout: LIMIT }, async () => {
    const ids = ['a', 'b'].map((last) => 'x'.repeat(200) + last);
    for (const id of ids) expect((await run(['run', '-d', '-b', bundle(SERVE), id])).code).toBe(0);
    for (const id of ids) {
      const { code, stdout } = await run(['exec', id, 'echo', 'in']);
      expect([code, stdout]).toEqual([0, 'in\n']);
    }
    for (const id of ids) expect((await run(['delete', '-f', id])).code).toBe(0);
    expect(existsSync(join(state(), ids[0]!))).toBe(false);
  });

  it('run: exit statuses, output, input', { timeout: LIMIT }, async () => {
    const code = await run(['run', '-b', bundle('cat; echo out; echo err >&2; exit 7'), 'r'], {
      input: 'in\n',
    });
    expect(code).toEqual({ code: 7, stdout: 'in\nout\n', stderr: 'err\n' });
    expect((await run(['run', '-b', bundle('kill -9 $$; exit 1'), 'r'])).code).toBe(1);
    expect((await run(['run', '-b', bundle('sh -c "kill -15 \\$\\$"; exit $?'), 'r'])).code).toBe(143);
    expect(existsSync(join(state(), 'r'))).toBe(false);
    expect((await run(['run', '--keep', '-b', bundle(['/bin/true']), 'r'])).code).toBe(0);
    expect((await status('r')).status).toBe('stopped');
    expect((await run(['delete', 'r'])).code).toBe(0);
  });

  it('pause and resume', { timeout: LIMIT }, async () => {
    expect((await run(['run', '--detach', '-b', bundle(SERVE), 'paused'])).code).toBe(0);
    expect((await run(['pause', 'paused'])).code).toBe(0);
    expect((await status('paused')).status).toBe('paused');
    expect(messageOf(await run(['exec', 'paused', 'true']))).toBe(
      'exec failed: cannot exec in a paused container (use --ignore-paused to override)',
    );
    expect(messageOf(await run(['start', 'paused']))).toBe('cannot start a container in the paused state');
    expect((await run(['resume', 'paused'])).code).toBe(0);
    expect(messageOf(await run(['resume', 'paused']))).toBe('container not paused');
    expect((await run(['exec', 'paused', 'true'])).code).toBe(0);
    expect((await run(['delete', '-f', 'paused'])).code).toBe(0);
  });

  it('a supervisor that is killed leaves what delete --force cleans', { timeout: LIMIT }, async () => {
    expect((await run(['run', '--detach', '-b', bundle(SERVE), 'k'])).code).toBe(0);
    process.kill((await status('k')).pid, 'SIGKILL');
    await until('k', 'stopped');
    expect(messageOf(await run(['kill', 'k']))).toBe('container not running');
    expect((await run(['delete', '--force', 'k'])).code).toBe(0);
    mkdirSync(join(state(), 'half'));
    expect(messageOf(await run(['state', 'half']))).toBe('container does not exist');
    expect((await run(['delete', '--force', 'half'])).code).toBe(0);
    expect(existsSync(join(state(), 'half'))).toBe(false);
  });

  it('what cannot be begun ends at once, and nothing of it is left', { timeout: LIMIT }, async () => {
    const nowhere = ['--pid-file', join(dir(), 'not/there'), '-b', bundle(SERVE)];
    for (const command of [['create'], ['run'], ['run', '--detach']]) {
      const ran = await run([...command, ...nowhere, 'lost']);
      expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('/not/.there: no such file')]);
    }
    expect((await run(['list', '-q'])).stdout).toBe('');
    // The host takes no directory there, though its parent exists.
    const ran = await run(['--root', '/proc/none', 'run', '-b', bundle(SERVE), 'lost']);
    expect([ran.code, ran.stderr]).toEqual([
      1,
      expect.stringContaining('mkdir /proc/none/lost: no such file'),
    ]);
    expect((await run(['--log-format', 'xml', 'list'])).stderr).toMatch(/invalid log-format: xml/);
  });

  it('exec, ps, list, events, update', { timeout: LIMIT }, async () => {
    expect((await run(['run', '--detach', '-b', bundle(SERVE), 'e'])).code).toBe(0);
    expect(
      await run(['exec', '-e', 'A=b', '--cwd', '/tmp', 'e', 'sh', '-c', 'echo $A $PWD; cat; exit 9'], {
        input: 'x',
      }),
    ).toEqual({
      code: 9,
      stdout: 'b /tmp\nx',
      stderr: '',
    });
    expect((await run(['exec', '-u', '1000:1000', '-g', '7', 'e', 'id'])).stdout).toBe(
      'uid=1000(user) gid=1000 groups=7\n',
    );
    const none = await run(['exec', 'e', 'nothing']);
    expect([none.code, messageOf(none)]).toEqual([
      255,
      'exec failed: unable to start container process: exec: "nothing": executable file not found in $PATH',
    ]);
    const process = { args: ['/bin/sh', '-c', 'exit 4'], cwd: '/', user: { uid: 0, gid: 0 } };
    writeFileSync(join(dir(), 'process.json'), JSON.stringify(process));
    expect((await run(['exec', '-p', join(dir(), 'process.json'), 'e'])).code).toBe(4);
    const ps = (await run(['ps', 'e'])).stdout.split('\n');
    expect(ps[0]).toBe('UID   PID   PPID  CMD');
    expect(ps[1]).toMatch(/^0 {5}1 {5}0 {5}sh$/);
    const { pid } = await status('e');
    expect(JSON.parse((await run(['ps', '-f', 'json', 'e'])).stdout)).toEqual([pid]);
    expect((await run(['list', '-q'])).stdout).toBe('e\n');
    expect(JSON.parse((await run(['list', '-f', 'json'])).stdout)).toMatchObject([
      { id: 'e', status: 'running', pid },
    ]);
    expect((await run(['list'])).stdout).toMatch(/^ID {10}PID {9}STATUS {6}BUNDLE .*\ne {11}/);
    expect((await run(['update', '--pids-limit', '77', '--memory', String(128 << 20), 'e'])).code).toBe(0);
    const { data } = JSON.parse((await run(['events', '--stats', 'e'])).stdout);
    expect(data).toMatchObject({ pids: { limit: 77 }, memory: { usage: { limit: 128 << 20 } } });
    expect((await run(['update', '--memory=-1', 'e'])).code).toBe(0);
    const lifted = JSON.parse((await run(['events', '--stats', 'e'])).stdout).data;
    expect(lifted.pids.limit).toBe(77);
    expect(lifted.memory.usage.limit).toBeGreaterThan(128 << 20);
    expect((await run(['delete', '-f', 'e'])).code).toBe(0);
  });
});
