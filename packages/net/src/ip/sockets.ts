/**
 * The sockets that see packets below the transport protocols, as the IP layer needs them. `socket/`
 * implements these.
 */
import type { IpAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import type { NetInterface } from './interface.js';
import type { IcmpError } from './protocol.js';

/** Raw sockets (raw(7)): each gets a copy of the packets of its protocol. */
export interface RawSockets {
  /** Whether any is open: asked before `deliver`, which costs more. */
  readonly active: boolean;
  /** Copies for raw sockets. Returns whether one took a copy. The packet stays the caller's. */
  deliver(
    packet: Packet,
    protocol: number,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): boolean;
  icmpError(protocol: number, error: IcmpError): void;
}

/**
 * Ping sockets (SOCK_DGRAM of IPPROTO_ICMP, icmp(7)): ICMP hands them echo replies and errors about their
 * requests.
 */
export interface PingSockets {
  /** An echo reply. The packet is given away. */
  deliver(packet: Packet, source: IpAddress, destination: IpAddress, iface: NetInterface): void;
  icmpError(error: IcmpError): void;
}

/** Packet sockets (packet(7)): they see each frame, on its way in and on its way out. */
export interface PacketTaps {
  /** Whether any is open: asked before `tap`, which costs more. */
  readonly active: boolean;
  /**
   * Copies of the frame `[packet.start, packet.end)`. The packet stays the caller's.
   *
   * @param type TO_HOST to OUTGOING
   * @param network where the network header is
   */
  tap(packet: Packet, iface: NetInterface, type: number, network: number): void;
}
