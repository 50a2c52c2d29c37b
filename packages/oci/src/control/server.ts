import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { hostReceiveDescriptors } from '@sandbox/native';
import { Failure, messageOf } from '../failure.js';
import { descriptorOf } from '../sandbox/console.js';
import { exitCodeOf } from '../sandbox/member.js';
import { type Sandbox, SIGNALS } from '../sandbox/sandbox.js';
import type { ExecRequest, Reply, Request } from './protocol.js';

/** What a request may be at most, and how long it may take to come. */
const MOST_BYTES = 1 << 20;
const PATIENCE_MS = 10_000;

/** Serves the other commands on a socket only this user may connect to. */
export async function listen(
  sandbox: Sandbox,
  path: string,
  start: (id: string) => Promise<void>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => {});
    void serve(sandbox, socket, start);
  });
  const before = process.umask(0o177);
  server.listen(path);
  process.umask(before);
  await once(server, 'listening');
  return server;
}

function reply(socket: Socket, message: Reply): void {
  socket.write(`${JSON.stringify(message)}\n`);
}

async function serve(sandbox: Sandbox, socket: Socket, start: (id: string) => Promise<void>): Promise<void> {
  let fds: number[] = [];
  try {
    const received = await receive(socket);
    fds = received.fds;
    const { request } = received;
    if (request.op === 'exec') {
      const taken = fds;
      fds = [];
      await exec(sandbox, socket, request, taken);
    } else {
      reply(socket, await answer(sandbox, request, start));
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
  request: Exclude<Request, ExecRequest>,
  start: (id: string) => Promise<void>,
): Promise<Reply> {
  const member = sandbox.member(request.id);
  switch (request.op) {
    case 'start':
      await start(request.id);
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
      sandbox.update(request.resources);
      break;
    case 'ps':
      return { ok: true, processes: member.processes() };
    case 'stats':
      return { ok: true, stats: await sandbox.stats() };
    default:
      throw new Failure('unknown request');
  }
  return { ok: true };
}

/** A further program: its end, and meanwhile signals for it, go over a socket of its own or over this connection. */
async function exec(sandbox: Sandbox, socket: Socket, request: ExecRequest, fds: number[]): Promise<void> {
  const { Socket: NetSocket } = await import('node:net');
  const member = sandbox.member(request.id);
  const line = request.proxied ? new NetSocket({ fd: fds.pop()!, readable: true, writable: true }) : socket;
  const { process, console, output } = await member.exec(request, fds);
  reply(socket, { ok: true, pid: process.pid });
  line.on('error', () => {});
  line.on('data', (bytes: Buffer) => {
    for (const signal of bytes) {
      if (signal === SIGNALS.SIGWINCH && console !== null) console.resized(process);
      else process.kill(signal);
    }
  });
  // Who stood for it was killed: so is it.
  line.once('close', () => process.kill('SIGKILL'));
  line.resume();
  if (request.proxied) socket.end();
  const { code, signal } = await process.exited;
  await output;
  console?.close();
  const status = exitCodeOf(code, signal, SIGNALS);
  if (request.proxied) line.end(Buffer.of(status));
  else {
    reply(socket, { exit: status });
    socket.end();
  }
}
