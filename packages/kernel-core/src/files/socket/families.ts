import { AF_MAX } from '@sandbox/abi';
import type { Credentials } from '@sandbox/vfs';
import type { SocketFile } from './socket-file.js';

/** Makes the sockets of one address family. */
export interface SocketFamily {
  /** socket(2): a socket, or -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EPERM. `flags`: O_NONBLOCK or 0. */
  create(cred: Credentials, type: number, protocol: number, flags: number): SocketFile | number;
  /** socketpair(2): connect two fresh sockets of this family. 0 or -errno. Absent: -EOPNOTSUPP. */
  pair?(a: SocketFile, b: SocketFile): number;
}

/** The address families all network namespaces share; those over a stack are its `Network`'s. */
export class SocketFamilies {
  private readonly families: (SocketFamily | null)[] = new Array(AF_MAX).fill(null);

  register(domain: number, family: SocketFamily): void {
    this.families[domain] = family;
  }

  get(domain: number): SocketFamily | null {
    return this.families[domain] ?? null;
  }
}
