import {
  ENOBUFS,
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_NOARP,
  NUD_NONE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
} from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import { Timer, type TimerOwner, type Timers } from '../core/timers.js';
import type { NetInterface } from './interface.js';

/** States in which the hardware address may be used. */
const VALID = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;

/** /proc/sys/net/ipv4/neigh/default, ms. */
const REACHABLE_TIME = 30_000;
const RETRANS_TIME = 1000;
const DELAY_TIME = 5000;
const PROBES = 3;
/** Bytes of packets waiting for one neighbour (unres_qlen_bytes). */
const QUEUE_BYTES = 212992;

/** How solicitations and finished frames leave, and who hears of failures. */
export interface NeighbourOutput {
  now(): number;
  readonly timers: Timers;
  /** Ask for `neighbour`; `unicast`: a probe of the address known. */
  solicit(neighbour: Neighbour, unicast: boolean): void;
  /** A packet can go now: put `mac` in front and send. */
  sendFrame(iface: NetInterface, packet: Packet, mac: Uint8Array): void;
  /** The neighbour does not answer; the packet (given away) cannot be delivered. */
  unreachable(neighbour: Neighbour, packet: Packet): void;
  neighbourChanged(neighbour: Neighbour, removed: boolean): void;
  readonly maxNeighbours: number;
}

/** An entry of the neighbour table (arp(7), RFC 4861 section 7.3). */
export class Neighbour implements TimerOwner {
  mac: Uint8Array | null = null;
  /** NUD_*. */
  state = NUD_NONE;
  /** Monotonic ms. */
  confirmed = 0;
  used = 0;
  updated = 0;
  probes = 0;
  isRouter = false;
  /** NTF_PROXY and others the administrator set. */
  flags = 0;
  readonly timer = new Timer(this);
  queue: Packet[] = [];
  queuedBytes = 0;

  constructor(
    private readonly table: Neighbours,
    readonly iface: NetInterface,
    readonly address: IpAddress,
  ) {}

  /** State with REACHABLE's end taken into account. */
  currentState(now: number): number {
    if (this.state === NUD_REACHABLE && now - this.confirmed > REACHABLE_TIME) return NUD_STALE;
    return this.state;
  }

  onTimer(): void {
    this.table.onTimer(this);
  }
}

/** Who is on which link, for both families. */
export class Neighbours {
  private readonly byInterface = new Map<number, Map<number, Neighbour[]>>();
  private count = 0;

  constructor(private readonly out: NeighbourOutput) {}

  *all(): Iterable<Neighbour> {
    for (const table of this.byInterface.values()) for (const chain of table.values()) yield* chain;
  }

  find(iface: NetInterface, address: IpAddress): Neighbour | undefined {
    return this.byInterface
      .get(iface.index)
      ?.get(address.hash)
      ?.find((entry) => entry.address.equals(address));
  }

  /** Send `packet` to the neighbour, now or when its address is known. 0 or -ENOBUFS. */
  send(iface: NetInterface, address: IpAddress, packet: Packet): number {
    const entry = this.find(iface, address) ?? this.create(iface, address);
    if (entry === null) {
      packet.release();
      return -ENOBUFS;
    }
    const now = this.out.now();
    entry.used = now;
    const state = entry.currentState(now);
    if ((state & VALID) !== 0) {
      if (state === NUD_STALE) {
        this.setState(entry, NUD_DELAY);
        this.out.timers.arm(entry.timer, now + DELAY_TIME);
      }
      this.out.sendFrame(iface, packet, entry.mac!);
      return 0;
    }
    entry.queue.push(packet);
    entry.queuedBytes += packet.length;
    while (entry.queuedBytes > QUEUE_BYTES && entry.queue.length > 1) {
      const oldest = entry.queue.shift()!;
      entry.queuedBytes -= oldest.length;
      oldest.release();
    }
    if (state !== NUD_INCOMPLETE) {
      entry.probes = 1;
      this.setState(entry, NUD_INCOMPLETE);
      this.out.timers.arm(entry.timer, now + RETRANS_TIME);
      this.out.solicit(entry, false);
    }
    return 0;
  }

  /**
   * The link told of a neighbour's address: a solicitation of its (`solicited` false), or an answer to ours.
   * `override`: may replace an address known. `create`: also when nobody asked (a solicitation to us).
   */
  heard(
    iface: NetInterface,
    address: IpAddress,
    mac: Uint8Array | null,
    solicited: boolean,
    override: boolean,
    create: boolean,
    router?: boolean,
  ): void {
    let entry = this.find(iface, address);
    if (entry === undefined) {
      if (!create) return;
      entry = this.create(iface, address) ?? undefined;
      if (entry === undefined) return;
    }
    if (entry.state === NUD_PERMANENT || entry.state === NUD_NOARP) return;
    if (router !== undefined) entry.isRouter = router;
    const now = this.out.now();
    const unknown = entry.mac === null || (entry.state & VALID) === 0;
    if (mac === null) {
      if (unknown) return;
    } else if (unknown) {
      entry.mac = mac;
    } else if (!sameBytes(entry.mac!, mac)) {
      if (!override) {
        // Somebody else claims the address: look again before believing either (RFC 4861 section 7.2.5).
        if (entry.currentState(now) === NUD_REACHABLE) this.setState(entry, NUD_STALE);
        return;
      }
      entry.mac = mac;
      if (!solicited) this.setState(entry, NUD_STALE);
    } else if (!solicited) {
      return;
    }
    if (solicited) {
      entry.confirmed = now;
      this.setState(entry, NUD_REACHABLE);
    } else if (unknown) this.setState(entry, NUD_STALE);
    this.out.timers.cancel(entry.timer);
    this.flush(entry);
  }

  /** An upper layer hears from the other side: the neighbour is there. */
  confirm(iface: NetInterface, address: IpAddress): void {
    const entry = this.find(iface, address);
    if (entry === undefined || (entry.state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)) === 0)
      return;
    entry.confirmed = this.out.now();
    if (entry.state !== NUD_REACHABLE) {
      this.out.timers.cancel(entry.timer);
      this.setState(entry, NUD_REACHABLE);
    }
  }

  /** `ip neigh replace`: as the administrator says. `mac` null: no address (NUD_FAILED, NUD_NOARP). */
  set(iface: NetInterface, address: IpAddress, mac: Uint8Array | null, state: number): Neighbour | null {
    const entry = this.find(iface, address) ?? this.create(iface, address);
    if (entry === null) return null;
    if (mac !== null) entry.mac = Uint8Array.from(mac);
    entry.confirmed = this.out.now();
    this.out.timers.cancel(entry.timer);
    this.setState(entry, state);
    if ((state & VALID) !== 0 && entry.mac !== null) this.flush(entry);
    return entry;
  }

  remove(entry: Neighbour): void {
    const chain = this.byInterface.get(entry.iface.index)?.get(entry.address.hash);
    const at = chain?.indexOf(entry) ?? -1;
    if (chain === undefined || at < 0) return;
    chain.splice(at, 1);
    if (chain.length === 0) this.byInterface.get(entry.iface.index)!.delete(entry.address.hash);
    this.count--;
    this.out.timers.remove(entry.timer);
    for (const packet of entry.queue) packet.release();
    entry.queue = [];
    this.out.neighbourChanged(entry, true);
  }

  /** The interface went down or away. */
  removeInterface(iface: NetInterface): void {
    for (const entry of [...this.all()]) if (entry.iface === iface) this.remove(entry);
  }

  /** @internal */
  onTimer(entry: Neighbour): void {
    const now = this.out.now();
    switch (entry.state) {
      case NUD_DELAY:
        entry.probes = 1;
        this.setState(entry, NUD_PROBE);
        this.out.timers.arm(entry.timer, now + RETRANS_TIME);
        this.out.solicit(entry, true);
        return;
      case NUD_PROBE:
      case NUD_INCOMPLETE:
        if (entry.probes < PROBES) {
          entry.probes++;
          this.out.timers.arm(entry.timer, now + RETRANS_TIME);
          this.out.solicit(entry, entry.state === NUD_PROBE);
          return;
        }
        this.fail(entry);
    }
  }

  private fail(entry: Neighbour): void {
    entry.mac = null;
    this.setState(entry, NUD_FAILED);
    const waiting = entry.queue;
    entry.queue = [];
    entry.queuedBytes = 0;
    for (const packet of waiting) this.out.unreachable(entry, packet);
  }

  private flush(entry: Neighbour): void {
    const waiting = entry.queue;
    if (waiting.length === 0) return;
    entry.queue = [];
    entry.queuedBytes = 0;
    for (const packet of waiting) this.out.sendFrame(entry.iface, packet, entry.mac!);
  }

  private create(iface: NetInterface, address: IpAddress): Neighbour | null {
    if (this.count >= this.out.maxNeighbours && !this.evict()) return null;
    const entry = new Neighbour(this, iface, address);
    let table = this.byInterface.get(iface.index);
    if (table === undefined) this.byInterface.set(iface.index, (table = new Map()));
    const chain = table.get(address.hash);
    if (chain === undefined) table.set(address.hash, [entry]);
    else chain.push(entry);
    this.count++;
    entry.used = entry.updated = this.out.now();
    return entry;
  }

  /** Forget the entry used longest ago that is not permanent. */
  private evict(): boolean {
    let oldest: Neighbour | null = null;
    for (const entry of this.all()) {
      if ((entry.state & (NUD_PERMANENT | NUD_NOARP)) !== 0) continue;
      if (oldest === null || entry.used < oldest.used) oldest = entry;
    }
    if (oldest === null) return false;
    this.remove(oldest);
    return true;
  }

  private setState(entry: Neighbour, state: number): void {
    if (entry.state === state) return;
    entry.state = state;
    entry.updated = this.out.now();
    this.out.neighbourChanged(entry, false);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
