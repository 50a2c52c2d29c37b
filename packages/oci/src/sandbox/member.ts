import { closeSync } from 'node:fs';
import {
  type Container,
  InvalidOptionError,
  type Kernel,
  type Process,
  type SpawnOptions,
  type StdioKind,
} from '@sandbox/kernel';
import type { CreateRequest, ExecRequest, ProcessRow } from '../control/protocol.js';
import { Failure, messageOf } from '../failure.js';
import { ociState, type Status, type Stored, save } from '../state/store.js';
import { Console, sendConsole } from './console.js';
import { environment, runHooks } from './hooks.js';
import { type Program, programOf } from './program.js';
import { buildTree, rootOf } from './tree.js';

/** 128 and the signal for what a signal ended, as a shell has it. */
export function exitCodeOf(
  code: number | null,
  signal: string | null,
  numbers: Readonly<Record<string, number>>,
): number {
  return signal === null ? (code ?? 0) : 128 + (numbers[signal] ?? 0);
}

/** Namespaces of config.json by the kernel's names. */
const NAMESPACES = { pid: 'pid', ipc: 'ipc', uts: 'uts', cgroup: 'cgroup' } as const;

/** One container of a sandbox, from its creation to its end. */
export class Member {
  init: Process | null = null;
  /** It could not be started, or a hook that follows that failed: nothing more comes of it. */
  startFailed = false;
  private program: Program | null = null;
  private console: Console | null = null;
  private output: Promise<void> = Promise.resolve();

  private constructor(
    readonly container: Container,
    readonly request: CreateRequest,
    readonly stored: Stored,
  ) {}

  /** Build one: everything but its program. Throws Failure. */
  static async create(kernel: Kernel, request: CreateRequest, stored: Stored): Promise<Member> {
    const { config } = request;
    const keep = config.annotations?.['dev.sandbox.overlay'] ?? request.overlay;
    const container = kernel.createContainer({
      root: rootOf(stored.rootfs, keep),
      namespaces: namespacesOf(request),
      hostname: config.hostname || undefined,
      domainname: config.domainname || undefined,
      ids: idsOf(request),
    });
    const member = new Member(container, request, stored);
    try {
      await member.prepare();
      return member;
    } catch (error) {
      member.console?.close();
      container.dispose();
      throw error;
    }
  }

  private async prepare(): Promise<void> {
    const { container, stored, request } = this;
    const { config } = request;
    const state = ociState(stored);
    await runHooks(config, 'prestart', state);
    await runHooks(config, 'createRuntime', state);
    await runHooks(config, 'createContainer', state);
    try {
      await buildTree(container, config);
    } catch (error) {
      throw new Failure(
        `unable to start container process: error during container init: ${messageOf(error)}`,
      );
    }
    const { process } = config;
    this.program = await programOf(container, config, process!);
    if (!process!.terminal || request.consoleSocket === null) return;
    const { consoleSize } = process!;
    const size = consoleSize ? { rows: consoleSize.height, columns: consoleSize.width } : null;
    this.console = new Console(await sendConsole(request.consoleSocket, size));
    this.console.control();
  }

  get status(): Status {
    return this.stored.status;
  }

  private setStatus(status: Status): void {
    this.stored.status = status;
    save(this.request.root, this.stored);
  }

  /** It is ready to be started. */
  created(): void {
    this.setStatus('created');
  }

  /** Run its program on `fds`, the host's descriptors 0, 1 and 2, or its terminal. Throws Failure. */
  async start(fds: readonly number[]): Promise<void> {
    const refused: Partial<Record<Status, string>> = {
      running: 'cannot start an already running container',
      paused: 'cannot start a container in the paused state',
      stopped: 'cannot start a container that has stopped',
    };
    const why = refused[this.status];
    if (why !== undefined) throw new Failure(why);
    try {
      await this.startProgram(fds);
    } catch (error) {
      this.startFailed = true;
      this.init?.kill('SIGKILL');
      throw error;
    }
  }

  private async startProgram(fds: readonly number[]): Promise<void> {
    const { config } = this.request;
    const program = this.program!;
    await this.runInside(config.hooks?.startContainer ?? []);
    const terminal = config.process!.terminal ? this.console : null;
    const where = terminal === null ? { stdio: stdioOf(fds) } : { tty: terminal.size };
    this.init = this.spawn(program, where, () => {});
    if (terminal !== null) this.output = terminal.attach(this.init);
    this.setStatus('running');
    await runHooks(config, 'poststart', ociState(this.stored));
  }

  /** Connect the program's terminal with one of this process, in place of a console socket. */
  useConsole(console: Console): void {
    this.console = console;
  }

  resized(): void {
    if (this.init !== null) this.console?.resized(this.init);
  }

  /** Resolves with the exit status when the program has ended and its output is out. */
  async ended(numbers: Readonly<Record<string, number>>): Promise<number> {
    const { code, signal } = await this.init!.exited;
    this.setStatus('stopped');
    await this.output;
    return exitCodeOf(code, signal, numbers);
  }

  /** Hooks of the stage startContainer are programs of the container. */
  private async runInside(
    hooks: NonNullable<CreateRequest['config']['hooks']>['startContainer'] & object,
  ): Promise<void> {
    for (const [i, hook] of hooks.entries()) {
      const [argv0 = hook.path, ...args] = hook.args ?? [];
      const child = this.container.spawnOutside(hook.path, args, { argv0, env: environment(hook.env ?? []) });
      child.stdin!.on('error', () => {});
      child.stdin!.end(JSON.stringify(ociState(this.stored)));
      child.stdout!.resume();
      child.stderr!.resume();
      const { code, signal } = await child.exited;
      if (code !== 0) {
        const how = signal === null ? `exit status ${code}` : `signal: ${signal}`;
        throw new Failure(`error running startContainer hook #${i}: error running hook: ${how}`);
      }
    }
  }

  /** Start one more program, on descriptors that are its own from now on. Throws Failure. */
  async exec(
    request: ExecRequest,
    fds: readonly number[],
  ): Promise<{ process: Process; console: Console | null; output: Promise<void> }> {
    let console: Console | null = null;
    let taken = false;
    try {
      const program = await programOf(this.container, this.request.config, request.process);
      if (request.process.terminal) {
        console = new Console(fds[0]!);
        taken = true;
      }
      const where = console === null ? { stdio: stdioOf(fds, true) } : { tty: console.size };
      const process = this.spawn(program, where, () => {
        taken = true;
      });
      return { process, console, output: console?.attach(process) ?? Promise.resolve() };
    } catch (error) {
      console?.close();
      if (!taken) for (const fd of fds) closeSync(fd);
      throw error;
    }
  }

  /** `taken` is called when the kernel has the descriptors, even if the program does not start. Throws Failure. */
  private spawn(program: Program, where: SpawnOptions, taken: () => void): Process {
    try {
      const process = this.container.spawn(program.path, program.args, { ...program.options, ...where });
      taken();
      return process;
    } catch (error) {
      if (!(error instanceof InvalidOptionError)) taken();
      throw new Failure(`unable to start container process: ${startError(error, program)}`);
    }
  }

  kill(signal: number, all: boolean): void {
    if (all) this.container.killAll(signal);
    else if (this.init !== null) this.init.kill(signal);
  }

  pause(): void {
    if (this.status !== 'running' && this.status !== 'created') throw new Failure('container not running');
    this.container.pause();
    this.setStatus('paused');
  }

  resume(): void {
    if (this.status !== 'paused') throw new Failure('container not paused');
    this.container.resume();
    this.setStatus(this.init === null ? 'created' : 'running');
  }

  processes(): ProcessRow[] {
    return this.container
      .processes()
      .map(({ ownPid, ppid, uid, name }) => ({ pid: ownPid, ppid, uid, name }));
  }
}

function startError(error: unknown, program: Program): string {
  const { errno } = error as { errno?: unknown };
  const texts: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    ENOEXEC: 'exec format error',
  };
  if (typeof errno !== 'string' || texts[errno] === undefined) return messageOf(error);
  return `exec ${program.path}: ${texts[errno]}`;
}

/** `close`: they were given for this one program. */
function stdioOf(fds: readonly number[], close = false): [StdioKind, StdioKind, StdioKind, ...StdioKind[]] {
  const [a, b, c, ...rest] = fds.map((fd) => ({ fd, close }));
  return [a!, b!, c!, ...rest];
}

function namespacesOf({ config }: CreateRequest) {
  const wanted: Partial<Record<'pid' | 'ipc' | 'uts' | 'cgroup', 'new' | 'kernel'>> = {};
  const listed = config.linux?.namespaces ?? [];
  for (const [type, kind] of Object.entries(NAMESPACES)) {
    wanted[kind] = listed.some((ns) => ns.type === type) ? 'new' : 'kernel';
  }
  // Without a namespace of its own for pids its processes would see those of the kernel, which has no others.
  return { ...wanted, pid: 'new' as const };
}

function idsOf({ config }: CreateRequest) {
  const { linux } = config;
  if (!linux?.namespaces?.some((ns) => ns.type === 'user') || !linux.uidMappings?.length) return undefined;
  const map = (list: typeof linux.uidMappings = []) =>
    list.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, count: size }));
  return { uids: map(linux.uidMappings), gids: map(linux.gidMappings) };
}
