import type { Packet } from '../core/packet.js';

/** Who gets what a link receives: an interface of a stack, or the next link of a chain. */
export interface LinkReceiver {
  /** A frame (or IP packet, see `Link.framing`) came in: `[start, end)`. The receiver owns it now. */
  receive(packet: Packet): void;
  /** The link came up or went down (`Link.up`). */
  linkChanged?(): void;
  /** The device behind it is gone for good. */
  linkRemoved?(): void;
}

/**
 * Something packets go out by and come in from. Links compose: an impairment, a capture or a filter is a link
 * in front of another one. A link knows nothing of sockets or addresses.
 */
export interface Link {
  /**
   * `ethernet`: frames begin with an Ethernet header. `ip`: they are bare IP packets, `packet.etherType` says
   * which.
   */
  readonly framing: 'ethernet' | 'ip';
  /**
   * What rtnetlink(7) calls its kind (IFLA_INFO_KIND), for devices guests can make and delete; absent: a
   * device that is simply there.
   */
  readonly kind?: string;
  /** Neighbours have no hardware addresses (IFF_NOARP), although frames begin with an Ethernet header. */
  readonly noArp?: boolean;
  /** Largest IP packet, bytes; 65536 on loopback. */
  readonly mtu: number;
  /** Largest MTU an administrator may set; absent: `mtu`. */
  readonly maxMtu?: number;
  /** Hardware address, 6 bytes; null with `ip` framing. */
  readonly mac: Uint8Array | null;
  /** Carrier. */
  readonly up: boolean;
  /** Checksums need not be computed: what is sent never leaves this process's memory. */
  readonly trusted: boolean;
  /** Connect the receiving side; null: disconnect. A link has one receiver. */
  attach(receiver: LinkReceiver | null): void;
  /**
   * Send. The link owns the packet from now on. Never calls back into `receive` before it has returned,
   * except through the stack's own queue.
   */
  send(packet: Packet): void;
  /** The interface it belongs to came up or went down. */
  interfaceUp?(up: boolean): void;
  /** Let go of what the link holds (host sockets, timers). */
  close?(): void;
}
