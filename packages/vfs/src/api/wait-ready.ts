import { EAGAIN, POLLERR, POLLHUP } from '@sandbox/abi';
import type { File } from '../core/file.js';
import { WaitEntry } from '../core/wait-queue.js';
import { FsError } from './fs-error.js';

/**
 * Resolves when `file` may have become ready for `events` (POLL*); rejects with the signal's reason, or
 * EAGAIN for a file that never announces anything.
 */
export function waitReady(
  file: File,
  events: number,
  signal: AbortSignal | undefined,
  syscall: string,
): Promise<void> {
  const queue = file.waitQueue;
  if (queue === null) return Promise.reject(new FsError(EAGAIN, syscall));
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const entry = new WaitEntry({
      onWake: () => {
        entry.remove();
        signal?.removeEventListener('abort', onAbort);
        resolve();
        return true;
      },
    });
    const onAbort = (): void => {
      entry.remove();
      reject(signal!.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    queue.add(entry, events | POLLHUP | POLLERR);
  });
}
