/**
 * The platform contract: how a kernel makes guest code run and learns why it stopped.
 *
 * A platform knows nothing of Linux semantics: no errno, no signal, no file descriptor. Everything Linux is
 * in the kernel, so a guest behaves the same on every platform. All calls of this file happen on one thread,
 * the one that created the platform; callbacks (`ContextSink`) come on that thread too, from the platform's
 * own slices of the event loop, never from inside a call the kernel made.
 */
import type { ProbeFailure } from './errors.js';
import type { MemoryFile } from './memory/memory-file.host.js';

/** Why a guest context stopped; the value of `Context.event`. */
export const EVENT_NONE = 0;
/** The guest executed `syscall` (or an equivalent): `nr` and `args` are valid. */
export const EVENT_SYSCALL = 1;
/**
 * A memory access could not be completed: `faultAddr`, `faultAccess`. Nothing of the instruction took effect.
 */
export const EVENT_FAULT = 2;
/** Any other processor exception: `vector` (Intel SDM vol. 3, 6.15), `faultAddr` where it has one. */
export const EVENT_EXCEPTION = 3;
/** `interrupt()` stopped it between two instructions. */
export const EVENT_INTERRUPTED = 4;
/**
 * The host took the context away (its process was killed from outside, or the platform failed). It is gone
 * for good.
 */
export const EVENT_LOST = 5;
/** A system call through a gate a 64-bit kernel would treat differently (`int 0x80`, `sysenter`). */
export const EVENT_FOREIGN_SYSCALL = 6;

export type GuestEvent = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** Bits of `Context.faultAccess`; 0 where the platform cannot tell. */
export const ACCESS_READ = 1;
export const ACCESS_WRITE = 2;
export const ACCESS_EXEC = 4;

/** Protection bits of `AddressSpace.map`, the hardware's three. */
export const PROT_R = 1;
export const PROT_W = 2;
export const PROT_X = 4;

/** Receives the events of one context. The kernel's task is one. */
export interface ContextSink {
  /** The context stopped; `context.event` says why. It stays stopped until `resume`. */
  onGuestEvent(context: Context): void;
}

/**
 * One guest thread of execution: registers, FPU state, TLS bases, living in one address space.
 *
 * It is *stopped* after creation and after each event; registers may be touched only then.
 */
export interface Context {
  readonly addressSpace: AddressSpace;
  /** Who hears of this context's events. Set by the kernel before the first `resume`. */
  sink: ContextSink | null;

  readonly event: GuestEvent;
  /** EVENT_SYSCALL: the number asked for, as signed 32 bits (Linux truncates rax to int). */
  readonly nr: number;
  /**
   * EVENT_SYSCALL: rdi rsi rdx r10 r8 r9 as twelve little-endian 32-bit words, low word first. Valid until
   * `resume`.
   */
  readonly args: Uint32Array;
  /** EVENT_FAULT, EVENT_EXCEPTION: the address touched (linear, as a number below 2^64). */
  readonly faultAddr: number;
  readonly faultAccess: number;
  readonly vector: number;

  /** Set rax, the result of the system call being answered, from two 32-bit halves. Cheaper than `regs()`. */
  setResult(lo: number, hi: number): void;

  /**
   * All integer registers, in the layout of `struct user_regs_struct` (27 words of 64 bits as 54 of 32; index
   * with `USER_REGS` of `@sandbox/abi`, times two). Fetched on first use after an event. After EVENT_SYSCALL
   * rip is behind the instruction and rax unspecified until `setResult`. The array is the context's own: no
   * copy. Call `touchRegs()` after changing it. cs, ss, ds, es, fs, gs selectors and privileged flag bits
   * that the guest may not choose are ignored or sanitised by the platform.
   */
  regs(): Uint32Array;
  touchRegs(): void;

  /**
   * Bytes `saveFpu` writes: the standard-format XSAVE area (Intel SDM vol. 1, 13.4) for the features of
   * `xfeatures`.
   */
  readonly fpuSize: number;
  /** The XCR0 features contained in the area (low 32 bits). */
  readonly xfeatures: number;
  /** Copy the FPU/SSE/AVX state out, at `dst[offset...]`. */
  saveFpu(dst: Uint8Array, offset: number): void;
  /**
   * Load it; false when the image is not acceptable to the processor (nothing changes then). `length` <=
   * fpuSize.
   */
  loadFpu(src: Uint8Array, offset: number, length: number): boolean;
  /** Set FPU, SSE and AVX state to the processor's initial state. */
  resetFpu(): void;

  /**
   * The next `resume` executes one instruction: it ends in EVENT_EXCEPTION with vector 1 (Intel SDM vol. 3,
   * 18.3.1.4), or in whatever event the instruction causes (a system call, a fault). The flag (TF) that does
   * it is not seen in `regs`. Absent where the platform cannot.
   */
  stepNext?(): void;
  /**
   * Debug register `n` (0 to 3: an address, 7: which of them are enabled, and for what; Intel SDM vol. 3,
   * 18.2) is `value` from the next `resume` of this stopped context on. An enabled breakpoint that is hit
   * ends it in EVENT_EXCEPTION with vector 1; `debugStatus` says which. False: the machine has none to give,
   * or takes no such value. Copies have none; `renewAddressSpace` takes them away. Absent where the platform
   * cannot.
   */
  setDebugRegister?(n: number, value: number): boolean;
  /**
   * After EVENT_EXCEPTION with vector 1 and breakpoints enabled: DR6, of which bits 0 to 3 and 14 (a single
   * step) count.
   */
  readonly debugStatus?: number;
  /**
   * A debugger is going to look at, or no longer looks at, the code of this stopped context's address space:
   * while `on`, it holds what the guest put there and nothing else. Ends with `renewAddressSpace`. Absent
   * where the platform changes no code.
   */
  setPlainCode?(on: boolean): void;
  /**
   * System calls `nr` of this context may be answered by `value` (0 to 2^32 - 2) without an event, until
   * `withdrawAnswers` or `renewAddressSpace`. A hint: the platform need not remember it. Absent where every
   * call is an event.
   */
  offerAnswer?(nr: number, value: number): void;
  /** No call is answered without an event any more. In any state. */
  withdrawAnswers?(): void;

  /** Let it run until its next event. */
  resume(): void;
  /** Make a running context stop soon; it reports whichever event comes first. No effect on a stopped one. */
  interrupt(): void;
  readonly running: boolean;

  /**
   * CPU time the guest's own instructions have taken so far, in nanoseconds. Absent where the platform cannot
   * tell.
   */
  cpuTimeNs?(): number;

  /** A further context in the same address space, stopped, with a copy of all registers and FPU state. */
  clone(): Context;
  /**
   * A context in a new address space that maps what this one's maps now, stopped, with the same registers.
   */
  fork(): Context;
  /**
   * Move this stopped context to a new, empty address space (which may reuse the old one's resources if no
   * other context lives there). FPU state is reset.
   */
  renewAddressSpace(): void;
  /** End the context. The address space ends with its last context. Safe in any state. */
  dispose(): void;
}

/**
 * What a guest can reach. Changes are queued and take effect before any context of it next runs after
 * `flush`, or at the latest when a context of this address space is resumed; pending changes are applied in
 * order, in one go.
 */
export interface AddressSpace {
  /** Lowest and highest-plus-one usable guest address; the rest belongs to the platform or the processor. */
  readonly minAddress: number;
  readonly maxAddress: number;
  /**
   * Map `length` bytes of the memory file from `offset` at `addr`, replacing what was there. Page aligned.
   */
  map(addr: number, length: number, prot: number, offset: number): void;
  unmap(addr: number, length: number): void;
  protect(addr: number, length: number, prot: number): void;
  /**
   * Apply the queue now, even when contexts are running (needed before memory that was mapped is given to
   * others).
   */
  flush(): void;
  /** Number of live contexts. */
  readonly contexts: number;
}

export interface PlatformCapabilities {
  /** `PlatformOptions.trapTsc` is honoured, so that virtual time is complete. */
  readonly trapsTsc: boolean;
  /** cpuid can be made to fault. */
  readonly trapsCpuid: boolean;
  /** `Context.faultAccess` is exact. */
  readonly faultAccessKnown: boolean;
  /** Frequent system calls can be served without a stop. */
  readonly inGuestFastPath: boolean;
}

export interface PlatformOptions {
  /** All guest memory. Owned by the caller, who disposes it after the platform instance. */
  memory: MemoryFile;
  /**
   * `rdtsc` and `rdtscp` are not to be executed by guests but reported as EVENT_EXCEPTION, vector 13, with
   * rip at the instruction. Without effect where `capabilities.trapsTsc` is false.
   */
  trapTsc?: boolean;
}

/**
 * The kernel's hand on guest code, for platforms that replace system call instructions by something faster.
 * Pages are changed privately: what other address spaces and the file behind the mapping hold stays as it is.
 */
export interface CodeAccess {
  /** Fill `dst` from `addr` in the address space of `context`. False when not all of it is there. */
  read(context: Context, addr: number, dst: Uint8Array): boolean;
  /**
   * Replace code at `addr` (within one page). False when the guest may write there itself, or it is not
   * private file-backed code.
   */
  patch(context: Context, addr: number, bytes: Uint8Array): boolean;
}

/**
 * A process of the host that runs nothing itself: the processes of contexts created in it, and of all that
 * comes of these (fork, a new address space), begin as forks of it, and so where it has been put by then
 * (cgroups(7)). If it ends, they begin elsewhere.
 */
export interface Nursery {
  readonly pid: number;
  dispose(): void;
}

/** One sandbox's use of a platform. */
export interface PlatformInstance {
  readonly name: string;
  readonly capabilities: PlatformCapabilities;
  /**
   * A new empty address space with one stopped context in it (registers zero, FPU initial), which begins in
   * `nursery` where one is given.
   */
  createContext(nursery?: Nursery): Context;
  /** A new one. Absent where contexts run in this process. */
  createNursery?(): Nursery;
  /**
   * Keep Node's loop alive and guests served while true. An idle sandbox (no live program) sets it to false
   * so the embedder's process can end.
   */
  setActive(active: boolean): void;
  /**
   * Call `fn` on this thread, in a slice of its own, at `deadline` (CLOCK_MONOTONIC of the host, nanoseconds)
   * or soon after, more precisely than setTimeout. One alarm an instance: a new call replaces the old;
   * Infinity disarms.
   */
  setAlarm(deadline: number, fn: () => void): void;
  /** Allow (or, with null, stop) the patching of guest code. Without it every system call is a stop. */
  setCodeAccess?(access: CodeAccess | null): void;
  /**
   * Places in guest code that make many system calls the slow way because the platform does not know how to
   * replace them: the address behind the instruction, calls so far, the bytes from 7 before that address to 6
   * behind it.
   */
  slowSites?(): { readonly address: number; readonly calls: number; readonly code: Uint8Array }[];
  /** Human-readable counters for diagnosis (stops, resumes, slices, sleeps...). */
  stats(): Record<string, number>;
  /** Ends all contexts and frees all host resources. Idempotent. */
  dispose(): void;
}

export type ProbeResult =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly code: ProbeFailure; readonly why: string };

/** A way to run guests. `auto` takes the best whose probe succeeds. */
export interface Platform {
  readonly name: string;
  /** Higher is preferred by `auto`. */
  readonly preference: number;
  probe(): ProbeResult;
  /**
   * An empty memory file this platform has prepared for a sandbox, to be given to `open` with the same
   * `trapTsc`; null when there is none, and the caller makes one. Whoever takes it disposes it.
   */
  readyMemory?(trapTsc: boolean): MemoryFile | null;
  /** Throws `PlatformUnavailableError` with the probe's reason when it cannot run. */
  open(options: PlatformOptions): PlatformInstance;
}
