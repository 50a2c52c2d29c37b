import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { Replies } from '../control/client.js';

const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;
/** What stands for a program whose kernel has gone. */
const LOST = 255;

/**
 * Stand for a program inside that was asked for on `socket`: pass signals on until it ends. `terminal`:
 * descriptor 0 is its terminal. `onStart` is called when it is there. Resolves with its exit status. Throws
 * Failure: it was refused.
 */
export async function standFor(socket: Socket, terminal: boolean, onStart: () => void): Promise<number> {
  const replies = new Replies(socket);
  const restore = terminal ? (await import('./exec-tools.js')).keepTerminal() : (): void => {};
  try {
    await replies.ok();
    onStart();
    for (const signal of FORWARDED)
      process.on(signal, () => socket.write(Buffer.of(constants.signals[signal])));
    const end = await replies.next();
    return end !== null && 'exit' in end ? end.exit : LOST;
  } finally {
    restore();
    socket.destroy();
  }
}
