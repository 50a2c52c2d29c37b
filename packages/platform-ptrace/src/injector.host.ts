import {
  CODE_ADDRESS,
  CODE_BYTES,
  HostCallError,
  SHARED_SPACE,
  SharedPages,
  TABLE_ADDRESS,
  TABLE_BYTES,
  THUNK_ADDRESS,
  THUNKS_BYTES,
} from '@sandbox/platform';
import { PtraceAddressSpace } from './address-space.host.js';
import type { PtraceContext } from './context.host.js';
import type { HostThread } from './host-thread.host.js';
import type { PtraceInstance } from './instance.host.js';
import {
  BLOCK_REGS,
  BOOT_ADDRESS,
  INIT_CAPABILITIES,
  INIT_DATA,
  LIST_ADDRESS,
  LIST_BYTES,
  LIST_COUNT,
  MEMORY_FD,
  OPERATION_BYTES,
  PTRACE_CONT,
  PTRACE_EVENT_STOP,
  PTRACE_SETREGS,
  REG_CS,
  REG_EFLAGS,
  REG_ORIG_RAX,
  REG_R8,
  REG_R9,
  REG_R10,
  REG_R13,
  REG_RAX,
  REG_RDI,
  REG_RDX,
  REG_RIP,
  REG_RSI,
  REG_RSP,
  REG_SS,
  SHARED_FD,
  SIGILL,
  SIGTRAP,
  USER_END,
  WALL,
} from './layout.js';
import type { PtraceNursery } from './nursery.js';
import { spawnStub } from './spawn.host.js';
import { stub } from './stub.js';
import type { Tracer } from './tracer.host.js';
import { nativeContinue } from './tracer-code.host.js';
import { isExitStatus, wait4 } from './wait.host.js';

const SYS_mmap = 9;
const SYS_munmap = 11;
const SYS_clone = 56;
const SYS_exit = 60;
const SYS_capset = 126;
const SYS_prctl = 157;
const SYS_prlimit64 = 302;
const SYS_seccomp = 317;
const SYS_close_range = 436;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_SET_TSC = 26;
const PR_TSC_SIGSEGV = 2;
const MAP_SHARED_FIXED = 0x11;
const PROT_R = 1;
const PROT_RX = 5;
/**
 * CLONE_VM FS FILES SIGHAND THREAD SYSVSEM PTRACE: a thread, traced from birth without a stop of its parent.
 */
const CLONE_THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x2000;
/** CLONE_PARENT | CLONE_PTRACE: a process that is our child, traced from birth. */
const CLONE_PROCESS_FLAGS = 0x8000 | 0x2000;
const EINTR = 4;
const ESRCH = 3;
const ECHILD = 10;
/** Wait statuses at the end of the stub's code: done, and an operation failed. */
const TRAPPED = (SIGTRAP << 8) | 0x7f;
const FAILED = (SIGILL << 8) | 0x7f;

/**
 * What stubs are made to do by their tracer: be born, fork, start threads, change their mappings. All of it
 * works on a *stopped* thread, whose registers on the host are spoilt by it.
 */
export class Injector {
  private readonly listRegs = new Uint32Array(54);

  constructor(private readonly tracer: Tracer) {}

  /** Spawn and confine the first stub of a sandbox. */
  makeTemplate(instance: PtraceInstance): HostThread {
    const { tracer } = this;
    const shared = SharedPages.forThisThread();
    const pid = spawnStub(instance.memory.fd, shared ? shared.readFd : -1, tracer.group);
    tracer.joinGroup(pid);
    const space = new PtraceAddressSpace(instance, pid);
    instance.spaces.add(space);
    const thread = this.tracer.addThread(pid, space);
    const boot = BOOT_ADDRESS + stub.one;
    this.mapOwn(thread, boot, LIST_ADDRESS, LIST_BYTES, PROT_R, instance.listOffset);
    this.mapOwn(thread, boot, CODE_ADDRESS, CODE_BYTES, PROT_RX, instance.codeOffset);
    const at = CODE_ADDRESS + stub.one;
    this.one(thread, at, SYS_munmap, 0, LIST_ADDRESS, 0, 0, 0, 0);
    const rest = CODE_ADDRESS + CODE_BYTES;
    this.one(thread, at, SYS_munmap, rest, USER_END - rest, 0, 0, 0, 0);
    const { fast } = instance;
    this.mapOwn(thread, at, TABLE_ADDRESS, TABLE_BYTES, PROT_R, fast.tableOffset);
    this.mapOwn(thread, at, THUNK_ADDRESS, THUNKS_BYTES, PROT_RX, fast.thunksOffset);
    this.one(thread, at, SYS_close_range, shared ? SHARED_FD + 1 : SHARED_FD, 0x7fffffff, 0, 0, 0, 0);
    this.one(thread, at, SYS_prlimit64, 0, 4, LIST_ADDRESS + INIT_DATA + 2048, 0, 0, 0);
    // Forks and threads inherit it.
    if (instance.trapTsc) this.one(thread, at, SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0, 0);
    // Of a root's. Forks and threads have none either.
    const capabilities = LIST_ADDRESS + INIT_CAPABILITIES;
    this.one(thread, at, SYS_capset, capabilities, capabilities + 8, 0, 0, 0, 0);
    this.one(thread, at, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    this.one(thread, at, SYS_seccomp, 1, 0, LIST_ADDRESS + INIT_DATA, 0, 0, 0);
    return thread;
  }

  /**
   * Use a template kept from an earlier sandbox for `instance`, which has the same memory file, empty again,
   * and the same layout.
   */
  adoptTemplate(instance: PtraceInstance, pid: number): HostThread {
    const space = new PtraceAddressSpace(instance, pid);
    instance.spaces.add(space);
    return this.tracer.addThread(pid, space);
  }

  /** Map a piece of the memory file by the `syscall` at `rip`. */
  private mapOwn(
    thread: HostThread,
    rip: number,
    at: number,
    bytes: number,
    prot: number,
    offset: number,
  ): void {
    this.one(thread, rip, SYS_mmap, at, bytes, prot, MAP_SHARED_FIXED, MEMORY_FD, offset - SHARED_SPACE);
  }

  /** A fresh, empty address space: forked from the nursery's process, or the sandbox's template. */
  newSpace(instance: PtraceInstance, nursery: PtraceNursery | null): PtraceAddressSpace {
    const space = this.forkSpace(nursery?.thread ?? instance.template!, instance);
    space.nursery = nursery;
    return space;
  }

  /** Fork the process of `thread` (stopped, registers spoilt by this). The child has one stopped thread. */
  forkSpace(thread: HostThread, instance: PtraceInstance): PtraceAddressSpace {
    const pid = this.one(thread, CODE_ADDRESS + stub.one, SYS_clone, CLONE_PROCESS_FLAGS, 0, 0, 0, 0, 0);
    this.waitBirth(pid);
    const space = new PtraceAddressSpace(instance, pid);
    space.nursery = thread.addressSpace.nursery;
    instance.spaces.add(space);
    this.tracer.addThread(pid, space);
    this.tracer.counters.spaces++;
    return space;
  }

  /**
   * A further thread in the process of `thread`, stopped. FPU state is copied by the host; `context`'s
   * registers are spoilt on the host side.
   */
  cloneThread(thread: HostThread, context: PtraceContext): HostThread {
    const pid = this.one(thread, CODE_ADDRESS + stub.one, SYS_clone, CLONE_THREAD_FLAGS, 0, 0, 0, 0, 0);
    context.spoilRegs();
    this.waitBirth(pid);
    return this.tracer.addThread(pid, thread.addressSpace);
  }

  private waitBirth(pid: number): void {
    for (;;) {
      const r = wait4(pid, WALL);
      if (r === pid) return;
      if (r !== -EINTR) throw new HostCallError('wait4', -r);
    }
  }

  /** Let an idle, stopped, non-leading thread exit. */
  endThread(thread: HostThread): void {
    this.setCall(CODE_ADDRESS + stub.one, SYS_exit, 0, 0, 0, 0, 0, 0);
    thread.block.regs.set(this.listRegs);
    thread.stopped = false;
    thread.ending = true;
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

  /**
   * Execute one system call in a stopped stub. Its result; throws on failure. The thread's registers are
   * spoilt.
   */
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
    thread.mustPtrace(PTRACE_SETREGS, 0, thread.block.address + BLOCK_REGS);
    this.runToTrap(thread);
    thread.fetchRegs();
    const regs = thread.block.regs;
    const result = regs[REG_RAX * 2] + (regs[REG_RAX * 2 + 1] | 0) * 4294967296;
    if (result < 0 && result > -4096) throw new HostCallError(`stub call ${nr}`, -result);
    return result;
  }

  /**
   * Run `count` operations of the shared list in `space`: on its agent, or on `thread`, whose registers are
   * spoilt by it. Throws when one fails: the address space is then not what the kernel thinks.
   */
  runList(space: PtraceAddressSpace, thread: HostThread | null, count: number): void {
    const { instance } = space;
    instance.listWords[LIST_COUNT / 4] = count;
    const runner = space.agent ?? thread!;
    if (runner === thread) {
      thread.context?.regs();
      this.setCall(CODE_ADDRESS + stub.list, 0, 0, 0, 0, 0, 0, 0);
      thread.block.regs.set(this.listRegs);
      thread.mustPtrace(PTRACE_SETREGS, 0, thread.block.address + BLOCK_REGS);
    } else {
      this.tracer.placement.beforeRun(runner, false);
    }
    this.runToTrap(runner);
    runner.context?.spoilRegs();
    this.tracer.spin.list();
    this.tracer.counters.lists++;
    this.tracer.counters.operations += count;
    if (runner.block.status !== TRAPPED) this.listFailed(runner, count);
  }

  private listFailed(runner: HostThread, count: number): never {
    runner.fetchRegs();
    const { regs } = runner.block;
    const words = runner.addressSpace.instance.listWords;
    const at = ((count - regs[REG_R13 * 2]) * OPERATION_BYTES) / 4;
    const word = (i: number): string =>
      `0x${((words[at + i] ?? 0) + (words[at + i + 1] ?? 0) * 4294967296).toString(16)}`;
    throw new HostCallError(
      `stub memory operation ${words[at]}(${word(2)}, ${word(4)})`,
      -(regs[REG_RAX * 2] | 0),
    );
  }

  /**
   * A thread of `space` that does nothing but run lists, so that the guest's own threads need neither be
   * stopped nor have their registers put back. Made by `thread`, a stopped one, whose registers are spoilt.
   */
  makeAgent(space: PtraceAddressSpace, thread: HostThread): void {
    thread.context?.regs();
    const pid = this.one(thread, CODE_ADDRESS + stub.one, SYS_clone, CLONE_THREAD_FLAGS, 0, 0, 0, 0, 0);
    thread.context?.spoilRegs();
    this.waitBirth(pid);
    const agent = this.tracer.addAgent(pid, space);
    this.setCall(CODE_ADDRESS + stub.list, 0, 0, 0, 0, 0, 0, 0);
    agent.block.regs.set(this.listRegs);
    agent.mustPtrace(PTRACE_SETREGS, 0, agent.block.address + BLOCK_REGS);
    space.agent = agent;
  }

  /** Let a stopped thread run to the int3 (or ud2) behind the stub's code. */
  private runToTrap(thread: HostThread): void {
    for (;;) {
      const r = nativeContinue(thread.block.address);
      if (r < 0) {
        if (r === -ECHILD) this.tracer.threadExited(thread);
        throw new HostCallError('stub', -r);
      }
      const { status } = thread.block;
      if (isExitStatus(status)) {
        this.tracer.threadExited(thread);
        throw new HostCallError('stub ended', ESRCH);
      }
      thread.stopped = true;
      if (status === TRAPPED || status === FAILED) return;
      if (status >> 16 === PTRACE_EVENT_STOP) thread.interruptSent = false;
    }
  }
}
