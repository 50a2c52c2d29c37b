import { hostMonotonicNs } from '@sandbox/native';
import {
  EVENT_INTERRUPTED,
  HostCallError,
  PENDING,
  POLLED_NOTHING,
  Preemptions,
  RUNNING,
  SliceDriver,
  STOPPED,
  TICK,
} from '@sandbox/platform';
import type { KvmAddressSpace } from './address-space.host.js';
import { callPolicy } from './call-policy.host.js';
import { CallPoller, POLLED_DONE } from './call-poller.host.js';
import type { KvmContext } from './context.host.js';
import {
  decodeExit,
  EXIT_AGAIN,
  EXIT_EVENT,
  EXIT_FAILED,
  EXIT_INTERRUPTED,
  type Exit,
  exitProblem,
} from './exits.js';
import type { KvmInstance } from './instance.host.js';
import { LOOP_AWAY } from './runner-code.host.js';
import { type Runner, Runners } from './runners.host.js';

/** A real-time signal nothing else in a Node process uses. */
const SIGNAL = 51;
/**
 * A context that runs so long without an event is given a thread of its own; it comes back after runs shorter
 * than that one.
 */
const BUSY_RUN = 7e5;
const SHORT_RUN = 2e5;
const SHORT_RUNS = 8;
const VECTOR_GENERAL_PROTECTION = 13;
/** Look at the clock every so many calls in pages. */
const CLOCK_EVERY = 16;
/**
 * Looks at call pages before this thread goes to sleep: some 30 us; and while a guest enters the virtual
 * machine.
 */
const LOOKS = 1500;
const ENTRY_LOOKS = 15_000;
const ENTRY_TIME = 1e6;

/**
 * Runs the guests of this JS thread. A guest that calls often runs on this very thread, in slices of Node's
 * event loop: a call is then one ioctl, without a switch between threads. One that computes is moved to a
 * thread of its own, and this one sleeps, or sees to other things, until something ends there.
 *
 * A virtual CPU is only ever run by one thread (kernels before 6.14 make a change of it wait for all CPUs),
 * so it is the context's state that moves.
 */
export class Driver extends SliceDriver<KvmInstance, KvmContext, KvmAddressSpace> {
  private static instance: Driver | null = null;
  static forThisThread(): Driver {
    Driver.instance ??= new Driver();
    return Driver.instance;
  }

  readonly counters = {
    slices: 0,
    sleeps: 0,
    runs: 0,
    threadRuns: 0,
    moves: 0,
    syscalls: 0,
    fastCalls: 0,
    parked: 0,
    left: 0,
    faults: 0,
    again: 0,
    flushes: 0,
    failures: 0,
  };
  lastFailure = '';
  private readonly runners = new Runners(this.helpers.writeFd, this.timer.tid, SIGNAL);
  private readonly poller = new CallPoller(this.runners.doneAddress);
  private readonly preemptions = new Preemptions();
  private spin = callPolicy(0);
  /** Contexts stopped on others' account, whose events are still to be told. */
  private ready: KvmContext[] = [];
  /** When the last run on this thread ended. */
  private lastEnd = 0;

  private constructor() {
    super(SIGNAL, true);
  }

  private judged = false;
  private spinning = true;

  /** Leaving the virtual machine for a call costs `ns` more than not doing so. */
  useCallPages(ns: number, when: 'adaptive' | 'always' | 'never' = 'adaptive'): void {
    if (!this.judged) {
      this.judged = true;
      this.spin = callPolicy(ns);
    }
    if (when === 'always') this.spin.force();
    this.spinning = when !== 'never';
    if (!this.spinning) this.spin.active = false;
  }

  /** Nothing of `instance` runs any more after this. */
  override unregister(instance: KvmInstance): void {
    this.pending = this.pending.filter((c) => c.instance !== instance);
    this.ready = this.ready.filter((c) => c.instance !== instance);
    for (const runner of this.runners.all) {
      if (runner.context?.instance === instance) this.stopRunner(runner);
    }
    super.unregister(instance);
  }

  protected get anyRunning(): boolean {
    return this.runners.active > 0;
  }
  protected get anyReady(): boolean {
    return this.ready.length > 0;
  }

  /** A guest that runs on this thread has it for no longer than that. */
  protected override firstTick(): number {
    return hostMonotonicNs() + TICK;
  }

  protected watch(): boolean {
    return this.runners.leave(LOOP_AWAY);
  }

  /** Serve, and judge by what came of it whether to look for calls in pages. */
  protected serve(): number {
    const { syscalls, faults } = this.counters;
    const events = this.serveEvents();
    if (this.spin.active) this.spin.preempted(this.preemptions.count());
    if (!this.spinning) return events;
    this.spin.judge(hostMonotonicNs(), this.counters.syscalls - syscalls, this.counters.faults - faults);
    return events;
  }

  /** Serve events until the slice is over or nothing can happen. Returns how many there were. */
  private serveEvents(): number {
    let events = 0;
    for (;;) {
      let now = 0;
      if (this.runners.active > 0 && this.runners.anyDone) events += this.collect();
      if (this.ready.length > 0) {
        const context = this.ready.shift()!;
        const exit = context.told!;
        context.told = null;
        this.finish(context, exit);
        events++;
      } else if (this.pending.length > 0) {
        const context = this.pending.shift()!;
        if (context.fast && this.answer(context)) continue;
        if ((context.busy || this.spin.active) && this.startRunner(context)) continue;
        if (this.runHere(context)) events++;
        now = this.lastEnd;
      } else if (this.runners.active > 0) {
        if (this.wait()) {
          events++;
          if (events % CLOCK_EVERY !== 0) continue;
        }
        now = hostMonotonicNs();
      } else {
        return events;
      }
      if (now >= this.nextAlarm) this.runAlarms(now);
      if (now >= this.sliceEnd) return events;
    }
  }

  /** A guest was given to a thread, which is to wake up and to enter the virtual machine. */
  private entering = false;

  /**
   * Wait until something ends elsewhere or the time is up; while that pays, look at the call pages first.
   * True when a call was there.
   */
  private wait(): boolean {
    const looks = this.spin.active && this.poller.watched.length > 0;
    if (looks) {
      const r = this.poller.poll(this.runners.seenDone, this.looks());
      if (r === POLLED_DONE) return false;
      if (r !== POLLED_NOTHING) {
        this.spin.hit();
        this.entering = false;
        this.onCall(this.poller.watched[r]);
        return true;
      }
    }
    this.entering = false;
    const before = hostMonotonicNs();
    this.runners.wait(Math.max(1000, Math.min(this.sliceEnd, this.nextAlarm) - before));
    if (looks) this.spin.miss(hostMonotonicNs() - before);
    return false;
  }

  private looks(): number {
    return this.entering && this.nextAlarm > hostMonotonicNs() + ENTRY_TIME ? ENTRY_LOOKS : LOOKS;
  }

  // Calls in call pages -------------------------------------------------------------------------------------

  private onCall(context: KvmContext): void {
    this.poller.remove(context);
    context.takeCall();
    context.state = STOPPED;
    context.endStep();
    context.spurious = 0;
    context.runNs = 0;
    this.counters.syscalls++;
    this.counters.fastCalls++;
    this.noteCall(context);
    context.sink?.onGuestEvent(context);
    // No answer yet: it sleeps, or something slow goes on.
    if (context.fast && context.state === STOPPED) context.vcpu!.calls!.parkNow();
  }

  /** Its place may be worth being patched. */
  private noteCall(context: KvmContext): void {
    if (context.calledFrom === 0) return;
    const weight = context.vcpu!.calls!.weight();
    try {
      context.instance.fast.noteSlowCall(context, context.calledFrom, weight);
    } catch (error) {
      if (!(error instanceof HostCallError)) throw error;
      // No memory for tables: it does without.
      context.patched.patches.disabled = true;
    }
  }

  /**
   * Answer a pending context's call in its page. False: the guest has left, and is one like any other now.
   */
  private answer(context: KvmContext): boolean {
    const { kvmSpace: space } = context;
    try {
      if (!space.tables.stale.empty) {
        this.spin.list();
        space.flush();
      }
      if (!context.answerFast()) {
        this.spin.park();
        this.left(context);
        return false;
      }
    } catch (error) {
      if (!(error instanceof HostCallError)) throw error;
      this.left(context);
      this.fail(context, error.message);
      return true;
    }
    context.state = RUNNING;
    this.poller.add(context, context.vcpu!.calls!.hostAddress);
    return true;
  }

  /** Have `context`, whose call is in its page, leave the virtual machine. */
  leaveFast(context: KvmContext): void {
    this.spin.slowStop();
    this.counters.left++;
    context.vcpu!.calls!.parkNow();
    this.left(context);
  }

  /** `context`, whose call was taken from its page, is leaving the virtual machine: wait for it. */
  private left(context: KvmContext): void {
    const runner = context.runner!;
    this.runners.finish(runner);
    this.runners.take(runner);
    this.hasLeft(context, runner);
  }

  /** The run of `runner` has ended: what came of it, once it is out of the stub it may be in. */
  private ends(context: KvmContext, runner: Runner): Exit {
    let exit = decodeExit(context, this.runners.result);
    while (exit === EXIT_AGAIN) {
      this.counters.again++;
      this.runners.start(runner, context.vcpu!);
      this.runners.finish(runner);
      this.runners.take(runner);
      exit = decodeExit(context, this.runners.result);
    }
    return exit;
  }

  private readonly call = new Uint32Array(12);

  /** It has. Where it stands is all that is new: its call has been read already. */
  private hasLeft(context: KvmContext, runner: Runner): void {
    const { nr, args, event } = context;
    this.call.set(args);
    context.fast = false;
    const exit = this.ends(context, runner);
    if (exit === EXIT_FAILED) context.broken = exitProblem;
    this.release(runner);
    args.set(this.call);
    context.nr = nr;
    context.event = event;
  }

  // Runs ----------------------------------------------------------------------------------------------------

  /** Everything but the run itself, on one of this thread's virtual CPUs or on that of `runner`. */
  private prepare(context: KvmContext, runner: Runner | null): boolean {
    if (context.disposed || context.instance.disposed) return false;
    if (context.broken !== null) {
      this.fail(context, context.broken);
      return false;
    }
    try {
      if (!context.ripIsCanonical) {
        this.refuse(context);
        return false;
      }
      const { kvmSpace: space } = context;
      if (!space.tables.stale.empty) space.flush();
      const { cpus } = context.instance;
      if (runner) cpus.carryOn(context, runner.index);
      else cpus.carryHere(context);
      context.writeBack();
      return true;
    } catch (error) {
      if (!(error instanceof HostCallError)) throw error;
      this.fail(context, error.message);
      return false;
    }
  }

  /**
   * The next instruction lies at no address at all. The processor would not go there; the guest gets what
   * Linux gives then.
   */
  private refuse(context: KvmContext): void {
    context.vector = VECTOR_GENERAL_PROTECTION;
    context.faultAddr = 0;
    context.event = 3;
    context.state = STOPPED;
    context.sink?.onGuestEvent(context);
  }

  /** Make sure that some virtual CPU of this thread carries `context`. */
  carry(context: KvmContext): void {
    context.instance.cpus.carryHere(context);
  }

  /** Run `context` on this thread. True when it had an event. */
  private runHere(context: KvmContext): boolean {
    this.lastEnd = 0;
    if (!this.prepare(context, null)) return false;
    const vcpu = context.vcpu!;
    context.state = RUNNING;
    // Long by the clock may be long for others' sake: on a busy machine. The next run is measured, which
    // costs a call.
    const suspected = context.runNs >= BUSY_RUN;
    const timeBefore = suspected ? this.runners.ownTime() : 0;
    const before = hostMonotonicNs();
    this.counters.runs++;
    let exit: Exit = decodeExit(context, this.runners.runHere(vcpu));
    while (exit === EXIT_AGAIN) {
      // Out of the stub it is in, whatever waits meanwhile; that is a matter of microseconds, and of a tick
      // at most.
      this.counters.again++;
      exit = decodeExit(context, vcpu.runHere());
    }
    const now = hostMonotonicNs();
    this.lastEnd = now;
    context.timeNs += now - before;
    context.runNs += now - before;
    if (exit === EXIT_INTERRUPTED) {
      context.state = PENDING;
      if (suspected) context.computedNs += this.runners.ownTime() - timeBefore;
      if (context.computedNs >= BUSY_RUN) {
        context.busy = true;
        context.shortRuns = 0;
      }
      this.pending.push(context);
      return false;
    }
    this.finish(context, exit);
    return true;
  }

  /**
   * Let a thread of its own run `context`. False when all are taken: then it has its turn here, with the
   * others.
   */
  private startRunner(context: KvmContext): boolean {
    const runner = this.idleRunner(context);
    if (!runner) return false;
    if (!this.prepare(context, runner)) return true;
    context.state = RUNNING;
    runner.context = context;
    context.runner = runner;
    runner.timeAtStart = this.runners.timeOf(runner);
    this.counters.threadRuns++;
    context.vcpu!.calls!.setAsleep();
    this.runners.start(runner, context.vcpu!);
    this.entering = true;
    this.poller.add(context, context.vcpu!.calls!.hostAddress);
    return true;
  }

  /** A thread for `context`: the one it was on, any that is idle, or a new one. */
  private idleRunner(context: KvmContext): Runner | null {
    const { cpus } = context.instance;
    const last = context.vcpu ? cpus.runnerOf(context.vcpu) : -1;
    if (last >= 0 && !this.runners.all[last].context) return this.runners.all[last];
    let found: Runner | null = null;
    for (const runner of this.runners.all) {
      if (runner.context) continue;
      if (cpus.isFree(runner.index)) return runner;
      found ??= runner;
    }
    if (this.runners.all.length < Runners.MAX) return this.runners.add();
    return found;
  }

  /** Take what ended on other threads. Returns the number of events. */
  private collect(): number {
    let events = 0;
    this.runners.noteSeen();
    for (const runner of this.runners.all) {
      if (runner.context && this.runners.take(runner) && this.ended(runner)) events++;
    }
    return events;
  }

  private ended(runner: Runner): boolean {
    const context = runner.context!;
    const vcpu = runner.vcpu!;
    if (context.fast) {
      this.counters.parked++;
      this.spin.park();
      this.hasLeft(context, runner);
      return false;
    }
    const exit = decodeExit(context, this.runners.result);
    if (exit === EXIT_AGAIN) {
      this.counters.again++;
      // No second kick: it could come too early again, and again. The stub ends the run itself.
      this.runners.start(runner, vcpu);
      return false;
    }
    // Its own time: on a busy machine a run of microseconds is over milliseconds later.
    const ran = this.release(runner);
    if (!context.busy) this.spin.slowStop();
    if (exit === EXIT_INTERRUPTED && !context.interruptWanted) {
      context.state = PENDING;
      this.pending.push(context);
      return false;
    }
    if (ran < SHORT_RUN) {
      if (++context.shortRuns >= SHORT_RUNS) context.busy = false;
    } else {
      context.shortRuns = 0;
    }
    this.finish(context, exit);
    return true;
  }

  /** The run of `runner` has ended, and been taken. Returns the processor time it took. */
  private release(runner: Runner): number {
    const context = runner.context!;
    const ran = this.runners.timeOf(runner) - runner.timeAtStart;
    context.timeNs += ran;
    context.runner = null;
    runner.context = null;
    this.poller.remove(context);
    return ran;
  }

  /** A run of `context` has come to an event. */
  private finish(context: KvmContext, exit: Exit): void {
    context.runNs = 0;
    context.computedNs = 0;
    context.state = STOPPED;
    context.interruptWanted = false;
    if (exit === EXIT_FAILED) {
      this.fail(context, exitProblem);
      return;
    }
    if (exit === EXIT_INTERRUPTED) {
      context.event = EVENT_INTERRUPTED;
      context.endStep();
    }
    if (exit === EXIT_EVENT && context.event === 1) {
      this.counters.syscalls++;
      context.spurious = 0;
      this.noteCall(context);
    } else {
      this.counters.faults++;
    }
    context.sink?.onGuestEvent(context);
  }

  protected applyChanges(space: KvmAddressSpace): void {
    if (space.dead || space.instance.disposed) return;
    this.counters.flushes++;
    space.flush();
  }

  // Ends ----------------------------------------------------------------------------------------------------

  /** `context` cannot go on, and its virtual CPU is not to be trusted. */
  private fail(context: KvmContext, why: string): void {
    this.counters.failures++;
    this.lastFailure = why;
    if (context.vcpu) context.instance.cpus.discard(context.vcpu);
    context.lost();
    context.sink?.onGuestEvent(context);
  }

  interrupt(context: KvmContext): void {
    if (context.state === PENDING) {
      this.interruptPending(context);
      return;
    }
    context.interruptWanted = true;
    if (context.runner) this.runners.kick(context.runner);
  }

  protected deliverInterrupted(context: KvmContext): void {
    context.event = EVENT_INTERRUPTED;
    context.sink?.onGuestEvent(context);
  }

  /** Have `runner`'s context stop for good, whatever it was about to say. */
  private stopRunner(runner: Runner): void {
    this.runners.stop(runner);
    this.runners.take(runner);
    runner.vcpu!.dropException();
    this.release(runner);
  }

  /**
   * When it returns `context` does not execute guest code; what it was about to say is told in its turn. One
   * whose call is in its page may wait on, if it goes back through the fast path.
   */
  stopNow(context: KvmContext): void {
    if (context.returnsToSite) this.leaveFast(context);
    const { runner } = context;
    if (!runner || context.fast) return;
    this.runners.stop(runner);
    this.runners.take(runner);
    const exit = this.ends(context, runner);
    this.release(runner);
    if (exit === EXIT_INTERRUPTED && !context.interruptWanted) {
      context.state = PENDING;
      this.enqueue(context);
      return;
    }
    if (exit === EXIT_FAILED) context.broken = exitProblem;
    context.told = exit;
    this.ready.push(context);
    this.schedule();
  }

  /** The kernel gives `context` up while it may be pending or running. */
  withdraw(context: KvmContext): void {
    if (context.state === PENDING) this.dequeue(context);
    if (context.told !== null) this.ready = this.ready.filter((c) => c !== context);
    if (context.runner) this.stopRunner(context.runner);
    context.fast = false;
    context.state = STOPPED;
  }

  /** Nanoseconds the present run of `context` has taken so far. */
  runningTime(context: KvmContext): number {
    const { runner } = context;
    return runner ? this.runners.timeOf(runner) - runner.timeAtStart : 0;
  }
}
