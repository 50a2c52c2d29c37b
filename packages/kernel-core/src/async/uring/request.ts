import {
  EAGAIN,
  EALREADY,
  EINPROGRESS,
  EINVAL,
  IO_URING_SQE,
  IORING_CQE_BUFFER_SHIFT,
  IORING_CQE_F_BUF_MORE,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  IORING_CQE_F_SOCK_NONEMPTY,
  IOSQE_BUFFER_SELECT,
  IOSQE_CQE_SKIP_SUCCESS,
  IOSQE_FIXED_FILE,
  MAX_RW_COUNT,
  POLLIN,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { SegmentList } from '../../mm/segment-list.js';
import type { SyscallHandler } from '../../process/kernel/call-table.js';
import type { Task } from '../../process/task/task.js';
import { Worker } from '../../process/task/worker.js';
import type { Operation } from './operation.js';
import type { Tag } from './tag.js';
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
  /** Its operation's row; null for what could not be prepared. */
  kind: Operation | null = null;
  /** In the order of submission. */
  sequence = 0;
  /** It could not be prepared: -errno. */
  failure = 0;
  /** What is done, by a handler of system calls or one of `operations/`. */
  operation: SyscallHandler | null = null;
  /** Starts when this one has ended (IOSQE_IO_LINK). */
  next: Request | null = null;
  /** The IORING_OP_LINK_TIMEOUT that watches over it; and from the other side. */
  guard: Request | null = null;
  guarded: Request | null = null;
  /** A request that its completion ends, after itself. */
  ends: Request | null = null;
  /** Goes on after a completion. */
  multishot = false;
  /** Events that end its wait after EAGAIN, although the description has O_NONBLOCK; 0: it does not wait. */
  waits = 0;
  /** Waits for them before the first try. */
  pollsFirst = false;
  /** Says whether there is more to receive (IORING_CQE_F_SOCK_NONEMPTY). */
  tellsMore = false;
  /** Sends or receives several buffers of its group at once (IORING_RECVSEND_BUNDLE), or all there are. */
  bundles = false;
  /** Ranges of a vector, read when it was submitted, or of the buffers of a bundle. */
  readonly segments = new SegmentList();
  /** Result of the notification that follows its completion; -1: none does. */
  notifies = -1;
  /** Answers EAGAIN rather than waiting. */
  nowait = false;
  /**
   * Nothing of how it ends is told, since what it is linked to failed and told it (IOSQE_CQE_SKIP_SUCCESS).
   */
  silent = false;
  /** Of a bundle: there was more where the last came from, so it goes on. */
  goesOn = false;
  /** Bytes a linked read or write must move, so that the chain goes on; -1: any. */
  expected = -1;
  /** Put the descriptor made into the ring's table instead: index plus one, or IORING_FILE_INDEX_ALLOC. */
  slot = 0;
  /** Buffer group and buffer (-1: none) of IOSQE_BUFFER_SELECT. */
  bufferGroup = 0;
  bufferId = -1;
  private bufferMore = false;
  /** Tags of entries of tables it uses. */
  fileTag: Tag | null = null;
  bufferTag: Tag | null = null;
  /** It may go on, but not before the issuer asks for completions. */
  deferred = false;
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
    this.ends = this.kind = this.operation = this.next = this.guard = this.guarded = null;
    this.multishot =
      this.nowait =
      this.pollsFirst =
      this.tellsMore =
      this.bundles =
      this.silent =
      this.bufferMore =
        false;
    this.expected = this.notifies = this.bufferId = -1;
    this.segments.count = 0;
    this.slot = this.bufferGroup = this.count = this.waits = this.failure = 0;
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
  /** Its descriptor is an entry of the table. */
  get fixedFile(): boolean {
    return (this.flags & IOSQE_FIXED_FILE) !== 0;
  }
  get selectsBuffer(): boolean {
    return (this.flags & IOSQE_BUFFER_SELECT) !== 0;
  }

  start(): void {
    this.execute(perform);
  }

  override continueSyscall(): void {
    if (!this.ring.defer(this)) super.continueSyscall();
  }
  /** The issuer asks for completions. */
  goOn(): void {
    this.deferred = false;
    super.continueSyscall();
  }

  /** It has ended: what it used of the ring's tables may go. */
  letGo(): void {
    this.deferred = false;
    const { fileTag, bufferTag } = this;
    this.fileTag = this.bufferTag = null;
    fileTag?.release();
    bufferTag?.release();
  }

  /** Flags of a completion with `result`. */
  private completionFlags(result: number): number {
    let flags = 0;
    if (this.bufferId >= 0) {
      flags = IORING_CQE_F_BUFFER | (this.bufferId << IORING_CQE_BUFFER_SHIFT);
      if (this.bufferMore) flags |= IORING_CQE_F_BUF_MORE;
    }
    if (this.tellsMore && result >= 0 && (this.wait.file!.poll() & POLLIN) !== 0)
      flags |= IORING_CQE_F_SOCK_NONEMPTY;
    return flags;
  }

  protected finished(result: number): void {
    this.ring.complete(this, result, this.lastFlags);
  }

  /** Tell of one result and go on. False: nobody keeps up, so this is to be the last. */
  post(result: number): boolean {
    const flags = this.completionFlags(result) | IORING_CQE_F_MORE;
    if (!this.ring.completions.postIfRoom(this.userLo, this.userHi, result, flags)) return false;
    this.ring.completed();
    return true;
  }

  /** The description the operation made goes into the table of the ring instead of that of the process. */
  toTable(fd: number): number {
    const file = this.files.get(fd);
    if (file === null) return -EINVAL;
    file.refs++;
    this.files.close(fd);
    return this.ring.files.install(file, this.slot);
  }

  /** Buffers of its group, at most so many that they hold what is asked for: 0 or -ENOBUFS. */
  takeBundle(): number {
    const wanted = this.u32(IO_URING_SQE.len);
    const most = wanted === 0 ? MAX_RW_COUNT : wanted;
    const id = this.ring.buffers.takeMany(this.mm, this.bufferGroup, most, this.segments);
    if (id < 0) return id;
    this.bufferId = id;
    this.bufferMore = false;
    return 0;
  }
  endBundle(n: number): void {
    this.bufferMore = this.ring.buffers.commitMany(this.mm, this.bufferGroup, n, this.segments);
  }

  returnBundle(): void {
    this.ring.buffers.putBackMany(this.bufferGroup, this.bufferId);
    this.bufferId = -1;
  }

  /** A buffer of its group: 0 or -ENOBUFS. */
  takeBuffer(): number {
    const { buffers } = this.ring;
    const id = buffers.take(this.mm, this.bufferGroup);
    if (id < 0) return id;
    const wanted = this.u32(IO_URING_SQE.len);
    this.setArg(ADDRESS, buffers.addr);
    this.setArg(LENGTH, wanted === 0 ? buffers.length : Math.min(wanted, buffers.length));
    this.bufferId = id;
    this.bufferMore = false;
    return 0;
  }

  /** `n` bytes of it were used, or none: -errno. */
  endBuffer(n: number): void {
    const { buffers } = this.ring;
    if (n >= 0) this.bufferMore = buffers.commit(this.mm, this.bufferGroup, n);
    else this.returnBuffer();
  }
  returnBuffer(): void {
    this.ring.buffers.putBack(this.bufferGroup, this.bufferId);
    this.bufferId = -1;
  }

  /** As `finished` is only told when the description has been let go of. */
  private lastFlags = 0;
  noteEnd(result: number): number {
    this.lastFlags = this.completionFlags(result);
    return result;
  }
}

/**
 * What every request does as a call of its own: the operation, with a buffer of the program's choice, as
 * often as it is asked to.
 */
function perform(t: Task, a: SyscallArgs): number {
  const r = t as Request;
  for (;;) {
    let n = r.pollsFirst ? awaitEvents(r) : 0;
    if (n === 0) n = r.selectsBuffer && !r.bundles ? withBuffer(r, a) : retried(r, r.operation!(r, a));
    if (n === BLOCKED) {
      if (!r.nowait) return n;
      r.wait.clear();
      return r.noteEnd(-EAGAIN);
    }
    const result = n < 0 || r.slot === 0 ? n : r.toTable(n);
    const more = r.bundles ? r.goesOn : r.multishot;
    // A stream that ends ends this too.
    if (!more || result < 0 || (r.selectsBuffer && result === 0) || !r.post(result)) return r.noteEnd(result);
    r.bufferId = -1;
    r.segments.count = 0;
    r.wait.reset();
  }
}

/** 0 when there is something to do for it, else BLOCKED. */
function awaitEvents(r: Request): number {
  const file = r.wait.file!;
  if (file.waitQueue !== null && (file.poll() & r.waits) === 0) return r.sleep(file.waitQueue, r.waits);
  r.pollsFirst = false;
  return 0;
}

/** A description with O_NONBLOCK has the program wait, but not the ring. */
function retried(r: Request, n: number): number {
  if (n !== -EAGAIN && n !== -EINPROGRESS && n !== -EALREADY) return n;
  const queue = r.waits === 0 || r.nowait ? null : r.wait.file!.waitQueue;
  return queue === null ? n : r.sleep(queue, r.waits);
}

/** The buffer is chosen when there is something to put into it. */
function withBuffer(r: Request, a: SyscallArgs): number {
  const { file } = r.wait;
  if (file !== null && file.waitQueue !== null && (file.poll() & r.waits) === 0)
    return r.sleep(file.waitQueue, r.waits);
  const e = r.takeBuffer();
  if (e < 0) return e;
  const n = r.operation!(r, a);
  // At the end of what is received nothing was put into it.
  const unused = n === 0 && (r.multishot || r.tellsMore);
  if (n === BLOCKED || unused) r.returnBuffer();
  else r.endBuffer(n);
  return n < 0 ? retried(r, n) : n;
}
