import {
  EBADF,
  EFAULT,
  EINVAL,
  EOPNOTSUPP,
  IO_URING_OP_SUPPORTED,
  IO_URING_SQE,
  IORING_ACCEPT_MULTISHOT,
  IORING_FSYNC_DATASYNC,
  IORING_OP_ACCEPT,
  IORING_OP_ASYNC_CANCEL,
  IORING_OP_BIND,
  IORING_OP_CLOSE,
  IORING_OP_CONNECT,
  IORING_OP_EPOLL_CTL,
  IORING_OP_FADVISE,
  IORING_OP_FALLOCATE,
  IORING_OP_FGETXATTR,
  IORING_OP_FILES_UPDATE,
  IORING_OP_FIXED_FD_INSTALL,
  IORING_OP_FSETXATTR,
  IORING_OP_FSYNC,
  IORING_OP_FTRUNCATE,
  IORING_OP_FUTEX_WAIT,
  IORING_OP_FUTEX_WAKE,
  IORING_OP_GETXATTR,
  IORING_OP_LAST,
  IORING_OP_LINK_TIMEOUT,
  IORING_OP_LINKAT,
  IORING_OP_LISTEN,
  IORING_OP_MADVISE,
  IORING_OP_MKDIRAT,
  IORING_OP_MSG_RING,
  IORING_OP_NOP,
  IORING_OP_OPENAT,
  IORING_OP_OPENAT2,
  IORING_OP_POLL_ADD,
  IORING_OP_POLL_REMOVE,
  IORING_OP_PROVIDE_BUFFERS,
  IORING_OP_READ,
  IORING_OP_READ_FIXED,
  IORING_OP_READV,
  IORING_OP_RECV,
  IORING_OP_RECVMSG,
  IORING_OP_REMOVE_BUFFERS,
  IORING_OP_RENAMEAT,
  IORING_OP_SEND,
  IORING_OP_SENDMSG,
  IORING_OP_SETXATTR,
  IORING_OP_SHUTDOWN,
  IORING_OP_SOCKET,
  IORING_OP_SPLICE,
  IORING_OP_STATX,
  IORING_OP_SYMLINKAT,
  IORING_OP_SYNC_FILE_RANGE,
  IORING_OP_TEE,
  IORING_OP_TIMEOUT,
  IORING_OP_TIMEOUT_REMOVE,
  IORING_OP_UNLINKAT,
  IORING_OP_WRITE,
  IORING_OP_WRITE_FIXED,
  IORING_OP_WRITEV,
  IORING_POLL_ADD_MULTI,
  IORING_RECV_MULTISHOT,
  IORING_TIMEOUT_MULTISHOT,
  IOSQE_ASYNC,
  IOSQE_BUFFER_SELECT,
  IOSQE_CQE_SKIP_SUCCESS,
  IOSQE_FIXED_FILE,
  IOSQE_IO_DRAIN,
  IOSQE_IO_HARDLINK,
  IOSQE_IO_LINK,
  MSG_NOSIGNAL,
  O_NONBLOCK,
  O_PATH,
  RWF_NOWAIT,
  RWF_SUPPORTED,
  SYS_accept4,
  SYS_bind,
  SYS_close,
  SYS_connect,
  SYS_epoll_ctl,
  SYS_fadvise64,
  SYS_fallocate,
  SYS_fdatasync,
  SYS_fgetxattr,
  SYS_fsetxattr,
  SYS_fsync,
  SYS_ftruncate,
  SYS_futex_wait,
  SYS_futex_wake,
  SYS_getxattr,
  SYS_linkat,
  SYS_listen,
  SYS_madvise,
  SYS_mkdirat,
  SYS_openat,
  SYS_openat2,
  SYS_pread64,
  SYS_preadv2,
  SYS_pwrite64,
  SYS_pwritev2,
  SYS_read,
  SYS_recvfrom,
  SYS_recvmsg,
  SYS_renameat2,
  SYS_sendmsg,
  SYS_sendto,
  SYS_setxattr,
  SYS_shutdown,
  SYS_socket,
  SYS_splice,
  SYS_statx,
  SYS_symlinkat,
  SYS_sync_file_range,
  SYS_tee,
  SYS_unlinkat,
  SYS_write,
} from '@sandbox/abi';
import type { File } from '@sandbox/vfs';
import * as own from './operations.js';
import type { Request } from './request.js';
import type { Uring } from './uring.js';

const SQE = IO_URING_SQE;
const KNOWN_FLAGS =
  IOSQE_FIXED_FILE |
  IOSQE_IO_DRAIN |
  IOSQE_IO_LINK |
  IOSQE_IO_HARDLINK |
  IOSQE_ASYNC |
  IOSQE_BUFFER_SELECT |
  IOSQE_CQE_SKIP_SUCCESS;
const ALL_ONES = 0xffffffff;

/** Fills in a request's operation and arguments from its entry; 0 or -errno. `batch`: what it is linked to so far. */
type Prepare = (r: Request, ring: Uring, batch: readonly Request[]) => number;

interface Operation {
  readonly prepare: Prepare;
  /** `fd` is a description the operation works on: held until it ends. */
  readonly file: boolean;
  readonly buffers: boolean;
}

const operations: (Operation | null)[] = new Array(IORING_OP_LAST).fill(null);

function define(opcode: number, prepare: Prepare, file: boolean, buffers = false): void {
  operations[opcode] = { prepare, file, buffers };
}

/** IO_URING_OP_SUPPORTED, or 0: for IORING_REGISTER_PROBE. */
export function supports(opcode: number): number {
  return operations[opcode] ? IO_URING_OP_SUPPORTED : 0;
}

/** Make `r` do what its entry says. 0 or -errno, which completes it. */
export function prepare(ring: Uring, r: Request, batch: readonly Request[]): number {
  const head = r.sqe[0]!;
  r.opcode = head & 0xff;
  r.flags = (head >>> 8) & 0xff;
  const operation = operations[r.opcode];
  if (!operation || (r.flags & ~KNOWN_FLAGS) !== 0) return -EINVAL;
  if ((r.flags & IOSQE_BUFFER_SELECT) !== 0) {
    if (!operation.buffers) return -EOPNOTSUPP;
    r.bufferGroup = r.u16(SQE.buf_index);
  }
  const personality = r.u16(SQE.personality);
  if (personality !== 0) {
    const cred = ring.personalities.get(personality);
    if (cred === undefined) return -EINVAL;
    r.cred = cred;
  }
  r.pass32(0, SQE.fd);
  // A link's descriptor may be made by what it is linked to (IORING_FEAT_LINKED_FILE).
  if (operation.file) {
    r.operation = null;
    return 0;
  }
  if ((r.flags & IOSQE_FIXED_FILE) !== 0) return -EBADF;
  return operation.prepare(r, ring, batch);
}

/** The rest of it, when the request starts: its description. 0 or -errno. */
export function prepareFile(ring: Uring, r: Request): number {
  const file = fileOf(ring, r);
  if (file === null) return -EBADF;
  r.wait.holdFile(file);
  const error = operations[r.opcode]!.prepare(r, ring, []);
  if (error < 0) r.wait.dropFile();
  return error;
}

function fileOf(ring: Uring, r: Request): File | null {
  const fd = r.u32(SQE.fd) | 0;
  const file = (r.flags & IOSQE_FIXED_FILE) !== 0 ? (ring.table?.[fd] ?? null) : r.files.get(fd);
  return file === null || (file.flags & O_PATH) !== 0 ? null : file;
}

/** The handler of a system call. */
function call(r: Request, nr: number): number {
  r.operation = r.kernel.syscalls.row(nr)?.handler ?? null;
  return r.operation === null ? -EOPNOTSUPP : 0;
}

/** An argument of the call that stands in the entry as it is: which, where, and whether it has 64 bits. */
interface Passed {
  readonly arg: number;
  readonly field: number;
  readonly wide: boolean;
}
const wide = (arg: number, field: number): Passed => ({ arg, field, wide: true });
const word = (arg: number, field: number): Passed => ({ arg, field, wide: false });

/** The handler of a system call, with these arguments behind the descriptor, or in its place. */
function passing(nr: number, ...passed: readonly Passed[]): Prepare {
  return (r) => {
    for (let i = 0; i < passed.length; i++) {
      const p = passed[i]!;
      if (p.wide) r.pass(p.arg, p.field);
      else r.pass32(p.arg, p.field);
    }
    return call(r, nr);
  };
}

// Reading and writing ------------------------------------------------------------------------------------------------

/** Position -1, and whatever has no positions, means the file's own. */
function atOwnPosition(r: Request): boolean {
  const file = r.wait.file!;
  return !file.seekable || (r.u32(SQE.off) === ALL_ONES && r.u32(SQE.off + 4) === ALL_ONES);
}

function rwFlags(r: Request): number {
  const flags = r.u32(SQE.op_flags);
  if ((flags & ~RWF_SUPPORTED) !== 0) return -EOPNOTSUPP;
  r.nowait = (flags & RWF_NOWAIT) !== 0 || (r.wait.file!.flags & O_NONBLOCK) !== 0;
  return 0;
}

function plainTransfer(own: number, positional: number): Prepare {
  return (r) => {
    const error = rwFlags(r);
    if (error < 0) return error;
    r.pass(1, SQE.addr);
    r.pass32(2, SQE.len);
    r.pass(3, SQE.off);
    r.expected = r.selectsBuffer ? -1 : r.u32(SQE.len);
    return call(r, atOwnPosition(r) ? own : positional);
  };
}

/** One of the buffers that were registered must hold the range. */
function fixedTransfer(own: number, positional: number): Prepare {
  const plain = plainTransfer(own, positional);
  return (r, ring, batch) => {
    const buffer = ring.fixedBuffers?.[r.u16(SQE.buf_index)];
    if (buffer === undefined) return -EFAULT;
    const addr = r.u64(SQE.addr);
    if (addr < buffer.addr || addr + r.u32(SQE.len) > buffer.addr + buffer.length) return -EFAULT;
    return plain(r, ring, batch);
  };
}

function vectorTransfer(nr: number): Prepare {
  return (r) => {
    const error = rwFlags(r);
    if (error < 0) return error;
    r.pass(1, SQE.addr);
    r.pass32(2, SQE.len);
    if (atOwnPosition(r)) r.setArgWords(3, ALL_ONES, ALL_ONES);
    else r.pass(3, SQE.off);
    r.pass32(5, SQE.op_flags);
    return call(r, nr);
  };
}

define(IORING_OP_READ, plainTransfer(SYS_read, SYS_pread64), true, true);
define(IORING_OP_WRITE, plainTransfer(SYS_write, SYS_pwrite64), true);
define(IORING_OP_READ_FIXED, fixedTransfer(SYS_read, SYS_pread64), true);
define(IORING_OP_WRITE_FIXED, fixedTransfer(SYS_write, SYS_pwrite64), true);
define(IORING_OP_READV, vectorTransfer(SYS_preadv2), true);
define(IORING_OP_WRITEV, vectorTransfer(SYS_pwritev2), true);

/** Offsets of splice are the caller's memory elsewhere, values here: only the files' own positions are known. */
function splice(nr: number): Prepare {
  return (r) => {
    const ownPlace = (at: number): boolean => r.u32(at) === ALL_ONES && r.u32(at + 4) === ALL_ONES;
    if (nr === SYS_splice && (!ownPlace(SQE.off) || !ownPlace(SQE.addr))) return -EINVAL;
    r.pass32(0, SQE.file_index);
    if (nr === SYS_tee) {
      r.pass32(1, SQE.fd);
      r.pass32(2, SQE.len);
      r.pass32(3, SQE.op_flags);
    } else {
      r.pass32(2, SQE.fd);
      r.pass32(4, SQE.len);
      r.pass32(5, SQE.op_flags);
    }
    return call(r, nr);
  };
}
define(IORING_OP_SPLICE, splice(SYS_splice), false);
define(IORING_OP_TEE, splice(SYS_tee), false);

// Sockets ------------------------------------------------------------------------------------------------------------

function message(nr: number, send: boolean): Prepare {
  return (r) => {
    if (!send && (r.u16(SQE.ioprio) & IORING_RECV_MULTISHOT) !== 0) return -EINVAL;
    r.pass(1, SQE.addr);
    r.setArg(2, (r.u32(SQE.op_flags) | (send ? MSG_NOSIGNAL : 0)) >>> 0);
    return call(r, nr);
  };
}
define(IORING_OP_SENDMSG, message(SYS_sendmsg, true), true);
define(IORING_OP_RECVMSG, message(SYS_recvmsg, false), true);
define(
  IORING_OP_SEND,
  (r) => {
    r.pass(1, SQE.addr);
    r.pass32(2, SQE.len);
    r.setArg(3, (r.u32(SQE.op_flags) | MSG_NOSIGNAL) >>> 0);
    r.pass(4, SQE.off);
    r.setArg(5, r.u16(SQE.file_index));
    return call(r, SYS_sendto);
  },
  true,
);
define(
  IORING_OP_RECV,
  (r) => {
    r.multishot = (r.u16(SQE.ioprio) & IORING_RECV_MULTISHOT) !== 0;
    if (r.multishot && !r.selectsBuffer) return -EINVAL;
    r.pass(1, SQE.addr);
    r.pass32(2, SQE.len);
    r.pass32(3, SQE.op_flags);
    return call(r, SYS_recvfrom);
  },
  true,
  true,
);
define(
  IORING_OP_ACCEPT,
  (r) => {
    r.multishot = (r.u16(SQE.ioprio) & IORING_ACCEPT_MULTISHOT) !== 0;
    r.slot = r.u32(SQE.file_index);
    r.pass(1, SQE.addr);
    r.pass(2, SQE.off);
    r.pass32(3, SQE.op_flags);
    return call(r, SYS_accept4);
  },
  true,
);
define(IORING_OP_CONNECT, passing(SYS_connect, wide(1, SQE.addr), wide(2, SQE.off)), true);
define(
  IORING_OP_SOCKET,
  (r) => {
    r.slot = r.u32(SQE.file_index);
    r.pass(1, SQE.off);
    r.pass32(2, SQE.len);
    return call(r, SYS_socket);
  },
  false,
);
define(IORING_OP_BIND, passing(SYS_bind, wide(1, SQE.addr), wide(2, SQE.off)), true);

/** Calls whose second argument is `len`. */
function withLength(nr: number): Prepare {
  return (r) => {
    r.pass32(1, SQE.len);
    return call(r, nr);
  };
}
define(IORING_OP_LISTEN, withLength(SYS_listen), true);
define(IORING_OP_SHUTDOWN, withLength(SYS_shutdown), true);

// Files --------------------------------------------------------------------------------------------------------------

define(
  IORING_OP_FSYNC,
  (r) => {
    const flags = r.u32(SQE.op_flags);
    if ((flags & ~IORING_FSYNC_DATASYNC) !== 0) return -EINVAL;
    return call(r, flags !== 0 ? SYS_fdatasync : SYS_fsync);
  },
  true,
);
define(
  IORING_OP_SYNC_FILE_RANGE,
  passing(SYS_sync_file_range, wide(1, SQE.off), word(2, SQE.len), word(3, SQE.op_flags)),
  true,
);
define(
  IORING_OP_FALLOCATE,
  passing(SYS_fallocate, word(1, SQE.len), wide(2, SQE.off), wide(3, SQE.addr)),
  true,
);
define(IORING_OP_FTRUNCATE, passing(SYS_ftruncate, wide(1, SQE.off)), true);
define(
  IORING_OP_FADVISE,
  passing(SYS_fadvise64, wide(1, SQE.off), word(2, SQE.len), word(3, SQE.op_flags)),
  true,
);
define(
  IORING_OP_MADVISE,
  passing(SYS_madvise, wide(0, SQE.addr), word(1, SQE.len), word(2, SQE.op_flags)),
  false,
);
define(
  IORING_OP_OPENAT,
  (r) => {
    r.slot = r.u32(SQE.file_index);
    r.pass(1, SQE.addr);
    r.pass32(2, SQE.op_flags);
    r.pass32(3, SQE.len);
    return call(r, SYS_openat);
  },
  false,
);
define(
  IORING_OP_OPENAT2,
  (r) => {
    r.slot = r.u32(SQE.file_index);
    r.pass(1, SQE.addr);
    r.pass(2, SQE.off);
    r.pass32(3, SQE.len);
    return call(r, SYS_openat2);
  },
  false,
);
define(
  IORING_OP_CLOSE,
  (r, ring) => {
    if (r.u32(SQE.off) !== 0 || r.u32(SQE.addr) !== 0 || r.u32(SQE.len) !== 0) return -EINVAL;
    if (r.u32(SQE.file_index) !== 0) {
      if (r.u32(SQE.fd) !== 0) return -EINVAL;
      r.operation = own.closeSlot;
      return 0;
    }
    return r.files.get(r.u32(SQE.fd) | 0) === ring ? -EBADF : call(r, SYS_close);
  },
  false,
);
define(
  IORING_OP_STATX,
  passing(SYS_statx, wide(1, SQE.addr), word(2, SQE.op_flags), word(3, SQE.len), wide(4, SQE.off)),
  false,
);
define(
  IORING_OP_RENAMEAT,
  passing(SYS_renameat2, wide(1, SQE.addr), word(2, SQE.len), wide(3, SQE.off), word(4, SQE.op_flags)),
  false,
);
define(IORING_OP_UNLINKAT, passing(SYS_unlinkat, wide(1, SQE.addr), word(2, SQE.op_flags)), false);
define(IORING_OP_MKDIRAT, passing(SYS_mkdirat, wide(1, SQE.addr), word(2, SQE.len)), false);
define(
  IORING_OP_SYMLINKAT,
  passing(SYS_symlinkat, wide(0, SQE.addr), word(1, SQE.fd), wide(2, SQE.off)),
  false,
);
define(
  IORING_OP_LINKAT,
  passing(SYS_linkat, wide(1, SQE.addr), word(2, SQE.len), wide(3, SQE.off), word(4, SQE.op_flags)),
  false,
);

/** Extended attributes: name, value, size and, of a path, its address. */
function attribute(nr: number, byPath: boolean, sets: boolean): Prepare {
  return (r) => {
    if (byPath) r.pass(0, SQE.addr3);
    r.pass(1, SQE.addr);
    r.pass(2, SQE.off);
    r.pass32(3, SQE.len);
    if (sets) r.pass32(4, SQE.op_flags);
    return call(r, nr);
  };
}
define(IORING_OP_SETXATTR, attribute(SYS_setxattr, true, true), false);
define(IORING_OP_GETXATTR, attribute(SYS_getxattr, true, false), false);
define(IORING_OP_FSETXATTR, attribute(SYS_fsetxattr, false, true), true);
define(IORING_OP_FGETXATTR, attribute(SYS_fgetxattr, false, false), true);

define(
  IORING_OP_EPOLL_CTL,
  passing(SYS_epoll_ctl, word(1, SQE.len), word(2, SQE.off), wide(3, SQE.addr)),
  false,
);

function futex(nr: number): Prepare {
  return (r) => {
    if (r.u32(SQE.len) !== 0 || r.u32(SQE.op_flags) !== 0) return -EINVAL;
    const flags = r.u32(SQE.fd);
    r.pass(0, SQE.addr);
    if (nr === SYS_futex_wait) {
      r.pass(1, SQE.off);
      r.pass(2, SQE.addr3);
    } else {
      r.pass(1, SQE.addr3);
      r.pass(2, SQE.off);
    }
    r.setArg(3, flags);
    return call(r, nr);
  };
}
define(IORING_OP_FUTEX_WAIT, futex(SYS_futex_wait), false);
define(IORING_OP_FUTEX_WAKE, futex(SYS_futex_wake), false);

// Operations of the ring's own ---------------------------------------------------------------------------------------

function ofOurs(operation: NonNullable<Request['operation']>): Prepare {
  return (r) => {
    r.operation = operation;
    return 0;
  };
}
define(IORING_OP_NOP, ofOurs(own.nop), false);
define(
  IORING_OP_POLL_ADD,
  (r) => {
    if (r.u64(SQE.addr) !== 0) return -EINVAL;
    r.multishot = (r.u32(SQE.len) & IORING_POLL_ADD_MULTI) !== 0;
    r.pass32(0, SQE.op_flags);
    r.operation = own.poll;
    return 0;
  },
  true,
);
define(IORING_OP_POLL_REMOVE, ofOurs(own.pollRemove), false);
define(
  IORING_OP_TIMEOUT,
  (r) => {
    r.multishot = (r.u32(SQE.op_flags) & IORING_TIMEOUT_MULTISHOT) !== 0;
    r.operation = own.timeout;
    return own.prepareTimeout(r);
  },
  false,
);
define(
  IORING_OP_LINK_TIMEOUT,
  (r, _ring, batch) => {
    const last = batch[batch.length - 1];
    if (last === undefined || last.guard !== null) return -EINVAL;
    r.operation = own.timeout;
    const error = own.prepareTimeout(r);
    if (error < 0) return error;
    last.guard = r;
    r.guarded = last;
    return 0;
  },
  false,
);
define(IORING_OP_TIMEOUT_REMOVE, ofOurs(own.timeoutRemove), false);
define(IORING_OP_ASYNC_CANCEL, ofOurs(own.asyncCancel), false);
define(IORING_OP_FIXED_FD_INSTALL, ofOurs(own.installFixed), true);
define(IORING_OP_MSG_RING, ofOurs(own.messageRing), true);
define(IORING_OP_FILES_UPDATE, ofOurs(own.filesUpdate), false);
define(IORING_OP_PROVIDE_BUFFERS, ofOurs(own.provideBuffers), false);
define(IORING_OP_REMOVE_BUFFERS, ofOurs(own.removeBuffers), false);
