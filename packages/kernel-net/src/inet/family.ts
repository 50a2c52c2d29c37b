import {
  AF_INET,
  CAP_NET_RAW,
  EACCES,
  EINVAL,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_MAX,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
} from '@sandbox/abi';
import type { SocketFile } from '@sandbox/kernel-core/files';
import { ioOf } from '@sandbox/kernel-core/files';
import type { SocketFamily } from '@sandbox/kernel-core/process';
import type { Credentials } from '@sandbox/vfs';
import type { Network } from '../network.js';
import { DatagramSocket } from './datagram.js';
import { TcpSocket } from './tcp.js';

/** AF_INET or AF_INET6 (ip(7), ipv6(7)). */
export class InetFamily implements SocketFamily {
  constructor(
    private readonly network: Network,
    private readonly domain: number,
  ) {}

  create(cred: Credentials, type: number, protocol: number, flags: number): SocketFile | number {
    if (protocol < 0 || protocol >= IPPROTO_MAX) return -EINVAL;
    const icmp = this.domain === AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    switch (type) {
      case SOCK_STREAM:
        if (protocol !== 0 && protocol !== IPPROTO_TCP) return -EPROTONOSUPPORT;
        return this.stream(cred, flags);
      case SOCK_DGRAM:
        if (protocol === icmp) {
          if (!this.mayPing(cred)) return -EACCES;
          return this.datagram(cred, type, icmp, flags);
        }
        if (protocol !== 0 && protocol !== IPPROTO_UDP && protocol !== IPPROTO_UDPLITE)
          return -EPROTONOSUPPORT;
        return this.datagram(cred, type, protocol || IPPROTO_UDP, flags);
      case SOCK_RAW:
        if (protocol === 0) return -EPROTONOSUPPORT;
        if (!this.network.may(cred, CAP_NET_RAW)) return -EPERM;
        return this.datagram(cred, type, protocol, flags);
      default:
        return -ESOCKTNOSUPPORT;
    }
  }

  /** net.ipv4.ping_group_range: some group of the caller's is in it. */
  private mayPing(cred: Credentials): boolean {
    const { pingGroupLow: low, pingGroupHigh: high } = this.network.stack.settings;
    const within = (gid: number): boolean => gid >= low && gid <= high;
    return within(cred.fsgid) || cred.groups.some(within);
  }

  private stream(cred: Credentials, flags: number): SocketFile {
    const { network, domain } = this;
    const inode = ioOf(network.kernel).socketInode(cred.fsuid, cred.fsgid);
    return new TcpSocket(network, inode, domain, flags, network.stack.tcp.open(domain));
  }

  private datagram(cred: Credentials, type: number, protocol: number, flags: number): SocketFile | number {
    const { network, domain } = this;
    const { stack } = network;
    const endpoint =
      type === SOCK_RAW
        ? stack.raw.open(domain, protocol)
        : protocol === IPPROTO_UDP
          ? stack.udp.open(domain)
          : protocol === IPPROTO_UDPLITE
            ? stack.udpLite.open(domain)
            : stack.ping.open(domain);
    if (typeof endpoint === 'number') return endpoint;
    const inode = ioOf(network.kernel).socketInode(cred.fsuid, cred.fsgid);
    return new DatagramSocket(network, inode, domain, type, protocol, flags, endpoint);
  }
}
