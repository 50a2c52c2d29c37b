/**
 * File system magic numbers and the result of statfs.
 *
 * Mirrors linux/magic.h, asm/statfs.h and sys/statvfs.h; man 2 statfs.
 */

// f_type values.
export const ADFS_SUPER_MAGIC = 0xadf5;
export const AFFS_SUPER_MAGIC = 0xadff;
export const AFS_SUPER_MAGIC = 0x5346414f;
export const AUTOFS_SUPER_MAGIC = 0x187;
export const CEPH_SUPER_MAGIC = 0xc36400;
export const CODA_SUPER_MAGIC = 0x73757245;
export const CRAMFS_MAGIC = 0x28cd3d45;
export const CRAMFS_MAGIC_WEND = 0x453dcd28;
export const DEBUGFS_MAGIC = 0x64626720;
export const SECURITYFS_MAGIC = 0x73636673;
export const SELINUX_MAGIC = 0xf97cff8c;
export const SMACK_MAGIC = 0x43415d53;
export const RAMFS_MAGIC = 0x858458f6;
export const TMPFS_MAGIC = 0x1021994;
export const HUGETLBFS_MAGIC = 0x958458f6;
export const SQUASHFS_MAGIC = 0x73717368;
export const ECRYPTFS_SUPER_MAGIC = 0xf15f;
export const EFS_SUPER_MAGIC = 0x414a53;
export const EROFS_SUPER_MAGIC_V1 = 0xe0f5e1e2;
export const EXT2_SUPER_MAGIC = 0xef53;
export const EXT3_SUPER_MAGIC = 0xef53;
export const XENFS_SUPER_MAGIC = 0xabba1974;
export const EXT4_SUPER_MAGIC = 0xef53;
export const BTRFS_SUPER_MAGIC = 0x9123683e;
export const NILFS_SUPER_MAGIC = 0x3434;
export const F2FS_SUPER_MAGIC = 0xf2f52010;
export const HPFS_SUPER_MAGIC = 0xf995e849;
export const ISOFS_SUPER_MAGIC = 0x9660;
export const JFFS2_SUPER_MAGIC = 0x72b6;
export const XFS_SUPER_MAGIC = 0x58465342;
export const PSTOREFS_MAGIC = 0x6165676c;
export const EFIVARFS_MAGIC = 0xde5e81e4;
export const HOSTFS_SUPER_MAGIC = 0xc0ffee;
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const FUSE_SUPER_MAGIC = 0x65735546;
export const BCACHEFS_SUPER_MAGIC = 0xca451a4e;
export const MINIX_SUPER_MAGIC = 0x137f;
export const MINIX_SUPER_MAGIC2 = 0x138f;
export const MINIX2_SUPER_MAGIC = 0x2468;
export const MINIX2_SUPER_MAGIC2 = 0x2478;
export const MINIX3_SUPER_MAGIC = 0x4d5a;
export const MSDOS_SUPER_MAGIC = 0x4d44;
export const EXFAT_SUPER_MAGIC = 0x2011bab0;
export const NCP_SUPER_MAGIC = 0x564c;
export const NFS_SUPER_MAGIC = 0x6969;
export const OCFS2_SUPER_MAGIC = 0x7461636f;
export const OPENPROM_SUPER_MAGIC = 0x9fa1;
export const QNX4_SUPER_MAGIC = 0x2f;
export const QNX6_SUPER_MAGIC = 0x68191122;
export const AFS_FS_MAGIC = 0x6b414653;
export const REISERFS_SUPER_MAGIC = 0x52654973;
export const REISERFS_SUPER_MAGIC_STRING = 'ReIsErFs';
export const REISER2FS_SUPER_MAGIC_STRING = 'ReIsEr2Fs';
export const REISER2FS_JR_SUPER_MAGIC_STRING = 'ReIsEr3Fs';
export const SMB_SUPER_MAGIC = 0x517b;
export const CIFS_SUPER_MAGIC = 0xff534d42;
export const SMB2_SUPER_MAGIC = 0xfe534d42;
export const CGROUP_SUPER_MAGIC = 0x27e0eb;
export const CGROUP2_SUPER_MAGIC = 0x63677270;
export const RDTGROUP_SUPER_MAGIC = 0x7655821;
export const STACK_END_MAGIC = 0x57ac6e9d;
export const TRACEFS_MAGIC = 0x74726163;
export const V9FS_MAGIC = 0x1021997;
export const BDEVFS_MAGIC = 0x62646576;
export const DAXFS_MAGIC = 0x64646178;
export const BINFMTFS_MAGIC = 0x42494e4d;
export const DEVPTS_SUPER_MAGIC = 0x1cd1;
export const BINDERFS_SUPER_MAGIC = 0x6c6f6f70;
export const FUTEXFS_SUPER_MAGIC = 0xbad1dea;
export const PIPEFS_MAGIC = 0x50495045;
export const PROC_SUPER_MAGIC = 0x9fa0;
export const SOCKFS_MAGIC = 0x534f434b;
export const SYSFS_MAGIC = 0x62656572;
export const USBDEVICE_SUPER_MAGIC = 0x9fa2;
export const MTD_INODE_FS_MAGIC = 0x11307854;
export const ANON_INODE_FS_MAGIC = 0x9041934;
export const BTRFS_TEST_MAGIC = 0x73727279;
export const NSFS_MAGIC = 0x6e736673;
export const BPF_FS_MAGIC = 0xcafe4a11;
export const AAFS_MAGIC = 0x5a3c69f0;
export const ZONEFS_MAGIC = 0x5a4f4653;
export const UDF_SUPER_MAGIC = 0x15013346;
export const DMA_BUF_MAGIC = 0x444d4142;
export const DEVMEM_MAGIC = 0x454d444d;
export const SECRETMEM_MAGIC = 0x5345434d;
export const PID_FS_MAGIC = 0x50494446;

/** `struct statfs`. */
export const STATFS = {
  SIZE: 120,
  f_type: 0,
  f_bsize: 8,
  f_blocks: 16,
  f_bfree: 24,
  f_bavail: 32,
  f_files: 40,
  f_ffree: 48,
  f_fsid: 56,
  f_namelen: 64,
  f_frsize: 72,
  f_flags: 80,
  f_spare: 88,
} as const;

// f_flags. ST_WRITE, ST_APPEND and ST_IMMUTABLE are names of the C library only; the kernel never sets
// them.
export const ST_RDONLY = 1;
export const ST_NOSUID = 2;
export const ST_NODEV = 4;
export const ST_NOEXEC = 8;
export const ST_SYNCHRONOUS = 16;
export const ST_MANDLOCK = 64;
export const ST_WRITE = 128;
export const ST_APPEND = 256;
export const ST_IMMUTABLE = 512;
export const ST_NOATIME = 1024;
export const ST_NODIRATIME = 2048;
export const ST_RELATIME = 4096;
export const ST_NOSYMFOLLOW = 8192;

// f_type and f_flags values that only the kernel defines.
export const MQUEUE_MAGIC = 0x19800202;
export const ST_VALID = 0x20;
