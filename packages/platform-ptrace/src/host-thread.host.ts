import { allocatePages, hostSyscall, viewOf } from '@sandbox/native';
import { HostCallError, type ThreadPage } from '@sandbox/platform';
import type { PtraceAddressSpace } from './address-space.host.js';
import type { PtraceContext } from './context.host.js';
import {
  BLOCK_ARGS,
  BLOCK_BYTES,
  BLOCK_FLAGS,
  BLOCK_INFO_ARCH,
  BLOCK_INFO_IP,
  BLOCK_IOVEC,
  BLOCK_NR,
  BLOCK_PID,
  BLOCK_RAX,
  BLOCK_REGS,
  BLOCK_SIGINFO,
  BLOCK_STATUS,
  PTRACE_GETREGS,
  PTRACE_GETSIGINFO,
  PTRACE_PEEKSIGINFO,
  PTRACE_PEEKUSER,
  PTRACE_POKEUSER,
  REG_WORDS,
  USER_DEBUGREG,
} from './layout.js';

const SYS_ptrace = 101;
const BLOCKS_PER_PAGE = 4096 / BLOCK_BYTES;

/**
 * The piece of host memory the tracer's machine code uses for one thread, with views on it. Recycled, never
 * freed.
 */
export class Block {
  readonly regs: Uint32Array;
  readonly args: Uint32Array;
  private readonly words: Int32Array;
  readonly siginfo: DataView;
  /** Sixteen bytes for arguments of ptrace requests. */
  readonly iovec: DataView;

  constructor(
    readonly address: number,
    page: ArrayBuffer,
    offset: number,
  ) {
    this.regs = new Uint32Array(page, offset + BLOCK_REGS, REG_WORDS);
    this.args = new Uint32Array(page, offset + BLOCK_ARGS, 12);
    this.words = new Int32Array(page, offset, BLOCK_BYTES / 4);
    this.siginfo = new DataView(page, offset + BLOCK_SIGINFO, 128);
    this.iovec = new DataView(page, offset + BLOCK_IOVEC, 16);
  }

  get status(): number {
    return this.words[BLOCK_STATUS / 4];
  }
  get nr(): number {
    return this.words[BLOCK_NR / 4];
  }
  get arch(): number {
    return this.words[BLOCK_INFO_ARCH / 4] >>> 0;
  }
  /** Address behind the `syscall` instruction. */
  get ip(): number {
    return (this.words[BLOCK_INFO_IP / 4] >>> 0) + (this.words[BLOCK_INFO_IP / 4 + 1] >>> 0) * 4294967296;
  }
  set pid(pid: number) {
    this.words[BLOCK_PID / 4] = pid;
    this.words[BLOCK_PID / 4 + 1] = 0;
  }
  get flags(): number {
    return this.words[BLOCK_FLAGS / 4];
  }
  set flags(flags: number) {
    this.words[BLOCK_FLAGS / 4] = flags;
    this.words[BLOCK_FLAGS / 4 + 1] = 0;
  }
  setRax(lo: number, hi: number): void {
    this.words[BLOCK_RAX / 4] = lo;
    this.words[BLOCK_RAX / 4 + 1] = hi;
  }
}

const freeBlocks: Block[] = [];

function takeBlock(): Block {
  if (freeBlocks.length === 0) {
    const address = allocatePages(4096);
    const page = viewOf(address, 4096);
    for (let i = BLOCKS_PER_PAGE - 1; i >= 0; i--) {
      freeBlocks.push(new Block(address + i * BLOCK_BYTES, page, i * BLOCK_BYTES));
    }
  }
  return freeBlocks.pop()!;
}

/**
 * A traced host thread of a stub process. It carries one context at a time, or waits, stopped, for the next.
 */
export class HostThread {
  readonly block = takeBlock();
  context: PtraceContext | null = null;
  /** The kernel waits for its next event. */
  running = false;
  /** In a ptrace stop that we have seen: its registers can be read, it can be resumed. */
  stopped = true;
  /** Shared with the guest for fast calls; null until it makes one. */
  page: ThreadPage | null = null;
  /** The host has reaped it. */
  gone = false;
  /** It was told to exit, and executes nothing but that. */
  ending = false;
  /**
   * PTRACE_INTERRUPT was sent, and no stop was seen since. Any stop ends that: on its way into another one
   * the host forgets that it was to stop (ptrace_stop clears JOBCTL_TRAP_STOP), and if it does not, a stop
   * nobody waits for comes later, which means nothing.
   */
  interruptSent = false;
  /** Where it runs: see placement.host.ts. Threads are born with their parent's affinity. */
  placement = 0;
  stops = 0;
  /** Slice start time (ns) since which it has run without a stop. */
  runningSince = 0;

  constructor(
    readonly pid: number,
    readonly addressSpace: PtraceAddressSpace,
  ) {
    this.block.pid = pid;
    this.block.flags = 0;
  }

  ptrace(request: number, addr: number, data: number): number {
    return hostSyscall(SYS_ptrace, request, this.pid, addr, data);
  }

  /** Like `ptrace`, for requests that can only fail when the thread is gone or we have a bug. */
  mustPtrace(request: number, addr: number, data: number): void {
    const r = this.ptrace(request, addr, data);
    if (r < 0) throw new HostCallError(`ptrace(${request})`, -r);
  }

  /** Some of its debug registers have been set. */
  private debugged = false;

  /** Its debug register `n` is `value`; false: the host has none to give. */
  setDebugRegister(n: number, value: number): boolean {
    this.debugged = true;
    return this.ptrace(PTRACE_POKEUSER, USER_DEBUGREG + 8 * n, value) === 0;
  }

  /** DR6 of its last debug exception, where any could come from breakpoints. */
  debugStatus(): number {
    if (!this.debugged) return 0;
    const { iovec, address } = this.block;
    this.mustPtrace(PTRACE_PEEKUSER, USER_DEBUGREG + 8 * 6, address + BLOCK_IOVEC);
    return iovec.getUint32(0, true);
  }

  /** None of its breakpoints is enabled any more. It is stopped. */
  clearDebug(): void {
    if (!this.debugged) return;
    this.debugged = false;
    this.ptrace(PTRACE_POKEUSER, USER_DEBUGREG + 8 * 7, 0);
  }

  /** Fetch all registers into the block. */
  fetchRegs(): void {
    this.mustPtrace(PTRACE_GETREGS, 0, this.block.address + BLOCK_REGS);
  }

  fetchSiginfo(): void {
    this.mustPtrace(PTRACE_GETSIGINFO, 0, this.block.address + BLOCK_SIGINFO);
  }

  /**
   * Does a signal wait behind the stop it is in? PTRACE_INTERRUPT comes before a fault that has happened
   * already.
   */
  signalWaits(): boolean {
    const { iovec, address } = this.block;
    iovec.setUint32(0, 0, true);
    iovec.setUint32(4, 0, true);
    iovec.setUint32(8, 0, true);
    iovec.setUint32(12, 1, true);
    return this.ptrace(PTRACE_PEEKSIGINFO, address + BLOCK_IOVEC, address + BLOCK_SIGINFO) > 0;
  }

  releaseBlock(): void {
    freeBlocks.push(this.block);
  }
}
