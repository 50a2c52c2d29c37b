/** Outcome of a fault: the guest may retry the access. */
export const FAULT_OK = 0;
/** SIGSEGV, SEGV_MAPERR: nothing is mapped there. */
export const FAULT_MAPERR = 1;
/** SIGSEGV, SEGV_ACCERR: the mapping does not allow it. */
export const FAULT_ACCERR = 2;
/** SIGBUS, BUS_ADRERR: behind the end of the file, or the file could not be read. */
export const FAULT_BUS = 3;
/** No memory is left: somebody has to die. */
export const FAULT_OOM = 4;
/**
 * A program serves faults there (userfaultfd(2)): it is asked, and the access waits; `MemoryManager.missing`
 * says where.
 */
export const FAULT_ASK = 5;
/** SIGBUS, BUS_MCEERR_AR: the memory is broken (UFFDIO_POISON). */
export const FAULT_POISON = 6;

export type FaultResult = 0 | 1 | 2 | 3 | 4 | 5 | 6;
