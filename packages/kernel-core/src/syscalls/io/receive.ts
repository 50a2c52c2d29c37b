import {
  EAGAIN,
  EFAULT,
  EINVAL,
  EOVERFLOW,
  IO_URING_RECVMSG_OUT,
  MAX_RW_COUNT,
  MMSGHDR,
  MSG_CMSG_CLOEXEC,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  MSG_WAITFORONE,
  MSGHDR,
  SYS_recvfrom,
  SYS_recvmmsg,
  SYS_recvmsg,
  TASK_SIZE_MAX,
  UIO_MAXIOV,
} from '@sandbox/abi';
import type { IoBuf } from '@sandbox/vfs';
import type { SyscallArgs } from '../../call/args.js';
import { BLOCKED } from '../../call/result.js';
import { type ArgShape, row } from '../../call/row.js';
import { ControlWriter } from '../../files/socket/control-out.js';
import { ReceiveMessage, type Ucred } from '../../files/socket/message.js';
import type { SocketFile } from '../../files/socket/socket-file.js';
import type { Task } from '../../process/task/task.js';
import { readTimespec, Timespec, writeTimespec } from '../../process/time/timespec.js';
import { isCompat, MessageHeader } from './msghdr.js';
import { socketOf, storeAddress } from './sockaddr.js';
import { receiveMessage } from './transfer.js';
import { skip } from './write.js';

const RECEIVE_FLAGS: ArgShape = {
  flags: {
    MSG_OOB,
    MSG_PEEK,
    MSG_CTRUNC,
    MSG_TRUNC,
    MSG_DONTWAIT,
    MSG_WAITALL,
    MSG_ERRQUEUE,
    MSG_WAITFORONE,
    MSG_CMSG_CLOEXEC,
  },
};

const message = new ReceiveMessage();
const header = new MessageHeader();
const controls = new ControlWriter();
const timeout = new Timespec();

/** recvfrom(2), which recv(2) is a case of. */
function sysRecvfrom(t: Task, a: SyscallArgs): number {
  const addr = a.u64(1);
  const count = Math.min(a.u64(2), MAX_RW_COUNT);
  if (addr + count > TASK_SIZE_MAX) return -EFAULT;
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const done = t.wait.progress;
  message.reset(t.mm.io(addr + done, count - done), a.u32(3));
  message.credentials = t.wait.data as Ucred | null;
  let r = receiveMessage(t, socket, message);
  if (r === BLOCKED) t.wait.data = message.credentials;
  else if (r >= 0 && a.u64(4) !== 0) {
    const e = storeAddress(t, message.address, a.u64(4), a.u64(5));
    if (e < 0) r = e;
  }
  message.clear();
  return r;
}

/** Receive into `io`; who sent it is not asked. */
export function receiveInto(t: Task, socket: SocketFile, io: IoBuf, flags: number): number {
  message.reset(io, flags);
  const r = receiveMessage(t, socket, message);
  message.clear();
  return r;
}

/** recvmsg(2) */
function sysRecvmsg(t: Task, a: SyscallArgs): number {
  if (isCompat(a.u32(2))) return -EINVAL;
  const socket = socketOf(t, a.i32(0));
  if (typeof socket === 'number') return socket;
  const state = t.wait.data as Ucred | null;
  const r = receiveOne(t, socket, a.u64(1), a.u32(2), state);
  if (r === BLOCKED) t.wait.data = blockedCredentials;
  return r;
}

/** Sender of the bytes received before the sleep, when `receiveOne` answered BLOCKED. */
let blockedCredentials: Ucred | null = null;

/** recvmsg(2) with the msghdr at `addr`, but for its vector: the bytes go to `length` bytes at `buffer`. */
export function receiveWithBuffer(
  t: Task,
  socket: SocketFile,
  addr: number,
  flags: number,
  buffer: number,
  length: number,
): number {
  return receiveOne(t, socket, addr, flags, null, t.mm.io(buffer, length));
}

/**
 * A message as IORING_RECV_MULTISHOT of recvmsg has it, all in `length` bytes at `buffer`: a `struct
 * io_uring_recvmsg_out`, room for the address and the ancillary data the msghdr at `addr` asks for, and the
 * bytes. How much of it was used; -EFAULT when it is too small.
 */
export function receivePacked(
  t: Task,
  socket: SocketFile,
  addr: number,
  flags: number,
  buffer: number,
  length: number,
): number {
  const s = IO_URING_RECVMSG_OUT;
  let r = header.load(t, addr);
  if (r < 0) return r;
  const room = header.namedLength;
  if (room < 0) return -EOVERFLOW;
  const names = buffer + s.SIZE;
  const head = s.SIZE + room + header.controlLength;
  if (length < head) return -EFAULT;
  message.reset(t.mm.io(buffer + head, length - head), flags);
  r = receiveMessage(t, socket, message);
  if (r >= 0) {
    controls.start(names + room, header.controlLength).put(t, message);
    const named = Math.min(room, message.address.length);
    let bad = named > 0 && t.mm.copyOut(names, message.address.bytes, 0, named) < 0;
    bad ||= t.mm.store32(buffer + s.namelen, message.address.length) < 0;
    bad ||= t.mm.store32(buffer + s.controllen, controls.used) < 0;
    bad ||= t.mm.store32(buffer + s.payloadlen, r) < 0;
    bad ||= t.mm.store32(buffer + s.flags, message.outFlags) < 0;
    r = bad ? -EFAULT : head + Math.min(r, length - head);
  }
  message.clear();
  return r;
}

/** Receive a message into the msghdr at `addr`; into `given` instead of its vector, where it is. */
function receiveOne(
  t: Task,
  socket: SocketFile,
  addr: number,
  flags: number,
  sender: Ucred | null,
  given: IoBuf | null = null,
): number {
  let r = header.load(t, addr) || header.checkVector();
  if (r < 0) return r;
  const io = given ?? t.mm.iov(header.iov, header.iovCount);
  if (typeof io === 'number') return io;
  skip(io, t.wait.progress);
  message.reset(io, flags);
  message.credentials = sender;
  r = receiveMessage(t, socket, message);
  if (r === BLOCKED) blockedCredentials = message.credentials;
  else if (r >= 0) {
    const e = finish(t, addr);
    if (e < 0) r = e;
  }
  message.clear();
  return r;
}

/** Store what came with the bytes: sender, ancillary data, flags (Linux: ____sys_recvmsg). */
function finish(t: Task, addr: number): number {
  controls.start(header.control, header.control === 0 ? 0 : header.controlLength).put(t, message);
  if (header.name !== 0) {
    const r = storeAddress(t, message.address, header.name, addr + MSGHDR.msg_namelen);
    if (r < 0) return r;
  }
  const flags = message.outFlags | (message.flags & MSG_CMSG_CLOEXEC);
  if (t.mm.store32(addr + MSGHDR.msg_flags, flags) < 0) return -EFAULT;
  return t.mm.store64(addr + MSGHDR.msg_controllen, controls.used) < 0 ? -EFAULT : 0;
}

/** How far a sleeping recvmmsg has come. */
interface Batch {
  received: number;
  sender: Ucred | null;
  /** CLOCK_MONOTONIC ns after which no further message is begun; Infinity: none. */
  readonly end: number;
}

/**
 * recvmmsg(2). As in Linux the timeout is looked at after each message only: it does not end the wait for
 * one.
 */
function sysRecvmmsg(t: Task, a: SyscallArgs): number {
  if (isCompat(a.u32(3))) return -EINVAL;
  const socket = socketOf(t, a.i32(0));
  const timeoutAddr = a.u64(4);
  const batch = (t.wait.data as Batch | null) ?? startBatch(t, timeoutAddr);
  if (typeof batch === 'number') return batch;
  if (typeof socket === 'number') return socket;
  if (t.wait.round === 0) {
    const e = socket.takeError();
    if (e < 0) return e;
  }
  const r = receiveBatch(t, a, socket, batch);
  if (r > 0 && timeoutAddr !== 0) {
    timeout.setNs(Math.max(0, batch.end - t.kernel.clock.monotonic()));
    if (
      batch.end !== Number.POSITIVE_INFINITY &&
      writeTimespec(t.mm, timeoutAddr, timeout.sec, timeout.nsec) < 0
    )
      return -EFAULT;
  }
  return r;
}

function startBatch(t: Task, timeoutAddr: number): Batch | number {
  let end = Number.POSITIVE_INFINITY;
  if (timeoutAddr !== 0) {
    const r = readTimespec(t.mm, timeoutAddr, timeout);
    if (r < 0) return r;
    end = t.kernel.clock.monotonic() + timeout.ns;
  }
  return { received: 0, sender: null, end };
}

function receiveBatch(t: Task, a: SyscallArgs, socket: SocketFile, batch: Batch): number {
  const vector = a.u64(1);
  const count = Math.min(a.u32(2), UIO_MAXIOV);
  let flags = a.u32(3);
  while (batch.received < count) {
    if (batch.received > 0 && (flags & MSG_WAITFORONE) !== 0) flags |= MSG_DONTWAIT;
    const addr = vector + batch.received * MMSGHDR.SIZE;
    const r = receiveOne(t, socket, addr, flags & ~MSG_WAITFORONE, batch.sender);
    if (r === BLOCKED) {
      batch.sender = blockedCredentials;
      t.wait.data = batch;
      return BLOCKED;
    }
    t.wait.progress = 0;
    batch.sender = null;
    if (r < 0 || t.mm.store32(addr + MMSGHDR.msg_len, r) < 0) {
      const e = r < 0 ? r : -EFAULT;
      if (batch.received === 0) return e;
      // The caller gets what there is now, and the error at its next call.
      if (e !== -EAGAIN && e > -512) socket.error = -e;
      return batch.received;
    }
    batch.received++;
    if (t.kernel.clock.monotonic() >= batch.end) break;
  }
  return batch.received;
}

export const rows = [
  row(SYS_recvfrom, 'recvfrom', sysRecvfrom, ['fd', 'outbuf', 'size', RECEIVE_FLAGS, 'ptr', 'ptr']),
  row(SYS_recvmsg, 'recvmsg', sysRecvmsg, ['fd', 'msghdr', RECEIVE_FLAGS], {
    support: 'partial',
    note: 'no error queue on AF_UNIX',
  }),
  row(SYS_recvmmsg, 'recvmmsg', sysRecvmmsg, ['fd', 'ptr', 'uint', RECEIVE_FLAGS, 'timespec'], {
    support: 'partial',
    note: 'no error queue on AF_UNIX',
  }),
];
