/**
 * Vectored I/O.
 *
 * Mirrors linux/uio.h; man 2 readv, process_vm_readv.
 */

// Most elements in one call; elements the kernel keeps on its stack.
export const UIO_FASTIOV = 8;
export const UIO_MAXIOV = 1024;

/** `struct iovec`. */
export const IOVEC = {
  SIZE: 16,
  iov_base: 0,
  iov_len: 8,
} as const;
