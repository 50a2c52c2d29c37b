import type { Packet } from '../core/packet.js';
import type { NetInterface } from './interface.js';

/**
 * What stands in a packet's way at the five places netfilter has. Each answers whether the packet goes on; if
 * not, it is the filter's (which releases it). `prerouting` and `output` may give it another destination. IP
 * header at `packet.network`; it may be changed in place when the packet is not shared.
 */
export interface PacketFilter {
  /** Fragments of IPv4 are put together before `prerouting`. */
  readonly reassembles?: boolean;
  prerouting(packet: Packet, iface: NetInterface): boolean;
  input(packet: Packet, iface: NetInterface): boolean;
  forward(packet: Packet, from: NetInterface, to: NetInterface): boolean;
  output(packet: Packet, iface: NetInterface): boolean;
  postrouting(packet: Packet, iface: NetInterface): boolean;
}
