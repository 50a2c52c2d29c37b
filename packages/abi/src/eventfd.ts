/**
 * Event counters.
 *
 * Mirrors linux/eventfd.h; man 2 eventfd.
 */

// Flags.
export const EFD_SEMAPHORE = 0x1;
export const EFD_CLOEXEC = 0o2000000;
export const EFD_NONBLOCK = 0o4000;
