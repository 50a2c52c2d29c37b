import { EINVAL, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE } from '@sandbox/abi';
import { MemoryFile } from '@sandbox/platform';
import type { FsContext } from '@sandbox/vfs';
import { MemoryManager } from '../../src/mm/memory-manager.js';
import { Limits } from '../../src/mm/rlimits.js';
import { Cred } from '../../src/process/cred/cred.js';
import type { FdTable } from '../../src/process/files/fd-table.js';
import type { SyscallRow } from '../../src/process/kernel/call-table.js';
import { KernelCore, type KernelReporter } from '../../src/process/kernel/kernel-core.js';
import { mountEnvironment } from '../../src/process/kernel/mount-environment.js';
import type { NetworkProvider } from '../../src/process/ns/network-loader.js';
import { SharedSignals, SigHandlers } from '../../src/process/signal/signal-state.js';
import { Signals } from '../../src/process/signal/signals.js';
import { ProcessGroup, Session } from '../../src/process/task/session.js';
import { Task } from '../../src/process/task/task.js';
import { ThreadGroup } from '../../src/process/task/thread-group.js';
import { SyscallTable } from '../../src/table/table.js';
import { SeededRandom } from '../../src/time/seeded-random.js';
import { VirtualClock } from '../../src/time/virtual-clock.js';
import { FakeContext, FakePlatform } from './fake-platform.js';

const reporter: KernelReporter = {
  unimplemented: () => {},
  processStarted: () => {},
  processExited: () => {},
  oomKilled: () => {},
  panic: (error) => {
    throw error;
  },
};

const noNetwork: NetworkProvider = {
  sysctls: [],
  settings: () => ({ get: () => '', set: () => -EINVAL }),
  load: () => Promise.reject(new Error('a fake kernel has no network')),
};

/** A task together with the context that plays its guest. */
export interface FakeTask {
  readonly task: Task;
  readonly context: FakeContext;
  /** Ask for a system call: its result, or null when it blocks. */
  call(nr: number, ...args: number[]): number | null;
  /** Result of the call that blocked, once it has one. */
  readonly result: number | null;
}

/**
 * A kernel without guests: real memory, tasks, signals and the given system calls, a clock that stands still,
 * and contexts that are told which call to make. It has no files and no file tree.
 */
export class FakeKernel {
  readonly clock = new VirtualClock();
  readonly memory = MemoryFile.create();
  readonly core: KernelCore;

  constructor(rows: readonly SyscallRow[]) {
    const limits = { memory: 2 ** 30, processes: 100, openFiles: 100, files: 10_000 };
    this.core = new KernelCore(
      new FakePlatform(),
      this.memory,
      this.clock,
      new SeededRandom(1),
      limits,
      reporter,
      noNetwork,
    );
    this.core.mountEnv = mountEnvironment(this.core);
    this.core.syscalls = new SyscallTable(rows);
    this.core.signals = new Signals(this.core);
  }

  /** A process of one thread. */
  process(): FakeTask {
    const { core } = this;
    const pid = core.pids.allocate();
    const group = new ThreadGroup(core, pid, null, Limits.initial(100), new SharedSignals(new SigHandlers()));
    new ProcessGroup(core, pid, new Session(pid, group, group), group).add(group);
    core.pids.processes.set(pid, group);
    const context = new FakeContext();
    const mm = new MemoryManager(core, context.addressSpace);
    const made = this.add(pid, group, context, mm);
    group.leader = made.task;
    return made;
  }

  /** A further thread of the process of `of`. */
  thread(of: FakeTask): FakeTask {
    const { task } = of;
    task.mm.users++;
    return this.add(
      this.core.pids.allocate(),
      task.group,
      new FakeContext(task.context.addressSpace),
      task.mm,
    );
  }

  private add(tid: number, group: ThreadGroup, context: FakeContext, mm: MemoryManager): FakeTask {
    const task = new Task(
      this.core,
      tid,
      group,
      context,
      mm,
      null as unknown as FdTable,
      null as unknown as FsContext,
      Cred.forUser(0, 0),
    );
    group.tasks.push(task);
    this.core.pids.tasks.set(tid, task);
    task.state = 0;
    return {
      task,
      context,
      call: (nr, ...args) => context.syscall(nr, ...args),
      get result() {
        return context.result;
      },
    };
  }

  /** Some fresh guest memory of `of`. */
  map(of: FakeTask, bytes: number, shared = false): number {
    const flags = MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE);
    const at = of.task.mm.mmap(0, bytes, PROT_READ | PROT_WRITE, flags, null, 0);
    if (at < 0) throw new Error(`mmap: ${at}`);
    return at;
  }

  dispose(): void {
    this.core.vdso.dispose();
    this.memory.dispose();
  }
}
