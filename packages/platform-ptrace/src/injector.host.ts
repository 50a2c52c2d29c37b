import { HostCallError } from '@sandbox/platform';
import { PtraceAddressSpace } from './address-space.host.js';
import type { PtraceContext } from './context.host.js';
import type { HostThread } from './host-thread.host.js';
import type { PtraceInstance } from './instance.host.js';
import {
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
  TABLE_ADDRESS,
  TABLE_BYTES,
  THUNK_ADDRESS,
  THUNKS_BYTES,
  USER_END,
  WALL,
} from './layout.js';
import { spawnStub } from './spawn.host.js';
import { stub } from './stub.js';
import type { Tracer } from './tracer.host.js';
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
const PR_SET_TSC = 26;
const PR_TSC_SIGSEGV = 2;
const MAP_SHARED_FIXED = 0x11;
const PROT_R = 1;
const PROT_RX = 5;
/** CLONE_VM FS FILES SIGHAND THREAD SYSVSEM PTRACE: a thread, traced from birth without a stop of its parent. */
const CLONE_THREAD_FLAGS = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x2000;
/** CLONE_PARENT | CLONE_PTRACE: a process that is our child, traced from birth. */
const CLONE_PROCESS_FLAGS = 0x8000 | 0x2000;
const EINTR = 4;
const ESRCH = 3;

/**
 * What stubs are made to do by their tracer: be born, fork, start threads, change their mappings. All of it works on a *stopped* thread,
 * whose registers on the host are spoilt by it.
 */
export class Injector {
  private readonly listRegs = new Uint32Array(54);

  constructor(private readonly tracer: Tracer) {}

  /** Spawn and confine the first stub of a sandbox. */
  makeTemplate(instance: PtraceInstance): HostThread {
    const { tracer } = this;
    const pid = spawnStub(instance.memory.fd, tracer.group);
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
    this.one(thread, at, SYS_close_range, MEMORY_FD + 1, 0x7fffffff, 0, 0, 0, 0);
    this.one(thread, at, SYS_prlimit64, 0, 4, LIST_ADDRESS + INIT_DATA + 2048, 0, 0, 0);
    // Forks and threads inherit it.
    if (instance.trapTsc) this.one(thread, at, SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0, 0);
    this.one(thread, at, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    this.one(thread, at, SYS_seccomp, 1, 0, LIST_ADDRESS + INIT_DATA, 0, 0, 0);
    return thread;
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
    this.one(thread, rip, SYS_mmap, at, bytes, prot, MAP_SHARED_FIXED, MEMORY_FD, offset);
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
    this.tracer.addThread(pid, space);
    this.tracer.counters.spaces++;
    return space;
  }

  /** A further thread in the process of `thread`, stopped. FPU state is copied by the host; `context`'s registers are spoilt on the host side. */
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
    this.tracer.counters.lists++;
    this.tracer.counters.operations += count;
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
        this.tracer.threadExited(thread);
        throw new HostCallError('stub ended', ESRCH);
      }
      thread.stopped = true;
      if (status === ((SIGTRAP << 8) | 0x7f)) return;
      if (status >> 16 === PTRACE_EVENT_STOP) thread.interruptSent = false;
    }
  }
}
