import {
  EAGAIN,
  EBUSY,
  EFAULT,
  EINVAL,
  EPERM,
  EPIPE,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '@sandbox/abi';
import { type IoBuf, PAGE_SIZE, WaitQueue } from '@sandbox/vfs';
import { PIPE_MAX_SIZE, type PipeBuffers } from './pipe-buffers.js';

const PAGE_MASK = PAGE_SIZE - 1;

/** Slot states: later small writes may be added to it; it is one packet of O_DIRECT mode. */
const CAN_MERGE = 1;
const PACKET = 2;

const READ_READY = POLLIN | POLLRDNORM;
const WRITE_READY = POLLOUT | POLLWRNORM;
/** An end came or went: everyone looks again. */
const ALL_EVENTS = READ_READY | WRITE_READY | POLLERR | POLLHUP;

/**
 * The buffer of a pipe or FIFO (pipe(7)): a ring of slots, one page of bytes each.
 *
 * Counting by slots rather than by bytes is what Linux does, and guests can see it: a write of up to a page
 * is added to the last slot if all of it fits there, else it opens new slots; so a pipe can be full with
 * fewer than its capacity in bytes. `head` and `tail` count slots ever filled and emptied; slot n lies at
 * page `n % slots` of `buffer`.
 */
export class Pipe {
  readonly queue = new WaitQueue();
  /**
   * Open descriptions per end, and how often each end was ever opened (fifo(7): an open waits for the other
   * end to *come*).
   */
  readers = 0;
  writers = 0;
  readerOpens = 0;
  writerOpens = 0;
  private buffer: Uint8Array | null = null;
  private head = 0;
  private tail = 0;
  private offset: Uint16Array;
  private length: Uint16Array;
  private state: Uint8Array;

  /** @param slots a power of two, already charged to `uid` at `buffers`. */
  constructor(
    private readonly buffers: PipeBuffers,
    private slots: number,
    private readonly uid: number,
  ) {
    this.offset = new Uint16Array(slots);
    this.length = new Uint16Array(slots);
    this.state = new Uint8Array(slots);
  }

  /** F_GETPIPE_SZ. */
  get capacity(): number {
    return this.slots * PAGE_SIZE;
  }
  get empty(): boolean {
    return this.head === this.tail;
  }
  get full(): boolean {
    return this.head - this.tail >= this.slots;
  }
  /** FIONREAD. */
  get byteCount(): number {
    let n = 0;
    for (let i = this.tail; i < this.head; i++) n += this.length[i & (this.slots - 1)];
    return n;
  }

  /** Bytes read, 0 at the end (no writers), -EAGAIN, -EFAULT. */
  read(io: IoBuf): number {
    if (io.remaining === 0) return 0;
    if (this.head === this.tail) return this.writers === 0 ? 0 : -EAGAIN;
    const wasFull = this.full;
    const n = this.take(io);
    if (this.head === this.tail) this.head = this.tail = 0;
    if (wasFull && !this.full) this.queue.wake(WRITE_READY);
    return n;
  }

  private take(io: IoBuf): number {
    let done = 0;
    while (io.remaining > 0 && this.tail !== this.head) {
      const i = this.tail & (this.slots - 1);
      if (this.state[i] === PACKET) {
        const want = Math.min(this.length[i], io.remaining);
        if (io.put(this.buffer!, i * PAGE_SIZE + this.offset[i], want) < want)
          return done > 0 ? done : -EFAULT;
        this.tail++;
        return done + want;
      }
      const want = Math.min(this.run(i, io.remaining), io.remaining);
      const got = io.put(this.buffer!, i * PAGE_SIZE + this.offset[i], want);
      done += this.consume(got, got < want);
      // A slot that could not be stored in full stays: its bytes do not count as read.
      if (got < want) return done > 0 ? done : -EFAULT;
    }
    return done;
  }

  /**
   * Bytes that lie contiguously from slot `i` on, over slots that are filled to the page's end; looks no
   * further than `max`.
   */
  private run(i: number, max: number): number {
    const count = Math.min(this.head - this.tail, this.slots - i);
    let n = this.length[i];
    let next = i + 1;
    while (
      n < max &&
      next < i + count &&
      this.offset[next] === 0 &&
      this.state[next] !== PACKET &&
      this.offset[next - 1] + this.length[next - 1] === PAGE_SIZE
    ) {
      n += this.length[next];
      next++;
    }
    return n;
  }

  /** Drop `bytes` at the tail; only whole slots when `whole`. Bytes dropped. */
  private consume(bytes: number, whole: boolean): number {
    let left = bytes;
    while (left > 0) {
      const i = this.tail & (this.slots - 1);
      if (left < this.length[i]) {
        if (whole) break;
        this.offset[i] += left;
        this.length[i] -= left;
        return bytes;
      }
      left -= this.length[i];
      this.tail++;
    }
    return bytes - left;
  }

  /**
   * Bytes taken (possibly fewer than given: the rest would block), -EAGAIN, -EPIPE (no readers; SIGPIPE is
   * the caller's business), -EFAULT. A write of up to PIPE_BUF bytes is taken in full or not at all.
   */
  write(io: IoBuf, packets: boolean): number {
    if (io.remaining === 0) return 0;
    if (this.readers === 0) return -EPIPE;
    const n = this.fill(io, packets);
    if (n > 0) this.queue.wake(READ_READY);
    return n;
  }

  private fill(io: IoBuf, packets: boolean): number {
    this.buffer ??= this.buffers.take(this.slots);
    let done = 0;
    // What does not fill a page goes to the last slot if it fits, for the whole write's sake first: so does
    // Linux.
    const part = io.remaining & PAGE_MASK;
    if (part !== 0 && this.head !== this.tail) {
      const i = (this.head - 1) & (this.slots - 1);
      const end = this.offset[i] + this.length[i];
      if (this.state[i] === CAN_MERGE && end + part <= PAGE_SIZE) {
        if (io.get(this.buffer, i * PAGE_SIZE + end, part) < part) return -EFAULT;
        this.length[i] += part;
        done = part;
      }
    }
    while (io.remaining > 0) {
      const free = this.slots - (this.head - this.tail);
      if (free <= 0) return done > 0 ? done : -EAGAIN;
      const i = this.head & (this.slots - 1);
      const want = Math.min(io.remaining, Math.min(free, this.slots - i) * PAGE_SIZE);
      const got = io.get(this.buffer, i * PAGE_SIZE, want);
      // Of a page that faulted nothing counts.
      const kept = got < want ? got - (got & PAGE_MASK) : got;
      this.append(kept, packets ? PACKET : CAN_MERGE);
      done += kept;
      if (got < want) return done > 0 ? done : -EFAULT;
    }
    return done;
  }

  private append(bytes: number, state: number): void {
    while (bytes > 0) {
      const i = this.head & (this.slots - 1);
      const n = Math.min(bytes, PAGE_SIZE);
      this.offset[i] = 0;
      this.length[i] = n;
      this.state[i] = state;
      this.head++;
      bytes -= n;
    }
  }

  /** POLL* bits of an end; `hangup`: that end has seen a writer and none is left. */
  pollRead(hangup: boolean): number {
    return (this.head !== this.tail ? READ_READY : 0) | (hangup ? POLLHUP : 0);
  }
  pollWrite(): number {
    return (this.full ? 0 : WRITE_READY) | (this.readers === 0 ? POLLERR : 0);
  }

  /**
   * Copy up to `max` bytes from the tail into `dst` without taking them. Bytes copied. For splice(2) and
   * tee(2).
   */
  peek(dst: Uint8Array, max: number): number {
    let n = 0;
    for (let s = this.tail; s < this.head && n < max; s++) {
      const i = s & (this.slots - 1);
      const part = Math.min(this.length[i], max - n);
      const at = i * PAGE_SIZE + this.offset[i];
      dst.set(this.buffer!.subarray(at, at + part), n);
      n += part;
    }
    return n;
  }

  /** Take `bytes` that were looked at by `peek`. */
  discard(bytes: number): void {
    const wasFull = this.full;
    this.consume(bytes, false);
    if (this.head === this.tail) this.head = this.tail = 0;
    if (wasFull && !this.full) this.queue.wake(WRITE_READY);
  }

  /** Bytes that can be written for certain. */
  get room(): number {
    return Math.max(0, this.slots - (this.head - this.tail)) * PAGE_SIZE;
  }

  addReader(): void {
    this.readers++;
    this.readerOpens++;
    if (this.readers === 1) this.queue.wake(ALL_EVENTS);
  }
  addWriter(): void {
    this.writers++;
    this.writerOpens++;
    if (this.writers === 1) this.queue.wake(ALL_EVENTS);
  }
  removeReader(): void {
    this.readers--;
    this.endGone();
  }
  removeWriter(): void {
    this.writers--;
    this.endGone();
  }
  private endGone(): void {
    if (this.readers === 0 && this.writers === 0) this.free();
    else if (this.readers === 0 || this.writers === 0) this.queue.wake(ALL_EVENTS);
  }

  /** Nobody has it open: content is lost, the memory goes back. */
  private free(): void {
    if (this.buffer) this.buffers.give(this.buffer);
    this.buffer = null;
    this.head = this.tail = 0;
    this.buffers.uncharge(this.uid, this.slots);
  }

  /**
   * F_SETPIPE_SZ: room for `size` bytes, rounded up to a power of two of pages. The new capacity, -EINVAL,
   * -EPERM (more than the user may have), -EBUSY (the content would not fit).
   */
  resize(size: number, privileged: boolean): number {
    if (size > 0x80000000) return -EINVAL;
    let slots = 1;
    while (slots * PAGE_SIZE < size) slots *= 2;
    if (slots > this.slots) {
      if (!privileged && slots * PAGE_SIZE > PIPE_MAX_SIZE) return -EPERM;
      if (!this.buffers.chargeMore(this.uid, slots - this.slots, privileged)) return -EPERM;
    } else {
      if (slots < this.head - this.tail) return -EBUSY;
      this.buffers.uncharge(this.uid, this.slots - slots);
    }
    if (slots !== this.slots) this.move(slots);
    return slots * PAGE_SIZE;
  }

  private move(slots: number): void {
    const { buffer, offset, length, state, tail, head } = this;
    const mask = this.slots - 1;
    const wasFull = this.full;
    this.offset = new Uint16Array(slots);
    this.length = new Uint16Array(slots);
    this.state = new Uint8Array(slots);
    this.slots = slots;
    this.tail = 0;
    this.head = head - tail;
    this.buffer = null;
    if (buffer && head !== tail) {
      this.buffer = this.buffers.take(slots);
      for (let s = tail; s < head; s++) {
        const from = s & mask;
        const to = s - tail;
        this.offset[to] = offset[from];
        this.length[to] = length[from];
        this.state[to] = state[from];
        const page = buffer.subarray(from * PAGE_SIZE, (from + 1) * PAGE_SIZE);
        this.buffer.set(page, to * PAGE_SIZE);
      }
    }
    if (buffer) this.buffers.give(buffer);
    if (wasFull && !this.full) this.queue.wake(WRITE_READY);
  }
}
