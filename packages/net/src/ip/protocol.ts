import type { IpAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import type { NetInterface } from './interface.js';

/**
 * An ICMP error about a packet of this stack's, or an error of the stack's own. One object, reused: take what
 * is needed.
 */
export class IcmpError {
  isV4 = true;
  /** Who told of it. */
  offender!: IpAddress;
  /** Source (ours) and destination of the packet it is about. */
  source!: IpAddress;
  destination!: IpAddress;
  type = 0;
  code = 0;
  /** What it means: a positive errno; `hard`: not only advice. */
  errno = 0;
  hard = false;
  /** Next-hop MTU of "too big" messages, pointer of parameter problems. */
  info = 0;
  /** The packet it is about: transport header at `offset`, at least 8 bytes up to `end`. */
  bytes!: Uint8Array;
  offset = 0;
  end = 0;
  ifindex = 0;
}

/** A protocol over IP. */
export interface TransportProtocol {
  /**
   * A packet for this host: header at `packet.transport`, IP header at `packet.network`, end at `packet.end`.
   * Given away. false: nobody speaks it here, and the sender is to be told (protocol unreachable); the packet
   * is still the caller's then.
   */
  receive(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): boolean;
  /** One of its packets met an error. */
  icmpError(error: IcmpError): void;
}
