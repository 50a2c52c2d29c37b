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
import type { Task } from '../../../task/task.js';
import { call, type OperationRows, type Prepare, passing, wide, word } from '../operation.js';
import type { Request } from '../request.js';

/** Waiting for futexes and children, epoll_ctl, and doing nothing. */

const SQE = IO_URING_SQE;

const prepareFutexWait: Prepare = (r) => {
  r.pass(0, SQE.addr);
  r.pass(1, SQE.off);
  r.pass(2, SQE.addr3);
  r.pass32(3, SQE.fd);
  return call(r, SYS_futex_wait);
};

const prepareFutexWake: Prepare = (r) => {
  r.pass(0, SQE.addr);
  r.pass(1, SQE.addr3);
  r.pass(2, SQE.off);
  r.pass32(3, SQE.fd);
  return call(r, SYS_futex_wake);
};

const prepareFutexVector: Prepare = (r) => {
  const count = r.u32(SQE.len);
  if (count === 0 || count > FUTEX_WAITV_MAX) return -EINVAL;
  r.pass(0, SQE.addr);
  r.pass32(1, SQE.len);
  return call(r, SYS_futex_waitv);
};

const prepareWaitid: Prepare = (r) => {
  r.pass32(0, SQE.len);
  r.pass32(1, SQE.fd);
  r.pass(2, SQE.off);
  r.pass32(3, SQE.file_index);
  return call(r, SYS_waitid);
};

function nop(t: Task): number {
  const r = t as Request;
  return (r.u32(SQE.op_flags) & IORING_NOP_INJECT_RESULT) !== 0 ? r.u32(SQE.len) | 0 : 0;
}

const prepareNop: Prepare = (r) => {
  r.operation = nop;
  return (r.u32(SQE.op_flags) & ~IORING_NOP_INJECT_RESULT) !== 0 ? -EINVAL : 0;
};

const futex = { unused: [SQE.len, SQE.op_flags, SQE.buf_index, SQE.file_index] } as const;

export const waits: OperationRows = [
  [IORING_OP_NOP, { polled: true, prepare: prepareNop }],
  [
    IORING_OP_EPOLL_CTL,
    {
      unused: [SQE.buf_index, SQE.file_index],
      prepare: passing(SYS_epoll_ctl, word(1, SQE.len), word(2, SQE.off), wide(3, SQE.addr)),
    },
  ],
  [IORING_OP_FUTEX_WAIT, { ...futex, prepare: prepareFutexWait }],
  [IORING_OP_FUTEX_WAKE, { ...futex, prepare: prepareFutexWake }],
  [
    IORING_OP_FUTEX_WAITV,
    {
      unused: [SQE.fd, SQE.buf_index, SQE.file_index, SQE.off, SQE.op_flags, SQE.addr3],
      prepare: prepareFutexVector,
    },
  ],
  [IORING_OP_WAITID, { unused: [SQE.addr, SQE.buf_index, SQE.addr3, SQE.op_flags], prepare: prepareWaitid }],
];
