import { IO_URING_CQE, IORING_CQ_EVENTFD_DISABLED, IORING_SQ_CQ_OVERFLOW, POLLIN } from '@sandbox/abi';
import { releaseFile, type WaitQueue } from '@sandbox/vfs';
import type { EventFile } from '../../files/event/eventfd.js';
import type { RingWords } from './ring-words.js';
import { CQ_FLAGS, CQ_HEAD, CQ_OVERFLOW, CQ_TAIL, CQES, SQ_FLAGS } from './rings.js';

/** Completions kept for a full ring; more are lost and counted. */
const MAX_BACKLOG = 65536;

interface Completion {
  readonly lo: number;
  readonly hi: number;
  readonly result: number;
  readonly flags: number;
}

/** The completion queue of a ring, and what did not fit into it. */
export class Completions {
  private tail = 0;
  private backlog: Completion[] = [];
  /** Signalled for each. */
  private eventfd: EventFile | null = null;
  /** Only for those that did not end with their submission (IORING_REGISTER_EVENTFD_ASYNC). */
  private lateOnly = false;
  /** The kernel is at work in a submission. */
  submitting = false;

  constructor(
    private readonly rings: RingWords,
    private readonly entries: number,
    private readonly stride: number,
    private readonly waiters: WaitQueue,
  ) {}

  /** Those the program has not taken yet. */
  get count(): number {
    return ((this.tail - this.rings.load(CQ_HEAD)) >>> 0) + this.backlog.length;
  }

  private get full(): boolean {
    return (this.tail - this.rings.load(CQ_HEAD)) >>> 0 >= this.entries;
  }

  private put(lo: number, hi: number, result: number, flags: number): void {
    const { rings } = this;
    const at = CQES + (this.tail & (this.entries - 1)) * this.stride;
    rings.store(at + IO_URING_CQE.user_data, lo);
    rings.store(at + IO_URING_CQE.user_data + 4, hi);
    rings.store(at + IO_URING_CQE.res, result);
    rings.store(at + IO_URING_CQE.flags, flags);
    for (let i = IO_URING_CQE.SIZE; i < this.stride; i += 4) rings.store(at + i, 0);
    this.tail = (this.tail + 1) >>> 0;
    rings.store(CQ_TAIL, this.tail);
  }

  /** Announce one; into the backlog when the program does not keep up. */
  post(lo: number, hi: number, result: number, flags: number): void {
    if (this.postIfRoom(lo, hi, result, flags)) return;
    if (this.backlog.length < MAX_BACKLOG) {
      this.backlog.push({ lo, hi, result, flags });
      this.rings.orBits(SQ_FLAGS, IORING_SQ_CQ_OVERFLOW);
    } else this.rings.store(CQ_OVERFLOW, this.rings.load(CQ_OVERFLOW) + 1);
    this.tell();
  }

  /** Announce one of a request that may have more. False: there is no room, and nothing was announced. */
  postIfRoom(lo: number, hi: number, result: number, flags: number): boolean {
    if (this.backlog.length > 0 || this.full) return false;
    this.put(lo, hi, result, flags);
    this.tell();
    return true;
  }

  /** Whoever waits hears that there is something to take, or to be run. */
  tell(): void {
    const heard = !(this.lateOnly && this.submitting);
    if (this.eventfd !== null && heard && (this.rings.load(CQ_FLAGS) & IORING_CQ_EVENTFD_DISABLED) === 0)
      this.eventfd.signal(1);
    this.waiters.wake(POLLIN);
  }

  /** Bring the backlog into the ring as far as there is room. */
  flush(): void {
    let n = 0;
    while (n < this.backlog.length && !this.full) {
      const c = this.backlog[n++]!;
      this.put(c.lo, c.hi, c.result, c.flags);
    }
    if (n === 0) return;
    this.backlog = this.backlog.slice(n);
    if (this.backlog.length === 0) this.rings.clearBits(SQ_FLAGS, IORING_SQ_CQ_OVERFLOW);
  }

  get hasEventfd(): boolean {
    return this.eventfd !== null;
  }
  /** Takes the reference over; null takes it away. */
  setEventfd(file: EventFile | null, lateOnly = false): void {
    if (this.eventfd !== null) releaseFile(this.eventfd);
    this.eventfd = file;
    this.lateOnly = lateOnly;
  }
}
