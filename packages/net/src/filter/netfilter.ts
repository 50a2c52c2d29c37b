import type { Packet } from '../core/packet.js';
import type { PacketFilter } from '../ip/filter.js';
import type { NetInterface } from '../ip/interface.js';
import type { NetStack } from '../stack.js';
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
  type RuleTable,
  Visit,
} from './rules.js';
import { rewrite } from './translate.js';

/** Tables by name, in the order packets meet them (nat stands apart). */
const ORDER = ['raw', 'mangle', 'filter', 'security'] as const;

/** A stack's packet filter: tables of rules at the five places, connection tracking and address translation (iptables(8)). */
export class Netfilter implements PacketFilter {
  readonly connections: Conntrack;
  /** Tables by name. */
  readonly tables4 = new Map<string, RuleTable>();
  readonly tables6 = new Map<string, RuleTable>();
  private readonly flow = new Flow();
  private readonly visit = new Visit();

  constructor(private readonly stack: NetStack) {
    this.connections = new Conntrack(stack.timers, () => stack.now());
  }

  readonly reassembles = true;

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
    if (this.judge(packet, hook, input, output) !== DROP) return true;
    packet.release();
    return false;
  }

  private judge(
    packet: Packet,
    hook: number,
    input: NetInterface | null,
    output: NetInterface | null,
  ): number {
    const { flow, visit } = this;
    visit.packet = packet;
    visit.flow = flow;
    visit.hook = hook;
    visit.input = input;
    visit.output = output;
    const tables = flow.isV4 ? this.tables4 : this.tables6;
    const begins = hook === HOOK_PREROUTING || hook === HOOK_OUTPUT;
    const ends = hook === HOOK_POSTROUTING || hook === HOOK_INPUT;
    for (const name of ORDER) {
      if (name === 'mangle' && begins) this.connections.track(packet, flow);
      // The destination is translated before what filters, the source behind it.
      if (name === 'filter' && begins && !this.nat(tables.get('nat'), false)) return DROP;
      const table = tables.get(name);
      if (table !== undefined && table.evaluate(visit) === DROP) return DROP;
    }
    if (!ends) return ACCEPT;
    if (!this.nat(tables.get('nat'), true)) return DROP;
    return this.connections.confirm(packet) ? ACCEPT : DROP;
  }

  /** Translate a packet's destination, or its source. The first of a connection is what the table is asked about. false: dropped. */
  private nat(table: RuleTable | undefined, source: boolean): boolean {
    const { packet } = this.visit;
    const entry = packet.connection;
    if (entry === null || entry.table !== this.connections) return true;
    const decided = source ? entry.sourceDecided : entry.destinationDecided;
    if (!decided && packet.connectionInfo === CT_NEW && !entry.confirmed) {
      if (source) entry.sourceDecided = true;
      else entry.destinationDecided = true;
      if (table !== undefined && table.evaluate(this.visit) === DROP) return false;
    }
    rewrite(packet, this.flow, source);
    return true;
  }

  /** Random bits for whoever translates. */
  random32(): number {
    return this.stack.host.random32();
  }
}
