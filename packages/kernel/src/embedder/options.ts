import type { KernelLimits } from '@sandbox/kernel-core/process';
import type { Clock, Random } from '@sandbox/kernel-core/time';
import type { Platform } from '@sandbox/platform';
import type { FileSystemSpec } from '@sandbox/vfs';
import {
  checkBoolean,
  checkCount,
  checkList,
  checkMethods,
  checkObject,
  checkPath,
  checkRecord,
  checkSignal,
  checkText,
} from './check.js';
import { InvalidOptionError } from './errors.js';
import { heapLimit, hostMemory } from './host-info.host.js';
import { checkNetwork, type NetworkOption, type NetworkOptions } from './net/options.js';
import { PLATFORM_NAMES, type PlatformName } from './platforms.js';
import { toBytes } from './text.js';

/** Who a program runs as. */
export interface UserOption {
  uid: number;
  gid?: number;
  groups?: readonly number[];
}

export interface KernelOptions {
  /**
   * What runs the guests. 'auto' (default) takes the best that works here; a name or an object fails when it
   * does not.
   */
  platform?: 'auto' | PlatformName | Platform;
  /** The root file system: `tmpfs()`, `hostfs(dir)`, `overlay({ lower, upper })`... */
  root: FileSystemSpec;
  /**
   * Nothing can be written to the root, though mount points that are missing are made there first. Default
   * false.
   */
  readOnlyRoot?: boolean;
  /** Further file systems by absolute path, mounted in this order. /proc, /dev and /sys are always there. */
  mounts?: Readonly<Record<string, FileSystemSpec>>;
  /**
   * 'none' (default): loopback and what `kernel.net` attaches. 'nat', or what is allowed out, published,
   * attached.
   */
  network?: NetworkOption;
  limits?: Partial<KernelLimits>;
  /** Environment for programs that are given none. */
  env?: Readonly<Record<string, string>>;
  user?: UserOption;
  hostname?: string;
  clock?: Clock;
  random?: Random;
  /**
   * Time every system call, for `kernel.stats().latencies`. Costs two looks at the clock a call. Default
   * false.
   */
  measure?: boolean;
  /** Ends the kernel when aborted. */
  signal?: AbortSignal;
}

/** Options after checking, with defaults in place. */
export interface CheckedOptions {
  readonly platform: 'auto' | PlatformName | Platform;
  readonly root: FileSystemSpec;
  readonly readOnlyRoot: boolean;
  readonly mounts: readonly { readonly path: string; readonly spec: FileSystemSpec }[];
  readonly limits: KernelLimits;
  readonly env: Readonly<Record<string, string>>;
  readonly user: Required<UserOption>;
  readonly hostname: string;
  readonly measure: boolean;
  readonly network: NetworkOptions;
}

export const DEFAULT_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  TERM: 'xterm',
} as const;

const KERNEL_OPTIONS: Record<keyof KernelOptions, true> = {
  platform: true,
  root: true,
  readOnlyRoot: true,
  mounts: true,
  network: true,
  limits: true,
  env: true,
  user: true,
  hostname: true,
  clock: true,
  random: true,
  measure: true,
  signal: true,
};
const LIMITS: Record<keyof KernelLimits, true> = {
  memory: true,
  processes: true,
  openFiles: true,
  files: true,
};
const USER_OPTIONS: Record<keyof UserOption, true> = { uid: true, gid: true, groups: true };

/** Check everything before anything is done. Throws InvalidOptionError. */
export function checkOptions(options: KernelOptions): CheckedOptions {
  const {
    platform = 'auto',
    root,
    readOnlyRoot = false,
    mounts = {},
    network = 'none',
    limits = {},
    env = DEFAULT_ENV,
    user = { uid: 0 },
    hostname = 'sandbox',
    clock,
    random,
    measure = false,
    signal,
  } = checkObject('', options, KERNEL_OPTIONS);
  if (clock !== undefined)
    checkMethods('clock', clock, 'a Clock', ['monotonic', 'realtimeSec', 'stepRealtime']);
  if (random !== undefined) checkMethods('random', random, 'a Random', ['fill', 'uint32']);
  checkSignal('signal', signal);
  return {
    platform: checkPlatform(platform),
    root: checkSpec('root', root),
    readOnlyRoot: checkBoolean('readOnlyRoot', readOnlyRoot),
    mounts: checkMounts(mounts),
    limits: checkLimits(limits),
    env: checkEnv('env', env),
    user: checkUser('user', user),
    hostname: checkHostname('hostname', hostname),
    measure: checkBoolean('measure', measure),
    network: checkNetwork(network),
  };
}

function checkPlatform(platform: NonNullable<KernelOptions['platform']>): typeof platform {
  if (typeof platform !== 'string')
    return checkMethods('platform', platform, 'a platform, or its name,', ['probe', 'open']);
  if (platform !== 'auto' && !PLATFORM_NAMES.includes(platform)) {
    throw new InvalidOptionError('platform', `'${platform}' is none of auto, ${PLATFORM_NAMES.join(', ')}`);
  }
  return platform;
}

function checkMounts(mounts: NonNullable<KernelOptions['mounts']>): CheckedOptions['mounts'] {
  return Object.entries(checkRecord('mounts', mounts)).map(([path, spec]) => {
    const option = `mounts['${path}']`;
    if (/^\/+$/.test(path)) throw new InvalidOptionError(option, 'the file system there is `root`');
    return { path: toBytes(checkPath(option, path)), spec: checkSpec(option, spec) };
  });
}

export function checkSpec(option: string, spec: FileSystemSpec | undefined): FileSystemSpec {
  if (typeof spec?.create !== 'function')
    throw new InvalidOptionError(option, 'a file system is needed, such as tmpfs()');
  return spec;
}

/** Bytes of heap a file in memory takes, generously. */
const HEAP_PER_FILE = 700;

/** Two million, or as many as fit in a third of what the heap of this process may grow to. */
function defaultFiles(): number {
  return Math.min(2_000_000, Math.floor(heapLimit() / 3 / HEAP_PER_FILE));
}

export function checkLimits(limits: Partial<KernelLimits>): KernelLimits {
  const {
    memory = Math.floor(hostMemory() / 2),
    processes = 4096,
    openFiles = 1048576,
    files = defaultFiles(),
  } = checkObject('limits', limits, LIMITS);
  return {
    memory: checkCount('limits.memory', memory, 1024 * 1024, Number.MAX_SAFE_INTEGER),
    processes: checkCount('limits.processes', processes, 1, 32000),
    openFiles: checkCount('limits.openFiles', openFiles, 16, 2 ** 24),
    files: checkCount('limits.files', files, 1, 2 ** 26),
  };
}

/** Names without '=' or NUL, values without NUL. */
export function checkEnv(
  option: string,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(checkRecord(option, env))) {
    if (name === '' || name.includes('=') || name.includes('\0')) {
      throw new InvalidOptionError(option, `'${name}' is no name for a variable`);
    }
    if (typeof value !== 'string' || value.includes('\0')) {
      throw new InvalidOptionError(option, `the value of ${name} must be a string without NUL`);
    }
  }
  return env;
}

const MAX_ID = 0xfffffffe;

export function checkUser(option: string, user: UserOption): Required<UserOption> {
  const { uid, gid, groups } = checkObject(option, user, USER_OPTIONS);
  checkCount(`${option}.uid`, uid, 0, MAX_ID);
  return {
    uid,
    gid: gid === undefined ? uid : checkCount(`${option}.gid`, gid, 0, MAX_ID),
    groups: checkList(`${option}.groups`, groups === undefined ? [] : groups).map((g, i) =>
      checkCount(`${option}.groups[${i}]`, g, 0, MAX_ID),
    ),
  };
}

/** sethostname(2) counts bytes, and so does setdomainname(2). */
const MAX_NAME = 64;

/** The name of a machine or of its domain, as a byte string. */
export function checkHostname(option: string, name: unknown): string {
  const bytes = toBytes(checkText(option, name));
  if (bytes.length === 0 || bytes.length > MAX_NAME)
    throw new InvalidOptionError(option, `1 to ${MAX_NAME} bytes are needed`);
  return bytes;
}
