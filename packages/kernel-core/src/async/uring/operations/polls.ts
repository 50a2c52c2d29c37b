import {
  EALREADY,
  EINVAL,
  ENOENT,
  IO_URING_SQE,
  IORING_OP_POLL_ADD,
  IORING_OP_POLL_REMOVE,
  IORING_POLL_ADD_MULTI,
  IORING_POLL_UPDATE_EVENTS,
  IORING_POLL_UPDATE_USER_DATA,
  POLLERR,
  POLLHUP,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../../call/args.js';
import type { Task } from '../../../process/task/task.js';
import type { OperationRows, Prepare } from '../operation.js';
import type { Request } from '../request.js';

/** Waiting for events of a file. */

const SQE = IO_URING_SQE;

function poll(t: Task, a: SyscallArgs): number {
  const r = t as Request;
  const file = r.wait.file!;
  const events = a.u32(0) | POLLERR | POLLHUP;
  const ready = file.poll() & events;
  if (ready !== 0 && (!r.multishot || !r.post(ready))) {
    r.multishot = false;
    return ready;
  }
  return r.sleep(file.waitQueue, events);
}

const preparePoll: Prepare = (r) => {
  const flags = r.u32(SQE.len);
  if ((flags & ~IORING_POLL_ADD_MULTI) !== 0 || (flags !== 0 && r.skipsSuccess)) return -EINVAL;
  r.multishot = flags !== 0;
  r.pass32(0, SQE.op_flags);
  r.operation = poll;
  return 0;
};

function findPoll(r: Request, lo: number, hi: number): Request | null {
  for (const other of r.ring.active) {
    if (other.opcode === IORING_OP_POLL_ADD && other.busy && other.userLo === lo && other.userHi === hi)
      return other;
  }
  return null;
}

const UPDATES = IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA;

/** IORING_OP_POLL_REMOVE: end a poll, or change what it waits for and how it is called. */
function pollRemove(t: Task): number {
  const r = t as Request;
  const found = findPoll(r, r.u32(SQE.addr), r.u32(SQE.addr + 4));
  if (found === null) return -ENOENT;
  const flags = r.u32(SQE.len);
  if ((flags & UPDATES) === 0) return r.ring.cancel(found) ? 0 : -EALREADY;
  if ((flags & IORING_POLL_UPDATE_EVENTS) !== 0) found.setArg(0, r.u32(SQE.op_flags));
  if ((flags & IORING_POLL_UPDATE_USER_DATA) !== 0) {
    found.userLo = r.u32(SQE.off);
    found.userHi = r.u32(SQE.off + 4);
  }
  found.wakeUp();
  return 0;
}

const prepareRemove: Prepare = (r) => {
  const flags = r.u32(SQE.len);
  if ((flags & ~(UPDATES | IORING_POLL_ADD_MULTI)) !== 0 || flags === IORING_POLL_ADD_MULTI) return -EINVAL;
  if ((flags & IORING_POLL_UPDATE_USER_DATA) === 0 && r.u64(SQE.off) !== 0) return -EINVAL;
  if ((flags & IORING_POLL_UPDATE_EVENTS) === 0 && r.u32(SQE.op_flags) !== 0) return -EINVAL;
  r.operation = pollRemove;
  return 0;
};

export const polls: OperationRows = [
  [IORING_OP_POLL_ADD, { file: true, unused: [SQE.buf_index, SQE.off, SQE.addr], prepare: preparePoll }],
  [IORING_OP_POLL_REMOVE, { unused: [SQE.buf_index, SQE.file_index], prepare: prepareRemove }],
];
