import { allocatePages, hostSyscall, onThreadExit, viewOf } from '@sandbox/native';
import { startThread } from '@sandbox/platform';
import { RUN_IMMEDIATE_EXIT } from './abi.js';
import type { KvmContext } from './context.host.js';
import {
  endRunners,
  LOOP_AWAKE,
  LOOP_RUNS,
  LOOP_WAITS,
  RUNNER_BYTES,
  RUNNER_DONE,
  RUNNER_FD,
  RUNNER_GO,
  RUNNER_RESULT,
  RUNNER_RUN,
  RUNNER_SHARED,
  RUNNER_STATE,
  RUNNER_TID,
  runnerEntry,
  SHARED_BYTES,
  SHARED_COUNT,
  SHARED_DONE,
  SHARED_PID,
  SHARED_PIPE,
  SHARED_RUN,
  SHARED_SIGNAL,
  SHARED_STATE,
  SHARED_TID,
} from './runner-code.host.js';
import type { Vcpu } from './vcpu.host.js';

const SYS_futex = 202;
const SYS_clock_gettime = 228;
/**
 * Of a thread's processor time: in the low bits of a clock's number, below the complement of the thread's
 * (clock_getcpuclockid(3)).
 */
const CPUCLOCK_THREAD = 6;
const SYS_tgkill = 234;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
/** Room for a signal frame with the largest processor state there is. */
const STACK_BYTES = 65536;
/** How long to wait before a kick that came too early is repeated. */
const KICK_AGAIN = 1e6;
/** Looks at a run that is about to end, before this thread sleeps: some 20 us. */
const FINISH_LOOKS = 4000;

/** One thread that runs virtual CPUs. */
export class Runner {
  context: KvmContext | null = null;
  vcpu: Vcpu | null = null;
  /** Its processor time when its present run began. */
  timeAtStart = 0;

  constructor(
    readonly index: number,
    readonly tid: number,
    /** Index of its block's first word. */
    readonly at: number,
  ) {}
}

/** The threads that run virtual CPUs for one JS thread, and how that thread waits for them. */
export class Runners {
  static readonly MAX = 60;
  private readonly memory = allocatePages(4096);
  private readonly words = new Int32Array(viewOf(this.memory, 4096));
  private readonly timespec = allocatePages(4096);
  private readonly time = new Uint32Array(viewOf(this.timespec, 16));
  readonly all: Runner[] = [];
  /** Runs in progress. */
  active = 0;
  private seen = 0;

  constructor(
    pipe: number,
    private readonly tid: number,
    private readonly signal: number,
  ) {
    const put = (at: number, value: number): void => {
      this.words[at / 4] = value;
      this.words[at / 4 + 1] = 0;
    };
    put(SHARED_PIPE, pipe);
    put(SHARED_PID, process.pid);
    put(SHARED_TID, tid);
    put(SHARED_SIGNAL, signal);
    onThreadExit(endRunners, this.memory);
  }

  /** A further thread. Throws HostCallError. */
  add(): Runner {
    const at = SHARED_BYTES + this.all.length * RUNNER_BYTES;
    const block = this.memory + at;
    this.words[(at + RUNNER_SHARED) / 4] = (this.memory % 4294967296) | 0;
    this.words[(at + RUNNER_SHARED) / 4 + 1] = Math.floor(this.memory / 4294967296);
    const tid = startThread(runnerEntry, block, STACK_BYTES, this.signal);
    const runner = new Runner(this.all.length, tid, at / 4);
    this.all.push(runner);
    this.words[(at + RUNNER_TID) / 4] = tid;
    this.words[SHARED_COUNT / 4] = this.all.length;
    return runner;
  }

  /** Let `runner` run `vcpu`. */
  start(runner: Runner, vcpu: Vcpu): void {
    runner.vcpu = vcpu;
    this.active++;
    this.words[runner.at + RUNNER_FD / 4] = vcpu.fd;
    this.words[runner.at + RUNNER_RUN / 4] = (vcpu.address % 4294967296) | 0;
    this.words[runner.at + RUNNER_RUN / 4 + 1] = Math.floor(vcpu.address / 4294967296);
    Atomics.store(this.words, runner.at + RUNNER_STATE / 4, RUNNER_GO);
    hostSyscall(SYS_futex, this.memory + runner.at * 4 + RUNNER_STATE, FUTEX_WAKE, 1);
  }

  /** Something ended since the last `take`. */
  get anyDone(): boolean {
    return Atomics.load(this.words, SHARED_DONE / 4) !== this.seen;
  }
  /** Look at all that ended from here on. */
  noteSeen(): void {
    this.seen = Atomics.load(this.words, SHARED_DONE / 4);
  }

  /** True when `runner`'s run has ended; its result is then `result`. Once for each run. */
  take(runner: Runner): boolean {
    const done = runner.at + RUNNER_DONE / 4;
    if (Atomics.load(this.words, done) === 0) return false;
    Atomics.store(this.words, done, 0);
    this.result = this.words[runner.at + RUNNER_RESULT / 4];
    runner.vcpu!.run[RUN_IMMEDIATE_EXIT] = 0;
    this.active--;
    return true;
  }
  result = 0;

  /** Nanoseconds of processor time the thread has used. */
  timeOf(runner: Runner): number {
    return this.threadTime(runner.tid);
  }
  /** The same of the event loop's thread. */
  ownTime(): number {
    return this.threadTime(this.tid);
  }

  private threadTime(tid: number): number {
    hostSyscall(SYS_clock_gettime, (~tid << 3) | CPUCLOCK_THREAD, this.timespec);
    return (this.time[0] + this.time[1] * 4294967296) * 1e9 + this.time[2];
  }

  /** Make the run end soon. */
  kick(runner: Runner): void {
    runner.vcpu!.run[RUN_IMMEDIATE_EXIT] = 1;
    hostSyscall(SYS_tgkill, process.pid, runner.tid, this.signal);
  }

  /** End the run and wait for that; then `take` is true. */
  stop(runner: Runner): void {
    while (!this.isDone(runner)) {
      this.kick(runner);
      this.block(() => this.isDone(runner), KICK_AGAIN);
    }
  }

  /** Wait for a run that is about to end by itself; when it does not, end it. */
  finish(runner: Runner): void {
    for (let i = 0; i < FINISH_LOOKS; i++) if (this.isDone(runner)) return;
    this.block(() => this.isDone(runner), KICK_AGAIN);
    this.stop(runner);
  }

  private isDone(runner: Runner): boolean {
    return Atomics.load(this.words, runner.at + RUNNER_DONE / 4) !== 0;
  }

  /** Host address of the count of runs that ended, and what of it has been seen. */
  readonly doneAddress = this.memory + SHARED_DONE;
  get seenDone(): number {
    return this.seen;
  }

  /** Wait until a run ends, or `ns` have passed, or a signal comes. */
  wait(ns: number): void {
    this.block(this.isAnyDone, ns);
  }
  private readonly isAnyDone = (): boolean => this.anyDone;

  private block(done: () => boolean, ns: number): void {
    Atomics.store(this.words, SHARED_STATE / 4, LOOP_WAITS);
    if (!done()) {
      this.time[0] = Math.floor(ns / 1e9);
      this.time[2] = Math.max(1, Math.floor(ns % 1e9));
      hostSyscall(SYS_futex, this.memory + SHARED_STATE, FUTEX_WAIT, LOOP_WAITS, this.timespec);
    }
    Atomics.store(this.words, SHARED_STATE / 4, LOOP_AWAKE);
  }

  /** Run `vcpu` on this thread: 0 or -errno. A run that ends elsewhere, or a signal, interrupts it. */
  runHere(vcpu: Vcpu): number {
    if (this.active === 0) return vcpu.runHere();
    const { address } = vcpu;
    this.words[SHARED_RUN / 4] = (address % 4294967296) | 0;
    this.words[SHARED_RUN / 4 + 1] = Math.floor(address / 4294967296);
    Atomics.store(this.words, SHARED_STATE / 4, LOOP_RUNS);
    if (this.anyDone) vcpu.run[RUN_IMMEDIATE_EXIT] = 1;
    const r = vcpu.runHere();
    Atomics.store(this.words, SHARED_STATE / 4, LOOP_AWAKE);
    return r;
  }

  /** The loop goes on with other things: a run that ends wakes it. False when one already has. */
  leave(state: number): boolean {
    Atomics.store(this.words, SHARED_STATE / 4, state);
    if (!this.anyDone) return true;
    Atomics.store(this.words, SHARED_STATE / 4, LOOP_AWAKE);
    return false;
  }
}
