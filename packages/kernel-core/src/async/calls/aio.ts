import {
  EAGAIN,
  EBADF,
  EFAULT,
  EINPROGRESS,
  EINTR,
  EINVAL,
  IO_EVENT,
  IOCB,
  IOCB_CMD_FDSYNC,
  IOCB_CMD_FSYNC,
  IOCB_CMD_POLL,
  IOCB_CMD_PREAD,
  IOCB_CMD_PREADV,
  IOCB_CMD_PWRITE,
  IOCB_CMD_PWRITEV,
  IOCB_FLAG_RESFD,
  MAX_RW_COUNT,
  O_PATH,
  POLLERR,
  POLLHUP,
  POLLIN,
  RWF_NOWAIT,
  SYS_io_cancel,
  SYS_io_destroy,
  SYS_io_getevents,
  SYS_io_pgetevents,
  SYS_io_setup,
  SYS_io_submit,
  TASK_SIZE_MAX,
} from '@sandbox/abi';
import type { File, IoBuf } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { row } from '../../call/row.js';
import { EventFile } from '../../files/event/eventfd.js';
import { isUnreadable, isUnwritable, mayRead, mayWrite } from '../../files/io/files.js';
import type { SyscallHandler } from '../../process/kernel/call-table.js';
import type { Task } from '../../process/task/task.js';
import { loadTimespec, Timespec } from '../../process/time/timespec.js';
import { startTimeout } from '../../syscalls/io/poll.js';
import { readAt } from '../../syscalls/io/read.js';
import { rwfCheck } from '../../syscalls/io/rwf.js';
import { swapMask } from '../../syscalls/io/sigmask.js';
import { skip, writeAt } from '../../syscalls/io/write.js';
import { AioContext, AioRequest, aioOf } from '../aio-context.js';

const POINTER = 8;
/** Offset of the reserved field before `aio_flags`. */
const RESERVED = 48;

const control = new Uint8Array(IOCB.SIZE);
const view = new DataView(control.buffer);
const event = new Uint8Array(IO_EVENT.SIZE);
const eventWords = new Uint32Array(event.buffer);
const timeout = new Timespec();

function u64(at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
}

/** io_setup(2): EAGAIN, EFAULT, EINVAL, ENOMEM. */
function sysIoSetup(t: Task, a: SyscallArgs): number {
  const requests = a.u32(0);
  const addr = a.u64(1);
  const before = t.mm.load64(addr);
  if (before < 0) return -EFAULT;
  if (before !== 0 || requests === 0) return -EINVAL;
  const contexts = aioOf(t.kernel);
  const made = AioContext.create(t, contexts, requests);
  if (typeof made === 'number') return made;
  contexts.add(t.mm, made);
  if (t.mm.store64(addr, made.id) === 0) return 0;
  contexts.remove(t.mm, made);
  t.mm.munmap(made.id, made.bytes);
  return -EFAULT;
}

/** io_destroy(2): what is under way ends here. */
function sysIoDestroy(t: Task, a: SyscallArgs): number {
  const context = aioOf(t.kernel).get(t.mm, a.u64(0));
  if (context === null) return -EINVAL;
  aioOf(t.kernel).remove(t.mm, context);
  t.mm.munmap(context.id, context.bytes);
  return 0;
}

/** The caller's range or vector, as an argument of a request's handler. */
function buffer(t: Task, a: SyscallArgs): IoBuf | number {
  if (a.u32(5) !== 0) return t.mm.iov(a.u64(1), a.u64(2));
  const addr = a.u64(1);
  const length = Math.min(a.u64(2), MAX_RW_COUNT);
  return addr + length > TASK_SIZE_MAX ? -EFAULT : t.mm.io(addr, length);
}

/**
 * Arguments of the handlers: -, address, length or count, offset, RWF_* flags, vector or not. The description
 * is held.
 */
function aioRead(t: Task, a: SyscallArgs): number {
  const io = buffer(t, a);
  if (typeof io === 'number') return io;
  return readAt(t, t.wait.file!, io, a.s64(3), (a.u32(4) & RWF_NOWAIT) !== 0);
}

function aioWrite(t: Task, a: SyscallArgs): number {
  const io = buffer(t, a);
  if (typeof io === 'number') return io;
  skip(io, t.wait.progress);
  return writeAt(t, t.wait.file!, io, a.s64(3), a.u32(4));
}

function aioSync(t: Task, a: SyscallArgs): number {
  return t.wait.file!.fsync(a.u32(0) !== 0);
}

function aioPoll(t: Task, a: SyscallArgs): number {
  const file = t.wait.file!;
  const events = a.u32(0) | POLLERR | POLLHUP;
  const ready = file.poll() & events;
  return ready !== 0 ? ready : t.sleep(file.waitQueue, events);
}

/** The handler for the request in `control`, or -errno. */
function prepare(t: Task, file: File): SyscallHandler | number {
  const flags = view.getInt32(IOCB.aio_rw_flags, true);
  const address = u64(IOCB.aio_buf);
  const length = u64(IOCB.aio_nbytes);
  const positive = view.getInt32(IOCB.aio_offset + 4, true) >= 0;
  const plain = length === 0 && u64(IOCB.aio_offset) === 0 && flags === 0;
  const opcode = view.getUint16(IOCB.aio_lio_opcode, true);
  switch (opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PREADV:
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PWRITEV: {
      const read = opcode === IOCB_CMD_PREAD || opcode === IOCB_CMD_PREADV;
      const r = rwfCheck(file, flags);
      if (r < 0) return r;
      if (!(read ? mayRead(file.flags) : mayWrite(file.flags))) return -EBADF;
      if (read ? isUnreadable(file) : isUnwritable(file)) return -EINVAL;
      const vector = opcode === IOCB_CMD_PREADV || opcode === IOCB_CMD_PWRITEV;
      const io = vector ? t.mm.iov(address, length) : 0;
      if (typeof io === 'number' && io < 0) return io;
      if (!vector && address + Math.min(length, MAX_RW_COUNT) > TASK_SIZE_MAX) return -EFAULT;
      if (!positive) return -EINVAL;
      return read ? aioRead : aioWrite;
    }
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
      return plain && address === 0 && file.inode.isRegular ? aioSync : -EINVAL;
    case IOCB_CMD_POLL:
      if (!plain || address > 0xffff) return -EINVAL;
      return file.waitQueue !== null || (file.poll() & address) !== 0 ? aioPoll : -EINVAL;
    default:
      return -EINVAL;
  }
}

function setArguments(request: AioRequest, opcode: number): void {
  if (opcode === IOCB_CMD_FSYNC || opcode === IOCB_CMD_FDSYNC) {
    request.setArg(0, opcode === IOCB_CMD_FDSYNC ? 1 : 0);
    return;
  }
  if (opcode === IOCB_CMD_POLL) {
    request.isPoll = true;
    request.setArg(0, u64(IOCB.aio_buf));
    return;
  }
  request.setArg(1, u64(IOCB.aio_buf));
  request.setArg(2, u64(IOCB.aio_nbytes));
  request.setArg(3, u64(IOCB.aio_offset));
  request.setArg(4, view.getUint32(IOCB.aio_rw_flags, true));
  request.setArg(5, opcode === IOCB_CMD_PREADV || opcode === IOCB_CMD_PWRITEV ? 1 : 0);
}

/** Start the request described at `addr`. 0, EAGAIN (no place for its event), EBADF, EFAULT, EINVAL... */
function submit(t: Task, context: AioContext, addr: number): number {
  if (t.mm.copyIn(addr, control, 0, IOCB.SIZE) < 0) return -EFAULT;
  if (u64(RESERVED) !== 0) return -EINVAL;
  if (!context.hasRoom) return -EAGAIN;
  const file = t.files.get(view.getInt32(IOCB.aio_fildes, true));
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  let notify: EventFile | null = null;
  if ((view.getUint32(IOCB.aio_flags, true) & IOCB_FLAG_RESFD) !== 0) {
    const target = t.files.get(view.getInt32(IOCB.aio_resfd, true));
    if (target === null) return -EBADF;
    if (!(target instanceof EventFile)) return -EINVAL;
    notify = target;
  }
  if (t.mm.store32(addr + IOCB.aio_key, 0) < 0) return -EFAULT;
  const handler = prepare(t, file);
  if (typeof handler === 'number') return handler;
  const request = new AioRequest(t, context);
  request.dataLo = view.getUint32(IOCB.aio_data, true);
  request.dataHi = view.getUint32(IOCB.aio_data + 4, true);
  request.iocb = addr;
  if (notify !== null) {
    notify.refs++;
    request.notify = notify;
  }
  setArguments(request, view.getUint16(IOCB.aio_lio_opcode, true));
  context.active.add(request);
  request.wait.holdFile(file);
  request.start(handler);
  return 0;
}

/** io_submit(2): requests started, or the error of the first. */
function sysIoSubmit(t: Task, a: SyscallArgs): number {
  const count = a.s64(1);
  if (count < 0) return -EINVAL;
  const context = aioOf(t.kernel).get(t.mm, a.u64(0));
  if (context === null) return -EINVAL;
  const list = a.u64(2);
  const most = Math.min(count, context.slots);
  for (let i = 0; i < most; i++) {
    const addr = t.mm.load64(list + i * POINTER);
    const r = addr < 0 ? -EFAULT : submit(t, context, addr);
    if (r < 0) return i > 0 ? i : r;
  }
  return most;
}

/**
 * io_cancel(2): EINPROGRESS, the event follows as usual; EINVAL for what is not under way or cannot be
 * stopped.
 */
function sysIoCancel(t: Task, a: SyscallArgs): number {
  const addr = a.u64(1);
  const key = t.mm.load32(addr + IOCB.aio_key);
  if (key < 0) return -EFAULT;
  if (key !== 0) return -EINVAL;
  const context = aioOf(t.kernel).get(t.mm, a.u64(0));
  if (context === null) return -EINVAL;
  for (const request of context.active) {
    if (request.iocb !== addr || !request.isPoll) continue;
    request.abandon();
    context.complete(request, 0);
    return -EINPROGRESS;
  }
  return -EINVAL;
}

/** `wait.data` of a call that waits: the events it has stored so far. */
function getevents(t: Task, a: SyscallArgs): number {
  const min = a.s64(1);
  const most = a.s64(2);
  const context = aioOf(t.kernel).get(t.mm, a.u64(0));
  if (context === null) return t.wait.round > 0 && t.wait.progress > 0 ? t.wait.progress : -EINVAL;
  if (min < 0 || min > most || most < 0) return -EINVAL;
  const out = a.u64(3);
  const { wait } = t;
  while (wait.progress < most && context.peek(eventWords)) {
    if (t.mm.copyOut(out + wait.progress * IO_EVENT.SIZE, event, 0, IO_EVENT.SIZE) < 0)
      return wait.progress > 0 ? wait.progress : -EFAULT;
    context.advance();
    wait.progress++;
  }
  if (wait.progress >= min || wait.timedOut) return wait.progress;
  return t.sleep(context.waiters, POLLIN, -EINTR);
}

/** The time limit at `addr`; 0 waits without end. 0 or -errno. */
function limit(t: Task, addr: number): number {
  if (t.wait.round > 0) return 0;
  let ns = Number.POSITIVE_INFINITY;
  if (addr !== 0) {
    const r = loadTimespec(t.mm, addr, timeout);
    if (r < 0) return r;
    // Linux checks nothing here; a negative time never comes.
    if (timeout.ns >= 0) ns = timeout.ns;
  }
  startTimeout(t, ns);
  return 0;
}

/** io_getevents(2): events stored; EFAULT, EINTR, EINVAL. */
function sysIoGetevents(t: Task, a: SyscallArgs): number {
  const r = limit(t, a.u64(4));
  return r < 0 ? r : getevents(t, a);
}

/** io_pgetevents: io_getevents(2) with a signal mask, given as a pointer to its address and size. */
function sysIoPgetevents(t: Task, a: SyscallArgs): number {
  if (t.wait.round === 0) {
    let r = limit(t, a.u64(4));
    if (r < 0) return r;
    const arg = a.u64(5);
    if (arg !== 0) {
      const mask = t.mm.load64(arg);
      const size = mask < 0 ? mask : t.mm.load64(arg + 8);
      if (size < 0) return -EFAULT;
      r = swapMask(t, mask, size);
      if (r < 0) return r;
    }
  }
  const r = getevents(t, a);
  if (r !== BLOCKED && r !== -EINTR) t.kernel.signals.restoreMask(t);
  return r;
}

const EVENTS = ['ulong', 'long', 'long', 'ptr', 'timespec'] as const;

export const rows = [
  row(SYS_io_setup, 'io_setup', sysIoSetup, ['uint', 'ptr']),
  row(SYS_io_destroy, 'io_destroy', sysIoDestroy, ['ulong']),
  row(SYS_io_submit, 'io_submit', sysIoSubmit, ['ulong', 'long', 'ptr'], {
    note: 'never sleeps: requests on pipes and sockets end when they can',
  }),
  row(SYS_io_cancel, 'io_cancel', sysIoCancel, ['ulong', 'ptr', 'ptr']),
  row(SYS_io_getevents, 'io_getevents', sysIoGetevents, EVENTS),
  row(SYS_io_pgetevents, 'io_pgetevents', sysIoPgetevents, [...EVENTS, 'ptr']),
];
