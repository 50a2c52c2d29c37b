import { type File, releaseFile } from '@sandbox/vfs';
import type { UnixSocket } from './socket.js';

/** What the collector looks at. */
export interface InFlight {
  /** How often each socket is in flight. */
  readonly inflight: ReadonlyMap<UnixSocket, number>;
  /** Sockets with files in their queue. */
  readonly holders: ReadonlyMap<UnixSocket, number>;
}

/**
 * Sockets whose every reference lies in a message that nobody can receive any more, since it waits in the
 * queue of such a socket, would live for ever (a socket sent over itself and closed is the simplest case).
 * Find them and empty their queues (Linux: net/unix/garbage.c).
 */
export function collectGarbage({ inflight, holders }: InFlight): void {
  const candidates = new Set<File>();
  for (const [socket, n] of inflight) if (socket.refs === n) candidates.add(socket);
  if (candidates.size === 0) return;
  // What a live socket's queue holds can be received, and so on from there.
  const reached: UnixSocket[] = [];
  const reach = (file: File): void => {
    if (candidates.delete(file)) reached.push(file as UnixSocket);
  };
  for (const holder of holders.keys()) {
    // A connection that was not accepted yet is as alive as the socket that listens.
    if (!candidates.has(holder.listener ?? holder)) holder.eachQueuedFile(reach);
  }
  for (let s = reached.pop(); s !== undefined; s = reached.pop()) s.eachQueuedFile(reach);
  const lost: File[] = [];
  for (const socket of candidates) (socket as UnixSocket).takeQueuedFiles(lost);
  for (const file of lost) releaseFile(file);
}
