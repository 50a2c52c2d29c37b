import { hostSyscall } from '@sandbox/native';
import {
  type AddressSpace,
  GUEST_END,
  GUEST_START,
  HostCallError,
  type PatchedSpace,
  Patches,
  SHARED_SPACE,
  type Site,
  type ThreadPage,
} from '@sandbox/platform';
import type { PtraceContext } from './context.host.js';
import type { HostThread } from './host-thread.host.js';
import type { PtraceInstance } from './instance.host.js';
import { MAX_OPERATIONS, MEMORY_FD, OPERATION_BYTES, SHARED_FD, SIGKILL } from './layout.js';
import type { PtraceNursery } from './nursery.js';

const SYS_mmap = 9;
const SYS_mprotect = 10;
const SYS_munmap = 11;
const SYS_kill = 62;
const PROT_RW = 3;
const MAP_SHARED_FIXED_NORESERVE = 0x1 | 0x10 | 0x4000;
/** Stopped threads kept for reuse; further ones end. */
const MAX_IDLE = 16;

/**
 * Lists an address space runs on its guest's threads before it gets an agent, which costs about as much as it
 * saves on these.
 */
const AGENT_AFTER = 12;

/**
 * Words of one queued operation: number, then three or six arguments; kept flat so that queueing allocates
 * nothing.
 */
const WORDS = 7;

/** A stub process: its memory is what the guest sees. */
export class PtraceAddressSpace implements AddressSpace, PatchedSpace {
  readonly minAddress = GUEST_START;
  readonly maxAddress = GUEST_END;
  /** All host threads of the process, busy or idle. The first is the leader. */
  readonly threads: HostThread[] = [];
  private readonly idle: HostThread[] = [];
  /** Queued operations, flat. */
  private queue: number[] = [];
  private queued = 0;
  /** Lists run so far on threads of the guest's, and the thread that runs them once they are many. */
  private flushes = 0;
  agent: HostThread | null = null;
  contexts = 0;
  dead = false;
  readonly patches = new Patches();
  /** What new address spaces for its contexts are forked from; null: the template. */
  nursery: PtraceNursery | null = null;

  constructor(
    readonly instance: PtraceInstance,
    readonly pid: number,
  ) {}

  get pending(): boolean {
    return this.queued > 0;
  }

  private push(nr: number, a: number, b: number, c: number, d: number, e: number, f: number): void {
    const q = this.queue;
    let i = this.queued * WORDS;
    q[i++] = nr;
    q[i++] = a;
    q[i++] = b;
    q[i++] = c;
    q[i++] = d;
    q[i++] = e;
    q[i] = f;
    this.queued++;
    if (this.queued === 1 && !this.dead) this.instance.tracer.noteChanged(this);
  }

  map(addr: number, length: number, prot: number, offset: number): void {
    this.check(addr, length);
    this.pushMap(addr, length, prot, offset);
  }

  unmap(addr: number, length: number): void {
    this.check(addr, length);
    this.push(SYS_munmap, addr, length, 0, 0, 0, 0);
  }

  protect(addr: number, length: number, prot: number): void {
    this.check(addr, length);
    this.push(SYS_mprotect, addr, length, prot, 0, 0, 0);
  }

  /** Map a page of ours, above what the guest can reach by its own calls. */
  mapOwn(addr: number, length: number, offset: number): void {
    this.pushMap(addr, length, PROT_RW, offset);
  }

  private pushMap(addr: number, length: number, prot: number, offset: number): void {
    const shared = offset < SHARED_SPACE;
    const at = shared ? offset : offset - SHARED_SPACE;
    this.push(SYS_mmap, addr, length, prot, MAP_SHARED_FIXED_NORESERVE, shared ? SHARED_FD : MEMORY_FD, at);
  }

  unmapOwn(addr: number, length: number): void {
    this.push(SYS_munmap, addr, length, 0, 0, 0, 0);
  }

  /** Every stub has it. */
  readyForSites(): void {}

  addSite(site: Site): void {
    this.patches.add(site);
  }

  stopOthers(context: PtraceContext): void {
    for (const thread of this.threads) {
      if (thread !== context.thread && !thread.gone && !thread.ending) this.instance.tracer.stopNow(thread);
    }
  }

  moveOff(site: Site): void {
    for (const thread of this.threads) thread.context?.moveOff(site);
  }

  private check(addr: number, length: number): void {
    if (addr < 0 || length <= 0 || addr % 4096 !== 0 || length % 4096 !== 0 || addr + length > GUEST_END) {
      throw new RangeError(
        `address space operation outside the guest: 0x${addr.toString(16)}+0x${length.toString(16)}`,
      );
    }
  }

  flush(): void {
    if (this.queued === 0) return;
    const thread = this.agent ? null : this.instance.tracer.stoppedThread(this);
    if (thread || this.agent) this.flushOn(thread);
    else this.dropQueue();
  }

  /**
   * Run the queue: on the agent, or on `thread`, which is stopped; its registers are put back at its next
   * resume. When the host refuses an operation (its limit of mappings, memory), what the guest sees is no
   * longer what the kernel thinks: the process is ended and its contexts are lost.
   */
  flushOn(thread: HostThread | null): void {
    try {
      this.runQueue(thread);
    } catch (error) {
      this.dropQueue();
      this.instance.tracer.fail(this, error);
    }
  }

  private runQueue(thread: HostThread | null): void {
    const { tracer, listWords } = this.instance;
    if (!this.agent && ++this.flushes > AGENT_AFTER) tracer.injector.makeAgent(this, thread!);
    let done = 0;
    while (done < this.queued) {
      const count = Math.min(this.queued - done, MAX_OPERATIONS);
      for (let i = 0; i < count; i++) this.writeOperation(listWords, i, (done + i) * WORDS);
      tracer.injector.runList(this, thread, count);
      listWords.fill(0, 0, (count * OPERATION_BYTES) / 4);
      done += count;
    }
    this.dropQueue();
  }

  private writeOperation(words: Uint32Array, index: number, from: number): void {
    const q = this.queue;
    let at = (index * OPERATION_BYTES) / 4;
    for (let k = 0; k < WORDS; k++) {
      const v = q[from + k];
      words[at++] = v >>> 0;
      words[at++] = v < 0 ? 0xffffffff : v / 4294967296;
    }
  }

  private dropQueue(): void {
    this.queued = 0;
    if (this.queue.length > 7 * 4096) this.queue = [];
  }

  /** Forget queued operations (the address space is being emptied anyway). */
  clearQueue(): void {
    this.dropQueue();
  }

  adopt(thread: HostThread): void {
    this.threads.push(thread);
  }

  /** The host has reaped `thread`. */
  abandon(thread: HostThread): void {
    if (thread === this.agent) this.agent = null;
    const i = this.threads.indexOf(thread);
    if (i >= 0) this.threads.splice(i, 1);
  }

  /**
   * Pages of threads that have ended. They stay mapped here, so they can only serve later threads of this
   * process.
   */
  readonly sparePages: ThreadPage[] = [];
  /** Slots ever used for thread pages. */
  pageSlots = 0;

  takeIdle(): HostThread | null {
    return this.idle.pop() ?? null;
  }

  attach(context: PtraceContext, thread: HostThread): void {
    thread.context = context;
    thread.page?.clearAnswers();
    thread.clearDebug();
    this.contexts++;
    context.thread = thread;
  }

  /** A context leaves its host thread, which is stopped (or gone). */
  detach(thread: HostThread): void {
    thread.context = null;
    this.contexts--;
    if (this.contexts === 0) {
      this.kill();
    } else if (!thread.gone) {
      if (this.idle.length < MAX_IDLE || thread.pid === this.pid) this.idle.push(thread);
      else this.instance.tracer.injector.endThread(thread);
    }
  }

  /** End the process; the host reaps its threads through the tracer. */
  kill(): void {
    if (this.dead) return;
    this.dead = true;
    this.queued = 0;
    this.instance.fast.dropSites(this.patches);
    const r = hostSyscall(SYS_kill, this.pid, SIGKILL);
    if (r < 0 && r !== -3) throw new HostCallError('kill', -r);
    this.instance.tracer.noteKilled(this);
    this.instance.spaces.delete(this);
  }
}
