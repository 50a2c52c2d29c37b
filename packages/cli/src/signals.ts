import type { Process } from '@sandbox/kernel';

/** What a terminal sends to the whole group in front. */
const TO_GROUP = ['SIGINT', 'SIGQUIT', 'SIGHUP'] as const;
const TO_PROGRAM = ['SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;
/** A program may live through these. Who sends one again (SIGINT: at once again) means it. */
const INSISTING = new Set<NodeJS.Signals>(['SIGTERM', 'SIGHUP', 'SIGINT']);
const AT_ONCE_MS = 1000;

/**
 * Hand the signals this process gets on to the program. A second SIGTERM or SIGHUP, or a second SIGINT within
 * a second, calls `kill` instead. The returned function ends it.
 */
export function forwardSignals(child: Process, kill: () => void): () => void {
  const last = new Map<NodeJS.Signals, number>();
  const insists = (signal: NodeJS.Signals): boolean => {
    const before = last.get(signal);
    const now = performance.now();
    last.set(signal, now);
    if (before === undefined || !INSISTING.has(signal)) return false;
    return signal !== 'SIGINT' || now - before < AT_ONCE_MS;
  };
  const handlers: [NodeJS.Signals, () => void][] = [];
  const on = (signal: NodeJS.Signals, send: () => void): void => {
    const handler = (): void => (insists(signal) ? kill() : send());
    process.on(signal, handler);
    handlers.push([signal, handler]);
  };
  for (const signal of TO_GROUP) on(signal, () => child.killGroup(signal));
  for (const signal of TO_PROGRAM) on(signal, () => child.kill(signal));
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
