import type { Packet } from '../core/packet.js';

/**
 * What the kernel's bookkeeping adds to a packet: a buffer head, and rounding up to what its allocator hands
 * out.
 */
const OVERHEAD = 256;
const SHARED_INFO = 320;
/** Small packets have a cache of their own. */
const SMALL_HEAD = 576;

/**
 * The bytes of a receive buffer a packet uses up, as Linux counts them (truesize): SO_RCVBUF holds as many
 * messages as there.
 */
export function trueSize(length: number): number {
  const data = length + SHARED_INFO + 64;
  if (data <= SMALL_HEAD) return OVERHEAD + SMALL_HEAD;
  let room = 1024;
  while (room < data && room < 32768) room *= 2;
  return OVERHEAD + (room >= data ? room : (data + 4095) & ~4095);
}

/** Packets waiting to be read: a chain with a limit. */
export class DatagramQueue {
  private head: Packet | null = null;
  private tail: Packet | null = null;
  count = 0;
  /** Bytes used, by `trueSize`. */
  used = 0;

  get first(): Packet | null {
    return this.head;
  }

  /** Given away. false: there is no room within `limit`; the packet is still the caller's. */
  push(packet: Packet, limit: number): boolean {
    const size = trueSize(packet.end - packet.transport);
    // One is let in whatever its size.
    if (this.count > 0 && this.used + size > limit) return false;
    packet.next = null;
    if (this.tail === null) this.head = packet;
    else this.tail.next = packet;
    this.tail = packet;
    this.count++;
    this.used += size;
    return true;
  }

  /** The first packet; it belongs to the caller. */
  shift(): Packet | null {
    const packet = this.head;
    if (packet === null) return null;
    this.head = packet.next;
    if (this.head === null) this.tail = null;
    packet.next = null;
    this.count--;
    this.used -= trueSize(packet.end - packet.transport);
    return packet;
  }

  clear(): void {
    for (let packet = this.shift(); packet !== null; packet = this.shift()) packet.release();
  }
}
