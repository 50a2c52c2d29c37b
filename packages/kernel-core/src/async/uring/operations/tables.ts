import {
  E2BIG,
  EBADF,
  EBADFD,
  EFAULT,
  EINVAL,
  EOVERFLOW,
  EPERM,
  IO_URING_SQE,
  IORING_FILE_INDEX_ALLOC,
  IORING_FIXED_FD_NO_CLOEXEC,
  IORING_MSG_DATA,
  IORING_MSG_RING_CQE_SKIP,
  IORING_MSG_RING_FLAGS_PASS,
  IORING_MSG_SEND_FD,
  IORING_OP_FILES_UPDATE,
  IORING_OP_FIXED_FD_INSTALL,
  IORING_OP_MSG_RING,
  IORING_OP_PROVIDE_BUFFERS,
  IORING_OP_REMOVE_BUFFERS,
  IOSQE_BUFFER_SELECT,
  IOSQE_FIXED_FILE,
  RLIMIT_NOFILE,
  TASK_SIZE_MAX,
} from '@sandbox/abi';
import type { Task } from '../../../process/task/task.js';
import type { OperationRows, Prepare } from '../operation.js';
import type { Request } from '../request.js';
import { allocateFiles, updateFiles } from '../resources.js';
import { Uring } from '../uring.js';

/** The ring's own files and buffers, and messages to other rings. */

const SQE = IO_URING_SQE;
/** Most buffers of one group (MAX_BIDS_PER_BGID). */
const MAX_BUFFERS = 65536;

// Files -----------------------------------------------------------------------------------------------------

function filesUpdate(t: Task): number {
  const r = t as Request;
  const offset = r.u32(SQE.off);
  const fds = r.u64(SQE.addr);
  const count = r.u32(SQE.len);
  if (offset === IORING_FILE_INDEX_ALLOC) return allocateFiles(r, r.ring, fds, count);
  return updateFiles(r, r.ring, offset, fds, count);
}

const prepareUpdate: Prepare = (r) => {
  if ((r.flags & (IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT)) !== 0 || r.u32(SQE.len) === 0) return -EINVAL;
  r.operation = filesUpdate;
  return 0;
};

/** IORING_OP_FIXED_FD_INSTALL: a descriptor for an entry of the table. */
function installFixed(t: Task): number {
  const r = t as Request;
  const file = r.wait.file!;
  const closes = (r.u32(SQE.op_flags) & IORING_FIXED_FD_NO_CLOEXEC) === 0;
  const fd = r.files.install(file, closes, r.group.limits.soft[RLIMIT_NOFILE]!);
  if (fd >= 0) file.refs++;
  return fd;
}

const prepareInstall: Prepare = (r) => {
  if (!r.fixedFile) return -EBADF;
  if ((r.u32(SQE.op_flags) & ~IORING_FIXED_FD_NO_CLOEXEC) !== 0) return -EINVAL;
  // A descriptor made with somebody else's rights.
  if (r.u16(SQE.personality) !== 0) return -EPERM;
  r.operation = installFixed;
  return 0;
};

// Messages --------------------------------------------------------------------------------------------------

/**
 * IORING_OP_MSG_RING: a completion for another ring, with `off` as its data, or an entry of the table for its
 * table.
 */
function messageRing(t: Task): number {
  const r = t as Request;
  const target = r.wait.file;
  if (!(target instanceof Uring)) return -EBADFD;
  switch (r.u64(SQE.addr)) {
    case IORING_MSG_DATA:
      return sendData(r, target);
    case IORING_MSG_SEND_FD:
      return sendFile(r, target);
    default:
      return -EINVAL;
  }
}

function sendData(r: Request, target: Uring): number {
  const flags = r.u32(SQE.op_flags);
  const passes = (flags & IORING_MSG_RING_FLAGS_PASS) !== 0;
  if (r.u64(SQE.addr3) !== 0 || (flags & ~IORING_MSG_RING_FLAGS_PASS) !== 0) return -EINVAL;
  if (!passes && r.u32(SQE.file_index) !== 0) return -EINVAL;
  if (!target.enabled) return -EBADFD;
  target.announce(r.u32(SQE.off), r.u32(SQE.off + 4), r.u32(SQE.len) | 0, passes ? r.u32(SQE.file_index) : 0);
  return 0;
}

function sendFile(r: Request, target: Uring): number {
  if (r.u32(SQE.len) !== 0 || target === r.ring) return -EINVAL;
  if (!target.enabled) return -EBADFD;
  const file = r.ring.files.get(r.u32(SQE.addr3));
  if (file === null) return -EBADF;
  file.refs++;
  const index = target.files.install(file, r.u32(SQE.file_index));
  if (index >= 0 && (r.u32(SQE.op_flags) & IORING_MSG_RING_CQE_SKIP) === 0)
    target.announce(r.u32(SQE.off), r.u32(SQE.off + 4), index, 0);
  return index;
}

const prepareMessage: Prepare = (r) => {
  const known = IORING_MSG_RING_CQE_SKIP | IORING_MSG_RING_FLAGS_PASS;
  if ((r.u32(SQE.op_flags) & ~known) !== 0) return -EINVAL;
  r.operation = messageRing;
  return 0;
};

// Buffers ---------------------------------------------------------------------------------------------------

function provideBuffers(t: Task): number {
  const r = t as Request;
  return r.ring.buffers.provide(
    r.u16(SQE.buf_index),
    r.u64(SQE.addr),
    r.u32(SQE.len),
    r.u32(SQE.fd),
    r.u32(SQE.off),
  );
}

const prepareProvide: Prepare = (r) => {
  const count = r.u32(SQE.fd);
  const length = r.u32(SQE.len);
  const end = r.u64(SQE.addr) + count * length;
  if (count === 0 || count > MAX_BUFFERS) return -E2BIG;
  if (length === 0) return -EINVAL;
  if (end >= 2 ** 64) return -EOVERFLOW;
  if (end > TASK_SIZE_MAX) return -EFAULT;
  if (r.u64(SQE.off) > 0xffff) return -E2BIG;
  if (r.u32(SQE.off) + count > MAX_BUFFERS) return -EINVAL;
  r.operation = provideBuffers;
  return 0;
};

function removeBuffers(t: Task): number {
  const r = t as Request;
  return r.ring.buffers.remove(r.u16(SQE.buf_index), r.u32(SQE.fd));
}

const prepareRemove: Prepare = (r) => {
  const count = r.u32(SQE.fd);
  r.operation = removeBuffers;
  return count === 0 || count > MAX_BUFFERS ? -EINVAL : 0;
};

export const tables: OperationRows = [
  [IORING_OP_FILES_UPDATE, { polled: true, unused: [SQE.op_flags, SQE.file_index], prepare: prepareUpdate }],
  [
    IORING_OP_FIXED_FD_INSTALL,
    {
      file: true,
      unused: [SQE.off, SQE.addr, SQE.len, SQE.buf_index, SQE.file_index, SQE.addr3],
      prepare: prepareInstall,
    },
  ],
  [
    IORING_OP_MSG_RING,
    { file: true, polled: true, unused: [SQE.buf_index, SQE.personality], prepare: prepareMessage },
  ],
  [
    IORING_OP_PROVIDE_BUFFERS,
    { polled: true, unused: [SQE.op_flags, SQE.file_index], prepare: prepareProvide },
  ],
  [
    IORING_OP_REMOVE_BUFFERS,
    {
      polled: true,
      unused: [SQE.op_flags, SQE.addr, SQE.len, SQE.off, SQE.file_index],
      prepare: prepareRemove,
    },
  ],
];
