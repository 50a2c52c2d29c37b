import type { IpAddress } from '../core/address.js';
import { allocatePacket, type Packet } from '../core/packet.js';
import { Timer, type TimerOwner, type Timers } from '../core/timers.js';

/** Fragments of one packet may be at most this many: tiny ones are an attack. */
const MAX_FRAGMENTS = 128;
const MAX_PAYLOAD = 65535;

/** What a reassembly needs of the stack. */
export interface FragmentOwner {
  readonly timers: Timers;
  now(): number;
  /** Bytes all queues may hold. */
  readonly fragmentMemory: number;
  /** ms a packet may take. */
  readonly fragmentTime: number;
  /** Time is up. `first`: the fragment with offset 0 (given away), null: it never came. */
  reassemblyTimedOut(first: Packet | null): void;
}

class Queue implements TimerOwner {
  /** Sorted by offset; `start` is where its payload begins in the packet's buffer. */
  readonly parts: { offset: number; start: number; length: number; packet: Packet }[] = [];
  /** Payload bytes of the whole packet; -1: the last fragment has not come. */
  total = -1;
  received = 0;
  bytes = 0;
  readonly timer = new Timer(this);

  constructor(
    private readonly table: Fragments,
    readonly key: number,
    readonly source: IpAddress,
    readonly destination: IpAddress,
    readonly id: number,
    readonly protocol: number,
  ) {}

  onTimer(): void {
    this.table.expire(this);
  }
}

/**
 * Puts fragments together again, for both families: bounded in memory and time; overlapping fragments end a
 * packet (RFC 5722).
 */
export class Fragments {
  private readonly queues = new Map<number, Queue[]>();
  /** Oldest first. */
  private readonly order = new Set<Queue>();
  private memory = 0;

  constructor(private readonly owner: FragmentOwner) {}

  /** Bytes held now (/proc/net/sockstat FRAG). */
  get used(): number {
    return this.memory;
  }
  get count(): number {
    return this.order.size;
  }

  /**
   * A fragment: `packet.network` is its IP header, its payload is `[start, packet.end)`, which is given away.
   * Answers the whole packet when this was the last one missing: payload from its `start`, with
   * `headerLength` bytes of the first fragment's header in front of it (`network`). null: not yet, or
   * dropped. `protocol`: what is told apart by it in IPv4; 0 in IPv6.
   */
  add(
    packet: Packet,
    start: number,
    offset: number,
    more: boolean,
    source: IpAddress,
    destination: IpAddress,
    id: number,
    protocol: number,
  ): Packet | null {
    const length = packet.end - start;
    const bad = length <= 0 || offset + length > MAX_PAYLOAD || (more && (length & 7) !== 0);
    if (bad) {
      packet.release();
      return null;
    }
    const queue = this.queueFor(source, destination, id, protocol);
    if (!this.insert(queue, packet, start, offset, length, more)) {
      this.drop(queue);
      packet.release();
      return null;
    }
    if (queue.total >= 0 && queue.received === queue.total) return this.join(queue);
    while (this.memory > this.owner.fragmentMemory) {
      const [oldest] = this.order;
      this.drop(oldest);
    }
    return null;
  }

  /**
   * false: it contradicts what came before. A fragment that came before is dropped and nothing else happens.
   */
  private insert(
    queue: Queue,
    packet: Packet,
    start: number,
    offset: number,
    length: number,
    more: boolean,
  ): boolean {
    const end = offset + length;
    if (!more) {
      if (queue.total >= 0 && queue.total !== end) return false;
      queue.total = end;
    }
    if (
      queue.total >= 0 &&
      (end > queue.total || queue.parts.some((p) => p.offset + p.length > queue.total))
    ) {
      return false;
    }
    let at = queue.parts.length;
    while (at > 0 && queue.parts[at - 1].offset > offset) at--;
    const before = queue.parts[at - 1];
    const after = queue.parts[at];
    if (before !== undefined && before.offset === offset && before.length === length) {
      packet.release();
      return true;
    }
    if (before !== undefined && before.offset + before.length > offset) return false;
    if (after !== undefined && after.offset < end) return false;
    if (queue.parts.length >= MAX_FRAGMENTS) return false;
    queue.parts.splice(at, 0, { offset, start, length, packet });
    queue.received += length;
    queue.bytes += packet.bytes.length;
    this.memory += packet.bytes.length;
    return true;
  }

  private join(queue: Queue): Packet {
    const [head] = queue.parts;
    const header = head.start - head.packet.network;
    const whole = allocatePacket(header + queue.total);
    const first = head.packet;
    whole.etherType = first.etherType;
    whole.addressed = first.addressed;
    whole.trusted = queue.parts.every((part) => part.packet.trusted);
    whole.ifindex = first.ifindex;
    whole.tos = first.tos;
    whole.ttl = first.ttl;
    whole.mark = first.mark;
    whole.network = whole.start;
    whole.bytes.set(first.bytes.subarray(first.network, head.start), whole.network);
    const payload = whole.network + header;
    for (const part of queue.parts) {
      whole.bytes.set(
        part.packet.bytes.subarray(part.start, part.start + part.length),
        payload + part.offset,
      );
    }
    whole.start = payload;
    whole.end = payload + queue.total;
    this.drop(queue);
    return whole;
  }

  private queueFor(source: IpAddress, destination: IpAddress, id: number, protocol: number): Queue {
    const key = Math.imul(source.hash ^ (id + protocol), 0x9e3779b1) ^ destination.hash;
    let chain = this.queues.get(key);
    if (chain === undefined) this.queues.set(key, (chain = []));
    let queue = chain.find(
      (q) =>
        q.id === id &&
        q.protocol === protocol &&
        q.source.equals(source) &&
        q.destination.equals(destination),
    );
    if (queue === undefined) {
      queue = new Queue(this, key, source, destination, id, protocol);
      chain.push(queue);
      this.order.add(queue);
      this.owner.timers.arm(queue.timer, this.owner.now() + this.owner.fragmentTime);
    }
    return queue;
  }

  /** @internal */
  expire(queue: Queue): void {
    const [head] = queue.parts;
    const first = head !== undefined && head.offset === 0 ? head.packet.retain() : null;
    this.drop(queue);
    this.owner.reassemblyTimedOut(first);
  }

  private drop(queue: Queue): void {
    if (!this.order.delete(queue)) return;
    const chain = this.queues.get(queue.key)!;
    chain.splice(chain.indexOf(queue), 1);
    if (chain.length === 0) this.queues.delete(queue.key);
    this.memory -= queue.bytes;
    this.owner.timers.remove(queue.timer);
    for (const part of queue.parts) part.packet.release();
    queue.parts.length = 0;
  }

  /** Let everything go: the stack is closed. */
  clear(): void {
    for (const queue of [...this.order]) this.drop(queue);
  }
}
