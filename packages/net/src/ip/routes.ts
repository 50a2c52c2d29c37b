import {
  EACCES,
  EEXIST,
  EHOSTUNREACH,
  EINVAL,
  ENETUNREACH,
  ENODEV,
  ENOENT,
  ESRCH,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_TABLE_DEFAULT,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_BLACKHOLE,
  RTN_LOCAL,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNREACHABLE,
} from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { NetInterface } from './interface.js';
import { type Route, RouteTable } from './route-table.js';

export const RULE_TABLE = 1;
export const RULE_BLACKHOLE = 6;
export const RULE_UNREACHABLE = 7;
export const RULE_PROHIBIT = 8;

/** A routing rule (ip-rule(8)): which table is asked, and when. */
export interface Rule {
  readonly priority: number;
  /** RULE_TABLE (FR_ACT_TO_TBL), RULE_BLACKHOLE... */
  readonly action: number;
  readonly table: number;
  readonly source: IpAddress | null;
  readonly sourceLength: number;
  readonly destination: IpAddress | null;
  readonly destinationLength: number;
  /** Names, as a rule may name an interface that does not exist yet; '': any. */
  readonly iif: string;
  readonly oif: string;
  readonly mark: number;
  readonly markMask: number;
  readonly tos: number;
  readonly invert: boolean;
}

/** What is asked of the routing tables. Reused by its owner. */
export class RouteQuery {
  source: IpAddress | null = null;
  /** Interface it must go out by; 0: any. */
  oif = 0;
  /** Interface it came in by; 0: it comes from here. */
  iif = 0;
  mark = 0;
  tos = 0;

  reset(source: IpAddress | null = null, oif = 0, mark = 0, tos = 0): this {
    this.source = source;
    this.oif = oif;
    this.iif = 0;
    this.mark = mark;
    this.tos = tos;
    return this;
  }
}

function rule(priority: number, table: number): Rule {
  return {
    priority,
    action: RULE_TABLE,
    table,
    source: null,
    sourceLength: 0,
    destination: null,
    destinationLength: 0,
    iif: '',
    oif: '',
    mark: 0,
    markMask: 0,
    tos: 0,
    invert: false,
  };
}

/** What the routes need to know of interfaces. */
export interface InterfaceLookup {
  interfaceByIndex(index: number): NetInterface | undefined;
}

/** The routing tables and rules of one family. */
export class Routes {
  readonly tables = new Map<number, RouteTable>();
  readonly rules: Rule[];
  /** Counts changes: a path found earlier is good as long as this number stands. */
  generation = 0;
  /** Told of routes that come and go (rtnetlink notifications). */
  onChange: ((route: Route, added: boolean) => void) | null = null;

  constructor(
    private readonly interfaces: InterfaceLookup,
    isV4: boolean,
  ) {
    this.rules = isV4
      ? [rule(0, RT_TABLE_LOCAL), rule(32766, RT_TABLE_MAIN), rule(32767, RT_TABLE_DEFAULT)]
      : [rule(0, RT_TABLE_LOCAL), rule(32766, RT_TABLE_MAIN)];
  }

  table(id: number): RouteTable {
    let table = this.tables.get(id);
    if (table === undefined) this.tables.set(id, (table = new RouteTable()));
    return table;
  }

  /** Every route of every table. */
  *all(): Iterable<Route> {
    for (const table of this.tables.values()) yield* table.routes;
  }

  /** -EEXIST: there is one with the same destination, metric and tos (`replace`: it gives way). */
  add(route: Route, mode: 'exclusive' | 'append' | 'replace' | 'change' = 'exclusive'): number {
    const table = this.table(route.table);
    const same = table.routes.find(
      (other) =>
        other.prefixLength === route.prefixLength &&
        other.metric === route.metric &&
        other.tos === route.tos &&
        other.destination.equals(route.destination),
    );
    if (same === undefined && mode === 'change') return -ENOENT;
    if (same !== undefined) {
      if (mode === 'exclusive') return -EEXIST;
      if (mode === 'append') {
        if (table.routes.some((other) => sameRoute(other, route))) return -EEXIST;
      } else table.remove(same);
    }
    table.insert(route);
    this.generation++;
    this.onChange?.(route, true);
    return 0;
  }

  remove(route: Route): number {
    if (!this.tables.get(route.table)?.remove(route)) return -ESRCH;
    this.generation++;
    this.onChange?.(route, false);
    return 0;
  }

  /** Every route of any table that satisfies `test`. */
  removeWhere(test: (route: Route) => boolean): void {
    for (const route of [...this.all()].filter(test)) this.remove(route);
  }

  /**
   * Is it a route that leads somewhere from here now? Gateways must be neighbours (or RTNH_F_ONLINK). 0 or
   * -errno.
   */
  check(route: Route): number {
    if (route.ifindex !== 0 && this.interfaces.interfaceByIndex(route.ifindex) === undefined) return -ENODEV;
    if (route.prefixLength < 0 || route.prefixLength > route.destination.bits) return -EINVAL;
    if (!route.destination.masked(route.prefixLength).equals(route.destination)) return -EINVAL;
    return 0;
  }

  addRule(entry: Rule): number {
    const at = this.rules.findIndex((other) => other.priority > entry.priority);
    this.rules.splice(at < 0 ? this.rules.length : at, 0, entry);
    this.generation++;
    return 0;
  }

  removeRule(entry: Rule): number {
    const at = this.rules.indexOf(entry);
    if (at < 0) return -ENOENT;
    this.rules.splice(at, 1);
    this.generation++;
    return 0;
  }

  /**
   * The route to `destination`, of type unicast, local, broadcast, anycast or multicast; else -ENETUNREACH,
   * -EHOSTUNREACH, -EACCES, -EINVAL.
   */
  lookup(destination: IpAddress, query: RouteQuery): Route | number {
    for (const candidate of this.rules) {
      if (!this.matches(candidate, destination, query)) continue;
      if (candidate.action === RULE_BLACKHOLE) return -EINVAL;
      if (candidate.action === RULE_UNREACHABLE) return -ENETUNREACH;
      if (candidate.action === RULE_PROHIBIT) return -EACCES;
      const found = this.tables.get(candidate.table)?.lookup(destination, query.oif, this.usable) ?? null;
      if (found === null || found.type === RTN_THROW) continue;
      if (found.type === RTN_BLACKHOLE) return -EINVAL;
      if (found.type === RTN_UNREACHABLE) return -EHOSTUNREACH;
      if (found.type === RTN_PROHIBIT) return -EACCES;
      return found;
    }
    return -ENETUNREACH;
  }

  private readonly usable = (route: Route, oif: number): boolean => {
    if (route.ifindex === 0) return true;
    if (oif !== 0 && route.ifindex !== oif && route.type !== RTN_LOCAL) return false;
    return this.interfaces.interfaceByIndex(route.ifindex)?.adminUp === true;
  };

  private matches(candidate: Rule, destination: IpAddress, query: RouteQuery): boolean {
    // The three rules every stack begins with ask for nothing.
    const any =
      candidate.source === null &&
      candidate.destination === null &&
      candidate.markMask === 0 &&
      candidate.tos === 0 &&
      candidate.iif === '' &&
      candidate.oif === '';
    if (any) return !candidate.invert;
    const nameOf = (index: number) => this.interfaces.interfaceByIndex(index)?.name ?? '';
    const hit =
      (candidate.source === null ||
        (query.source?.inPrefix(candidate.source, candidate.sourceLength) ?? false)) &&
      (candidate.destination === null ||
        destination.inPrefix(candidate.destination, candidate.destinationLength)) &&
      ((query.mark ^ candidate.mark) & candidate.markMask) === 0 &&
      (candidate.tos === 0 || candidate.tos === query.tos) &&
      (candidate.iif === '' || candidate.iif === (query.iif === 0 ? 'lo' : nameOf(query.iif))) &&
      (candidate.oif === '' || candidate.oif === nameOf(query.oif));
    return hit !== candidate.invert;
  }
}

function sameRoute(a: Route, b: Route): boolean {
  const sameAddress = (x: IpAddress | null, y: IpAddress | null) =>
    x === null || y === null ? x === y : x.equals(y);
  return (
    a.prefixLength === b.prefixLength &&
    a.metric === b.metric &&
    a.tos === b.tos &&
    a.ifindex === b.ifindex &&
    a.type === b.type &&
    a.destination.equals(b.destination) &&
    sameAddress(a.gateway, b.gateway)
  );
}

/** RT_SCOPE_* of an IPv4 address as ip-address(8) guesses it. */
export function scopeOf(address: IpAddress): number {
  if (address.isLoopback) return RT_SCOPE_HOST;
  return address.isLinkLocal && !address.isV4 ? RT_SCOPE_LINK : 0;
}
