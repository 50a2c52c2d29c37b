import { RLIMIT_NOFILE } from '@sandbox/abi';
import { Limits } from '@sandbox/kernel-core/mm';
import type { ContainerCore } from '@sandbox/kernel-core/process';
import { spawnProcess } from '@sandbox/kernel-core/process';
import type { FsContext } from '@sandbox/vfs';
import type { BootedKernel } from './boot.js';
import { checkCount, checkList, checkObject, checkSignal, checkText } from './check.js';
import { InvalidOptionError, type SpawnError } from './errors.js';
import type { HostFds } from './host-fds.host.js';
import { type CheckedOptions, checkEnv, checkUser, type UserOption } from './options.js';
import { Process } from './process.js';
import { applyLimits, applyRights, makeFilter, type RightsOptions } from './rights.js';
import { spawnError } from './spawn-why.js';
import { makeStdio, type StdioKind } from './stdio.js';
import { checkTerminal, ProcessTerminal, type TerminalSize } from './terminal.js';
import { toBytes } from './text.js';

export interface SpawnOptions extends RightsOptions {
  /** Environment; default: the kernel's. */
  env?: Readonly<Record<string, string>>;
  /** Working directory in the guest's tree; default '/'. */
  cwd?: string;
  user?: UserOption;
  /**
   * Descriptors 0, 1, 2: one kind for all, or one each. More than three: descriptors from 3 on. Default
   * 'pipe'.
   */
  stdio?: StdioKind | readonly [StdioKind, StdioKind, StdioKind, ...StdioKind[]];
  /** Give it a terminal of its own instead of `stdio`: its controlling terminal, with job control. */
  tty?: boolean | TerminalSize;
  /** argv[0]; default: the path. */
  argv0?: string;
  /** Execution domain and its flags (personality(2)); default 0, PER_LINUX. */
  personality?: number;
  /** File mode creation mask; default 0o022. */
  umask?: number;
  /** Kills the program and its descendants when aborted. */
  signal?: AbortSignal;
  /** Kills it and its descendants after so many milliseconds; see `Process.timedOut`. */
  timeout?: number;
}

/** Where a program starts: the tree it sees, and its container. */
export interface Place {
  readonly fs: FsContext;
  readonly container: ContainerCore | null;
}

/** Those of a program whose descriptors are pipes. */
export type PipedOptions = Omit<SpawnOptions, 'tty'> & { stdio?: 'pipe'; tty?: false };

/** Those of a program on a terminal of its own. */
export type TerminalOptions = Omit<SpawnOptions, 'tty'> & { tty: true | TerminalSize };

export const SPAWN_OPTIONS: Record<keyof SpawnOptions, true> = {
  env: true,
  cwd: true,
  user: true,
  stdio: true,
  tty: true,
  argv0: true,
  personality: true,
  umask: true,
  signal: true,
  timeout: true,
  capabilities: true,
  rlimits: true,
  noNewPrivileges: true,
  seccomp: true,
  oomScoreAdj: true,
};

/** Longest time of a timer of Node's, ms. */
const MAX_TIMEOUT = 0x7fffffff;

export function checkTimeout(timeout: number | undefined): void {
  if (timeout === undefined) return;
  if (typeof timeout !== 'number' || !(timeout >= 0 && timeout <= MAX_TIMEOUT)) {
    throw new InvalidOptionError('timeout', `milliseconds from 0 to ${MAX_TIMEOUT} are needed`);
  }
}

/** Starts the embedder's programs. */
export class Launcher {
  constructor(
    private readonly booted: BootedKernel,
    private readonly hostFds: HostFds,
    private readonly defaults: CheckedOptions,
  ) {}

  /** Start a program at `place`. Throws InvalidOptionError, SpawnError. */
  launch(place: Place, path: string, args: readonly string[], options: SpawnOptions): Process {
    const { core } = this.booted;
    checkObject('', options, SPAWN_OPTIONS);
    checkSignal('signal', options.signal);
    options.signal?.throwIfAborted();
    checkTimeout(options.timeout);
    checkText('path', path);
    const argv = checkList('args', args).map((arg, i) => checkText(`args[${i}]`, arg));
    const { argv0 = path, cwd = '/', umask = 0o022, oomScoreAdj = 0, personality = 0 } = options;
    checkText('argv0', argv0);
    checkText('cwd', cwd);
    checkCount('umask', umask, 0, 0o777);
    checkCount('oomScoreAdj', oomScoreAdj, -1000, 1000);
    checkCount('personality', personality, 0, 0xffffffff);
    const user = options.user === undefined ? this.defaults.user : checkUser('user', options.user);
    const env = options.env === undefined ? this.defaults.env : checkEnv('env', options.env);
    const cred = applyRights(user, place.container?.userNs ?? null, options);
    const seccomp = makeFilter(options.seccomp);
    const limits = Limits.initial(core.limits.processes);
    limits.set(RLIMIT_NOFILE, 1024, Math.min(1048576, core.limits.openFiles));
    applyLimits(limits, options.rlimits);
    const { stdio, terminal } = this.makeDescriptors(place, options, cred);
    const { files } = terminal ?? stdio!;
    core.platform.setActive(true);
    const group = core.run(() => {
      const g = spawnProcess(core, {
        path: toBytes(path),
        argv: [argv0, ...argv].map(toBytes),
        env: Object.entries(env).map(([k, v]) => toBytes(`${k}=${v}`)),
        cwd: toBytes(cwd),
        cred,
        files,
        fs: place.fs.clone(),
        umask,
        limits,
        container: place.container,
        seccomp,
        oomScoreAdj,
        personality,
      });
      if (typeof g !== 'number') terminal?.attach(g);
      return g;
    });
    if (typeof group === 'number') {
      core.run(() => files.closeAll());
      for (const s of [stdio?.stdin, stdio?.stdout, stdio?.stderr]) s?.destroy();
      terminal?.end();
      throw this.failure(place, -group, { path, cwd, cred });
    }
    return new Process(core, group, stdio, terminal);
  }

  private failure(
    place: Place,
    errno: number,
    failed: { path: string; cwd: string; cred: ReturnType<typeof applyRights> },
  ): SpawnError {
    const { core } = this.booted;
    const bytes = { path: toBytes(failed.path), cwd: toBytes(failed.cwd) };
    return core.run(() => spawnError(core, errno, { ...bytes, cred: failed.cred, fs: place.fs.clone() }));
  }

  private makeDescriptors(place: Place, options: SpawnOptions, cred: ReturnType<typeof applyRights>) {
    const { core } = this.booted;
    const { stdio: one = 'pipe', tty = false } = options;
    const kinds: readonly StdioKind[] = Array.isArray(one)
      ? one
      : [one as StdioKind, one as StdioKind, one as StdioKind];
    if (tty !== false) {
      const size = checkTerminal(tty);
      const terminal = core.run(() => new ProcessTerminal(core, place.fs, size, cred));
      return { stdio: null, terminal };
    }
    return { stdio: core.run(() => makeStdio(core, place.fs, this.hostFds, kinds)), terminal: null };
  }
}
