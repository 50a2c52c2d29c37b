import type { Network } from '@sandbox/kernel-net';
import {
  connect,
  IpAddress,
  type PublishedPort,
  publish,
  SocketAddress,
  StackServer,
  type StackSocket,
} from '@sandbox/net';
import { InvalidOptionError } from '../errors.js';
import { join } from './attach.js';
import type { PublishOption } from './options.js';

/** What `KernelNet` does once the network is there; loaded with it. */
export class GuestNet {
  constructor(private readonly network: Network) {}

  private place(host: string | undefined, port: number, fallback: IpAddress): SocketAddress {
    const ip = host === undefined ? fallback : IpAddress.parse(host === 'localhost' ? '127.0.0.1' : host);
    if (ip === null) throw new InvalidOptionError('address.host', `'${host}' is no IP address`);
    return new SocketAddress(ip, port);
  }

  connect(host: string | undefined, port: number): Promise<StackSocket> {
    const socket = connect(this.network.stack, this.place(host, port, IpAddress.LOOPBACK4));
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(socket);
      });
    });
  }

  listen(host: string | undefined, port: number): StackServer {
    return new StackServer(this.network.stack, this.place(host, port, IpAddress.ANY4));
  }

  join(namespace: string): void {
    const { network } = this;
    network.onDispose(network.kernel.run(() => join(network, namespace, {})));
  }

  publish(option: PublishOption): Promise<PublishedPort> {
    return publish(this.network.stack, {
      protocol: option.protocol ?? 'tcp',
      hostPort: option.host ?? 0,
      ...(option.address === undefined ? {} : { hostAddress: option.address }),
      guest: new SocketAddress(IpAddress.LOOPBACK4, option.guest),
    });
  }
}
