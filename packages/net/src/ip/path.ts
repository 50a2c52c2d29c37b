import type { IpAddress } from '../core/address.js';
import type { PacketOwner } from '../core/packet.js';
import type { NetInterface } from './interface.js';

/**
 * Where packets to one destination go: a route, resolved. Kept by endpoints as long as the stack's
 * `generation` stands.
 */
export interface Path {
  readonly destination: IpAddress;
  /** Out by. */
  readonly iface: NetInterface;
  /** Gateway, or the destination. */
  readonly nextHop: IpAddress;
  /** Source address to use when none is given. */
  readonly source: IpAddress;
  /** Largest IP packet, bytes: route, interface and what ICMP told. */
  readonly mtu: number;
  /** RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST. */
  readonly type: number;
  /** Leads back to this stack. */
  readonly local: boolean;
  /** `IpStack.generation` when it was found. */
  readonly generation: number;
}

/**
 * What the IP header of an outgoing packet says, and how the packet may be treated. One object, used again
 * and again.
 */
export class IpOut {
  source!: IpAddress;
  destination!: IpAddress;
  protocol = 0;
  ttl = 64;
  tos = 0;
  flowLabel = 0;
  /** Never fragment: too long is -EMSGSIZE. */
  dontFragment = false;
  /**
   * Fragmenting is allowed although the DF bit is not set: IPv4's default. With IPV6, source fragmentation.
   */
  mtu = 0;
  mark = 0;
  owner: PacketOwner | null = null;
  /**
   * IPv4 options, padded to 4 bytes; or IPv6 extension headers, chained, `extensionFirst` the type of the
   * first.
   */
  options: Uint8Array = NO_OPTIONS;
  extensionFirst = 0;
  /** Multicast also goes to members on this host. */
  multicastLoop = true;

  set(source: IpAddress, destination: IpAddress, protocol: number, ttl: number, tos: number): this {
    this.source = source;
    this.destination = destination;
    this.protocol = protocol;
    this.ttl = ttl;
    this.tos = tos;
    this.flowLabel = 0;
    this.dontFragment = false;
    this.mtu = 0;
    this.mark = 0;
    this.owner = null;
    this.options = NO_OPTIONS;
    this.extensionFirst = 0;
    this.multicastLoop = true;
    return this;
  }
}

const NO_OPTIONS = new Uint8Array(0);
