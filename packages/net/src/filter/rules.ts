import type { IpAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import type { NetInterface } from '../ip/interface.js';
import type { Flow } from './flow.js';

/** The five places of netfilter (NF_INET_*). */
export const HOOK_PREROUTING = 0;
export const HOOK_INPUT = 1;
export const HOOK_FORWARD = 2;
export const HOOK_OUTPUT = 3;
export const HOOK_POSTROUTING = 4;
export const HOOKS = 5;

/** What becomes of a packet. */
export const DROP = 0;
export const ACCEPT = 1;
/** On to the next rule. */
export const CONTINUE = 2;
/** Back to the chain this one was called from; from a base chain: its policy. */
export const RETURN = 3;

/** A packet at one of the five places. One object, filled again and again. */
export class Visit {
  packet!: Packet;
  flow!: Flow;
  hook = HOOK_PREROUTING;
  /** null: it comes from here, or goes no further. */
  input: NetInterface | null = null;
  output: NetInterface | null = null;
}

/** One more thing a rule asks of a packet. */
export interface Match {
  matches(visit: Visit): boolean;
}

/** What a rule does: DROP, ACCEPT, CONTINUE or RETURN. */
export interface Target {
  act(visit: Visit): number;
}

/** The name of an interface, or what it begins with: `mask` says which bytes count. */
export interface NamePattern {
  readonly name: Uint8Array;
  readonly mask: Uint8Array;
  readonly invert: boolean;
}

/** What all rules can ask for (struct ipt_ip, ip6t_ip6). */
export interface Selector {
  readonly source: IpAddress;
  readonly sourceMask: IpAddress;
  readonly invertSource: boolean;
  readonly destination: IpAddress;
  readonly destinationMask: IpAddress;
  readonly invertDestination: boolean;
  readonly input: NamePattern | null;
  readonly output: NamePattern | null;
  /** 0: any. */
  readonly protocol: number;
  readonly invertProtocol: boolean;
  /** Later fragments only; null: any packet. */
  readonly fragment: boolean | null;
}

export interface FilterRule {
  readonly selector: Selector;
  readonly matches: readonly Match[];
  /** A verdict; a rule to go on with (`jump` comes back, `go` does not); or what does something. */
  readonly verdict: number | null;
  readonly jump: number;
  readonly comesBack: boolean;
  readonly target: Target | null;
  packets: number;
  bytes: number;
}

/** Chains nested in each other, at most. */
const MOST_DEPTH = 16;

/** A table: rules in one list, with an entry for each place it has a chain at. */
export class RuleTable {
  private readonly stack = new Int32Array(MOST_DEPTH);

  constructor(
    readonly name: string,
    public rules: readonly FilterRule[],
    /** Index of the first rule of each hook's chain; -1: none. */
    public entries: readonly number[],
    /** Index of the rule that is each chain's policy. */
    public policies: readonly number[],
  ) {}

  /** DROP or ACCEPT. */
  evaluate(visit: Visit): number {
    const { rules, stack } = this;
    let at = this.entries[visit.hook] ?? -1;
    if (at < 0) return ACCEPT;
    let depth = 0;
    // A table whose jumps go round in a circle is not let in; this is for a mistake in that.
    for (let steps = 0; steps < 1_000_000; steps++) {
      const rule = rules[at];
      if (rule === undefined) return DROP;
      if (!selects(rule.selector, visit) || !rule.matches.every((match) => match.matches(visit))) {
        at++;
        continue;
      }
      rule.packets++;
      rule.bytes += visit.flow.end - visit.flow.network;
      const verdict = rule.target !== null ? rule.target.act(visit) : rule.verdict;
      if (verdict === DROP || verdict === ACCEPT) return verdict;
      if (verdict === CONTINUE) at++;
      else if (verdict === RETURN) at = depth > 0 ? stack[--depth] : this.policies[visit.hook];
      else {
        if (rule.comesBack && rule.jump !== at + 1) {
          if (depth === MOST_DEPTH) return DROP;
          stack[depth++] = at + 1;
        }
        at = rule.jump;
      }
    }
    return DROP;
  }
}

function selects(s: Selector, { flow, input, output }: Visit): boolean {
  return (
    masked(flow.source, s.source, s.sourceMask) !== s.invertSource &&
    masked(flow.destination, s.destination, s.destinationMask) !== s.invertDestination &&
    (s.input === null || named(input, s.input) !== s.input.invert) &&
    (s.output === null || named(output, s.output) !== s.output.invert) &&
    (s.protocol === 0 || (flow.protocol === s.protocol) !== s.invertProtocol) &&
    (s.fragment === null || flow.laterFragment === s.fragment)
  );
}

function masked(address: IpAddress, wanted: IpAddress, mask: IpAddress): boolean {
  if (((address.w3 ^ wanted.w3) & mask.w3) !== 0) return false;
  if (mask.isV4) return true;
  return (
    ((address.w0 ^ wanted.w0) & mask.w0) === 0 &&
    ((address.w1 ^ wanted.w1) & mask.w1) === 0 &&
    ((address.w2 ^ wanted.w2) & mask.w2) === 0
  );
}

function named(iface: NetInterface | null, { name, mask }: NamePattern): boolean {
  const own = iface?.name ?? '';
  for (let i = 0; i < name.length && mask[i] !== 0; i++) {
    const byte = i < own.length ? own.charCodeAt(i) : 0;
    if (((byte ^ name[i]) & mask[i]) !== 0) return false;
  }
  return true;
}
