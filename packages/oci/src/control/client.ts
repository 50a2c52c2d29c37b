import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { errnoText, Failure } from '../failure.js';
import type { Stored } from '../state/store.js';
import { addressOf, type SocketAddress } from './address.js';
import type { Reply, Request } from './protocol.js';

type Ok = Extract<Reply, { ok: true }>;

/** Reads the lines of an answer. */
export class Replies {
  private readonly lines: AsyncGenerator<string>;

  constructor(readonly socket: Socket) {
    this.lines = linesOf(socket);
  }

  /** The next one; null: the supervisor has gone. */
  async next(): Promise<Reply | null> {
    const { value, done } = await this.lines.next();
    return done ? null : (JSON.parse(value) as Reply);
  }

  /** One that says it worked. Throws Failure. */
  async ok(): Promise<Ok> {
    const reply = await this.next();
    if (reply === null) throw new Failure('the supervisor of the container has ended');
    if ('error' in reply) throw new Failure(reply.error);
    return reply as Ok;
  }
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let rest = '';
  socket.setEncoding('utf8');
  try {
    for await (const chunk of socket) {
      rest += chunk as string;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        yield rest.slice(0, end);
        rest = rest.slice(end + 1);
      }
    }
  } catch {
    // Reset: it has gone.
  }
}

/** Connect to the supervisor of a container. Throws Failure. */
export async function dial(stored: Stored): Promise<Socket> {
  let address: SocketAddress | undefined;
  try {
    address = addressOf(stored.socket);
    const socket = connect(address.path);
    await once(socket, 'connect');
    socket.on('error', () => {});
    return socket;
  } catch (error) {
    throw new Failure(`cannot reach the supervisor of ${stored.id}: ${errnoText(error)}`);
  } finally {
    address?.release();
  }
}

/** One request without descriptors, and its answer. Throws Failure. */
export async function ask(stored: Stored, request: Request): Promise<Ok> {
  const socket = await dial(stored);
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    return await new Replies(socket).ok();
  } finally {
    socket.destroy();
  }
}
