import type { KernelLimits, ThreadGroup } from '@sandbox/kernel-core/process';
import { type CallLatency, LatencyRecorder } from '@sandbox/kernel-core/table';
import { HostClock, HostRandom } from '@sandbox/kernel-core/time';
import { loadNetwork, networkProvider } from '@sandbox/kernel-net';
import type { FlowEvent } from '@sandbox/net';
import { KERNEL_CREDENTIALS, VfsPromises } from '@sandbox/vfs';
import { EventEmitter } from 'eventemitter3';
import { type BootedKernel, boot } from './boot.js';
import { checkObject, checkRecord, checkSignal, checkText } from './check.js';
import { Container, type ContainerOptions } from './container/container.js';
import { KernelDisposedError, KernelPanicError, OutputLimitError, SpawnError } from './errors.js';
import { HostFds } from './host-fds.host.js';
import { hostCpus, hostMemory } from './host-info.host.js';
import {
  Launcher,
  type PipedOptions,
  type Place,
  type SpawnOptions,
  type TerminalOptions,
} from './launch.js';
import { loadProgram } from './load-program.js';
import { writeNetworkFiles } from './net/files.js';
import { KernelNet } from './net/kernel-net.js';
import { isIdle, type NetworkOptions } from './net/options.js';
import { type CheckedOptions, checkLimits, checkOptions, type KernelOptions } from './options.js';
import { selectPlatform } from './platforms.js';
import {
  decodeStatus,
  type ExitResult,
  type PipedProcess,
  type Process,
  type TerminalProcess,
} from './process.js';
import { checkRun, collect, DEFAULT_MAX_BUFFER, type RunOptions, type RunResult } from './run.js';
import { fromBytes, toBytes } from './text.js';

/** What a kernel tells its embedder. */
export interface KernelEvents {
  /**
   * A process came to be: a program the embedder started, or a fork of one, which still has its parent's path
   * then.
   */
  'process-start': (process: { pid: number; path: string }) => void;
  'process-exit': (process: { pid: number; path: string } & ExitResult) => void;
  /** A process is killed, because the sandbox or its container has taken too much memory. */
  'oom-kill': (process: { pid: number; path: string }) => void;
  /**
   * A guest asked for something this kernel does not have; it was told ENOSYS (or what fits). Once a kind and
   * program.
   */
  unimplemented: (what: { name: string; detail: string; program: string }) => void;
  /** Something the guest sent, or a name it asked for, was not allowed to leave (`network.allow`). */
  denied: (flow: FlowEvent) => void;
  /** A bug ended the sandbox. */
  panic: (error: KernelPanicError) => void;
}

/** What `kernel.stats()` tells. */
export interface KernelStats {
  /** System calls made so far, by name. */
  readonly calls: Readonly<Record<string, number>>;
  /** How long they took; empty without the option `measure`. */
  readonly latencies: Readonly<Record<string, CallLatency>>;
  /** The platform's counters. */
  readonly platform: Readonly<Record<string, number>>;
  /**
   * Places in programs whose many calls the platform cannot speed up: address behind the call, calls, bytes
   * around it.
   */
  readonly slowSites: readonly {
    readonly address: number;
    readonly calls: number;
    readonly code: Uint8Array;
  }[];
  /** Bytes of host memory the guests use. */
  readonly memory: number;
}

const LOAD_OPTIONS = { cwd: true, signal: true } as const;

/**
 * A Linux kernel with its own tree, processes and memory. Programs started in it run natively on this
 * machine's CPU and see nothing of the host but what the options hand in.
 */
export class Kernel extends EventEmitter<KernelEvents> implements AsyncDisposable {
  private readonly processes_ = new Set<Process>();
  private readonly reported = new Set<string>();
  private booted!: BootedKernel;
  private hostFds!: HostFds;
  private launcher!: Launcher;
  private ended: 'no' | 'disposed' | 'panic' = 'no';
  private panicError: KernelPanicError | null = null;
  private activeOutdated = false;
  private readonly onAbort = (): void => void this.dispose();
  private abortSignal: AbortSignal | null = null;

  private constructor(readonly _options: CheckedOptions) {
    super();
  }

  /**
   * Start a kernel. Throws InvalidOptionError, PlatformUnavailableError, VfsError, MountError; nothing is
   * left behind then.
   */
  static async create(options: KernelOptions): Promise<Kernel> {
    const checked = checkOptions(options);
    options.signal?.throwIfAborted();
    const platform = await selectPlatform(checked.platform);
    options.signal?.throwIfAborted();
    const kernel = new Kernel(checked);
    kernel.booted = boot({
      platform,
      root: checked.root,
      readOnlyRoot: checked.readOnlyRoot,
      mounts: checked.mounts,
      limits: checked.limits,
      clock: options.clock ?? new HostClock(),
      random: options.random ?? new HostRandom(),
      hostname: checked.hostname,
      cpus: hostCpus(),
      machineMemory: hostMemory(),
      networks: networkProvider,
      reporter: {
        unimplemented: (task, name, detail) => kernel.onUnimplemented(fromBytes(task.comm), name, detail),
        processStarted: (process) => kernel.onProcess('process-start', process),
        processExited: (process) => kernel.onProcess('process-exit', process),
        oomKilled: ({ pid, exePath }) =>
          queueMicrotask(() => kernel.emit('oom-kill', { pid, path: fromBytes(exePath) })),
        panic: (error, task) =>
          kernel.onPanic(error, task ? `in ${fromBytes(task.comm)}, system call ${task.nr}` : ''),
      },
    });
    const { core } = kernel.booted;
    kernel.hostFds = new HostFds(core);
    kernel.launcher = new Launcher(kernel.booted, kernel.hostFds, checked);
    if (checked.measure) core.syscalls.latency = new LatencyRecorder(() => core.clock.monotonic());
    await kernel.startNetwork(checked.network);
    if (options.signal) {
      kernel.abortSignal = options.signal;
      options.signal.addEventListener('abort', kernel.onAbort, { once: true });
    }
    return kernel;
  }

  /** The kernel's inside, for tools built with it (tracers, tests). Not a stable interface. */
  get core(): BootedKernel['core'] {
    return this.booted.core;
  }

  /** The guest's file tree, in the shape of node:fs/promises, with full rights. */
  get fs(): VfsPromises {
    const booted = this.live();
    this.fs_ ??= new VfsPromises(booted.core.vfs, booted.fs, KERNEL_CREDENTIALS, (fn) => booted.core.run(fn));
    return this.fs_;
  }
  private fs_: VfsPromises | null = null;

  /** The guest's network: connect to its servers, serve it, publish its ports. */
  get net(): KernelNet {
    const booted = this.live();
    this.net_ ??= new KernelNet(booted.core);
    return this.net_;
  }
  private net_: KernelNet | null = null;

  /** Put the network together that the options ask for. Leaves nothing behind when it cannot be. */
  private async startNetwork(options: NetworkOptions): Promise<void> {
    if (isIdle(options) && options.hosts === undefined && options.dns === undefined) return;
    try {
      const dns = await this.attachNetwork(options);
      const { core, fs } = this.booted;
      core.run(() => writeNetworkFiles(core, fs, options, dns));
    } catch (error) {
      await this.dispose();
      throw error;
    }
  }

  /** The gateway's DNS servers. */
  private async attachNetwork(options: NetworkOptions): Promise<readonly string[]> {
    if (isIdle(options)) return [];
    const { core } = this.booted;
    const [network, { attach }] = await Promise.all([loadNetwork(core), import('./net/attach.js')]);
    const attached = core.run(() => attach(network, options, (flow) => this.onDenied(flow)));
    network.onDispose(attached.close);
    for (const option of options.publish ?? []) await this.net.publish(option);
    return attached.dns;
  }

  private onDenied(flow: FlowEvent): void {
    queueMicrotask(() => this.emit('denied', flow));
  }

  private live(): BootedKernel {
    if (this.panicError) throw this.panicError;
    if (this.ended !== 'no') throw new KernelDisposedError();
    return this.booted;
  }

  /** Start a program. Throws SpawnError (with Linux's reason) when it cannot be. */
  spawn(path: string, args?: readonly string[], options?: PipedOptions): PipedProcess;
  spawn(path: string, args: readonly string[], options: TerminalOptions): TerminalProcess;
  spawn(path: string, args?: readonly string[], options?: SpawnOptions): Process;
  spawn(path: string, args: readonly string[] = [], options: SpawnOptions = {}): Process {
    const booted = this.live();
    return this.start({ fs: booted.fs, container: null }, path, args, options);
  }

  private start(place: Place, path: string, args: readonly string[], options: SpawnOptions): Process {
    this.live();
    let process: Process;
    try {
      process = this.launcher.launch(place, path, args, options);
    } catch (error) {
      this.updateActive();
      throw error;
    }
    this.processes_.add(process);
    this.watch(process, options);
    return process;
  }

  /**
   * A container: a tree and namespaces of its own in this kernel, to start programs in. Its tree begins with
   * `root` and nothing mounted on it. Throws InvalidOptionError, VfsError.
   */
  createContainer(options: ContainerOptions): Container {
    const booted = this.live();
    return new Container(booted.core, options, (place, path, args, spawn) =>
      this.start(place, path, args, spawn),
    );
  }

  /**
   * Change limits while guests run. What they hold beyond a lower one is not taken away, but for memory: then
   * processes are killed.
   */
  setLimits(limits: Partial<KernelLimits>): void {
    const { core } = this.live();
    Object.assign(core.limits, checkLimits({ ...core.limits, ...checkRecord('limits', limits) }));
    if (core.mountEnv.objects !== undefined) core.mountEnv.objects.limit = core.limits.files;
  }

  private watch(process: Process, options: SpawnOptions): void {
    const stop = this.killWhen(process, options.signal, options.timeout);
    const done = (): void => {
      stop();
      this.processes_.delete(process);
    };
    process.exited.then(done, done);
  }

  /**
   * Kill a program and what descends from it when `signal` is aborted or `timeout` ms have passed. Returns
   * what calls that off.
   */
  private killWhen(process: Process, signal?: AbortSignal, timeout?: number): () => void {
    if (signal === undefined && timeout === undefined) return () => {};
    const kill = (): void => process.killTree();
    const expire = (): void => process.expire();
    signal?.addEventListener('abort', kill, { once: true });
    const timer = timeout === undefined ? null : setTimeout(expire, timeout);
    return () => {
      if (timer) clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
    };
  }

  /**
   * Have a program's content there, its interpreter's and loader's too, where it lies in files that come
   * later than they are asked for (`jsfs`, `lazyTree`): `spawn` cannot wait for it and throws a SpawnError
   * with EAGAIN. What cannot be had is left for `spawn` to find.
   */
  async load(path: string, options: { cwd?: string; signal?: AbortSignal } = {}): Promise<void> {
    const { core, fs } = this.live();
    const { cwd = '/', signal } = checkObject('', options, LOAD_OPTIONS);
    checkSignal('signal', signal);
    const where = toBytes(checkText('cwd', cwd));
    await loadProgram(core, fs.clone(), where, toBytes(checkText('path', path)), signal);
  }

  private async spawnLoaded(
    path: string,
    args: readonly string[],
    options: SpawnOptions,
    signal: AbortSignal | undefined,
  ): Promise<Process> {
    try {
      return this.spawn(path, args, options);
    } catch (error) {
      if (!(error instanceof SpawnError) || error.errno !== 'EAGAIN') throw error;
    }
    await this.load(path, { cwd: options.cwd, signal });
    signal?.throwIfAborted();
    return this.spawn(path, args, options);
  }

  /**
   * Run a program to its end and collect its output: until all that hold it have closed it, background
   * programs too. Rejects with SpawnError, OutputLimitError, KernelPanicError, KernelDisposedError, or the
   * signal's reason.
   */
  run(
    path: string,
    args: readonly string[],
    options: RunOptions & { encoding: 'buffer' },
  ): Promise<RunResult<Buffer>>;
  run(path: string, args?: readonly string[], options?: RunOptions): Promise<RunResult>;
  async run(
    path: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<RunResult<string | Buffer>> {
    const { input, encoding, maxBuffer, signal, timeout, ...rest } = checkRun(options);
    signal?.throwIfAborted();
    const started = await this.spawnLoaded(path, args, rest, signal);
    const limit = maxBuffer ?? DEFAULT_MAX_BUFFER;
    started.stdin!.on('error', () => {});
    started.stdin!.end(input ?? '');
    const kill = (): void => started.killTree();
    const [stdout, stderr, exit] = await Promise.all([
      collect(started.stdout!, limit, kill),
      collect(started.stderr!, limit, kill),
      started.exited,
    ]).finally(this.killWhen(started, signal, timeout));
    if (!stdout || !stderr) throw new OutputLimitError(limit);
    signal?.throwIfAborted();
    if (this.ended === 'disposed') throw new KernelDisposedError();
    const convert = (bytes: Buffer): string | Buffer =>
      encoding === 'buffer' ? bytes : bytes.toString('utf8');
    return { ...exit, stdout: convert(stdout), stderr: convert(stderr), timedOut: started.timedOut };
  }

  /** Processes now, by pid. */
  processes(): { pid: number; ppid: number; name: string; state: 'running' | 'zombie' }[] {
    const { core } = this.live();
    return [...core.pids.processes.values()]
      .filter((p) => p !== core.init)
      .map((p) => ({
        pid: p.pid,
        ppid: p.parent?.pid ?? 0,
        name: fromBytes(p.leader.comm),
        state: p.zombie ? 'zombie' : 'running',
      }));
  }

  /** Figures for diagnosis: calls per name, the platform's counters, memory. */
  stats(): KernelStats {
    const { core } = this.live();
    const calls: Record<string, number> = {};
    const latencies: Record<string, CallLatency> = {};
    for (let nr = 0; nr < core.syscalls.counts.length; nr++) {
      const n = core.syscalls.counts[nr];
      if (n === 0) continue;
      const name = core.syscalls.row(nr)?.name ?? `syscall_${nr}`;
      calls[name] = n;
      const latency = core.syscalls.latency?.read(nr);
      if (latency) latencies[name] = latency;
    }
    const slowSites = core.platform.slowSites?.() ?? [];
    return {
      calls,
      latencies,
      platform: core.platform.stats(),
      slowSites,
      memory: core.memory.committedBytes(),
    };
  }

  /** The event loop stays alive while some program does. */
  private updateActive(): void {
    this.activeOutdated = false;
    if (this.ended !== 'no') return;
    const { core } = this.booted;
    let active = false;
    for (const process of core.pids.processes.values()) {
      if (process !== core.init && !process.zombie) active = true;
    }
    core.platform.setActive(active);
  }

  // Reports -------------------------------------------------------------------------------------------------

  private onProcess(event: 'process-start' | 'process-exit', process: ThreadGroup): void {
    if (!this.activeOutdated) {
      this.activeOutdated = true;
      queueMicrotask(() => this.updateActive());
    }
    if (this.listenerCount(event) === 0) return;
    const what = { pid: process.pid, path: fromBytes(process.exePath) };
    const end = decodeStatus(process.exitStatus);
    // User code must not run inside the kernel.
    queueMicrotask(() => {
      if (event === 'process-start') this.emit(event, what);
      else this.emit(event, { ...what, ...end });
    });
  }

  private onUnimplemented(program: string, name: string, detail: string): void {
    const key = `${program}\0${name}\0${detail}`;
    if (this.reported.has(key) || this.reported.size > 10000) return;
    this.reported.add(key);
    queueMicrotask(() => this.emit('unimplemented', { name, detail, program }));
  }

  private onPanic(cause: unknown, during: string): void {
    this.panicError = new KernelPanicError(cause, during);
    // The stack that failed is still running: end the sandbox in a turn of its own.
    queueMicrotask(() => {
      this.end('panic');
      this.emit('panic', this.panicError!);
    });
  }

  private end(how: 'disposed' | 'panic'): void {
    if (this.ended !== 'no') return;
    this.ended = how;
    this.abortSignal?.removeEventListener('abort', this.onAbort);
    // Guests run no more, whatever letting go of their streams and terminals would tell them.
    this.booted.core.dead = true;
    for (const process of this.processes_) process.abandon(this.panicError);
    this.processes_.clear();
    this.booted.dispose();
    this.hostFds.dispose();
  }

  /** End every program and give everything back. Idempotent. */
  async dispose(): Promise<void> {
    // A file system of the embedder's may call this from within the kernel, whose stack must unwind first.
    if (this.booted.core.entered) await Promise.resolve();
    const closing = this.net_?.dispose();
    this.end('disposed');
    await closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}
