/**
 * Page faults served by a program.
 *
 * Mirrors linux/userfaultfd.h; man 2 userfaultfd, man 2 ioctl_userfaultfd.
 */

export const UFFD_USER_MODE_ONLY = 1;

export const UFFD_API = 0xaa;
export const UFFD_FEATURE_SIGBUS = 1 << 7;
export const UFFD_FEATURE_THREAD_ID = 1 << 8;
export const UFFD_FEATURE_EXACT_ADDRESS = 1 << 11;

export const UFFDIO_REGISTER_MODE_MISSING = 1;
export const UFFDIO_REGISTER_MODE_WP = 2;
export const UFFDIO_REGISTER_MODE_MINOR = 4;
export const UFFDIO_COPY_MODE_DONTWAKE = 1;
export const UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1;

// Numbers of the commands, as bits of the sets the kernel says it knows.
export const _UFFDIO_REGISTER = 0;
export const _UFFDIO_UNREGISTER = 1;
export const _UFFDIO_WAKE = 2;
export const _UFFDIO_COPY = 3;
export const _UFFDIO_ZEROPAGE = 4;
export const _UFFDIO_API = 0x3f;

// The commands.
export const UFFDIO_API = 0xc018aa3f;
export const UFFDIO_REGISTER = 0xc020aa00;
export const UFFDIO_UNREGISTER = 0x8010aa01;
export const UFFDIO_WAKE = 0x8010aa02;
export const UFFDIO_COPY = 0xc028aa03;
export const UFFDIO_ZEROPAGE = 0xc020aa04;

export const UFFD_EVENT_PAGEFAULT = 0x12;
export const UFFD_PAGEFAULT_FLAG_WRITE = 1;

/** `struct uffd_msg`, with the members of a page fault. */
export const UFFD_MSG = { SIZE: 32, event: 0, flags: 8, address: 16, ptid: 24 } as const;

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
