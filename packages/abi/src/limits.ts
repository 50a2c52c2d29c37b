/**
 * Limits.
 *
 * Mirrors linux/limits.h and linux/binfmts.h; man 3 sysconf, man 2 execve, man 7 path_resolution.
 */

// Names, pipes, groups, arguments, extended attributes. ARG_MAX is only the floor of what execve accepts:
// the kernel allows a quarter of the stack limit, at most 6 MiB and at least this.
export const NAME_MAX = 255;
export const PATH_MAX = 4096;
export const PIPE_BUF = 4096;
export const LINK_MAX = 127;
export const MAX_CANON = 255;
export const MAX_INPUT = 255;
export const NGROUPS_MAX = 65536;
export const ARG_MAX = 131072;
export const NR_OPEN = 1024;
export const RTSIG_MAX = 32;
export const XATTR_NAME_MAX = 255;
export const XATTR_SIZE_MAX = 65536;
export const XATTR_LIST_MAX = 65536;

// execve.
export const MAX_ARG_STRINGS = 0x7fffffff;
export const BINPRM_BUF_SIZE = 256;

// Bounds inside the kernel.
export const MAX_ARG_STRLEN = 131072;
export const MAX_RW_COUNT = 0x7ffff000;
export const MAXSYMLINKS = 40;
export const PIPE_DEF_BUFFERS = 16;
export const INT_MAX = 0x7fffffff;
export const TASK_COMM_LEN = 16;
export const PID_MAX_DEFAULT = 0x8000;
export const PID_MAX_LIMIT = 0x400000;
export const MAX_LFS_FILESIZE = { lo: 0xffffffff, hi: 0x7fffffff } as const;
export const DEFAULT_MAX_MAP_COUNT = 65530;
export const DEFAULT_OVERFLOWUID = 65534;
export const DEFAULT_OVERFLOWGID = 65534;
