import {
  EBADF,
  EINVAL,
  ENOENT,
  IO_URING_SQE,
  IORING_ASYNC_CANCEL_ALL,
  IORING_ASYNC_CANCEL_ANY,
  IORING_ASYNC_CANCEL_FD,
  IORING_ASYNC_CANCEL_FD_FIXED,
  IORING_ASYNC_CANCEL_OP,
  IORING_ASYNC_CANCEL_USERDATA,
  IORING_OP_ASYNC_CANCEL,
  IORING_OP_FUTEX_WAIT,
  IORING_OP_FUTEX_WAITV,
  IORING_OP_WAITID,
} from '@sandbox/abi';
import type { Task } from '../../../process/task/task.js';
import type { OperationRows, Prepare } from '../operation.js';
import type { Request } from '../request.js';
import type { Uring } from '../uring.js';

/** Cancelling requests of a ring. */

const SQE = IO_URING_SQE;
const KNOWN =
  IORING_ASYNC_CANCEL_ALL |
  IORING_ASYNC_CANCEL_FD |
  IORING_ASYNC_CANCEL_ANY |
  IORING_ASYNC_CANCEL_FD_FIXED |
  IORING_ASYNC_CANCEL_USERDATA |
  IORING_ASYNC_CANCEL_OP;

/** What is to be cancelled: of the fields those count that `flags` names, `user` where it names none. */
export interface Wanted {
  readonly flags: number;
  readonly fd: number;
  readonly opcode: number;
  readonly userLo: number;
  readonly userHi: number;
}

/**
 * What a request of this kind that was cancelled counts for: how many of some ended is told even when only
 * one was asked for.
 */
export function cancelledCount(opcode: number): number {
  return opcode === IORING_OP_FUTEX_WAIT || opcode === IORING_OP_FUTEX_WAITV || opcode === IORING_OP_WAITID
    ? 1
    : 0;
}

export function knownCancel(flags: number): boolean {
  return (flags & ~KNOWN) === 0;
}

/**
 * Cancel what is `wanted`, but for `self`: how many with IORING_ASYNC_CANCEL_ALL or ANY, else 0; -ENOENT,
 * -EBADF.
 */
export function cancelWanted(
  t: Task,
  ring: Uring,
  wanted: Wanted,
  self: Request | null,
  fixed: boolean,
): number {
  const { flags } = wanted;
  const byFd = (flags & IORING_ASYNC_CANCEL_FD) !== 0;
  const table = fixed || (flags & IORING_ASYNC_CANCEL_FD_FIXED) !== 0;
  const file = !byFd ? null : table ? ring.files.get(wanted.fd) : t.files.get(wanted.fd);
  if (byFd && file === null) return -EBADF;
  const any = (flags & IORING_ASYNC_CANCEL_ANY) !== 0;
  const byOp = (flags & IORING_ASYNC_CANCEL_OP) !== 0;
  const byUser = !any && ((flags & IORING_ASYNC_CANCEL_USERDATA) !== 0 || (!byFd && !byOp));
  const all = any || (flags & IORING_ASYNC_CANCEL_ALL) !== 0;
  let n = 0;
  for (const other of [...ring.active]) {
    if (other === self) continue;
    if (byFd && !any && other.wait.file !== file) continue;
    if (byOp && !any && other.opcode !== wanted.opcode) continue;
    if (byUser && (other.userLo !== wanted.userLo || other.userHi !== wanted.userHi)) continue;
    if (ring.cancel(other)) n++;
    if (n > 0 && !all) return cancelledCount(other.opcode);
  }
  return n > 0 || all ? n : -ENOENT;
}

function asyncCancel(t: Task): number {
  const r = t as Request;
  const wanted: Wanted = {
    flags: r.u32(SQE.op_flags),
    fd: r.u32(SQE.fd) | 0,
    opcode: r.u32(SQE.len),
    userLo: r.u32(SQE.addr),
    userHi: r.u32(SQE.addr + 4),
  };
  return cancelWanted(r, r.ring, wanted, r, r.fixedFile);
}

const prepareCancel: Prepare = (r) => {
  const flags = r.u32(SQE.op_flags);
  const others = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP;
  if (!knownCancel(flags)) return -EINVAL;
  if ((flags & others) !== 0 && (flags & IORING_ASYNC_CANCEL_ANY) !== 0) return -EINVAL;
  r.operation = asyncCancel;
  return 0;
};

export const cancels: OperationRows = [
  [IORING_OP_ASYNC_CANCEL, { unused: [SQE.off, SQE.file_index], prepare: prepareCancel }],
];
