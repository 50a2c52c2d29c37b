/**
 * Extended attributes and POSIX ACLs.
 *
 * Mirrors linux/xattr.h, linux/posix_acl.h, linux/posix_acl_xattr.h; man 7 xattr, man 5 acl. Size limits:
 * limits.ts.
 */

// setxattr flags.
export const XATTR_CREATE = 0x1;
export const XATTR_REPLACE = 0x2;

// Name spaces.
export const XATTR_OS2_PREFIX = 'os2.';
export const XATTR_MAC_OSX_PREFIX = 'osx.';
export const XATTR_BTRFS_PREFIX = 'btrfs.';
export const XATTR_HURD_PREFIX = 'gnu.';
export const XATTR_SECURITY_PREFIX = 'security.';
export const XATTR_SYSTEM_PREFIX = 'system.';
export const XATTR_TRUSTED_PREFIX = 'trusted.';
export const XATTR_USER_PREFIX = 'user.';

// Well-known names.
export const XATTR_NAME_EVM = 'security.evm';
export const XATTR_NAME_IMA = 'security.ima';
export const XATTR_NAME_SELINUX = 'security.selinux';
export const XATTR_NAME_SMACK = 'security.SMACK64';
export const XATTR_NAME_SMACKIPIN = 'security.SMACK64IPIN';
export const XATTR_NAME_SMACKIPOUT = 'security.SMACK64IPOUT';
export const XATTR_NAME_SMACKEXEC = 'security.SMACK64EXEC';
export const XATTR_NAME_SMACKTRANSMUTE = 'security.SMACK64TRANSMUTE';
export const XATTR_NAME_SMACKMMAP = 'security.SMACK64MMAP';
export const XATTR_NAME_APPARMOR = 'security.apparmor';
export const XATTR_NAME_CAPS = 'security.capability';
export const XATTR_NAME_POSIX_ACL_ACCESS = 'system.posix_acl_access';
export const XATTR_NAME_POSIX_ACL_DEFAULT = 'system.posix_acl_default';

// ACL entries.
export const ACL_UNDEFINED_ID = -1;
export const ACL_TYPE_ACCESS = 0x8000;
export const ACL_TYPE_DEFAULT = 0x4000;
export const ACL_USER_OBJ = 0x1;
export const ACL_USER = 0x2;
export const ACL_GROUP_OBJ = 0x4;
export const ACL_GROUP = 0x8;
export const ACL_MASK = 0x10;
export const ACL_OTHER = 0x20;
export const ACL_READ = 0x4;
export const ACL_WRITE = 0x2;
export const ACL_EXECUTE = 0x1;
export const POSIX_ACL_XATTR_VERSION = 0x2;

/** `struct posix_acl_xattr_header`. */
export const POSIX_ACL_XATTR_HEADER = {
  SIZE: 4,
  a_version: 0,
} as const;

/** `struct posix_acl_xattr_entry`. */
export const POSIX_ACL_XATTR_ENTRY = {
  SIZE: 8,
  e_tag: 0,
  e_perm: 2,
  e_id: 4,
} as const;
