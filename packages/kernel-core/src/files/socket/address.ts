import { AF_UNSPEC, SOCKADDR_STORAGE } from '@sandbox/abi';

/** A socket address as calls pass it: up to 128 bytes, the family in the first two. Reused by its owner. */
export class SocketAddress {
  readonly bytes = new Uint8Array(SOCKADDR_STORAGE.SIZE);
  /** 0: there is none. */
  length = 0;

  get family(): number {
    return this.length < 2 ? AF_UNSPEC : this.bytes[0] | (this.bytes[1] << 8);
  }

  clear(): void {
    this.length = 0;
  }

  /** Family and nothing else: the name of a socket without a name. */
  setFamily(family: number): void {
    this.bytes[0] = family & 255;
    this.bytes[1] = family >> 8;
    this.length = 2;
  }

  /** Family and the bytes of `rest`, a byte string. */
  set(family: number, rest: string): void {
    this.setFamily(family);
    for (let i = 0; i < rest.length; i++) this.bytes[2 + i] = rest.charCodeAt(i);
    this.length = 2 + rest.length;
  }

  /** The bytes behind the family as a byte string. */
  get rest(): string {
    let s = '';
    for (let i = 2; i < this.length; i++) s += String.fromCharCode(this.bytes[i]);
    return s;
  }
}
