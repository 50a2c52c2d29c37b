import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { hostReplaceDescriptor } from '@sandbox/native';
import type { Context } from '../context.js';
import type { CreateRequest, Reply } from '../control/protocol.js';
import { listen } from '../control/server.js';
import { messageOf } from '../failure.js';
import { leaveGroups } from './cgroup.js';
import { type Member, SIGNALS } from './member.js';
import { Sandbox } from './sandbox.js';

export { useOwnTerminal } from './own-terminal.js';

/** Signals this process is sent that are meant for the container's first. */
const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const SYNC_FD = 3;
/** How long a reader that does not read may keep this process when the container has ended, ms. */
const LAST_OUTPUT_MS = 2000;

/** A sandbox that is served; `end` resolves with the exit status of its first container. */
export interface Running {
  readonly member: Member;
  start(): Promise<void>;
  readonly end: Promise<number>;
}

export function socketPath(root: string, id: string): string {
  return join(root, id, 'control.sock');
}

/** Create the sandbox of `request` in this process and serve it. `fds`: what its program gets as 0, 1, 2 and so on. Throws Failure. */
export async function host(request: CreateRequest, fds: readonly number[]): Promise<Running> {
  const { id, root } = request;
  const socket = socketPath(root, id);
  const { sandbox, member } = await Sandbox.create(request, socket, fds);
  for (const signal of FORWARDED) process.on(signal, () => member.kill(SIGNALS[signal]!));
  process.on('SIGWINCH', () => member.resized());
  const server = await listen(sandbox, socket);
  member.created();
  const end = member.end.then(async (status) => {
    server.close();
    await sandbox.dispose();
    leaveGroups();
    return status;
  });
  return { member, start: () => sandbox.start(id), end };
}

/** The process that `create` leaves behind: it gets its request on descriptor 3, and tells there how it went. */
export async function supervise(_context: Context): Promise<number> {
  const sync = new Socket({ fd: SYNC_FD, readable: true, writable: true });
  sync.on('error', () => {});
  const request = await readRequest(sync);
  if (request === null) return 1;
  const fds = [0, 1, 2];
  for (let i = 0; i < request.preserveFds; i++) fds.push(SYNC_FD + 1 + i);
  let running: Running;
  try {
    running = await host(request, fds);
  } catch (error) {
    await tell(sync, { error: messageOf(error) });
    return 1;
  }
  // On a terminal nothing of its caller's is left to it: who started the command may read its output to the end.
  if (request.consoleSocket !== null) leaveStandardFds();
  await tell(sync, { ok: true, pid: process.pid });
  const status = await running.end;
  // What is still on its way out of this process gets a moment.
  setTimeout(() => process.exit(status), LAST_OUTPUT_MS).unref();
  return status;
}

/** Descriptors 0, 1 and 2 are /dev/null from now on. */
function leaveStandardFds(): void {
  const none = openSync('/dev/null', 'r+');
  for (const fd of [0, 1, 2]) hostReplaceDescriptor(none, fd);
  closeSync(none);
}

function tell(sync: Socket, reply: Reply): Promise<void> {
  return new Promise((resolve) => sync.end(`${JSON.stringify(reply)}\n`, () => resolve()));
}

async function readRequest(sync: Socket): Promise<CreateRequest | null> {
  let text = '';
  sync.setEncoding('utf8');
  for await (const chunk of iterate(sync)) {
    text += chunk;
    if (text.endsWith('\n')) return JSON.parse(text) as CreateRequest;
  }
  return null;
}

/** Chunks of a socket that stays open when the loop is left. */
async function* iterate(socket: Socket): AsyncGenerator<string> {
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) yield chunk as string;
}
