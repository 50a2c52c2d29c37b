import { type IpAddress, SocketAddress } from '../core/address.js';
import { type ByteSink, type ByteSource, BytesSink, BytesSource } from '../core/bytes.js';

const NOTHING = new Uint8Array(0);

/** One message to send: bytes, where to, and what ancillary data says. Reused by its owner. */
export class SendRequest {
  source: ByteSource = new BytesSource(NOTHING);
  /** MSG_*. */
  flags = 0;
  /** null: where the endpoint is connected to. */
  to: SocketAddress | null = null;
  // Ancillary data; -1, 0 or null: not given.
  /** IP_PKTINFO's ipi_spec_dst, IPV6_PKTINFO's address: the source to use. */
  from: IpAddress | null = null;
  /** The interface of IP_PKTINFO, IPV6_PKTINFO. */
  ifindex = 0;
  ttl = -1;
  tos = -1;
  mark = -1;
  /** UDP_SEGMENT: bytes of each datagram. */
  segment = 0;
  dontFragment = -1;
  /** IPv6 extension headers in front of the transport header, and IP_RETOPTS; empty: none. */
  hopOptions: Uint8Array = NOTHING;
  routingHeader: Uint8Array = NOTHING;
  destinationOptions: Uint8Array = NOTHING;
  ipOptions: Uint8Array = NOTHING;
  /** Address of packet sockets. */
  link: LinkAddress | null = null;

  reset(source: ByteSource, flags = 0, to: SocketAddress | null = null): this {
    this.source = source;
    this.flags = flags;
    this.to = to;
    this.from = null;
    this.ifindex = 0;
    this.ttl = -1;
    this.tos = -1;
    this.mark = -1;
    this.segment = 0;
    this.dontFragment = -1;
    this.hopOptions = NOTHING;
    this.routingHeader = NOTHING;
    this.destinationOptions = NOTHING;
    this.ipOptions = NOTHING;
    this.link = null;
    return this;
  }
}

/** One message to receive, and what is known of it then. Reused by its owner. */
export class ReceiveRequest {
  sink: ByteSink = new BytesSink(NOTHING);
  /** MSG_PEEK, MSG_TRUNC, MSG_OOB, MSG_ERRQUEUE. */
  flags = 0;
  /** With MSG_PEEK: bytes to skip (SO_PEEK_OFF). */
  peekOffset = 0;

  // What came, set by the endpoint.
  /** MSG_TRUNC, MSG_ERRQUEUE, MSG_OOB. */
  outFlags = 0;
  /** The whole message's length, also when only part of it fitted. */
  length = 0;
  readonly from = new SocketAddress();
  hasFrom = false;
  /** Where it was sent to (IP_PKTINFO, IP_ORIGDSTADDR); `port` too for UDP. */
  readonly to = new SocketAddress();
  /** IP_PKTINFO's ipi_spec_dst: the local address to answer from. */
  local: IpAddress | null = null;
  ifindex = 0;
  ttl = 0;
  tos = 0;
  flowInfo = 0;
  /** Monotonic ms when it came in. */
  time = 0;
  /** Messages dropped at this endpoint so far (SO_RXQ_OVFL). */
  dropped = 0;
  /**
   * IPv4 options or IPv6 extension headers as they were in the packet (IP_RECVOPTS, IPV6_RECVHOPOPTS...);
   * empty: none.
   */
  ipOptions: Uint8Array = NOTHING;
  /** The type of the first of the IPv6 extension headers. */
  firstHeader = 0;
  /** With MSG_ERRQUEUE. */
  error: ExtendedError | null = null;
  /** Of a packet socket. */
  link: LinkAddress | null = null;

  reset(sink: ByteSink, flags = 0): this {
    this.sink = sink;
    this.flags = flags;
    this.peekOffset = 0;
    this.outFlags = 0;
    this.length = 0;
    this.hasFrom = false;
    this.local = null;
    this.ifindex = 0;
    this.ttl = 0;
    this.tos = 0;
    this.flowInfo = 0;
    this.time = 0;
    this.ipOptions = NOTHING;
    this.error = null;
    this.link = null;
    return this;
  }
}

/** struct sock_extended_err and the addresses that go with it. */
export interface ExtendedError {
  errno: number;
  /** SO_EE_ORIGIN_*. */
  origin: number;
  type: number;
  code: number;
  info: number;
  data: number;
  /** Who told of it (SO_EE_OFFENDER); null: nobody. */
  offender: IpAddress | null;
}

/** struct sockaddr_ll. */
export interface LinkAddress {
  protocol: number;
  ifindex: number;
  hatype: number;
  /** PACKET_HOST... */
  packetType: number;
  address: Uint8Array;
}
