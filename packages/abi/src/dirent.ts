/**
 * Directory entries.
 *
 * Mirrors dirent.h and the kernel's include/linux/dirent.h; man 2 getdents.
 */

// d_type values: the file type bits of st_mode, shifted right by 12.
export const DT_UNKNOWN = 0;
export const DT_FIFO = 1;
export const DT_CHR = 2;
export const DT_DIR = 4;
export const DT_BLK = 6;
export const DT_REG = 8;
export const DT_LNK = 10;
export const DT_SOCK = 12;
export const DT_WHT = 14;

/**
 * `struct dirent64`. Written by getdents64. The name ends with NUL; d_reclen rounds the record up to a
 * multiple of 8.
 */
export const DIRENT64 = {
  d_ino: 0,
  d_off: 8,
  d_reclen: 16,
  d_type: 18,
  d_name: 19,
} as const;

/**
 * `struct linux_dirent`, written by the old getdents: there is no d_type field; the type is the record's
 * last byte, at d_reclen - 1.
 */
export const LINUX_DIRENT = {
  d_ino: 0,
  d_off: 8,
  d_reclen: 16,
  d_name: 18,
} as const;
