import {
  AT_REMOVEDIR,
  EBADF,
  EINVAL,
  IO_URING_SQE,
  IORING_FSYNC_DATASYNC,
  IORING_OP_CLOSE,
  IORING_OP_FADVISE,
  IORING_OP_FALLOCATE,
  IORING_OP_FGETXATTR,
  IORING_OP_FSETXATTR,
  IORING_OP_FSYNC,
  IORING_OP_FTRUNCATE,
  IORING_OP_GETXATTR,
  IORING_OP_LINKAT,
  IORING_OP_MADVISE,
  IORING_OP_MKDIRAT,
  IORING_OP_OPENAT,
  IORING_OP_OPENAT2,
  IORING_OP_RENAMEAT,
  IORING_OP_SETXATTR,
  IORING_OP_STATX,
  IORING_OP_SYMLINKAT,
  IORING_OP_SYNC_FILE_RANGE,
  IORING_OP_UNLINKAT,
  O_CLOEXEC,
  SYS_close,
  SYS_fadvise64,
  SYS_fallocate,
  SYS_fdatasync,
  SYS_fgetxattr,
  SYS_fsetxattr,
  SYS_fsync,
  SYS_ftruncate,
  SYS_getxattr,
  SYS_linkat,
  SYS_madvise,
  SYS_mkdirat,
  SYS_openat,
  SYS_openat2,
  SYS_renameat2,
  SYS_setxattr,
  SYS_statx,
  SYS_symlinkat,
  SYS_sync_file_range,
  SYS_unlinkat,
} from '@sandbox/abi';
import type { Task } from '../../../task/task.js';
import { call, type OperationRows, type Prepare, passing, wide, word } from '../operation.js';
import type { Request } from '../request.js';

/** Files by descriptor and by name. */

const SQE = IO_URING_SQE;
const NO_BUFFER_NOR_INDEX = [SQE.buf_index, SQE.file_index];

const prepareSync: Prepare = (r) => {
  const flags = r.u32(SQE.op_flags);
  if ((flags & ~IORING_FSYNC_DATASYNC) !== 0) return -EINVAL;
  return call(r, flags !== 0 ? SYS_fdatasync : SYS_fsync);
};

/** A length of 64 bits in `field`, or of 32 in `len`, as argument `i`. */
function passLength(r: Request, i: number, field: number): void {
  if (r.u64(field) !== 0) r.pass(i, field);
  else r.pass32(i, SQE.len);
}

const prepareFileAdvice: Prepare = (r) => {
  r.pass(1, SQE.off);
  passLength(r, 2, SQE.addr);
  r.pass32(3, SQE.op_flags);
  return call(r, SYS_fadvise64);
};

const prepareMemoryAdvice: Prepare = (r) => {
  r.pass(0, SQE.addr);
  passLength(r, 1, SQE.off);
  r.pass32(2, SQE.op_flags);
  return call(r, SYS_madvise);
};

// Opening and closing ------------------------------------------------------------------------------------------------

const prepareOpen: Prepare = (r) => {
  r.slot = r.u32(SQE.file_index);
  if (r.slot !== 0 && (r.u32(SQE.op_flags) & O_CLOEXEC) !== 0) return -EINVAL;
  r.pass(1, SQE.addr);
  r.pass32(2, SQE.op_flags);
  r.pass32(3, SQE.len);
  return call(r, SYS_openat);
};

const prepareOpen2: Prepare = (r) => {
  r.slot = r.u32(SQE.file_index);
  if (r.slot !== 0) {
    const flags = r.mm.load64(r.u64(SQE.off));
    if (flags >= 0 && (flags & O_CLOEXEC) !== 0) return -EINVAL;
  }
  r.pass(1, SQE.addr);
  r.pass(2, SQE.off);
  r.pass32(3, SQE.len);
  return call(r, SYS_openat2);
};

function closeSlot(t: Task): number {
  const r = t as Request;
  return r.ring.files.close(r.u32(SQE.file_index) - 1);
}

const prepareClose: Prepare = (r, ring) => {
  if (r.u32(SQE.file_index) === 0)
    return r.files.get(r.u32(SQE.fd) | 0) === ring ? -EBADF : call(r, SYS_close);
  if (r.u32(SQE.fd) !== 0) return -EINVAL;
  r.operation = closeSlot;
  return 0;
};

// Names --------------------------------------------------------------------------------------------------------------

const unlink = passing(SYS_unlinkat, wide(1, SQE.addr), word(2, SQE.op_flags));
const prepareUnlink: Prepare = (r, ring, batch) =>
  (r.u32(SQE.op_flags) & ~AT_REMOVEDIR) !== 0 ? -EINVAL : unlink(r, ring, batch);

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

/** `fd` is a directory, and no entry of the table. */
const byName = { ownDescriptor: true, unused: NO_BUFFER_NOR_INDEX } as const;

export const files: OperationRows = [
  [IORING_OP_FSYNC, { file: true, unused: [SQE.addr, ...NO_BUFFER_NOR_INDEX], prepare: prepareSync }],
  [
    IORING_OP_SYNC_FILE_RANGE,
    {
      file: true,
      unused: [SQE.addr, ...NO_BUFFER_NOR_INDEX],
      prepare: passing(SYS_sync_file_range, wide(1, SQE.off), word(2, SQE.len), word(3, SQE.op_flags)),
    },
  ],
  [
    IORING_OP_FALLOCATE,
    {
      file: true,
      unused: [SQE.op_flags, ...NO_BUFFER_NOR_INDEX],
      prepare: passing(SYS_fallocate, word(1, SQE.len), wide(2, SQE.off), wide(3, SQE.addr)),
    },
  ],
  [
    IORING_OP_FTRUNCATE,
    {
      file: true,
      unused: [SQE.op_flags, SQE.addr, SQE.len, SQE.addr3, ...NO_BUFFER_NOR_INDEX],
      prepare: passing(SYS_ftruncate, wide(1, SQE.off)),
    },
  ],
  [IORING_OP_FADVISE, { file: true, unused: NO_BUFFER_NOR_INDEX, prepare: prepareFileAdvice }],
  [IORING_OP_MADVISE, { unused: NO_BUFFER_NOR_INDEX, prepare: prepareMemoryAdvice }],
  [IORING_OP_OPENAT, { ownDescriptor: true, unused: [SQE.buf_index], prepare: prepareOpen }],
  [IORING_OP_OPENAT2, { ownDescriptor: true, unused: [SQE.buf_index], prepare: prepareOpen2 }],
  [
    IORING_OP_CLOSE,
    {
      ownDescriptor: true,
      unused: [SQE.off, SQE.addr, SQE.len, SQE.op_flags, SQE.buf_index],
      prepare: prepareClose,
    },
  ],
  [
    IORING_OP_STATX,
    {
      ...byName,
      prepare: passing(
        SYS_statx,
        wide(1, SQE.addr),
        word(2, SQE.op_flags),
        word(3, SQE.len),
        wide(4, SQE.off),
      ),
    },
  ],
  [
    IORING_OP_RENAMEAT,
    {
      ...byName,
      prepare: passing(
        SYS_renameat2,
        wide(1, SQE.addr),
        word(2, SQE.len),
        wide(3, SQE.off),
        word(4, SQE.op_flags),
      ),
    },
  ],
  [
    IORING_OP_UNLINKAT,
    { ...byName, unused: [SQE.off, SQE.len, ...NO_BUFFER_NOR_INDEX], prepare: prepareUnlink },
  ],
  [
    IORING_OP_MKDIRAT,
    {
      ...byName,
      unused: [SQE.off, SQE.op_flags, ...NO_BUFFER_NOR_INDEX],
      prepare: passing(SYS_mkdirat, wide(1, SQE.addr), word(2, SQE.len)),
    },
  ],
  [
    IORING_OP_SYMLINKAT,
    {
      ...byName,
      unused: [SQE.len, SQE.op_flags, ...NO_BUFFER_NOR_INDEX],
      prepare: passing(SYS_symlinkat, wide(0, SQE.addr), word(1, SQE.fd), wide(2, SQE.off)),
    },
  ],
  [
    IORING_OP_LINKAT,
    {
      ...byName,
      prepare: passing(
        SYS_linkat,
        wide(1, SQE.addr),
        word(2, SQE.len),
        wide(3, SQE.off),
        word(4, SQE.op_flags),
      ),
    },
  ],
  [IORING_OP_SETXATTR, { ownDescriptor: true, prepare: attribute(SYS_setxattr, true, true) }],
  [IORING_OP_GETXATTR, { ownDescriptor: true, prepare: attribute(SYS_getxattr, true, false) }],
  [IORING_OP_FSETXATTR, { file: true, prepare: attribute(SYS_fsetxattr, false, true) }],
  [IORING_OP_FGETXATTR, { file: true, prepare: attribute(SYS_fgetxattr, false, false) }],
];
