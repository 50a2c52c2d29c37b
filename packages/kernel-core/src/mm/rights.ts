/** What memory calls must know of the caller, as bits of their `rights` argument. */

/** CAP_IPC_LOCK: RLIMIT_MEMLOCK does not bind. */
export const RIGHT_IPC_LOCK = 1;
/** CAP_SYS_RAWIO: pages below mmap_min_addr may be mapped. */
export const RIGHT_RAWIO = 2;
/** The file lies on a mount with noexec. */
export const FILE_NOEXEC = 4;
/** personality(READ_IMPLIES_EXEC). */
export const READ_IMPLIES_EXEC_ON = 8;
