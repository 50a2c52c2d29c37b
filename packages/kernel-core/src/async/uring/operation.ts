import {
  EBADF,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  IO_URING_SQE,
  IORING_SETUP_IOPOLL,
  IOSQE_ASYNC,
  IOSQE_BUFFER_SELECT,
  IOSQE_CQE_SKIP_SUCCESS,
  IOSQE_FIXED_FILE,
  IOSQE_IO_DRAIN,
  IOSQE_IO_HARDLINK,
  IOSQE_IO_LINK,
  O_PATH,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import type { Request } from './request.js';
import type { Uring } from './uring.js';

/** What operations are made of, and what is checked of every entry (Linux: io_init_req). */

const SQE = IO_URING_SQE;
const KNOWN_FLAGS =
  IOSQE_FIXED_FILE |
  IOSQE_IO_DRAIN |
  IOSQE_IO_LINK |
  IOSQE_IO_HARDLINK |
  IOSQE_ASYNC |
  IOSQE_BUFFER_SELECT |
  IOSQE_CQE_SKIP_SUCCESS;

/**
 * Fills in a request's operation and arguments from its entry; 0 or -errno. `batch`: what it is linked to so
 * far.
 */
export type Prepare = (r: Request, ring: Uring, batch: readonly Request[]) => number;

/** An operation of io_uring_enter(2). */
export interface Operation {
  readonly prepare: Prepare;
  /** `fd` is a description the operation works on: held until it ends. */
  readonly file?: boolean;
  /** What is left of `prepare` until the description is known: 0 or -errno. */
  readonly resolve?: (r: Request) => number;
  /** The buffer may be one of a group (IOSQE_BUFFER_SELECT). */
  readonly buffers?: boolean;
  /** `ioprio` has a meaning; it must be zero otherwise. */
  readonly ioprio?: boolean;
  /** `fd` is a descriptor of the process, never an entry of the table. */
  readonly ownDescriptor?: boolean;
  /** Allowed on rings with IORING_SETUP_IOPOLL. */
  readonly polled?: boolean;
  /** Fields that must be zero, by their places. */
  readonly unused?: readonly number[];
}

/** By number. */
export type Operations = readonly (Operation | undefined)[];

/** Those of one topic. */
export type OperationRows = readonly (readonly [opcode: number, operation: Operation])[];

/** Make `r` do what its entry says. 0 or -errno, which completes it. */
export function prepare(ring: Uring, r: Request, batch: readonly Request[]): number {
  const operation = ring.operations[r.opcode];
  if (operation === undefined || (r.flags & ~KNOWN_FLAGS) !== 0) return -EINVAL;
  if ((r.flags & IOSQE_BUFFER_SELECT) !== 0) {
    if (!operation.buffers) return -EOPNOTSUPP;
    r.bufferGroup = r.u16(SQE.buf_index);
  }
  const refused = ring.checkDrain(r.flags) || ring.restrictions.check(r.opcode, r.flags);
  if (refused < 0) return refused;
  if (!operation.ioprio && r.u16(SQE.ioprio) !== 0) return -EINVAL;
  if (!operation.polled && (ring.setup & IORING_SETUP_IOPOLL) !== 0) return -EINVAL;
  const personality = r.u16(SQE.personality);
  if (personality !== 0) {
    const cred = ring.personalities.get(personality);
    if (cred === undefined) return -EINVAL;
    r.cred = cred;
  }
  if (operation.unused !== undefined && !areZero(r, operation.unused)) return -EINVAL;
  if (operation.ownDescriptor && r.fixedFile) return -EBADF;
  r.pass32(0, SQE.fd);
  r.kind = operation;
  return operation.prepare(r, ring, batch);
}

/**
 * When the request starts: its description, which what it is linked to may have made
 * (IORING_FEAT_LINKED_FILE). 0 or -errno.
 */
export function assignFile(ring: Uring, r: Request): number {
  const { kind } = r;
  if (kind === null || !kind.file) return 0;
  const file = fileOf(ring, r);
  if (file === null) return -EBADF;
  r.wait.holdFile(file);
  if (r.fixedFile) r.fileTag = ring.files.tagOf(r.u32(SQE.fd))?.hold() ?? null;
  const error = kind.resolve === undefined ? 0 : kind.resolve(r);
  if (error < 0) r.wait.dropFile();
  return error;
}

function fileOf(ring: Uring, r: Request): File | null {
  const fd = r.u32(SQE.fd) | 0;
  const file = r.fixedFile ? ring.files.get(fd) : r.files.get(fd);
  return file === null || (file.flags & O_PATH) !== 0 ? null : file;
}

/**
 * `addr` and `len` lie within the registered buffer `buf_index`, which is kept until the request ends: 0 or
 * -EFAULT.
 */
export function useFixedBuffer(r: Request, ring: Uring): number {
  const buffer = ring.fixedBuffers?.[r.u16(SQE.buf_index)];
  if (buffer === undefined) return -EFAULT;
  const addr = r.u64(SQE.addr);
  if (addr < buffer.addr || addr + r.u32(SQE.len) > buffer.addr + buffer.length) return -EFAULT;
  r.bufferTag = buffer.tag?.hold() ?? null;
  return 0;
}

function areZero(r: Request, fields: readonly number[]): boolean {
  for (let i = 0; i < fields.length; i++) if (!isZero(r, fields[i]!)) return false;
  return true;
}

function isZero(r: Request, field: number): boolean {
  switch (field) {
    case SQE.off:
    case SQE.addr:
    case SQE.addr3:
    case SQE.pad2:
      return r.u32(field) === 0 && r.u32(field + 4) === 0;
    case SQE.buf_index:
    case SQE.personality:
      return r.u16(field) === 0;
    default:
      return r.u32(field) === 0;
  }
}

/** The handler of a system call. */
export function call(r: Request, nr: number): number {
  r.operation = r.kernel.syscalls.row(nr)?.handler ?? null;
  return r.operation === null ? -EOPNOTSUPP : 0;
}

/** An argument of the call that stands in the entry as it is: which, where, and whether it has 64 bits. */
interface Passed {
  readonly arg: number;
  readonly field: number;
  readonly wide: boolean;
}
export const wide = (arg: number, field: number): Passed => ({ arg, field, wide: true });
export const word = (arg: number, field: number): Passed => ({ arg, field, wide: false });

/** What is checked, or set, beside: 0 or -errno. */
type Check = (r: Request, ring: Uring) => number;

/** The handler of a system call, with these arguments behind the descriptor, or in its place. */
function passing(nr: number, passed: readonly Passed[], check?: Check): Prepare {
  return (r, ring) => {
    const refused = check === undefined ? 0 : check(r, ring);
    if (refused < 0) return refused;
    for (let i = 0; i < passed.length; i++) {
      const p = passed[i]!;
      if (p.wide) r.pass(p.arg, p.field);
      else r.pass32(p.arg, p.field);
    }
    return call(r, nr);
  };
}

/** No bits but these in the operation's flags. */
export function onlyFlags(known: number): Check {
  return (r) => ((r.u32(SQE.op_flags) & ~known) !== 0 ? -EINVAL : 0);
}

/** A row of an operation that is a system call. */
export function callRow(
  opcode: number,
  nr: number,
  passed: readonly Passed[],
  rest: Omit<Operation, 'prepare'>,
  check?: Check,
): readonly [number, Operation] {
  return [opcode, { ...rest, prepare: passing(nr, passed, check) }];
}
