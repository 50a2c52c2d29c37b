import {
  CLOCK_MONOTONIC,
  EAGAIN,
  EBUSY,
  ECANCELED,
  ENOMEM,
  EOPNOTSUPP,
  ETIME,
  IO_URING_CQE,
  IO_URING_SQE,
  IORING_CQE_F_MORE,
  IORING_CQE_F_NOTIF,
  IORING_OP_LINK_TIMEOUT,
  IORING_OP_TIMEOUT,
  IORING_SETUP_CQE32,
  IORING_SETUP_DEFER_TASKRUN,
  IORING_SETUP_NO_MMAP,
  IORING_SETUP_NO_SQARRAY,
  IORING_SETUP_R_DISABLED,
  IORING_SETUP_SINGLE_ISSUER,
  IORING_SETUP_SQE128,
  IORING_SETUP_SQPOLL,
  IORING_SETUP_SUBMIT_ALL,
  IORING_SETUP_TASKRUN_FLAG,
  IORING_SQ_NEED_WAKEUP,
  IORING_SQ_TASKRUN,
  IORING_TIMEOUT_ETIME_SUCCESS,
  IOSQE_CQE_SKIP_SUCCESS,
  IOSQE_IO_DRAIN,
  IOSQE_IO_HARDLINK,
  IOSQE_IO_LINK,
  O_CLOEXEC,
  O_RDWR,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  RLIMIT_NPROC,
} from '@sandbox/abi';
import { type Mappable, releaseFile, WaitQueue } from '@sandbox/vfs';
import { AnonFile } from '../../process/files/anon-file.js';
import type { KernelCore } from '../../process/kernel/kernel-core.js';
import { Slot } from '../../process/kernel/slot.js';
import type { Task } from '../../process/task/task.js';
import { TASK_ZOMBIE } from '../../process/task/task-state.js';
import type { ThreadGroup } from '../../process/task/thread-group.js';
import { RingPages } from '../ring-pages.js';
import { BufferGroups } from './buffers.js';
import { Completions } from './completions.js';
import { FileTable } from './file-table.js';
import { assignFile, type Operations, prepare } from './operation.js';
import { Request } from './request.js';
import { Restrictions } from './restrictions.js';
import { ProgramWords, type RingWords } from './ring-words.js';
import {
  CQ_ENTRIES,
  CQ_MASK,
  CQES,
  RingMapping,
  SQ_DROPPED,
  SQ_ENTRIES,
  SQ_FLAGS,
  SQ_HEAD,
  SQ_MASK,
  SQ_TAIL,
} from './rings.js';
import { Tag } from './tag.js';

/** Requests under way in one ring. */
const MAX_ACTIVE = 65536;
const POOL = 64;

/** A buffer of IORING_REGISTER_BUFFERS. */
export interface FixedBuffer {
  readonly addr: number;
  readonly length: number;
  readonly tag: Tag | null;
}

/** A completion that belongs to no request of its own. */
interface Announcement {
  readonly lo: number;
  readonly hi: number;
  readonly result: number;
  readonly flags: number;
}

/** An io_uring instance (io_uring_setup(2)). */
export class Uring extends AnonFile {
  protected readonly kind = 'io_uring';
  readonly waiters = new WaitQueue();
  readonly active = new Set<Request>();
  /** Timeouts that end after so many completions, too. */
  private readonly counting = new Set<Request>();
  /**
   * How many timeouts have ended: one that does ends waits for more completions than there are (Linux:
   * cq_timeouts).
   */
  timeouts = 0;
  readonly completions: Completions;
  readonly files = new FileTable();
  /** Addresses and lengths of IORING_REGISTER_BUFFERS. */
  fixedBuffers: FixedBuffer[] | null = null;
  readonly buffers: BufferGroups;
  readonly personalities = new Map<number, Task['cred']>();
  readonly restrictions = new Restrictions();
  /** Most workers for files that end and for others, as IORING_REGISTER_IOWQ_MAX_WORKERS set them. */
  readonly maxWorkers: [bounded: number, unbounded: number];
  /** Clock of the waits' times (IORING_REGISTER_CLOCK). */
  clock = CLOCK_MONOTONIC;
  enabled: boolean;
  /** IORING_SETUP_SINGLE_ISSUER: who alone may submit and register; null: not yet known, or anybody. */
  issuer: Task | null = null;
  private readonly sqeStride: number;
  private readonly arrayAt: number;
  private sqHead = 0;
  /** Chains that wait for those before them, by their first: whether they drain themselves. */
  private readonly held: { readonly first: Request; readonly drains: boolean }[] = [];
  private readonly ready: Request[] = [];
  private pumping = false;
  private readonly pool: Request[] = [];
  /** What the issuer has to go on with, and whether it does. */
  private readonly work: (Request | Announcement)[] = [];
  private working = false;
  private closed = false;
  private sequence = 0;
  /**
   * IOSQE_IO_DRAIN: refused once a completion was skipped; the next chain waits too, after one within a
   * chain.
   */
  private drainDisabled = false;
  private drainNext = false;

  private constructor(
    readonly kernel: KernelCore,
    private readonly rings: RingWords,
    private readonly sqes: RingWords,
    private readonly mapping: RingMapping,
    readonly sqEntries: number,
    readonly cqEntries: number,
    readonly setup: number,
    readonly operations: Operations,
    /** Who made it: submissions are taken in its name where nobody calls (IORING_SETUP_SQPOLL). */
    private readonly maker: Task,
  ) {
    super(kernel.anonInode, O_RDWR | O_CLOEXEC);
    this.buffers = new BufferGroups(this.mapping);
    this.sqeStride = IO_URING_SQE.SIZE * ((setup & IORING_SETUP_SQE128) !== 0 ? 2 : 1);
    const cqe = IO_URING_CQE.SIZE * ((setup & IORING_SETUP_CQE32) !== 0 ? 2 : 1);
    this.completions = new Completions(rings, cqEntries, cqe, this.waiters);
    this.arrayAt = CQES + cqEntries * cqe;
    this.maxWorkers = [Math.min(sqEntries, 4 * kernel.cpus), maker.group.limits.soft[RLIMIT_NPROC]!];
    if (this.polls) rings.store(SQ_FLAGS, IORING_SQ_NEED_WAKEUP);
    this.enabled = (setup & IORING_SETUP_R_DISABLED) === 0;
    if (this.enabled) this.claim(maker);
    rings.store(SQ_MASK, sqEntries - 1);
    rings.store(CQ_MASK, cqEntries - 1);
    rings.store(SQ_ENTRIES, sqEntries);
    rings.store(CQ_ENTRIES, cqEntries);
    uringsOf(kernel).rings.add(this);
  }

  private claim(t: Task): void {
    if ((this.setup & IORING_SETUP_SINGLE_ISSUER) !== 0) this.issuer ??= t;
  }

  /** Another task alone may submit to it. */
  isForeign(t: Task): boolean {
    return this.issuer !== null && this.issuer !== t;
  }

  /**
   * What was waited for is gone on with, and told, when the issuer asks for completions
   * (IORING_SETUP_DEFER_TASKRUN).
   */
  get defersWork(): boolean {
    return (this.setup & IORING_SETUP_DEFER_TASKRUN) !== 0;
  }

  /** IORING_REGISTER_ENABLE_RINGS */
  enable(t: Task): void {
    this.claim(t);
    this.restrictions.activate();
    this.enabled = true;
  }

  /**
   * Entries are powers of two, checked. -ENOMEM. With IORING_SETUP_NO_MMAP the rings are put at `ringsAt` and
   * the entries at `sqesAt`: -EINVAL, -EFAULT.
   */
  static create(
    t: Task,
    sq: number,
    cq: number,
    setup: number,
    operations: Operations,
    ringsAt: number,
    sqesAt: number,
  ): Uring | number {
    const { kernel, mm } = t;
    const cqe = IO_URING_CQE.SIZE * ((setup & IORING_SETUP_CQE32) !== 0 ? 2 : 1);
    const array = (setup & IORING_SETUP_NO_SQARRAY) !== 0 ? 0 : sq * 4;
    const ringBytes = CQES + cq * cqe + array;
    const sqeBytes = sq * IO_URING_SQE.SIZE * ((setup & IORING_SETUP_SQE128) !== 0 ? 2 : 1);
    if ((setup & IORING_SETUP_NO_MMAP) !== 0) {
      const bad = ProgramWords.check(mm, ringsAt, ringBytes) || ProgramWords.check(mm, sqesAt, sqeBytes);
      if (bad !== 0) return bad;
      const words = new ProgramWords(mm, ringsAt);
      for (let at = 0; at < CQES; at += 4) words.store(at, 0);
      const mapping = new RingMapping(null, null);
      return new Uring(kernel, words, new ProgramWords(mm, sqesAt), mapping, sq, cq, setup, operations, t);
    }
    const rings = RingPages.create(kernel.memory, ringBytes);
    if (rings === null) return -ENOMEM;
    const sqes = RingPages.create(kernel.memory, sqeBytes);
    if (sqes === null) {
      rings.free();
      return -ENOMEM;
    }
    return new Uring(kernel, rings, sqes, new RingMapping(rings, sqes), sq, cq, setup, operations, t);
  }

  /**
   * IORING_SETUP_SQPOLL: a thread of the kernel takes submissions. It is asleep whenever it finds none, and
   * says so (IORING_SQ_NEED_WAKEUP): a program has to expect that at any time, and an idle ring costs
   * nothing.
   */
  get polls(): boolean {
    return (this.setup & IORING_SETUP_SQPOLL) !== 0;
  }

  /** The thread was woken up: it takes what there is, in the name of whoever made the ring. */
  pollSubmissions(): void {
    const { maker } = this;
    const t = maker.state < TASK_ZOMBIE ? maker : maker.group.tasks.find((each) => each.state < TASK_ZOMBIE);
    if (t === undefined) return;
    for (let n = 0; n < this.sqEntries; ) {
      const taken = this.submit(t, this.sqEntries);
      if (taken === 0) return;
      n += taken;
    }
  }

  /** Offset of the array of indices. */
  get arrayOffset(): number {
    return (this.setup & IORING_SETUP_NO_SQARRAY) !== 0 ? 0 : this.arrayAt;
  }

  override get mappable(): Mappable {
    return this.mapping;
  }
  override get waitQueue(): WaitQueue {
    return this.waiters;
  }
  override poll(): number {
    const queued = (this.rings.load(SQ_TAIL) - this.sqHead) >>> 0;
    const out = queued < this.sqEntries ? POLLOUT | POLLWRNORM : 0;
    return this.completions.count > 0 || this.work.length > 0 ? out | POLLIN | POLLRDNORM : out;
  }

  // Completions ---------------------------------------------------------------------------------------------

  /** A request has ended. */
  complete(r: Request, result: number, flags = 0): void {
    this.active.delete(r);
    this.counting.delete(r);
    const { guard, next } = r;
    r.guard = r.next = null;
    const { completions } = this;
    if (r.opcode === IORING_OP_TIMEOUT && r.failure === 0) this.timeouts++;
    const notified = r.notifies >= 0;
    const failed = isFailure(r, result);
    if (!r.silent && (failed || !r.skipsSuccess))
      completions.post(r.userLo, r.userHi, result, notified ? flags | IORING_CQE_F_MORE : flags);
    if (notified) completions.post(r.userLo, r.userHi, r.notifies | 0, IORING_CQE_F_NOTIF);
    r.letGo();
    const { ends } = r;
    r.ends = null;
    if (ends !== null) this.cancel(ends);
    if (guard !== null) {
      guard.guarded = null;
      this.cancel(guard);
    }
    if (next !== null) {
      if (failed && (r.flags & IOSQE_IO_HARDLINK) === 0) this.cancelChain(next, r.silent || r.skipsSuccess);
      else this.ready.push(next);
    }
    if (r.opcode !== IORING_OP_TIMEOUT) this.completed();
    if (this.pool.length < POOL && !r.queued) this.pool.push(r);
    this.pump();
  }

  /** There is one completion more: timeouts may wait for so many. */
  completed(): void {
    for (const r of this.counting) {
      if (!r.busy || --r.count > 0) continue;
      r.abandon();
      this.complete(r, 0);
    }
  }

  /** A completion that belongs to no request of its own. */
  announce(lo: number, hi: number, result: number, flags: number): void {
    const one: Announcement = { lo, hi, result, flags };
    if (this.defersWork) this.addWork(one);
    else this.postAnnouncement(one);
  }

  private postAnnouncement(one: Announcement): void {
    this.completions.post(one.lo, one.hi, one.result, one.flags);
    this.completed();
  }

  // Work for the issuer -------------------------------------------------------------------------------------

  /** What `r` waited for has come. True: it goes on when the issuer asks for completions. */
  defer(r: Request): boolean {
    if (!this.defersWork || this.working || this.closed) return false;
    if (r.deferred) return true;
    r.deferred = true;
    this.addWork(r);
    return true;
  }

  private addWork(item: Request | Announcement): void {
    if (this.work.push(item) > 1) {
      this.waiters.wake(POLLIN);
      return;
    }
    if ((this.setup & IORING_SETUP_TASKRUN_FLAG) !== 0) this.rings.orBits(SQ_FLAGS, IORING_SQ_TASKRUN);
    this.completions.tell();
  }

  /** The issuer asks for completions. */
  runWork(): void {
    const { work } = this;
    if (work.length === 0) return;
    this.rings.clearBits(SQ_FLAGS, IORING_SQ_TASKRUN);
    this.working = true;
    for (let i = 0; i < work.length; i++) {
      const item = work[i]!;
      if (!(item instanceof Request)) this.postAnnouncement(item);
      else if (item.deferred) item.goOn();
    }
    work.length = 0;
    this.working = false;
  }

  // Submission ----------------------------------------------------------------------------------------------

  /** Take up to `count` entries and start them: how many were taken. */
  submit(t: Task, count: number): number {
    const { rings } = this;
    const available = (rings.load(SQ_TAIL) - this.sqHead) >>> 0;
    const most = Math.min(count, available, this.sqEntries);
    const batch: Request[] = [];
    let taken = 0;
    let ok = true;
    this.completions.submitting = true;
    while (taken < most && ok) {
      const at = this.sqHead & (this.sqEntries - 1);
      const index = this.arrayOffset === 0 ? at : rings.load(this.arrayAt + at * 4);
      this.sqHead = (this.sqHead + 1) >>> 0;
      if (index >= this.sqEntries) {
        rings.store(SQ_DROPPED, rings.load(SQ_DROPPED) + 1);
        break;
      }
      taken++;
      ok = this.take(t, index, batch) || (this.setup & IORING_SETUP_SUBMIT_ALL) !== 0;
    }
    rings.store(SQ_HEAD, this.sqHead);
    if (batch.length > 0) this.begin(batch);
    this.completions.submitting = false;
    return taken;
  }

  /**
   * Read entry `index` and prepare it; started when its chain is complete. False: it is invalid, and ends its
   * chain.
   */
  private take(t: Task, index: number, batch: Request[]): boolean {
    const r = this.pool.pop() ?? new Request(this, t);
    r.renew(t);
    const base = index * this.sqeStride;
    for (let i = 0; i < r.sqe.length; i++) r.sqe[i] = this.sqes.load(base + 4 * i);
    r.userLo = r.u32(IO_URING_SQE.user_data);
    r.userHi = r.u32(IO_URING_SQE.user_data + 4);
    r.opcode = r.sqe[0]! & 0xff;
    r.flags = (r.sqe[0]! >>> 8) & 0xff;
    r.sequence = this.sequence++;
    r.failure = this.active.size >= MAX_ACTIVE ? -EAGAIN : prepare(this, r, batch);
    this.active.add(r);
    if (r.count > 0) this.counting.add(r);
    batch.push(r);
    if ((r.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)) !== 0) return true;
    this.begin(batch);
    return r.failure === 0;
  }

  /** Drains and skipped completions do not go together: 0 or -EOPNOTSUPP. */
  checkDrain(flags: number): number {
    if ((flags & IOSQE_CQE_SKIP_SUCCESS) !== 0) this.drainDisabled = true;
    return this.drainDisabled && (flags & IOSQE_IO_DRAIN) !== 0 ? -EOPNOTSUPP : 0;
  }

  /** Link the requests of a chain to each other and start the first. */
  private begin(batch: Request[]): void {
    const chain = batch.splice(0);
    if (chain.some((r) => r.failure < 0)) {
      // One of them is invalid: none begins.
      for (const r of chain) r.guard = r.guarded = null;
      for (const r of chain) this.complete(r, r.failure < 0 ? r.failure : -ECANCELED);
      return;
    }
    const links = chain.filter((r) => r.guarded === null);
    for (let i = 0; i + 1 < links.length; i++) links[i]!.next = links[i + 1]!;
    let drains = this.drainNext;
    this.drainNext = false;
    for (const [i, r] of links.entries()) {
      if ((r.flags & IOSQE_IO_DRAIN) === 0) continue;
      drains = true;
      if (i > 0) this.drainNext = true;
    }
    if (this.held.length > 0 || (drains && this.active.size > chain.length))
      this.held.push({ first: links[0]!, drains });
    else this.ready.push(links[0]!);
    this.pump();
  }

  /** Start what may start, one after the other. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    for (;;) {
      const r = this.ready.shift() ?? this.released();
      if (r === null) break;
      if (!this.active.has(r) || r.busy) continue;
      if (r.guard !== null) r.guard.start();
      const error = assignFile(this, r);
      if (error < 0) this.complete(r, error);
      else r.start();
    }
    this.pumping = false;
  }

  /** The first of those held back that may go: one that drains when all before it have ended. */
  private released(): Request | null {
    const held = this.held[0];
    if (held === undefined) return null;
    if (held.drains) for (const r of this.active) if (r.sequence < held.first.sequence) return null;
    this.held.shift();
    return held.first;
  }

  // Cancelling ----------------------------------------------------------------------------------------------

  /** End `r`, started or not, with -ECANCELED. False when it has ended already. */
  cancel(r: Request, result: number = -ECANCELED): boolean {
    if (!this.active.has(r)) return false;
    r.abandon();
    this.complete(r, result);
    return true;
  }

  /** `silent`: what failed before them tells it. */
  private cancelChain(first: Request, silent: boolean): void {
    for (let r: Request | null = first; r !== null; ) {
      const next: Request | null = r.next;
      r.next = null;
      r.silent = silent;
      if (r.guard !== null) r.guard.silent = silent;
      this.cancel(r);
      r = next;
    }
  }

  /**
   * Requests of a process that ends, or executes another program, which takes `all` along: timeouts that need
   * nothing of it go on elsewhere.
   */
  cancelOf(group: ThreadGroup, all: boolean): void {
    for (const r of [...this.active]) {
      const survives = !all && r.opcode === IORING_OP_TIMEOUT && r.busy && r.next === null;
      if (r.group === group && !survives) this.cancel(r);
    }
  }

  /** A tag for an entry of a table; null for 0, of which nothing is told. */
  makeTag(data: bigint): Tag | null {
    return data === 0n ? null : new Tag(data, this.postTag);
  }

  private readonly postTag = (data: bigint): void => {
    if (!this.closed) this.completions.post(Number(data & 0xffffffffn), Number(data >> 32n), 0, 0);
  };

  override release(): void {
    if (this.closed) return;
    this.closed = true;
    uringsOf(this.kernel).rings.delete(this);
    for (const r of this.active) r.abandon();
    this.active.clear();
    this.counting.clear();
    this.ready.length = this.held.length = this.work.length = 0;
    this.files.drop();
    this.completions.setEventfd(null);
    this.mapping.free();
  }
}

/** It is told although it was asked to be silent about success, and what is linked to it does not begin. */
function isFailure(r: Request, result: number): boolean {
  // Whether its time came or not, it has done what it is for.
  if (r.opcode === IORING_OP_LINK_TIMEOUT && r.failure === 0) return false;
  if (r.opcode === IORING_OP_TIMEOUT && result === -ETIME)
    return (r.u32(IO_URING_SQE.op_flags) & IORING_TIMEOUT_ETIME_SUCCESS) === 0;
  return result < 0 || (r.expected >= 0 && result !== r.expected);
}

/** Most rings a thread can register (IO_RINGFD_REG_MAX). */
export const MAX_REGISTERED = 16;

/** The rings of a kernel: requests end with the process that submitted them. */
export class Urings {
  readonly rings = new Set<Uring>();
  /** Of threads that have any: rings known by an index of their own (IORING_REGISTER_RING_FDS). */
  private readonly registered = new Map<Task, (Uring | null)[]>();

  constructor(kernel: KernelCore) {
    kernel.hooks.processExit.push((group) => this.cancelOf(group, false));
    kernel.hooks.taskExit.push((task) => this.forget(task));
    kernel.hooks.exec.push((task) => {
      this.cancelOf(task.group, true);
      this.forget(task);
    });
  }

  private cancelOf(group: ThreadGroup, all: boolean): void {
    for (const ring of this.rings) ring.cancelOf(group, all);
  }

  private forget(task: Task): void {
    for (const ring of this.registered.get(task) ?? []) if (ring !== null) releaseFile(ring);
    this.registered.delete(task);
  }

  /** The registered ring `index` of `task`; undefined: it has none at all. */
  ofTask(task: Task, index: number): Uring | null | undefined {
    return this.registered.get(task)?.[index];
  }

  /** Takes the reference over: its index, -EBUSY (all in use, or the one that is wanted; -1: any). */
  register(task: Task, ring: Uring, wanted: number): number {
    let list = this.registered.get(task);
    if (list === undefined) this.registered.set(task, (list = new Array(MAX_REGISTERED).fill(null)));
    const index = wanted === -1 ? list.indexOf(null) : wanted;
    if (index < 0 || list[index] !== null) return -EBUSY;
    list[index] = ring;
    return index;
  }

  unregister(task: Task, index: number): void {
    const list = this.registered.get(task);
    const ring = list?.[index] ?? null;
    if (ring === null) return;
    list![index] = null;
    releaseFile(ring);
  }
}

const instances = new Slot((kernel: KernelCore) => new Urings(kernel));

/** Rings of io_uring_setup(2). */
export function uringsOf(kernel: KernelCore): Urings {
  return instances.of(kernel);
}
