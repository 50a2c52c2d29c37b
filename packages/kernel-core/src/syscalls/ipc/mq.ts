import {
  EAGAIN,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOSYS,
  ERESTARTSYS,
  ETIMEDOUT,
  MQ_ATTR,
  MQ_PRIO_MAX,
  NSIG,
  O_CLOEXEC,
  O_NONBLOCK,
  POLLIN,
  POLLOUT,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD,
  SIGEVENT,
  SYS_mq_getsetattr,
  SYS_mq_notify,
  SYS_mq_open,
  SYS_mq_timedreceive,
  SYS_mq_timedsend,
  SYS_mq_unlink,
} from '@sandbox/abi';
import type { WaitQueue } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { fileOf } from '../../files/io/files.js';
import { MqFile, mqueuesOf } from '../../files/mqueue/mqueue.js';
import { installFile } from '../../process/files/install.js';
import type { Task } from '../../process/task/task.js';
import { CLOCK_KIND_REALTIME, deadlineOf } from '../../process/time/clocks.js';
import { readTimespec, Timespec } from '../../process/time/timespec.js';

const timeout = new Timespec();

function long(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getInt32(at + 4, true) * 4294967296;
}

/** The queue behind `fd`, or null: EBADF. */
function queueFile(task: Task, fd: number): MqFile | null {
  const file = fileOf(task, fd);
  return file instanceof MqFile ? file : null;
}

/** mq_open(3): EACCES, EEXIST, EFAULT, EINVAL, EMFILE, ENAMETOOLONG, ENOENT, ENOSPC. */
function sysMqOpen(task: Task, args: SyscallArgs): number {
  const flags = args.i32(1);
  const attr = args.u64(3);
  const { scratch, scratchView: view } = task.kernel;
  let maxMessages = -1;
  let maxSize = -1;
  if (attr !== 0) {
    if (task.mm.copyIn(attr, scratch, 0, MQ_ATTR.SIZE) < 0) return -EFAULT;
    // -1 stands for "none given"; one that was given and is not positive is refused alike.
    maxMessages = Math.max(0, long(view, MQ_ATTR.mq_maxmsg));
    maxSize = long(view, MQ_ATTR.mq_msgsize);
  }
  const name = task.mm.readPath(args.u64(0));
  if (typeof name === 'number') return name;
  const file = mqueuesOf(task.nsSet.ipc).open(task, name, flags, args.u32(2), maxMessages, maxSize);
  return typeof file === 'number' ? file : installFile(task, file, (flags & O_CLOEXEC) !== 0);
}

/** mq_unlink(3): EACCES, EFAULT, ENAMETOOLONG, ENOENT, EPERM. */
function sysMqUnlink(task: Task, args: SyscallArgs): number {
  const name = task.mm.readPath(args.u64(0));
  return typeof name === 'number' ? name : mqueuesOf(task.nsSet.ipc).unlink(task, name);
}

/** First run: the absolute timeout of a send or receive, by CLOCK_REALTIME. EFAULT, EINVAL. */
function setDeadline(task: Task, addr: number): number {
  const { wait } = task;
  if (addr === 0 || wait.round !== 0) return 0;
  const r = readTimespec(task.mm, addr, timeout);
  if (r === 0) wait.deadline = deadlineOf(task.kernel, CLOCK_KIND_REALTIME, timeout.sec, timeout.nsec);
  return r;
}

/** The queue is full, or empty: wait, unless the call must not. */
function block(task: Task, file: MqFile, queue: WaitQueue, mask: number): number {
  const { wait } = task;
  if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
  if (wait.timedOut || wait.deadline <= task.kernel.clock.monotonic()) return -ETIMEDOUT;
  wait.holdFile(file);
  return task.sleep(queue, mask, -ERESTARTSYS);
}

/** mq_timedsend(2): EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EMSGSIZE, ETIMEDOUT. */
function sysMqTimedsend(task: Task, args: SyscallArgs): number {
  const size = args.u64(2);
  const priority = args.u32(3);
  const r = setDeadline(task, args.u64(4));
  if (r < 0) return r;
  if (priority >= MQ_PRIO_MAX) return -EINVAL;
  const file = queueFile(task, args.i32(0));
  if (!file?.writable) return -EBADF;
  const { queue } = file;
  if (size > queue.maxSize) return -EMSGSIZE;
  const text = new Uint8Array(size);
  if (task.mm.copyIn(args.u64(1), text, 0, size) < 0) return -EFAULT;
  if (queue.messages.length >= queue.maxMessages) return block(task, file, queue.senders, POLLOUT);
  queue.put({ priority, text }, task);
  return 0;
}

/** mq_timedreceive(2): EAGAIN, EBADF, EFAULT, EINTR, EINVAL, EMSGSIZE, ETIMEDOUT. */
function sysMqTimedreceive(task: Task, args: SyscallArgs): number {
  const r = setDeadline(task, args.u64(4));
  if (r < 0) return r;
  const file = queueFile(task, args.i32(0));
  if (!file?.readable) return -EBADF;
  const { queue } = file;
  if (args.u64(2) < queue.maxSize) return -EMSGSIZE;
  if (queue.messages.length === 0) return block(task, file, queue.receivers, POLLIN);
  const message = queue.take();
  const priority = args.u64(3);
  if (priority !== 0 && task.mm.store32(priority, message.priority) < 0) return -EFAULT;
  const { text } = message;
  return task.mm.copyOut(args.u64(1), text, 0, text.length) < 0 ? -EFAULT : text.length;
}

/** mq_notify(2): EBADF, EBUSY, EFAULT, EINVAL. */
function sysMqNotify(task: Task, args: SyscallArgs): number {
  const addr = args.u64(1);
  const { scratch, scratchView: view } = task.kernel;
  let signo = 0;
  if (addr !== 0) {
    if (task.mm.copyIn(addr, scratch, 0, SIGEVENT.SIZE) < 0) return -EFAULT;
    const notify = view.getInt32(SIGEVENT.sigev_notify, true);
    // The C library's threads hear of it through a netlink socket of the kernel's own making.
    if (notify === SIGEV_THREAD) return -ENOSYS;
    if (notify !== SIGEV_NONE && notify !== SIGEV_SIGNAL) return -EINVAL;
    if (notify === SIGEV_SIGNAL) signo = view.getInt32(SIGEVENT.sigev_signo, true);
    if (signo < 0 || signo > NSIG) return -EINVAL;
  }
  const valueLo = view.getUint32(SIGEVENT.sigev_value, true);
  const valueHi = view.getUint32(SIGEVENT.sigev_value + 4, true);
  const file = queueFile(task, args.i32(0));
  if (!file) return -EBADF;
  const { queue } = file;
  if (addr === 0) {
    queue.unregister(task.group);
    return 0;
  }
  if (queue.notification) return -EBUSY;
  queue.notification = { owner: task.group, signo, valueLo, valueHi };
  return 0;
}

/** mq_getsetattr(2): EBADF, EFAULT, EINVAL. Only O_NONBLOCK can be set. */
function sysMqGetsetattr(task: Task, args: SyscallArgs): number {
  const from = args.u64(1);
  const to = args.u64(2);
  const { scratch, scratchView: view } = task.kernel;
  let flags = 0;
  if (from !== 0) {
    if (task.mm.copyIn(from, scratch, 0, MQ_ATTR.SIZE) < 0) return -EFAULT;
    flags = view.getUint32(MQ_ATTR.mq_flags, true);
    if ((flags & ~O_NONBLOCK) !== 0 || view.getUint32(MQ_ATTR.mq_flags + 4, true) !== 0) return -EINVAL;
  }
  const file = queueFile(task, args.i32(0));
  if (!file) return -EBADF;
  const { queue } = file;
  scratch.fill(0, 0, MQ_ATTR.SIZE);
  view.setUint32(MQ_ATTR.mq_flags, file.flags & O_NONBLOCK, true);
  view.setUint32(MQ_ATTR.mq_maxmsg, queue.maxMessages, true);
  view.setUint32(MQ_ATTR.mq_msgsize, queue.maxSize, true);
  view.setUint32(MQ_ATTR.mq_curmsgs, queue.messages.length, true);
  if (from !== 0) file.flags = (file.flags & ~O_NONBLOCK) | flags;
  return to === 0 ? 0 : task.mm.copyOut(to, scratch, 0, MQ_ATTR.SIZE);
}

export const rows = [
  row(SYS_mq_open, 'mq_open', sysMqOpen, ['path', 'int', 'mode', 'ptr']),
  row(SYS_mq_unlink, 'mq_unlink', sysMqUnlink, ['path']),
  row(SYS_mq_timedsend, 'mq_timedsend', sysMqTimedsend, ['fd', 'buf', 'size', 'uint', 'timespec']),
  row(SYS_mq_timedreceive, 'mq_timedreceive', sysMqTimedreceive, ['fd', 'outbuf', 'size', 'ptr', 'timespec']),
  row(SYS_mq_notify, 'mq_notify', sysMqNotify, ['fd', 'ptr'], {
    support: 'partial',
    note: 'no SIGEV_THREAD, which needs a netlink socket',
  }),
  row(SYS_mq_getsetattr, 'mq_getsetattr', sysMqGetsetattr, ['fd', 'ptr', 'ptr']),
];
