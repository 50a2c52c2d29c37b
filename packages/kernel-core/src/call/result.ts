/**
 * What a system call handler returns: a result >= 0, `-errno`, one of Linux's internal restart codes
 * (ERESTARTSYS and its kin of `@sandbox/abi`, negated), or one of these.
 */

/** The call sleeps: its wait entries are in place; the handler runs again, from its start, when woken. */
export const BLOCKED = -0x10000;
/** The registers were replaced (execve, rt_sigreturn) or the task is gone (exit): write no result. */
export const NO_RESULT = -0x10001;
