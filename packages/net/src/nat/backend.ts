import type { Duplex } from 'node:stream';

/** A datagram socket outside. */
export interface OutsideUdp {
  send(bytes: Uint8Array, address: string, port: number): void;
  close(): void;
}

/** An answer of DNS: `data` as text (A, AAAA, PTR, CNAME, NS), or as `dns-packet` wants it for the type. */
export interface OutsideRecord {
  readonly ttl: number;
  readonly data: unknown;
}

/** The world behind a gateway. `nodeBackend()` is the host's network; a test brings its own. */
export interface NatBackend {
  /**
   * Begin a connection: emits `connect`, or `error` with a `code` (`ECONNREFUSED`...). Half-open ends must be
   * allowed. null: refused at once.
   */
  connectTcp(address: string, port: number): Duplex | null;
  /** A socket that sends and receives datagrams of a family; errors are swallowed. */
  openUdp(isV4: boolean, onMessage: (bytes: Uint8Array, address: string, port: number) => void): OutsideUdp;
  /** Look up a name. Rejects with a `code` of node:dns (`ENOTFOUND`, `ENODATA`...). */
  resolve(name: string, type: string): Promise<OutsideRecord[]>;
}
