import {
  EALREADY,
  EBADF,
  EBADFD,
  EINVAL,
  ENOENT,
  ETIME,
  IO_URING_SQE,
  IORING_ASYNC_CANCEL_ALL,
  IORING_ASYNC_CANCEL_ANY,
  IORING_ASYNC_CANCEL_FD,
  IORING_ASYNC_CANCEL_FD_FIXED,
  IORING_ASYNC_CANCEL_OP,
  IORING_ASYNC_CANCEL_USERDATA,
  IORING_FIXED_FD_NO_CLOEXEC,
  IORING_LINK_TIMEOUT_UPDATE,
  IORING_MSG_DATA,
  IORING_MSG_RING_CQE_SKIP,
  IORING_MSG_RING_FLAGS_PASS,
  IORING_OP_LINK_TIMEOUT,
  IORING_OP_POLL_ADD,
  IORING_OP_TIMEOUT,
  IORING_POLL_UPDATE_EVENTS,
  IORING_POLL_UPDATE_USER_DATA,
  IORING_TIMEOUT_ABS,
  IORING_TIMEOUT_BOOTTIME,
  IORING_TIMEOUT_REALTIME,
  IORING_TIMEOUT_UPDATE,
  IOSQE_FIXED_FILE,
  POLLERR,
  POLLHUP,
  RLIMIT_NOFILE,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../syscalls/args.js';
import type { Task } from '../../task/task.js';
import { CLOCK_KIND_MONOTONIC, CLOCK_KIND_REALTIME, deadlineOf } from '../../time/clocks.js';
import { readTimespec, Timespec } from '../../time/timespec.js';
import type { Request } from './request.js';
import { updateFiles } from './resources.js';
import { Uring } from './uring.js';

/**
 * Operations that are no system calls. Each is a handler whose task is the `Request`; it may sleep like any other.
 */

const SQE = IO_URING_SQE;
const time = new Timespec();

export function nop(): number {
  return 0;
}

// Polls --------------------------------------------------------------------------------------------------------------

export function poll(t: Task, a: SyscallArgs): number {
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

function findPoll(r: Request, lo: number, hi: number): Request | null {
  for (const other of r.ring.active) {
    if (other.opcode === IORING_OP_POLL_ADD && other.userLo === lo && other.userHi === hi) return other;
  }
  return null;
}

/** IORING_OP_POLL_REMOVE: end a poll, or change what it waits for and how it is called. */
export function pollRemove(t: Task): number {
  const r = t as Request;
  const found = findPoll(r, r.u32(SQE.addr), r.u32(SQE.addr + 4));
  if (found === null) return -ENOENT;
  const flags = r.u32(SQE.len);
  if ((flags & (IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA)) === 0) {
    return r.ring.cancel(found) ? 0 : -EALREADY;
  }
  if ((flags & IORING_POLL_UPDATE_EVENTS) !== 0) found.setArg(0, r.u32(SQE.op_flags));
  if ((flags & IORING_POLL_UPDATE_USER_DATA) !== 0) {
    found.userLo = r.u32(SQE.off);
    found.userHi = r.u32(SQE.off + 4);
  }
  found.wakeUp();
  return 0;
}

// Timeouts -----------------------------------------------------------------------------------------------------------

const CLOCK_BITS = IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME;

/** Read the time at `addr` into `r.ns`: a duration, or with IORING_TIMEOUT_ABS an instant as a deadline. */
function loadTime(r: Request, target: Request, addr: number, flags: number): number {
  const error = readTimespec(r.mm, addr, time);
  if (error < 0) return error;
  if ((flags & CLOCK_BITS) === CLOCK_BITS) return -EINVAL;
  if ((flags & IORING_TIMEOUT_ABS) === 0) target.ns = time.ns;
  else {
    const kind = (flags & IORING_TIMEOUT_REALTIME) !== 0 ? CLOCK_KIND_REALTIME : CLOCK_KIND_MONOTONIC;
    target.ns = Math.max(0, deadlineOf(r.kernel, kind, time.sec, time.nsec) - r.kernel.clock.monotonic());
  }
  return 0;
}

/** Checked when it is submitted: the time is read then. */
export function prepareTimeout(r: Request): number {
  if (r.u32(SQE.len) !== 1) return -EINVAL;
  r.count = r.opcode === IORING_OP_TIMEOUT && !r.multishot ? r.u32(SQE.off) : 0;
  return loadTime(r, r, r.u64(SQE.addr), r.u32(SQE.op_flags));
}

export function timeout(t: Task): number {
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
    return r.ring.cancel(guarded) ? -ETIME : -EALREADY;
  }
  // IORING_TIMEOUT_MULTISHOT: `off` says how often, 0 for ever.
  const more = r.multishot && r.u32(SQE.off) !== 1;
  if (!more || !r.post(-ETIME)) return -ETIME;
  if (r.u32(SQE.off) > 0) r.sqe[SQE.off >> 2]!--;
  wait.reset();
  wait.deadline = r.kernel.clock.monotonic() + r.ns;
  return r.sleep(null, 0);
}

/** IORING_OP_TIMEOUT_REMOVE: end a timeout, or give it another time. */
export function timeoutRemove(t: Task): number {
  const r = t as Request;
  const flags = r.u32(SQE.op_flags);
  const lo = r.u32(SQE.addr);
  const hi = r.u32(SQE.addr + 4);
  const opcode = (flags & IORING_LINK_TIMEOUT_UPDATE) !== 0 ? IORING_OP_LINK_TIMEOUT : IORING_OP_TIMEOUT;
  for (const other of r.ring.active) {
    if (other.opcode !== opcode || other.userLo !== lo || other.userHi !== hi) continue;
    if ((flags & (IORING_TIMEOUT_UPDATE | IORING_LINK_TIMEOUT_UPDATE)) === 0) {
      return r.ring.cancel(other) ? 0 : -EALREADY;
    }
    const error = loadTime(r, other, r.u64(SQE.off), flags);
    if (error < 0) return error;
    other.abandon();
    other.start();
    return 0;
  }
  return -ENOENT;
}

// Cancelling ---------------------------------------------------------------------------------------------------------

/** IORING_OP_ASYNC_CANCEL: how many ended with IORING_ASYNC_CANCEL_ALL or ANY, else 0; -ENOENT. */
export function asyncCancel(t: Task): number {
  const r = t as Request;
  const flags = r.u32(SQE.op_flags);
  const byFd = (flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_FD_FIXED)) !== 0;
  const fixed = (flags & IORING_ASYNC_CANCEL_FD_FIXED) !== 0;
  const fd = r.u32(SQE.fd) | 0;
  const file = !byFd ? null : fixed ? (r.ring.table?.[fd] ?? null) : r.files.get(fd);
  if (byFd && file === null) return -EBADF;
  const any = (flags & IORING_ASYNC_CANCEL_ANY) !== 0;
  const byOp = (flags & IORING_ASYNC_CANCEL_OP) !== 0;
  const byUser = !any && ((flags & IORING_ASYNC_CANCEL_USERDATA) !== 0 || (!byFd && !byOp));
  const all = any || (flags & IORING_ASYNC_CANCEL_ALL) !== 0;
  let n = 0;
  for (const other of [...r.ring.active]) {
    if (other === r) continue;
    if (byFd && other.wait.file !== file) continue;
    if (byOp && other.opcode !== r.u32(SQE.len)) continue;
    if (byUser && (other.userLo !== r.u32(SQE.addr) || other.userHi !== r.u32(SQE.addr + 4))) continue;
    if (r.ring.cancel(other)) n++;
    if (n > 0 && !all) return 0;
  }
  return n > 0 ? n : all ? 0 : -ENOENT;
}

// Tables and buffers -------------------------------------------------------------------------------------------------

/** IORING_OP_CLOSE of a description in the ring's table. */
export function closeSlot(t: Task): number {
  const r = t as Request;
  const index = r.u32(SQE.file_index) - 1;
  const { table } = r.ring;
  if (table === null) return -EBADF;
  if (index >= table.length) return -EINVAL;
  if (table[index] === null) return -EBADF;
  r.ring.setTableEntry(index, null);
  return 0;
}

export function filesUpdate(t: Task): number {
  const r = t as Request;
  return updateFiles(t, r.ring, r.u32(SQE.off), r.u64(SQE.addr), r.u32(SQE.len));
}

/** IORING_OP_FIXED_FD_INSTALL: a descriptor for an entry of the table. */
export function installFixed(t: Task): number {
  const r = t as Request;
  const flags = r.u32(SQE.op_flags);
  if ((r.flags & IOSQE_FIXED_FILE) === 0) return -EBADF;
  if ((flags & ~IORING_FIXED_FD_NO_CLOEXEC) !== 0) return -EINVAL;
  const file = r.wait.file!;
  const fd = r.files.install(
    file,
    (flags & IORING_FIXED_FD_NO_CLOEXEC) === 0,
    r.group.limits.soft[RLIMIT_NOFILE],
  );
  if (fd >= 0) file.refs++;
  return fd;
}

/** IORING_OP_MSG_RING: a completion for another ring, with `off` as its data and `len` as its result. No files are sent: EINVAL. */
export function messageRing(t: Task): number {
  const r = t as Request;
  const target = r.wait.file;
  const flags = r.u32(SQE.op_flags);
  if ((flags & ~(IORING_MSG_RING_CQE_SKIP | IORING_MSG_RING_FLAGS_PASS)) !== 0) return -EINVAL;
  if (!(target instanceof Uring)) return -EBADFD;
  if (r.u64(SQE.addr) !== IORING_MSG_DATA || r.u64(SQE.addr3) !== 0) return -EINVAL;
  const passes = (flags & IORING_MSG_RING_FLAGS_PASS) !== 0;
  if ((flags & IORING_MSG_RING_CQE_SKIP) !== 0 || (!passes && r.u32(SQE.file_index) !== 0)) return -EINVAL;
  if (!target.enabled) return -EBADFD;
  target.post(r.u32(SQE.off), r.u32(SQE.off + 4), r.u32(SQE.len) | 0, passes ? r.u32(SQE.file_index) : 0);
  return 0;
}

export function provideBuffers(t: Task): number {
  const r = t as Request;
  const count = r.u32(SQE.fd);
  const first = r.u32(SQE.off);
  const length = r.u32(SQE.len);
  if (count === 0 || count > 65536 || first + count > 65536) return -EINVAL;
  return r.ring.buffers.provide(r.u16(SQE.buf_index), r.u64(SQE.addr), length, count, first);
}

export function removeBuffers(t: Task): number {
  const r = t as Request;
  const count = r.u32(SQE.fd);
  if (count === 0 || count > 65536) return -EINVAL;
  return r.ring.buffers.remove(r.u16(SQE.buf_index), count);
}
