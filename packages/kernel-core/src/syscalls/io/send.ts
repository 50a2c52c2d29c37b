import {
  EFAULT,
  EINVAL,
  MAX_RW_COUNT,
  MMSGHDR,
  MSG_CONFIRM,
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_FASTOPEN,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_ZEROCOPY,
  SYS_sendmmsg,
  SYS_sendmsg,
  SYS_sendto,
  TASK_SIZE_MAX,
  UIO_MAXIOV,
} from '@sandbox/abi';
import type { IoBuf } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { type ArgShape, row } from '../../call/row.js';
import { releaseFiles, SendMessage } from '../../files/socket/message.js';
import type { SocketFile } from '../../files/socket/socket-file.js';
import type { Task } from '../../process/task/task.js';
import { isCompat, MessageHeader } from './msghdr.js';
import { loadAddress, socketOf } from './sockaddr.js';
import { sendMessage } from './transfer.js';
import { skip } from './write.js';

const SEND_FLAGS: ArgShape = {
  flags: {
    MSG_OOB,
    MSG_DONTROUTE,
    MSG_DONTWAIT,
    MSG_EOR,
    MSG_FASTOPEN,
    MSG_CONFIRM,
    MSG_NOSIGNAL,
    MSG_MORE,
    MSG_ZEROCOPY,
  },
};

const message = new SendMessage();
const header = new MessageHeader();
/** Ancillary data of one call. Grows to the largest ever sent. */
let control = new Uint8Array(1280);

/** sendto(2), which send(2) is a case of. */
function sysSendto(t: Task, a: SyscallArgs): number {
  const addr = a.u64(1);
  // Unlike write's, the count is cut before it is checked.
  const count = Math.min(a.u64(2), MAX_RW_COUNT);
  if (addr + count > TASK_SIZE_MAX) return -EFAULT;
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const done = t.wait.progress;
  message.reset(t.mm.io(addr + done, count - done), a.u32(3));
  const nameAddr = a.u64(4);
  if (nameAddr !== 0) {
    const r = loadAddress(t, nameAddr, a.i32(5), message.address);
    if (r < 0) return r;
  }
  const r = sendMessage(t, socket, message);
  message.clear();
  return r;
}

/** Send what is in `io` on a connected socket; what earlier runs of the call sent is passed over. */
export function sendFrom(t: Task, socket: SocketFile, io: IoBuf, flags: number): number {
  skip(io, t.wait.progress);
  message.reset(io, flags);
  const r = sendMessage(t, socket, message);
  message.clear();
  return r;
}

/** sendmsg(2) */
function sysSendmsg(t: Task, a: SyscallArgs): number {
  if (isCompat(a.u32(2))) return -EINVAL;
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  return sendOne(t, socket, a.u64(1), a.u32(2));
}

/** Send the message whose msghdr is at `addr`. */
function sendOne(t: Task, socket: SocketFile, addr: number, flags: number): number {
  let r = header.load(t, addr);
  if (r < 0) return r;
  message.reset(message.io, flags);
  if (header.nameLength > 0) {
    r = loadAddress(t, header.name, header.nameLength, message.address);
    if (r < 0) return r;
  }
  r = header.checkVector();
  if (r < 0) return r;
  const io = t.mm.iov(header.iov, header.iovCount);
  if (typeof io === 'number') return io;
  message.io = io;
  r = loadControl(t, socket);
  if (r >= 0) {
    skip(io, t.wait.progress);
    r = sendMessage(t, socket, message);
  }
  message.clear();
  return r;
}

/** Read the ancillary data into `message`. */
function loadControl(t: Task, socket: SocketFile): number {
  const length = header.controlLength;
  if (length === 0) return 0;
  let r = header.checkControl();
  if (r < 0) return r;
  if (control.length < length) control = new Uint8Array(length);
  if (t.mm.copyIn(header.control, control, 0, length) < 0) return -EFAULT;
  r = socket.parseControl(t, control, length, message);
  // The files went with the first bytes, in an earlier run.
  if (r === 0 && t.wait.progress > 0 && message.rights !== null) {
    releaseFiles(message.rights);
    message.rights = null;
  }
  return r;
}

/** sendmmsg(2). `wait.data` counts the messages earlier runs sent. */
function sysSendmmsg(t: Task, a: SyscallArgs): number {
  if (isCompat(a.u32(3))) return -EINVAL;
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const vector = a.u64(1);
  const count = Math.min(a.u32(2), UIO_MAXIOV);
  const wait = t.wait;
  let sent = typeof wait.data === 'number' ? wait.data : 0;
  for (; sent < count; sent++) {
    const addr = vector + sent * MMSGHDR.SIZE;
    const r = sendOne(t, socket, addr, a.u32(3));
    if (r === BLOCKED) {
      wait.data = sent;
      return BLOCKED;
    }
    wait.progress = 0;
    if (r < 0) return sent > 0 ? sent : r;
    if (t.mm.store32(addr + MMSGHDR.msg_len, r) < 0) return sent > 0 ? sent : -EFAULT;
  }
  return sent;
}

export const rows = [
  row(SYS_sendto, 'sendto', sysSendto, ['fd', 'buf', 'size', SEND_FLAGS, 'sockaddr', 'size']),
  row(SYS_sendmsg, 'sendmsg', sysSendmsg, ['fd', 'msghdr', SEND_FLAGS]),
  row(SYS_sendmmsg, 'sendmmsg', sysSendmmsg, ['fd', 'ptr', 'uint', SEND_FLAGS]),
];
