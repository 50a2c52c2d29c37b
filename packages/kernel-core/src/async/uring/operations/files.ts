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
import type { Task } from '../../../process/task/task.js';
import {
  call,
  callRow,
  type Operation,
  type OperationRows,
  onlyFlags,
  type Prepare,
  wide,
  word,
} from '../operation.js';
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

// Opening and closing ---------------------------------------------------------------------------------------

/** A descriptor made for the table of the ring has no flag of its own. */
function checkOpen(r: Request): number {
  r.slot = r.u32(SQE.file_index);
  return r.slot !== 0 && (r.u32(SQE.op_flags) & O_CLOEXEC) !== 0 ? -EINVAL : 0;
}

function checkOpen2(r: Request): number {
  r.slot = r.u32(SQE.file_index);
  if (r.slot === 0) return 0;
  const flags = r.mm.load64(r.u64(SQE.off));
  return flags >= 0 && (flags & O_CLOEXEC) !== 0 ? -EINVAL : 0;
}

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

// The rest --------------------------------------------------------------------------------------------------

const own = { ownDescriptor: true } as const;
const opened = { ownDescriptor: true, unused: [SQE.buf_index] } as const;
/** `fd` is a directory, and no entry of the table. */
const byName = { ownDescriptor: true, unused: NO_BUFFER_NOR_INDEX } as const;
const ofFile = { file: true } as const;
/** The same with more fields that mean nothing. */
const without = (rest: Omit<Operation, 'prepare'>, ...fields: number[]) => ({
  ...rest,
  unused: [...fields, ...NO_BUFFER_NOR_INDEX],
});

/** Name, value and size of an extended attribute; `sets`: and how. */
const GET = [wide(1, SQE.addr), wide(2, SQE.off), word(3, SQE.len)];
const SET = [...GET, word(4, SQE.op_flags)];
const PATH = wide(0, SQE.addr3);
/** A name, and a second one by a directory of its own. */
const TWO_NAMES = [wide(1, SQE.addr), word(2, SQE.len), wide(3, SQE.off), word(4, SQE.op_flags)];

export const files: OperationRows = [
  [IORING_OP_FSYNC, { ...without(ofFile, SQE.addr), prepare: prepareSync }],
  callRow(
    IORING_OP_SYNC_FILE_RANGE,
    SYS_sync_file_range,
    [wide(1, SQE.off), word(2, SQE.len), word(3, SQE.op_flags)],
    without(ofFile, SQE.addr),
  ),
  callRow(
    IORING_OP_FALLOCATE,
    SYS_fallocate,
    [word(1, SQE.len), wide(2, SQE.off), wide(3, SQE.addr)],
    without(ofFile, SQE.op_flags),
  ),
  callRow(
    IORING_OP_FTRUNCATE,
    SYS_ftruncate,
    [wide(1, SQE.off)],
    without(ofFile, SQE.op_flags, SQE.addr, SQE.len, SQE.addr3),
  ),
  [IORING_OP_FADVISE, { ...without(ofFile), prepare: prepareFileAdvice }],
  [IORING_OP_MADVISE, { ...without({}), prepare: prepareMemoryAdvice }],
  callRow(
    IORING_OP_OPENAT,
    SYS_openat,
    [wide(1, SQE.addr), word(2, SQE.op_flags), word(3, SQE.len)],
    opened,
    checkOpen,
  ),
  callRow(
    IORING_OP_OPENAT2,
    SYS_openat2,
    [wide(1, SQE.addr), wide(2, SQE.off), word(3, SQE.len)],
    opened,
    checkOpen2,
  ),
  [
    IORING_OP_CLOSE,
    {
      ownDescriptor: true,
      unused: [SQE.off, SQE.addr, SQE.len, SQE.op_flags, SQE.buf_index],
      prepare: prepareClose,
    },
  ],
  callRow(
    IORING_OP_STATX,
    SYS_statx,
    [wide(1, SQE.addr), word(2, SQE.op_flags), word(3, SQE.len), wide(4, SQE.off)],
    byName,
  ),
  callRow(IORING_OP_RENAMEAT, SYS_renameat2, TWO_NAMES, byName),
  callRow(
    IORING_OP_UNLINKAT,
    SYS_unlinkat,
    [wide(1, SQE.addr), word(2, SQE.op_flags)],
    without(own, SQE.off, SQE.len),
    onlyFlags(AT_REMOVEDIR),
  ),
  callRow(
    IORING_OP_MKDIRAT,
    SYS_mkdirat,
    [wide(1, SQE.addr), word(2, SQE.len)],
    without(own, SQE.off, SQE.op_flags),
  ),
  callRow(
    IORING_OP_SYMLINKAT,
    SYS_symlinkat,
    [wide(0, SQE.addr), word(1, SQE.fd), wide(2, SQE.off)],
    without(own, SQE.len, SQE.op_flags),
  ),
  callRow(IORING_OP_LINKAT, SYS_linkat, TWO_NAMES, byName),
  callRow(IORING_OP_SETXATTR, SYS_setxattr, [PATH, ...SET], own),
  callRow(IORING_OP_GETXATTR, SYS_getxattr, [PATH, ...GET], own),
  callRow(IORING_OP_FSETXATTR, SYS_fsetxattr, SET, ofFile),
  callRow(IORING_OP_FGETXATTR, SYS_fgetxattr, GET, ofFile),
];
