import type { Connection } from './connection.js';

/** Room kept in front of what a transport protocol writes: Ethernet (14), IPv6 (40) and some options. */
export const HEADROOM = 128;
const SMALL = 2048;
const LARGE = 65536 + 2 * HEADROOM;
const KEEP_SMALL = 512;
const KEEP_LARGE = 32;

/** How the link addressed a packet (PACKET_* of packet(7)). */
export const TO_HOST = 0;
export const TO_BROADCAST = 1;
export const TO_MULTICAST = 2;
export const TO_OTHER = 3;
export const OUTGOING = 4;

/** Whose a socket is: ids of the first user namespace. */
export interface PacketOwner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * A packet under way: bytes `[start, end)` of a buffer with room in front for headers still to come. From a
 * pool: whoever is given a packet owns one reference and ends it with `release`, or passes it on.
 */
export class Packet {
  start = HEADROOM;
  end = HEADROOM;
  /** Where the network header is, set by whoever parsed or wrote it. */
  network = 0;
  /** Where the transport header is. */
  transport = 0;
  /** What the bytes are between links and interfaces: ETH_P_IP, ETH_P_IPV6, ETH_P_ARP. */
  etherType = 0;
  /** TO_HOST... */
  addressed = TO_HOST;
  /**
   * No checksum needs to be written or looked at: it never leaves this process (or the other side vouches for
   * it).
   */
  trusted = false;
  /** A copy of a packet sent to a group, for members on this host: it has no link header. */
  looped = false;
  /** Index of the interface it came in by. */
  ifindex = 0;
  /** Bits 0-1: ECN of the IP header; the rest DSCP (the TOS or traffic class byte). */
  tos = 0;
  ttl = 0;
  /** SO_MARK. */
  mark = 0;
  /**
   * The connection it belongs to, from the other side (`reply`) or not, and what it is to it (CT_*), where a
   * stack keeps track.
   */
  connection: Connection | null = null;
  reply = false;
  connectionInfo = 0;
  /** Whose socket sent it; null: nobody's on this host. */
  owner: PacketOwner | null = null;
  /** Rules changed what its path was chosen by: it has to be found anew. */
  misrouted = false;
  /** Monotonic ms when it was queued for a reader. */
  time = 0;
  /** Queues are chains. Belongs to whoever owns the packet. */
  next: Packet | null = null;
  private references = 1;

  /** @internal Use `allocatePacket`. */
  constructor(readonly bytes: Uint8Array) {}

  get length(): number {
    return this.end - this.start;
  }
  /** Room behind `end`. */
  get tailroom(): number {
    return this.bytes.length - this.end;
  }

  retain(): this {
    this.references++;
    return this;
  }

  release(): void {
    if (--this.references !== 0) return;
    this.owner = null;
    this.connection = null;
    const pool = this.bytes.length === SMALL ? small : this.bytes.length === LARGE ? large : null;
    if (pool === null || pool.length >= (pool === small ? KEEP_SMALL : KEEP_LARGE)) return;
    pool.push(this);
  }

  /** Does anybody else hold it? Then its bytes must not be changed. */
  get shared(): boolean {
    return this.references > 1;
  }

  /** One whose bounds and bytes may be changed: itself, or a copy in its place. */
  unshare(): Packet {
    if (!this.shared) return this;
    const copy = this.clone();
    this.release();
    return copy;
  }

  /** A copy of its own, with the same marks. */
  clone(): Packet {
    const copy = allocatePacket(this.length + this.start);
    copy.start = this.start;
    copy.end = this.end;
    copy.network = this.network;
    copy.transport = this.transport;
    copy.etherType = this.etherType;
    copy.addressed = this.addressed;
    copy.trusted = this.trusted;
    copy.ifindex = this.ifindex;
    copy.tos = this.tos;
    copy.ttl = this.ttl;
    copy.mark = this.mark;
    copy.owner = this.owner;
    copy.bytes.set(this.bytes.subarray(this.start, this.end), this.start);
    return copy;
  }

  /** @internal */
  revive(): this {
    this.references = 1;
    this.start = HEADROOM;
    this.end = HEADROOM;
    this.addressed = TO_HOST;
    this.trusted = false;
    this.looped = false;
    this.ifindex = 0;
    this.tos = 0;
    this.ttl = 0;
    this.mark = 0;
    this.connection = null;
    this.connectionInfo = 0;
    this.owner = null;
    this.misrouted = false;
    this.next = null;
    return this;
  }
}

const small: Packet[] = [];
const large: Packet[] = [];

/** A packet with room for `length` bytes behind the headroom; empty, `start` and `end` at HEADROOM. */
export function allocatePacket(length: number): Packet {
  const needed = length + HEADROOM;
  if (needed <= SMALL) return small.pop()?.revive() ?? new Packet(new Uint8Array(SMALL));
  if (needed <= LARGE) return large.pop()?.revive() ?? new Packet(new Uint8Array(LARGE));
  return new Packet(new Uint8Array(needed));
}

/** A packet that holds a copy of `bytes[start, end)`. */
export function packetFrom(bytes: Uint8Array, start = 0, end = bytes.length): Packet {
  const packet = allocatePacket(end - start);
  packet.bytes.set(bytes.subarray(start, end), packet.start);
  packet.end = packet.start + end - start;
  return packet;
}
