import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { probePlatforms } from '@sandbox/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CriService } from './support/cri/service.js';
import { makeImage } from './support/image.js';
import { missing, titled, useRuntime } from './support/runtime.js';

const { dir, run } = useRuntime();
const LIMIT = 600_000;

const has = (name: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((d) => existsSync(join(d, name)));
const PLUGINS = ['/usr/lib/cni', '/opt/cni/bin'].find((d) => existsSync(join(d, 'bridge')));
const skipped =
  missing ||
  (process.geteuid!() !== 0 ? 'needs root' : '') ||
  (has('containerd') && has('ctr') ? '' : 'no containerd here') ||
  (has('ip') && has('nsenter') ? '' : 'no ip (iproute2) here') ||
  (PLUGINS === undefined ? 'no plugins of CNI (containernetworking-plugins) here' : '');

const NETNS = `cri-${process.pid}`;
const IMAGE = { image: 'docker.io/library/test:latest' };

let service: CriService;
let logs: string;
const pods = new Set<string>();

async function runPod(config: object): Promise<string> {
  const { pod_sandbox_id: pod } = await service.call('RunPodSandbox', { config, runtime_handler: 'sandbox' });
  pods.add(pod);
  return pod;
}

async function removePod(pod: string): Promise<void> {
  await service.call('StopPodSandbox', { pod_sandbox_id: pod });
  await service.call('RemovePodSandbox', { pod_sandbox_id: pod });
  pods.delete(pod);
}

function sandboxConfig(name: string) {
  return {
    metadata: { name, uid: `uid-${name}`, namespace: 'default', attempt: 0 },
    hostname: 'the-pod',
    log_directory: logs,
    linux: { cgroup_parent: `/${NETNS}` },
  };
}

async function container(
  pod: string,
  config: object,
  name: string,
  command: string,
  more: object = {},
): Promise<string> {
  const { container_id } = await service.call('CreateContainer', {
    pod_sandbox_id: pod,
    config: {
      metadata: { name, attempt: 0 },
      image: IMAGE,
      command: ['/bin/sh', '-c', command],
      log_path: `${name}.log`,
      linux: { security_context: { namespace_options: { pid: 'CONTAINER' } } },
      ...more,
    },
    sandbox_config: config,
  });
  return container_id;
}

async function inMachines(): Promise<boolean> {
  const best = (await probePlatforms()).find(({ result }) => result.ok)?.name;
  return (process.env.SANDBOX_PLATFORM ?? best) === 'kvm';
}

/**
 * What the programs of each container use: one counts and counts, the other waits. What waits holds memory,
 * too.
 */
async function compareUse(pod: string, config: object, server: string): Promise<void> {
  const worker = await container(pod, config, 'worker', 'while :; do i=$((i+1)); done');
  await service.call('StartContainer', { container_id: worker });
  const statsOf = async (id: string): Promise<{ cpu: number; memory: number }> => {
    const { stats } = await service.call('ContainerStats', { container_id: id });
    return {
      cpu: Number(stats.cpu.usage_core_nano_seconds.value),
      memory: Number(stats.memory.working_set_bytes.value),
    };
  };
  const before = await statsOf(worker);
  await expect
    .poll(async () => (await statsOf(worker)).cpu, { timeout: LIMIT })
    .toBeGreaterThan(before.cpu + 500_000_000);
  const idle = await statsOf(server);
  expect(idle.memory).toBeGreaterThan(0);
  expect(idle.cpu).toBeLessThan((await statsOf(worker)).cpu);
  await service.call('StopContainer', { container_id: worker, timeout: 0 });
  await service.call('RemoveContainer', { container_id: worker });
}

describe.skipIf(skipped)(titled('the CRI service of containerd', skipped), () => {
  beforeAll(async () => {
    const work = join(dir(), 'cri');
    mkdirSync(work);
    logs = join(work, 'logs');
    mkdirSync(logs);
    // Nothing of it is run: a sandbox's program only waits.
    const empty = join(work, 'empty');
    mkdirSync(empty);
    execFileSync('ip', ['netns', 'add', NETNS]);
    execFileSync('ip', ['-n', NETNS, 'link', 'set', 'lo', 'up']);
    service = await CriService.start({
      work,
      install: async (file) => {
        const { stdout } = await run(['install', '--engine', 'containerd', '--config', file, '--write']);
        expect(stdout).toMatch(/written/);
      },
      plugins: PLUGINS!,
      netns: NETNS,
      images: [makeImage(join(dir(), 'rootfs'), work, 'test'), makeImage(empty, work, 'pause', ['/pause'])],
    });
  }, LIMIT);
  afterAll(async () => {
    for (const pod of pods) await removePod(pod).catch(() => {});
    service?.stop();
    execFileSync('ip', ['netns', 'del', NETNS]);
  });

  it('a pod of two containers that share localhost', { timeout: LIMIT }, async () => {
    const config = sandboxConfig('pod');
    const pod = await runPod(config);
    const { status } = await service.call('PodSandboxStatus', { pod_sandbox_id: pod });
    expect(status.network.ip).toMatch(/^10\.202\.0\./);
    const serve = 'while :; do echo hello from $(hostname) | nc -l -p 8080; done';
    const server = await container(pod, config, 'server', serve);
    await service.call('StartContainer', { container_id: server });
    const ask = 'until nc 127.0.0.1 8080 </dev/null; do sleep 0.1; done; echo done >&2; exit 3';
    const client = await container(pod, config, 'client', ask);
    await service.call('StartContainer', { container_id: client });
    let state: { state: number; exit_code: number };
    do {
      await pause(100);
      ({ status: state } = await service.call('ContainerStatus', { container_id: client }));
    } while (state.state !== 2);
    expect(state.exit_code).toBe(3);
    const lines = readFileSync(join(logs, 'client.log'), 'utf8').trim().split('\n');
    // Each stream has a reader of its own in the engine.
    expect(lines.map((line) => line.split(' ').slice(1).join(' ')).sort()).toEqual([
      'stderr F done',
      'stdout F hello from the-pod',
    ]);

    const sync = await service.call('ExecSync', {
      container_id: server,
      cmd: ['sh', '-c', 'echo out; echo err >&2; exit 5'],
    });
    expect([String(sync.stdout), String(sync.stderr), sync.exit_code]).toEqual(['out\n', 'err\n', 5]);

    const { url } = await service.call('Exec', {
      container_id: server,
      cmd: ['sh', '-c', 'read x; echo got $x; echo bad >&2; exit 6'],
      stdin: true,
      stdout: true,
      stderr: true,
    });
    const [, out, err, end] = await service.stream(url, 'v4.channel.k8s.io', 'line\n');
    expect([out, err]).toEqual(['got line\n', 'bad\n']);
    expect(JSON.parse(end!)).toMatchObject({ status: 'Failure', details: { causes: [{ message: '6' }] } });

    // In virtual machines all of a pod's programs are the supervisor's own threads: the host cannot tell
    // whose time is whose.
    if (!(await inMachines())) await compareUse(pod, config, server);

    // The host reaches the pod at its address.
    const answer = execFileSync(
      'nsenter',
      [
        `--net=/run/netns/${NETNS}`,
        'busybox',
        'sh',
        '-c',
        `until nc ${status.network.ip} 8080 </dev/null; do sleep 0.1; done`,
      ],
      { encoding: 'utf8', timeout: 100_000, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    expect(answer).toBe('hello from the-pod\n');

    // So does the streaming server, by localhost in the pod's namespace: frames begin with the port, on each
    // channel.
    let data = '';
    // Between two answers nobody listens.
    for (let i = 0; i < 100 && data.length <= 2; i++) {
      const forward = await service.call('PortForward', { pod_sandbox_id: pod, port: [8080] });
      data = (await service.stream(`${forward.url}?port=8080`, 'v4.channel.k8s.io'))[0]!;
    }
    expect(data.slice(2)).toBe('hello from the-pod\n');

    await service.call('StopContainer', { container_id: server, timeout: 0 });
    for (const id of [client, server]) await service.call('RemoveContainer', { container_id: id });
    await removePod(pod);
  });

  it('attach, and a terminal', { timeout: LIMIT }, async () => {
    const config = sandboxConfig('attach');
    const pod = await runPod(config);
    const id = await container(pod, config, 'reader', 'read x; echo got $x; exit 0', { stdin: true });
    await service.call('StartContainer', { container_id: id });
    const { url } = await service.call('Attach', {
      container_id: id,
      stdin: true,
      stdout: true,
      stderr: true,
    });
    const [, out] = await service.stream(url, 'v4.channel.k8s.io', 'line\n');
    expect(out).toBe('got line\n');
    const tty = await container(pod, config, 'tty', 'while :; do sleep 0.1; done', {
      tty: true,
      stdin: true,
    });
    await service.call('StartContainer', { container_id: tty });
    const exec = await service.call('Exec', {
      container_id: tty,
      cmd: ['sh', '-c', 'tty; stty size >/dev/null && echo yes'],
      tty: true,
      stdin: true,
      stdout: true,
    });
    const [, shown] = await service.stream(exec.url, 'v4.channel.k8s.io');
    expect(shown).toMatch(/^\/dev\/pts\/\d+\r\nyes\r\n$/);
    await removePod(pod);
  });
});
