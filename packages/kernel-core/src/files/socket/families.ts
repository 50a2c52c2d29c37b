import { AF_MAX } from '@sandbox/abi';
import type { SocketFamily } from '../../process/ns/socket-family.js';

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
