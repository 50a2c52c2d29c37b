import type { Socket } from 'node:net';
import { hostSendDescriptors } from '@sandbox/native';
import { Failure } from '../failure.js';
import { descriptorOf } from './descriptor.js';
import type { ExecRequest, JoinRequest } from './protocol.js';

/** Send a request with descriptors. Throws Failure. */
export function sendRequest(
  socket: Socket,
  request: ExecRequest | JoinRequest,
  fds: readonly number[],
): void {
  const sent = hostSendDescriptors(descriptorOf(socket), Buffer.from(`${JSON.stringify(request)}\n`), fds);
  if (sent < 0) throw new Failure(`sendmsg: errno ${-sent}`);
}
