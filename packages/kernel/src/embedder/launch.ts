import { RLIMIT_NOFILE } from '@sandbox/abi';
import type { FsContext } from '@sandbox/vfs';
import type { BootedKernel } from '../kernel/boot.js';
import type { ContainerCore } from '../kernel/container-core.js';
import { spawnProcess } from '../loader/spawn.js';
import { Limits } from '../task/rlimits.js';
import { InvalidOptionError, type SpawnError } from './errors.js';
import type { HostFds } from './host-fds.host.js';
import { type CheckedOptions, checkCount, checkEnv, checkUser, type UserOption } from './options.js';
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
  /** Descriptors 0, 1, 2: one kind for all, or one each. More than three: descriptors from 3 on. Default 'pipe'. */
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
    const { booted } = this;
    const { core } = booted;
    options.signal?.throwIfAborted();
    checkTimeout(options.timeout);
    const user = options.user ? checkUser('user', options.user) : this.defaults.user;
    const env = checkEnv('env', options.env ?? this.defaults.env);
    checkTexts(path, args);
    const cred = applyRights(user, place.container?.userNs ?? null, options);
    const seccomp = makeFilter(options.seccomp);
    const limits = Limits.initial(core.limits.processes);
    limits.set(RLIMIT_NOFILE, 1024, Math.min(1048576, core.limits.openFiles));
    applyLimits(limits, options.rlimits);
    const oomScoreAdj = checkCount('oomScoreAdj', options.oomScoreAdj ?? 0, -1000, 1000);
    const personality = checkCount('personality', options.personality ?? 0, 0, 0xffffffff);
    const { stdio, terminal } = this.makeDescriptors(place, options, cred);
    const { files } = terminal ?? stdio!;
    core.platform.setActive(true);
    const group = core.run(() => {
      const g = spawnProcess(core, {
        path: toBytes(path),
        argv: [options.argv0 ?? path, ...args].map(toBytes),
        env: Object.entries(env).map(([k, v]) => toBytes(`${k}=${v}`)),
        cwd: toBytes(options.cwd ?? '/'),
        cred,
        files,
        fs: place.fs.clone(),
        umask: options.umask ?? 0o022,
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
      throw this.failure(place, -group, { path, cwd: options.cwd ?? '/', cred });
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
    const one = options.stdio ?? 'pipe';
    const kinds: readonly StdioKind[] = Array.isArray(one)
      ? one
      : [one as StdioKind, one as StdioKind, one as StdioKind];
    if (options.tty) {
      const size = checkTerminal(options.tty);
      const terminal = core.run(() => new ProcessTerminal(core, place.fs, size, cred));
      return { stdio: null, terminal };
    }
    return { stdio: core.run(() => makeStdio(core, place.fs, this.hostFds, kinds)), terminal: null };
  }
}

function checkTexts(path: string, args: readonly string[]): void {
  for (const [i, text] of [path, ...args].entries()) {
    if (typeof text !== 'string' || text.includes('\0')) {
      throw new InvalidOptionError(i === 0 ? 'path' : `args[${i - 1}]`, 'a string without NUL is needed');
    }
  }
}
