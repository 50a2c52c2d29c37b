import {
  EBADF,
  EFAULT,
  EINTR,
  EINVAL,
  EPERM,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLWAKEUP,
  POLLIN,
  SYS_epoll_create,
  SYS_epoll_create1,
  SYS_epoll_ctl,
  SYS_epoll_pwait,
  SYS_epoll_pwait2,
  SYS_epoll_wait,
  TASK_SIZE_MAX,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { EpollFile, type EventSink } from '../../files/epoll/epoll.js';
import { fileOf } from '../../files/io/files.js';
import { ioOf } from '../../files/io-state.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';
import { readTimespec, Timespec } from '../../process/time/timespec.js';
import { startTimeout } from './poll.js';
import { endMask, swapMask } from './sigmask.js';

const EVENT_SIZE = 12;
/** EP_MAX_EVENTS. */
const MAX_EVENTS = Math.floor(0x7fffffff / EVENT_SIZE);
const EXCLUSIVE_OK =
  (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE) >>> 0;

const bytes = new Uint8Array(EVENT_SIZE);
const view = new DataView(bytes.buffer);
const timeout = new Timespec();

/** epoll_create(2): the size must be positive and means nothing else. */
function sysEpollCreate(t: Task, a: SyscallArgs): number {
  return a.i32(0) <= 0 ? -EINVAL : create(t, false);
}

/** epoll_create1(2) */
function sysEpollCreate1(t: Task, a: SyscallArgs): number {
  const flags = a.u32(0);
  if ((flags & ~EPOLL_CLOEXEC) !== 0) return -EINVAL;
  return create(t, flags !== 0);
}

function create(t: Task, cloexec: boolean): number {
  const io = ioOf(t.kernel);
  return installFile(t, new EpollFile(t.kernel.anonInode, io.epollWatches), cloexec);
}

/** epoll_ctl(2) */
function sysEpollCtl(t: Task, a: SyscallArgs): number {
  const op = a.i32(1);
  const fd = a.i32(2);
  let events = 0;
  if (op !== EPOLL_CTL_DEL) {
    if (t.mm.copyIn(a.u64(3), bytes, 0, EVENT_SIZE) < 0) return -EFAULT;
    events = view.getUint32(0, true);
  }
  const epoll = fileOf(t, a.i32(0));
  const target = fileOf(t, fd);
  if (epoll === null || target === null) return -EBADF;
  // What never changes cannot be waited for: regular files, directories.
  if (!target.canPoll) return -EPERM;
  if (epoll === target || !(epoll instanceof EpollFile)) return -EINVAL;
  if (op !== EPOLL_CTL_DEL && (events & EPOLLEXCLUSIVE) !== 0) {
    if (op === EPOLL_CTL_MOD) return -EINVAL;
    if (op === EPOLL_CTL_ADD && (target instanceof EpollFile || (events & ~EXCLUSIVE_OK) !== 0))
      return -EINVAL;
  }
  const lo = view.getUint32(4, true);
  const hi = view.getUint32(8, true);
  switch (op) {
    case EPOLL_CTL_ADD:
      return epoll.add(fd, target, events, lo, hi);
    case EPOLL_CTL_MOD:
      return epoll.modify(fd, target, events, lo, hi);
    case EPOLL_CTL_DEL:
      return epoll.remove(fd, target);
    default:
      return -EINVAL;
  }
}

/** Stores events in the caller's array, one after the other. */
class GuestEvents implements EventSink {
  private task: Task | null = null;
  private addr = 0;

  start(task: Task, addr: number): this {
    this.task = task;
    this.addr = addr;
    return this;
  }

  /** Hold on to nothing between calls. */
  end(): void {
    this.task = null;
  }

  event(events: number, dataLo: number, dataHi: number): boolean {
    view.setUint32(0, events, true);
    view.setUint32(4, dataLo, true);
    view.setUint32(8, dataHi, true);
    const ok = this.task!.mm.copyOut(this.addr, bytes, 0, EVENT_SIZE) === 0;
    this.addr += EVENT_SIZE;
    return ok;
  }
}
const sink = new GuestEvents();

/** 0, or what is wrong with the array for the events. */
function checkRoom(addr: number, max: number): number {
  if (max <= 0 || max > MAX_EVENTS) return -EINVAL;
  return addr + max * EVENT_SIZE > TASK_SIZE_MAX ? -EFAULT : 0;
}

/** Wait once the timeout is set. A signal always means EINTR (signal(7)). */
function doWait(t: Task, a: SyscallArgs): number {
  const addr = a.u64(1);
  const max = a.i32(2);
  const epoll = fileOf(t, a.i32(0));
  if (epoll === null) return -EBADF;
  const r = checkRoom(addr, max);
  if (r < 0) return r;
  if (!(epoll instanceof EpollFile)) return -EINVAL;
  if (epoll.hasReady) {
    const n = epoll.collect(max, sink.start(t, addr));
    sink.end();
    if (n !== 0) return n < 0 ? -EFAULT : n;
  }
  if (t.wait.timedOut) return 0;
  if (t.interrupted) return -EINTR;
  t.wait.holdFile(epoll);
  t.wait.onFirst(epoll.waiters, POLLIN);
  return t.sleepEnqueued(-EINTR);
}

function setMilliseconds(t: Task, ms: number): void {
  startTimeout(t, ms < 0 ? Number.POSITIVE_INFINITY : ms * 1e6);
}

/** epoll_wait(2) */
function sysEpollWait(t: Task, a: SyscallArgs): number {
  setMilliseconds(t, a.i32(3));
  return doWait(t, a);
}

/** epoll_pwait(2) */
function sysEpollPwait(t: Task, a: SyscallArgs): number {
  if (t.wait.round === 0) {
    const r = swapMask(t, a.u64(4), a.u64(5));
    if (r < 0) return r;
    setMilliseconds(t, a.i32(3));
  }
  return finish(t, doWait(t, a));
}

/** epoll_pwait2(2): the timeout is a timespec; null waits without end. */
function sysEpollPwait2(t: Task, a: SyscallArgs): number {
  if (t.wait.round === 0) {
    const addr = a.u64(3);
    let ns = Number.POSITIVE_INFINITY;
    if (addr !== 0) {
      const r = readTimespec(t.mm, addr, timeout);
      if (r < 0) return r;
      ns = timeout.ns;
    }
    const r = swapMask(t, a.u64(4), a.u64(5));
    if (r < 0) return r;
    startTimeout(t, ns);
  }
  return finish(t, doWait(t, a));
}

function finish(t: Task, result: number): number {
  if (result !== BLOCKED) endMask(t, result);
  return result;
}

export const rows = [
  row(SYS_epoll_create, 'epoll_create', sysEpollCreate, ['int']),
  row(SYS_epoll_create1, 'epoll_create1', sysEpollCreate1, [{ flags: { EPOLL_CLOEXEC } }]),
  row(SYS_epoll_ctl, 'epoll_ctl', sysEpollCtl, ['fd', 'int', 'fd', 'epoll_event']),
  row(SYS_epoll_wait, 'epoll_wait', sysEpollWait, ['fd', 'epoll_event', 'int', 'int']),
  row(SYS_epoll_pwait, 'epoll_pwait', sysEpollPwait, ['fd', 'epoll_event', 'int', 'int', 'sigset', 'size']),
  row(SYS_epoll_pwait2, 'epoll_pwait2', sysEpollPwait2, [
    'fd',
    'epoll_event',
    'int',
    'timespec',
    'sigset',
    'size',
  ]),
];
