/**
 * Waiting for children.
 *
 * Mirrors linux/wait.h; man 2 wait4, waitid.
 */

// Options.
export const WNOHANG = 0x1;
export const WUNTRACED = 0x2;
export const WSTOPPED = WUNTRACED;
export const WEXITED = 0x4;
export const WCONTINUED = 0x8;
export const WNOWAIT = 0x1000000;
export const __WNOTHREAD = 0x20000000;
export const __WALL = 0x40000000;
export const __WCLONE = 0x80000000;

// waitid id types.
export const P_ALL = 0;
export const P_PID = 1;
export const P_PGID = 2;
export const P_PIDFD = 3;

// Wait status: the bit for a dumped core, the status of a continued child.
export const WCOREFLAG = 0x80;
export const __W_CONTINUED = 0xffff;
