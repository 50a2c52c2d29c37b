import {
  CALL,
  CODE_ADDRESS,
  CODE_BYTES,
  EVENT_EXCEPTION,
  EVENT_FAULT,
  EVENT_FOREIGN_SYSCALL,
  EVENT_INTERRUPTED,
  EVENT_SYSCALL,
  PARKED,
  RUNNING,
  SITE,
  STOP_CALL,
  STOP_FIXED,
  STOP_FIXED_FPU,
  STOPPED,
} from '@sandbox/platform';
import type { PtraceContext } from './context.host.js';
import {
  DEBUG,
  decodeSignal,
  EXCEPTION,
  FAULT,
  IGNORE,
  INVALID_OPCODE,
  SIMD_ERROR,
  VSYSCALL,
  X87_ERROR,
} from './exceptions.js';
import type { HostThread } from './host-thread.host.js';
import {
  AUDIT_ARCH_X86_64,
  BLOCK_INFO,
  PTRACE_EVENT_STOP,
  PTRACE_GET_SYSCALL_INFO,
  REG_RIP,
  REG_RSP,
  STATUS_SYSCALL,
} from './layout.js';
import type { Tracer } from './tracer.host.js';
import { isExitStatus } from './wait.host.js';

/** From stops of host threads, and calls in their pages, to the events of the platform contract. */
export class Stops {
  constructor(private readonly tracer: Tracer) {}

  /** `fetched`: what the host knows of a system call is in the block already; `stashed`: of a signal, too. */
  onStop(thread: HostThread, status: number, fetched: boolean, stashed = false): void {
    const context = thread.context;
    if (isExitStatus(status)) {
      this.tracer.threadExited(thread);
      return;
    }
    const wanted = thread.interruptSent;
    thread.interruptSent = false;
    if (!context || context.state !== RUNNING) return;
    this.tracer.counters.stops++;
    this.tracer.placement.onStop(thread);
    if (status === STATUS_SYSCALL) {
      if (thread.page?.state === (CALL | PARKED)) {
        this.tracer.counters.parked++;
        this.tracer.spin.park();
        this.onFastCall(thread, context);
      } else {
        this.tracer.spin.slowStop();
        this.onSyscall(thread, context, fetched);
      }
      return;
    }
    this.tracer.spin.slowStop();
    const signal = (status >> 8) & 0x7f;
    if (status >> 16 === PTRACE_EVENT_STOP) {
      if (wanted) this.onInterrupted(thread, context);
      else this.tracer.again(context);
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
      this.tracer.again(context);
      return;
    }
    const from = block.args;
    const to = context.args;
    for (let i = 0; i < 12; i++) to[i] = from[i];
    context.nr = block.nr;
    context.state = STOPPED;
    this.tracer.counters.syscalls++;
    thread.addressSpace.instance.fast.noteSlowCall(context, ip);
    this.tracer.deliver(context, block.arch === AUDIT_ARCH_X86_64 ? EVENT_SYSCALL : EVENT_FOREIGN_SYSCALL);
  }

  /** A call published in the thread's page; the thread spins, or has parked. */
  onFastCall(thread: HostThread, context: PtraceContext): void {
    const page = thread.page!;
    page.readArgs(context.args);
    context.nr = page.nr;
    // Somebody may have looked at its registers since it stopped: they are of no use, the call's are in the
    // page.
    context.forgetRegs();
    if (context.spoilt) context.completeSpoilt();
    else context.fast = true;
    this.tracer.counters.fastCalls++;
    this.tracer.deliver(context, EVENT_SYSCALL);
    // No answer yet: it sleeps, or something slow goes on.
    if (context.fast && context.state === STOPPED && !thread.stopped) page.parkNow();
  }

  /** Report that it was interrupted; or, where it stands in the fast path, what that means. */
  onInterrupted(thread: HostThread, context: PtraceContext): void {
    // Its registers belong to what it is about to report: that comes first.
    if (thread.signalWaits()) {
      this.tracer.again(context);
      return;
    }
    if (thread.page || thread.addressSpace.patches.sites.size > 0) {
      context.state = STOPPED;
      const what = thread.addressSpace.instance.fast.classifyStop(thread.page, context.regs());
      if (what === STOP_CALL) {
        context.forgetRegs();
        this.onFastCall(thread, context);
        return;
      }
      if (what === STOP_FIXED || what === STOP_FIXED_FPU) {
        context.touchRegs();
        if (what === STOP_FIXED_FPU) context.loadPageFpu();
        thread.page?.clear();
      }
    }
    this.tracer.deliver(context, EVENT_INTERRUPTED);
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
    const { fast, threadPages } = space.instance;
    const invalid = kind === EXCEPTION && vector === INVALID_OPCODE;
    if ((invalid || (kind === FAULT && address === SITE)) && fast.leaveThunk(context.regs())) {
      // The thread's first fast call: once more, with a page. Too many threads: this process does without.
      if (!thread.page && !threadPages.make(thread)) fast.unpatch(context);
      context.touchRegs();
      this.tracer.again(context);
      return true;
    }
    if (!invalid || !fast.oldSyscall(context, context.regs())) return false;
    context.touchRegs();
    this.tracer.deliver(context, EVENT_SYSCALL);
    return true;
  }

  private onSignal(thread: HostThread, context: PtraceContext, signal: number, fetched: boolean): void {
    if (!fetched) thread.fetchSiginfo();
    const what = decodeSignal(signal, thread.block.siginfo);
    if (what.kind === IGNORE) {
      this.tracer.again(context);
      return;
    }
    context.state = STOPPED;
    // Where nothing is patched any more a thread may still have been in a thunk.
    if (this.fastPathSignal(thread, context, what.kind, what.address, what.vector)) return;
    this.tracer.counters.faults++;
    context.faultAddr = what.address;
    context.faultAccess = what.access;
    context.vector = what.vector === SIMD_ERROR && context.hasX87Error() ? X87_ERROR : what.vector;
    if (what.kind === EXCEPTION && what.vector === DEBUG) context.debugStatus = thread.debugStatus();
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
    this.tracer.deliver(
      context,
      what.kind === FAULT || what.kind === VSYSCALL ? EVENT_FAULT : EVENT_EXCEPTION,
    );
  }
}
