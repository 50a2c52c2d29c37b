import {
  EINVAL,
  FUTEX_WAITV_MAX,
  IO_URING_SQE,
  IORING_NOP_INJECT_RESULT,
  IORING_OP_EPOLL_CTL,
  IORING_OP_FUTEX_WAIT,
  IORING_OP_FUTEX_WAITV,
  IORING_OP_FUTEX_WAKE,
  IORING_OP_NOP,
  IORING_OP_WAITID,
  SYS_epoll_ctl,
  SYS_futex_wait,
  SYS_futex_waitv,
  SYS_futex_wake,
  SYS_waitid,
} from '@sandbox/abi';
import type { Task } from '../../../process/task/task.js';
import { callRow, type OperationRows, type Prepare, wide, word } from '../operation.js';
import type { Request } from '../request.js';

/** Waiting for futexes and children, epoll_ctl, and doing nothing. */

const SQE = IO_URING_SQE;

function nop(t: Task): number {
  const r = t as Request;
  return (r.u32(SQE.op_flags) & IORING_NOP_INJECT_RESULT) !== 0 ? r.u32(SQE.len) | 0 : 0;
}

const prepareNop: Prepare = (r) => {
  r.operation = nop;
  return (r.u32(SQE.op_flags) & ~IORING_NOP_INJECT_RESULT) !== 0 ? -EINVAL : 0;
};

const futex = { unused: [SQE.len, SQE.op_flags, SQE.buf_index, SQE.file_index] } as const;
const futexes = {
  unused: [SQE.fd, SQE.buf_index, SQE.file_index, SQE.off, SQE.op_flags, SQE.addr3],
} as const;
const children = { unused: [SQE.addr, SQE.buf_index, SQE.addr3, SQE.op_flags] } as const;

function checkCount(r: Request): number {
  const count = r.u32(SQE.len);
  return count === 0 || count > FUTEX_WAITV_MAX ? -EINVAL : 0;
}

export const waits: OperationRows = [
  [IORING_OP_NOP, { polled: true, prepare: prepareNop }],
  callRow(IORING_OP_EPOLL_CTL, SYS_epoll_ctl, [word(1, SQE.len), word(2, SQE.off), wide(3, SQE.addr)], {
    unused: [SQE.buf_index, SQE.file_index],
  }),
  callRow(
    IORING_OP_FUTEX_WAIT,
    SYS_futex_wait,
    [wide(0, SQE.addr), wide(1, SQE.off), wide(2, SQE.addr3), word(3, SQE.fd)],
    futex,
  ),
  callRow(
    IORING_OP_FUTEX_WAKE,
    SYS_futex_wake,
    [wide(0, SQE.addr), wide(1, SQE.addr3), wide(2, SQE.off), word(3, SQE.fd)],
    futex,
  ),
  callRow(IORING_OP_FUTEX_WAITV, SYS_futex_waitv, [wide(0, SQE.addr), word(1, SQE.len)], futexes, checkCount),
  callRow(
    IORING_OP_WAITID,
    SYS_waitid,
    [word(0, SQE.len), word(1, SQE.fd), wide(2, SQE.off), word(3, SQE.file_index)],
    children,
  ),
];
