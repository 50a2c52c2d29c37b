import {
  EFAULT,
  EINTR,
  EINVAL,
  ERESTARTNOHAND,
  POLLERR,
  POLLHUP,
  POLLNVAL,
  RLIMIT_NOFILE,
  SYS_poll,
  SYS_ppoll,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import type { Task } from '../../process/task/task.js';
import { readTimespec, Timespec, writeTimespec } from '../../process/time/timespec.js';
import { endMask, swapMask } from './sigmask.js';

const POLLFD_SIZE = 8;
const REVENTS = 6;
/** What is reported whether asked for or not. */
const ALWAYS = POLLERR | POLLHUP;

/**
 * The caller's pollfd array; handlers run one at a time, so one will do. Grows to the largest ever asked for.
 */
let table = new Uint8Array(512);
let view = new DataView(table.buffer);
/** `revents` to be, by entry. */
let found = new Uint16Array(64);

const timeout = new Timespec();

/** Copy `count` pollfds in. 0 or -EFAULT. */
function load(t: Task, addr: number, count: number): number {
  const bytes = count * POLLFD_SIZE;
  if (table.length < bytes) {
    table = new Uint8Array(Math.max(bytes, table.length * 2));
    view = new DataView(table.buffer);
    found = new Uint16Array(table.length / POLLFD_SIZE);
  }
  return count === 0 || t.mm.copyIn(addr, table, 0, bytes) === 0 ? 0 : -EFAULT;
}

/** The events of `fd` now, among those asked for. */
function eventsOf(t: Task, fd: number, asked: number): number {
  if (fd < 0) return 0;
  const file = fileOf(t, fd);
  if (file === null) return POLLNVAL;
  return file.poll() & (asked | ALWAYS);
}

/** Look at every entry: the events of each go to `found`. The number of entries that have some. */
function look(t: Task, count: number): number {
  let ready = 0;
  for (let i = 0; i < count; i++) {
    const at = i * POLLFD_SIZE;
    const events = eventsOf(t, view.getInt32(at, true), view.getUint16(at + 4, true));
    found[i] = events;
    if (events !== 0) ready++;
  }
  return ready;
}

/** Store what `look` found: only the `revents` fields, and only where they change. 0 or -EFAULT. */
function store(t: Task, addr: number, count: number): number {
  for (let i = 0; i < count; i++) {
    const at = i * POLLFD_SIZE + REVENTS;
    if (view.getUint16(at, true) === found[i]) continue;
    view.setUint16(at, found[i], true);
    if (t.mm.copyOut(addr + at, table, at, 2) < 0) return -EFAULT;
  }
  return 0;
}

function enqueue(t: Task, count: number): void {
  for (let i = 0; i < count; i++) {
    const at = i * POLLFD_SIZE;
    const fd = view.getInt32(at, true);
    const queue = fd < 0 ? null : (fileOf(t, fd)?.waitQueue ?? null);
    if (queue !== null) t.wait.on(queue, view.getUint16(at + 4, true) | ALWAYS);
  }
}

/**
 * poll and ppoll once the timeout is set: the number of ready descriptors, 0 after the timeout, BLOCKED,
 * -EFAULT, -EINVAL (more entries than descriptors allowed), -ERESTARTNOHAND when a signal came.
 */
function doPoll(t: Task, addr: number, count: number): number {
  if (count > t.group.limits.soft[RLIMIT_NOFILE]) return -EINVAL;
  if (load(t, addr, count) < 0) return -EFAULT;
  const ready = look(t, count);
  if (ready === 0) {
    // A signal wins over the timeout, as in Linux' do_poll.
    if (t.interrupted) return -ERESTARTNOHAND;
    if (!t.wait.timedOut) {
      enqueue(t, count);
      return t.sleepEnqueued(-ERESTARTNOHAND);
    }
  }
  return store(t, addr, count) < 0 ? -EFAULT : ready;
}

/** A timeout of zero is over at once; a longer one starts with the first run. */
export function startTimeout(t: Task, ns: number): void {
  if (ns === 0) t.wait.timedOut = true;
  else t.setTimeout(ns);
}

/** poll(2). Interrupted by a signal without a handler it goes on with what is left of its time. */
function sysPoll(t: Task, a: SyscallArgs): number {
  const ms = a.i32(2);
  startTimeout(t, ms < 0 ? Number.POSITIVE_INFINITY : ms * 1e6);
  const r = doPoll(t, a.u64(0), a.u32(1));
  return r === -ERESTARTNOHAND ? t.restartBlock() : r;
}

/** ppoll(2): poll with a finer timeout, which is updated, and a signal mask for the time of the call. */
function sysPpoll(t: Task, a: SyscallArgs): number {
  const timeoutAddr = a.u64(2);
  if (t.wait.round === 0) {
    let ns = Number.POSITIVE_INFINITY;
    if (timeoutAddr !== 0) {
      const r = readTimespec(t.mm, timeoutAddr, timeout);
      if (r < 0) return r;
      ns = timeout.ns;
    }
    const r = swapMask(t, a.u64(3), a.u64(4));
    if (r < 0) return r;
    startTimeout(t, ns);
  }
  const r = doPoll(t, a.u64(0), a.u32(1));
  return r === BLOCKED ? r : finishPoll(t, r, timeoutAddr, 1);
}

/**
 * End of ppoll, select and pselect6 (Linux: poll_select_finish): the mask goes back, and what is left of the
 * timeout is stored. When it cannot be stored the call cannot be restarted either, as it would wait too long.
 *
 * @param unit 1000 for a timeval, 1 for a timespec
 */
export function finishPoll(t: Task, result: number, addr: number, unit: 1 | 1000): number {
  endMask(t, result);
  if (addr === 0) return result;
  const deadline = t.wait.deadline;
  // A zero timeout set no deadline, and is not updated.
  if (deadline === Number.POSITIVE_INFINITY && t.wait.timedOut) return result;
  if (deadline !== Number.POSITIVE_INFINITY) {
    const left = Math.max(0, deadline - t.kernel.clock.monotonic());
    timeout.setNs(left);
    // struct timeval and struct timespec differ in the unit only.
    if (writeTimespec(t.mm, addr, timeout.sec, Math.floor(timeout.nsec / unit)) === 0) return result;
    return result === -ERESTARTNOHAND ? -EINTR : result;
  }
  return result;
}

export const rows = [
  row(SYS_poll, 'poll', sysPoll, ['pollfds', 'uint', 'int']),
  row(SYS_ppoll, 'ppoll', sysPpoll, ['pollfds', 'uint', 'timespec', 'sigset', 'size']),
];
