import type { KernelCore } from '../../kernel/kernel-core.js';
import { InvalidOptionError } from '../errors.js';
import type { GuestListener } from './guest-listener.js';
import type { GuestNet } from './guest-net.js';
import { GuestSocket } from './guest-socket.js';
import type { PublishedPort, PublishOptions } from './published.host.js';

/** A place in the guest's network: a port of its loopback, or an address and a port. */
export type GuestAddress = number | { readonly host?: string; readonly port: number };

/** Anything that takes connections as servers of node:http, node:https and node:net do. */
export interface ConnectionTaker {
  emit(event: 'connection', socket: unknown): boolean;
}

function checkPort(option: string, port: unknown, least: number): number {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < least || port > 65535)
    throw new InvalidOptionError(option, `a port from ${least} to 65535 is needed`);
  return port;
}

function portOf(address: GuestAddress, least: number): number {
  return typeof address === 'number'
    ? checkPort('port', address, least)
    : checkPort('address.port', address.port, least);
}

function hostOf(address: GuestAddress): string | undefined {
  return typeof address === 'number' ? undefined : address.host;
}

/** The guest's network, from the embedder's side. */
export class KernelNet {
  private readonly sockets = new Set<GuestSocket>();
  private readonly listeners = new Set<GuestListener>();
  private readonly ports = new Set<PublishedPort>();

  constructor(private readonly core: KernelCore) {}

  private async load(): Promise<GuestNet> {
    const [network, { GuestNet }] = await Promise.all([this.core.net.load(), import('./guest-net.js')]);
    return new GuestNet(network);
  }

  /**
   * Connect to a server in the guest's network: a Duplex like net.Socket, which emits 'connect', or 'error' with Linux's code
   * (ECONNREFUSED...). A number means that port of the guest's loopback.
   */
  connect(address: GuestAddress): GuestSocket {
    const port = portOf(address, 1);
    const socket = new GuestSocket();
    socket.connecting = true;
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    this.load()
      .then((net) => {
        if (!socket.destroyed) net.connect(socket, hostOf(address), port);
      })
      .catch((error: Error) => socket.destroy(error));
    return socket;
  }

  /** Listen inside the guest's network; port 0: any. Rejects with Linux's code (EADDRINUSE, EADDRNOTAVAIL). */
  async listen(address: GuestAddress, onConnection?: (socket: GuestSocket) => void): Promise<GuestListener> {
    const port = portOf(address, 0);
    const net = await this.load();
    const listener = net.listen(this.sockets, hostOf(address), port);
    if (onConnection) listener.on('connection', onConnection);
    this.listeners.add(listener);
    listener.once('close', () => this.listeners.delete(listener));
    return listener;
  }

  /** Have a node:http server answer inside the guest's network: nobody outside can reach it. */
  async serve(address: GuestAddress, server: ConnectionTaker): Promise<GuestListener> {
    return this.listen(address, (socket) => void server.emit('connection', socket));
  }

  /** Make a port of the guest's reachable on the host. Rejects as node:net does when the host's port cannot be had. */
  async publish(options: PublishOptions): Promise<PublishedPort> {
    checkPort('publish.guest', options.guest, 1);
    checkPort('publish.host', options.host ?? 0, 0);
    const net = await this.load();
    const port = await net.publish(this.sockets, options);
    this.ports.add(port);
    return { ...port, close: () => this.unpublish(port), [Symbol.asyncDispose]: () => this.unpublish(port) };
  }

  private async unpublish(port: PublishedPort): Promise<void> {
    if (this.ports.delete(port)) await port.close();
  }

  /** The kernel goes: nothing of it is touched any more. */
  async dispose(): Promise<void> {
    for (const listener of this.listeners) listener.close();
    for (const socket of this.sockets) socket.abandon();
    await Promise.all([...this.ports].map((port) => this.unpublish(port)));
  }
}
