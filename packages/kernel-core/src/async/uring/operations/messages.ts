import {
  EFAULT,
  EINVAL,
  ENOTSOCK,
  EOPNOTSUPP,
  IO_URING_SQE,
  IORING_NOTIF_USAGE_ZC_COPIED,
  IORING_OP_RECV,
  IORING_OP_RECVMSG,
  IORING_OP_SEND,
  IORING_OP_SEND_ZC,
  IORING_OP_SENDMSG,
  IORING_OP_SENDMSG_ZC,
  IORING_RECV_MULTISHOT,
  IORING_RECVSEND_BUNDLE,
  IORING_RECVSEND_FIXED_BUF,
  IORING_RECVSEND_POLL_FIRST,
  IORING_SEND_ZC_REPORT_USAGE,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_WAITALL,
  SYS_recvfrom,
  SYS_recvmsg,
  SYS_sendmsg,
  SYS_sendto,
} from '@sandbox/abi';
import type { SyscallArgs } from '../../../call/args.js';
import { BLOCKED } from '../../../call/result.js';
import { SocketFile } from '../../../files/socket/socket-file.js';
import { READ_EVENTS, WRITE_EVENTS } from '../../../process/files/events.js';
import type { Task } from '../../../process/task/task.js';
import { receiveInto, receivePacked, receiveWithBuffer } from '../../../syscalls/io/receive.js';
import { sendFrom } from '../../../syscalls/io/send.js';
import { call, type OperationRows, type Prepare, useFixedBuffer } from '../operation.js';
import type { Request } from '../request.js';

/** Sending and receiving. */

const SQE = IO_URING_SQE;
const SEND_HOW = IORING_RECVSEND_POLL_FIRST | IORING_RECVSEND_BUNDLE;
const RECEIVE_HOW = IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT | IORING_RECVSEND_BUNDLE;
const ZC_HOW = IORING_RECVSEND_POLL_FIRST | IORING_RECVSEND_FIXED_BUF | IORING_SEND_ZC_REPORT_USAGE;

/** `ioprio` says how; the flags of the call follow. 0 or -EINVAL. */
function begin(r: Request, known: number, events: number): number {
  const how = r.u16(SQE.ioprio);
  if ((how & ~known) !== 0 || (r.u32(SQE.len) | 0) < 0) return -EINVAL;
  r.pollsFirst = (how & IORING_RECVSEND_POLL_FIRST) !== 0;
  r.nowait = (r.u32(SQE.op_flags) & MSG_DONTWAIT) !== 0;
  r.waits = events;
  return 0;
}

/** With MSG_WAITALL, what is linked to it begins only if all was moved. */
function expectAll(r: Request): void {
  if ((r.u32(SQE.op_flags) & MSG_WAITALL) !== 0 && !r.selectsBuffer) r.expected = r.u32(SQE.len);
}

/** Arguments of sendto(2): the address may follow. */
function sendTo(r: Request): number {
  if (r.u16(SQE.file_index + 2) !== 0) return -EINVAL;
  r.pass(1, SQE.addr);
  r.pass32(2, SQE.len);
  r.setArg(3, (r.u32(SQE.op_flags) | MSG_NOSIGNAL) >>> 0);
  r.pass(4, SQE.off);
  r.setArg(5, r.u16(SQE.file_index));
  return call(r, SYS_sendto);
}

function sendMessage(r: Request): number {
  if (r.u64(SQE.off) !== 0 || r.u32(SQE.file_index) !== 0) return -EINVAL;
  // Linux reads it when it is submitted.
  if (r.mm.load64(r.u64(SQE.addr)) < 0) return -EFAULT;
  r.pass(1, SQE.addr);
  r.setArg(2, (r.u32(SQE.op_flags) | MSG_NOSIGNAL) >>> 0);
  return call(r, SYS_sendmsg);
}

const prepareSend: Prepare = (r) => {
  const error = begin(r, SEND_HOW, WRITE_EVENTS);
  if (error < 0) return error;
  const bundles = (r.u16(SQE.ioprio) & IORING_RECVSEND_BUNDLE) !== 0;
  if (bundles && !r.selectsBuffer) return -EINVAL;
  expectAll(r);
  if (!bundles) return sendTo(r);
  r.bundles = true;
  r.operation = sendBundle;
  return 0;
};

const prepareSendMessage: Prepare = (r) => {
  const error = begin(r, IORING_RECVSEND_POLL_FIRST, WRITE_EVENTS);
  return error < 0 ? error : sendMessage(r);
};

/**
 * What is sent without a copy elsewhere is copied here too, and the notification, which says when the memory
 * may be used again, follows at once.
 */
function zeroCopy(message: boolean): Prepare {
  return (r, ring) => {
    if (r.u64(SQE.addr3) !== 0 || r.u64(SQE.pad2) !== 0 || r.skipsSuccess) return -EINVAL;
    // From here on even a failure is followed by one.
    r.notifies = 0;
    const error = begin(r, ZC_HOW, WRITE_EVENTS);
    if (error < 0) return error;
    const how = r.u16(SQE.ioprio);
    if ((how & IORING_RECVSEND_FIXED_BUF) !== 0) {
      if (ring.fixedBuffers?.[r.u16(SQE.buf_index)] === undefined) return -EFAULT;
      const bad = message ? -EINVAL : useFixedBuffer(r, ring);
      if (bad < 0) return bad;
    }
    expectAll(r);
    if ((how & IORING_SEND_ZC_REPORT_USAGE) !== 0) r.notifies = IORING_NOTIF_USAGE_ZC_COPIED;
    return message ? sendMessage(r) : sendTo(r);
  };
}

/** Only internet sockets know it (SOCK_SUPPORT_ZC). */
function checkZeroCopy(r: Request): number {
  const socket = r.wait.file!;
  if (!(socket instanceof SocketFile)) return -ENOTSOCK;
  return socket.hasLevels ? 0 : -EOPNOTSUPP;
}

function prepareReceiving(r: Request, known: number): number {
  const error = begin(r, known, READ_EVENTS);
  if (error < 0) return error;
  r.multishot = (r.u16(SQE.ioprio) & IORING_RECV_MULTISHOT) !== 0;
  if (r.multishot && (!r.selectsBuffer || (r.u32(SQE.op_flags) & MSG_WAITALL) !== 0)) return -EINVAL;
  r.tellsMore = true;
  return 0;
}

const prepareReceive: Prepare = (r) => {
  const error = prepareReceiving(r, RECEIVE_HOW);
  if (error < 0) return error;
  if (r.multishot && r.u32(SQE.len) !== 0) return -EINVAL;
  expectAll(r);
  if ((r.u16(SQE.ioprio) & IORING_RECVSEND_BUNDLE) !== 0 && r.selectsBuffer) {
    r.bundles = true;
    r.operation = receiveBundle;
    return 0;
  }
  r.pass(1, SQE.addr);
  r.pass32(2, SQE.len);
  r.pass32(3, SQE.op_flags);
  return call(r, SYS_recvfrom);
};

const prepareReceiveMessage: Prepare = (r) => {
  const error = prepareReceiving(r, RECEIVE_HOW & ~IORING_RECVSEND_BUNDLE);
  if (error < 0) return error;
  if (r.mm.load64(r.u64(SQE.addr)) < 0) return -EFAULT;
  if (!r.selectsBuffer) {
    r.pass(1, SQE.addr);
    r.pass32(2, SQE.op_flags);
    return call(r, SYS_recvmsg);
  }
  // `len` limits the buffer elsewhere; here the first entry of the vector does, of which there may be no
  // more.
  const limit = r.multishot ? 0 : firstLength(r);
  if (limit < 0) return limit;
  r.sqe[SQE.len >> 2] = limit;
  r.operation = intoBuffer;
  return 0;
};

/** Length of the one entry of the vector of the msghdr; 0: there is none. */
function firstLength(r: Request): number {
  const header = r.u64(SQE.addr);
  const iov = r.mm.load64(header + 16);
  const count = r.mm.load64(header + 24);
  if (iov < 0 || count < 0) return -EFAULT;
  if (count > 1) return -EINVAL;
  const length = count === 0 ? 0 : r.mm.load64(iov + 8);
  return length < 0 ? -EFAULT : Math.min(length, 0xffffffff);
}

/** recvmsg(2) into a buffer of a group, which is in the arguments. */
function intoBuffer(t: Task, a: SyscallArgs): number {
  const r = t as Request;
  const socket = r.wait.file!;
  if (!(socket instanceof SocketFile)) return -ENOTSOCK;
  const receive = r.multishot ? receivePacked : receiveWithBuffer;
  return receive(r, socket, r.u64(SQE.addr), r.u32(SQE.op_flags), a.u64(1), a.u64(2));
}

// Bundles ---------------------------------------------------------------------------------------------------

/**
 * Send all buffers of the group there are, as one message: a completion tells of the first and of how many
 * bytes they were.
 */
function sendBundle(t: Task): number {
  const r = t as Request;
  const socket = r.wait.file!;
  if (!(socket instanceof SocketFile)) return -ENOTSOCK;
  if (r.segments.count === 0) {
    const e = r.takeBundle();
    if (e < 0) return e;
    // As they will be sent to their end, they are gone at once.
    r.endBundle(r.mm.segments(r.segments).remaining);
    r.goesOn = !r.ring.buffers.empty;
  }
  const n = sendFrom(r, socket, r.mm.segments(r.segments), (r.u32(SQE.op_flags) | MSG_NOSIGNAL) >>> 0);
  // One that had to wait is the last.
  if (n === BLOCKED) r.goesOn = false;
  return n;
}

/** Receive into as many buffers of the group as it takes. */
function receiveBundle(t: Task): number {
  const r = t as Request;
  const socket = r.wait.file!;
  if (!(socket instanceof SocketFile)) return -ENOTSOCK;
  if ((socket.poll() & r.waits) === 0) return r.sleep(socket.waitQueue, r.waits);
  const e = r.takeBundle();
  if (e < 0) return e;
  // A message is received into one.
  if (!socket.isStream) r.segments.count = 1;
  const n = receiveInto(r, socket, r.mm.segments(r.segments), (r.u32(SQE.op_flags) | MSG_DONTWAIT) >>> 0);
  if (n > 0) r.endBundle(n);
  else r.returnBundle();
  r.goesOn = r.multishot && !r.ring.buffers.empty;
  return n;
}

const common = { file: true, ioprio: true } as const;

export const messages: OperationRows = [
  [IORING_OP_SEND, { ...common, buffers: true, prepare: prepareSend }],
  [IORING_OP_SENDMSG, { ...common, prepare: prepareSendMessage }],
  [IORING_OP_SEND_ZC, { ...common, prepare: zeroCopy(false), resolve: checkZeroCopy }],
  [IORING_OP_SENDMSG_ZC, { ...common, prepare: zeroCopy(true), resolve: checkZeroCopy }],
  [IORING_OP_RECV, { ...common, buffers: true, unused: [SQE.off, SQE.file_index], prepare: prepareReceive }],
  [
    IORING_OP_RECVMSG,
    { ...common, buffers: true, unused: [SQE.off, SQE.file_index], prepare: prepareReceiveMessage },
  ],
];
