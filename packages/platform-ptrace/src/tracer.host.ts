import { hostMonotonicNs } from '@sandbox/native';
import {
  EVENT_INTERRUPTED,
  HostCallError,
  PENDING,
  POLLED_NOTHING,
  Preemptions,
  RUNNING,
  SliceDriver,
  SpinPolicy,
  type SpinWorth,
  STOPPED,
} from '@sandbox/platform';
import type { PtraceAddressSpace } from './address-space.host.js';
import { muteChildStops } from './child-stops.host.js';
import type { PtraceContext } from './context.host.js';
import { ThreadCpuTime } from './cpu-time.host.js';
import { HostThread } from './host-thread.host.js';
import { Injector } from './injector.host.js';
import type { PtraceInstance } from './instance.host.js';
import {
  BLOCK_INFO,
  PTRACE_EVENT_STOP,
  PTRACE_GET_SYSCALL_INFO,
  PTRACE_INTERRUPT,
  STATUS_SYSCALL,
  WALL,
  WNOHANG,
} from './layout.js';
import { Placement } from './placement.host.js';
import { POLLED_PID, Poller } from './poller.host.js';
import { Stops } from './stops.host.js';
import { nativeResume, nativeRun } from './tracer-code.host.js';
import { isExitStatus, wait4, waitStatus } from './wait.host.js';

/** No wait status: a call in shared memory. */
const FAST_STATUS = -1;
/** A real-time signal nothing else in a Node process uses. */
const SLICE_SIGNAL = 50;
const EINTR = 4;
const ECHILD = 10;
const ESRCH = 3;

/**
 * A call by shared memory takes 8 us less than a stop on a shared CPU; a stop on another CPU that much more.
 */
const SPIN_WORTH: SpinWorth = { hit: 8, miss: -45, slowStop: -38, list: -8, park: -12, beginCalls: 96 };
/** Look at the clock every so many events. */
const CLOCK_EVERY = 16;

/**
 * The ptrace tracer of this JS thread: owns all stubs of all sandboxes here, lets them run, and serves their
 * stops.
 *
 * A slice resumes what was asked to run, then blocks in wait4 until something stops (bounded by the slice
 * timer) and hands the event to its context's sink, again and again. When the guests stay busy with
 * themselves, the slice ends and a helper thread wakes the loop at the next stop.
 */
export class Tracer extends SliceDriver<PtraceInstance, PtraceContext, PtraceAddressSpace> {
  private static instance: Tracer | null = null;
  static forThisThread(): Tracer {
    Tracer.instance ??= new Tracer();
    return Tracer.instance;
  }

  readonly counters = {
    slices: 0,
    sleeps: 0,
    stops: 0,
    syscalls: 0,
    fastCalls: 0,
    parked: 0,
    faults: 0,
    lists: 0,
    operations: 0,
    spaces: 0,
    failures: 0,
  };
  private readonly threads = new Map<number, HostThread>();
  readonly placement = new Placement();
  private readonly poller = new Poller();
  readonly injector = new Injector(this);
  private readonly stops = new Stops(this);
  readonly spin = new SpinPolicy(this.placement.hasSeveral, SPIN_WORTH);
  private readonly preemptions = new Preemptions();
  /** Stops taken while waiting for something else, to be delivered first. */
  private readonly stashed: { thread: HostThread; status: number }[] = [];
  private runningCount = 0;
  private pgid = 0;

  private constructor() {
    super(SLICE_SIGNAL, false);
  }

  /** The process group all stubs are in, 0 before the first. */
  get group(): number {
    return this.pgid;
  }

  joinGroup(pid: number): void {
    if (this.pgid === 0) this.pgid = pid;
  }

  // Registration --------------------------------------------------------------------------------------------

  override register(instance: PtraceInstance): void {
    muteChildStops();
    super.register(instance);
  }

  override unregister(instance: PtraceInstance): void {
    this.pending = this.pending.filter((c) => !c.disposed && !c.ptraceSpace.dead);
    this.reapAll(instance);
    super.unregister(instance);
  }

  /** After dispose: collect the killed processes of `instance`, so that no zombie stays. */
  private reapAll(instance: PtraceInstance): void {
    // A leader can be reaped only after its threads, which came later.
    for (const thread of [...this.threads.values()].reverse()) {
      if (thread.addressSpace.instance !== instance || thread.gone) continue;
      for (;;) {
        const r = wait4(thread.pid, WALL);
        if (r === -EINTR) continue;
        if (r < 0 || isExitStatus(waitStatus())) break;
      }
      this.forget(thread);
    }
    this.leaveGroup();
  }

  /** Templates kept for later sandboxes: they are in the process group, too. */
  private kept = 0;

  /** A stopped template is kept for a later sandbox: its thread is no longer any of ours. */
  keep(template: HostThread): void {
    this.kept++;
    this.forget(template);
  }

  /** It came back to be used (`addThread`), or is no more. */
  unkeep(): void {
    this.kept--;
    this.leaveGroup();
  }

  private leaveGroup(): void {
    if (this.threads.size + this.kept === 0) this.pgid = 0;
  }

  private forget(thread: HostThread): void {
    if (thread.gone) return;
    thread.gone = true;
    this.leaveRunning(thread);
    thread.addressSpace.instance.threadPages.free(thread);
    thread.addressSpace.abandon(thread);
    this.threads.delete(thread.pid);
    thread.releaseBlock();
  }

  addThread(pid: number, space: PtraceAddressSpace): HostThread {
    const thread = new HostThread(pid, space);
    this.threads.set(pid, thread);
    space.adopt(thread);
    return thread;
  }

  /** A thread that carries no context: it runs lists. */
  addAgent(pid: number, space: PtraceAddressSpace): HostThread {
    const thread = new HostThread(pid, space);
    this.threads.set(pid, thread);
    return thread;
  }

  // Scheduling ----------------------------------------------------------------------------------------------

  noteKilled(space: PtraceAddressSpace): void {
    for (const thread of space.threads) this.leaveRunning(thread);
    this.schedule();
  }

  /** The kernel no longer waits for an event of `thread`. */
  private leaveRunning(thread: HostThread): void {
    if (!thread.running) return;
    thread.running = false;
    this.runningCount--;
    if (thread.page) this.poller.remove(thread);
  }

  protected get anyRunning(): boolean {
    return this.runningCount > 0;
  }
  protected get anyReady(): boolean {
    return this.stashed.length > 0;
  }
  /** A sandbox's template runs nothing, but all others may be killed by the host. */
  protected override get mayStop(): boolean {
    return this.runningCount > 0 || this.threads.size > this.instances.size;
  }
  protected watch(): boolean {
    this.helpers.armWaiter(this.pgid);
    return true;
  }

  protected override begin(): void {
    muteChildStops();
    this.reap();
  }

  /** Serve, and judge by what came of it whether to spin and where to run. */
  protected serve(): number {
    const fastBefore = this.counters.fastCalls;
    const listsBefore = this.counters.lists;
    const slowBefore = this.counters.stops - this.counters.parked;
    this.placement.enter();
    const events = this.serveEvents();
    if (this.runningCount > 0) this.noteStillRunning();
    if (this.spin.active) this.notePreemptions(listsBefore);
    const { fastCalls, stops, parked } = this.counters;
    this.spin.judge(hostMonotonicNs(), fastCalls - fastBefore, stops - parked - slowBefore);
    this.placement.leave();
    return events;
  }

  /** Taken off the CPU while looking, it had better not look. But an agent that runs a list takes it, too. */
  private notePreemptions(listsBefore: number): void {
    const times = this.preemptions.count();
    this.spin.preempted(this.counters.lists === listsBefore ? times : 0);
  }

  private noteStillRunning(): void {
    const now = hostMonotonicNs();
    for (const thread of this.threads.values()) {
      if (thread.running) this.placement.stillRunning(thread, thread.runningSince, now);
    }
  }

  /** Serve events until the slice is over or nothing can happen. Returns how many there were. */
  private serveEvents(): number {
    let events = 0;
    for (;;) {
      if (this.stashed.length > 0) {
        const { thread, status } = this.stashed.shift()!;
        if (!thread.gone) this.stops.onStop(thread, status, true, true);
        events++;
        continue;
      }
      let thread: HostThread | null;
      if (this.pending.length === 1 && this.runningCount === 0) {
        thread = this.runOne(this.pending.pop()!);
      } else {
        if (this.pending.length > 0) this.resumePending();
        if (this.runningCount === 0) return events;
        thread = this.wait();
      }
      if (thread) {
        this.handle(thread, this.lastStatus, this.lastFetched);
        events++;
        if (events % CLOCK_EVERY !== 0) continue;
      }
      const now = hostMonotonicNs();
      if (now >= this.nextAlarm) this.runAlarms(now);
      if (now >= this.sliceEnd) return events;
    }
  }

  private lastStatus = 0;
  private lastFetched = false;

  /** What goes wrong with one guest's stub ends that guest's process. */
  private handle(thread: HostThread, status: number, fetched: boolean): void {
    try {
      if (status === FAST_STATUS) this.stops.onFastCall(thread, thread.context!);
      else this.stops.onStop(thread, status, fetched);
    } catch (error) {
      if (!(error instanceof HostCallError)) throw error;
      this.fail(thread.addressSpace, error);
    }
  }

  /** Resume one context and wait for it alone: the common case. Null when the wait was interrupted. */
  private runOne(context: PtraceContext): HostThread | null {
    const thread = this.prepare(context);
    if (!thread) return null;
    if (!thread.stopped || (this.spin.active && thread.page)) {
      this.letGo(thread);
      return this.wait();
    }
    thread.stopped = false;
    const r = nativeRun(thread.block.address);
    if (r === thread.pid) {
      this.leaveRunning(thread);
      thread.stopped = true;
      this.lastStatus = thread.block.status;
      this.lastFetched = true;
      return thread;
    }
    if (r === -ESRCH || r === -ECHILD) this.threadExited(thread);
    return null;
  }

  /** Everything but the resume itself. Null when it cannot run any more. */
  private prepare(context: PtraceContext): HostThread | null {
    const { ptraceSpace: space } = context;
    if (context.disposed || space.dead) return null;
    try {
      if (space.pending) {
        if (!space.agent && !context.thread.stopped) context.leaveFast();
        space.flushOn(context.thread);
      }
      const { thread } = context;
      if (thread.gone || space.dead) return null;
      this.placement.beforeRun(thread, this.spin.active && thread.page !== null);
      // Left over from a time of spinning, it would let the guest look for answers on the CPU that is to give
      // them.
      if (thread.page && !this.spin.active) thread.page.setAsleep();
      if (!context.fast || !context.answerFast()) context.writeBack();
      context.state = RUNNING;
      thread.runningSince = this.sliceStart;
      thread.running = true;
      this.runningCount++;
      if (thread.page) this.poller.add(thread, thread.page.hostAddress);
      return thread;
    } catch (error) {
      if (!(error instanceof HostCallError)) throw error;
      this.fail(space, error);
      return null;
    }
  }

  /** Resume a prepared thread, if it is in a stop at all. */
  private letGo(thread: HostThread): void {
    if (!thread.stopped) return;
    thread.stopped = false;
    if (nativeResume(thread.block.address) < 0) this.threadExited(thread);
  }

  private resumePending(): void {
    const list = this.pending;
    this.pending = [];
    for (const context of list) {
      const thread = this.prepare(context);
      if (thread) this.letGo(thread);
    }
  }

  /** Wait for the next event: by looking at the shared pages while that pays, else in wait4. */
  private wait(): HostThread | null {
    if (this.spin.active && this.poller.watched.length > 0) {
      const r = this.poller.poll(this.pgid);
      if (r >= POLLED_PID) return this.took(r - POLLED_PID, this.poller.status);
      if (r >= 0) {
        this.spin.hit();
        const thread = this.poller.watched[r];
        this.leaveRunning(thread);
        this.lastStatus = FAST_STATUS;
        return thread;
      }
      if (r !== POLLED_NOTHING) return null;
      const before = hostMonotonicNs();
      const thread = this.waitAny();
      this.spin.miss(hostMonotonicNs() - before);
      return thread;
    }
    return this.waitAny();
  }

  /** Block until any thread stops. Null: interrupted by the timer, or only reaped something. */
  private waitAny(): HostThread | null {
    const r = wait4(-this.pgid, WALL);
    if (r <= 0) {
      if (r === -ECHILD) this.runningCount = 0;
      return null;
    }
    return this.took(r, waitStatus());
  }

  /** Process group wait returned `pid`: find whose it is. */
  private took(pid: number, status: number): HostThread | null {
    const thread = this.threads.get(pid);
    if (!thread) return null;
    thread.stopped = true;
    if (isExitStatus(status)) {
      this.threadExited(thread);
      return null;
    }
    if (!thread.context || thread.addressSpace.dead) {
      thread.interruptSent = false;
      return null;
    }
    // A guest that gave up looking for an answer, and parked.
    if (!thread.running) {
      thread.interruptSent = false;
      this.spin.park();
      return null;
    }
    this.leaveRunning(thread);
    this.lastStatus = status;
    this.lastFetched = false;
    return thread;
  }

  /** Collect exits (killed stubs) without waiting. */
  private reap(): void {
    if (this.pgid === 0) return;
    for (;;) {
      const r = wait4(-this.pgid, WALL | WNOHANG);
      if (r === -EINTR) continue;
      if (r <= 0) return;
      const thread = this.took(r, waitStatus());
      if (thread) this.stash(thread, this.lastStatus);
    }
  }

  /**
   * Keep a stop for later. What the host knows of it is asked at once: a list run on the thread meanwhile
   * makes it forget.
   */
  private stash(thread: HostThread, status: number): void {
    if (status === STATUS_SYSCALL) {
      thread.ptrace(PTRACE_GET_SYSCALL_INFO, 88, thread.block.address + BLOCK_INFO);
    } else if (!isExitStatus(status) && status >> 16 !== PTRACE_EVENT_STOP) {
      thread.fetchSiginfo();
    }
    this.stashed.push({ thread, status });
  }

  threadExited(thread: HostThread): void {
    const context = thread.context;
    const space = thread.addressSpace;
    this.forget(thread);
    this.leaveGroup();
    if (!context || context.disposed || space.dead) return;
    // Nobody of ours killed it: the host did (out of memory, an administrator).
    context.lost();
    context.sink?.onGuestEvent(context);
  }

  protected applyChanges(space: PtraceAddressSpace): void {
    if (space.pending && !space.dead && space.contexts > 0) space.flush();
  }

  // Events --------------------------------------------------------------------------------------------------

  deliver(context: PtraceContext, event: PtraceContext['event']): void {
    context.state = STOPPED;
    context.event = event;
    context.sink?.onGuestEvent(context);
  }

  /** Not an event: let it go on. */
  again(context: PtraceContext): void {
    context.state = PENDING;
    this.enqueue(context);
  }

  interrupt(context: PtraceContext): void {
    if (context.state === PENDING) {
      this.interruptPending(context);
      return;
    }
    const thread = context.thread;
    if (thread.interruptSent || thread.gone) return;
    thread.interruptSent = true;
    thread.ptrace(PTRACE_INTERRUPT, 0, 0);
  }

  /** Operations on `space` failed: it ends, and each of its contexts is told in the next round. */
  fail(space: PtraceAddressSpace, error: unknown): void {
    this.counters.failures++;
    this.lastFailure = error instanceof Error ? error.message : String(error);
    const contexts = space.threads.map((t) => t.context).filter((c): c is PtraceContext => c !== null);
    space.kill();
    this.pending = this.pending.filter((c) => c.ptraceSpace !== space);
    for (const context of contexts) {
      context.lost();
      this.lostContexts.push(context);
    }
    setImmediate(this.deliverLost);
  }

  lastFailure = '';
  private readonly lostContexts: PtraceContext[] = [];
  private readonly deliverLost = (): void => {
    for (const context of this.lostContexts.splice(0))
      if (!context.disposed) context.sink?.onGuestEvent(context);
  };

  protected deliverInterrupted(context: PtraceContext): void {
    // One that was stopped for our own ends may be anywhere, in the stub too.
    if (context.fast) this.deliver(context, EVENT_INTERRUPTED);
    else this.stops.onInterrupted(context.thread, context);
  }

  /**
   * Stop `thread` now: it executes guest code, or looks for an answer. The event it may have had instead is
   * kept for later.
   */
  stopNow(thread: HostThread): boolean {
    if (thread.stopped) return true;
    const asked = thread.interruptSent;
    if (!asked) thread.ptrace(PTRACE_INTERRUPT, 0, 0);
    let r = wait4(thread.pid, WALL);
    while (r === -EINTR) r = wait4(thread.pid, WALL);
    const wasRunning = thread.running;
    this.leaveRunning(thread);
    thread.stopped = true;
    if (r < 0) return false;
    const status = waitStatus();
    if (isExitStatus(status)) {
      this.threadExited(thread);
      return false;
    }
    const isStop = status >> 16 === PTRACE_EVENT_STOP;
    // Another stop came first: ours is still to come, and means nothing then.
    if (!wasRunning) {
      thread.interruptSent = false;
      return true;
    }
    if (isStop && !asked) {
      if (thread.context) this.again(thread.context);
    } else {
      this.stash(thread, status);
    }
    return true;
  }

  /** Stop a thread whose call is published, so that its registers can be had. */
  stopFast(thread: HostThread): void {
    this.spin.slowStop();
    if (!this.stopNow(thread)) throw new HostCallError('stub ended', ESRCH);
  }

  /**
   * A stopped thread of `space` on which operations can run, stopping one if need be; null when it has none
   * left.
   */
  stoppedThread(space: PtraceAddressSpace): HostThread | null {
    if (space.dead) return null;
    for (const thread of space.threads) if (thread.stopped && !thread.gone) return thread;
    for (const thread of space.threads) {
      if (!thread.gone && !thread.ending && this.stopNow(thread)) return thread;
    }
    return null;
  }

  /** The kernel gives `context` up while it may be pending or running. */
  withdraw(context: PtraceContext): void {
    if (context.state === PENDING) this.dequeue(context);
    if (!context.thread.stopped && !context.thread.gone) {
      // Even a last context is stopped first: its memory is given to others right after this.
      const thread = context.thread;
      thread.context = null;
      this.stopNow(thread);
      thread.interruptSent = false;
    }
    for (let i = this.stashed.length - 1; i >= 0; i--) {
      if (this.stashed[i].thread === context.thread) this.stashed.splice(i, 1);
    }
    context.giveUp();
    context.state = STOPPED;
  }

  private cpuTime: ThreadCpuTime | null = null;

  threadCpuTime(thread: HostThread): number {
    this.cpuTime ??= new ThreadCpuTime();
    return thread.gone ? 0 : this.cpuTime.read(thread.addressSpace.pid, thread.pid);
  }
}
