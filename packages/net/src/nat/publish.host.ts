import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { IpAddress, SocketAddress } from '../core/address.js';
import { BytesSink, BytesSource } from '../core/bytes.js';
import { Timer } from '../core/timers.js';
import { ReceiveRequest, SendRequest } from '../socket/request.js';
import type { UdpEndpoint } from '../socket/udp.js';
import type { NetStack } from '../stack.js';
import { PublishedConnection } from './published-connection.host.js';

const UDP_IDLE = 120_000;
const MOST_UDP_FLOWS = 1024;
const LARGEST = 65535;

export interface PublishOptions {
  protocol: 'tcp' | 'udp';
  /** On the host: an address (`127.0.0.1` unless given, `0.0.0.0` and `::` for all) and a port; 0: any. */
  hostAddress?: string;
  hostPort: number;
  /** Where it leads inside. */
  guest: SocketAddress;
  /** The address inside that connections come from; else one that fits. */
  from?: IpAddress;
}

/** A published port; `close` stops it, and ends what goes through it. */
export interface PublishedPort extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Make a port inside reachable from the host's network. `stack`: the guest's own, or a gateway's on the same
 * network. Rejects with Node's error (`EADDRINUSE`, `EACCES`) when the host's port cannot be had.
 */
export function publish(stack: NetStack, options: PublishOptions): Promise<PublishedPort> {
  return options.protocol === 'tcp' ? publishTcp(stack, options) : publishUdp(stack, options);
}

function origin(options: PublishOptions): SocketAddress | undefined {
  return options.from === undefined ? undefined : new SocketAddress(options.from, 0);
}

async function publishTcp(stack: NetStack, options: PublishOptions): Promise<PublishedPort> {
  const open = new Set<Socket>();
  const from = origin(options);
  const ended = (outside: Socket) => open.delete(outside);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (outside) => {
    open.add(outside);
    new PublishedConnection(stack, outside, options.guest, from, ended);
  });
  server.listen(options.hostPort, options.hostAddress ?? '127.0.0.1');
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  const close = async () => {
    for (const socket of open) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  return {
    address,
    port,
    get connections() {
      return open.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** One peer outside: an endpoint of its own inside, so that the guest tells them apart. */
class UdpPeer {
  readonly endpoint: UdpEndpoint;
  readonly timer = new Timer(this);
  private scheduled = false;

  constructor(
    private readonly stack: NetStack,
    options: PublishOptions,
    private readonly answer: (bytes: Uint8Array) => void,
    private readonly onEnd: () => void,
  ) {
    this.endpoint = stack.udp.open(options.guest.address.family);
    if (options.from !== undefined) this.endpoint.bind(new SocketAddress(options.from, 0));
    this.endpoint.connect(options.guest);
    this.endpoint.observer = { onEvents: () => this.schedule() };
  }

  send(bytes: Uint8Array): void {
    this.stack.timers.armIn(this.timer, UDP_IDLE);
    this.endpoint.send(new SendRequest().reset(new BytesSource(bytes)));
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      const request = new ReceiveRequest();
      while (!this.endpoint.isClosed) {
        const buffer = new Uint8Array(Math.max(this.endpoint.readable, 1));
        const n = this.endpoint.receive(request.reset(new BytesSink(buffer)));
        if (n < 0) break;
        this.stack.timers.armIn(this.timer, UDP_IDLE);
        this.answer(buffer.subarray(0, n));
      }
    });
  }

  onTimer(): void {
    this.end();
  }

  end(): void {
    this.stack.timers.remove(this.timer);
    this.endpoint.close();
    this.onEnd();
  }
}

async function publishUdp(stack: NetStack, options: PublishOptions): Promise<PublishedPort> {
  const host = options.hostAddress ?? '127.0.0.1';
  const isV4 = IpAddress.parse(host)?.isV4 ?? true;
  const socket: DatagramSocket = createSocket(isV4 ? 'udp4' : 'udp6');
  const peers = new Map<string, UdpPeer>();
  socket.on('message', (bytes, from) => {
    if (bytes.length > LARGEST) return;
    const key = `${from.address}|${from.port}`;
    let peer = peers.get(key);
    if (peer === undefined) {
      if (peers.size >= MOST_UDP_FLOWS) peers.values().next().value!.end();
      peer = new UdpPeer(
        stack,
        options,
        (answer) => socket.send(answer, from.port, from.address, () => {}),
        () => peers.delete(key),
      );
      peers.set(key, peer);
    }
    peer.send(bytes);
  });
  socket.bind(options.hostPort, host);
  await once(socket, 'listening');
  socket.on('error', () => {});
  const { address, port } = socket.address();
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    for (const peer of [...peers.values()]) peer.end();
    socket.close();
    await once(socket, 'close');
  };
  return {
    address,
    port,
    get connections() {
      return peers.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
