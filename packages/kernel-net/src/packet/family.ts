import { CAP_NET_RAW, EPERM, ESOCKTNOSUPPORT, SOCK_DGRAM, SOCK_RAW } from '@sandbox/abi';
import type { SocketFile } from '@sandbox/kernel-core/files';
import { ioOf } from '@sandbox/kernel-core/files';
import type { SocketFamily } from '@sandbox/kernel-core/process';
import type { Credentials } from '@sandbox/vfs';
import type { Network } from '../network.js';
import { PacketSocket } from './socket.js';

/** AF_PACKET (packet(7)). */
export class PacketFamily implements SocketFamily {
  constructor(private readonly network: Network) {}

  create(cred: Credentials, type: number, protocol: number, flags: number): SocketFile | number {
    if (!this.network.may(cred, CAP_NET_RAW)) return -EPERM;
    if (type !== SOCK_RAW && type !== SOCK_DGRAM) return -ESOCKTNOSUPPORT;
    const { network } = this;
    // The protocol comes in network byte order.
    const etherType = ((protocol & 0xff) << 8) | ((protocol >> 8) & 0xff);
    const inode = ioOf(network.kernel).socketInode(cred.fsuid, cred.fsgid);
    return new PacketSocket(
      network,
      inode,
      type,
      protocol,
      flags,
      network.stack.packets.open(type === SOCK_DGRAM, etherType),
    );
  }
}
