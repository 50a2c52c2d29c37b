import { EINTR, POLLIN } from '@sandbox/abi';
import { BLOCKED } from '../../call/result.js';
import type { Task } from './task.js';

/**
 * Something answered -EAGAIN because a listener has to say first: the call sleeps till then, which only its
 * end ends sooner.
 */
export function awaitPermission(t: Task): number {
  const asked = t.wait.asked!;
  if (t.signals.exiting) {
    asked.cancel();
    return -EINTR;
  }
  t.wait.on(asked.queue, POLLIN);
  return BLOCKED;
}
