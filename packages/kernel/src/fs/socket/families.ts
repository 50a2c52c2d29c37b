import { AF_MAX, EAFNOSUPPORT, EINVAL, EOPNOTSUPP } from '@sandbox/abi';
import type { Credentials } from '@sandbox/vfs';
import type { SocketFile } from './socket-file.js';

/** Makes the sockets of one address family. */
export interface SocketFamily {
  /** socket(2): a socket, or -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EPERM. `flags`: O_NONBLOCK or 0. */
  create(cred: Credentials, type: number, protocol: number, flags: number): SocketFile | number;
  /** socketpair(2): connect two fresh sockets of this family. 0 or -errno. Absent: -EOPNOTSUPP. */
  pair?(a: SocketFile, b: SocketFile): number;
}

/** The address families of a kernel. A network stack adds its own with `register`. */
export class SocketFamilies {
  private readonly families: (SocketFamily | null)[] = new Array(AF_MAX).fill(null);

  register(domain: number, family: SocketFamily): void {
    this.families[domain] = family;
  }

  get(domain: number): SocketFamily | null {
    return this.families[domain] ?? null;
  }

  /** -EAFNOSUPPORT for unknown families. */
  create(
    cred: Credentials,
    domain: number,
    type: number,
    protocol: number,
    flags: number,
  ): SocketFile | number {
    const family = this.get(domain);
    if (family === null || domain < 0) return -EAFNOSUPPORT;
    return family.create(cred, type, protocol, flags);
  }

  pair(domain: number, a: SocketFile, b: SocketFile): number {
    const family = this.get(domain);
    if (family === null) return -EINVAL;
    return family.pair ? family.pair(a, b) : -EOPNOTSUPP;
  }
}
