import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { messageOf, missing, titled, useRuntime } from './support/runtime.js';

const { run, start, bundle, state, dir } = useRuntime();
const LIMIT = 300_000;

const CRI = ['io.kubernetes.cri.container-type', 'io.kubernetes.cri.sandbox-id'] as const;
const CRIO = ['io.kubernetes.cri-o.ContainerType', 'io.kubernetes.cri-o.SandboxID'] as const;
const WAIT = 'while :; do sleep 0.05; done';

async function status(id: string): Promise<{ status: string; pid: number }> {
  return JSON.parse((await run(['state', id])).stdout);
}

async function until(id: string, wanted: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await status(id)).status === wanted) return;
  }
  throw new Error(`${id} did not become ${wanted}`);
}

/** The bundle of a pod's sandbox: its program is none there is. */
function sandboxBundle(annotation: string): string {
  return bundle(['/pause'], (c) => {
    c.annotations = { [annotation]: 'sandbox' };
  });
}

/** Of a container of the pod whose sandbox is `sandbox`, with the namespaces of the process `pid`. */
function memberBundle(
  script: string,
  [kind, id]: readonly [string, string],
  sandbox: string,
  pid: number,
  shared: readonly string[] = ['ipc', 'uts'],
): string {
  return bundle(script, (c) => {
    c.annotations = { [kind]: 'container', [id]: sandbox };
    c.hostname = undefined;
    c.linux.namespaces = ['pid', 'ipc', 'uts', 'network', 'mount'].map((type) =>
      type === 'network' || shared.includes(type)
        ? { type, path: `/proc/${pid}/ns/${type === 'network' ? 'net' : type}` }
        : { type },
    );
  });
}

describe.skipIf(missing)(titled('pods', missing), () => {
  it('containers share localhost, ipc and uts, and end one by one', { timeout: LIMIT }, async () => {
    const at = bundle(['/pause'], (c) => {
      c.annotations = { [CRI[0]]: 'sandbox' };
      c.linux.namespaces = [...c.linux.namespaces!, { type: 'network' }];
    });
    expect(await run(['create', '-b', at, 'pod'])).toMatchObject({ code: 0, stderr: '' });
    expect((await run(['start', 'pod'])).code).toBe(0);
    const { pid } = await status('pod');
    // Nothing runs: the kernel waits in its place.
    expect((await run(['ps', 'pod'])).stdout.trim().split('\n')).toHaveLength(1);
    const pidFile = join(dir(), 'member.pid');
    const server = memberBundle('while :; do echo from $(hostname) | nc -l -p 8080; done', CRI, 'pod', pid);
    expect(await run(['create', '-b', server, '--pid-file', pidFile, 'server'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect((await status('server')).status).toBe('created');
    expect((await run(['start', 'server'])).code).toBe(0);
    const standing = (await status('server')).pid;
    expect(standing).toBe(Number(readFileSync(pidFile, 'utf8')));
    expect(standing).not.toBe(pid);
    // One that ends by itself, in the foreground, reaches the other by localhost, and is alone among its
    // pids.
    const ask =
      'until nc 127.0.0.1 8080 </dev/null 2>/dev/null; do sleep 0.05; done; ls /proc | grep -c "^[0-9]"; exit 3';
    expect(await run(['run', '-b', memberBundle(ask, CRI, 'pod', pid), 'asker'])).toEqual({
      code: 3,
      stdout: 'from inside\n3\n',
      stderr: '',
    });
    expect(existsSync(join(state(), 'asker'))).toBe(false);
    expect((await run(['exec', 'server', 'sh', '-c', 'exit 8'])).code).toBe(8);
    expect((await run(['exec', '--cgroup', '/', 'server', 'true'])).code).toBe(0);
    expect(messageOf(await run(['exec', '--cgroup', 'cpu:/inner', 'server', 'true']))).toMatch(
      /no control group cpu:/,
    );
    // Its end is its own, and it can be made anew.
    expect((await run(['kill', 'server', 'KILL'])).code).toBe(0);
    await until('server', 'stopped');
    expect((await run(['delete', 'server'])).code).toBe(0);
    expect((await run(['run', '--detach', '-b', server, 'server'])).code).toBe(0);
    expect((await run(['exec', 'server', 'hostname'])).stdout).toBe('inside\n');
    // Whoever kills what stands for it on the host kills it.
    process.kill((await status('server')).pid, 'SIGKILL');
    await until('server', 'stopped');
    expect((await run(['delete', '--force', 'server'])).code).toBe(0);
    expect((await run(['run', '--detach', '-b', server, 'last'])).code).toBe(0);
    // With the sandbox all end.
    expect((await run(['kill', 'pod', 'TERM'])).code).toBe(0);
    await until('pod', 'stopped');
    await until('last', 'stopped');
    expect(messageOf(await run(['create', '-b', server, 'late']))).toMatch(
      /the sandbox pod of the container is not running/,
    );
    for (const id of ['last', 'pod']) expect((await run(['delete', id])).code).toBe(0);
  });

  it('one pid namespace: the program that waits is process 1 there', { timeout: LIMIT }, async () => {
    const pause = join(dir(), 'rootfs/bin/pause');
    writeFileSync(pause, '#!/bin/sh\nwhile :; do sleep 1000; done\n', { mode: 0o755 });
    const at = bundle(['/bin/pause'], (c) => {
      c.annotations = { [CRIO[0]]: 'sandbox' };
    });
    expect((await run(['run', '--detach', '-b', at, 'shared'])).code).toBe(0);
    const { pid } = await status('shared');
    const member = memberBundle('ps -o pid,args', CRIO, 'shared', pid, ['pid', 'ipc', 'uts']);
    const { stdout } = await run(['run', '-b', member, 'm']);
    expect(stdout).toMatch(/^ *1 .*\/bin\/pause$/m);
    // Limits are a container's own, and 'exec' is counted with it.
    const limited = memberBundle('exec sleep 1000', CRIO, 'shared', pid);
    const file = join(limited, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    config.linux.resources = { memory: { limit: 32 << 20 }, pids: { limit: 3 } };
    config.mounts.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' });
    writeFileSync(file, JSON.stringify(config));
    expect((await run(['run', '--detach', '-b', limited, 'l'])).code).toBe(0);
    const tell =
      'cd /sys/fs/cgroup; read a <memory.max; read b <pids.max; echo $a $b; sleep 1 & sleep 1 & sleep 1';
    expect(await run(['exec', 'l', 'sh', '-c', tell])).toMatchObject({
      code: 2,
      stdout: `${32 << 20} 3\n`,
      stderr: expect.stringMatching(/can't fork/),
    });
    expect((await run(['delete', '-f', 'l'])).code).toBe(0);
    expect((await run(['delete', '-f', 'shared'])).code).toBe(0);
  });

  it('a supervisor that is killed takes all of the pod along', { timeout: LIMIT }, async () => {
    expect((await run(['run', '--detach', '-b', sandboxBundle(CRI[0]), 'gone'])).code).toBe(0);
    const { pid } = await status('gone');
    const member = memberBundle(WAIT, CRI, 'gone', pid);
    const child = start(['run', '-b', member, 'there']);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    expect((await run(['run', '--detach', '-b', member, 'too'])).code).toBe(0);
    process.kill(pid, 'SIGKILL');
    await exited;
    await until('too', 'stopped');
    await until('gone', 'stopped');
    for (const id of ['there', 'too', 'gone']) expect((await run(['delete', '-f', id])).code).toBe(0);
    expect((await run(['list', '-q'])).stdout).toBe('');
  });
});
