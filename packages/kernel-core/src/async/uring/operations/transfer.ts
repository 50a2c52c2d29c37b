import {
  EBADF,
  EBADFD,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  IO_URING_SQE,
  IORING_OP_READ,
  IORING_OP_READ_FIXED,
  IORING_OP_READ_MULTISHOT,
  IORING_OP_READV,
  IORING_OP_SPLICE,
  IORING_OP_TEE,
  IORING_OP_WRITE,
  IORING_OP_WRITE_FIXED,
  IORING_OP_WRITEV,
  IORING_SETUP_IOPOLL,
  RWF_NOWAIT,
  RWF_SUPPORTED,
  SPLICE_F_FD_IN_FIXED,
  SYS_pread64,
  SYS_pwrite64,
  SYS_read,
  SYS_write,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import { mayRead, mayWrite } from '../../../files/io/files.js';
import { READ_EVENTS, WRITE_EVENTS } from '../../../process/files/events.js';
import type { SyscallHandler } from '../../../process/kernel/call-table.js';
import type { Task } from '../../../process/task/task.js';
import { readVector } from '../../../syscalls/io/read.js';
import { spliceAt, teeFiles } from '../../../syscalls/io/splice.js';
import { writeVector } from '../../../syscalls/io/write.js';
import { checkIoprio } from '../../../syscalls/process/priority.js';
import { call, type OperationRows, type Prepare, useFixedBuffer } from '../operation.js';
import type { Request } from '../request.js';

/** Reading and writing. */

const SQE = IO_URING_SQE;
const ALL_ONES = 0xffffffff;

/** A 64-bit offset of -1. */
function isOwn(r: Request, field: number): boolean {
  return r.u32(field) === ALL_ONES && r.u32(field + 4) === ALL_ONES;
}

/** What reads and writes of all kinds begin with. */
function begin(r: Request, events: number): number {
  const flags = r.u32(SQE.op_flags);
  const priority = checkIoprio(r, r.u16(SQE.ioprio));
  if (priority < 0) return priority;
  if ((flags & ~RWF_SUPPORTED) !== 0) return -EOPNOTSUPP;
  r.nowait = (flags & RWF_NOWAIT) !== 0;
  r.waits = events;
  return 0;
}

/** The calls at the file's own position, and at a given one. */
interface Calls {
  readonly own: number;
  readonly at: number;
  /** What moves a vector that was read before. */
  readonly vector: SyscallHandler;
  readonly events: number;
}
const READ: Calls = { own: SYS_read, at: SYS_pread64, vector: readSegments, events: READ_EVENTS };
const WRITE: Calls = { own: SYS_write, at: SYS_pwrite64, vector: writeSegments, events: WRITE_EVENTS };

/**
 * Position -1, and whatever has no positions, means the file's own. No file can be polled for the end of its
 * I/O.
 */
function choose(calls: Calls): (r: Request) => number {
  return (r) => {
    if ((r.ring.setup & IORING_SETUP_IOPOLL) !== 0) return -EOPNOTSUPP;
    return call(r, !r.wait.file!.seekable || isOwn(r, SQE.off) ? calls.own : calls.at);
  };
}

function plain(calls: Calls): Prepare {
  return (r) => {
    const error = begin(r, calls.events);
    if (error < 0) return error;
    r.pass(1, SQE.addr);
    r.pass32(2, SQE.len);
    r.pass(3, SQE.off);
    r.expected = r.selectsBuffer ? -1 : r.u32(SQE.len);
    return 0;
  };
}

/** One of the buffers that were registered must hold the range. */
function fixed(calls: Calls): Prepare {
  const prepare = plain(calls);
  return (r, ring, batch) => {
    const error = useFixedBuffer(r, ring);
    return error < 0 ? error : prepare(r, ring, batch);
  };
}

/** A vector; with a buffer of a group, one whose only entry says no more than a length. */
function vector(calls: Calls): Prepare {
  return (r) => {
    const error = begin(r, calls.events);
    if (error < 0) return error;
    const addr = r.u64(SQE.addr);
    if (r.selectsBuffer) {
      if (r.u32(SQE.len) !== 1) return -EINVAL;
      const length = r.mm.load64(addr + 8);
      if (length < 0) return -EFAULT;
      r.sqe[SQE.len >> 2] = Math.min(length, ALL_ONES);
      r.pass(3, SQE.off);
      return 0;
    }
    const io = r.mm.iov(addr, r.u32(SQE.len));
    if (typeof io === 'number') return io;
    // The program may use the memory of the vector for something else from now on.
    r.mm.keepVector(r.segments);
    r.expected = io.remaining;
    return 0;
  };
}

function chooseVector(calls: Calls): (r: Request) => number {
  const single = choose(calls);
  return (r) => {
    const error = single(r);
    if (error < 0 || r.selectsBuffer) return error;
    const { flags } = r.wait.file!;
    const allowed = calls === READ ? mayRead(flags) : mayWrite(flags);
    r.operation = calls.vector;
    return allowed ? 0 : -EBADF;
  };
}

/** Where a vector goes: -1 is the file's own position. */
function positionOf(r: Request): number {
  return !r.wait.file!.seekable || isOwn(r, SQE.off) ? -1 : r.u64(SQE.off);
}

function readSegments(t: Task): number {
  const r = t as Request;
  return readVector(r, r.wait.file!, r.mm.segments(r.segments), positionOf(r), r.u32(SQE.op_flags));
}

function writeSegments(t: Task): number {
  const r = t as Request;
  return writeVector(r, r.wait.file!, r.mm.segments(r.segments), positionOf(r), r.u32(SQE.op_flags));
}

/** IORING_OP_READ_MULTISHOT: into a buffer of a group whenever there is something to read. */
function readMultishot(r: Request): number {
  if (!r.selectsBuffer) return -EINVAL;
  const error = begin(r, READ_EVENTS);
  if (error < 0) return error;
  if (r.u64(SQE.addr) !== 0 || r.u32(SQE.len) !== 0) return -EINVAL;
  r.multishot = true;
  r.pass(3, SQE.off);
  return 0;
}

// Splicing --------------------------------------------------------------------------------------------------

const SPLICE_FLAGS = 0xf;

function prepareSplice(operation: (t: Task) => number): Prepare {
  return (r) => {
    if ((r.u32(SQE.op_flags) & ~(SPLICE_FLAGS | SPLICE_F_FD_IN_FIXED)) !== 0) return -EINVAL;
    r.expected = r.u32(SQE.len);
    r.operation = operation;
    return 0;
  };
}

/** The file read from. */
function source(r: Request): File | null {
  const fd = r.u32(SQE.file_index) | 0;
  return (r.u32(SQE.op_flags) & SPLICE_F_FD_IN_FIXED) !== 0 ? r.ring.files.get(fd) : r.files.get(fd);
}
function target(r: Request): File | null {
  const fd = r.u32(SQE.fd) | 0;
  return r.fixedFile ? r.ring.files.get(fd) : r.files.get(fd);
}

function splice(t: Task): number {
  const r = t as Request;
  const from = source(r);
  const to = target(r);
  if (from === null || to === null) return -EBADF;
  const fromPos = isOwn(r, SQE.addr) ? null : r.u64(SQE.addr);
  const toPos = isOwn(r, SQE.off) ? null : r.u64(SQE.off);
  return spliceAt(r, from, fromPos, to, toPos, r.u32(SQE.len), r.u32(SQE.op_flags) & SPLICE_FLAGS);
}

function tee(t: Task): number {
  const r = t as Request;
  const from = source(r);
  const to = target(r);
  if (from === null || to === null) return -EBADF;
  const length = r.u32(SQE.len);
  return length === 0 ? 0 : teeFiles(r, from, to, length, r.u32(SQE.op_flags) & SPLICE_FLAGS);
}

const common = { file: true, ioprio: true, polled: true } as const;

export const transfers: OperationRows = [
  [IORING_OP_READ, { ...common, buffers: true, prepare: plain(READ), resolve: choose(READ) }],
  [IORING_OP_WRITE, { ...common, prepare: plain(WRITE), resolve: choose(WRITE) }],
  [IORING_OP_READ_FIXED, { ...common, prepare: fixed(READ), resolve: choose(READ) }],
  [IORING_OP_WRITE_FIXED, { ...common, prepare: fixed(WRITE), resolve: choose(WRITE) }],
  [IORING_OP_READV, { ...common, buffers: true, prepare: vector(READ), resolve: chooseVector(READ) }],
  [IORING_OP_WRITEV, { ...common, prepare: vector(WRITE), resolve: chooseVector(WRITE) }],
  [
    IORING_OP_READ_MULTISHOT,
    {
      file: true,
      buffers: true,
      prepare: readMultishot,
      // Files that are always ready would never let go.
      resolve: (r) => (r.wait.file!.waitQueue === null ? -EBADFD : choose(READ)(r)),
    },
  ],
  [IORING_OP_SPLICE, { prepare: prepareSplice(splice) }],
  [IORING_OP_TEE, { prepare: prepareSplice(tee), unused: [SQE.off, SQE.addr] }],
];
