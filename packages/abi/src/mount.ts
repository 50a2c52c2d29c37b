/**
 * Mounting: the classic call, the fd-based calls, and statmount.
 *
 * Mirrors linux/mount.h and sys/mount.h; man 2 mount, umount, mount_setattr, man 7 mount_namespaces. The
 * msync flags MS_ASYNC, MS_INVALIDATE and MS_SYNC are in mman.ts.
 */

// mount.
export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_SYNCHRONOUS = 16;
export const MS_REMOUNT = 32;
export const MS_MANDLOCK = 64;
export const MS_DIRSYNC = 128;
export const MS_NOSYMFOLLOW = 256;
export const MS_NOATIME = 1024;
export const MS_NODIRATIME = 2048;
export const MS_BIND = 4096;
export const MS_MOVE = 8192;
export const MS_REC = 16384;
export const MS_VERBOSE = 32768;
export const MS_SILENT = 32768;
export const MS_POSIXACL = 0x10000;
export const MS_UNBINDABLE = 0x20000;
export const MS_PRIVATE = 0x40000;
export const MS_SLAVE = 0x80000;
export const MS_SHARED = 0x100000;
export const MS_RELATIME = 0x200000;
export const MS_KERNMOUNT = 0x400000;
export const MS_I_VERSION = 0x800000;
export const MS_STRICTATIME = 0x1000000;
export const MS_LAZYTIME = 0x2000000;
export const MS_SUBMOUNT = 0x4000000;
export const MS_NOREMOTELOCK = 0x8000000;
export const MS_NOSEC = 0x10000000;
export const MS_BORN = 0x20000000;
export const MS_ACTIVE = 0x40000000;
export const MS_NOUSER = 0x80000000;
export const MS_RMT_MASK = 0x2800051;
export const MS_MGC_VAL = 0xc0ed0000;
export const MS_MGC_MSK = 0xffff0000;

// open_tree.
export const OPEN_TREE_CLONE = 1;
export const OPEN_TREE_CLOEXEC = 0o2000000;

// move_mount.
export const MOVE_MOUNT_F_SYMLINKS = 0x1;
export const MOVE_MOUNT_F_AUTOMOUNTS = 0x2;
export const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
export const MOVE_MOUNT_T_SYMLINKS = 0x10;
export const MOVE_MOUNT_T_AUTOMOUNTS = 0x20;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
export const MOVE_MOUNT_SET_GROUP = 0x100;
export const MOVE_MOUNT_BENEATH = 0x200;
export const MOVE_MOUNT__MASK = 0x377;

// fsopen, fspick, fsmount.
export const FSOPEN_CLOEXEC = 0x1;
export const FSPICK_CLOEXEC = 0x1;
export const FSPICK_SYMLINK_NOFOLLOW = 0x2;
export const FSPICK_NO_AUTOMOUNT = 0x4;
export const FSPICK_EMPTY_PATH = 0x8;
export const FSMOUNT_CLOEXEC = 0x1;

// fsconfig commands.
export const FSCONFIG_SET_FLAG = 0;
export const FSCONFIG_SET_STRING = 1;
export const FSCONFIG_SET_BINARY = 2;
export const FSCONFIG_SET_PATH = 3;
export const FSCONFIG_SET_PATH_EMPTY = 4;
export const FSCONFIG_SET_FD = 5;
export const FSCONFIG_CMD_CREATE = 6;
export const FSCONFIG_CMD_RECONFIGURE = 7;
export const FSCONFIG_CMD_CREATE_EXCL = 8;

// mount_setattr and fsmount attributes.
export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;
export const MOUNT_ATTR__ATIME = 0x70;
export const MOUNT_ATTR_RELATIME = 0x0;
export const MOUNT_ATTR_NOATIME = 0x10;
export const MOUNT_ATTR_STRICTATIME = 0x20;
export const MOUNT_ATTR_NODIRATIME = 0x80;
export const MOUNT_ATTR_IDMAP = 0x100000;
export const MOUNT_ATTR_NOSYMFOLLOW = 0x200000;

// Size of the first version of struct mount_attr.
export const MOUNT_ATTR_SIZE_VER0 = 32;

// statmount and listmount.
export const STATMOUNT_SB_BASIC = 0x1;
export const STATMOUNT_MNT_BASIC = 0x2;
export const STATMOUNT_PROPAGATE_FROM = 0x4;
export const STATMOUNT_MNT_ROOT = 0x8;
export const STATMOUNT_MNT_POINT = 0x10;
export const STATMOUNT_FS_TYPE = 0x20;
export const STATMOUNT_MNT_NS_ID = 0x40;
export const STATMOUNT_MNT_OPTS = 0x80;
export const MNT_ID_REQ_SIZE_VER0 = 24;
export const MNT_ID_REQ_SIZE_VER1 = 32;
export const LSMT_ROOT = { lo: 0xffffffff, hi: 0xffffffff } as const;
export const LISTMOUNT_REVERSE = 0x1;

/** `struct mount_attr`. */
export const MOUNT_ATTR = {
  SIZE: 32,
  attr_set: 0,
  attr_clr: 8,
  propagation: 16,
  userns_fd: 24,
} as const;

/** `struct mnt_id_req`. */
export const MNT_ID_REQ = {
  SIZE: 32,
  size: 0,
  mnt_id: 8,
  param: 16,
  mnt_ns_id: 24,
} as const;

/** `struct statmount`. String fields are offsets into str. */
export const STATMOUNT = {
  SIZE: 512,
  size: 0,
  mnt_opts: 4,
  mask: 8,
  sb_dev_major: 16,
  sb_dev_minor: 20,
  sb_magic: 24,
  sb_flags: 32,
  fs_type: 36,
  mnt_id: 40,
  mnt_parent_id: 48,
  mnt_id_old: 56,
  mnt_parent_id_old: 60,
  mnt_attr: 64,
  mnt_propagation: 72,
  mnt_peer_group: 80,
  mnt_master: 88,
  propagate_from: 96,
  mnt_root: 104,
  mnt_point: 108,
  mnt_ns_id: 112,
  str: 512,
} as const;

// umount2.
export const MNT_FORCE = 1;
export const MNT_DETACH = 2;
export const MNT_EXPIRE = 4;
export const UMOUNT_NOFOLLOW = 8;
