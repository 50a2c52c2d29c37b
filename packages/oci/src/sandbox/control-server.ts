import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { hostReceiveDescriptors } from '@sandbox/native';
import { addressOf } from '../control/address.js';
import { descriptorOf } from '../control/descriptor.js';
import type { ExecRequest, JoinRequest, Reply, Request } from '../control/protocol.js';
import { Failure, messageOf } from '../failure.js';
import { Console } from './console.js';
import { exitCodeOf, type Member, SIGNALS } from './member.js';
import type { Sandbox } from './sandbox.js';

/** What a request may be at most, and how long it may take to come. */
const MOST_BYTES = 1 << 20;
const PATIENCE_MS = 10_000;

/** Serves the other commands on a socket only this user may connect to. */
export async function listen(sandbox: Sandbox, path: string): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    void serve(sandbox, socket);
  });
  const address = addressOf(path);
  // Closing takes the file away by this path.
  server.once('close', address.release);
  const before = process.umask(0o177);
  server.listen(address.path);
  process.umask(before);
  await once(server, 'listening');
  return server;
}

function reply(socket: Socket, message: Reply): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

async function serve(sandbox: Sandbox, socket: Socket): Promise<void> {
  let fds: number[] = [];
  try {
    const received = await receive(socket);
    fds = received.fds;
    const { request } = received;
    if (request.op === 'exec' || request.op === 'join') {
      const taken = fds;
      fds = [];
      if (request.op === 'exec') await exec(sandbox, socket, request, taken);
      else await join(sandbox, socket, request, taken);
    } else if (request.op === 'watch') {
      watch(sandbox, socket, request.id);
    } else {
      reply(socket, await answer(sandbox, request));
      socket.end();
    }
  } catch (error) {
    reply(socket, { error: messageOf(error) });
    socket.end();
  }
  await closeAll(fds);
}

async function closeAll(fds: readonly number[]): Promise<void> {
  const { closeSync } = await import('node:fs');
  for (const fd of fds) closeSync(fd);
}

/** A line of JSON with the descriptors that came along. */
async function receive(socket: Socket): Promise<{ request: Request; fds: number[] }> {
  const fd = descriptorOf(socket);
  const chunks: Uint8Array[] = [];
  const fds: number[] = [];
  let length = 0;
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    const got = hostReceiveDescriptors(fd);
    if (got === null) {
      await pause(1);
      continue;
    }
    if (typeof got === 'number' || got.data.length === 0) break;
    fds.push(...got.fds);
    chunks.push(got.data);
    length += got.data.length;
    if (got.data[got.data.length - 1] === 10) {
      return { request: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Request, fds };
    }
    if (length > MOST_BYTES) break;
  }
  await closeAll(fds);
  throw new Failure('no request');
}

async function answer(
  sandbox: Sandbox,
  request: Exclude<Request, ExecRequest | JoinRequest>,
): Promise<Reply> {
  if (request.op === 'delete') {
    await sandbox.remove(request.id);
    return { ok: true };
  }
  const member = sandbox.member(request.id);
  switch (request.op) {
    case 'start':
      await sandbox.start(request.id);
      break;
    case 'kill':
      member.kill(request.signal, request.all);
      break;
    case 'pause':
      member.pause();
      break;
    case 'resume':
      member.resume();
      break;
    case 'update':
      sandbox.update(request.id, request.resources);
      break;
    case 'ps':
      return { ok: true, processes: member.processes() };
    case 'stats':
      return { ok: true, stats: await sandbox.stats(request.id) };
    default:
      throw new Failure('unknown request');
  }
  return { ok: true };
}

/** Tell of a container's processes that are killed for memory, until it ends. */
function watch(sandbox: Sandbox, socket: Socket, id: string): void {
  const { kernel } = sandbox;
  const { container, end } = sandbox.member(id);
  let seen = container.stats().oomKills;
  const onKill = (): void => {
    const { oomKills } = container.stats();
    if (oomKills > seen) reply(socket, { event: 'oom' });
    seen = oomKills;
  };
  kernel.on('oom-kill', onKill);
  reply(socket, { ok: true });
  socket.once('close', () => kernel.off('oom-kill', onKill));
  void end.then(() => socket.end());
  // Its reader may go first.
  socket.resume();
}

/**
 * Where a process of the host that stands for one inside is told of its end, and tells of signals for it: a
 * socket of its own, or the connection.
 */
async function lineOf(socket: Socket, proxied: boolean, fds: number[]): Promise<Socket> {
  if (!proxied) return socket;
  const { Socket: NetSocket } = await import('node:net');
  return new NetSocket({ fd: fds.pop()!, readable: true, writable: true });
}

/** Pass on what comes: signals, and that who stood for it was killed. */
function listenTo(line: Socket, onSignal: (signal: number) => void, onLost: () => void): void {
  line.on('error', () => {});
  line.on('data', (bytes: Buffer) => {
    for (const signal of bytes) onSignal(signal);
  });
  line.once('close', onLost);
  line.resume();
}

function tellEnd(socket: Socket, line: Socket, status: number): void {
  if (line !== socket) line.end(Buffer.of(status));
  else {
    reply(socket, { exit: status });
    socket.end();
  }
}

/** A further program. */
async function exec(sandbox: Sandbox, socket: Socket, request: ExecRequest, fds: number[]): Promise<void> {
  const member = sandbox.member(request.id);
  const line = await lineOf(socket, request.proxied, fds);
  const { process, console, output } = await member.exec(request, fds);
  reply(socket, { ok: true, pid: process.pid });
  const onSignal = (signal: number): void => {
    if (signal === SIGNALS.SIGWINCH && console !== null) console.resized(process);
    else process.kill(signal);
  };
  listenTo(line, onSignal, () => process.kill('SIGKILL'));
  if (request.proxied) socket.end();
  const { code, signal } = await process.exited;
  await output;
  console?.close();
  tellEnd(socket, line, exitCodeOf(code, signal, SIGNALS));
}

/** A further container. */
async function join(sandbox: Sandbox, socket: Socket, request: JoinRequest, fds: number[]): Promise<void> {
  const { create, pid } = request;
  const line = await lineOf(socket, request.proxied, fds);
  let member: Member;
  try {
    const console = create.config.process?.terminal ? new Console(fds[0]!) : null;
    member = await sandbox.add(create, { pid, fds, console });
  } catch (error) {
    line.destroy();
    if (!create.config.process?.terminal) await closeAll(fds);
    throw error;
  }
  member.created();
  reply(socket, { ok: true });
  const onSignal = (signal: number): void => {
    if (signal === SIGNALS.SIGWINCH) member.resized();
    else member.kill(signal);
  };
  listenTo(line, onSignal, () => member.kill(SIGNALS.SIGKILL!));
  if (request.proxied) socket.end();
  tellEnd(socket, line, await member.end);
}
