import {
  EADDRNOTAVAIL,
  ENETDOWN,
  ENETUNREACH,
  ENODEV,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import type { NetInterface } from './interface.js';
import type { Path } from './path.js';
import type { Route } from './route-table.js';
import { RouteQuery } from './routes.js';
import { selectSource } from './source-address.js';
import type { IpStack } from './stack.js';

/** IPv4 packets have no more than 65535 bytes, whatever loopback could take. */
const MOST4 = 65535;
const MOST6 = 65575;

/** Finds the ways packets take: the route, the interface, the source address and the MTU, in one `Path`. */
export class Paths {
  private last: Path | null = null;
  private readonly query = new RouteQuery();
  /** What `resolve` finds, before it is known whether a new object is needed. */
  private readonly candidate: { -readonly [K in keyof Path]: Path[K] };

  constructor(private readonly stack: IpStack) {
    this.candidate = {
      destination: IpAddress.ANY4,
      iface: stack.loopback,
      nextHop: IpAddress.ANY4,
      source: IpAddress.ANY4,
      mtu: 0,
      type: 0,
      local: false,
      generation: -1,
    };
  }

  /**
   * The way to `destination`. `source`: the address it shall come from, null: to be chosen; `oif`: the
   * interface it must leave by, 0: any; `iif`: the one it came in by, when it is forwarded. -ENETUNREACH,
   * -EHOSTUNREACH, -EACCES, -EINVAL, -ENETDOWN, -EADDRNOTAVAIL.
   */
  resolve(
    destination: IpAddress,
    source: IpAddress | null,
    oif = 0,
    mark = 0,
    tos = 0,
    iif = 0,
  ): Path | number {
    const { stack } = this;
    const routes = stack.routesFor(destination);
    if (oif !== 0) {
      const iface = stack.interfaceByIndex(oif);
      if (iface === undefined) return destination.isV4 ? -ENODEV : -ENETUNREACH;
      if (!iface.adminUp) return -ENETDOWN;
      // Groups and the limited broadcast go out by the interface asked for, route or not.
      if (destination.isMulticast || destination.isLimitedBroadcast) {
        const from = source ?? this.sourceFor(iface, destination, destination) ?? anyOf(destination);
        return this.onLink(iface, destination, from);
      }
    }
    const query = this.query.reset(source, oif, mark, tos);
    query.iif = iif;
    const route = routes.lookup(destination, query);
    if (typeof route === 'number') {
      // Bound to an interface, IPv4 destinations are taken for neighbours on it (ip_route_output_key_hash).
      const iface =
        oif !== 0 && destination.isV4 && route === -ENETUNREACH ? stack.interfaceByIndex(oif) : undefined;
      if (iface === undefined) return route;
      const from = source ?? this.sourceFor(iface, destination, destination);
      return from === null ? -ENETUNREACH : this.onLink(iface, destination, from);
    }
    return this.pathBy(route, destination, source, iif !== 0);
  }

  private pathBy(
    route: Route,
    destination: IpAddress,
    source: IpAddress | null,
    forward: boolean,
  ): Path | number {
    const { stack } = this;
    const local = route.type === RTN_LOCAL;
    const out = stack.interfaceByIndex(route.ifindex);
    if (out === undefined) return -ENETUNREACH;
    const iface = local ? stack.loopback : out;
    const nextHop = route.gateway ?? destination;
    let from = source ?? route.source;
    if (local && source === null)
      from = destination.isV4 && destination.isAny ? IpAddress.LOOPBACK4 : destination;
    if (from === null) from = this.sourceFor(out, destination, nextHop);
    if (from === null) {
      if (!forward && !destination.isMulticast) return destination.isV4 ? -ENETUNREACH : -EADDRNOTAVAIL;
      from = anyOf(destination);
    }
    const most = destination.isV4 ? MOST4 : MOST6;
    let mtu = Math.min(route.mtu || most, iface.mtu, most);
    const known = local ? 0 : stack.pathMtu.get(destination, stack.now());
    if (known > 0 && known < mtu) mtu = known;
    const broadcast = destination.isLimitedBroadcast && !local;
    const type = destination.isMulticast ? RTN_MULTICAST : broadcast ? RTN_BROADCAST : route.type;
    const { candidate } = this;
    candidate.destination = destination;
    candidate.iface = iface;
    candidate.nextHop = nextHop;
    candidate.source = from;
    candidate.mtu = mtu;
    candidate.type = type;
    candidate.local = local;
    candidate.generation = stack.generation;
    return this.shared(candidate);
  }

  /**
   * The path before when it says the same as `path`, as those of a server's many connections do; else a copy
   * of `path`.
   */
  private shared(path: Path): Path {
    const { last } = this;
    if (
      last !== null &&
      last.generation === path.generation &&
      last.iface === path.iface &&
      last.mtu === path.mtu &&
      last.type === path.type &&
      last.local === path.local &&
      last.destination.equals(path.destination) &&
      last.nextHop.equals(path.nextHop) &&
      last.source.equals(path.source)
    ) {
      return last;
    }
    return (this.last = { ...path });
  }

  /** The path to a neighbour, whatever the routes say. */
  onLink(iface: NetInterface, destination: IpAddress, source: IpAddress): Path {
    const type = destination.isMulticast
      ? RTN_MULTICAST
      : destination.isLimitedBroadcast
        ? RTN_BROADCAST
        : RTN_UNICAST;
    const { mtu } = iface;
    const { generation } = this.stack;
    return { destination, iface, nextHop: destination, source, mtu, type, local: iface.loopback, generation };
  }

  /** The address to send from by `iface`; null: there is none. */
  sourceFor(iface: NetInterface, destination: IpAddress, nextHop: IpAddress): IpAddress | null {
    return selectSource(this.stack.interfaces, iface, destination, nextHop);
  }

  /**
   * Is it an address of this host (all of 127/8 included), or one datagrams may be received for? `null`: no.
   */
  localType(address: IpAddress): 'local' | 'broadcast' | 'multicast' | null {
    if (address.isMulticast) return 'multicast';
    if (this.stack.addresses.owner(address) !== undefined) return 'local';
    if (address.isLimitedBroadcast) return 'broadcast';
    const route = this.stack.routesFor(address).lookup(address, this.query.reset());
    if (typeof route === 'number') return null;
    return route.type === RTN_LOCAL ? 'local' : route.type === RTN_BROADCAST ? 'broadcast' : null;
  }
}

function anyOf(address: IpAddress): IpAddress {
  return address.isV4 ? IpAddress.ANY4 : IpAddress.ANY6;
}
