import { existsSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import {
  Kernel,
  type KernelOptions,
  type PlatformName,
  type Process,
  SpawnError,
  straceTo,
} from '@sandbox/kernel';
import { type FileSystemSpec, hostfs, overlay, tmpfs, VfsError } from '@sandbox/vfs';
import type { Bind } from './parse.js';
import { passTerminal } from './terminal.js';

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
  timeout?: number;
  strace?: boolean | string;
  stats?: boolean;
}

const OWN_FAILURE = 125;
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Passed through from the caller when set. */
const PASSED = ['TERM', 'LANG', 'LC_ALL', 'TZ', 'COLORTERM'];
/** Signals handed on to the guest. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;

/** Run a command in a fresh sandbox; the exit status for the shell. */
export async function run(command: string[], flags: RunFlags): Promise<number> {
  let kernel: Kernel;
  try {
    kernel = await Kernel.create(kernelOptions(flags));
  } catch (error) {
    return fail(error);
  }
  try {
    return await runIn(kernel, command, flags);
  } catch (error) {
    return fail(error);
  } finally {
    if (flags.stats) printStats(kernel);
    await kernel.dispose();
  }
}

function fail(error: unknown): number {
  console.error(`sandbox: ${describe(error)}`);
  if (!(error instanceof SpawnError)) return OWN_FAILURE;
  switch (error.culprit) {
    case 'program':
      return error.errno === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE;
    case 'interpreter':
      return NOT_EXECUTABLE;
    default:
      return OWN_FAILURE;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof VfsError) || error.errno === 0) return error.message;
  return `${error.message}: ${Object.keys(constants.errno).find((name) => errnoOf(name) === error.errno) ?? error.errno}`;
}

function errnoOf(name: string): number {
  return constants.errno[name as keyof typeof constants.errno];
}

function kernelOptions(flags: RunFlags): KernelOptions {
  const lower = flags.root === 'host' ? '/' : resolve(flags.root);
  const root = overlay({ lower: hostfs(lower, { readOnly: true }), upper: tmpfs() });
  const mounts: Record<string, FileSystemSpec> = {};
  // The host's temporary files are nobody's business; a read-only root needs a place to write at all.
  if (flags.root === 'host' || flags.readOnly) mounts['/tmp'] = tmpfs();
  for (const bind of flags.bind ?? []) {
    mounts[bind.target] = hostfs(resolve(bind.source), { readOnly: bind.readOnly });
  }
  return {
    platform: flags.platform,
    root,
    readOnlyRoot: flags.readOnly === true,
    mounts,
    hostname: flags.hostname,
    limits: {
      ...(flags.memory === undefined ? {} : { memory: flags.memory }),
      ...(flags.pids === undefined ? {} : { processes: flags.pids }),
    },
    user: flags.user ?? { uid: 0, gid: 0 },
  };
}

function environment(flags: RunFlags, terminal: boolean): Record<string, string> {
  const env: Record<string, string> = {
    PATH: DEFAULT_PATH,
    HOME: flags.user && flags.user.uid !== 0 ? '/' : '/root',
    HOSTNAME: flags.hostname,
  };
  for (const name of PASSED) {
    const value = process.env[name];
    if (value !== undefined && (name !== 'TERM' || terminal)) env[name] = value;
  }
  return { ...env, ...flags.env };
}

async function runIn(kernel: Kernel, command: string[], flags: RunFlags): Promise<number> {
  const tty = flags.tty ?? (isatty(0) && isatty(1));
  const env = environment(flags, tty);
  const [name, ...args] = command;
  const path = name.includes('/') ? name : await lookUp(kernel, name, env.PATH);
  if (path === null) {
    console.error(`sandbox: ${name}: not found in PATH of the sandbox`);
    return NOT_FOUND;
  }
  kernel.on('panic', (error) =>
    console.error(`sandbox: ${error.message}\n${(error.cause as Error)?.stack ?? ''}`),
  );
  const stopTracing = flags.strace ? straceTo(kernel, flags.strace) : null;
  const cwd = await workingDirectory(kernel, flags);
  const child = kernel.spawn(path, args, {
    argv0: name,
    env,
    cwd,
    ...(tty
      ? { tty: { rows: process.stdout.rows ?? 24, columns: process.stdout.columns ?? 80 } }
      : { stdio: 'inherit' }),
    ...(flags.timeout === undefined ? {} : { timeout: flags.timeout }),
  });
  const stopForwarding = forwardSignals(child);
  const restore = tty ? passTerminal(child) : null;
  const { code, signal } = await child.exited;
  await restore?.();
  stopForwarding();
  stopTracing?.();
  if (signal === null) return code ?? 0;
  if (signal !== 'SIGINT' && signal !== 'SIGPIPE') writeSync(2, `sandbox: ${name}: killed by ${signal}\n`);
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}

/** The first executable `name` in the guest's PATH. */
async function lookUp(kernel: Kernel, name: string, path = DEFAULT_PATH): Promise<string | null> {
  for (const dir of path.split(':')) {
    const candidate = `${dir || '.'}/${name}`;
    const stat = await kernel.fs.stat(candidate).catch(() => null);
    if (stat?.isFile() && (stat.mode & 0o111) !== 0) return candidate;
  }
  return null;
}

async function workingDirectory(kernel: Kernel, flags: RunFlags): Promise<string> {
  if (flags.cwd !== undefined) return flags.cwd;
  const here = process.cwd();
  if (flags.root !== 'host' || !existsSync(here)) return '/';
  const stat = await kernel.fs.stat(here).catch(() => null);
  return stat?.isDirectory() ? here : '/';
}

function forwardSignals(child: Process): () => void {
  const handlers = FORWARDED.map((signal) => {
    const handler = (): void => void child.kill(signal);
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

function printStats(kernel: Kernel): void {
  try {
    const { calls, platform, memory } = kernel.stats();
    const rows = Object.entries(calls).sort((a, b) => b[1] - a[1]);
    console.error(`\n${'calls'.padStart(10)}  system call`);
    for (const [name, count] of rows) console.error(`${String(count).padStart(10)}  ${name}`);
    console.error(`\nmemory ${(memory / 2 ** 20).toFixed(1)} MiB; platform ${JSON.stringify(platform)}`);
  } catch {
    // A kernel that panicked has no figures.
  }
}
