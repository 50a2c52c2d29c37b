import { EventEmitter } from 'node:events';
import { AF_INET, AF_INET6 } from '@sandbox/abi';
import { type EndpointObserver, type IpAddress, SocketAddress, TcpEndpoint } from '@sandbox/net';
import type { Network } from '../../net/network.js';
import { GuestSocket, socketError } from './guest-socket.js';
import { stackIo } from './stack-io.js';

const BACKLOG = 511;

/** What a listener of the embedder's tells. */
export interface GuestListenerEvents {
  connection: [socket: GuestSocket];
  close: [];
}

/** A server of the embedder's inside the guest's network. Emits 'connection' with a GuestSocket. */
export class GuestListener
  extends EventEmitter<GuestListenerEvents>
  implements EndpointObserver, AsyncDisposable
{
  private endpoint: TcpEndpoint | null;
  private scheduled = false;
  readonly address: string;
  readonly port: number;

  constructor(
    network: Network,
    private readonly sockets: Set<GuestSocket>,
    host: IpAddress,
    port: number,
  ) {
    super();
    const endpoint = network.stack.tcp.open(host.isV4 ? AF_INET : AF_INET6);
    endpoint.options.reuseAddress = true;
    const at = new SocketAddress(host, port);
    let r = endpoint.bind(at);
    if (r === 0) r = endpoint.listen(BACKLOG);
    if (r < 0) {
      endpoint.close();
      throw socketError(-r, 'listen');
    }
    endpoint.name(at);
    this.address = String(at.address);
    this.port = at.port;
    this.endpoint = endpoint;
    endpoint.observer = this;
  }

  onEvents(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(this.accept);
  }

  private readonly accept = (): void => {
    this.scheduled = false;
    while (this.endpoint !== null) {
      const connection = this.endpoint.accept();
      if (!(connection instanceof TcpEndpoint)) return;
      const socket = new GuestSocket();
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      this.emit('connection', socket.adopt(stackIo, connection));
    }
  };

  /** Accept no more; connections there are stay. */
  close(): void {
    const { endpoint } = this;
    if (endpoint === null) return;
    this.endpoint = null;
    endpoint.observer = null;
    endpoint.close();
    this.emit('close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
