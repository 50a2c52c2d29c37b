import {
  EAGAIN,
  ENOBUFS,
  IO_URING_SQE,
  IORING_CQE_BUFFER_SHIFT,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  IORING_FILE_INDEX_ALLOC,
  IOSQE_BUFFER_SELECT,
  IOSQE_CQE_SKIP_SUCCESS,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../syscalls/args.js';
import { READ_EVENTS } from '../../syscalls/io/files.js';
import { BLOCKED } from '../../syscalls/result.js';
import type { SyscallHandler } from '../../syscalls/row.js';
import type { Task } from '../../task/task.js';
import { Worker } from '../../task/worker.js';
import type { Uring } from './uring.js';

/** Argument registers of the address and length of what is received. */
const ADDRESS = 1;
const LENGTH = 2;

/** One submission queue entry, from its submission to its (last) completion. */
export class Request extends Worker {
  /** The entry, copied once. */
  readonly sqe = new Uint32Array(IO_URING_SQE.SIZE / 4);
  opcode = 0;
  flags = 0;
  userLo = 0;
  userHi = 0;
  /** What is done, by a handler of system calls or one of `operations.ts`. */
  operation: SyscallHandler | null = null;
  /** Starts when this one has ended (IOSQE_IO_LINK). */
  next: Request | null = null;
  /** The IORING_OP_LINK_TIMEOUT that watches over it; and from the other side. */
  guard: Request | null = null;
  guarded: Request | null = null;
  /** Goes on after a completion. */
  multishot = false;
  /** Answers EAGAIN rather than waiting. */
  nowait = false;
  /** Bytes a linked read or write must move, so that the chain goes on; -1: any. */
  expected = -1;
  /** Put the descriptor made into the ring's table instead: index plus one, or IORING_FILE_INDEX_ALLOC. */
  slot = 0;
  /** Buffer group and buffer (-1: none) of IOSQE_BUFFER_SELECT. */
  bufferGroup = 0;
  bufferId = -1;
  /** Of timeouts: duration, and completions to see before it ends early. */
  ns = 0;
  count = 0;

  constructor(
    readonly ring: Uring,
    submitter: Task,
  ) {
    super(submitter);
  }

  /** Make a used one new. */
  renew(submitter: Task): void {
    this.serve(submitter);
    this.operation = this.next = this.guard = this.guarded = null;
    this.multishot = this.nowait = false;
    this.expected = -1;
    this.slot = this.bufferGroup = this.count = 0;
    this.bufferId = -1;
    this.args.words.fill(0);
  }

  /** A field of the entry. */
  u32(at: number): number {
    return this.sqe[at >> 2]!;
  }
  u16(at: number): number {
    return (this.sqe[at >> 2]! >>> ((at & 2) * 8)) & 0xffff;
  }
  u64(at: number): number {
    return this.sqe[at >> 2]! + this.sqe[(at >> 2) + 1]! * 4294967296;
  }
  /** Copy a 64-bit field into argument register `i`. */
  pass(i: number, at: number): void {
    this.setArgWords(i, this.sqe[at >> 2]!, this.sqe[(at >> 2) + 1]!);
  }
  pass32(i: number, at: number): void {
    this.setArgWords(i, this.sqe[at >> 2]!, 0);
  }

  get skipsSuccess(): boolean {
    return (this.flags & IOSQE_CQE_SKIP_SUCCESS) !== 0;
  }
  get selectsBuffer(): boolean {
    return (this.flags & IOSQE_BUFFER_SELECT) !== 0;
  }

  start(): void {
    this.execute(perform);
  }

  /** Completion flags of the buffer it was given. */
  get bufferFlags(): number {
    return this.bufferId < 0 ? 0 : IORING_CQE_F_BUFFER | (this.bufferId << IORING_CQE_BUFFER_SHIFT);
  }

  protected finished(result: number): void {
    this.ring.complete(this, result, this.bufferFlags);
  }

  /** Tell of one result and go on. */
  post(result: number): boolean {
    return this.ring.post(this.userLo, this.userHi, result, this.bufferFlags | IORING_CQE_F_MORE);
  }
}

/** What every request does as a call of its own: the operation, with a buffer of the program's choice, as often as it is asked to. */
function perform(t: Task, a: SyscallArgs): number {
  const r = t as Request;
  for (;;) {
    const n = r.selectsBuffer ? withBuffer(r, a) : r.operation!(r, a);
    if (n === BLOCKED) {
      if (!r.nowait) return n;
      r.wait.clear();
      return -EAGAIN;
    }
    if (n < 0) return n;
    const result = r.slot === 0 ? n : r.ring.moveToTable(r, n);
    // A stream that ends ends this too.
    if (!r.multishot || result < 0 || (r.selectsBuffer && result === 0)) return result;
    if (!r.post(result)) return result;
    r.bufferId = -1;
    r.wait.reset();
  }
}

/** The buffer is chosen when there is something to put into it. */
function withBuffer(r: Request, a: SyscallArgs): number {
  const { file } = r.wait;
  const { buffers } = r.ring;
  if (file !== null && file.waitQueue !== null && (file.poll() & READ_EVENTS) === 0) {
    return r.sleep(file.waitQueue, READ_EVENTS);
  }
  const id = buffers.take(r.mm, r.bufferGroup);
  if (id < 0) return id === -ENOBUFS ? -ENOBUFS : id;
  const { addr } = buffers;
  const wanted = r.u32(IO_URING_SQE.len);
  r.setArg(ADDRESS, addr);
  r.setArg(LENGTH, wanted === 0 ? buffers.length : Math.min(wanted, buffers.length));
  r.bufferId = id;
  const n = r.operation!(r, a);
  if (n < 0) {
    buffers.putBack(r.bufferGroup, id);
    r.bufferId = -1;
  }
  return n;
}

/** IORING_FILE_INDEX_ALLOC as an index plus one. */
export const ANY_SLOT = IORING_FILE_INDEX_ALLOC;
