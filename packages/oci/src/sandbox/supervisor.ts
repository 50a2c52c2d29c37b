import { closeSync, openSync } from 'node:fs';
import type { Server } from 'node:net';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { hostReplaceDescriptor } from '@sandbox/native';
import type { Context } from '../context.js';
import type { CreateRequest, Reply } from '../control/protocol.js';
import { listen } from '../control/server.js';
import { messageOf } from '../failure.js';
import type { Member } from './member.js';
import { Sandbox, SIGNALS } from './sandbox.js';

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
  const socket = socketPath(request.root, request.id);
  const { sandbox, member } = await Sandbox.create(request, socket);
  let finish!: (status: number) => void;
  const end = new Promise<number>((resolve) => {
    finish = resolve;
  });
  let server: Server | null = null;
  const close = async (status: number): Promise<void> => {
    server?.close();
    await sandbox.kernel.dispose();
    finish(status);
  };
  const start = async (): Promise<void> => {
    try {
      await member.start(fds);
    } catch (error) {
      // A container whose start fails has ended; one that runs goes on.
      if (member.startFailed) setImmediate(() => void close(255));
      throw error;
    }
    void member.ended(SIGNALS).then(close, () => close(255));
  };
  const signalled = (signal: NodeJS.Signals): void => {
    if (member.init !== null) member.init.kill(signal);
    else if (signal !== 'SIGHUP') void close(128 + SIGNALS[signal]!);
  };
  for (const signal of FORWARDED) process.on(signal, signalled);
  process.on('SIGWINCH', () => member.resized());
  server = await listen(sandbox, socket, async (id) => {
    if (id === request.id) await start();
  });
  // A kill that comes before the start ends the container as well.
  const { kill } = member;
  member.kill = (signal, all) => {
    if (member.init !== null) kill.call(member, signal, all);
    else if (signal === SIGNALS.SIGKILL || signal === SIGNALS.SIGTERM) void close(128 + signal);
  };
  member.created();
  return { member, start, end };
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
