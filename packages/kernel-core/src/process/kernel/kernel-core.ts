import type { MemoryFile, PlatformInstance } from '@sandbox/platform';
import type { FsContext, MountEnvironment, Vfs } from '@sandbox/vfs';
import { ClockDiscipline } from '../../time/discipline.js';
import type { Clock, Random } from '../../time/source.js';
import { Timers } from '../../time/timers.js';
import { Cgroups } from '../cgroup/cgroups.js';
import { CoreSettings } from '../coredump/settings.js';
import { type AnonInode, sharedAnonInode } from '../files/anon-inode.js';
import { FutexTable } from '../futex/futex.js';
import { KeyRegistry } from '../keys/registry.js';
import type { Faults } from '../memory/faults.js';
import { MemoryWatch } from '../memory/memory-watch.host.js';
import { Namespaces, type NsSet } from '../ns/namespaces.js';
import type { NetworkLoader, NetworkMaker, NetworkProvider } from '../ns/network-loader.js';
import type { SigInfo } from '../signal/siginfo.js';
import type { Signals } from '../signal/signals.js';
import type { Task } from '../task/task.js';
import type { ThreadGroup } from '../task/thread-group.js';
import { CpuTimers } from '../time/cpu-timers.js';
import { installTimerHooks } from '../time/process-timers.js';
import { VdsoPages } from '../time/vdso-pages.js';
import type { CallTable } from './call-table.js';
import type { ContainerCore } from './container-core.js';
import { KernelHooks } from './hooks.js';
import { KernelLog } from './log.js';
import { PidTable } from './pid-table.js';
import { RunQueue } from './run-queue.js';

/** Limits on what one sandbox may take from its embedder. */
export interface KernelLimits {
  /** Bytes of guest memory (anonymous, page cache, tmpfs together). */
  memory: number;
  /** Tasks (threads) at a time. */
  processes: number;
  /** Open file descriptions at a time. */
  openFiles: number;
  /**
   * Files, directories and further links kept in memory, over all file systems. Each takes some 600 bytes of
   * this process' heap.
   */
  files: number;
}

/** Things the kernel reports; the embedder's emitter is behind it. Never called on the hot path. */
export interface KernelReporter {
  unimplemented(task: Task, name: string, detail: string): void;
  processStarted(process: ThreadGroup): void;
  processExited(process: ThreadGroup): void;
  /** It was killed, because memory is short. */
  oomKilled(process: ThreadGroup): void;
  panic(error: unknown, task: Task | null): void;
}

/** Sees every call when tracing is on (`--strace`). */
export interface SyscallTracer {
  /** Before the handler runs. */
  enter(task: Task, nr: number): void;
  /** After it: a result or -errno, BLOCKED (it will come again), NO_RESULT. */
  exit(task: Task, nr: number, result: number): void;
  /** The embedder started a program: `task` is to execute `path`. */
  started(task: Task, path: string, argv: readonly string[], envp: readonly string[]): void;
  /** A signal for `task` was dropped, because the process ignores it. */
  ignored(task: Task, info: SigInfo): void;
  /** A signal is taken up by `task`. */
  signal(task: Task, info: SigInfo): void;
  /** Job control stops it. */
  stopped(task: Task, signo: number): void;
  /** The thread ends with a wait status word. */
  exited(task: Task, status: number): void;
}

/**
 * The state of one running kernel and its inner loop. The embedder's `Kernel` owns one; everything inside the
 * kernel refers to this.
 */
export class KernelCore {
  readonly pids = new PidTable();
  readonly namespaces: Namespaces;
  readonly hooks = new KernelHooks();
  readonly log: KernelLog;
  readonly keys: KeyRegistry;
  readonly coreSettings = new CoreSettings();
  /** Processors the guest sees (sched_getaffinity, /proc/cpuinfo). */
  cpus = 1;
  /**
   * Memory of the machine in bytes. Guests may use `limits.memory` of it, as in a control group: more than
   * there is at all is refused at once (vm.overcommit_memory 0).
   */
  machineMemory = Number.POSITIVE_INFINITY;
  /** See `MemoryEnvironment`. */
  memoryShort: () => void = () => {};
  readonly runQueue = new RunQueue();
  readonly timers: Timers;
  readonly cpuTimers: CpuTimers;
  /** What adjtimex(2) has set. */
  readonly discipline: ClockDiscipline;
  readonly futexes: FutexTable;
  /** The vDSO and its data page. */
  readonly vdso: VdsoPages;
  readonly memoryWatch = new MemoryWatch(this);
  /** Set once during construction by `boot.ts`; the order is documented there. */
  syscalls!: CallTable;
  signals!: Signals;
  faults!: Faults;
  vfs!: Vfs;
  mountEnv!: MountEnvironment;
  /** Where the embedder's programs begin that are in no container. */
  rootFs!: FsContext;
  tracer: SyscallTracer | null = null;
  /**
   * The task whose system call is being served, for the few files whose answer depends on who asks (signalfd,
   * SO_PASSCRED).
   */
  current: Task | null = null;
  /** The embedder's containers. */
  readonly containers = new Set<ContainerCore>();
  readonly cgroups: Cgroups;
  /** Processes killed for memory. */
  oomKills = 0;
  /** The namespaces the embedder acts in while it works on a container's tree. */
  acting: NsSet | null = null;
  /** Makes networks, once their code is loaded. */
  makeNetwork: NetworkMaker | null = null;
  /** Network of the first namespace, loaded when a guest asks for it. */
  get net(): NetworkLoader {
    return this.namespaces.initial.net.network;
  }
  private anonymous: AnonInode | null = null;
  /** The process that adopts orphans (pid 1), if it lives. */
  init: ThreadGroup | null = null;
  /** A panic happened, or dispose began: no guest runs any more. */
  dead = false;
  private depth = 0;
  /** Fixed scratch for building structs that are copied out: never held over a call that may use it too. */
  readonly scratch = new Uint8Array(8192);
  readonly scratchView = new DataView(this.scratch.buffer);

  constructor(
    readonly platform: PlatformInstance,
    readonly memory: MemoryFile,
    readonly clock: Clock,
    readonly random: Random,
    readonly limits: KernelLimits,
    readonly reporter: KernelReporter,
    /** Where networks come from. */
    readonly networks: NetworkProvider,
  ) {
    this.timers = new Timers(
      () => clock.monotonic(),
      (when) => {
        if (clock.setAlarm) clock.setAlarm(when, this.onAlarm);
        else this.platform.setAlarm(when, this.onAlarm);
      },
    );
    this.cpuTimers = new CpuTimers(this);
    this.discipline = new ClockDiscipline(clock, this.timers);
    this.keys = new KeyRegistry(this);
    this.log = new KernelLog(clock);
    this.futexes = new FutexTable(memory);
    installTimerHooks(this);
    this.cgroups = new Cgroups(this);
    this.namespaces = new Namespaces(this);
    this.vdso = new VdsoPages(this);
    const releaseLocks = (task: Task): void => this.futexes.pi.ownerDied(task);
    this.hooks.taskExit.push(releaseLocks);
    this.hooks.exec.push(releaseLocks);
  }

  private readonly onAlarm = (): void => {
    if (this.dead) return;
    this.enter();
    try {
      this.timers.runDue();
    } catch (error) {
      this.panic(error, null);
    }
    this.leave();
  };

  /** The inode all anonymous descriptions share: eventfd, epoll, timerfd... Needs `mountEnv`. */
  get anonInode(): AnonInode {
    return (this.anonymous ??= sharedAnonInode(this.mountEnv));
  }

  /** Namespaces of who is served now: a task, or the embedder. */
  get currentNs(): NsSet {
    return this.acting ?? this.current?.nsSet ?? this.namespaces.initial;
  }

  /**
   * Every entry into the kernel - a guest event, an alarm, an embedder's call - is bracketed by `enter` and
   * `leave`, so that tasks woken meanwhile continue when the outermost one leaves: in the order they were
   * woken, and before the entry returns.
   */
  enter(): void {
    this.depth++;
    if (this.vdso.paused) this.vdso.resume();
    if (!this.memoryWatch.armed) this.memoryWatch.arm();
  }

  /** Something further up the stack is inside the kernel: its state must not be torn down now. */
  get entered(): boolean {
    return this.depth > 0;
  }

  leave(): void {
    if (this.depth === 1) {
      this.drain();
      this.current = null;
    }
    this.depth--;
  }

  private drain(): void {
    const queue = this.runQueue;
    while (queue.length > 0 && !this.dead) {
      const task = queue.shift()!;
      task.queued = false;
      try {
        if (task.state === 2 && (task.nr >= 0 || task.faulting !== null)) task.continueSyscall();
        else if (task.state === 1) task.continueKernel();
      } catch (error) {
        this.panic(error, task);
      }
    }
  }

  /** Continue `task` soon: called by Task.wakeUp only. */
  enqueue(task: Task): void {
    if (task.queued) return;
    task.queued = true;
    this.runQueue.push(task);
    if (this.depth === 0) {
      // A wake-up from outside the kernel (an embedder's stream): treat it as an entry of its own.
      this.enter();
      this.leave();
    }
  }

  /** Run `fn` as an entry into the kernel from the embedder's side. */
  run<T>(fn: () => T): T {
    this.enter();
    try {
      return fn();
    } finally {
      this.leave();
    }
  }

  /** Told when CLOCK_REALTIME was set (timers on that clock, timerfds with TFD_TIMER_CANCEL_ON_SET). */
  readonly realtimeWatchers = new Set<() => void>();

  /** CLOCK_REALTIME jumped: sleeps until an instant of it look anew, and the watchers are told. */
  realtimeStepped(): void {
    for (const task of this.pids.tasks.values()) if (task.wait.realtime) task.wakeUp();
    for (const watcher of this.realtimeWatchers) watcher();
  }

  /** A bug of ours: this sandbox ends with a report, the embedder lives on. */
  panic(error: unknown, task: Task | null): void {
    if (this.dead) return;
    this.dead = true;
    this.reporter.panic(error, task);
  }

  /** The host took a context away. The process dies as if by SIGKILL. */
  onContextLost(task: Task): void {
    this.signals.contextLost(task);
  }
}
