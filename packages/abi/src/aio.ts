/**
 * The old asynchronous I/O calls.
 *
 * Mirrors linux/aio_abi.h; man 2 io_submit, io_getevents.
 */

// Commands and flags.
export const IOCB_FLAG_RESFD = 0x1;
export const IOCB_FLAG_IOPRIO = 0x2;
export const IOCB_CMD_PREAD = 0;
export const IOCB_CMD_PWRITE = 1;
export const IOCB_CMD_FSYNC = 2;
export const IOCB_CMD_FDSYNC = 3;
export const IOCB_CMD_POLL = 5;
export const IOCB_CMD_NOOP = 6;
export const IOCB_CMD_PREADV = 7;
export const IOCB_CMD_PWRITEV = 8;

/** `struct iocb`. */
export const IOCB = {
  SIZE: 64,
  aio_data: 0,
  aio_key: 8,
  aio_rw_flags: 12,
  aio_lio_opcode: 16,
  aio_reqprio: 18,
  aio_fildes: 20,
  aio_buf: 24,
  aio_nbytes: 32,
  aio_offset: 40,
  aio_flags: 56,
  aio_resfd: 60,
} as const;

/** `struct io_event`. */
export const IO_EVENT = {
  SIZE: 32,
  data: 0,
  obj: 8,
  res: 16,
  res2: 24,
} as const;

/** `struct aio_ring`, mapped into the program: the header, then events. */
export const AIO_RING = {
  SIZE: 32,
  id: 0,
  nr: 4,
  head: 8,
  tail: 12,
  magic: 16,
  compat_features: 20,
  incompat_features: 24,
  header_length: 28,
} as const;
export const AIO_RING_MAGIC = 0xa10a10a1;
export const AIO_RING_COMPAT_FEATURES = 1;
export const AIO_RING_INCOMPAT_FEATURES = 0;
/** /proc/sys/fs/aio-max-nr. */
export const AIO_MAX_NR = 65536;
