import { EventEmitter } from 'node:events';
import { AF_INET6, EAGAIN } from '@sandbox/abi';
import { IpAddress, SocketAddress } from '../core/address.js';
import type { TcpEndpoint } from '../socket/tcp/endpoint.js';
import type { NetStack } from '../stack.js';
import { StackError } from './errors.js';
import { StackSocket } from './socket.js';

const BACKLOG = 511;

/** Anything that takes connections as `node:http`, `node:https` or `node:net` servers do. */
export interface ConnectionTaker {
  emit(event: 'connection', socket: unknown): boolean;
}

/**
 * Listens inside a stack, as `net.Server` does on the host: emits `connection` with a `StackSocket`, and
 * `close`. `handOver` makes a `node:http` server answer there, which nobody outside the stack can reach.
 */
export class StackServer extends EventEmitter<{ connection: [StackSocket]; close: []; error: [Error] }> {
  private readonly endpoint: TcpEndpoint;
  private readonly open = new Set<StackSocket>();
  private scheduled = false;
  private closed = false;

  /** Listens at once. Throws a `StackError` (`EADDRINUSE`, `EADDRNOTAVAIL`). Port 0: any. */
  constructor(
    private readonly stack: NetStack,
    address: SocketAddress,
  ) {
    super();
    this.endpoint = stack.tcp.open(address.address.family);
    this.endpoint.changeOptions().reuseAddress = true;
    this.endpoint.observer = { onEvents: () => this.schedule() };
    let r = this.endpoint.bind(address);
    if (r === 0) r = this.endpoint.listen(BACKLOG);
    if (r < 0) {
      this.endpoint.close();
      throw new StackError('listen', -r, address.toString());
    }
  }

  /** Let a `node:http` (or `net`) server take the connections. */
  handOver(server: ConnectionTaker): this {
    return this.on('connection', (socket) => {
      server.emit('connection', socket);
    });
  }

  address(): { address: string; port: number; family: 'IPv4' | 'IPv6' } {
    const name = new SocketAddress();
    this.endpoint.name(name);
    const family = this.endpoint.family === AF_INET6 ? 'IPv6' : 'IPv4';
    return { address: name.address.toString(), port: name.port, family };
  }

  /** Connections that are open. */
  get connections(): number {
    return this.open.size;
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.acceptAll();
    });
  }

  private acceptAll(): void {
    while (!this.closed) {
      const child = this.endpoint.accept();
      if (typeof child === 'number') {
        if (child !== -EAGAIN) this.emit('error', new StackError('accept', -child));
        return;
      }
      const remote = new SocketAddress(IpAddress.ANY4);
      if (child.peerName(remote) < 0) {
        // It was reset before anybody looked.
        child.close();
        continue;
      }
      remote.address = remote.address.unmapped;
      const socket = new StackSocket(this.stack, child as TcpEndpoint, remote, false);
      this.open.add(socket);
      socket.once('close', () => this.open.delete(socket));
      this.emit('connection', socket);
    }
  }

  /** Stop listening; `connections`: end those that are open, too. */
  close(connections = false): void {
    if (this.closed) return;
    this.closed = true;
    this.endpoint.close();
    if (connections) for (const socket of this.open) socket.destroy();
    this.emit('close');
  }

  [Symbol.dispose](): void {
    this.close(true);
  }
}
