import { E2BIG, EAGAIN, MAX_ARG_STRLEN, SECCOMP_MODE_FILTER } from '@sandbox/abi';
import { type FsContext, KERNEL_CREDENTIALS, LOOKUP_DIRECTORY, LOOKUP_FOLLOW } from '@sandbox/vfs';
import { MemoryManager } from '../../mm/memory-manager.js';
import type { Limits } from '../../mm/rlimits.js';
import type { Cred } from '../cred/cred.js';
import type { FdTable } from '../files/fd-table.js';
import type { ContainerCore } from '../kernel/container-core.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { SeccompFilter } from '../seccomp/filter.js';
import { SharedSignals, SigHandlers } from '../signal/signal-state.js';
import { chooseNumbers, type Numbers } from '../task/clone.js';
import { ProcessGroup, Session } from '../task/session.js';
import { Task } from '../task/task.js';
import { ThreadGroup } from '../task/thread-group.js';
import { checkArgumentSpace } from './arguments.js';
import { execFirst } from './exec.js';
import { openExec } from './open-exec.js';

/** A process the embedder starts. Strings are byte strings. */
export interface ProcessOptions {
  readonly path: string;
  readonly argv: readonly string[];
  /** "NAME=value". */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly cred: Cred;
  /** Taken over when the process comes to be. */
  readonly files: FdTable;
  /** Taken over in any case. */
  readonly fs: FsContext;
  readonly umask: number;
  readonly limits: Limits;
  /**
   * Where it begins; null: in the kernel's first namespaces. The first process of a container's pid namespace
   * is its process 1.
   */
  readonly container: ContainerCore | null;
  /** Filters it comes under. */
  readonly seccomp: SeccompFilter | null;
  readonly oomScoreAdj: number;
  /** personality(2). */
  readonly personality: number;
}

/**
 * Start a process as a child of process 1, as fork and execve there would. It runs when the kernel's entry
 * ends. The process, or -errno: what execve says, ENOTDIR/ENOENT for the directory, EAGAIN (no free pid,
 * limit of tasks), ENOMEM.
 */
export function spawnProcess(kernel: KernelCore, options: ProcessOptions): ThreadGroup | number {
  const { fs } = options;
  const r = enterDirectory(kernel, options);
  if (r < 0) {
    fs.release();
    return r;
  }
  const { container } = options;
  const cgroup = container?.cgroup ?? kernel.cgroups.root;
  if (kernel.cgroups.mayFork(cgroup) !== 0 || kernel.pids.tasks.size >= kernel.limits.processes) {
    fs.release();
    return -EAGAIN;
  }
  const pids = container?.pids ?? kernel.pids;
  const numbers = chooseNumbers(options.cred, pids, []);
  if (typeof numbers === 'number') {
    fs.release();
    return numbers;
  }
  const task = makeTask(kernel, options, numbers);
  const loaded = loadProgram(task, options);
  if (loaded < 0) {
    task.context.dispose();
    task.mm.release();
    fs.release();
    pids.restart();
    return loaded;
  }
  register(task);
  kernel.reporter.processStarted(task.group);
  kernel.tracer?.started(task, options.path, options.argv, options.env);
  if (options.seccomp !== null) task.setSeccomp(SECCOMP_MODE_FILTER, options.seccomp);
  task.returnToUser();
  return task.group;
}

function enterDirectory(kernel: KernelCore, options: ProcessOptions): number {
  const { fs } = options;
  fs.umask = options.umask;
  const cwd = kernel.vfs.resolve(fs, KERNEL_CREDENTIALS, null, options.cwd, LOOKUP_FOLLOW | LOOKUP_DIRECTORY);
  if (typeof cwd === 'number') return cwd;
  fs.cwd = cwd;
  return 0;
}

function makeTask(kernel: KernelCore, options: ProcessOptions, numbers: Numbers): Task {
  const { tid } = numbers;
  const group = new ThreadGroup(
    kernel,
    tid,
    kernel.init,
    options.limits,
    new SharedSignals(new SigHandlers()),
  );
  const context = kernel.platform.createContext(options.container?.nursery ?? undefined);
  const mm = new MemoryManager(kernel, context.addressSpace, group.limits);
  const task = new Task(kernel, tid, group, context, mm, options.files, options.fs, options.cred);
  group.leader = task;
  group.oomScoreAdj = options.oomScoreAdj;
  task.personality = options.personality;
  const { container } = options;
  if (container !== null) {
    group.container = container;
    group.pids = task.pids = container.pids;
    group.ids = task.ids = numbers.ids;
    task.nsSet = container.ns;
    task.cgroup = container.cgroup;
    task.nsSet.net.hold();
  }
  return task;
}

function loadProgram(task: Task, options: ProcessOptions): number {
  const tooLong = (text: string): boolean => text.length >= MAX_ARG_STRLEN;
  if (options.argv.some(tooLong) || options.env.some(tooLong)) return -E2BIG;
  const space = checkArgumentSpace(options.limits, options.argv, options.env, options.path);
  if (space < 0) return space;
  const file = openExec(task, { path: options.path, at: null, lookup: LOOKUP_FOLLOW });
  if (typeof file === 'number') return file;
  const request = {
    file,
    filename: options.path,
    argv: options.argv,
    envp: options.env,
    inaccessible: false,
  };
  return execFirst(task, request);
}

function register(task: Task): void {
  const { kernel, group } = task;
  const { pids, pid } = group;
  group.tasks.push(task);
  kernel.init?.children.push(group);
  const session = new Session(pid, group, group);
  const processGroup = new ProcessGroup(kernel, pid, session, group);
  processGroup.add(group);
  if (pids.parent !== null && pids.init === null) {
    pids.init = group;
    group.unkillable = true;
  }
  pids.addSession(session);
  pids.addGroup(processGroup);
  pids.addProcess(group);
  pids.addTask(task);
  kernel.cgroups.begin(task);
}
