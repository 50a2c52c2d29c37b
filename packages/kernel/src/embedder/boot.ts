/**
 * Puts a kernel together. The order matters: memory file, platform (its stubs map the memory file), core,
 * file tree, tables, process 1. Everything can be disposed from any point on.
 */

import { ENOENT, ENXIO, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '@sandbox/abi';
import { ioOf } from '@sandbox/kernel-core/files';
import { Limits } from '@sandbox/kernel-core/mm';
import type { NetworkProvider } from '@sandbox/kernel-core/process';
import {
  checkMemory,
  codeAccess,
  Faults,
  KernelCore,
  type KernelLimits,
  type KernelReporter,
  mountEnvironment,
  ProcessGroup,
  Session,
  SharedSignals,
  SigHandlers,
  Signals,
  ThreadGroup,
} from '@sandbox/kernel-core/process';
import { allRows, SyscallTable } from '@sandbox/kernel-core/table';
import type { Clock, Random } from '@sandbox/kernel-core/time';
import {
  cgroupFsOf,
  devfs,
  devpts,
  devShm,
  procfs,
  registerFsTypes,
  sysfs,
} from '@sandbox/kernel-core/views';
import { MemoryFile, type Platform } from '@sandbox/platform';
import { type FileSystem, type FileSystemSpec, FsContext, KERNEL_CREDENTIALS, Vfs } from '@sandbox/vfs';
import { MountError } from './errors.js';

export interface BootOptions {
  readonly platform: Platform;
  readonly root: FileSystemSpec;
  /** Make the root read-only once everything is mounted. */
  readonly readOnlyRoot: boolean;
  /** Further mounts by path, in this order. */
  readonly mounts: readonly { readonly path: string; readonly spec: FileSystemSpec }[];
  readonly limits: KernelLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  readonly cpus: number;
  /** Bytes of the host. */
  readonly machineMemory: number;
  readonly reporter: KernelReporter;
  readonly networks: NetworkProvider;
}

/** A running kernel with what must be let go of at the end. */
export interface BootedKernel {
  readonly core: KernelCore;
  /** Root and working directory of processes the embedder starts. */
  readonly fs: FsContext;
  dispose(): void;
}

/** Build and start a kernel. Throws VfsError, PlatformError; leaves nothing behind then. */
export function boot(options: BootOptions): BootedKernel {
  const trapTsc = !options.clock.real;
  const memory = options.platform.readyMemory?.(trapTsc) ?? MemoryFile.create();
  let core: KernelCore | null = null;
  try {
    const platform = options.platform.open({ memory, trapTsc });
    core = new KernelCore(
      platform,
      memory,
      options.clock,
      options.random,
      options.limits,
      options.reporter,
      options.networks,
    );
    core.namespaces.initial.uts.hostname = options.hostname;
    core.cpus = options.cpus;
    core.machineMemory = options.machineMemory;
    const made = core;
    made.memoryShort = () => checkMemory(made);
    core.mountEnv = mountEnvironment(core);
    core.vfs = new Vfs(core.mountEnv);
    core.vfs.special.fifo = (inode, flags, cred) => {
      // An embedder's descriptor looks like a pipe but opens itself; a FIFO of any file system cannot
      // (ENXIO).
      const own = inode.open(flags, cred);
      return own === -ENXIO ? ioOf(core!).fifos.open(inode, flags, cred) : own;
    };
    core.signals = new Signals(core);
    core.faults = new Faults(core);
    core.syscalls = new SyscallTable(allRows);
    platform.setCodeAccess?.(codeAccess);
    const fs = mountTree(core, options);
    core.rootFs = fs;
    createInit(core);
    return { core, fs, dispose: () => shutDown(core!, fs) };
  } catch (error) {
    if (core) {
      (core.vfs as Vfs | undefined)?.dispose();
      core.vdso.dispose();
      core.platform.dispose();
    }
    memory.dispose();
    throw error;
  }
}

/**
 * The root, the kernel's own file systems, then the embedder's mounts. Mount points that are missing are made
 * where the root allows it.
 */
function mountTree(core: KernelCore, options: BootOptions): FsContext {
  const { vfs, mountEnv } = core;
  registerFsTypes(core);
  const namespace = vfs.createNamespace(options.root.create(mountEnv));
  const ctx = FsContext.atRoot(namespace, 0o022);
  const own: [string, FileSystem, number][] = [
    ['/proc', procfs(core), MS_NOSUID | MS_NODEV | MS_NOEXEC],
    ['/sys', sysfs(core), MS_NOSUID | MS_NODEV | MS_NOEXEC],
    ['/sys/fs/cgroup', cgroupFsOf(core), MS_NOSUID | MS_NODEV | MS_NOEXEC],
    ['/dev', devfs(core), MS_NOSUID],
    ['/dev/pts', devpts(core), MS_NOSUID | MS_NOEXEC],
    ['/dev/shm', devShm(core), MS_NOSUID | MS_NODEV],
  ];
  for (const [path, fs, flags] of own) attach(core, ctx, path, fs, flags);
  for (const { path, spec } of options.mounts) attach(core, ctx, path, spec.create(mountEnv), 0);
  if (options.readOnlyRoot) namespace.root.flags |= MS_RDONLY;
  return ctx;
}

function attach(core: KernelCore, ctx: FsContext, path: string, fs: FileSystem, flags: number): void {
  const { vfs } = core;
  let at = vfs.resolve(ctx, KERNEL_CREDENTIALS, null, path);
  if (at === -ENOENT) {
    makeDirectories(core, ctx, path);
    at = vfs.resolve(ctx, KERNEL_CREDENTIALS, null, path);
  }
  const r = typeof at === 'number' ? at : vfs.mountAt(ctx, at, fs, flags);
  if (typeof r === 'number') {
    fs.dispose();
    throw new MountError(path, fs.typeName, -r);
  }
}

export function makeDirectories(core: KernelCore, ctx: FsContext, path: string): void {
  for (let i = path.indexOf('/', 1); ; i = path.indexOf('/', i + 1)) {
    core.vfs.mkdir(ctx, KERNEL_CREDENTIALS, null, i < 0 ? path : path.slice(0, i), 0o755);
    if (i < 0) return;
  }
}

/**
 * Process 1 exists without a thread: it adopts orphans and reaps them (init(1)'s part in the process tree).
 */
function createInit(core: KernelCore): void {
  const pid = core.pids.allocate();
  const init = new ThreadGroup(
    core,
    pid,
    null,
    Limits.initial(core.limits.processes),
    new SharedSignals(new SigHandlers()),
  );
  const session = new Session(pid, init, init);
  const group = new ProcessGroup(core, pid, session, init);
  group.add(init);
  core.pids.processes.set(pid, init);
  core.pids.groups.set(pid, group);
  core.pids.sessions.set(pid, session);
  core.init = init;
}

function shutDown(core: KernelCore, fs: FsContext): void {
  core.dead = true;
  core.memory.abandon();
  for (const task of [...core.pids.tasks.values()]) task.context.dispose();
  core.namespaces.dispose();
  fs.release();
  core.vfs.dispose();
  core.vdso.dispose();
  core.platform.dispose();
  core.memory.dispose();
}
