/**
 * Expressions that act on the packet: address translation, rejection, logging, and what iptables calls
 * matches and targets.
 */
import {
  AF_INET,
  NFT_BREAK,
  NFT_CONTINUE,
  NFT_REJECT_ICMPX_ADMIN_PROHIBITED,
  NFT_REJECT_ICMPX_HOST_UNREACH,
  NFT_REJECT_ICMPX_NO_ROUTE,
  NFT_REJECT_ICMPX_PORT_UNREACH,
  NFT_RETURN,
} from '@sandbox/abi';
import { IpAddress } from '../../core/address.js';
import type { IpStack } from '../../ip/stack.js';
import { CONTINUE, type Match, RETURN, type Target, type Visit } from '../rules.js';
import { masquerade, redirect, rejectBy, translateBy } from '../targets.js';
import type { NatRange } from '../translate.js';
import type { Expression, Registers } from './registers.js';

/** Where the limits of a translation are: registers, null for what is not limited. */
export interface NatRegisters {
  readonly lowAddress: number | null;
  readonly highAddress: number | null;
  readonly lowPort: number | null;
  readonly highPort: number | null;
}

function rangeOf(registers: Registers, from: NatRegisters, isV4: boolean): NatRange {
  const { bytes, view } = registers;
  const address = (at: number | null): IpAddress | null => {
    if (at === null) return null;
    return isV4 ? IpAddress.fromBytes4(bytes, at) : IpAddress.fromBytes6(bytes, at);
  };
  const low = address(from.lowAddress);
  const lowPort = from.lowPort === null ? 0 : view.getUint16(from.lowPort);
  return {
    low,
    high: address(from.highAddress) ?? low,
    lowPort,
    highPort: from.highPort === null ? lowPort : view.getUint16(from.highPort),
  };
}

/** snat, dnat */
export class Nat implements Expression {
  constructor(
    private readonly stack: IpStack,
    private readonly source: boolean,
    private readonly family: number,
    private readonly from: NatRegisters,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const { isV4 } = visit.flow;
    // A rule of an inet table has addresses of one family.
    if (isV4 !== (this.family === AF_INET) && this.from.lowAddress !== null) return;
    registers.verdict = translateBy(this.stack, visit, this.source, rangeOf(registers, this.from, isV4));
  }
}

const NO_ADDRESS = { lowAddress: null, highAddress: null } as const;
type PortRegisters = Pick<NatRegisters, 'lowPort' | 'highPort'>;

export class Masquerade implements Expression {
  constructor(
    private readonly stack: IpStack,
    private readonly ports: PortRegisters,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const range = rangeOf(registers, { ...NO_ADDRESS, ...this.ports }, visit.flow.isV4);
    registers.verdict = masquerade(this.stack, visit, range);
  }
}

export class Redirect implements Expression {
  constructor(
    private readonly stack: IpStack,
    private readonly ports: PortRegisters,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const range = rangeOf(registers, { ...NO_ADDRESS, ...this.ports }, visit.flow.isV4);
    registers.verdict = redirect(this.stack, visit, range);
  }
}

/** Codes of "destination unreachable" that both versions have, under one number: nft_reject_icmp_code. */
const BOTH: ReadonlyMap<number, readonly [v4: number, v6: number]> = new Map([
  [NFT_REJECT_ICMPX_NO_ROUTE, [0, 0]],
  [NFT_REJECT_ICMPX_PORT_UNREACH, [3, 4]],
  [NFT_REJECT_ICMPX_HOST_UNREACH, [1, 3]],
  [NFT_REJECT_ICMPX_ADMIN_PROHIBITED, [13, 1]],
]);
const UNREACHABLE4 = 3;
const UNREACHABLE6 = 1;

/** reject with an ICMP error. `both`: the code is one of NFT_REJECT_ICMPX_*. */
export class Reject implements Expression {
  constructor(
    private readonly stack: IpStack,
    private readonly code: number,
    private readonly both: boolean,
  ) {}

  evaluate(registers: Registers, visit: Visit): void {
    const { isV4 } = visit.flow;
    const code = this.both ? (BOTH.get(this.code) ?? [0, 0])[isV4 ? 0 : 1] : this.code;
    registers.verdict = rejectBy(this.stack, visit, isV4 ? UNREACHABLE4 : UNREACHABLE6, code);
  }
}

/** What a match of iptables asks for. */
export class CompatMatch implements Expression {
  constructor(private readonly match: Match) {}

  evaluate(registers: Registers, visit: Visit): void {
    if (!this.match.matches(visit)) registers.verdict = NFT_BREAK;
  }
}

/** What a target of iptables does. */
export class TargetAction implements Expression {
  constructor(private readonly target: Target) {}

  evaluate(registers: Registers, visit: Visit): void {
    const verdict = this.target.act(visit);
    if (verdict === CONTINUE) registers.verdict = NFT_CONTINUE;
    else registers.verdict = verdict === RETURN ? NFT_RETURN : verdict;
  }
}
