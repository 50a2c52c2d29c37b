import { hostTerminal } from '@sandbox/kernel';
import { Console } from './console.js';
import type { Member } from './member.js';

/** Have this process's terminal as it is now again. */
export function keepTerminal(): () => void {
  const own = hostTerminal(0);
  return () => own?.restore();
}

/**
 * This process's terminal shows the container's. Returns what restores it, as the end of this process does in
 * any case.
 */
export function useOwnTerminal(member: Member): () => void {
  const restore = keepTerminal();
  const console = new Console(0);
  member.useConsole(console);
  const leave = (): void => {
    console.close();
    restore();
  };
  process.once('exit', leave);
  return leave;
}
