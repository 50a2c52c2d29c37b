import type { Socket } from 'node:net';

/** The descriptor of a socket of Node's. */
export function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}
