import { SI_USER, SIGKILL } from '@sandbox/abi';
import type { KernelCore, ThreadGroup } from '@sandbox/kernel-core/process';
import {
  CgroupNamespace,
  ContainerCore,
  cpuUsage,
  measure,
  type NsSet,
  setFreeze,
  siginfo,
} from '@sandbox/kernel-core/process';
import { type FileSystemSpec, FsContext, KERNEL_CREDENTIALS, VfsPromises } from '@sandbox/vfs';
import { checkCount, checkFunction, checkObject, checkRecord } from '../check.js';
import { InvalidOptionError, KernelDisposedError } from '../errors.js';
import type { PipedOptions, Place, SpawnOptions, TerminalOptions } from '../launch.js';
import { checkHostname, checkSpec } from '../options.js';
import { type PipedProcess, type Process, signalNumber, type TerminalProcess } from '../process.js';
import { fromBytes } from '../text.js';
import { type ContainerMount, type DeviceNode, MountTable } from './mounts.js';
import {
  type IdMapsOption,
  isNamespaceKind,
  makeContainerCore,
  type NamespaceKind,
  type NamespaceSource,
  type TimeOffsets,
} from './namespaces.js';

export interface ContainerOptions {
  /** What its tree begins with; nothing is mounted on it, not even /proc. */
  root: FileSystemSpec;
  /**
   * Each namespace is 'new', the kernel's own, or that of another container. Default: all new but the
   * network, which is the kernel's. The first program in a new pid namespace is its process 1: with its end
   * all others end.
   */
  namespaces?: Readonly<Partial<Record<NamespaceKind, 'new' | 'kernel' | Container>>>;
  /** Gives it a user namespace in which ids are spelled so (user_namespaces(7)). */
  ids?: IdMapsOption;
  /** Of its own uts namespace; default: the kernel's. */
  hostname?: string;
  domainname?: string;
  limits?: ContainerLimits;
  /** Gives it a time namespace (time_namespaces(7)): what is added to these clocks, in nanoseconds. */
  timeOffsets?: TimeOffsets;
  /**
   * Called once, with a process of the host, where the platform runs guests in such (ptrace): the processes
   * of all programs of the container come of it and begin in the control groups it is in then (cgroups(7)).
   * It runs nothing itself and ends with the container.
   */
  onHostProcess?: ((pid: number) => void) | undefined;
}

/** What a container may take of the kernel's own limits; null: all of it. */
export interface ContainerLimits {
  /**
   * Bytes that its processes hold and that lie in its file systems of memory. Who goes beyond is killed, as
   * with the kernel's.
   */
  readonly memory?: number | null;
  /** Tasks: processes and threads. */
  readonly processes?: number | null;
}

/** What a container uses. */
export interface ContainerStats {
  /** CPU time of the processes it has and had, in nanoseconds. */
  readonly cpu: number;
  readonly memory: number;
  /** null: that of the kernel. */
  readonly memoryLimit: number | null;
  readonly tasks: number;
  readonly tasksLimit: number | null;
  /** Its processes that were killed for memory. */
  readonly oomKills: number;
}

/** A process of a container. */
export interface ContainerProcess {
  /** In the kernel's first pid namespace, and in the container's. */
  readonly pid: number;
  readonly ownPid: number;
  /** In the kernel's first pid namespace; 0: the embedder's. */
  readonly ppid: number;
  /** As the kernel has it, whatever the container's user namespace calls it. */
  readonly uid: number;
  readonly name: string;
  readonly threads: number;
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly started: number;
}

const CONTAINER_OPTIONS: Record<keyof ContainerOptions, true> = {
  root: true,
  namespaces: true,
  ids: true,
  hostname: true,
  domainname: true,
  limits: true,
  timeOffsets: true,
  onHostProcess: true,
};
const LIMITS: Record<keyof ContainerLimits, true> = { memory: true, processes: true };

/** Starts a program of a container; the kernel's. */
export type Start = (place: Place, path: string, args: readonly string[], options: SpawnOptions) => Process;

/**
 * A tree and namespaces of their own in a kernel, with programs in them. Made by `Kernel.createContainer`.
 */
export class Container implements Disposable {
  /** Its tree, in the shape of node:fs/promises, with full rights. */
  readonly fs: VfsPromises;
  private readonly container: ContainerCore;
  private readonly context: FsContext;
  private readonly table: MountTable;
  private disposed = false;

  constructor(
    private readonly core: KernelCore,
    options: ContainerOptions,
    private readonly start: Start,
  ) {
    const {
      namespaces = {},
      ids = null,
      timeOffsets = null,
      limits = {},
      onHostProcess,
    } = checkObject('', options, CONTAINER_OPTIONS);
    const root = checkSpec('root', options.root);
    checkLimits(limits);
    const name = (option: 'hostname' | 'domainname'): string | null =>
      options[option] === undefined ? null : checkHostname(option, options[option]);
    const [hostname, domainname] = [name('hostname'), name('domainname')];
    if (onHostProcess !== undefined) checkFunction('onHostProcess', onHostProcess);
    const wanted = Container.sources(namespaces);
    this.container = makeContainerCore(core, wanted, ids, timeOffsets);
    const { uts } = this.container.ns;
    if (hostname !== null) uts.hostname = hostname;
    if (domainname !== null) uts.domainname = domainname;
    this.context = core.run(() => {
      const namespace = core.vfs.createNamespace(root.create(core.mountEnv));
      core.namespaces.ownMounts(namespace, this.container.userNs);
      return FsContext.atRoot(namespace, 0o022);
    });
    this.container.cgroup.mounts = this.context.namespace;
    core.containers.add(this.container);
    this.setLimits(limits);
    if (onHostProcess !== undefined) this.settle(onHostProcess);
    this.table = new MountTable(core, this.container, this.context);
    this.fs = new VfsPromises(core.vfs, this.context, KERNEL_CREDENTIALS, (fn) => this.inside(fn));
  }

  private static sources(namespaces: NonNullable<ContainerOptions['namespaces']>) {
    const wanted: Partial<Record<NamespaceKind, NamespaceSource>> = {};
    for (const [kind, from] of Object.entries(checkRecord('namespaces', namespaces))) {
      if (!isNamespaceKind(kind))
        throw new InvalidOptionError(`namespaces.${kind}`, 'there is no such option');
      if (from instanceof Container) wanted[kind] = from.container;
      else if (from === 'new' || from === 'kernel' || from === undefined) wanted[kind] = from;
      else
        throw new InvalidOptionError(`namespaces.${kind}`, "'new', 'kernel' or another container is needed");
    }
    return wanted;
  }

  private settle(onHostProcess: (pid: number) => void): void {
    const nursery = this.core.platform.createNursery?.();
    if (nursery === undefined) return;
    this.container.nursery = nursery;
    onHostProcess(nursery.pid);
  }

  /** Do `fn` within the kernel, as one who is in the container's namespaces. */
  private inside<T>(fn: () => T, ns: NsSet = this.container.ns): T {
    if (this.disposed || this.core.dead) throw new KernelDisposedError();
    const { core } = this;
    const before = core.acting;
    core.acting = ns;
    try {
      return core.run(fn);
    } finally {
      core.acting = before;
    }
  }

  /** Mount something. A mount point that is missing is made. Throws MountError. */
  mount(mount: ContainerMount): void {
    this.inside(() => this.table.mount(mount), this.withOwnGroup());
  }

  /** A mount of cgroup2 shows the container's own control group, whoever's cgroup namespace it is in. */
  private withOwnGroup(): NsSet {
    const { ns, cgroup } = this.container;
    if (ns.cgroup.root === cgroup) return ns;
    return { ...ns, cgroup: new CgroupNamespace(ns.cgroup.ino, ns.cgroup.userNs, cgroup) };
  }

  /**
   * Nothing can be written at `path` and below it any more, on this mount; '/' is the root. False: it does
   * not exist.
   */
  makeReadOnly(path: string): boolean {
    return this.inside(() => this.table.makeReadOnly(path));
  }

  /**
   * Set how mounts on the mount at `path` are shared: 'private', 'rshared' and so on (mount_namespaces(7)).
   * Throws MountError.
   */
  propagate(path: string, how: string): void {
    this.inside(() => this.table.propagate(path, how));
  }

  /** Cover `path`: a directory by an empty one, a file by /dev/null. False: it does not exist. */
  hide(path: string): boolean {
    return this.inside(() => this.table.hide(path));
  }

  /** Make a device node or FIFO, in place of what is there. */
  makeNode(node: DeviceNode): void {
    this.inside(() => this.table.makeNode(node));
  }

  /** Start a program in it. Throws SpawnError. */
  spawn(path: string, args?: readonly string[], options?: PipedOptions): PipedProcess;
  spawn(path: string, args: readonly string[], options: TerminalOptions): TerminalProcess;
  spawn(path: string, args?: readonly string[], options?: SpawnOptions): Process;
  spawn(path: string, args: readonly string[] = [], options: SpawnOptions = {}): Process {
    if (this.disposed) throw new KernelDisposedError();
    return this.start({ fs: this.context, container: this.container }, path, args, options);
  }

  /**
   * Start a program in all of it but its pid namespace, of which it would otherwise be process 1: one that
   * prepares something and ends before there is a first program. It is none of `processes`. Throws
   * SpawnError.
   */
  spawnOutside(path: string, args?: readonly string[], options?: PipedOptions): PipedProcess;
  spawnOutside(path: string, args: readonly string[], options: TerminalOptions): TerminalProcess;
  spawnOutside(path: string, args?: readonly string[], options?: SpawnOptions): Process;
  spawnOutside(path: string, args: readonly string[] = [], options: SpawnOptions = {}): Process {
    if (this.disposed) throw new KernelDisposedError();
    const { ns, userNs } = this.container;
    const { pids } = this.core;
    const container = new ContainerCore({ ...ns, pidForChildren: pids }, pids, userNs, this.container.cgroup);
    return this.start({ fs: this.context, container }, path, args, options);
  }

  /** Change limits while programs run; those left out stay as they are. See `Kernel.setLimits`. */
  setLimits(limits: ContainerLimits): void {
    const { memory, processes } = checkLimits(limits);
    const { cgroup } = this.container;
    const { memoryLimited } = this.core.cgroups;
    if (memory !== undefined) cgroup.memory.max = memory ?? Number.POSITIVE_INFINITY;
    if (processes !== undefined) cgroup.pids.max = processes ?? Number.POSITIVE_INFINITY;
    if (cgroup.memory.limited) memoryLimited.add(cgroup);
    else memoryLimited.delete(cgroup);
  }

  stats(): ContainerStats {
    const { core } = this;
    const { cgroup } = this.container;
    return this.inside(() => ({
      cpu: cpuUsage(cgroup),
      memory: measure(core, cgroup),
      memoryLimit: finite(cgroup.memory.max),
      tasks: cgroup.charged,
      tasksLimit: finite(cgroup.pids.max),
      oomKills: cgroup.memory.events.oom_kill,
    }));
  }

  /**
   * Let none of its threads go on, until `resume`. Those that run are stopped within a moment; SIGKILL still
   * ends them.
   */
  pause(): void {
    this.inside(() => setFreeze(this.container.cgroup, true));
  }

  resume(): void {
    this.inside(() => setFreeze(this.container.cgroup, false));
  }

  get paused(): boolean {
    return this.container.cgroup.freeze;
  }

  /** Its processes now, oldest first. */
  processes(): ContainerProcess[] {
    return this.groups().map((group) => ({
      pid: group.pid,
      ownPid: this.container.pids.numberOf(group.pid, group),
      ppid: group.parent === null || group.parent === this.core.init ? 0 : group.parent.pid,
      uid: group.leader.cred.uid,
      name: fromBytes(group.leader.comm),
      threads: group.tasks.length,
      started: group.leader.startTime,
    }));
  }

  /** Send a signal to all its processes. */
  killAll(signal: string | number = SIGKILL): void {
    const n = signalNumber(signal);
    if (this.disposed || this.core.dead || n === 0) return;
    this.core.run(() => {
      for (const group of this.groups()) this.core.signals.sendToProcess(group, siginfo(n, SI_USER));
    });
  }

  /** End its processes and let go of its tree. Idempotent. */
  dispose(): void {
    if (this.disposed) return;
    this.killAll();
    this.disposed = true;
    this.core.containers.delete(this.container);
    if (this.core.dead) return;
    this.container.nursery?.dispose();
    this.core.run(() => {
      this.context.release();
      this.core.cgroups.abandon(this.container.cgroup);
      this.container.ns.net.drop();
    });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private groups(): ThreadGroup[] {
    return [...this.core.pids.processes.values()].filter((g) => g.container === this.container && !g.zombie);
  }
}

const finite = (limit: number): number | null => (limit === Number.POSITIVE_INFINITY ? null : limit);

function checkLimits(limits: ContainerLimits): ContainerLimits {
  for (const [name, limit] of Object.entries(checkObject('limits', limits, LIMITS))) {
    if (limit !== undefined && limit !== null)
      checkCount(`limits.${name}`, limit, 1, Number.MAX_SAFE_INTEGER);
  }
  return limits;
}
