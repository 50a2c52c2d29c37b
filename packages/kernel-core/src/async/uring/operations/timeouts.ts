import {
  EALREADY,
  EINVAL,
  ENOENT,
  ETIME,
  IO_URING_SQE,
  IORING_LINK_TIMEOUT_UPDATE,
  IORING_OP_LINK_TIMEOUT,
  IORING_OP_TIMEOUT,
  IORING_OP_TIMEOUT_REMOVE,
  IORING_TIMEOUT_ABS,
  IORING_TIMEOUT_BOOTTIME,
  IORING_TIMEOUT_ETIME_SUCCESS,
  IORING_TIMEOUT_MULTISHOT,
  IORING_TIMEOUT_REALTIME,
  IORING_TIMEOUT_UPDATE,
  IOSQE_BUFFER_SELECT,
  IOSQE_FIXED_FILE,
} from '@sandbox/abi';
import type { Task } from '../../../process/task/task.js';
import { CLOCK_KIND_MONOTONIC, CLOCK_KIND_REALTIME, deadlineOf } from '../../../process/time/clocks.js';
import { readTimespec, Timespec } from '../../../process/time/timespec.js';
import type { OperationRows, Prepare } from '../operation.js';
import type { Request } from '../request.js';
import { cancelledCount } from './cancels.js';

/** Timeouts of their own, and of what they are linked to. */

const SQE = IO_URING_SQE;
const time = new Timespec();
const CLOCK_BITS = IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME;
const UPDATES = IORING_TIMEOUT_UPDATE | IORING_LINK_TIMEOUT_UPDATE;
const KNOWN = IORING_TIMEOUT_ABS | CLOCK_BITS | IORING_TIMEOUT_ETIME_SUCCESS | IORING_TIMEOUT_MULTISHOT;

/**
 * Read the time at `addr` into `target.ns`: a duration, or with IORING_TIMEOUT_ABS an instant as a deadline.
 */
function loadTime(r: Request, target: Request, addr: number, flags: number): number {
  const error = readTimespec(r.mm, addr, time);
  if (error < 0) return error;
  if ((flags & IORING_TIMEOUT_ABS) === 0) target.ns = time.ns;
  else {
    const kind = (flags & IORING_TIMEOUT_REALTIME) !== 0 ? CLOCK_KIND_REALTIME : CLOCK_KIND_MONOTONIC;
    target.ns = Math.max(0, deadlineOf(r.kernel, kind, time.sec, time.nsec) - r.kernel.clock.monotonic());
  }
  return 0;
}

/** Checked when it is submitted: the time is read then. */
function load(r: Request): number {
  if (r.u32(SQE.len) !== 1) return -EINVAL;
  const flags = r.u32(SQE.op_flags);
  if ((flags & ~KNOWN) !== 0 || (flags & CLOCK_BITS) === CLOCK_BITS) return -EINVAL;
  // Repeats make sense with durations only.
  const both = IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS;
  if ((flags & both) === both) return -EINVAL;
  r.operation = timeout;
  return loadTime(r, r, r.u64(SQE.addr), flags);
}

function timeout(t: Task): number {
  const r = t as Request;
  const { wait } = r;
  if (!wait.timedOut) {
    r.setTimeout(r.ns);
    if (r.ns > 0) return r.sleep(null, 0);
  }
  const { guarded } = r;
  if (guarded !== null) {
    r.guarded = null;
    guarded.guard = null;
    // The one it watches over ends first.
    const count = cancelledCount(guarded.opcode);
    return r.ring.cancel(guarded) ? count || -ETIME : -EALREADY;
  }
  // IORING_TIMEOUT_MULTISHOT: `off` says how often, 0 for ever.
  const more = r.multishot && r.u32(SQE.off) !== 1;
  if (!more || !r.post(-ETIME)) return -ETIME;
  if (r.u32(SQE.off) > 0) r.sqe[SQE.off >> 2]!--;
  wait.reset();
  wait.deadline = r.kernel.clock.monotonic() + r.ns;
  return r.sleep(null, 0);
}

const prepareTimeout: Prepare = (r) => {
  r.multishot = (r.u32(SQE.op_flags) & IORING_TIMEOUT_MULTISHOT) !== 0;
  const error = load(r);
  r.count = r.multishot ? 0 : r.u32(SQE.off);
  return error;
};

const prepareLinked: Prepare = (r, _ring, batch) => {
  if (r.u32(SQE.off) !== 0) return -EINVAL;
  const error = load(r);
  if (error < 0) return error;
  const last = batch[batch.length - 1];
  if (last === undefined || last.opcode === IORING_OP_LINK_TIMEOUT) return -EINVAL;
  last.guard = r;
  r.guarded = last;
  return 0;
};

const prepareRemove: Prepare = (r) => {
  if ((r.flags & (IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT)) !== 0) return -EINVAL;
  const flags = r.u32(SQE.op_flags);
  r.operation = timeoutRemove;
  if ((flags & UPDATES) === 0) return flags !== 0 ? -EINVAL : 0;
  if ((flags & CLOCK_BITS) === CLOCK_BITS) return -EINVAL;
  if ((flags & ~(UPDATES | IORING_TIMEOUT_ABS | CLOCK_BITS)) !== 0) return -EINVAL;
  return loadTime(r, r, r.u64(SQE.off), flags);
};

/** IORING_OP_TIMEOUT_REMOVE: end a timeout, or give it another time. */
function timeoutRemove(t: Task): number {
  const r = t as Request;
  const flags = r.u32(SQE.op_flags);
  const lo = r.u32(SQE.addr);
  const hi = r.u32(SQE.addr + 4);
  const opcode = (flags & IORING_LINK_TIMEOUT_UPDATE) !== 0 ? IORING_OP_LINK_TIMEOUT : IORING_OP_TIMEOUT;
  for (const other of r.ring.active) {
    if (other.opcode !== opcode || other.userLo !== lo || other.userHi !== hi) continue;
    if ((flags & UPDATES) === 0) {
      r.ends = other;
      return 0;
    }
    other.ns = r.ns;
    other.abandon();
    other.start();
    return 0;
  }
  return -ENOENT;
}

const UNUSED = [SQE.addr3, SQE.pad2, SQE.buf_index, SQE.file_index];

export const timeouts: OperationRows = [
  [IORING_OP_TIMEOUT, { unused: UNUSED, prepare: prepareTimeout }],
  [IORING_OP_LINK_TIMEOUT, { unused: UNUSED, prepare: prepareLinked }],
  [IORING_OP_TIMEOUT_REMOVE, { unused: [SQE.len, ...UNUSED], prepare: prepareRemove }],
];
