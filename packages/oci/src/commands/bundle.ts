import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { count, type Flags, text } from '../cli/parser.js';
import { loadConfig } from '../config/load.js';
import type { OciConfig } from '../config/types.js';
import type { Context } from '../context.js';
import type { CreateRequest } from '../control/protocol.js';
import { errnoText, Failure } from '../failure.js';

/** The bundle a command is about. Throws Failure. */
export function bundleOf(flags: Flags): string {
  const given = text(flags, 'bundle');
  const bundle = resolve(given || '.');
  if (!existsSync(bundle)) throw new Failure(`chdir ${given}: no such file or directory`);
  return bundle;
}

/**
 * Descriptors beyond 2 the container's program gets: those of LISTEN_FDS (sd_listen_fds(3)) and of
 * --preserve-fds.
 */
function extraDescriptors(flags: Flags): number {
  const listening = Number(process.env.LISTEN_FDS ?? 0);
  return (Number.isInteger(listening) && listening > 0 ? listening : 0) + (count(flags, 'preserve-fds') ?? 0);
}

/** What is to be created, checked. `detach`: the command does not stay with it. Throws Failure. */
export function requestOf(
  context: Context,
  flags: Flags,
  id: string,
  bundle: string,
  detach: boolean,
): CreateRequest {
  const config = withCallersFiles(withListenFds(loadConfig(bundle)));
  const consoleSocket = text(flags, 'console-socket') || null;
  const terminal = config.process?.terminal ?? false;
  if (detach && terminal && consoleSocket === null)
    throw new Failure('cannot allocate tty if runc will detach without setting console socket');
  if ((!detach || !terminal) && consoleSocket !== null)
    throw new Failure('cannot use console socket if runc will not detach or allocate tty');
  return {
    root: context.root,
    id,
    bundle,
    config,
    consoleSocket: consoleSocket === null ? null : resolve(consoleSocket),
    platform: context.platform,
    overlay: context.overlay,
    systemdCgroup: context.systemdCgroup,
    preserveFds: extraDescriptors(flags),
  };
}

/** Descriptors of this process its program gets. */
export function descriptorsOf({ preserveFds }: CreateRequest): number[] {
  const fds = [0, 1, 2];
  for (let i = 0; i < preserveFds; i++) fds.push(3 + i);
  return fds;
}

function withListenFds(config: OciConfig): OciConfig {
  const listening = process.env.LISTEN_FDS;
  if (!listening || !config.process) return config;
  const env = [...(config.process.env ?? []), `LISTEN_FDS=${listening}`, 'LISTEN_PID=1'];
  return { ...config, process: { ...config.process, env } };
}

/** What a process may have open at most, whatever its limit (proc_sys_fs(5), nr_open). */
const MOST_FILES = 1048576;

/**
 * Where the configuration sets no limit of open files, the container has that of who called, as with runc;
 * node has raised its own.
 */
function withCallersFiles(config: OciConfig): OciConfig {
  const { process: wanted } = config;
  if (!wanted || wanted.rlimits?.some(({ type }) => type === 'RLIMIT_NOFILE')) return config;
  let limits: string;
  try {
    limits = readFileSync(`/proc/${process.ppid}/limits`, 'utf8');
  } catch {
    return config;
  }
  const [, soft, hard] = /^Max open files +(\w+) +(\w+)/m.exec(limits) ?? [];
  if (soft === undefined) return config;
  const number = (limit = ''): number =>
    limit === 'unlimited' ? MOST_FILES : Math.min(Number(limit), MOST_FILES);
  const files = { type: 'RLIMIT_NOFILE', soft: number(soft), hard: number(hard) };
  return { ...config, process: { ...wanted, rlimits: [...(wanted.rlimits ?? []), files] } };
}

/** The file appears with its content. */
export function writePidFile(path: string | undefined, pid: number): void {
  if (!path) return;
  const whole = resolve(path);
  const temporary = join(dirname(whole), `.${pid}-${process.pid}`);
  try {
    writeFileSync(temporary, String(pid), { mode: 0o644 });
    renameSync(temporary, whole);
  } catch (error) {
    throw new Failure(`open ${join(dirname(whole), `.${basename(whole)}`)}: ${errnoText(error)}`);
  }
}
