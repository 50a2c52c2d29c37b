/**
 * One life of containers, step by step, as the commands of a runtime: played with runc and with ours, the
 * answers compared.
 */
import type { OciConfig } from '../../src/config/types.js';

type Config = OciConfig & {
  process: NonNullable<OciConfig['process']>;
  linux: NonNullable<OciConfig['linux']>;
};

export interface Step {
  readonly args: readonly string[];
  /** Go on when `state ID` says this. */
  readonly until?: readonly [id: string, status: string];
  /** Answers are not the same, for this reason: only that both fail, or both do not. */
  readonly differs?: string;
}

/** A bundle of the steps' by its name; `a` waits until it is told to end. */
export const BUNDLES: Readonly<Record<string, (config: Config) => void>> = {
  a: () => {},
  noArgs: (c) => void (c.process.args = []),
  noProcess: (c) => void delete (c as OciConfig).process,
  noRoot: (c) => void delete (c as OciConfig).root,
  noCwd: (c) => void (c.process.cwd = ''),
  relativeCwd: (c) => void (c.process.cwd = 'tmp'),
  lostRoot: (c) => void (c.root = { path: '/nonexistent' }),
  noProgram: (c) => void (c.process.args = ['nothere']),
  directory: (c) => void (c.process.args = ['/etc']),
  noExecutable: (c) => void (c.process.args = ['/etc/passwd']),
  badRlimit: (c) => void (c.process.rlimits = [{ type: 'RLIMIT_NOPE', soft: 1, hard: 1 }]),
  softAboveHard: (c) => void (c.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 2, hard: 1 }]),
  twicePid: (c) => void (c.linux.namespaces = [...c.linux.namespaces!, { type: 'pid' }]),
  noNamespace: (c) => void (c.linux.namespaces = [...c.linux.namespaces!, { type: 'nope' }]),
  noMappings: (c) => void (c.linux.namespaces = [...c.linux.namespaces!, { type: 'user' }]),
  lostSource: (c) =>
    void (c.mounts = [
      ...c.mounts!,
      { destination: '/tmp', type: 'bind', source: '/nonexistent', options: ['bind'] },
    ]),
  noFileSystem: (c) => void (c.mounts = [...c.mounts!, { destination: '/tmp', type: 'nope', source: 'x' }]),
  hostSysctl: (c) => void (c.linux.sysctl = { 'kernel.nope': '1' }),
  noSysctl: (c) => void (c.linux.sysctl = { 'fs.mqueue.nope': '1' }),
  badSysctl: (c) => void (c.linux.sysctl = { 'fs.mqueue.msg_max': 'xyz' }),
  badAction: (c) => void (c.linux.seccomp = { defaultAction: 'SCMP_ACT_NOPE' }),
  badDevice: (c) => void (c.linux.devices = [{ path: '/dev/x', type: 'z', major: 1, minor: 3 }]),
  badPropagation: (c) => void (c.linux.rootfsPropagation = 'nope'),
  hostUts: (c) => void (c.linux.namespaces = [{ type: 'mount' }, { type: 'pid' }]),
  badEnv: (c) => void (c.process.env = ['NONE']),
  badType: (c) => void ((c.process as { args: unknown }).args = 'sh'),
  terminal: (c) => void (c.process.terminal = true),
  prestart: (c) => void (c.hooks = { prestart: [{ path: '/nonexistent' }] }),
  createRuntime: (c) =>
    void (c.hooks = { createRuntime: [{ path: '/bin/sleep', args: ['sleep', '60'], timeout: 1 }] }),
  createContainer: (c) => void (c.hooks = { createContainer: [{ path: '/bin/false' }] }),
  relativeHook: (c) => void (c.hooks = { prestart: [{ path: 'bin/true' }] }),
  selinux: (c) => void (c.process.selinuxLabel = 'system_u:system_r:svirt_t:s0'),
  apparmor: (c) => void (c.process.apparmorProfile = 'nope'),
  l3Cache: (c) => void (c.linux.intelRdt = { l3CacheSchema: 'L3:0=f' }),
  memoryBandwidth: (c) => void (c.linux.intelRdt = { memBwSchema: 'MB:0=20' }),
  poststart: (c) => void (c.hooks = { poststart: [{ path: '/bin/false' }] }),
};

const steps = (...list: (string | Step)[]): Step[] =>
  list.map((s) => (typeof s === 'string' ? { args: s.split(' ') } : s));

const BAD = Object.keys(BUNDLES).filter((name) => name !== 'a' && name !== 'badType');

/** `a` and so on is a container, and behind -b a bundle. */
export const STEPS: readonly Step[] = steps(
  ...['state', 'start', 'kill', 'delete', 'ps', 'pause', 'resume', 'events', 'update'].map((c) => `${c} a`),
  'exec a true',
  'delete -f a',
  'create',
  'create a b',
  'create -b /nonexistent a',
  'nosuch',
  '--nosuch state a',
  'create --nosuch a',
  ...['a/b', 'a b', '..', ''].map((id) => ({ args: ['create', '-b', 'a', id] })),
  { args: ['create', '-b', 'a', 'a'], until: ['a', 'created'] },
  'create -b a a',
  'resume a',
  'kill a NOPE',
  'kill a 99',
  'kill a 0',
  'pause a',
  'start a',
  'resume a',
  { args: ['start', 'a'], until: ['a', 'running'] },
  'start a',
  'delete a',
  'exec a true',
  'exec a false',
  { args: ['exec', 'a', 'sh', '-c', 'exit 9'] },
  'exec a nothere',
  'exec a /etc',
  'exec a /etc/passwd',
  'exec --cwd /nodir a true',
  'exec --cwd rel a true',
  'exec a',
  'update --l3-cache-schema L3:0=f a',
  'update --mem-bw-schema MB:0=20 a',
  'exec -u x a true',
  'exec -u 0:x a true',
  'exec -t a true',
  'exec -e NONE a env',
  'exec --pid-file /nodir/x a true',
  'resume a',
  { args: ['pause', 'a'], until: ['a', 'paused'] },
  'pause a',
  'exec a true',
  'start a',
  'delete a',
  'resume a',
  { args: ['kill', 'a'], until: ['a', 'stopped'] },
  'start a',
  'kill a',
  'kill a 0',
  'kill --all a',
  'pause a',
  'resume a',
  'exec a true',
  'update --pids-limit 10 a',
  'events --stats a',
  'create -b a a',
  'delete a',
  'delete a',
  { args: ['run', '-b', 'a', '-d', 'a'], until: ['a', 'running'] },
  'run -b a -d a',
  'delete -f a',
  'state a',
  ...BAD.map((name) => `run -b ${name} x`),
  { args: ['run', '-b', 'badType', 'x'], differs: 'runc speaks of types of Go, ours of the schema' },
  'run -b a -d --pid-file /nodir/x p',
  'delete -f p',
  'run -b a -d --console-socket /nodir/x p',
  'list -q',
  'list -f nope',
  'spec -b a',
);

/** What a step came to: its exit status and the last error in the log. */
export interface Answer {
  readonly args: readonly string[];
  readonly code: number | null;
  readonly message: string;
}

/**
 * Names of the runtime and of places, and what runc says only because it works on the host's kernel, are left
 * out.
 */
export function plain(message: string, dir: string): string {
  return message
    .replaceAll(dir, 'DIR')
    .replace(/^(?:sandbox-oci|runc) (create|run) failed/, 'RUNTIME $1 failed')
    .replace(/^(?:sandbox-oci|runc): "/, 'RUNTIME: "')
    .replace(/ \(via \/proc\/self\/fd\/\d+\)|, flags: 0x[0-9a-f]+|, data: [^:]*/g, '')
    .replace(/error running (?:[a-zA-Z]+ )?hook #/, 'error running hook #')
    .replace(/, stdout: , stderr: $/, '')
    .trim();
}
