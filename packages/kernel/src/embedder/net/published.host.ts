import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { AF_INET } from '@sandbox/abi';
import {
  BytesSink,
  BytesSource,
  IpAddress,
  ReceiveRequest,
  SendRequest,
  SocketAddress,
  type UdpEndpoint,
} from '@sandbox/net';
import type { Network } from '../../net/network.js';
import { GuestSocket } from './guest-socket.js';
import { connectGuest } from './stack-io.js';

/** A port of the guest's made reachable on the host. */
export interface PublishedPort extends AsyncDisposable {
  readonly protocol: 'tcp' | 'udp';
  /** Address and port on the host. */
  readonly address: string;
  readonly port: number;
  readonly guestPort: number;
  close(): Promise<void>;
}

export interface PublishOptions {
  /** Port on the host; 0 (default): any that is free. */
  host?: number;
  /** Port in the guest's network. */
  guest: number;
  /** Address on the host; default 127.0.0.1. */
  address?: string;
  protocol?: 'tcp' | 'udp';
}

/** How long a UDP peer is remembered without a datagram. */
const UDP_IDLE_MS = 60_000;
const MOST_PEERS = 4096;

/** Connections to a host port go to the guest's loopback, where its servers listen. */
export async function publishTcp(
  network: Network,
  sockets: Set<GuestSocket>,
  options: PublishOptions,
): Promise<PublishedPort> {
  const outer = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    outer.add(socket);
    const inner = new GuestSocket();
    sockets.add(inner);
    inner.once('close', () => sockets.delete(inner));
    socket.once('close', () => outer.delete(socket));
    socket.setNoDelay(true);
    connectGuest(network, inner, new SocketAddress(IpAddress.LOOPBACK4, options.guest)).tcp.noDelay = true;
    relay(socket, inner);
  });
  await listening(server, options);
  server.unref();
  const at = server.address() as { address: string; port: number };
  const close = async (): Promise<void> => {
    for (const socket of outer) socket.destroy();
    await new Promise<void>((done) => {
      server.close(() => done());
    });
  };
  return {
    protocol: 'tcp',
    address: at.address,
    port: at.port,
    guestPort: options.guest,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listening(server: Server, options: PublishOptions): Promise<void> {
  return new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(options.host ?? 0, options.address ?? '127.0.0.1', () => {
      server.removeListener('error', fail);
      server.on('error', () => {});
      done();
    });
  });
}

/** Bytes both ways; an end is handed on as an end, a reset as a reset. */
function relay(outer: Socket, inner: GuestSocket): void {
  inner.on('error', () => outer.resetAndDestroy());
  outer.on('error', () => inner.destroy(new Error('reset')));
  inner.once('close', () => {
    if (!outer.destroyed && !inner.readableEnded) outer.destroy();
  });
  pipeline(inner, outer, () => {});
  pipeline(outer, inner, () => {});
}

interface Peer {
  readonly endpoint: UdpEndpoint;
  last: number;
}

/** Datagrams to a host port go to the guest's loopback, each sender from a port of its own, and answers go back. */
export async function publishUdp(network: Network, options: PublishOptions): Promise<PublishedPort> {
  const address = options.address ?? '127.0.0.1';
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const peers = new Map<string, Peer>();
  await new Promise<void>((done, fail) => {
    socket.once('error', fail);
    socket.bind(options.host ?? 0, address, () => {
      socket.removeListener('error', fail);
      socket.on('error', () => {});
      done();
    });
  });
  socket.unref();
  socket.on('message', (bytes, from) => forward(network, socket, peers, options.guest, bytes, from));
  const sweep = setInterval(() => expire(network, peers), UDP_IDLE_MS / 2);
  sweep.unref();
  const at = socket.address();
  const close = async (): Promise<void> => {
    clearInterval(sweep);
    for (const peer of peers.values()) peer.endpoint.close();
    peers.clear();
    await new Promise<void>((done) => {
      socket.close(() => done());
    });
  };
  return {
    protocol: 'udp',
    address: at.address,
    port: at.port,
    guestPort: options.guest,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function expire(network: Network, peers: Map<string, Peer>): void {
  const now = network.stack.host.now();
  for (const [key, peer] of peers) {
    if (now - peer.last < UDP_IDLE_MS) continue;
    peer.endpoint.close();
    peers.delete(key);
  }
}

const sent = new SendRequest();
const received = new ReceiveRequest();
const scratch = new Uint8Array(65536);

function forward(
  network: Network,
  socket: UdpSocket,
  peers: Map<string, Peer>,
  guest: number,
  bytes: Uint8Array,
  from: RemoteInfo,
): void {
  const key = `${from.address}/${from.port}`;
  let peer = peers.get(key);
  if (peer === undefined) {
    if (peers.size >= MOST_PEERS) return;
    const endpoint = network.stack.udp.open(AF_INET);
    if (endpoint.connect(new SocketAddress(IpAddress.LOOPBACK4, guest)) < 0) {
      endpoint.close();
      return;
    }
    endpoint.observer = {
      onEvents: () => queueMicrotask(() => answer(socket, endpoint, from)),
    };
    peer = { endpoint, last: 0 };
    peers.set(key, peer);
  }
  peer.last = network.stack.host.now();
  peer.endpoint.send(sent.reset(new BytesSource(bytes)));
}

function answer(socket: UdpSocket, endpoint: UdpEndpoint, to: RemoteInfo): void {
  for (;;) {
    const n = endpoint.receive(received.reset(new BytesSink(scratch)));
    if (n < 0) return;
    socket.send(Buffer.from(scratch.subarray(0, n)), to.port, to.address);
  }
}
