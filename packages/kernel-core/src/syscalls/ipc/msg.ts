import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EIDRM,
  EINVAL,
  ENOMSG,
  ENOSYS,
  ERESTARTNOHAND,
  IPC_INFO,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  MSG_COPY,
  MSG_EXCEPT,
  MSG_INFO,
  MSG_NOERROR,
  MSG_STAT,
  MSG_STAT_ANY,
  MSGBUF,
  MSGINFO,
  MSQID64_DS,
  POLLIN,
  POLLOUT,
  SYS_msgctl,
  SYS_msgget,
  SYS_msgrcv,
  SYS_msgsnd,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../call/args.js';
import { row } from '../../call/row.js';
import { ipcOwner, ipcPermission, putLong, readForSet } from '../../files/sysv/ids.js';
import {
  MessageQueue,
  SEARCH_ANY,
  SEARCH_EQUAL,
  SEARCH_LESSEQUAL,
  SEARCH_NOTEQUAL,
} from '../../files/sysv/msg.js';
import { sysvOf } from '../../files/sysv/state.js';
import type { Task } from '../../process/task/task.js';

const READ = 0o444;
const WRITE = 0o222;

/** msgget(2): EACCES, EEXIST, ENOENT, ENOSPC. */
function sysMsgget(task: Task, args: SyscallArgs): number {
  const create = (): MessageQueue => {
    const queue = new MessageQueue(sysvOf(task.nsSet.ipc).limits.msgmnb);
    queue.ctime = task.kernel.clock.realtimeSec();
    return queue;
  };
  return sysvOf(task.nsSet.ipc).msg.ids.get(task, args.i32(0), args.i32(1), create, () => 0);
}

/** The queue of a call that may have slept: on later runs EIDRM when it was removed meanwhile. */
function queueOf(task: Task, id: number): MessageQueue | number {
  const slept = task.wait.data;
  if (slept instanceof MessageQueue) return slept.removed ? -EIDRM : slept;
  return sysvOf(task.nsSet.ipc).msg.ids.find(id);
}

/** msgsnd(2): EACCES, EAGAIN, EFAULT, EIDRM, EINTR, EINVAL, ENOMEM. */
function sysMsgsnd(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  const addr = args.u64(1);
  const size = args.u64(2);
  const { mm, kernel } = task;
  const typeLo = mm.load32(addr + MSGBUF.mtype);
  const typeHi = mm.load32(addr + MSGBUF.mtype + 4);
  if (typeLo < 0 || typeHi < 0) return -EFAULT;
  const type = (typeHi | 0) * 4294967296 + typeLo;
  if (size > sysvOf(task.nsSet.ipc).limits.msgmax || id < 0 || type < 1) return -EINVAL;
  const queue = queueOf(task, id);
  if (typeof queue === 'number') return queue;
  const text = new Uint8Array(size);
  if (mm.copyIn(addr + MSGBUF.mtext, text, 0, size) < 0) return -EFAULT;
  const allowed = ipcPermission(queue, task.cred, WRITE);
  if (allowed < 0) return allowed;
  if (!queue.fits(size)) {
    if ((args.i32(3) & IPC_NOWAIT) !== 0) return -EAGAIN;
    task.wait.data = queue;
    return task.sleep(queue.senders, POLLOUT, -ERESTARTNOHAND);
  }
  const sent = sysvOf(task.nsSet.ipc).msg.send(queue, { type, text });
  if (sent < 0) return sent;
  queue.lspid = task.pidFor(task);
  queue.stime = kernel.clock.realtimeSec();
  queue.receivers.wake(POLLIN);
  return 0;
}

/** How `type` and the flags choose: the mode; `wanted` is the type to compare with. */
let wanted = 0;
function searchMode(type: number, flags: number): number {
  wanted = type;
  if (type === 0) return SEARCH_ANY;
  if (type < 0) {
    wanted = -type;
    return SEARCH_LESSEQUAL;
  }
  return (flags & MSG_EXCEPT) !== 0 ? SEARCH_NOTEQUAL : SEARCH_EQUAL;
}

/** msgrcv(2): E2BIG, EACCES, EFAULT, EIDRM, EINTR, EINVAL, ENOMSG, ENOSYS (MSG_COPY). */
function sysMsgrcv(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  const addr = args.u64(1);
  const size = args.s64(2);
  const flags = args.i32(4);
  if (id < 0 || size < 0) return -EINVAL;
  // As on kernels without CONFIG_CHECKPOINT_RESTORE.
  if ((flags & MSG_COPY) !== 0) return -ENOSYS;
  const queue = queueOf(task, id);
  if (typeof queue === 'number') return queue;
  const allowed = ipcPermission(queue, task.cred, READ);
  if (allowed < 0) return allowed;
  const index = queue.search(searchMode(args.s64(3), flags), wanted);
  if (index < 0) {
    if ((flags & IPC_NOWAIT) !== 0) return -ENOMSG;
    task.wait.data = queue;
    return task.sleep(queue.receivers, POLLIN, -ERESTARTNOHAND);
  }
  if (queue.messages[index]!.text.length > size && (flags & MSG_NOERROR) === 0) return -E2BIG;
  const { msg } = sysvOf(task.nsSet.ipc);
  const message = msg.take(queue, index);
  queue.lrpid = task.pidFor(task);
  queue.rtime = task.kernel.clock.realtimeSec();
  queue.senders.wake(POLLOUT);
  const length = Math.min(size, message.text.length);
  if (task.mm.store64(addr + MSGBUF.mtype, message.type) < 0) return -EFAULT;
  return task.mm.copyOut(addr + MSGBUF.mtext, message.text, 0, length) < 0 ? -EFAULT : length;
}

/** IPC_INFO, MSG_INFO. */
function info(task: Task, cmd: number, addr: number): number {
  const { msg, limits } = sysvOf(task.nsSet.ipc);
  const { scratch, scratchView: view } = task.kernel;
  scratch.fill(0, 0, MSGINFO.SIZE);
  let messages = 0;
  let bytes = 0;
  for (const queue of msg.ids.objects) {
    messages += queue.messages.length;
    bytes += queue.bytes;
  }
  const used = cmd === MSG_INFO;
  const put = (at: number, value: number): void => view.setInt32(at, value, true);
  put(MSGINFO.msgpool, used ? msg.ids.size : (limits.msgmni * limits.msgmnb) / 1024);
  put(MSGINFO.msgmap, used ? messages : limits.msgmnb);
  put(MSGINFO.msgmax, limits.msgmax);
  put(MSGINFO.msgmnb, limits.msgmnb);
  put(MSGINFO.msgmni, limits.msgmni);
  put(MSGINFO.msgssz, 16);
  put(MSGINFO.msgtql, used ? bytes : limits.msgmnb);
  view.setUint16(MSGINFO.msgseg, 0xffff, true);
  if (task.mm.copyOut(addr, scratch, 0, MSGINFO.SIZE) < 0) return -EFAULT;
  return Math.max(0, msg.ids.highest);
}

function writeStat(task: Task, queue: MessageQueue, addr: number): number {
  const { scratch, scratchView: view } = task.kernel;
  scratch.fill(0, 0, MSQID64_DS.SIZE);
  queue.writePerm(view, MSQID64_DS.msg_perm);
  putLong(view, MSQID64_DS.msg_stime, queue.stime);
  putLong(view, MSQID64_DS.msg_rtime, queue.rtime);
  putLong(view, MSQID64_DS.msg_ctime, queue.ctime);
  putLong(view, MSQID64_DS.msg_cbytes, queue.bytes);
  putLong(view, MSQID64_DS.msg_qnum, queue.messages.length);
  putLong(view, MSQID64_DS.msg_qbytes, queue.maxBytes);
  view.setInt32(MSQID64_DS.msg_lspid, queue.lspid, true);
  view.setInt32(MSQID64_DS.msg_lrpid, queue.lrpid, true);
  return task.mm.copyOut(addr, scratch, 0, MSQID64_DS.SIZE);
}

/** IPC_SET, IPC_RMID. */
function change(task: Task, cmd: number, queue: MessageQueue, addr: number): number {
  const { kernel, cred } = task;
  if (cmd === IPC_SET) {
    const r = readForSet(task, addr, MSQID64_DS.SIZE);
    if (r < 0) return r;
  }
  const allowed = ipcOwner(queue, cred);
  if (allowed < 0) return allowed;
  if (cmd === IPC_RMID) {
    sysvOf(task.nsSet.ipc).msg.destroy(queue);
  } else {
    const view = kernel.scratchView;
    const at = MSQID64_DS.msg_qbytes;
    let r = queue.setMaxBytes(
      view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296,
      sysvOf(task.nsSet.ipc).limits.msgmnb,
      cred,
    );
    if (r === 0) r = queue.readPerm(view, MSQID64_DS.msg_perm);
    if (r < 0) return r;
    queue.ctime = kernel.clock.realtimeSec();
  }
  // Everybody looks again: at new permissions, a new size, or at EIDRM.
  queue.senders.wake(POLLOUT);
  queue.receivers.wake(POLLIN);
  return 0;
}

/** msgctl(2): EACCES, EFAULT, EIDRM, EINVAL, EPERM. */
function sysMsgctl(task: Task, args: SyscallArgs): number {
  const id = args.i32(0);
  const cmd = args.i32(1);
  const addr = args.u64(2);
  const { ids } = sysvOf(task.nsSet.ipc).msg;
  if (id < 0 || cmd < 0) return -EINVAL;
  switch (cmd) {
    case IPC_INFO:
    case MSG_INFO:
      return info(task, cmd, addr);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY: {
      const queue = cmd === IPC_STAT ? ids.find(id) : ids.atSlot(id);
      if (typeof queue === 'number') return queue;
      const allowed = cmd === MSG_STAT_ANY ? 0 : ipcPermission(queue, task.cred, READ);
      if (allowed < 0) return allowed;
      if (writeStat(task, queue, addr) < 0) return -EFAULT;
      return cmd === IPC_STAT ? 0 : queue.id;
    }
    case IPC_SET:
    case IPC_RMID: {
      const queue = ids.find(id);
      return typeof queue === 'number' ? queue : change(task, cmd, queue, addr);
    }
    default:
      return -EINVAL;
  }
}

export const rows = [
  row(SYS_msgget, 'msgget', sysMsgget, ['int', 'int']),
  row(SYS_msgsnd, 'msgsnd', sysMsgsnd, ['int', 'ptr', 'size', 'int']),
  row(SYS_msgrcv, 'msgrcv', sysMsgrcv, ['int', 'ptr', 'size', 'long', 'int'], {
    support: 'partial',
    note: 'no MSG_COPY, as in kernels without CONFIG_CHECKPOINT_RESTORE',
  }),
  row(SYS_msgctl, 'msgctl', sysMsgctl, ['int', 'int', 'ptr']),
];
