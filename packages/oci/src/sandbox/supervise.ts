import { Socket } from 'node:net';
import type { CreateRequest, Reply } from '../control/protocol.js';
import { messageOf } from '../failure.js';
import { enterGroups, groupPath } from './cgroup.js';
import type { Running } from './supervisor.js';

const SYNC_FD = 3;
/** How long a reader that does not read may keep this process when the container has ended, ms. */
const LAST_OUTPUT_MS = 2000;

/**
 * The process that `create` leaves behind: it gets its request on descriptor 3, and tells there how it went.
 */
export async function supervise(): Promise<number> {
  const sync = new Socket({ fd: SYNC_FD, readable: true, writable: true });
  sync.on('error', () => {});
  const request = await readRequest(sync);
  if (request === null) return 1;
  const fds = [0, 1, 2];
  for (let i = 0; i < request.preserveFds; i++) fds.push(SYNC_FD + 1 + i);
  let running: Running;
  try {
    const { config, id, systemdCgroup } = request;
    const entering = enterGroups(groupPath(config, id, systemdCgroup), process.pid);
    const { host, leaveStandardFds } = await import('./supervisor.js');
    running = await host(request, fds, entering);
    // On a terminal nothing of its caller's is left to it: who started the command may read its output to the
    // end.
    if (request.consoleSocket !== null) leaveStandardFds();
  } catch (error) {
    await tell(sync, { error: messageOf(error) });
    return 1;
  }
  await tell(sync, { ok: true, pid: process.pid });
  const status = await running.end;
  // What is still on its way out of this process gets a moment.
  setTimeout(() => process.exit(status), LAST_OUTPUT_MS).unref();
  return status;
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
