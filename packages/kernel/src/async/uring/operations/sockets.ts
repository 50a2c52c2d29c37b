import {
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  FIONREAD,
  IO_URING_SQE,
  IORING_ACCEPT_DONTWAIT,
  IORING_ACCEPT_MULTISHOT,
  IORING_ACCEPT_POLL_FIRST,
  IORING_FILE_INDEX_ALLOC,
  IORING_OP_ACCEPT,
  IORING_OP_BIND,
  IORING_OP_CONNECT,
  IORING_OP_LISTEN,
  IORING_OP_SHUTDOWN,
  IORING_OP_SOCKET,
  IORING_OP_URING_CMD,
  IORING_URING_CMD_FIXED,
  SIOCOUTQ,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCKET_URING_OP_GETSOCKOPT,
  SOCKET_URING_OP_SETSOCKOPT,
  SOCKET_URING_OP_SIOCINQ,
  SOCKET_URING_OP_SIOCOUTQ,
  SOL_SOCKET,
  SYS_accept4,
  SYS_bind,
  SYS_connect,
  SYS_listen,
  SYS_shutdown,
  SYS_socket,
} from '@sandbox/abi';
import type { IoctlCaller } from '@sandbox/vfs';
import { SocketFile } from '../../../fs/socket/socket-file.js';
import { READ_EVENTS, WRITE_EVENTS } from '../../../syscalls/io/files.js';
import { getSocketOption, setSocketOption } from '../../../syscalls/io/sockopt.js';
import type { Task } from '../../../task/task.js';
import { call, type OperationRows, type Prepare, passing, wide } from '../operation.js';
import type { Request } from '../request.js';

/** Making and connecting sockets, and their options. */

const SQE = IO_URING_SQE;
const SOCK_TYPE_MASK = 0xf;

/** A descriptor made for the table of the ring has no flag of its own. 0 or -EINVAL. */
function checkFlags(r: Request, flags: number): number {
  if (r.slot !== 0 && (flags & SOCK_CLOEXEC) !== 0) return -EINVAL;
  return (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0 ? -EINVAL : 0;
}

const prepareAccept: Prepare = (r) => {
  const how = r.u16(SQE.ioprio);
  if ((how & ~(IORING_ACCEPT_MULTISHOT | IORING_ACCEPT_DONTWAIT | IORING_ACCEPT_POLL_FIRST)) !== 0)
    return -EINVAL;
  r.multishot = (how & IORING_ACCEPT_MULTISHOT) !== 0;
  r.nowait = (how & IORING_ACCEPT_DONTWAIT) !== 0;
  r.pollsFirst = (how & IORING_ACCEPT_POLL_FIRST) !== 0;
  r.slot = r.u32(SQE.file_index);
  const error = checkFlags(r, r.u32(SQE.op_flags));
  if (error < 0) return error;
  if (r.slot !== 0 && r.multishot && r.slot !== IORING_FILE_INDEX_ALLOC) return -EINVAL;
  r.waits = READ_EVENTS;
  r.tellsMore = true;
  r.pass(1, SQE.addr);
  r.pass(2, SQE.off);
  r.pass32(3, SQE.op_flags);
  return call(r, SYS_accept4);
};

const prepareSocket: Prepare = (r) => {
  r.slot = r.u32(SQE.file_index);
  const error = checkFlags(r, r.u32(SQE.off) & ~SOCK_TYPE_MASK);
  if (error < 0) return error;
  r.pass(1, SQE.off);
  r.pass32(2, SQE.len);
  return call(r, SYS_socket);
};

const connect = passing(SYS_connect, wide(1, SQE.addr), wide(2, SQE.off));
const prepareConnect: Prepare = (r, ring, batch) => {
  r.waits = WRITE_EVENTS;
  return connect(r, ring, batch);
};

/** Calls whose second argument is `len`. */
function withLength(nr: number): Prepare {
  return (r) => {
    r.pass32(1, SQE.len);
    return call(r, nr);
  };
}

// Commands -----------------------------------------------------------------------------------------------------------

const word = new Uint8Array(4);
const wordView = new DataView(word.buffer);

/** A number an ioctl answers with, or -errno. */
function asked(r: Request, socket: SocketFile, cmd: number): number {
  const caller: IoctlCaller = {
    cred: r.cred,
    task: r,
    memory: {
      copyIn: () => -EFAULT,
      copyOut: (_addr, bytes, offset, length) => {
        word.set(bytes.subarray(offset, offset + Math.min(length, 4)));
        return 0;
      },
    },
  };
  const e = socket.ioctl(cmd, 0, caller);
  return e < 0 ? e : wordView.getInt32(0, true);
}

/** IORING_OP_URING_CMD: nothing but sockets knows commands (`cmd_op` stands in place of the offset). */
function command(t: Task): number {
  const r = t as Request;
  const socket = r.wait.file!;
  if (!(socket instanceof SocketFile)) return -EOPNOTSUPP;
  const level = r.u32(SQE.addr) | 0;
  const name = r.u32(SQE.addr + 4) | 0;
  const length = r.u32(SQE.file_index) | 0;
  const value = r.u64(SQE.addr3);
  switch (r.u32(SQE.off)) {
    case SOCKET_URING_OP_SIOCINQ:
      return socket.hasLevels ? asked(r, socket, FIONREAD) : -EOPNOTSUPP;
    case SOCKET_URING_OP_SIOCOUTQ:
      return socket.hasLevels ? asked(r, socket, SIOCOUTQ) : -EOPNOTSUPP;
    case SOCKET_URING_OP_GETSOCKOPT:
      if (level !== SOL_SOCKET) return -EOPNOTSUPP;
      return length < 0 ? -EINVAL : getSocketOption(r, socket, level, name, value, length);
    case SOCKET_URING_OP_SETSOCKOPT:
      return setSocketOption(r, socket, level, name, value, length);
    default:
      return -EOPNOTSUPP;
  }
}

const prepareCommand: Prepare = (r, ring) => {
  const flags = r.u32(SQE.op_flags);
  if (r.u32(SQE.off + 4) !== 0 || (flags & ~IORING_URING_CMD_FIXED) !== 0) return -EINVAL;
  if ((flags & IORING_URING_CMD_FIXED) !== 0 && ring.fixedBuffers?.[r.u16(SQE.buf_index)] === undefined)
    return -EFAULT;
  r.operation = command;
  return 0;
};

export const sockets: OperationRows = [
  [IORING_OP_ACCEPT, { file: true, ioprio: true, unused: [SQE.len, SQE.buf_index], prepare: prepareAccept }],
  [
    IORING_OP_CONNECT,
    { file: true, unused: [SQE.len, SQE.buf_index, SQE.op_flags, SQE.file_index], prepare: prepareConnect },
  ],
  [IORING_OP_SOCKET, { unused: [SQE.addr, SQE.op_flags, SQE.buf_index], prepare: prepareSocket }],
  [
    IORING_OP_BIND,
    {
      file: true,
      unused: [SQE.len, SQE.buf_index, SQE.op_flags, SQE.file_index],
      prepare: passing(SYS_bind, wide(1, SQE.addr), wide(2, SQE.off)),
    },
  ],
  [
    IORING_OP_LISTEN,
    {
      file: true,
      unused: [SQE.addr, SQE.buf_index, SQE.op_flags, SQE.file_index, SQE.off],
      prepare: withLength(SYS_listen),
    },
  ],
  [
    IORING_OP_SHUTDOWN,
    {
      file: true,
      unused: [SQE.off, SQE.addr, SQE.op_flags, SQE.buf_index, SQE.file_index],
      prepare: withLength(SYS_shutdown),
    },
  ],
  [IORING_OP_URING_CMD, { file: true, polled: true, prepare: prepareCommand }],
];
