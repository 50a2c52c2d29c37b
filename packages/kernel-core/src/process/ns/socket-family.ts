import type { Credentials, File } from '@sandbox/vfs';
import type { NetNamespace } from './namespaces.js';

/** A socket, as far as the namespace it is made in knows it. */
export interface NetSocket extends File {
  /** It belongs to `ns` from now on, and keeps it alive. */
  joinNet(ns: NetNamespace): void;
}

/** Makes the sockets of one address family. */
export interface SocketFamily<Socket extends NetSocket = NetSocket> {
  /** socket(2): a socket, or -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EPERM. `flags`: O_NONBLOCK or 0. */
  create(cred: Credentials, type: number, protocol: number, flags: number): Socket | number;
  /** socketpair(2): connect two fresh sockets of this family. 0 or -errno. Absent: -EOPNOTSUPP. */
  pair?(a: Socket, b: Socket): number;
}
