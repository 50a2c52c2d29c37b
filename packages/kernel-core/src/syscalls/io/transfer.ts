import { EAGAIN, EPIPE, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, MSG_WAITALL, O_NONBLOCK } from '@sandbox/abi';
import { blockOn, raiseSigpipe } from '../../files/io/files.js';
import type { ReceiveMessage, SendMessage } from '../../files/socket/message.js';
import type { SocketFile } from '../../files/socket/socket-file.js';
import { READ_EVENTS, WRITE_EVENTS } from '../../process/files/events.js';
import type { Task } from '../../process/task/task.js';
import { openForSending, opensConnection } from './fast-open.js';

function mustNotWait(socket: SocketFile, flags: number): boolean {
  return (socket.flags & O_NONBLOCK) !== 0 || (flags & MSG_DONTWAIT) !== 0;
}

/**
 * Send one message; a stream to its end. `wait.progress` counts what earlier runs of the call sent, and
 * `message.io` is behind it.
 */
export function sendMessage(t: Task, socket: SocketFile, message: SendMessage): number {
  const wait = t.wait;
  if (wait.progress === 0 && opensConnection(socket, message)) {
    const r = openForSending(t, socket, message);
    if (r !== 0) return r;
  }
  for (;;) {
    const n = socket.send(message);
    if (n >= 0) {
      if (!socket.isStream) return n;
      wait.progress += n;
      if (n === 0 || message.io.remaining === 0) return wait.progress;
      continue;
    }
    if (n === -EAGAIN) {
      if (!mustNotWait(socket, message.flags)) return blockOn(t, socket, WRITE_EVENTS, socket.writeTimeout);
    } else if (
      n === -EPIPE &&
      socket.raisesSigpipe &&
      wait.progress === 0 &&
      (message.flags & MSG_NOSIGNAL) === 0
    ) {
      raiseSigpipe(t);
    }
    return wait.progress > 0 ? wait.progress : n;
  }
}

/** Receive one message, or as many bytes of a stream as SO_RCVLOWAT and MSG_WAITALL ask for. */
export function receiveMessage(t: Task, socket: SocketFile, message: ReceiveMessage): number {
  const wait = t.wait;
  const { flags, io } = message;
  const length = io.remaining + wait.progress;
  const enough = (flags & MSG_WAITALL) !== 0 ? length : Math.min(socket.options.rcvlowat, length);
  for (;;) {
    const n = socket.receive(message);
    if (n >= 0) {
      if (!socket.isStream) return n;
      // Bytes that are only looked at are looked at again after a sleep.
      const total = (flags & MSG_PEEK) !== 0 ? n : (wait.progress += n);
      if (total >= enough || n === 0 || message.stop || mustNotWait(socket, flags) || wait.timedOut)
        return total;
      if ((flags & MSG_PEEK) === 0) continue;
    } else if (n !== -EAGAIN) return wait.progress > 0 ? wait.progress : n;
    // The socket may have said meanwhile that there is nothing to wait for (an empty error queue).
    else if (mustNotWait(socket, message.flags)) return wait.progress > 0 ? wait.progress : n;
    if (socket.endsWait) return wait.progress;
    return blockOn(t, socket, READ_EVENTS, socket.readTimeout);
  }
}
