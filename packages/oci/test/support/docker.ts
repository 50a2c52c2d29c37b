/** A dockerd of the tests' own: private socket, data, state and pid file. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Ran } from './engine.js';

const exec = promisify(execFile);
const TRIES = 600;
const PAUSE_MS = 100;
const LIMIT_MS = 300_000;
const OUTPUT = 16 << 20;

const PATHS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin'];
const lacks = (name: string): boolean => !PATHS.some((dir) => existsSync(join(dir, name)));

/** Why none can be started here; '' when one can. */
export const withoutDocker =
  process.geteuid!() !== 0
    ? 'needs root'
    : (['dockerd', 'docker', 'containerd', 'ip'].filter(lacks).map((name) => `no ${name} here`)[0] ?? '');

export interface Docker {
  docker(...args: string[]): Promise<Ran>;
  stop(): Promise<void>;
  /** Where it listens, as for `docker -H`. */
  readonly socket: string;
  /** Of the daemon. */
  readonly log: () => string;
}

/**
 * A bridge that is nobody else's, with addresses for documentation, so that no real ones are in the way (RFC
 * 5737). Its name.
 */
function makeBridge(): string {
  const name = `sbx${process.pid}`;
  const taken = execFileSync('ip', ['-o', 'addr'], { encoding: 'utf8' });
  const free = Array.from(
    { length: 16 },
    (_, i) => `198.51.100.${1 + 16 * ((process.pid + i) % 16)}/28`,
  ).find((address) => !taken.includes(` ${address} `));
  if (free === undefined) throw new Error('no address for a bridge is left');
  execFileSync('ip', ['link', 'add', 'name', name, 'type', 'bridge']);
  execFileSync('ip', ['addr', 'add', free, 'dev', name]);
  execFileSync('ip', ['link', 'set', name, 'up']);
  return name;
}

/**
 * The group that has this process's share of the processors (cgroups(7), version 1): what its containers get
 * is no less.
 */
function shareOf(): string | null {
  return /^\d+:cpu(?:,cpuacct)?:(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? null;
}

/**
 * Start one in `work` whose runtimes are `runtimes`, or what is in `configFile`. `network`: with a bridge, so
 * that ports can be published.
 */
export async function startDocker(
  work: string,
  runtimes: Readonly<Record<string, string>> | string,
  network: boolean,
): Promise<Docker> {
  const state = join(work, 'exec');
  mkdirSync(state, { recursive: true });
  const socket = `unix://${work}/docker.sock`;
  let file = join(work, 'daemon.json');
  if (typeof runtimes === 'string') file = runtimes;
  else {
    const named = Object.entries(runtimes).map(([name, path]) => [name, { path }]);
    writeFileSync(file, JSON.stringify({ runtimes: Object.fromEntries(named) }));
  }
  const options = ['--config-file', file, '-H', socket, '--data-root', join(work, 'data')];
  options.push('--exec-root', state, '-p', join(work, 'docker.pid'), '--iptables=false', '--ip6tables=false');
  const share = shareOf();
  if (share !== null) options.push('--cgroup-parent', share);
  const bridge = network ? makeBridge() : null;
  options.push('--bridge', bridge ?? 'none');
  let log = '';
  const daemon = spawn('dockerd', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  daemon.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log = (log + chunk).slice(-OUTPUT);
  });
  let gone = false;
  const ended = new Promise<void>((resolve) => {
    daemon.on('error', () => resolve()).on('exit', () => resolve());
  }).then(() => {
    gone = true;
  });
  const docker = async (...args: string[]): Promise<Ran> => {
    try {
      const options = { timeout: LIMIT_MS, maxBuffer: OUTPUT };
      const child = exec('docker', ['-H', socket, ...args], options);
      child.child.stdin?.end();
      return { code: 0, ...(await child) };
    } catch (error) {
      const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
      return { code: typeof code === 'number' ? code : -1, stdout, stderr };
    }
  };
  const stop = async (): Promise<void> => {
    daemon.kill('SIGTERM');
    await Promise.race([ended, pause(20_000, undefined, { ref: false })]);
    daemon.kill('SIGKILL');
    if (bridge !== null) execFileSync('ip', ['link', 'del', bridge]);
  };
  for (let i = 0; i < TRIES && !gone; i++) {
    if ((await docker('version')).code === 0) return { docker, stop, socket, log: () => log };
    await pause(PAUSE_MS);
  }
  await stop();
  throw new Error(`dockerd does not start: ${log.slice(-1000)}`);
}
