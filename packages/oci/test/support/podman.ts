/** Podman with directories and a network namespace of the tests' own. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Ran } from './engine.js';

const exec = promisify(execFile);
const LIMIT_MS = 300_000;
const OUTPUT = 16 << 20;

const PATHS = [
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/usr/local/bin',
  '/usr/lib/podman',
  '/usr/libexec/podman',
];
const lacks = (name: string): boolean => !PATHS.some((dir) => existsSync(join(dir, name)));

/** Why it cannot be used here; '' when it can. */
export const withoutPodman =
  process.geteuid!() !== 0
    ? 'needs root'
    : (['podman', 'conmon', 'netavark', 'ip', 'nsenter'].filter(lacks).map((name) => `no ${name} here`)[0] ??
      '');

export interface Podman {
  /** The command and its options that come before podman's own commands, and its environment. */
  readonly command: string;
  readonly before: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  podman(...args: string[]): Promise<Ran>;
  /** Run a program of the host in the namespace. */
  within(...args: string[]): Promise<Ran>;
  end(): void;
}

/** Use it in `work`, with the configuration `configFile` on top of the machine's. */
export function usePodman(work: string, configFile: string): Podman {
  const name = `sbx-podman-${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  // Not by ip-netns(8), which shows another /sys.
  const enter = [`--net=/run/netns/${name}`];
  const env = {
    ...process.env,
    CONTAINERS_CONF_OVERRIDE: configFile,
    PODMAN_IGNORE_CGROUPSV1_WARNING: '1',
    TMPDIR: work,
  };
  const at = (dir: string): string => {
    mkdirSync(join(work, dir), { recursive: true });
    return join(work, dir);
  };
  const own = [
    '--root',
    at('root'),
    '--runroot',
    at('run'),
    '--tmpdir',
    at('tmp'),
    '--network-config-dir',
    at('net'),
  ];
  const before = [...enter, 'podman', ...own, '--cgroup-manager', 'cgroupfs', '--log-level', 'error'];
  const run = async (args: readonly string[]): Promise<Ran> => {
    try {
      // conmon leaves notes where it is.
      const child = exec('nsenter', args, { cwd: work, timeout: LIMIT_MS, maxBuffer: OUTPUT, env });
      child.child.stdin?.end();
      return { code: 0, ...(await child) };
    } catch (error) {
      const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
      return { code: typeof code === 'number' ? code : -1, stdout, stderr };
    }
  };
  return {
    command: 'nsenter',
    before,
    env,
    podman: (...args) => run([...before, ...args]),
    within: (...args) => run([...enter, ...args]),
    end: () => {
      execFileSync('nsenter', [...before, 'rm', '--all', '--force', '--time', '0'], { env, stdio: 'ignore' });
      execFileSync('ip', ['netns', 'del', name]);
    },
  };
}
