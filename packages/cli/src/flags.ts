import { resolve } from 'node:path';
import type { KernelOptions, NetworkOptions, PlatformName } from '@sandbox/kernel';
import { type FileSystemSpec, hostfs, overlay, tmpfs } from '@sandbox/vfs';
import type { Bind, Publish } from './parse.js';

/** Options of `sandbox run`, parsed. */
export interface RunFlags {
  platform: 'auto' | PlatformName;
  root: string;
  readOnly?: boolean;
  bind?: Bind[];
  env?: Record<string, string>;
  cwd?: string;
  user?: { uid: number; gid: number };
  hostname: string;
  tty?: boolean;
  memory?: number;
  pids?: number;
  core?: number | 'unlimited';
  timeout?: number;
  net: 'none' | 'nat' | { namespace: string };
  publish?: Publish[];
  allow?: string[];
  addHost?: Record<string, string>;
  dns?: string[];
  pcap?: string;
  strace?: boolean | string;
  stats?: boolean;
}

/** The guest's network; `capture` gets what passes eth0. */
function networkOptions(flags: RunFlags, capture?: (block: Uint8Array) => void): NetworkOptions {
  return {
    nat: flags.net === 'nat' || flags.allow !== undefined,
    ...(typeof flags.net === 'object' ? flags.net : {}),
    ...(flags.allow === undefined ? {} : { allow: flags.allow }),
    ...(flags.publish === undefined ? {} : { publish: flags.publish }),
    ...(flags.addHost === undefined ? {} : { hosts: flags.addHost }),
    ...(flags.dns === undefined ? {} : { dns: flags.dns }),
    ...(capture === undefined ? {} : { capture }),
  };
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Passed through from the caller when set. */
const PASSED = ['LANG', 'LC_ALL', 'TZ', 'COLORTERM'];

/** What the flags mean for the kernel. */
export function kernelOptions(
  flags: RunFlags,
  lower: FileSystemSpec,
  capture?: (block: Uint8Array) => void,
): KernelOptions {
  const mounts: Record<string, FileSystemSpec> = {};
  // The host's temporary files are nobody's business; a read-only root needs a place to write at all.
  if (flags.root === 'host' || flags.readOnly) mounts['/tmp'] = tmpfs();
  for (const bind of flags.bind ?? []) {
    mounts[bind.target] = hostfs(resolve(bind.source), { readOnly: bind.readOnly });
  }
  return {
    platform: flags.platform,
    root: overlay({ lower, upper: tmpfs() }),
    readOnlyRoot: flags.readOnly === true,
    mounts,
    hostname: flags.hostname,
    network: networkOptions(flags, capture),
    limits: {
      ...(flags.memory === undefined ? {} : { memory: flags.memory }),
      ...(flags.pids === undefined ? {} : { processes: flags.pids }),
    },
    user: flags.user ?? { uid: 0, gid: 0 },
    measure: flags.stats === true,
  };
}

/** The program's environment. */
export function environment(flags: RunFlags, terminal: boolean): Record<string, string> {
  const env: Record<string, string> = {
    PATH: DEFAULT_PATH,
    HOME: flags.user && flags.user.uid !== 0 ? '/' : '/root',
    HOSTNAME: flags.hostname,
  };
  for (const name of PASSED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  if (terminal) env.TERM = process.env.TERM ?? 'xterm';
  return { ...env, ...flags.env };
}
