import { RT_SCOPE_UNIVERSE, RT_TABLE_MAIN, RTN_UNICAST, RTPROT_BOOT } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';

/** A route, as rtnetlink(7) has it. Immutable once in a table. */
export interface Route {
  readonly destination: IpAddress;
  readonly prefixLength: number;
  /** null: the destination is a neighbour. */
  readonly gateway: IpAddress | null;
  /** Index of the interface to go out by; 0 for types that go nowhere. */
  readonly ifindex: number;
  /** Source address to prefer. */
  readonly source: IpAddress | null;
  readonly metric: number;
  /** RTN_UNICAST, RTN_LOCAL, RTN_BROADCAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW... */
  readonly type: number;
  readonly scope: number;
  readonly protocol: number;
  readonly table: number;
  readonly tos: number;
  /** RTAX_MTU; 0: the interface's. */
  readonly mtu: number;
  /** RTNH_F_*. */
  readonly flags: number;
}

/** A route with the rest filled in as ip-route(8) does. */
export function makeRoute(
  route: Pick<Route, 'destination' | 'prefixLength'> & Partial<Omit<Route, 'destination' | 'prefixLength'>>,
): Route {
  return {
    gateway: null,
    ifindex: 0,
    source: null,
    metric: route.destination.isV4 ? 0 : 1024,
    type: RTN_UNICAST,
    scope: RT_SCOPE_UNIVERSE,
    protocol: RTPROT_BOOT,
    table: RT_TABLE_MAIN,
    tos: 0,
    mtu: 0,
    flags: 0,
    ...route,
  };
}

/** The routes of one table and family, the most specific first, then by metric, then by age. */
export class RouteTable {
  readonly routes: Route[] = [];

  /** Before the routes it beats. */
  insert(route: Route, prepend = false): void {
    const at = this.routes.findIndex((other) => {
      if (other.prefixLength !== route.prefixLength) return other.prefixLength < route.prefixLength;
      return prepend ? other.metric >= route.metric : other.metric > route.metric;
    });
    this.routes.splice(at < 0 ? this.routes.length : at, 0, route);
  }

  remove(route: Route): boolean {
    const at = this.routes.indexOf(route);
    if (at >= 0) this.routes.splice(at, 1);
    return at >= 0;
  }

  /** The first route to `destination` that `usable` agrees with. */
  lookup(destination: IpAddress, oif: number, usable: (route: Route, oif: number) => boolean): Route | null {
    for (const route of this.routes) {
      if (destination.inPrefix(route.destination, route.prefixLength) && usable(route, oif)) return route;
    }
    return null;
  }
}
