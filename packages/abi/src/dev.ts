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
export const FLOPPY_MAJOR = 2;
export const PTY_MASTER_MAJOR = 2;
export const IDE0_MAJOR = 3;
export const HD_MAJOR = IDE0_MAJOR;
export const PTY_SLAVE_MAJOR = 3;
export const TTY_MAJOR = 4;
export const TTYAUX_MAJOR = 5;
export const LP_MAJOR = 6;
export const VCS_MAJOR = 7;
export const LOOP_MAJOR = 7;
export const SCSI_DISK0_MAJOR = 8;
export const SCSI_TAPE_MAJOR = 9;
export const MD_MAJOR = 9;
export const MISC_MAJOR = 10;
export const SCSI_CDROM_MAJOR = 11;
export const MUX_MAJOR = 11;
export const XT_DISK_MAJOR = 13;
export const INPUT_MAJOR = 13;
export const SOUND_MAJOR = 14;
export const CDU31A_CDROM_MAJOR = 15;
export const JOYSTICK_MAJOR = 15;
export const GOLDSTAR_CDROM_MAJOR = 16;
export const OPTICS_CDROM_MAJOR = 17;
export const SANYO_CDROM_MAJOR = 18;
export const MITSUMI_X_CDROM_MAJOR = 20;
export const MFM_ACORN_MAJOR = 21;
export const SCSI_GENERIC_MAJOR = 21;
export const IDE1_MAJOR = 22;
export const DIGICU_MAJOR = 22;
export const DIGI_MAJOR = 23;
export const MITSUMI_CDROM_MAJOR = 23;
export const CDU535_CDROM_MAJOR = 24;
export const MATSUSHITA_CDROM_MAJOR = 25;
export const MATSUSHITA_CDROM2_MAJOR = 26;
export const QIC117_TAPE_MAJOR = 27;
export const MATSUSHITA_CDROM3_MAJOR = 27;
export const MATSUSHITA_CDROM4_MAJOR = 28;
export const ACSI_MAJOR = 28;
export const AZTECH_CDROM_MAJOR = 29;
export const FB_MAJOR = 29;
export const MTD_BLOCK_MAJOR = 31;
export const CM206_CDROM_MAJOR = 32;
export const IDE2_MAJOR = 33;
export const IDE3_MAJOR = 34;
export const Z8530_MAJOR = 34;
export const XPRAM_MAJOR = 35;
export const NETLINK_MAJOR = 36;
export const PS2ESDI_MAJOR = 36;
export const IDETAPE_MAJOR = 37;
export const Z2RAM_MAJOR = 37;
export const APBLOCK_MAJOR = 38;
export const DDV_MAJOR = 39;
export const NBD_MAJOR = 43;
export const RISCOM8_NORMAL_MAJOR = 48;
export const DAC960_MAJOR = 48;
export const RISCOM8_CALLOUT_MAJOR = 49;
export const MKISS_MAJOR = 55;
export const DSP56K_MAJOR = 55;
export const IDE4_MAJOR = 56;
export const IDE5_MAJOR = 57;
export const SCSI_DISK1_MAJOR = 65;
export const SCSI_DISK2_MAJOR = 66;
export const SCSI_DISK3_MAJOR = 67;
export const SCSI_DISK4_MAJOR = 68;
export const SCSI_DISK5_MAJOR = 69;
export const SCSI_DISK6_MAJOR = 70;
export const SCSI_DISK7_MAJOR = 71;
export const COMPAQ_SMART2_MAJOR = 72;
export const SPECIALIX_NORMAL_MAJOR = 75;
export const SPECIALIX_CALLOUT_MAJOR = 76;
export const AURORA_MAJOR = 79;
export const I2O_MAJOR = 80;
export const SHMIQ_MAJOR = 85;
export const SCSI_CHANGER_MAJOR = 86;
export const IDE6_MAJOR = 88;
export const IDE7_MAJOR = 89;
export const IDE8_MAJOR = 90;
export const MTD_CHAR_MAJOR = 90;
export const IDE9_MAJOR = 91;
export const DASD_MAJOR = 94;
export const MDISK_MAJOR = 95;
export const UBD_MAJOR = 98;
export const PP_MAJOR = 99;
export const JSFD_MAJOR = 99;
export const PHONE_MAJOR = 100;
export const COMPAQ_CISS_MAJOR = 104;
export const VIODASD_MAJOR = 112;
export const VIOCD_MAJOR = 113;
export const ATARAID_MAJOR = 114;
export const SCSI_DISK8_MAJOR = 128;
export const SCSI_DISK9_MAJOR = 129;
export const SCSI_DISK10_MAJOR = 130;
export const SCSI_DISK11_MAJOR = 131;
export const SCSI_DISK12_MAJOR = 132;
export const SCSI_DISK13_MAJOR = 133;
export const SCSI_DISK14_MAJOR = 134;
export const SCSI_DISK15_MAJOR = 135;
export const UNIX98_PTY_MASTER_MAJOR = 128;
export const UNIX98_PTY_SLAVE_MAJOR = 136;
export const DRBD_MAJOR = 147;
export const RTF_MAJOR = 150;
export const RAW_MAJOR = 162;
export const USB_ACM_MAJOR = 166;
export const USB_ACM_AUX_MAJOR = 167;
export const USB_CHAR_MAJOR = 180;
export const MMC_BLOCK_MAJOR = 179;
export const VXVM_MAJOR = 199;
export const VXSPEC_MAJOR = 200;
export const VXDMP_MAJOR = 201;
export const XENVBD_MAJOR = 202;
export const MSR_MAJOR = 202;
export const CPUID_MAJOR = 203;
export const OSST_MAJOR = 206;
export const IBM_TTY3270_MAJOR = 227;
export const IBM_FS3270_MAJOR = 228;
export const VIOTAPE_MAJOR = 230;
export const BLOCK_EXT_MAJOR = 259;
export const SCSI_OSD_MAJOR = 260;

// PTMX has the major of TTYAUX.
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
