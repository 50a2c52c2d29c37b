import { EOPNOTSUPP } from '@sandbox/abi';
import type { SocketAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import { EndpointOptions } from './options.js';
import type { ReceiveRequest, SendRequest } from './request.js';

/**
 * Told what happens at an endpoint, synchronously, while the stack is at work: note it and come back later.
 */
export interface EndpointObserver {
  /** `poll()` may answer these bits anew. */
  onEvents(events: number): void;
}

/**
 * What of a packet a socket wants (SO_ATTACH_FILTER): how many of the bytes it would read, which begin at
 * `start`; 0: none.
 */
export type SocketFilter = (packet: Packet, start: number) => number;

const DEFAULTS: Readonly<EndpointOptions> = Object.freeze(new EndpointOptions());

/**
 * One end of communication: what a socket is made of. Nothing here blocks: -EAGAIN means ask again after the
 * observer was told. All methods answer a number, or -errno as the system call of that name would.
 */
export abstract class Endpoint {
  private shownOptions: Readonly<EndpointOptions> = DEFAULTS;
  /** `shownOptions` are nobody else's. */
  private ownsOptions = false;
  observer: EndpointObserver | null = null;
  /** Pending error, a positive errno, told once: SO_ERROR and the next call. */
  error = 0;
  /**
   * For listings (/proc/net/udp): who owns it. Also: endpoints share a port by SO_REUSEPORT only within one
   * uid.
   */
  uid = 0;
  /** Its owner's group, for packet filters. */
  gid = 0;
  inode = 0;
  filter: SocketFilter | null = null;
  /**
   * Which of a group that shares a port (SO_REUSEPORT) gets a packet whose payload begins at `start`: an
   * index, in the order they came.
   */
  selector: SocketFilter | null = null;

  constructor(
    /** AF_INET, AF_INET6 or AF_PACKET. An endpoint of IPv6 can become one of IPv4. */
    public family: number,
    /** IPPROTO_*; with AF_PACKET the ETH_P_* in host order. */
    readonly protocol: number,
  ) {}

  get options(): Readonly<EndpointOptions> {
    return this.shownOptions;
  }

  /** The options, to be changed. Few endpoints ever change any: until then they share them. */
  changeOptions(): EndpointOptions {
    if (!this.ownsOptions) {
      this.ownsOptions = true;
      this.shownOptions = Object.assign(new EndpointOptions(), this.shownOptions);
    }
    return this.shownOptions as EndpointOptions;
  }

  /** Have the options `other` has now. */
  protected shareOptions(other: Endpoint): void {
    this.shownOptions = other.shownOptions;
    this.ownsOptions = other.ownsOptions = false;
  }

  /**
   * bind(2). -EINVAL (already bound), -EADDRINUSE, -EADDRNOTAVAIL. Rights to low ports are the caller's to
   * check.
   */
  abstract bind(address: SocketAddress): number;
  /**
   * connect(2). -EINPROGRESS (TCP), -EISCONN, -EALREADY, -ENETUNREACH, -EACCES (broadcast), -EADDRNOTAVAIL...
   */
  abstract connect(address: SocketAddress): number;
  /** connect(2) to AF_UNSPEC. */
  disconnect(): number {
    return -EOPNOTSUPP;
  }
  listen(_backlog: number): number {
    return -EOPNOTSUPP;
  }
  /** accept(2): the next connection; -EAGAIN, -EINVAL (not listening). */
  accept(): Endpoint | number {
    return -EOPNOTSUPP;
  }
  /** getsockname(2): always 0. */
  abstract name(out: SocketAddress): number;
  /** getpeername(2): 0 or -ENOTCONN. */
  abstract peerName(out: SocketAddress): number;
  abstract send(request: SendRequest): number;
  abstract receive(request: ReceiveRequest): number;
  /** SHUT_RD, SHUT_WR, SHUT_RDWR. -ENOTCONN. */
  shutdown(_how: number): number {
    return -EOPNOTSUPP;
  }
  /** POLLIN, POLLOUT, POLLERR, POLLHUP, POLLRDHUP, POLLPRI and their kin. */
  abstract poll(): number;
  /** The user is gone. What the protocol still has to do it does by itself. */
  abstract close(): void;

  /** SIOCINQ: bytes of the next message, or of the stream. */
  get readable(): number {
    return 0;
  }
  /** SIOCOUTQ. */
  get unsent(): number {
    return 0;
  }

  /** The pending error as -errno, or 0; it is pending no more. */
  takeError(): number {
    const e = this.error;
    this.error = 0;
    return e === 0 ? 0 : -e;
  }

  protected wake(events: number): void {
    this.observer?.onEvents(events);
  }
}
