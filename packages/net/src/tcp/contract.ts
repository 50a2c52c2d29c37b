import type { ByteSink, ByteSource } from '../core/bytes.js';
import type { Packet } from '../core/packet.js';
import type { Timers } from '../core/timers.js';

/**
 * What a TCP connection is given: time, a way out, and somebody to tell. The connection knows no addresses,
 * ports, routes or tables; it is a machine fed with segments, timers and its user's calls, all synchronous.
 */
export interface TcpHost {
  readonly timers: Timers;
  /** Monotonic milliseconds, as `StackHost.now()`. */
  now(): number;
  random32(): number;
  /** Initial sequence number of this connection (RFC 6528: a keyed hash of its ends plus a clock). */
  initialSequence(): number;
  /** Added to the timestamp clock, so that it does not tell how long the host is up. */
  timestampOffset(): number;

  readonly localPort: number;
  readonly remotePort: number;
  /** Largest IP packet the path takes now, bytes. `TcpMachine.pathChanged` is called when it changes. */
  readonly pathMtu: number;
  /**
   * Bytes of IP header in front of TCP's: 20, 40, more with IP options. MSS offered is `interface MTU -
   * ipHeaderLength - 20`.
   */
  readonly ipHeaderLength: number;
  /** MTU of the interface: what the MSS option is made of. */
  readonly interfaceMtu: number;

  /** A packet to write a segment to, from `packet.start`; `length`: TCP header, options and payload. */
  allocate(length: number): Packet;
  /**
   * Send `[packet.start, packet.end)`: TCP header, options, payload, ports and checksum filled in here. The
   * packet is given away. `ecn`: the two bits of the IP header. 0, or -errno when it could not be sent at all
   * (-ENOBUFS, -EHOSTUNREACH, -ENETUNREACH).
   */
  transmit(packet: Packet, ecn: number): number;
  /** The peer acknowledged something new: the neighbour is there (NUD confirmation). */
  progress(): void;
  /** Retransmissions fail: look for another way (dst_negative_advice). */
  pathSuspect(): void;

  /** `poll()` may answer these bits anew (POLLIN, POLLOUT, POLLPRI, POLLHUP, POLLERR, POLLRDHUP). */
  wake(events: number): void;
  /** The handshake is done (SYN_SENT or SYN_RECV to ESTABLISHED). */
  established(): void;
  /**
   * TIME_WAIT was entered: the host puts the connection's `timeWaitRecord()` in its place. The connection
   * itself goes to state CLOSE at once (`closed` follows), as Linux' does: its user finds it closed.
   */
  timeWait(): void;
  /** State CLOSE was entered: nothing will be sent or received any more, no timer is armed. */
  closed(): void;
}

/** What stays of a connection in TIME_WAIT. */
export interface TcpTimeWaitRecord {
  /** Absolute ms. */
  expires: number;
  /**
   * What is to be done about a segment: nothing, answer with an ACK, or let a new SYN take the place (RFC
   * 6191).
   */
  receive(packet: Packet): 'drop' | 'acknowledge' | 'reopen';
  /** Bytes of that ACK, from `packet.start`. */
  acknowledgement(packet: Packet): void;
}

/**
 * The options of a TCP socket, as set. Shared by an endpoint and its connection; copied from listener to
 * child.
 */
export class TcpOptions {
  noDelay = false;
  cork = false;
  quickAck = true;
  /** TCP_MAXSEG; 0: not set. */
  maxSegment = 0;
  keepAlive = false;
  /** Milliseconds. */
  keepIdle = 7_200_000;
  keepInterval = 75_000;
  keepCount = 9;
  /** TCP_USER_TIMEOUT, ms; 0: not set. */
  userTimeout = 0;
  synCount = 6;
  /** TCP_LINGER2, ms: how long FIN_WAIT2 lasts without an owner; -1: not at all. */
  linger2 = 60_000;
  /** TCP_DEFER_ACCEPT, SYN-ACK retransmissions to wait for data. */
  deferAccept = 0;
  windowClamp = 0;
  /** Bytes; this many: no limit. */
  notSentLowWater = 0x7fffffff;
  congestion = 'cubic';
  oobInline = false;
  /**
   * Bytes, as getsockopt shows them (twice what was asked for). Tuned by the connection while the user set
   * none.
   */
  sendBuffer = 16384;
  receiveBuffer = 131072;
  sendBufferLocked = false;
  receiveBufferLocked = false;
  receiveLowWater = 1;
  /** IP_RECVERR: ICMP errors are told at once, not only when the connection gives up. */
  receiveErrors = false;

  copyFrom(other: TcpOptions): void {
    Object.assign(this, other);
  }
}

/** struct tcp_info, times in microseconds as there. */
export type TcpInfo = Record<string, number>;

/**
 * A TCP connection as its endpoint drives it: what `tcp/connection.ts` offers. Methods answer a number or
 * -errno.
 */
export interface TcpMachine {
  /** TCP_ESTABLISHED... of linux/tcp_states.h. */
  readonly state: number;
  /** Pending error, a positive errno; taken by the endpoint (SO_ERROR and the next call). */
  error: number;

  /** Active open: sends the SYN. 0 or -errno. */
  connect(): number;
  /**
   * Passive open: `packet.transport` is the SYN's header. Sends the SYN-ACK; state SYN_RECV. The packet stays
   * the caller's.
   */
  acceptSyn(packet: Packet): number;
  /** Passive open with a SYN cookie that was checked: `packet` is the ACK, `mss` what the cookie kept. */
  acceptCookie(packet: Packet, mss: number): number;
  /**
   * A segment: header at `packet.transport`, ends at `packet.end`, checksum good, `packet.tos` has the ECN
   * bits. Given away.
   */
  receive(packet: Packet): void;
  /**
   * ICMP told of an error. `errno`: what it stands for; `sequence`: the TCP sequence number quoted. It must
   * lie in what is outstanding (RFC 5927), else it is ignored.
   */
  icmpError(errno: number, sequence: number): void;
  /** `host.pathMtu` is another now; `sequence` as above, undefined when the route changed. */
  pathChanged(sequence?: number): void;
  /**
   * An option of `options` was changed that acts at once (noDelay, cork, keepAlive and its times, buffers,
   * userTimeout).
   */
  optionsChanged(): void;

  /** MSG_OOB, MSG_MORE, MSG_EOR. Bytes taken; -EAGAIN, -EPIPE, pending error. */
  send(source: ByteSource, flags: number): number;
  /**
   * MSG_PEEK, MSG_OOB, MSG_TRUNC (discard). Bytes given; 0: end; -EAGAIN, -EINVAL (no urgent byte)...
   * `peekOffset` with MSG_PEEK.
   */
  read(sink: ByteSink, flags: number, peekOffset: number): number;
  /** POLLIN... */
  poll(): number;
  /** SHUT_WR: FIN behind what is queued. */
  shutdownSend(): void;
  /** SHUT_RD: reads answer 0 from now on. */
  shutdownReceive(): void;
  /**
   * The user is gone; RST when unread data is lost, else FIN and the rest of the protocol without an owner.
   */
  close(): void;
  /** RST and state CLOSE (SO_LINGER 0, disconnect). */
  abort(): void;
  timeWaitRecord(): TcpTimeWaitRecord;

  /** SIOCINQ, SIOCOUTQ, SIOCOUTQNSD. */
  readonly readable: number;
  readonly unacknowledged: number;
  readonly notSent: number;
  /** SIOCATMARK: the next byte is the urgent one. */
  readonly atMark: boolean;
  /** Fill `out` with the fields of struct tcp_info. */
  info(out: TcpInfo): void;
  /**
   * What /proc/net/tcp shows: kind of timer (0 none, 1 retransmit, 2 keepalive, 3 time wait, 4 probe), its ms
   * to go, retransmissions.
   */
  readonly timerKind: number;
  readonly timerLeft: number;
  readonly retransmits: number;
}
