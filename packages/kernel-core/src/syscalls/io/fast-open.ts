import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  EAGAIN,
  EALREADY,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  EOPNOTSUPP,
  LANDLOCK_ACCESS_NET_CONNECT_TCP,
  MSG_DONTWAIT,
  MSG_FASTOPEN,
  O_NONBLOCK,
  SOCK_STREAM,
} from '@sandbox/abi';
import { blockOn } from '../../files/io/files.js';
import { checkSocket } from '../../files/socket/landlock.js';
import type { SendMessage } from '../../files/socket/message.js';
import type { SocketFile } from '../../files/socket/socket-file.js';
import { WRITE_EVENTS } from '../../process/files/events.js';
import type { Task } from '../../process/task/task.js';

/**
 * A message that opens the connection it goes over (tcp(7), MSG_FASTOPEN). Other sockets do not know the
 * flag.
 */
export function opensConnection(socket: SocketFile, message: SendMessage): boolean {
  if ((message.flags & MSG_FASTOPEN) === 0 || socket.type !== SOCK_STREAM) return false;
  return socket.domain === AF_INET || socket.domain === AF_INET6;
}

/**
 * The first half of such a send. Without a cookie of the peer, which nobody keeps here, Linux too makes the
 * connection first. 0 once it stands, BLOCKED, and what connect(2) answers; EOPNOTSUPP for AF_UNSPEC.
 */
export function openForSending(t: Task, socket: SocketFile, message: SendMessage): number {
  const { address } = message;
  const again = t.wait.round > 0;
  if (address.length === 0) return -EINVAL;
  const denied = checkSocket(t.cred.guard, socket, address, LANDLOCK_ACCESS_NET_CONNECT_TCP);
  if (denied < 0) return denied;
  if (address.family === AF_UNSPEC) return -EOPNOTSUPP;
  const n = socket.connect(t, address);
  // It was made in an earlier run, and the bytes waited for room.
  if (n === -EISCONN && again) return 0;
  if (n !== -EAGAIN && n !== -EINPROGRESS && n !== -EALREADY) return n;
  if ((socket.flags & O_NONBLOCK) !== 0 || (message.flags & MSG_DONTWAIT) !== 0) return n;
  if (t.wait.timedOut) return -EINPROGRESS;
  return blockOn(t, socket, WRITE_EVENTS, socket.writeTimeout);
}
