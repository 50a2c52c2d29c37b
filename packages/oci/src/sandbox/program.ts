import { PER_LINUX32 } from '@sandbox/abi';
import { CAPABILITY_NAMES, type Container, type SpawnOptions } from '@sandbox/kernel';
import type { CapabilitySet, OciConfig, OciProcess, OciSeccomp } from '../config/types.js';
import { errnoText, Failure } from '../failure.js';
import { environment } from './hooks.js';
import { compileSeccomp } from './seccomp.js';

/** A program of a container: where it is, and how it is to run. */
export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  readonly options: SpawnOptions;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const UNLIMITED = 2 ** 63;

/**
 * What a `process` of config.json comes to. The `first` of a container has its working directory made if it
 * is missing, as with runc. Throws Failure: among others when there is no such program.
 */
export async function programOf(
  container: Container,
  config: OciConfig,
  process: OciProcess,
  first: boolean,
): Promise<Program> {
  const [name = '', ...args] = process.args ?? [];
  checkEnvironment(process.env ?? [], first);
  checkRlimits(process, first);
  const env = environment(process.env ?? []);
  const { uid = 0, gid = 0, additionalGids = [], umask } = process.user ?? {};
  if (env.HOME === undefined) env.HOME = await homeOf(container, uid);
  await checkCwd(container, process.cwd, first);
  const path = await lookUp(container, name, process.cwd, env.PATH ?? DEFAULT_PATH);
  return {
    path,
    args,
    options: {
      argv0: name,
      env,
      cwd: process.cwd,
      user: { uid, gid, groups: additionalGids },
      umask: (umask ?? 0o022) & 0o777,
      ...rightsOf(process),
      personality: config.linux?.personality?.domain === 'LINUX32' ? PER_LINUX32 : 0,
      seccomp: seccompOf(config.linux?.seccomp),
    },
  };
}

function rightsOf(
  process: OciProcess,
): Pick<SpawnOptions, 'capabilities' | 'rlimits' | 'noNewPrivileges' | 'oomScoreAdj'> {
  const caps = process.capabilities;
  const set = (name: CapabilitySet): readonly string[] =>
    (caps?.[name] ?? []).filter((c) => CAPABILITY_NAMES.includes(c));
  const limit = (n: number) => (n >= UNLIMITED ? ('unlimited' as const) : n);
  return {
    // Without the key a process has none (config.md, "capabilities").
    capabilities: {
      bounding: set('bounding'),
      effective: set('effective'),
      permitted: set('permitted'),
      inheritable: set('inheritable'),
      ambient: set('ambient'),
    },
    rlimits: Object.fromEntries(
      (process.rlimits ?? []).map(({ type, soft, hard }) => [type, { soft: limit(soft), hard: limit(hard) }]),
    ),
    noNewPrivileges: process.noNewPrivileges ?? false,
    oomScoreAdj: process.oomScoreAdj,
  };
}

function seccompOf(seccomp: OciSeccomp | undefined): SpawnOptions['seccomp'] {
  const program = seccomp === undefined ? null : compileSeccomp(seccomp);
  if (program === null) return [];
  return [{ program, log: seccomp?.flags?.includes('SECCOMP_FILTER_FLAG_LOG') ?? false }];
}

/** Home directory by the container's /etc/passwd, '/' for who has none. */
async function homeOf(container: Container, uid: number): Promise<string> {
  const passwd = await container.fs.readFile('/etc/passwd', 'utf8').catch(() => '');
  for (const line of passwd.split('\n')) {
    const fields = line.split(':');
    if (fields.length >= 6 && fields[2] === String(uid)) return fields[5] || '/';
  }
  return '/';
}

async function checkCwd(container: Container, cwd: string, first: boolean): Promise<void> {
  try {
    const stat = await container.fs.stat(cwd);
    if (!stat.isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' });
  } catch (error) {
    if (first) await container.fs.mkdir(cwd, { recursive: true }).catch(() => {});
    else
      throw new Failure(
        `unable to start container process: chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: ${errnoText(error)}`,
      );
  }
}

const failed = (first: boolean): string =>
  `unable to start container process: ${first ? 'error during container init: ' : ''}`;

function checkEnvironment(env: readonly string[], first: boolean): void {
  if (env.some((line) => !line.includes('=')))
    throw new Failure(`${failed(first)}invalid environment variable: missing '='`);
}

/** In the order of their numbers (getrlimit(2)). */
const RLIMITS =
  'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'.split(
    ' ',
  );

function checkRlimits({ rlimits = [] }: OciProcess, first: boolean): void {
  for (const { type, soft, hard } of rlimits) {
    if (soft > hard)
      throw new Failure(
        `${failed(first)}error setting rlimits for ready process: error setting rlimit type ${RLIMITS.indexOf(type.slice('RLIMIT_'.length))}: invalid argument`,
      );
  }
}

/** Find a program as exec.LookPath of Go does, which speaks in the errors that engines look for. */
async function lookUp(container: Container, name: string, cwd: string, path: string): Promise<string> {
  const quoted = JSON.stringify(name);
  if (name.includes('/')) {
    const at = name.startsWith('/') ? name : `${cwd}/${name}`;
    const why = await obstacle(container, at);
    if (why !== null)
      throw new Failure(`unable to start container process: exec: ${quoted}: ${why.replace('%', name)}`);
    return name;
  }
  let denied = false;
  for (const dir of path.split(':')) {
    const candidate = `${dir === '' ? cwd : dir}/${name}`;
    const why = await obstacle(container, candidate);
    if (why === null) return candidate;
    denied ||= why === 'permission denied';
  }
  const why = denied ? 'permission denied' : 'executable file not found in $PATH';
  throw new Failure(`unable to start container process: exec: ${quoted}: ${why}`);
}

/** Why a file is no program, `%` standing for its name; null: it may be one. */
async function obstacle(container: Container, path: string): Promise<string | null> {
  try {
    const stat = await container.fs.stat(path);
    if (stat.isDirectory()) return 'is a directory';
    return (stat.mode & 0o111) === 0 ? 'permission denied' : null;
  } catch (error) {
    return `stat %: ${errnoText(error)}`;
  }
}
