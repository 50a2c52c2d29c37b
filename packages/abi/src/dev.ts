/**
 * Device numbers.
 *
 * Mirrors linux/major.h, linux/kdev_t.h and sys/sysmacros.h; man 3 makedev, kernel
 * Documentation/admin-guide/devices.txt.
 */

// Majors.
export const UNNAMED_MAJOR = 0;
export const MEM_MAJOR = 1;
export const RAMDISK_MAJOR = 1;
export const PTY_MASTER_MAJOR = 2;
export const PTY_SLAVE_MAJOR = 3;
export const TTY_MAJOR = 4;
export const TTYAUX_MAJOR = 5;
export const LP_MAJOR = 6;
export const VCS_MAJOR = 7;
export const LOOP_MAJOR = 7;
export const SCSI_DISK0_MAJOR = 8;
export const MD_MAJOR = 9;
export const MISC_MAJOR = 10;
export const SCSI_CDROM_MAJOR = 11;
export const INPUT_MAJOR = 13;
export const SOUND_MAJOR = 14;
export const SCSI_GENERIC_MAJOR = 21;
export const FB_MAJOR = 29;
export const MTD_BLOCK_MAJOR = 31;
export const NBD_MAJOR = 43;
export const MTD_CHAR_MAJOR = 90;
export const UNIX98_PTY_MASTER_MAJOR = 128;
export const UNIX98_PTY_MAJOR_COUNT = 8;
export const UNIX98_PTY_SLAVE_MAJOR = 136;
export const RAW_MAJOR = 162;
export const USB_ACM_MAJOR = 166;
export const MMC_BLOCK_MAJOR = 179;
export const USB_CHAR_MAJOR = 180;
export const XENVBD_MAJOR = 202;
export const MSR_MAJOR = 202;
export const CPUID_MAJOR = 203;
export const BLOCK_EXT_MAJOR = 259;

// Minors of the memory devices (under MEM_MAJOR) and of /dev/tty, /dev/console and /dev/ptmx (under
// TTYAUX_MAJOR).
export const NULL_MINOR = 3;
export const ZERO_MINOR = 5;
export const FULL_MINOR = 7;
export const RANDOM_MINOR = 8;
export const URANDOM_MINOR = 9;
export const KMSG_MINOR = 11;
export const TTY_MINOR = 0;
export const CONSOLE_MINOR = 1;
export const PTMX_MINOR = 2;
export const MINORBITS = 20;

/** The number in st_dev and st_rdev: 12 bits of major, 20 of minor; at most 32 bits, never negative. */
export function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

export function major(dev: number): number {
  return (dev >>> 8) & 0xfff;
}

export function minor(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}
