import { ERESTART_RESTARTBLOCK, ERESTARTNOHAND, ERESTARTNOINTR, ERESTARTSYS } from '@sandbox/abi';

/** The interrupted call answers EINTR. */
export const RESTART_EINTR = 0;
/** It is executed again with the same arguments. */
export const RESTART_AGAIN = 1;
/** restart_syscall(2) is executed in its place, which goes on with the call where it was. */
export const RESTART_BLOCK = 2;

export type RestartAction = 0 | 1 | 2;

/**
 * What becomes of a system call that a signal interrupted (signal(7), "Interruption of system calls").
 *
 * @param code the restart code the call answered (positive)
 * @param handler a handler is about to run
 * @param saRestart that handler was installed with SA_RESTART
 */
export function restartAction(code: number, handler: boolean, saRestart: boolean): RestartAction {
  switch (code) {
    case ERESTARTNOINTR:
      return RESTART_AGAIN;
    case ERESTARTSYS:
      return handler && !saRestart ? RESTART_EINTR : RESTART_AGAIN;
    case ERESTARTNOHAND:
      return handler ? RESTART_EINTR : RESTART_AGAIN;
    case ERESTART_RESTARTBLOCK:
      return handler ? RESTART_EINTR : RESTART_BLOCK;
    default:
      return RESTART_EINTR;
  }
}
