import { closeSync } from 'node:fs';
import { constants, hostname } from 'node:os';
import {
  type Container,
  InvalidOptionError,
  type Kernel,
  type Process,
  type SpawnOptions,
  type StdioKind,
} from '@sandbox/kernel';
import type { OciConfig } from '../config/types.js';
import type { CreateRequest, ExecRequest, ProcessRow } from '../control/protocol.js';
import { Failure, messageOf } from '../failure.js';
import { ociState, type Status, type Stored, save } from '../state/store.js';
import { joinGroups } from './cgroup.js';
import { Console, sendConsole, sizeOf } from './console.js';
import { environment, runHooks } from './hooks.js';
import type { HostNetwork } from './host-network.js';
import { limitsOf } from './limits.js';
import { tellOutOfMemory } from './oom-notice.js';
import { isPause } from './pod.js';
import { type Program, programOf } from './program.js';
import type { SharedNamespaces } from './shared-namespaces.js';
import { buildTree, idMap, rootOf } from './tree.js';

export const SIGNALS: Readonly<Record<string, number>> = constants.signals;
/** Exit statuses of a container that could not be started, and of one whose kernel went. */
const FAILED = 255;
const LOST = 137;

/** 128 and the signal for what a signal ended, as a shell has it. */
export function exitCodeOf(
  code: number | null,
  signal: string | null,
  numbers: Readonly<Record<string, number>>,
): number {
  return signal === null ? (code ?? 0) : 128 + (numbers[signal] ?? 0);
}

/** What a container is built in. */
export interface Surroundings {
  readonly kernel: Kernel;
  readonly network: HostNetwork;
  readonly namespaces: SharedNamespaces;
}

/** One container of a sandbox, from its creation to its end. */
export class Member {
  /** Its first program, while there is one. */
  init: Process | null = null;
  /** Resolves with its exit status when it has ended and its output is out. */
  readonly end: Promise<number>;
  private finish!: (status: number) => void;
  private over = false;
  private begun = false;
  private program: Program | null = null;
  private output: Promise<void> = Promise.resolve();
  private notice: Promise<void> | null = null;
  private kills = 0;

  private constructor(
    readonly container: Container,
    readonly request: CreateRequest,
    readonly stored: Stored,
    private fds: readonly number[],
    private console: Console | null,
  ) {
    this.end = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  /** Build one: everything but its program, which is to run on `fds`, or `console`. Throws Failure. */
  static async create(
    { kernel, network, namespaces }: Surroundings,
    request: CreateRequest,
    stored: Stored,
    fds: readonly number[],
    console: Console | null,
  ): Promise<Member> {
    const { config } = request;
    const keep = config.annotations?.['dev.sandbox.overlay'] ?? request.overlay;
    const isGuest = stored.sandbox !== stored.id;
    const container = kernel.createContainer({
      root: rootOf(stored.rootfs, keep, stored.id),
      namespaces: await namespaces.of(config),
      ...namesOf(config),
      ids: idsOf(request),
      timeOffsets: offsetsOf(config),
      // The first has the kernel's.
      limits: isGuest ? limitsOf(config.linux?.resources ?? {}) : {},
      // So engines find what its programs use in its own control groups. Those of the first are where this
      // process is.
      onHostProcess: isGuest ? (pid) => joinGroups(stored.cgroups, pid) : undefined,
    });
    const member = new Member(container, request, stored, fds, console);
    try {
      await member.prepare(network);
      namespaces.add(member);
      return member;
    } catch (error) {
      member.console?.close();
      container.dispose();
      throw error;
    }
  }

  private async prepare(network: HostNetwork): Promise<void> {
    const { container, stored, request } = this;
    const { config } = request;
    const state = ociState(stored);
    const outside = <T>(start: () => T): T => network.outside(start);
    try {
      await runHooks(config, 'prestart', state, outside);
      await runHooks(config, 'createRuntime', state, outside);
      await runHooks(config, 'createContainer', state);
      await buildTree(container, config);
    } catch (error) {
      throw new Failure(
        `unable to start container process: error during container init: ${messageOf(error)}`,
      );
    }
    const process = config.process!;
    if (!isPause(config)) this.program = await programOf(container, config, process, true);
    if (!process.terminal || request.consoleSocket === null || this.console !== null) return;
    this.console = new Console(await sendConsole(request.consoleSocket, sizeOf(process)));
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

  /** Run its program. Throws Failure: it has ended then. */
  async start(): Promise<void> {
    const refused: Partial<Record<Status, string>> = {
      running: 'cannot start an already running container',
      paused: 'cannot start a container in the paused state',
      stopped: 'cannot start a container that has stopped',
    };
    const why = refused[this.status];
    if (why !== undefined) throw new Failure(why);
    try {
      const { hooks } = this.request.config;
      await this.runInside(hooks?.startContainer ?? []);
      if (this.program !== null) this.run(this.program);
      this.begun = true;
      this.setStatus('running');
      await runHooks(this.request.config, 'poststart', ociState(this.stored));
    } catch (error) {
      this.init?.kill('SIGKILL');
      // Whoever asked for the start is told first.
      setImmediate(() => this.ended(FAILED));
      throw error;
    }
  }

  private run(program: Program): void {
    const terminal = this.request.config.process!.terminal ? this.console : null;
    const where = terminal === null ? { stdio: stdioOf(this.fds, this.isGuest) } : { tty: terminal.size };
    const init = this.spawn(program, where, () => {
      this.fds = [];
    });
    this.init = init;
    if (terminal !== null) this.output = terminal.attach(init);
    void init.exited.then(
      async ({ code, signal }) => {
        this.stopped();
        await this.output;
        await this.notice;
        this.ended(exitCodeOf(code, signal, SIGNALS));
      },
      () => this.ended(LOST),
    );
  }

  /**
   * Have a program run in it: one that would only wait is not started before something needs it. Throws
   * Failure.
   */
  async populate(): Promise<void> {
    if (this.init !== null || this.status !== 'running') return;
    const { config } = this.request;
    const program = await programOf(this.container, config, config.process!, true);
    if (this.init === null) this.run(program);
  }

  /**
   * If a program of it was killed for the memory it used, have engines know. One telling is enough at a time.
   */
  noticeKills(): void {
    const { oomKills } = this.container.stats();
    if (oomKills <= this.kills) return;
    this.kills = oomKills;
    this.notice ??= tellOutOfMemory(this.stored.cgroups).finally(() => {
      this.notice = null;
    });
  }

  /** Is it in the kernel of another container? */
  get isGuest(): boolean {
    return this.stored.sandbox !== this.stored.id;
  }

  private stopped(): void {
    try {
      this.setStatus('stopped');
    } catch {
      // It has been deleted meanwhile.
    }
  }

  private ended(status: number): void {
    if (this.over) return;
    this.over = true;
    // Where its pid namespace is another's, nothing else ends the rest.
    if (this.isGuest) this.container.killAll();
    this.stopped();
    // Those of a program that never ran.
    if (this.isGuest && this.console === null) for (const fd of this.fds) closeSync(fd);
    this.fds = [];
    this.finish(status);
  }

  /** The sandbox ends, and all in it. */
  abandon(): void {
    this.ended(LOST);
  }

  /** End it, if it has not, and let go of what it holds. */
  async dispose(): Promise<void> {
    if (this.init !== null) this.init.kill('SIGKILL');
    else this.ended(128 + SIGNALS.SIGKILL!);
    await this.end;
    this.console?.close();
    this.container.dispose();
  }

  /** Connect the program's terminal with one of this process, in place of a console socket. */
  useConsole(console: Console): void {
    this.console = console;
  }

  resized(): void {
    if (this.init !== null) this.console?.resized(this.init);
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
      await this.populate();
      const program = await programOf(this.container, this.request.config, request.process, false);
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

  /**
   * `taken` is called when the kernel has the descriptors, even if the program does not start. Throws
   * Failure.
   */
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

  /**
   * Before there is a program, what would end one ends the container; what waits in place of one ends well
   * when asked to (pause).
   */
  kill(signal: number, all = false): void {
    if (all) this.container.killAll(signal);
    else this.init?.kill(signal);
    if (this.init !== null) return;
    const asked = signal === SIGNALS.SIGTERM || signal === SIGNALS.SIGINT;
    if (this.status === 'running' && asked) this.ended(0);
    else if (asked || signal === SIGNALS.SIGKILL || signal === SIGNALS.SIGQUIT) this.ended(128 + signal);
  }

  pause(): void {
    if (this.status !== 'running' && this.status !== 'created') throw new Failure('container not running');
    this.container.pause();
    this.setStatus('paused');
  }

  resume(): void {
    if (this.status !== 'paused') throw new Failure('container not paused');
    this.container.resume();
    this.setStatus(this.begun ? 'running' : 'created');
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

/** Of a time namespace of its own; one that is joined is not known here, so it is one as well. */
function offsetsOf({ linux }: OciConfig) {
  if (!linux?.namespaces?.some((ns) => ns.type === 'time')) return undefined;
  const of = (clock: string): number => {
    const { secs = 0, nanosecs = 0 } = linux.timeOffsets?.[clock] ?? {};
    return secs * 1e9 + nanosecs;
  };
  return { monotonic: of('monotonic'), boottime: of('boottime') };
}

/** A container that shares the host's uts namespace sees the host's name. */
function namesOf(config: OciConfig): { hostname?: string; domainname?: string } {
  const own = config.linux?.namespaces?.some((ns) => ns.type === 'uts');
  return {
    hostname: config.hostname || (own ? undefined : hostname()),
    domainname: config.domainname || undefined,
  };
}

function idsOf({ config }: CreateRequest) {
  const { linux } = config;
  if (!linux?.namespaces?.some((ns) => ns.type === 'user') || !linux.uidMappings?.length) return undefined;
  return { uids: idMap(linux.uidMappings), gids: idMap(linux.gidMappings ?? []) };
}
