/**
 * What connection tracking writes down of a connection (conntrack(8)). A `Packet` names the connection to
 * which it belongs.
 */
import {
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_DST_NAT_DONE,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT,
  IPS_SRC_NAT_DONE,
} from '@sandbox/abi';
import type { IpAddress } from './address.js';

/** The table that keeps a connection: connections of different stacks differ by it. */
export interface ConnectionTable {
  nextId(): number;
  /** Whether packets that look like `tuple` belong to a connection of the table. */
  has(tuple: Tuple): boolean;
}

/** One direction of a connection: as its packets look where they come in. */
export class Tuple {
  constructor(
    public source: IpAddress,
    public sourcePort: number,
    public destination: IpAddress,
    public destinationPort: number,
    readonly protocol: number,
  ) {}

  get key(): string {
    return keyOf(this.source, this.sourcePort, this.destination, this.destinationPort, this.protocol);
  }

  /** Of an answer. */
  inverted(): Tuple {
    return new Tuple(this.destination, this.destinationPort, this.source, this.sourcePort, this.protocol);
  }
}

/** The key of a connection in its table. */
export function keyOf(
  source: IpAddress,
  sourcePort: number,
  destination: IpAddress,
  destinationPort: number,
  protocol: number,
): string {
  if (source.isV4) return `${protocol} ${source.w3}:${sourcePort} ${destination.w3}:${destinationPort}`;
  return `${protocol} ${source}:${sourcePort} ${destination}:${destinationPort}`;
}

/** A connection, or what is taken for one: packets of both directions between two places. */
export class Connection {
  readonly original: Tuple;
  /** Of answers, as they come in: differs from `original` inverted by what is translated. */
  reply: Tuple;
  confirmed = false;
  seenReply = false;
  /** What decided about translating the destination and the source has been asked. */
  destinationDecided = false;
  sourceDecided = false;
  /** And said so. */
  destinationChanged = false;
  sourceChanged = false;
  /** Monotonic ms. */
  expires = 0;
  mark = 0;
  /** TCP: who has sent a FIN (bit 0 the original side, bit 1 the other), and a RST. */
  fins = 0;
  reset = false;
  /** It has been used in earnest by both sides. */
  assured = false;
  readonly id: number;

  constructor(
    readonly table: ConnectionTable,
    original: Tuple,
  ) {
    this.original = original;
    this.id = table.nextId();
    this.reply = original.inverted();
  }

  /** IPS_*. */
  get status(): number {
    let bits = this.confirmed ? IPS_CONFIRMED : 0;
    if (this.seenReply) bits |= IPS_SEEN_REPLY;
    if (this.assured) bits |= IPS_ASSURED;
    if (this.sourceChanged) bits |= IPS_SRC_NAT;
    if (this.destinationChanged) bits |= IPS_DST_NAT;
    if (this.sourceDecided) bits |= IPS_SRC_NAT_DONE;
    if (this.destinationDecided) bits |= IPS_DST_NAT_DONE;
    return bits;
  }

  get translated(): boolean {
    return this.destinationChanged || this.sourceChanged;
  }
}
