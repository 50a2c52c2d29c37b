import type { StackHost } from '../core/host.js';
import type { Packet } from '../core/packet.js';
import { Timer, type TimerOwner, Timers } from '../core/timers.js';
import type { Link } from './link.js';
import { WrappedLink } from './wrapped.js';

/** What a bad link does to what is sent over it. Everything may be changed while it runs. */
export interface Impairment {
  /** Milliseconds each packet takes. */
  latency?: number;
  /** Milliseconds more or less, evenly spread; packets keep their order. */
  jitter?: number;
  /** Bytes a second; packets wait for each other. */
  bandwidth?: number;
  /** Bytes waiting for bandwidth at most; more are dropped. */
  queue?: number;
  /** Chances, 0 to 1. */
  loss?: number;
  duplicate?: number;
  /** A packet overtakes those before it: it is sent at once. */
  reorder?: number;
  /** A bit is turned over. */
  corrupt?: number;
  /** Nothing passes. */
  partition?: boolean;
}

interface Delayed {
  packet: Packet;
  due: number;
  outward: boolean;
}

/** Packets dropped, doubled and so on so far. */
export interface ImpairmentCounts {
  lost: number;
  duplicated: number;
  reordered: number;
  corrupted: number;
  overflowed: number;
}

/**
 * A link with latency, limited bandwidth, loss, duplication, reordering and partitions, for what goes out
 * and, by `inward`, what comes in. Seeded by its host's randomness; runs in virtual time with a virtual host.
 * It needs a host (an alarm) of its own.
 */
export class ImpairedLink extends WrappedLink implements TimerOwner {
  readonly counts: ImpairmentCounts = { lost: 0, duplicated: 0, reordered: 0, corrupted: 0, overflowed: 0 };
  private readonly timers: Timers;
  private readonly timer = new Timer(this);
  private readonly waiting: Delayed[] = [];
  /** When each direction is done with what it was given. */
  private readonly busyUntil = { outward: 0, inward: 0 };
  private readonly lastDue = { outward: 0, inward: 0 };

  constructor(
    inner: Link,
    private readonly host: StackHost,
    public outward: Impairment,
    public inward: Impairment = {},
  ) {
    super(inner);
    this.timers = new Timers(host, (work) => work());
  }

  override send(packet: Packet): void {
    this.impair(packet, true);
  }

  override receive(packet: Packet): void {
    this.impair(packet, false);
  }

  private chance(probability: number | undefined): boolean {
    return probability !== undefined && probability > 0 && this.host.random32() / 2 ** 32 < probability;
  }

  private impair(packet: Packet, outward: boolean): void {
    const how = outward ? this.outward : this.inward;
    if (how.partition === true || this.chance(how.loss)) {
      this.counts.lost++;
      packet.release();
      return;
    }
    if (this.chance(how.corrupt)) packet = this.turnBit(packet);
    if (this.chance(how.duplicate)) {
      this.counts.duplicated++;
      this.delay(packet.clone(), how, outward);
    }
    this.delay(packet, how, outward);
  }

  private turnBit(packet: Packet): Packet {
    this.counts.corrupted++;
    const copy = packet.clone();
    packet.release();
    const bit = this.host.random32() % (copy.length * 8);
    copy.bytes[copy.start + (bit >> 3)] ^= 1 << (bit & 7);
    // Only a checksum can tell.
    copy.trusted = false;
    return copy;
  }

  private delay(packet: Packet, how: Impairment, outward: boolean): void {
    const side = outward ? 'outward' : 'inward';
    const now = this.host.now();
    let due = now;
    if (how.bandwidth !== undefined) {
      const free = Math.max(this.busyUntil[side], now);
      const behind = ((free - now) * how.bandwidth) / 1000;
      if (how.queue !== undefined && behind + packet.length > how.queue) {
        this.counts.overflowed++;
        packet.release();
        return;
      }
      this.busyUntil[side] = due = free + (packet.length / how.bandwidth) * 1000;
    }
    const spread = how.jitter ? (this.host.random32() / 2 ** 31 - 1) * how.jitter : 0;
    if (this.chance(how.reorder)) this.counts.reordered++;
    else {
      due = Math.max(due + Math.max((how.latency ?? 0) + spread, 0), this.lastDue[side]);
      this.lastDue[side] = due;
    }
    if (due <= now && this.waiting.length === 0) {
      this.pass(packet, outward);
      return;
    }
    this.insert({ packet, due, outward });
    this.timers.arm(this.timer, this.waiting[0].due);
  }

  private insert(entry: Delayed): void {
    let at = this.waiting.length;
    while (at > 0 && this.waiting[at - 1].due > entry.due) at--;
    this.waiting.splice(at, 0, entry);
  }

  onTimer(): void {
    const now = this.host.now();
    let n = 0;
    while (n < this.waiting.length && this.waiting[n].due <= now) n++;
    for (const { packet, outward } of this.waiting.splice(0, n)) this.pass(packet, outward);
    if (this.waiting.length > 0) this.timers.arm(this.timer, this.waiting[0].due);
  }

  private pass(packet: Packet, outward: boolean): void {
    if (outward) this.inner.send(packet);
    else this.passUp(packet);
  }

  override close(): void {
    this.timers.clear();
    for (const { packet } of this.waiting.splice(0)) packet.release();
    super.close();
  }
}
