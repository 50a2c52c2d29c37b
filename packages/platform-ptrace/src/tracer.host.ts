import { allocatePages, hostMonotonicNs, hostMunmap, hostSyscall, viewOf } from '@sandbox/native';
import {
  EVENT_EXCEPTION,
  EVENT_FAULT,
  EVENT_FOREIGN_SYSCALL,
  EVENT_INTERRUPTED,
  EVENT_SYSCALL,
  HelperThreads,
  HostCallError,
} from '@sandbox/platform';
import { PtraceAddressSpace } from './address-space.host.js';
import { PENDING, type PtraceContext, RUNNING, STOPPED } from './context.host.js';
import {
  decodeSignal,
  EXCEPTION,
  FAULT,
  IGNORE,
  INVALID_OPCODE,
  SIMD_ERROR,
  VSYSCALL,
  X87_ERROR,
} from './exceptions.js';
import { STOP_CALL, STOP_FIXED } from './fast/fast-path.js';
import { CALL, PARKED, SITE } from './fast/page-layout.js';
import { nativeAnswer, POLLED_NOTHING, POLLED_PID } from './fast/poll-code.host.js';
import { Poller } from './fast/poller.host.js';
import { SITE_CMP } from './fast/sites.js';
import { SpinPolicy } from './fast/spin-policy.js';
import { HostThread } from './host-thread.host.js';
import type { PtraceInstance } from './instance.host.js';
import {
  AUDIT_ARCH_X86_64,
  BLOCK_INFO,
  BLOCK_REGS,
  BOOT_ADDRESS,
  CODE_ADDRESS,
  CODE_BYTES,
  GUEST_END,
  INIT_DATA,
  LIST_ADDRESS,
  LIST_BYTES,
  MEMORY_FD,
  OPERATION_BYTES,
  PTRACE_CONT,
  PTRACE_EVENT_STOP,
  PTRACE_GET_SYSCALL_INFO,
  PTRACE_INTERRUPT,
  PTRACE_PEEKUSER,
  PTRACE_SETREGS,
  REG_CS,
  REG_EFLAGS,
  REG_ORIG_RAX,
  REG_R8,
  REG_R9,
  REG_R10,
  REG_R12,
  REG_R13,
  REG_RAX,
  REG_RDI,
  REG_RDX,
  REG_RIP,
  REG_RSI,
  REG_RSP,
  REG_SS,
  SIGTRAP,
  STATUS_SYSCALL,
  TABLE_ADDRESS,
  TABLE_BYTES,
  THUNK_ADDRESS,
  THUNKS_BYTES,
  USER_END,
  WALL,
  WNOHANG,
} from './layout.js';
import { Placement } from './placement.host.js';
import { SliceTimer } from './slice-timer.host.js';
import { spawnStub } from './spawn.host.js';
import { stub } from './stub.js';
import { nativeResume, nativeRun } from './tracer-code.host.js';
import { isExitStatus, wait4, waitStatus } from './wait.host.js';

const SYS_mmap = 9;
const SYS_munmap = 11;
const SYS_clone = 56;
const SYS_exit = 60;
const SYS_prctl = 157;
const SYS_prlimit64 = 302;
const SYS_seccomp = 317;
const SYS_close_range = 436;
const PR_SET_NO_NEW_PRIVS = 38;
const MAP_SHARED_FIXED = 0x11;
const PROT_R = 1;
const PROT_RX = 5;
/** CLONE_VM FS FILES SIGHAND THREAD SYSVSEM PTRACE: a thread, traced from birth without a stop of its parent. */
const CLONE_THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x2000;
/** CLONE_PARENT | CLONE_PTRACE: a process that is our child, traced from birth. */
const CLONE_PROCESS_FLAGS = 0x8000 | 0x2000;
/** No wait status: a call in shared memory. */
const FAST_STATUS = -1;
const EINTR = 4;
const ECHILD = 10;
const ESRCH = 3;

/** A slice of the event loop, in nanoseconds, and the shorter one after a slice in which no guest had anything for us. */
const SLICE = 2e6;
const QUIET_SLICE = 2e5;
const TICK = 1e6;
/** Look at the clock every so many events. */
const CLOCK_EVERY = 16;

/**
 * The ptrace tracer of this JS thread: owns all stubs of all sandboxes here, lets them run, and serves their stops in slices of
 * Node's event loop.
 *
 * A slice resumes what was asked to run, then blocks in wait4 until something stops (bounded by the slice timer) and hands the
 * event to its context's sink, again and again. When the guests stay busy with themselves, the slice ends and a helper thread
 * wakes the loop at the next stop; when nothing runs, nothing is polled at all.
 */
export class Tracer {
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
  private readonly instances = new Set<PtraceInstance>();
  private readonly helpers = new HelperThreads(() => this.wake());
  private readonly timer = new SliceTimer();
  private readonly placement = new Placement();
  private readonly poller = new Poller();
  private readonly spin = new SpinPolicy(this.placement.hasSeveral);
  /** Contexts to resume in the next round, in order. */
  private pending: PtraceContext[] = [];
  /** Stops taken while waiting for something else, to be delivered first. */
  private readonly stashed: { thread: HostThread; status: number }[] = [];
  private readonly dirtySpaces: PtraceAddressSpace[] = [];
  private runningCount = 0;
  private pgid = 0;
  private inSlice = false;
  private scheduled: NodeJS.Immediate | null = null;
  private readonly listRegs = new Uint32Array(54);
  private nextAlarm = Number.POSITIVE_INFINITY;

  // Registration ---------------------------------------------------------------------------------------------------

  register(instance: PtraceInstance): void {
    this.instances.add(instance);
  }

  unregister(instance: PtraceInstance): void {
    this.instances.delete(instance);
    this.pending = this.pending.filter((c) => !c.disposed && !c.ptraceSpace.dead);
    this.reapAll(instance);
    this.updateReference();
  }

  updateReference(): void {
    let active = false;
    for (const i of this.instances) if (i.active) active = true;
    this.helpers.setReferenced(active);
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
    if (this.threads.size === 0) this.pgid = 0;
  }

  private forget(thread: HostThread): void {
    if (thread.gone) return;
    thread.gone = true;
    this.leaveRunning(thread);
    thread.addressSpace.instance.fast.freePage(thread);
    thread.addressSpace.abandon(thread);
    this.threads.delete(thread.pid);
    thread.releaseBlock();
  }

  private addThread(pid: number, space: PtraceAddressSpace): HostThread {
    const thread = new HostThread(pid, space);
    this.threads.set(pid, thread);
    space.adopt(thread);
    return thread;
  }

  // Stubs ----------------------------------------------------------------------------------------------------------

  writeListAddress(view: DataView, at: number, offset: number): void {
    const address = LIST_ADDRESS + offset;
    view.setUint32(at, address >>> 0, true);
    view.setUint32(at + 4, Math.floor(address / 4294967296), true);
  }

  freeScratch(address: number, length: number): void {
    hostMunmap(address, length);
  }

  /** Spawn and confine the first stub of a sandbox. */
  makeTemplate(instance: PtraceInstance): HostThread {
    this.timer.muteChildStops();
    const pid = spawnStub(instance.memory.fd, this.pgid);
    if (this.pgid === 0) this.pgid = pid;
    const space = new PtraceAddressSpace(instance, pid);
    instance.spaces.add(space);
    const thread = this.addThread(pid, space);
    const boot = BOOT_ADDRESS + stub.one;
    this.one(
      thread,
      boot,
      SYS_mmap,
      LIST_ADDRESS,
      LIST_BYTES,
      PROT_R,
      MAP_SHARED_FIXED,
      MEMORY_FD,
      instance.listOffset,
    );
    this.one(
      thread,
      boot,
      SYS_mmap,
      CODE_ADDRESS,
      CODE_BYTES,
      PROT_RX,
      MAP_SHARED_FIXED,
      MEMORY_FD,
      instance.codeOffset,
    );
    const at = CODE_ADDRESS + stub.one;
    this.one(thread, at, SYS_munmap, 0, LIST_ADDRESS, 0, 0, 0, 0);
    const rest = CODE_ADDRESS + CODE_BYTES;
    this.one(thread, at, SYS_munmap, rest, USER_END - rest, 0, 0, 0, 0);
    const { fast } = instance;
    const shared = MAP_SHARED_FIXED;
    this.one(thread, at, SYS_mmap, TABLE_ADDRESS, TABLE_BYTES, PROT_R, shared, MEMORY_FD, fast.tableOffset);
    this.one(
      thread,
      at,
      SYS_mmap,
      THUNK_ADDRESS,
      THUNKS_BYTES,
      PROT_RX,
      shared,
      MEMORY_FD,
      fast.thunksOffset,
    );
    this.one(thread, at, SYS_close_range, MEMORY_FD + 1, 0x7fffffff, 0, 0, 0, 0);
    this.one(thread, at, SYS_prlimit64, 0, 4, LIST_ADDRESS + INIT_DATA + 2048, 0, 0, 0);
    this.one(thread, at, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    this.one(thread, at, SYS_seccomp, 1, 0, LIST_ADDRESS + INIT_DATA, 0, 0, 0);
    return thread;
  }

  /** A fresh, empty address space: forked from the sandbox's template. */
  newSpace(instance: PtraceInstance): PtraceAddressSpace {
    return this.forkSpace(instance.template!, instance);
  }

  /** Fork the process of `thread` (stopped, registers spoilt by this). The child has one stopped thread. */
  forkSpace(thread: HostThread, instance: PtraceInstance): PtraceAddressSpace {
    const pid = this.one(thread, CODE_ADDRESS + stub.one, SYS_clone, CLONE_PROCESS_FLAGS, 0, 0, 0, 0, 0);
    this.waitBirth(pid);
    const space = new PtraceAddressSpace(instance, pid);
    instance.spaces.add(space);
    this.addThread(pid, space);
    this.counters.spaces++;
    return space;
  }

  /** A further thread in the process of `thread`, stopped. FPU state is copied by the host; `context`'s registers are spoilt on the host side. */
  cloneThread(thread: HostThread, context: PtraceContext): HostThread {
    const pid = this.one(thread, CODE_ADDRESS + stub.one, SYS_clone, CLONE_THREAD_FLAGS, 0, 0, 0, 0, 0);
    context.spoilRegs();
    this.waitBirth(pid);
    return this.addThread(pid, thread.addressSpace);
  }

  private waitBirth(pid: number): void {
    for (;;) {
      const r = wait4(pid, WALL);
      if (r === pid) return;
      if (r !== -EINTR) throw new HostCallError('wait4', -r);
    }
  }

  /** Take everything out of the address space of `thread`'s process, whose only context is stopped on it. */
  emptySpace(thread: HostThread): void {
    const at = CODE_ADDRESS + stub.one;
    this.one(thread, at, SYS_munmap, 0, TABLE_ADDRESS, 0, 0, 0, 0);
    const above = TABLE_ADDRESS + TABLE_BYTES;
    this.one(thread, at, SYS_munmap, above, GUEST_END - above, 0, 0, 0, 0);
  }

  /** Let an idle, stopped, non-leading thread exit. */
  endThread(thread: HostThread): void {
    this.setCall(CODE_ADDRESS + stub.one, SYS_exit, 0, 0, 0, 0, 0, 0);
    thread.block.regs.set(this.listRegs);
    if (thread.ptrace(PTRACE_SETREGS, 0, thread.block.address + BLOCK_REGS) >= 0)
      thread.ptrace(PTRACE_CONT, 0, 0);
  }

  private setCall(
    rip: number,
    nr: number,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
  ): void {
    const regs = this.listRegs;
    regs.fill(0);
    const set = (index: number, value: number): void => {
      regs[index * 2] = value >>> 0;
      regs[index * 2 + 1] = value < 0 ? 0xffffffff : value / 4294967296;
    };
    set(REG_RAX, nr);
    set(REG_RDI, a);
    set(REG_RSI, b);
    set(REG_RDX, c);
    set(REG_R10, d);
    set(REG_R8, e);
    set(REG_R9, f);
    set(REG_RIP, rip);
    set(REG_ORIG_RAX, -1);
    set(REG_CS, 0x33);
    set(REG_SS, 0x2b);
    set(REG_EFLAGS, 0x202);
    set(REG_RSP, 0);
  }

  /** Execute one system call in a stopped stub. Its result; throws on failure. The thread's registers are spoilt. */
  private one(
    thread: HostThread,
    rip: number,
    nr: number,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
  ): number {
    this.setCall(rip, nr, a, b, c, d, e, f);
    thread.block.regs.set(this.listRegs);
    this.runToTrap(thread);
    thread.fetchRegs();
    const regs = thread.block.regs;
    const result = regs[REG_RAX * 2] + (regs[REG_RAX * 2 + 1] | 0) * 4294967296;
    if (result < 0 && result > -4096) throw new HostCallError(`stub call ${nr}`, -result);
    return result;
  }

  /** Run `count` operations of the shared list on `thread`. Throws when one fails: the address space is then not what the kernel thinks. */
  runList(thread: HostThread, count: number): void {
    const regs = this.listRegs;
    this.setCall(CODE_ADDRESS + stub.list, 0, 0, 0, 0, 0, 0, 0);
    regs[REG_R12 * 2] = LIST_ADDRESS >>> 0;
    regs[REG_R12 * 2 + 1] = LIST_ADDRESS / 4294967296;
    regs[REG_R13 * 2] = count;
    thread.context?.regs();
    thread.block.regs.set(regs);
    this.runToTrap(thread);
    thread.context?.spoilRegs();
    this.counters.lists++;
    this.counters.operations += count;
    // Raw PEEKUSER stores the word at the data address.
    thread.mustPtrace(PTRACE_PEEKUSER, REG_R13 * 8, thread.block.address + BLOCK_REGS);
    const left = thread.block.regs[0];
    if (left !== 0) {
      thread.mustPtrace(PTRACE_PEEKUSER, REG_RAX * 8, thread.block.address + BLOCK_REGS);
      const at = ((count - left) * OPERATION_BYTES) / 4;
      const words = thread.addressSpace.instance.listWords;
      throw new HostCallError(
        `stub memory operation ${words[at]}(0x${(words[at + 2] + words[at + 3] * 4294967296).toString(16)}, 0x${(words[at + 4] + words[at + 5] * 4294967296).toString(16)})`,
        -(thread.block.regs[0] | 0),
      );
    }
  }

  /** SETREGS from the block, CONT, and wait for the int3 behind the stub's code. */
  private runToTrap(thread: HostThread): void {
    thread.mustPtrace(PTRACE_SETREGS, 0, thread.block.address + BLOCK_REGS);
    for (;;) {
      thread.mustPtrace(PTRACE_CONT, 0, 0);
      let r = wait4(thread.pid, WALL);
      while (r === -EINTR) r = wait4(thread.pid, WALL);
      if (r < 0) throw new HostCallError('wait4', -r);
      const status = waitStatus();
      if (isExitStatus(status)) {
        this.threadExited(thread);
        throw new HostCallError('stub ended', ESRCH);
      }
      thread.stopped = true;
      if (status === ((SIGTRAP << 8) | 0x7f)) return;
      if (status >> 16 === PTRACE_EVENT_STOP) thread.interruptSent = false;
    }
  }

  // Scheduling -----------------------------------------------------------------------------------------------------

  enqueue(context: PtraceContext): void {
    this.pending.push(context);
    if (!this.inSlice) this.schedule();
  }

  noteDirty(space: PtraceAddressSpace): void {
    this.dirtySpaces.push(space);
    if (!this.inSlice) this.schedule();
  }

  noteKilled(space: PtraceAddressSpace): void {
    for (const thread of space.threads) this.leaveRunning(thread);
    if (!this.inSlice) this.schedule();
  }

  /** The kernel no longer waits for an event of `thread`. */
  private leaveRunning(thread: HostThread): void {
    if (!thread.running) return;
    thread.running = false;
    this.runningCount--;
    if (thread.page) this.poller.remove(thread);
  }

  private schedule(): void {
    this.scheduled ??= setImmediate(this.onImmediate);
  }

  private readonly onImmediate = (): void => {
    this.scheduled = null;
    this.slice();
  };

  private wake(): void {
    if (!this.inSlice) this.slice();
  }

  alarmChanged(when: number): void {
    if (when < this.nextAlarm) {
      this.nextAlarm = when;
      if (!this.inSlice) this.helpers.setAlarm(when);
      else this.timer.start(Math.min(when, this.sliceEnd), TICK);
    }
  }

  private runAlarms(now: number): void {
    if (now < this.nextAlarm) return;
    this.nextAlarm = Number.POSITIVE_INFINITY;
    for (const i of [...this.instances]) {
      if (i.alarmAt <= now) {
        i.alarmAt = Number.POSITIVE_INFINITY;
        i.alarmFn?.();
      }
    }
    let next = Number.POSITIVE_INFINITY;
    for (const i of this.instances) if (i.alarmAt < next) next = i.alarmAt;
    this.nextAlarm = next;
  }

  private sliceStart = 0;
  private sliceEnd = 0;
  private quiet = 0;

  private slice(): void {
    this.inSlice = true;
    this.counters.slices++;
    const start = hostMonotonicNs();
    this.sliceStart = start;
    this.sliceEnd = start + (this.quiet > 1 ? QUIET_SLICE : SLICE);
    this.timer.muteChildStops();
    this.runAlarms(start);
    this.reap();
    let events = 0;
    const fastBefore = this.counters.fastCalls;
    const slowBefore = this.counters.stops - this.counters.parked;
    if (this.pending.length > 0 || this.runningCount > 0 || this.stashed.length > 0) {
      this.timer.start(Math.min(this.sliceEnd, this.nextAlarm), TICK);
      this.placement.enter();
      events = this.serve();
      this.timer.stop();
      if (this.runningCount > 0) this.noteStillRunning();
      if (this.spin.active) this.spin.preempted(this.placement.preemptions());
      const { fastCalls, stops, parked } = this.counters;
      this.spin.judge(hostMonotonicNs(), fastCalls - fastBefore, stops - parked - slowBefore);
      this.placement.leave();
    }
    this.flushDirty();
    this.inSlice = false;
    this.quiet = events > 0 ? 0 : this.quiet + 1;
    this.afterSlice(events);
  }

  private noteStillRunning(): void {
    const now = hostMonotonicNs();
    for (const thread of this.threads.values()) {
      if (thread.running) this.placement.stillRunning(thread, thread.runningSince, now);
    }
  }

  private afterSlice(events: number): void {
    if (this.pending.length > 0 || this.stashed.length > 0 || (this.runningCount > 0 && events > 0)) {
      this.schedule();
      return;
    }
    if (this.nextAlarm !== Number.POSITIVE_INFINITY) this.helpers.setAlarm(this.nextAlarm);
    if (this.runningCount > 0 || this.threads.size > this.instances.size) {
      this.counters.sleeps++;
      this.helpers.armWaiter(this.pgid);
    }
  }

  /** Serve events until the slice is over or nothing can happen. Returns how many there were. */
  private serve(): number {
    let events = 0;
    for (;;) {
      if (this.stashed.length > 0) {
        const { thread, status } = this.stashed.shift()!;
        if (!thread.gone) this.onStop(thread, status, true, true);
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
      if (status === FAST_STATUS) this.onFastCall(thread, thread.context!);
      else this.onStop(thread, status, fetched);
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
        if (!context.thread.stopped) context.regs();
        space.flushOn(context.thread);
      }
      const { thread } = context;
      if (thread.gone || space.dead) return null;
      this.placement.beforeRun(thread, this.spin.active && thread.page !== null);
      // Left over from a time of spinning, it would let the guest look for answers on the CPU that is to give them.
      if (thread.page && !this.spin.active) thread.page.setAsleep();
      if (context.fast) {
        context.answerFast();
        nativeAnswer(thread.page!.hostAddress);
      } else {
        context.writeBack();
      }
      context.state = RUNNING;
      thread.runningSince = this.sliceStart;
      thread.running = true;
      this.runningCount++;
      if (thread.page) this.poller.add(thread);
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
    if (this.spin.active && this.poller.threads.length > 0) {
      const r = this.poller.poll(-this.pgid);
      if (r >= POLLED_PID) return this.took(r - POLLED_PID, this.poller.status);
      if (r >= 0) {
        this.spin.hit();
        const thread = this.poller.threads[r];
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
      if (status >> 16 === PTRACE_EVENT_STOP) thread.interruptSent = false;
      return null;
    }
    // A guest that gave up looking for an answer, and parked.
    if (!thread.running) {
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

  /** Keep a stop for later. What the host knows of it is asked at once: a list run on the thread meanwhile makes it forget. */
  private stash(thread: HostThread, status: number): void {
    if (status === STATUS_SYSCALL) {
      thread.ptrace(PTRACE_GET_SYSCALL_INFO, 88, thread.block.address + BLOCK_INFO);
    } else if (!isExitStatus(status) && status >> 16 !== PTRACE_EVENT_STOP) {
      thread.fetchSiginfo();
    }
    this.stashed.push({ thread, status });
  }

  private threadExited(thread: HostThread): void {
    const context = thread.context;
    const space = thread.addressSpace;
    this.forget(thread);
    if (this.threads.size === 0) this.pgid = 0;
    if (!context || context.disposed || space.dead) return;
    // Nobody of ours killed it: the host did (out of memory, an administrator).
    context.lost();
    context.sink?.onGuestEvent(context);
  }

  private flushDirty(): void {
    for (let i = 0; i < this.dirtySpaces.length; i++) {
      const space = this.dirtySpaces[i];
      if (space.pending && !space.dead && space.contexts > 0) space.flush();
    }
    this.dirtySpaces.length = 0;
  }

  // Events ---------------------------------------------------------------------------------------------------------

  /** `fetched`: what the host knows of a system call is in the block already; `stashed`: of a signal, too. */
  private onStop(thread: HostThread, status: number, fetched: boolean, stashed = false): void {
    const context = thread.context;
    if (isExitStatus(status)) {
      this.threadExited(thread);
      return;
    }
    if (!context || context.state !== RUNNING) return;
    this.counters.stops++;
    this.placement.onStop(thread);
    if (status === STATUS_SYSCALL) {
      if (thread.page?.state === (CALL | PARKED)) {
        this.counters.parked++;
        this.spin.park();
        this.onFastCall(thread, context);
      } else {
        this.spin.slowStop();
        this.onSyscall(thread, context, fetched);
      }
      return;
    }
    this.spin.slowStop();
    const signal = (status >> 8) & 0x7f;
    if (status >> 16 === PTRACE_EVENT_STOP) {
      const wanted = thread.interruptSent;
      thread.interruptSent = false;
      if (wanted) this.onInterrupted(thread, context);
      else this.again(context);
      return;
    }
    this.onSignal(thread, context, signal, stashed);
  }

  private onSyscall(thread: HostThread, context: PtraceContext, fetched: boolean): void {
    const block = thread.block;
    if (!fetched && thread.ptrace(PTRACE_GET_SYSCALL_INFO, 88, block.address + BLOCK_INFO) < 0) return;
    const ip = block.ip;
    if (ip >= CODE_ADDRESS && ip < CODE_ADDRESS + CODE_BYTES) {
      // It parked just when its answer came.
      this.again(context);
      return;
    }
    const from = block.args;
    const to = context.args;
    for (let i = 0; i < 12; i++) to[i] = from[i];
    context.nr = block.nr;
    context.state = STOPPED;
    this.counters.syscalls++;
    thread.addressSpace.instance.fast.noteSlowCall(context, ip);
    this.deliver(context, block.arch === AUDIT_ARCH_X86_64 ? EVENT_SYSCALL : EVENT_FOREIGN_SYSCALL);
  }

  /** A call published in the thread's page; the thread spins, or has parked. */
  private onFastCall(thread: HostThread, context: PtraceContext): void {
    const page = thread.page!;
    page.readArgs(context.args);
    context.nr = page.nr;
    if (context.spoilt) context.completeSpoilt();
    else context.fast = true;
    this.counters.fastCalls++;
    this.deliver(context, EVENT_SYSCALL);
    // No answer yet: it sleeps, or something slow goes on.
    if (context.fast && context.state === STOPPED && !thread.stopped) page.parkNow();
  }

  private onInterrupted(thread: HostThread, context: PtraceContext): void {
    if (thread.page || thread.addressSpace.sites.size > 0) {
      context.state = STOPPED;
      const what = thread.addressSpace.instance.fast.classifyStop(thread, context.regs());
      if (what === STOP_CALL) {
        context.forgetRegs();
        this.onFastCall(thread, context);
        return;
      }
      if (what === STOP_FIXED) {
        context.touchRegs();
        thread.page?.clear();
      }
    }
    this.deliver(context, EVENT_INTERRUPTED);
  }

  /** A fault or exception that the fast path itself causes. True when it was dealt with. */
  private fastPathSignal(
    thread: HostThread,
    context: PtraceContext,
    kind: number,
    address: number,
    vector: number,
  ): boolean {
    const space = thread.addressSpace;
    const { fast } = space.instance;
    if (kind === FAULT && address === SITE) {
      const regs = context.regs();
      const index = fast.thunkEntry(regs[REG_RIP * 2] + regs[REG_RIP * 2 + 1] * 4294967296);
      const site = index < 0 ? null : fast.sites.get(index);
      if (!site || thread.page) return false;
      if (!fast.makePage(thread)) {
        // Too many threads: this process does without.
        for (const other of space.threads) if (other !== thread) this.stopNow(other);
        fast.unpatch(context);
      }
      // The thread's first fast call: now that it has a page, once more.
      regs[REG_RIP * 2] = site.start >>> 0;
      regs[REG_RIP * 2 + 1] = Math.floor(site.start / 4294967296);
      context.touchRegs();
      this.again(context);
      return true;
    }
    if (kind !== EXCEPTION || vector !== INVALID_OPCODE) return false;
    const regs = context.regs();
    const rip = regs[REG_RIP * 2] + regs[REG_RIP * 2 + 1] * 4294967296;
    const site = space.siteAt(rip);
    if (!site || site.kind === SITE_CMP || rip !== site.after - 2 || !fast.stillPatched(context, site))
      return false;
    // It came to the old `syscall` by another way than through the instruction before.
    const order = [REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9];
    for (let i = 0; i < 6; i++) {
      context.args[i * 2] = regs[order[i] * 2];
      context.args[i * 2 + 1] = regs[order[i] * 2 + 1];
    }
    context.nr = regs[REG_RAX * 2] | 0;
    regs[REG_RIP * 2] = site.after >>> 0;
    regs[REG_RIP * 2 + 1] = Math.floor(site.after / 4294967296);
    context.touchRegs();
    this.deliver(context, EVENT_SYSCALL);
    return true;
  }

  private onSignal(thread: HostThread, context: PtraceContext, signal: number, fetched: boolean): void {
    if (!fetched) thread.fetchSiginfo();
    const what = decodeSignal(signal, thread.block.siginfo);
    if (what.kind === IGNORE) {
      this.again(context);
      return;
    }
    context.state = STOPPED;
    if (
      thread.addressSpace.sites.size > 0 &&
      this.fastPathSignal(thread, context, what.kind, what.address, what.vector)
    ) {
      return;
    }
    this.counters.faults++;
    context.faultAddr = what.address;
    context.faultAccess = what.access;
    context.vector = what.vector === SIMD_ERROR && context.hasX87Error() ? X87_ERROR : what.vector;
    if (what.kind === VSYSCALL) {
      // The host already emulated the return: undo it, so that the kernel sees a fetch from the page.
      const regs = context.regs();
      // The address is not exact as one number.
      regs[REG_RIP * 2] = thread.block.siginfo.getUint32(16, true);
      regs[REG_RIP * 2 + 1] = 0xffffffff;
      const sp = regs[REG_RSP * 2] - 8;
      if (sp < 0) regs[REG_RSP * 2 + 1]--;
      regs[REG_RSP * 2] = sp >>> 0;
      context.touchRegs();
    }
    this.deliver(context, what.kind === FAULT || what.kind === VSYSCALL ? EVENT_FAULT : EVENT_EXCEPTION);
  }

  private deliver(context: PtraceContext, event: PtraceContext['event']): void {
    context.state = STOPPED;
    context.event = event;
    context.sink?.onGuestEvent(context);
  }

  /** Not an event: let it go on. */
  private again(context: PtraceContext): void {
    context.state = PENDING;
    this.pending.push(context);
  }

  interrupt(context: PtraceContext): void {
    if (context.state === PENDING) {
      this.pending.splice(this.pending.indexOf(context), 1);
      this.interruptedEarly.push(context);
      context.state = STOPPED;
      setImmediate(this.deliverEarly);
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

  private readonly interruptedEarly: PtraceContext[] = [];
  private readonly deliverEarly = (): void => {
    for (;;) {
      const context = this.interruptedEarly.shift();
      if (!context) return;
      if (context.disposed || context.state !== STOPPED) continue;
      context.event = EVENT_INTERRUPTED;
      context.sink?.onGuestEvent(context);
    }
  };

  /** Stop `thread` now: it executes guest code, or looks for an answer. The event it may have had instead is kept for later. */
  private stopNow(thread: HostThread): boolean {
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
      if (isStop) thread.interruptSent = false;
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

  /** A stopped thread of `space` on which operations can run, stopping one if need be; null when it has none left. */
  stoppedThread(space: PtraceAddressSpace): HostThread | null {
    if (space.dead) return null;
    for (const thread of space.threads) if (thread.stopped && !thread.gone) return thread;
    for (const thread of space.threads) if (!thread.gone && this.stopNow(thread)) return thread;
    return null;
  }

  /** The kernel gives `context` up while it may be pending or running. */
  withdraw(context: PtraceContext): void {
    if (context.state === PENDING) {
      const i = this.pending.indexOf(context);
      if (i >= 0) this.pending.splice(i, 1);
    }
    if (!context.thread.stopped && !context.thread.gone) {
      // Even a last context is stopped first: its memory is given to others right after this.
      const thread = context.thread;
      thread.context = null;
      this.stopNow(thread);
      thread.interruptSent = false;
      for (let i = this.stashed.length - 1; i >= 0; i--) {
        if (this.stashed[i].thread === thread) this.stashed.splice(i, 1);
      }
    }
    context.fast = false;
    context.thread.page?.clear();
    context.state = STOPPED;
  }

  private cpuTime: ThreadCpuTime | null = null;

  threadCpuTime(thread: HostThread): number {
    this.cpuTime ??= new ThreadCpuTime();
    return thread.gone ? 0 : this.cpuTime.read(thread.addressSpace.pid, thread.pid);
  }
}

/** On-CPU time of a traced thread, from its schedstat file (proc(5)). */
class ThreadCpuTime {
  private readonly memory = allocatePages(4096);
  private readonly bytes = new Uint8Array(viewOf(this.memory, 4096));

  read(pid: number, tid: number): number {
    const path = `/proc/${pid}/task/${tid}/schedstat\0`;
    for (let i = 0; i < path.length; i++) this.bytes[i] = path.charCodeAt(i);
    const fd = hostSyscall(257, -100, this.memory, 0x80000, 0);
    if (fd < 0) return 0;
    const n = hostSyscall(0, fd, this.memory + 256, 64);
    hostSyscall(3, fd);
    let value = 0;
    for (let i = 0; i < n; i++) {
      const digit = this.bytes[256 + i] - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return value;
  }
}
