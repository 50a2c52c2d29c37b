import type { KernelCore } from '@sandbox/kernel-core/process';
import { loadNetwork } from '@sandbox/kernel-net';
import type { ConnectionTaker, PublishedPort, StackServer, StackSocket } from '@sandbox/net';
import { checkFunction, checkMethods, checkObject } from '../check.js';
import { InvalidOptionError } from '../errors.js';
import type { GuestNet } from './guest-net.js';
import { checkPort, checkPublish, type PublishOption } from './options.js';

/** A place in the guest's network: a port of its loopback, or an address and a port. */
export type GuestAddress = number | { readonly host?: string; readonly port: number };

const ADDRESS_OPTIONS = { host: true, port: true } as const;

function portOf(address: GuestAddress, least: number): number {
  return typeof address === 'object'
    ? checkPort('address.port', checkObject('address', address, ADDRESS_OPTIONS).port, least)
    : checkPort('port', address, least);
}

function hostOf(address: GuestAddress): string | undefined {
  return typeof address === 'number' ? undefined : address.host;
}

/** The guest's network, from the embedder's side. */
export class KernelNet {
  private readonly sockets = new Set<StackSocket>();
  private readonly servers = new Set<StackServer>();
  private readonly published = new Set<PublishedPort>();

  constructor(private readonly core: KernelCore) {}

  private async load(): Promise<GuestNet> {
    const [network, { GuestNet }] = await Promise.all([loadNetwork(this.core), import('./guest-net.js')]);
    return new GuestNet(network);
  }

  /**
   * Connect to a server in the guest's network. Resolves with a Duplex much like net.Socket, connected;
   * rejects with an error whose `code` is Linux's (ECONNREFUSED...). A number means that port of the guest's
   * loopback.
   */
  async connect(address: GuestAddress): Promise<StackSocket> {
    const port = portOf(address, 1);
    const net = await this.load();
    const socket = await net.connect(hostOf(address), port);
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    return socket;
  }

  /**
   * Listen inside the guest's network; port 0: any. Rejects with Linux's code (EADDRINUSE, EADDRNOTAVAIL).
   */
  async listen(address: GuestAddress, onConnection?: (socket: StackSocket) => void): Promise<StackServer> {
    const port = portOf(address, 0);
    if (onConnection !== undefined) checkFunction('onConnection', onConnection);
    const net = await this.load();
    const server = net.listen(hostOf(address), port);
    if (onConnection !== undefined) server.on('connection', onConnection);
    this.servers.add(server);
    server.once('close', () => this.servers.delete(server));
    return server;
  }

  /**
   * Have a server of node:http, node:https or node:net answer inside the guest's network: nobody outside can
   * reach it.
   */
  async serve(address: GuestAddress, server: ConnectionTaker): Promise<StackServer> {
    checkMethods('server', server, 'a server of node:http, node:https or node:net', ['emit']);
    return (await this.listen(address)).handOver(server);
  }

  /**
   * Make a port of the guest's reachable on the host. Rejects as node:net does when the host's port cannot be
   * had.
   */
  async publish(option: PublishOption): Promise<PublishedPort> {
    checkPublish('publish', option);
    const port = await (await this.load()).publish(option);
    this.published.add(port);
    return port;
  }

  /**
   * Make the guest the owner of a network namespace of the host's from now on, as `NetworkOptions.namespace`
   * does from the start. Rejects with InvalidOptionError, or an error with the host's `code` (ENOENT, EPERM).
   */
  async join(namespace: string): Promise<void> {
    if (typeof namespace !== 'string')
      throw new InvalidOptionError('namespace', 'a path of the host is needed');
    (await this.load()).join(namespace);
  }

  /** The kernel goes. */
  async dispose(): Promise<void> {
    for (const server of this.servers) server.close(true);
    for (const socket of this.sockets) socket.destroy();
    await Promise.all([...this.published].map((port) => port.close()));
  }
}
