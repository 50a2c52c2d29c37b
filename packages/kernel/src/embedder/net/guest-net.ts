import { IpAddress, SocketAddress } from '@sandbox/net';
import type { Network } from '../../net/network.js';
import { InvalidOptionError } from '../errors.js';
import { GuestListener } from './guest-listener.js';
import type { GuestSocket } from './guest-socket.js';
import { type PublishedPort, type PublishOptions, publishTcp, publishUdp } from './published.host.js';
import { connectGuest } from './stack-io.js';

/** What `KernelNet` does once the network is there; loaded with it. */
export class GuestNet {
  constructor(private readonly network: Network) {}

  private place(host: string | undefined, port: number, fallback: IpAddress): SocketAddress {
    const ip = host === undefined ? fallback : IpAddress.parse(host === 'localhost' ? '127.0.0.1' : host);
    if (ip === null) throw new InvalidOptionError('address.host', `'${host}' is no IP address`);
    return new SocketAddress(ip, port);
  }

  connect(socket: GuestSocket, host: string | undefined, port: number): void {
    connectGuest(this.network, socket, this.place(host, port, IpAddress.LOOPBACK4));
  }

  listen(sockets: Set<GuestSocket>, host: string | undefined, port: number): GuestListener {
    const at = this.place(host, port, IpAddress.ANY4);
    return new GuestListener(this.network, sockets, at.address, at.port);
  }

  publish(sockets: Set<GuestSocket>, options: PublishOptions): Promise<PublishedPort> {
    return options.protocol === 'udp'
      ? publishUdp(this.network, options)
      : publishTcp(this.network, sockets, options);
  }
}
