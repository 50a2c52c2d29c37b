import type { Packet } from '../../src/core/packet.js';
import { TcpOptions } from '../../src/tcp/contract.js';
import { TcpShared } from '../../src/tcp/shared.js';
import { type End, type HostSetup, makeEnd, VirtualClock } from './harness.js';

/** A seeded generator (mulberry32), 0 to 1. */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What a path does to packets. Probabilities 0 to 1, times in ms. */
export interface Impairment {
  delay: number;
  jitter?: number;
  loss?: number;
  duplicate?: number;
  /** Some packets come this much later. */
  reorder?: number;
  reorderBy?: number;
  /** Marks instead of dropping. */
  mark?: number;
  /** Bytes a ms, with a queue of so many bytes. */
  rate?: number;
  queue?: number;
}

interface Flying {
  time: number;
  order: number;
  packet: Packet;
  to: End;
}

export interface PairSetup {
  seed?: number;
  path?: Impairment;
  client?: HostSetup & { options?: Partial<TcpOptions>; tune?: (shared: TcpShared) => void };
  server?: HostSetup & { options?: Partial<TcpOptions>; tune?: (shared: TcpShared) => void };
}

/** Two connections and the path between them, in virtual time. */
export class Pair {
  readonly clock = new VirtualClock();
  readonly client: End;
  readonly server: End;
  readonly path: Impairment;
  private readonly flying: Flying[] = [];
  private readonly random: () => number;
  private order = 0;
  private opened = false;
  private busyUntil = [0, 0];
  packets = 0;
  lost = 0;
  /** Looks at packets; false: gone. */
  filter: ((packet: Packet, fromClient: boolean) => boolean) | null = null;

  constructor(setup: PairSetup = {}) {
    this.random = seeded(setup.seed ?? 1);
    this.path = setup.path ?? { delay: 1 };
    const make = (side: PairSetup['client'], iss: number, ports: [number, number]) => {
      const options = Object.assign(new TcpOptions(), side?.options);
      const shared = new TcpShared();
      side?.tune?.(shared);
      return makeEnd(
        this.clock,
        { iss, localPort: ports[0], remotePort: ports[1], ...side },
        options,
        shared,
      );
    };
    this.client = make(setup.client, (this.random() * 2 ** 32) | 0, [40000, 80]);
    this.server = make(setup.server, (this.random() * 2 ** 32) | 0, [80, 40000]);
    this.client.host.forward = (packet, ecn) => this.carry(packet, ecn, this.server);
    this.server.host.forward = (packet, ecn) => this.carry(packet, ecn, this.client);
  }

  private carry(packet: Packet, ecn: number, to: End): void {
    const { path, random } = this;
    this.packets++;
    packet.tos = ecn;
    const fromClient = to === this.server;
    if (this.filter !== null && !this.filter(packet, fromClient)) {
      packet.release();
      return;
    }
    if (random() < (path.loss ?? 0)) {
      this.lost++;
      packet.release();
      return;
    }
    if (ecn !== 0 && random() < (path.mark ?? 0)) packet.tos = 3;
    let time = this.clock.time;
    if (path.rate !== undefined) {
      const side = fromClient ? 0 : 1;
      const start = Math.max(time, this.busyUntil[side]);
      if ((start - time) * path.rate > (path.queue ?? 100_000)) {
        this.lost++;
        packet.release();
        return;
      }
      this.busyUntil[side] = start + packet.length / path.rate;
      time = this.busyUntil[side];
    }
    const copies = random() < (path.duplicate ?? 0) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      let at = time + path.delay + random() * (path.jitter ?? 0);
      if (random() < (path.reorder ?? 0)) at += path.reorderBy ?? path.delay;
      this.launch({ time: at, order: this.order++, packet: i === 0 ? packet : packet.clone(), to });
    }
  }

  private launch(entry: Flying): void {
    entry.packet.transport = entry.packet.start;
    // A heap by time; equal times keep their order.
    const heap = this.flying;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = entry;
  }

  private land(): Flying {
    const heap = this.flying;
    const first = heap[0];
    const last = heap.pop()!;
    if (heap.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], last)) break;
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = last;
    }
    return first;
  }

  /** One packet or timer. false: nothing is under way and no timer is armed. */
  step(): boolean {
    const packetAt = this.flying.length > 0 ? this.flying[0].time : Number.POSITIVE_INFINITY;
    const next = Math.min(packetAt, this.clock.next);
    if (next === Number.POSITIVE_INFINITY) return false;
    if (packetAt > this.clock.next) {
      this.clock.advanceTo(this.clock.next);
      return true;
    }
    this.clock.advanceTo(packetAt);
    const { packet, to } = this.land();
    if (to === this.server && !this.opened) {
      if ((packet.bytes[packet.start + 13] & 0x12) === 0x02) {
        this.opened = true;
        to.tcp.acceptSyn(packet);
      }
      packet.release();
    } else to.tcp.receive(packet);
    return true;
  }

  /** Goes on until `done` says so, or `limit` ms passed. Returns whether it was done. */
  run(done: () => boolean, limit = 3_600_000): boolean {
    const end = this.clock.time + limit;
    while (!done()) {
      if (this.clock.time > end || !this.step()) return done();
    }
    return true;
  }

  /** Both sides are established. */
  open(): this {
    this.client.tcp.connect();
    if (!this.run(() => this.client.host.isEstablished && this.server.host.isEstablished)) {
      throw new Error('no connection came about');
    }
    return this;
  }
}

function before(a: Flying, b: Flying): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
