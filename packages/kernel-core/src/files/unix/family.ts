import {
  AF_UNIX,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from '@sandbox/abi';
import type { Credentials } from '@sandbox/vfs';
import type { SocketFamily } from '../../process/ns/socket-family.js';
import type { SocketFile } from '../socket/socket-file.js';
import { UnixDatagram } from './datagram.js';
import type { UnixDomain } from './domain.js';
import type { UnixSocket } from './socket.js';
import { UnixStream } from './stream.js';

/** AF_UNIX. */
export class UnixFamily implements SocketFamily {
  constructor(private readonly unix: UnixDomain) {}

  create(cred: Credentials, type: number, protocol: number, flags: number): SocketFile | number {
    if (protocol !== 0 && protocol !== AF_UNIX) return -EPROTONOSUPPORT;
    const { unix } = this;
    switch (type) {
      case SOCK_STREAM:
        return new UnixStream(unix, unix.makeInode(cred.fsuid, cred.fsgid), flags);
      // BSD called it so; Linux makes a datagram socket of it.
      case SOCK_RAW:
      case SOCK_DGRAM:
        return new UnixDatagram(unix, unix.makeInode(cred.fsuid, cred.fsgid), SOCK_DGRAM, flags);
      case SOCK_SEQPACKET:
        return new UnixDatagram(unix, unix.makeInode(cred.fsuid, cred.fsgid), SOCK_SEQPACKET, flags);
      default:
        return -ESOCKTNOSUPPORT;
    }
  }

  pair(a: SocketFile, b: SocketFile): number {
    (a as UnixSocket).pairWith(b as UnixSocket);
    return 0;
  }
}
