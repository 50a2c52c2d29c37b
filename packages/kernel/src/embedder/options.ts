import type { Platform } from '@sandbox/platform';
import type { FileSystemSpec } from '@sandbox/vfs';
import type { Clock, Random } from '../kernel/clock.js';
import type { KernelLimits } from '../kernel/kernel-core.js';
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
  /** What runs the guests. 'auto' (default) takes the best that works here; a name or an object fails when it does not. */
  platform?: 'auto' | PlatformName | Platform;
  /** The root file system: `tmpfs()`, `hostfs(dir)`, `overlay({ lower, upper })`... */
  root: FileSystemSpec;
  /** Nothing can be written to the root, though mount points that are missing are made there first. Default false. */
  readOnlyRoot?: boolean;
  /** Further file systems by absolute path, mounted in this order. /proc, /dev and /sys are always there. */
  mounts?: Readonly<Record<string, FileSystemSpec>>;
  /** 'none' (default): loopback and what `kernel.net` attaches. 'nat', or what is allowed out, published, attached. */
  network?: NetworkOption;
  limits?: Partial<KernelLimits>;
  /** Environment for programs that are given none. */
  env?: Readonly<Record<string, string>>;
  user?: UserOption;
  hostname?: string;
  clock?: Clock;
  random?: Random;
  /** Time every system call, for `kernel.stats().latencies`. Costs two looks at the clock a call. Default false. */
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

const KNOWN = new Set<string>([
  'platform',
  'root',
  'readOnlyRoot',
  'mounts',
  'network',
  'limits',
  'env',
  'user',
  'hostname',
  'clock',
  'random',
  'measure',
  'signal',
] satisfies (keyof KernelOptions)[]);

/** Check everything before anything is done. Throws InvalidOptionError. */
export function checkOptions(options: KernelOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionError('(all)', 'an object is needed');
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) throw new InvalidOptionError(key, 'is not an option of Kernel.create');
  }
  const platform = options.platform ?? 'auto';
  if (typeof platform === 'string' && platform !== 'auto' && !PLATFORM_NAMES.includes(platform)) {
    throw new InvalidOptionError('platform', `'${platform}' is none of auto, ${PLATFORM_NAMES.join(', ')}`);
  }
  return {
    platform,
    root: checkSpec('root', options.root),
    readOnlyRoot: checkBoolean('readOnlyRoot', options.readOnlyRoot ?? false),
    mounts: Object.entries(options.mounts ?? {}).map(([path, spec]) => ({
      path: toBytes(checkPath(`mounts['${path}']`, path)),
      spec: checkSpec(`mounts['${path}']`, spec),
    })),
    limits: checkLimits(options.limits ?? {}),
    env: checkEnv('env', options.env ?? DEFAULT_ENV),
    user: checkUser('user', options.user ?? { uid: 0 }),
    hostname: checkHostname(options.hostname ?? 'sandbox'),
    measure: checkBoolean('measure', options.measure ?? false),
    network: checkNetwork(options.network ?? 'none'),
  };
}

export function checkSpec(option: string, spec: FileSystemSpec | undefined): FileSystemSpec {
  if (typeof spec?.create !== 'function')
    throw new InvalidOptionError(option, 'a file system is needed, such as tmpfs()');
  return spec;
}

function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new InvalidOptionError(option, 'true or false is needed');
  return value;
}

/** An absolute path without NUL. */
export function checkPath(option: string, path: unknown): string {
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0')) {
    throw new InvalidOptionError(option, 'an absolute path is needed');
  }
  return path;
}

export function checkCount(option: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw new InvalidOptionError(option, `a whole number from ${min} to ${max} is needed`);
  }
  return value;
}

/** Bytes of heap a file in memory takes, generously. */
const HEAP_PER_FILE = 700;

/** Two million, or as many as fit in a third of what the heap of this process may grow to. */
function defaultFiles(): number {
  return Math.min(2_000_000, Math.floor(heapLimit() / 3 / HEAP_PER_FILE));
}

export function checkLimits(limits: Partial<KernelLimits>): KernelLimits {
  const memory = limits.memory ?? Math.floor(hostMemory() / 2);
  return {
    memory: checkCount('limits.memory', memory, 1024 * 1024, Number.MAX_SAFE_INTEGER),
    processes: checkCount('limits.processes', limits.processes ?? 4096, 1, 32000),
    openFiles: checkCount('limits.openFiles', limits.openFiles ?? 1048576, 16, 2 ** 24),
    files: checkCount('limits.files', limits.files ?? defaultFiles(), 1, 2 ** 26),
  };
}

/** Names without '=' or NUL, values without NUL. */
export function checkEnv(
  option: string,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(env)) {
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
  const uid = checkCount(`${option}.uid`, user.uid, 0, MAX_ID);
  return {
    uid,
    gid: checkCount(`${option}.gid`, user.gid ?? uid, 0, MAX_ID),
    groups: (user.groups ?? []).map((g, i) => checkCount(`${option}.groups[${i}]`, g, 0, MAX_ID)),
  };
}

export function checkHostname(name: string): string {
  if (typeof name !== 'string' || name.length === 0 || name.length > 64 || name.includes('\0')) {
    throw new InvalidOptionError('hostname', '1 to 64 characters are needed');
  }
  return toBytes(name);
}
