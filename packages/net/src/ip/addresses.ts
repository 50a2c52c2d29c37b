import {
  EADDRNOTAVAIL,
  EEXIST,
  EINVAL,
  IFA_F_NOPREFIXROUTE,
  IFA_F_PERMANENT,
  IFA_F_SECONDARY,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTPROT_KERNEL,
} from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import type { InterfaceAddress, NetInterface } from './interface.js';
import { makeRoute, type Route } from './route-table.js';
import { type Routes, scopeOf } from './routes.js';

/** An address to be given to an interface; what is left out is chosen as ip-address(8) does. */
export interface NewAddress {
  address: IpAddress;
  prefixLength: number;
  peer?: IpAddress;
  broadcast?: IpAddress | null;
  scope?: number;
  flags?: number;
  label?: string;
  /** IFAPROT_*: who gives it. */
  protocol?: number;
  validLifetime?: number;
  preferredLifetime?: number;
}

/** The addresses of all interfaces, and the routes that come and go with them. */
export class Addresses {
  /** Local addresses by hash; chains are short. */
  private readonly local = new Map<number, { address: IpAddress; iface: NetInterface }[]>();
  onChange: ((iface: NetInterface, address: InterfaceAddress, added: boolean) => void) | null = null;

  constructor(
    private readonly routes4: Routes,
    private readonly routes6: Routes,
    private readonly now: () => number,
  ) {}

  /** The interface that has `address`. Not counted: the rest of 127/8, which is local by route only. */
  owner(address: IpAddress): NetInterface | undefined {
    const chain = this.local.get(address.hash);
    if (chain === undefined) return undefined;
    for (const entry of chain) if (entry.address.equals(address)) return entry.iface;
    return undefined;
  }

  /** 0, -EEXIST, -EINVAL. */
  add(iface: NetInterface, request: NewAddress): number {
    const { address, prefixLength } = request;
    if (prefixLength < 0 || prefixLength > address.bits || address.isMulticast) return -EINVAL;
    if (iface.addresses.some((a) => a.address.equals(address) && a.prefixLength === prefixLength))
      return -EEXIST;
    const scope = request.scope ?? scopeOf(address);
    let flags = request.flags ?? 0;
    const forever = (request.validLifetime ?? 0xffffffff) === 0xffffffff;
    if (forever) flags |= IFA_F_PERMANENT;
    const first = iface.addresses.find(
      (a) =>
        a.address.isV4 &&
        address.isV4 &&
        a.prefixLength === prefixLength &&
        a.address.inPrefix(address, prefixLength),
    );
    if (first !== undefined) flags |= IFA_F_SECONDARY;
    const now = this.now();
    const entry: InterfaceAddress = {
      address,
      prefixLength,
      peer: request.peer ?? address,
      broadcast: request.broadcast ?? null,
      scope,
      flags,
      label: request.label ?? iface.name,
      protocol: request.protocol ?? 0,
      validLifetime: request.validLifetime ?? 0xffffffff,
      preferredLifetime: request.preferredLifetime ?? 0xffffffff,
      created: now,
      changed: now,
    };
    iface.addresses.push(entry);
    const chain = this.local.get(address.hash);
    if (chain === undefined) this.local.set(address.hash, [{ address, iface }]);
    else chain.push({ address, iface });
    this.onChange?.(iface, entry, true);
    if (iface.adminUp) this.addRoutes(iface, entry);
    return 0;
  }

  /** 0 or -EADDRNOTAVAIL. With a primary IPv4 address its secondaries go too (promote_secondaries is off). */
  remove(iface: NetInterface, address: IpAddress, prefixLength: number): number {
    const at = iface.addresses.findIndex(
      (a) => a.address.equals(address) && (prefixLength < 0 || a.prefixLength === prefixLength),
    );
    if (at < 0) return -EADDRNOTAVAIL;
    const [entry] = iface.addresses.splice(at, 1);
    this.forget(iface, entry);
    if (address.isV4 && (entry.flags & IFA_F_SECONDARY) === 0) {
      for (const other of iface.addresses.filter((a) => isSecondaryOf(a, entry))) {
        iface.addresses.splice(iface.addresses.indexOf(other), 1);
        this.forget(iface, other);
      }
    }
    return 0;
  }

  /** Routes of every address of an interface that came up. */
  up(iface: NetInterface): void {
    for (const entry of iface.addresses) this.addRoutes(iface, entry);
  }

  /** An interface went down: routes through it go, and its IPv6 addresses too, as on Linux. */
  down(iface: NetInterface): void {
    const through = (route: Route) => route.ifindex === iface.index;
    this.routes4.removeWhere(through);
    this.routes6.removeWhere(through);
    for (const entry of iface.addresses.filter((a) => !a.address.isV4)) {
      iface.addresses.splice(iface.addresses.indexOf(entry), 1);
      this.forget(iface, entry);
    }
  }

  private forget(iface: NetInterface, entry: InterfaceAddress): void {
    const chain = this.local.get(entry.address.hash)!;
    const left = chain.filter((other) => other.iface !== iface || !other.address.equals(entry.address));
    if (left.length === 0) this.local.delete(entry.address.hash);
    else this.local.set(entry.address.hash, left);
    for (const route of this.routesOf(iface, entry)) {
      const routes = entry.address.isV4 ? this.routes4 : this.routes6;
      // Another address of the same network may still need it.
      const kept = iface.addresses.some((other) =>
        this.routesOf(iface, other).some((r) => sameTarget(r, route)),
      );
      if (!kept) routes.removeWhere((r) => sameTarget(r, route));
    }
    // Routes that prefer an address that is gone go with it.
    this.routes4.removeWhere((route) => route.source?.equals(entry.address) === true);
    this.onChange?.(iface, entry, false);
  }

  private addRoutes(iface: NetInterface, entry: InterfaceAddress): void {
    const routes = entry.address.isV4 ? this.routes4 : this.routes6;
    for (const route of this.routesOf(iface, entry)) routes.add(route);
  }

  private routesOf(iface: NetInterface, entry: InterfaceAddress): Route[] {
    return entry.address.isV4 ? routesOf4(iface, entry) : routesOf6(iface, entry);
  }
}

function isSecondaryOf(a: InterfaceAddress, primary: InterfaceAddress): boolean {
  return (
    a.address.isV4 &&
    (a.flags & IFA_F_SECONDARY) !== 0 &&
    a.prefixLength === primary.prefixLength &&
    a.address.inPrefix(primary.address, primary.prefixLength)
  );
}

function sameTarget(a: Route, b: Route): boolean {
  return (
    a.table === b.table &&
    a.type === b.type &&
    a.ifindex === b.ifindex &&
    a.prefixLength === b.prefixLength &&
    a.protocol === b.protocol &&
    a.destination.equals(b.destination)
  );
}

/** What fib_add_ifaddr makes: the address itself, its broadcasts, its network. */
function routesOf4(iface: NetInterface, entry: InterfaceAddress): Route[] {
  const { address, prefixLength } = entry;
  const base = { ifindex: iface.index, source: address, protocol: RTPROT_KERNEL, table: RT_TABLE_LOCAL };
  const local = { ...base, type: RTN_LOCAL, scope: RT_SCOPE_HOST };
  const routes = [makeRoute({ ...local, destination: address, prefixLength: 32 })];
  if (entry.broadcast !== null) {
    const broadcast = { ...base, type: RTN_BROADCAST, scope: RT_SCOPE_LINK, prefixLength: 32 };
    routes.push(makeRoute({ ...broadcast, destination: entry.broadcast }));
  }
  const network = entry.peer.masked(prefixLength);
  if (prefixLength < 32 || !entry.peer.equals(address)) {
    if (iface.loopback) {
      routes.push(makeRoute({ ...local, destination: network, prefixLength }));
      routes.push(
        makeRoute({
          ...base,
          type: RTN_BROADCAST,
          scope: RT_SCOPE_LINK,
          destination: address.broadcastOf(prefixLength),
          prefixLength: 32,
        }),
      );
    } else if ((entry.flags & IFA_F_NOPREFIXROUTE) === 0 && prefixLength > 0) {
      const link = { ...base, table: RT_TABLE_MAIN, scope: RT_SCOPE_LINK };
      routes.push(makeRoute({ ...link, destination: network, prefixLength }));
    }
  }
  return routes;
}

function routesOf6(iface: NetInterface, entry: InterfaceAddress): Route[] {
  const { address, prefixLength } = entry;
  const base = { ifindex: iface.index, protocol: RTPROT_KERNEL, scope: RT_SCOPE_UNIVERSE };
  const routes = [
    makeRoute({
      ...base,
      metric: 0,
      table: RT_TABLE_LOCAL,
      type: RTN_LOCAL,
      destination: address,
      prefixLength: 128,
    }),
  ];
  if (iface.loopback) {
    routes.push(
      makeRoute({ ...base, metric: 256, table: RT_TABLE_MAIN, destination: address, prefixLength }),
    );
    return routes;
  }
  if ((entry.flags & IFA_F_NOPREFIXROUTE) === 0) {
    const network = entry.peer.masked(prefixLength);
    routes.push(
      makeRoute({ ...base, metric: 256, table: RT_TABLE_MAIN, destination: network, prefixLength }),
    );
  }
  const multicast = { metric: 256, table: RT_TABLE_LOCAL, type: RTN_MULTICAST };
  routes.push(makeRoute({ ...base, ...multicast, destination: ALL_MULTICAST6, prefixLength: 8 }));
  return routes;
}

const ALL_MULTICAST6 = IpAddress.v6(0xff000000, 0, 0, 0);
