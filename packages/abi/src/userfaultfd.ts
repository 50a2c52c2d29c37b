/**
 * Page faults served by a program.
 *
 * Mirrors linux/userfaultfd.h; man 2 userfaultfd, man 2 ioctl_userfaultfd.
 */

export const UFFD_USER_MODE_ONLY = 1;

export const UFFD_API = 0xaa;
export const UFFD_FEATURE_PAGEFAULT_FLAG_WP = 1 << 0;
export const UFFD_FEATURE_EVENT_FORK = 1 << 1;
export const UFFD_FEATURE_EVENT_REMAP = 1 << 2;
export const UFFD_FEATURE_EVENT_REMOVE = 1 << 3;
export const UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
export const UFFD_FEATURE_EVENT_UNMAP = 1 << 6;
export const UFFD_FEATURE_SIGBUS = 1 << 7;
export const UFFD_FEATURE_THREAD_ID = 1 << 8;
export const UFFD_FEATURE_MINOR_SHMEM = 1 << 10;
export const UFFD_FEATURE_EXACT_ADDRESS = 1 << 11;
export const UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;
export const UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;
export const UFFD_FEATURE_POISON = 1 << 14;
export const UFFD_FEATURE_WP_ASYNC = 1 << 15;
export const UFFD_FEATURE_MOVE = 1 << 16;

export const UFFDIO_REGISTER_MODE_MISSING = 1;
export const UFFDIO_REGISTER_MODE_WP = 2;
export const UFFDIO_REGISTER_MODE_MINOR = 4;
export const UFFDIO_COPY_MODE_DONTWAKE = 1;
export const UFFDIO_COPY_MODE_WP = 2;
export const UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1;
export const UFFDIO_WRITEPROTECT_MODE_WP = 1;
export const UFFDIO_WRITEPROTECT_MODE_DONTWAKE = 2;
export const UFFDIO_CONTINUE_MODE_DONTWAKE = 1;
export const UFFDIO_CONTINUE_MODE_WP = 2;
export const UFFDIO_POISON_MODE_DONTWAKE = 1;
export const UFFDIO_MOVE_MODE_DONTWAKE = 1;
export const UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES = 2;

// Numbers of the commands, as bits of the sets the kernel says it knows.
export const _UFFDIO_REGISTER = 0;
export const _UFFDIO_UNREGISTER = 1;
export const _UFFDIO_WAKE = 2;
export const _UFFDIO_COPY = 3;
export const _UFFDIO_ZEROPAGE = 4;
export const _UFFDIO_MOVE = 5;
export const _UFFDIO_WRITEPROTECT = 6;
export const _UFFDIO_CONTINUE = 7;
export const _UFFDIO_POISON = 8;
export const _UFFDIO_API = 0x3f;

// The commands.
export const UFFDIO_API = 0xc018aa3f;
export const UFFDIO_REGISTER = 0xc020aa00;
export const UFFDIO_UNREGISTER = 0x8010aa01;
export const UFFDIO_WAKE = 0x8010aa02;
export const UFFDIO_COPY = 0xc028aa03;
export const UFFDIO_ZEROPAGE = 0xc020aa04;
export const UFFDIO_MOVE = 0xc028aa05;
export const UFFDIO_WRITEPROTECT = 0xc018aa06;
export const UFFDIO_CONTINUE = 0xc020aa07;
export const UFFDIO_POISON = 0xc020aa08;
/** Of /dev/userfaultfd: as the system call, its argument the flags. */
export const USERFAULTFD_IOC_NEW = 0xaa00;

export const UFFD_EVENT_PAGEFAULT = 0x12;
export const UFFD_EVENT_FORK = 0x13;
export const UFFD_EVENT_REMAP = 0x14;
export const UFFD_EVENT_REMOVE = 0x15;
export const UFFD_EVENT_UNMAP = 0x16;
export const UFFD_PAGEFAULT_FLAG_WRITE = 1;
export const UFFD_PAGEFAULT_FLAG_WP = 2;
export const UFFD_PAGEFAULT_FLAG_MINOR = 4;

/** `struct uffd_msg`, with the members of a page fault. */
export const UFFD_MSG = { SIZE: 32, event: 0, flags: 8, address: 16, ptid: 24 } as const;
/** The same with the members of the other events: fork, remap, remove and unmap. */
export const UFFD_MSG_EVENT = { ufd: 8, from: 8, to: 16, len: 24, start: 8, end: 16 } as const;

/** `struct uffdio_api`. */
export const UFFDIO_API_STRUCT = { SIZE: 24, api: 0, features: 8, ioctls: 16 } as const;

/** `struct uffdio_register`. */
export const UFFDIO_REGISTER_STRUCT = { SIZE: 32, start: 0, len: 8, mode: 16, ioctls: 24 } as const;

/** `struct uffdio_range`. */
export const UFFDIO_RANGE = { SIZE: 16, start: 0, len: 8 } as const;

/** `struct uffdio_copy`. */
export const UFFDIO_COPY_STRUCT = { SIZE: 40, dst: 0, src: 8, len: 16, mode: 24, copy: 32 } as const;

/** `struct uffdio_zeropage`. */
export const UFFDIO_ZEROPAGE_STRUCT = { SIZE: 32, start: 0, len: 8, mode: 16, zeropage: 24 } as const;

/** `struct uffdio_move`. */
export const UFFDIO_MOVE_STRUCT = { SIZE: 40, dst: 0, src: 8, len: 16, mode: 24, move: 32 } as const;

/** `struct uffdio_writeprotect`. */
export const UFFDIO_WRITEPROTECT_STRUCT = { SIZE: 24, start: 0, len: 8, mode: 16 } as const;

/** `struct uffdio_continue`. */
export const UFFDIO_CONTINUE_STRUCT = { SIZE: 32, start: 0, len: 8, mode: 16, mapped: 24 } as const;

/** `struct uffdio_poison`. */
export const UFFDIO_POISON_STRUCT = { SIZE: 32, start: 0, len: 8, mode: 16, updated: 24 } as const;
