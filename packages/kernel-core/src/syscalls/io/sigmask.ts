import { EFAULT, EINTR, EINVAL, ERESTARTNOHAND } from '@sandbox/abi';
import type { Task } from '../../process/task/task.js';

const SIGSET_SIZE = 8;
const bytes = new Uint8Array(SIGSET_SIZE);
const view = new DataView(bytes.buffer);

/**
 * The signal mask of ppoll, pselect6 and epoll_pwait takes effect for the time of the call (Linux:
 * set_user_sigmask). Null: none. 0, -EINVAL (size), -EFAULT. On the first run of a handler only.
 */
export function swapMask(t: Task, addr: number, size: number): number {
  if (addr === 0) return 0;
  if (size !== SIGSET_SIZE) return -EINVAL;
  if (t.mm.copyIn(addr, bytes, 0, SIGSET_SIZE) < 0) return -EFAULT;
  t.kernel.signals.setTemporaryMask(t, view.getUint32(0, true), view.getUint32(4, true));
  return 0;
}

/** The call ends with `result`: the old mask goes back now, or behind the handler when a signal ended it. */
export function endMask(t: Task, result: number): void {
  if (result !== -ERESTARTNOHAND && result !== -EINTR) t.kernel.signals.restoreMask(t);
}
