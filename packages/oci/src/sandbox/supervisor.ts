import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { hostReplaceDescriptor } from '@sandbox/native';
import type { CreateRequest } from '../control/protocol.js';
import { leaveGroups, removeGroups, type Stay } from './cgroup.js';
import { listen } from './control-server.js';
import { type Member, SIGNALS } from './member.js';
import { Sandbox } from './sandbox.js';

export { useOwnTerminal } from './own-terminal.js';

/** Signals this process is sent that are meant for the container's first. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** A sandbox that is served; `end` resolves with the exit status of its first container. */
export interface Running {
  readonly member: Member;
  start(): Promise<void>;
  readonly end: Promise<number>;
}

export function socketPath(root: string, id: string): string {
  return join(root, id, 'control.sock');
}

/**
 * Create the sandbox of `request` in this process, which enters the container's groups by `entering`, and
 * serve it. `fds`: what its program gets as 0, 1, 2 and so on. Throws Failure.
 */
export async function host(
  request: CreateRequest,
  fds: readonly number[],
  entering: Promise<Stay>,
): Promise<Running> {
  const { id, root } = request;
  const socket = socketPath(root, id);
  const { made, before } = await entering;
  const { sandbox, member } = await Sandbox.create(request, socket, fds, made).catch(async (error) => {
    await leaveGroups(before);
    await removeGroups(made);
    throw error;
  });
  for (const signal of FORWARDED) process.on(signal, () => member.kill(SIGNALS[signal]!));
  process.on('SIGWINCH', () => member.resized());
  const server = await listen(sandbox, socket);
  member.created();
  const end = member.end.then(async (status) => {
    server.close();
    await Promise.all([leaveGroups(before), sandbox.dispose()]);
    return status;
  });
  return { member, start: () => sandbox.start(id), end };
}

/** Descriptors 0, 1 and 2 are /dev/null from now on. */
export function leaveStandardFds(): void {
  const none = openSync('/dev/null', 'r+');
  for (const fd of [0, 1, 2]) hostReplaceDescriptor(none, fd);
  closeSync(none);
}
