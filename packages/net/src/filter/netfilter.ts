import type { Packet } from '../core/packet.js';
import type { PacketFilter } from '../ip/filter.js';
import type { NetInterface } from '../ip/interface.js';
import type { IpStack } from '../ip/stack.js';
import { Conntrack, CT_NEW } from './conntrack.js';
import { Flow } from './flow.js';
import {
  ACCEPT,
  DROP,
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  HOOKS,
  Visit,
} from './rules.js';
import { rewrite } from './translate.js';

/**
 * Where packets are found to belong to connections, and translated, among the rules (enum
 * nf_ip_hook_priorities).
 */
const PRIORITY_CONNTRACK = -200;
export const PRIORITY_DNAT = -100;
export const PRIORITY_SNAT = 100;

/** Rules at a hook. Lower priorities see packets first. */
export interface HookedRules {
  readonly priority: number;
  /** DROP or ACCEPT. */
  evaluate(visit: Visit): number;
}

/**
 * What rules at a hook are there for: `filter` sees all packets; `nat` the first of each connection, to
 * decide what they are translated to; `route` packets of this host, which find their way anew when their mark
 * was changed.
 */
export type HookKind = 'filter' | 'nat' | 'route';

/** Everything at one hook for one family, in order. */
class Station {
  readonly rules: Attached[] = [];
  readonly nat: Attached[] = [];
}

interface Attached {
  readonly rules: HookedRules;
  readonly kind: HookKind;
}

/**
 * A stack's packet filter: rules at the five places, connection tracking and address translation
 * (iptables(8), nft(8)).
 */
export class Netfilter implements PacketFilter {
  readonly connections: Conntrack;
  /** Takes what LOG writes; null: nobody reads it. */
  log: ((level: number, line: string) => void) | null = null;
  private readonly stations4: readonly Station[];
  private readonly stations6: readonly Station[];
  private readonly flow = new Flow();
  private readonly visit = new Visit();

  constructor(stack: IpStack) {
    this.connections = new Conntrack(stack.timers, () => stack.now());
    this.stations4 = this.stations();
    this.stations6 = this.stations();
  }

  readonly reassembles = true;

  /** The hooks of a family, with what is always there. */
  private stations(): readonly Station[] {
    const { connections } = this;
    const track: HookedRules = {
      priority: PRIORITY_CONNTRACK,
      evaluate({ packet, flow }) {
        connections.track(packet, flow);
        return ACCEPT;
      },
    };
    return Array.from({ length: HOOKS }, (_, hook) => {
      const station = new Station();
      const begins = hook === HOOK_PREROUTING || hook === HOOK_OUTPUT;
      if (begins) station.rules.push({ rules: track, kind: 'filter' });
      // The destination is translated before what filters, the source behind it.
      if (hook !== HOOK_FORWARD) {
        const priority = begins ? PRIORITY_DNAT : PRIORITY_SNAT;
        const translate = { priority, evaluate: () => this.nat(station, !begins) };
        station.rules.push({ rules: translate, kind: 'filter' });
      }
      return station;
    });
  }

  private stationsOf(v4: boolean): readonly Station[] {
    return v4 ? this.stations4 : this.stations6;
  }

  /** Have `rules` see the packets of a family at `hook` (HOOK_PREROUTING...). */
  attach(v4: boolean, hook: number, kind: HookKind, rules: HookedRules): void {
    const station = this.stationsOf(v4)[hook] as Station;
    const list = kind === 'nat' ? station.nat : station.rules;
    // Who comes later goes before others of the same priority (nf_hook_entries_grow).
    const at = list.findIndex((other) => other.rules.priority >= rules.priority);
    list.splice(at < 0 ? list.length : at, 0, { rules, kind });
  }

  detach(v4: boolean, hook: number, rules: HookedRules): void {
    const station = this.stationsOf(v4)[hook] as Station;
    for (const list of [station.rules, station.nat]) {
      const at = list.findIndex((other) => other.rules === rules);
      if (at >= 0) list.splice(at, 1);
    }
  }

  prerouting(packet: Packet, iface: NetInterface): boolean {
    return this.pass(packet, HOOK_PREROUTING, iface, null);
  }
  input(packet: Packet, iface: NetInterface): boolean {
    return this.pass(packet, HOOK_INPUT, iface, null);
  }
  forward(packet: Packet, from: NetInterface, to: NetInterface): boolean {
    return this.pass(packet, HOOK_FORWARD, from, to);
  }
  output(packet: Packet, iface: NetInterface): boolean {
    return this.pass(packet, HOOK_OUTPUT, null, iface);
  }
  postrouting(packet: Packet, iface: NetInterface): boolean {
    return this.pass(packet, HOOK_POSTROUTING, null, iface);
  }

  /** Does the packet go on? If not, it is gone. */
  private pass(
    packet: Packet,
    hook: number,
    input: NetInterface | null,
    output: NetInterface | null,
  ): boolean {
    const { flow } = this;
    // What cannot be read cannot be judged; whoever it is for will not be able to read it either.
    if (!flow.read(packet)) return true;
    if (this.judge(packet, hook, input, output)) return true;
    packet.release();
    return false;
  }

  private judge(
    packet: Packet,
    hook: number,
    input: NetInterface | null,
    output: NetInterface | null,
  ): boolean {
    const { visit } = this;
    visit.packet = packet;
    visit.flow = this.flow;
    visit.hook = hook;
    visit.input = input;
    visit.output = output;
    const { rules: list } = this.stationsOf(this.flow.isV4)[hook];
    for (let i = 0; i < list.length; i++) {
      const { rules, kind } = list[i];
      const { mark } = packet;
      if (rules.evaluate(visit) === DROP) return false;
      if (kind === 'route' && packet.mark !== mark) packet.misrouted = true;
    }
    const ends = hook === HOOK_POSTROUTING || hook === HOOK_INPUT;
    return !ends || this.connections.confirm(packet);
  }

  /**
   * Translate a packet's destination, or its source. The first of a connection is what rules are asked about,
   * until some decide.
   */
  private nat(station: Station, source: boolean): number {
    const { packet } = this.visit;
    const entry = packet.connection;
    if (entry === null || entry.table !== this.connections) return ACCEPT;
    const decided = source ? entry.sourceDecided : entry.destinationDecided;
    if (!decided && packet.connectionInfo === CT_NEW && !entry.confirmed) {
      for (let i = 0; i < station.nat.length; i++) {
        if (station.nat[i].rules.evaluate(this.visit) === DROP) return DROP;
        if (source ? entry.sourceDecided : entry.destinationDecided) break;
      }
      if (source) entry.sourceDecided = true;
      else entry.destinationDecided = true;
    }
    rewrite(packet, this.flow, source);
    return ACCEPT;
  }
}
