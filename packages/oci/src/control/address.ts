import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/**
 * What the address of a Unix socket holds (unix(7), sun_path, without the NUL). Node cuts off what is more.
 */
const MOST_BYTES = 107;

/** A path by which a socket can be listened on or connected to until `release`. */
export interface SocketAddress {
  readonly path: string;
  release(): void;
}

/**
 * The address of a socket at `path`, which may be longer than an address: it goes by a descriptor of its
 * directory then. Throws as open(2) does.
 */
export function addressOf(path: string): SocketAddress {
  if (Buffer.byteLength(path) <= MOST_BYTES) return { path, release: () => {} };
  const fd = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}/${basename(path)}`, release: () => closeSync(fd) };
}
