import { type FileSystem, WaitQueue } from '@sandbox/vfs';
import type { Limits } from '../../mm/rlimits.js';
import type { CoreDump } from '../coredump/dump.js';
import type { ContainerCore } from '../kernel/container-core.js';
import type { KernelCore } from '../kernel/kernel-core.js';
import type { PidTable, PidView } from '../kernel/pid-table.js';
import type { SharedSignals } from '../signal/signal-state.js';
import type { ProcessTimers } from '../time/process-timers.js';
import { newIoCount } from './io-accounting.js';
import type { ProcessGroup, Session } from './session.js';
import type { Task } from './task.js';

/** What getrusage(2) counts besides CPU time. */
export class Usage {
  minflt = 0;
  majflt = 0;
  nvcsw = 0;
  nivcsw = 0;
  /** How long they were there together, ns; not of children. */
  elapsed = 0;
  /** Peak resident set, KiB. */
  maxrss = 0;

  add(o: Usage): void {
    this.minflt += o.minflt;
    this.majflt += o.majflt;
    this.nvcsw += o.nvcsw;
    this.nivcsw += o.nivcsw;
    this.maxrss = Math.max(this.maxrss, o.maxrss);
  }
}

/** A name a process was looked up by in some /proc. */
export interface ShownProcess {
  readonly fs: FileSystem;
  readonly name: string;
}

/**
 * A process: the threads that share a pid, signal actions, limits and children (Linux: signal_struct and the
 * thread group leader's place in the process tree).
 */
export class ThreadGroup {
  /** Threads that have not exited, in order of creation. A leader that has exited is not among them. */
  readonly tasks: Task[] = [];
  leader!: Task;
  parent: ThreadGroup | null;
  readonly children: ThreadGroup[] = [];
  processGroup!: ProcessGroup;
  readonly signals: SharedSignals;
  /** wait4 of this process sleeps here; woken when a child changes state. */
  readonly childQueue = new WaitQueue();
  /**
   * Woken (POLLIN) when a thread exits and when the process has ended, and (POLLHUP) when it is reaped:
   * pidfds, execve.
   */
  readonly exitQueue = new WaitQueue();
  /**
   * The thread that created it (or inherited it from one that exited): pdeathsig and __WNOTHREAD go by it.
   */
  creator: Task | null = null;
  /** The thread whose execve ends the others (Linux: group_exec_task). */
  execTask: Task | null = null;
  /** exit_group or a fatal signal has begun; every thread is on its way out. */
  exiting = false;
  /** While its memory is written to a file, before it ends by a signal. */
  coreDump: CoreDump | null = null;
  /** Wait status word (wait(2)) once all threads are gone. */
  exitStatus = 0;
  /** All threads gone, not reaped. */
  zombie = false;
  /** What instances of /proc may have cached of it, to be forgotten when it is reaped. */
  readonly shown: ShownProcess[] = [];
  /** Traced threads that have ended and that no wait of their tracer has taken yet. */
  unreaped = 0;
  /** Signal sent to the parent on exit (SIGCHLD as a rule). */
  exitSignal = 17;
  /** Became a subreaper by prctl(PR_SET_CHILD_SUBREAPER). */
  childSubreaper = false;
  /** Has called execve since fork (setpgid's EACCES). */
  didExec = false;
  /** Embedder's listeners: called once when the process has ended, before it is reaped. */
  onExit: ((status: number) => void) | null = null;
  /**
   * The program the embedder started that this process descends from, whoever has adopted it since; itself
   * for such a program.
   */
  origin: ThreadGroup = this;
  /** The embedder's container it belongs to; null: none. */
  container: ContainerCore | null = null;
  /** Gave its session's terminal up by TIOCNOTTY. */
  droppedTty = false;
  /** prctl PR_SET_DUMPABLE. */
  dumpable = 1;
  /** Path of the executable as byte string and the full argv for /proc. */
  exePath = '';
  /** CPU time of exited threads and reaped children, ns (user, system), for times and getrusage. */
  deadUtime = 0;
  deadStime = 0;
  childUtime = 0;
  childStime = 0;
  /** The same for faults, context switches and peak memory (getrusage(2)). */
  readonly dead = new Usage();
  readonly childUsage = new Usage();
  /** I/O of exited threads and reaped children (proc_pid_io(5)). */
  readonly pastIo = newIoCount();
  oomScoreAdj = 0;
  /** POSIX and interval timers, once it has set one. */
  timers: ProcessTimers | null = null;
  /** Second of CPU time at which RLIMIT_CPU warns next, past the soft limit. */
  cpuLimitNext = 0;

  /** The pid namespace it is in, and its numbers there and above. */
  pids: PidTable;
  ids: readonly number[] | null = null;
  /** Process 1 of a pid namespace: signals without a handler do not reach it from within. */
  unkillable = false;

  constructor(
    readonly kernel: KernelCore,
    readonly pid: number,
    parent: ThreadGroup | null,
    public limits: Limits,
    signals: SharedSignals,
  ) {
    this.parent = parent;
    this.pids = kernel.pids;
    this.signals = signals;
  }

  /** Its pid as `viewer` sees it, 0 when it does not. */
  pidFor(viewer: PidView): number {
    return viewer.pids.numberOf(this.pid, this);
  }

  get session(): Session {
    return this.processGroup.session;
  }
}
