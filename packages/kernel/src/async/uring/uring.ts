import {
  EAGAIN,
  ECANCELED,
  EINVAL,
  ENFILE,
  IO_URING_CQE,
  IO_URING_SQE,
  IORING_CQ_EVENTFD_DISABLED,
  IORING_OFF_CQ_RING,
  IORING_OFF_SQES,
  IORING_SETUP_CQE32,
  IORING_SETUP_NO_SQARRAY,
  IORING_SETUP_R_DISABLED,
  IORING_SETUP_SQE128,
  IORING_SETUP_SQPOLL,
  IORING_SETUP_SUBMIT_ALL,
  IORING_SQ_CQ_OVERFLOW,
  IORING_SQ_NEED_WAKEUP,
  IOSQE_IO_DRAIN,
  IOSQE_IO_HARDLINK,
  IOSQE_IO_LINK,
  O_CLOEXEC,
  O_RDWR,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '@sandbox/abi';
import { type File, type Mappable, type MappingObserver, releaseFile, WaitQueue } from '@sandbox/vfs';
import { AnonFile } from '../../fs/anon-file.js';
import type { EventFile } from '../../fs/eventfd.js';
import type { KernelCore } from '../../kernel/kernel-core.js';
import type { Task } from '../../task/task.js';
import { TASK_ZOMBIE } from '../../task/task-state.js';
import type { ThreadGroup } from '../../task/thread-group.js';
import { RingPages } from '../ring-pages.js';
import { BufferGroups } from './buffers.js';
import { prepare, prepareFile } from './prepare.js';
import { ANY_SLOT, Request } from './request.js';

const PAGE = 4096;
/** Offsets in the ring page (Linux: struct io_rings). */
const SQ_HEAD = 0;
const SQ_TAIL = 4;
const CQ_HEAD = 8;
const CQ_TAIL = 12;
const SQ_MASK = 16;
const CQ_MASK = 20;
const SQ_ENTRIES = 24;
const CQ_ENTRIES = 28;
const SQ_DROPPED = 32;
const SQ_FLAGS = 36;
const CQ_FLAGS = 40;
const CQ_OVERFLOW = 44;
const CQES = 64;
/** Places of the above in io_uring_params, for `describe`. */
export const SQ_OFFSETS = [SQ_HEAD, SQ_TAIL, SQ_MASK, SQ_ENTRIES, SQ_FLAGS, SQ_DROPPED];
export const CQ_OFFSETS = [CQ_HEAD, CQ_TAIL, CQ_MASK, CQ_ENTRIES, CQ_OVERFLOW, CQES, CQ_FLAGS];

/** Completions kept for a full ring; more are lost and counted. */
const MAX_BACKLOG = 65536;
/** Requests under way in one ring. */
const MAX_ACTIVE = 65536;
/** More than a table of files can have entries. */
const MAX_TABLE = 65536;
const POOL = 64;

/** What is mapped of a ring: the rings at 0 (and IORING_OFF_CQ_RING), the entries at IORING_OFF_SQES. */
class RingMapping implements Mappable {
  runLength = 0;

  constructor(
    private readonly rings: RingPages,
    private readonly sqes: RingPages,
  ) {}

  translate(index: number, max: number, write: boolean): number {
    let pages = this.rings.pages;
    let at = index;
    if (index >= IORING_OFF_SQES / PAGE) {
      pages = this.sqes.pages;
      at = index - IORING_OFF_SQES / PAGE;
    } else if (index >= IORING_OFF_CQ_RING / PAGE) at = index - IORING_OFF_CQ_RING / PAGE;
    const offset = pages.translate(at, max, write);
    this.runLength = pages.runLength;
    return offset;
  }
  addObserver(observer: MappingObserver): void {
    this.rings.pages.addObserver(observer);
    this.sqes.pages.addObserver(observer);
  }
  removeObserver(observer: MappingObserver): void {
    this.rings.pages.removeObserver(observer);
    this.sqes.pages.removeObserver(observer);
  }
  syncPages(): number {
    return 0;
  }
}

interface Completion {
  readonly lo: number;
  readonly hi: number;
  readonly result: number;
  readonly flags: number;
}

/** A buffer of IORING_REGISTER_BUFFERS. */
export interface FixedBuffer {
  readonly addr: number;
  readonly length: number;
  /** Posted when it goes; 0: nothing is. */
  readonly tag: bigint;
}

/** An io_uring instance (io_uring_setup(2)). */
export class Uring extends AnonFile {
  protected readonly kind = 'io_uring';
  readonly waiters = new WaitQueue();
  readonly active = new Set<Request>();
  /** Descriptions of IORING_REGISTER_FILES; null: no table. */
  table: (File | null)[] | null = null;
  /** Addresses and lengths of IORING_REGISTER_BUFFERS. */
  fixedBuffers: FixedBuffer[] | null = null;
  /** Tags of entries of the table that have one. */
  private readonly fileTags = new Map<number, bigint>();
  /** Entries of the table that may be chosen for a new file. */
  allocFrom = 0;
  allocTo = MAX_TABLE;
  readonly buffers = new BufferGroups();
  eventfd: EventFile | null = null;
  readonly personalities = new Map<number, Task['cred']>();
  enabled: boolean;
  private readonly mapping: RingMapping;
  private readonly sqeStride: number;
  private readonly cqeStride: number;
  private readonly arrayAt: number;
  private sqHead = 0;
  private cqTail = 0;
  private backlog: Completion[] = [];
  private readonly held: Request[] = [];
  private readonly ready: Request[] = [];
  private pumping = false;
  private readonly pool: Request[] = [];
  private closed = false;

  private constructor(
    readonly kernel: KernelCore,
    private readonly rings: RingPages,
    private readonly sqes: RingPages,
    readonly sqEntries: number,
    readonly cqEntries: number,
    readonly setup: number,
    /** Who made it: submissions are taken in its name where nobody calls (IORING_SETUP_SQPOLL). */
    private readonly maker: Task,
  ) {
    super(kernel.io.anonInode, O_RDWR | O_CLOEXEC);
    this.mapping = new RingMapping(rings, sqes);
    this.sqeStride = IO_URING_SQE.SIZE * ((setup & IORING_SETUP_SQE128) !== 0 ? 2 : 1);
    this.cqeStride = IO_URING_CQE.SIZE * ((setup & IORING_SETUP_CQE32) !== 0 ? 2 : 1);
    this.arrayAt = CQES + cqEntries * this.cqeStride;
    if (this.polls) rings.store(SQ_FLAGS, IORING_SQ_NEED_WAKEUP);
    this.enabled = (setup & IORING_SETUP_R_DISABLED) === 0;
    rings.store(SQ_MASK, sqEntries - 1);
    rings.store(CQ_MASK, cqEntries - 1);
    rings.store(SQ_ENTRIES, sqEntries);
    rings.store(CQ_ENTRIES, cqEntries);
    kernel.urings.rings.add(this);
  }

  /** Null: no memory. Entries are powers of two, checked. */
  static create(t: Task, sq: number, cq: number, setup: number): Uring | null {
    const { kernel } = t;
    const cqe = IO_URING_CQE.SIZE * ((setup & IORING_SETUP_CQE32) !== 0 ? 2 : 1);
    const rings = RingPages.create(kernel.memory, CQES + cq * cqe + sq * 4);
    if (rings === null) return null;
    const stride = IO_URING_SQE.SIZE * ((setup & IORING_SETUP_SQE128) !== 0 ? 2 : 1);
    const sqes = RingPages.create(kernel.memory, sq * stride);
    if (sqes === null) {
      rings.free();
      return null;
    }
    return new Uring(kernel, rings, sqes, sq, cq, setup, t);
  }

  /**
   * IORING_SETUP_SQPOLL: a thread of the kernel takes submissions. It is asleep whenever it finds none, and says so (IORING_SQ_NEED_WAKEUP): a
   * program has to expect that at any time, and an idle ring costs nothing.
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
    return this.completions > 0 ? out | POLLIN | POLLRDNORM : out;
  }

  // Completions ------------------------------------------------------------------------------------------------------

  /** Those the program has not taken yet. */
  get completions(): number {
    return ((this.cqTail - this.rings.load(CQ_HEAD)) >>> 0) + this.backlog.length;
  }

  private put(lo: number, hi: number, result: number, flags: number): void {
    const { rings } = this;
    const at = CQES + (this.cqTail & (this.cqEntries - 1)) * this.cqeStride;
    rings.store(at + IO_URING_CQE.user_data, lo);
    rings.store(at + IO_URING_CQE.user_data + 4, hi);
    rings.store(at + IO_URING_CQE.res, result);
    rings.store(at + IO_URING_CQE.flags, flags);
    for (let i = IO_URING_CQE.SIZE; i < this.cqeStride; i += 4) rings.store(at + i, 0);
    this.cqTail = (this.cqTail + 1) >>> 0;
    rings.store(CQ_TAIL, this.cqTail);
  }

  private get cqFull(): boolean {
    return (this.cqTail - this.rings.load(CQ_HEAD)) >>> 0 >= this.cqEntries;
  }

  /** Announce a completion. False: it went to the backlog, since the program does not keep up. */
  post(lo: number, hi: number, result: number, flags: number): boolean {
    const full = this.backlog.length > 0 || this.cqFull;
    if (!full) this.put(lo, hi, result, flags);
    else if (this.backlog.length < MAX_BACKLOG) {
      this.backlog.push({ lo, hi, result, flags });
      this.rings.orBits(SQ_FLAGS, IORING_SQ_CQ_OVERFLOW);
    } else this.rings.store(CQ_OVERFLOW, this.rings.load(CQ_OVERFLOW) + 1);
    if (this.eventfd !== null && (this.rings.load(CQ_FLAGS) & IORING_CQ_EVENTFD_DISABLED) === 0)
      this.eventfd.signal(1);
    this.waiters.wake(POLLIN);
    return !full;
  }

  /** Bring the backlog into the ring as far as there is room. */
  flushBacklog(): void {
    let n = 0;
    while (n < this.backlog.length && !this.cqFull) {
      const c = this.backlog[n++]!;
      this.put(c.lo, c.hi, c.result, c.flags);
    }
    if (n === 0) return;
    this.backlog = this.backlog.slice(n);
    if (this.backlog.length === 0) this.rings.clearBits(SQ_FLAGS, IORING_SQ_CQ_OVERFLOW);
  }

  /** A request has ended. */
  complete(r: Request, result: number, flags = 0): void {
    this.active.delete(r);
    const { guard, next } = r;
    r.guard = r.next = null;
    if (!(r.skipsSuccess && result >= 0)) this.post(r.userLo, r.userHi, result, flags);
    if (guard !== null) {
      guard.guarded = null;
      this.cancel(guard);
    }
    if (next !== null) {
      const failed = result < 0 || (r.expected >= 0 && result !== r.expected);
      if (failed && (r.flags & IOSQE_IO_HARDLINK) === 0) this.cancelChain(next);
      else this.ready.push(next);
    }
    this.countTimeouts();
    if (this.pool.length < POOL && !r.queued) this.pool.push(r);
    this.pump();
  }

  /** Timeouts that wait for so many completions. */
  private countTimeouts(): void {
    for (const r of this.active) {
      if (r.count === 0 || !r.busy || --r.count > 0) continue;
      r.abandon();
      this.complete(r, 0);
    }
  }

  // Submission -------------------------------------------------------------------------------------------------------

  /** Take up to `count` entries and start them: how many were taken. */
  submit(t: Task, count: number): number {
    const { rings } = this;
    const available = (rings.load(SQ_TAIL) - this.sqHead) >>> 0;
    const most = Math.min(count, available, this.sqEntries);
    const batch: Request[] = [];
    let taken = 0;
    let ok = true;
    while (taken < most && ok) {
      const at = this.sqHead & (this.sqEntries - 1);
      const index = this.arrayOffset === 0 ? at : rings.load(this.arrayAt + at * 4);
      this.sqHead = (this.sqHead + 1) >>> 0;
      taken++;
      if (index >= this.sqEntries) {
        rings.store(SQ_DROPPED, rings.load(SQ_DROPPED) + 1);
        continue;
      }
      ok = this.take(t, index, batch) || (this.setup & IORING_SETUP_SUBMIT_ALL) !== 0;
    }
    rings.store(SQ_HEAD, this.sqHead);
    if (batch.length > 0) this.begin(batch);
    return taken;
  }

  /** Read entry `index` and prepare it; started when its chain is complete. False: it is invalid. */
  private take(t: Task, index: number, batch: Request[]): boolean {
    const r = this.pool.pop() ?? new Request(this, t);
    r.renew(t);
    const base = index * this.sqeStride;
    for (let i = 0; i < r.sqe.length; i++) r.sqe[i] = this.sqes.load(base + 4 * i);
    r.userLo = r.u32(IO_URING_SQE.user_data);
    r.userHi = r.u32(IO_URING_SQE.user_data + 4);
    const error = this.active.size >= MAX_ACTIVE ? -EAGAIN : prepare(this, r, batch);
    this.active.add(r);
    if (error < 0) {
      // What is linked to an invalid entry does not begin.
      for (const other of batch.splice(0)) this.complete(other, -ECANCELED);
      this.complete(r, error);
      return false;
    }
    const linked = (r.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)) !== 0;
    if (r.guarded === null) batch.push(r);
    if (!linked) this.begin(batch);
    return true;
  }

  /** Link the requests of a chain to each other and start the first. */
  private begin(batch: Request[]): void {
    const chain = batch.splice(0);
    for (let i = 0; i + 1 < chain.length; i++) chain[i]!.next = chain[i + 1]!;
    const first = chain[0];
    if (first === undefined) return;
    const drains = (first.flags & IOSQE_IO_DRAIN) !== 0;
    if (this.held.length > 0 || (drains && this.active.size > chain.length)) this.held.push(first);
    else this.ready.push(first);
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
      const error = r.operation === null ? prepareFile(this, r) : 0;
      if (error < 0) this.complete(r, error);
      else r.start();
    }
    this.pumping = false;
  }

  /** The first of those held back that may go: one with IOSQE_IO_DRAIN when all before it have ended. */
  private released(): Request | null {
    const first = this.held[0];
    if (first === undefined) return null;
    if ((first.flags & IOSQE_IO_DRAIN) !== 0) {
      for (const r of this.active) if (r.busy) return null;
    }
    return this.held.shift()!;
  }

  // Cancelling -------------------------------------------------------------------------------------------------------

  /** End `r`, started or not, with -ECANCELED. False when it has ended already. */
  cancel(r: Request, result: number = -ECANCELED): boolean {
    if (!this.active.has(r)) return false;
    r.abandon();
    this.complete(r, result);
    return true;
  }

  private cancelChain(first: Request): void {
    for (let r: Request | null = first; r !== null; ) {
      const next: Request | null = r.next;
      r.next = null;
      this.cancel(r);
      r = next;
    }
  }

  /** Requests of a process that ends, or executes another program. */
  cancelOf(group: ThreadGroup): void {
    for (const r of [...this.active]) if (r.group === group) this.cancel(r);
  }

  // Tables -----------------------------------------------------------------------------------------------------------

  /** A request made descriptor `fd`: its description goes into the table instead. */
  moveToTable(r: Request, fd: number): number {
    const file = r.files.get(fd);
    if (file === null || this.table === null) return -EINVAL;
    file.refs++;
    r.files.close(fd);
    let index = r.slot - 1;
    if (r.slot === ANY_SLOT) index = this.table.indexOf(null, this.allocFrom);
    const most = r.slot === ANY_SLOT ? Math.min(this.allocTo, this.table.length) : this.table.length;
    if (index < 0 || index >= most) {
      releaseFile(file);
      return r.slot === ANY_SLOT ? -ENFILE : -EINVAL;
    }
    this.setTableEntry(index, file);
    return r.slot === ANY_SLOT ? index : 0;
  }

  /** Takes the reference over. */
  setTableEntry(index: number, file: File | null): void {
    const old = this.table![index];
    this.table![index] = file;
    if (old) releaseFile(old);
    const tag = this.fileTags.get(index);
    if (tag === undefined) return;
    this.fileTags.delete(index);
    this.postTag(tag);
  }

  setFileTag(index: number, tag: bigint): void {
    if (tag !== 0n) this.fileTags.set(index, tag);
  }

  /** What had this tag is gone. */
  postTag(tag: bigint): void {
    if (tag === 0n || this.closed) return;
    this.post(Number(tag & 0xffffffffn), Number(tag >> 32n), 0, 0);
  }

  dropTable(): void {
    if (this.table === null) return;
    for (let i = this.table.length - 1; i >= 0; i--) this.setTableEntry(i, null);
    this.table = null;
    this.allocFrom = 0;
    this.allocTo = MAX_TABLE;
  }

  override release(): void {
    if (this.closed) return;
    this.closed = true;
    this.kernel.urings.rings.delete(this);
    for (const r of this.active) r.abandon();
    this.active.clear();
    this.ready.length = this.held.length = 0;
    this.dropTable();
    if (this.eventfd !== null) releaseFile(this.eventfd);
    this.eventfd = null;
    this.rings.free();
    this.sqes.free();
  }
}

/** The rings of a kernel: requests end with the process that submitted them. */
export class Urings {
  readonly rings = new Set<Uring>();

  constructor(kernel: KernelCore) {
    kernel.hooks.processExit.push((group) => this.cancelOf(group));
    kernel.hooks.exec.push((task) => this.cancelOf(task.group));
  }

  private cancelOf(group: ThreadGroup): void {
    for (const ring of this.rings) ring.cancelOf(group);
  }
}
