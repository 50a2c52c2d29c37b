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
import { SocketFile } from '../../../files/socket/socket-file.js';
import { READ_EVENTS, WRITE_EVENTS } from '../../../process/files/events.js';
import type { Task } from '../../../process/task/task.js';
import { getSocketOption, setSocketOption } from '../../../syscalls/io/sockopt.js';
import { callRow, type OperationRows, type Prepare, wide, word } from '../operation.js';
import type { Request } from '../request.js';

/** Making and connecting sockets, and their options. */

const SQE = IO_URING_SQE;
const SOCK_TYPE_MASK = 0xf;

/** A descriptor made for the table of the ring has no flag of its own. 0 or -EINVAL. */
function checkFlags(r: Request, flags: number): number {
  if (r.slot !== 0 && (flags & SOCK_CLOEXEC) !== 0) return -EINVAL;
  return (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0 ? -EINVAL : 0;
}

function checkAccept(r: Request): number {
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
  return 0;
}

function checkSocket(r: Request): number {
  r.slot = r.u32(SQE.file_index);
  return checkFlags(r, r.u32(SQE.off) & ~SOCK_TYPE_MASK);
}

function waitsToConnect(r: Request): number {
  r.waits = WRITE_EVENTS;
  return 0;
}

// Commands --------------------------------------------------------------------------------------------------

const answer = new Uint8Array(4);
const answerView = new DataView(answer.buffer);

/** A number an ioctl answers with, or -errno. */
function asked(r: Request, socket: SocketFile, cmd: number): number {
  const caller: IoctlCaller = {
    cred: r.cred,
    task: r,
    memory: {
      copyIn: () => -EFAULT,
      copyOut: (_addr, bytes, offset, length) => {
        answer.set(bytes.subarray(offset, offset + Math.min(length, 4)));
        return 0;
      },
    },
  };
  const e = socket.ioctl(cmd, 0, caller);
  return e < 0 ? e : answerView.getInt32(0, true);
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

const LENGTH = [word(1, SQE.len)];
const ADDRESS = [wide(1, SQE.addr), wide(2, SQE.off)];
/** Fields that mean nothing where there is an address, and where there is none. */
const AROUND_ADDRESS = [SQE.len, SQE.buf_index, SQE.op_flags, SQE.file_index];
const AROUND_LENGTH = [SQE.off, SQE.addr, SQE.op_flags, SQE.buf_index, SQE.file_index];

export const sockets: OperationRows = [
  callRow(
    IORING_OP_ACCEPT,
    SYS_accept4,
    [...ADDRESS, word(3, SQE.op_flags)],
    { file: true, ioprio: true, unused: [SQE.len, SQE.buf_index] },
    checkAccept,
  ),
  callRow(IORING_OP_CONNECT, SYS_connect, ADDRESS, { file: true, unused: AROUND_ADDRESS }, waitsToConnect),
  callRow(
    IORING_OP_SOCKET,
    SYS_socket,
    [wide(1, SQE.off), word(2, SQE.len)],
    { unused: [SQE.addr, SQE.op_flags, SQE.buf_index] },
    checkSocket,
  ),
  callRow(IORING_OP_BIND, SYS_bind, ADDRESS, { file: true, unused: AROUND_ADDRESS }),
  callRow(IORING_OP_LISTEN, SYS_listen, LENGTH, { file: true, unused: AROUND_LENGTH }),
  callRow(IORING_OP_SHUTDOWN, SYS_shutdown, LENGTH, { file: true, unused: AROUND_LENGTH }),
  [IORING_OP_URING_CMD, { file: true, polled: true, prepare: prepareCommand }],
];
