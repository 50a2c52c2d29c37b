import {
  IFA_F_DEPRECATED,
  IFA_F_SECONDARY,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
} from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { InterfaceAddress, NetInterface } from './interface.js';

/**
 * The address to send from, out of `iface`. IPv4 as inet_select_addr: the first primary address of the
 * interface in whose network `nextHop` is, else its first of wide enough scope, else one of another
 * interface. IPv6 by RFC 6724 section 5, rules 1 to 3 and 8.
 */
export function selectSource(
  interfaces: Iterable<NetInterface>,
  iface: NetInterface,
  destination: IpAddress,
  nextHop: IpAddress,
): IpAddress | null {
  return destination.isV4
    ? select4(interfaces, iface, destination, nextHop)
    : select6(interfaces, iface, destination);
}

function select4(
  interfaces: Iterable<NetInterface>,
  iface: NetInterface,
  destination: IpAddress,
  nextHop: IpAddress,
): IpAddress | null {
  const scope = destination.isLoopback
    ? RT_SCOPE_HOST
    : destination.isLinkLocal
      ? RT_SCOPE_LINK
      : RT_SCOPE_UNIVERSE;
  let fallback: IpAddress | null = null;
  for (const entry of iface.addresses) {
    if (!entry.address.isV4 || (entry.flags & IFA_F_SECONDARY) !== 0 || tooNarrow(entry.scope, scope))
      continue;
    if (nextHop.inPrefix(entry.peer, entry.prefixLength)) return entry.address;
    fallback ??= entry.address;
  }
  if (fallback !== null) return fallback;
  for (const other of interfaces) {
    for (const entry of other.addresses) {
      if (entry.address.isV4 && entry.scope !== RT_SCOPE_LINK && !tooNarrow(entry.scope, scope)) {
        return entry.address;
      }
    }
  }
  return null;
}

/** An address known on the host or link only does not do for destinations further away. */
function tooNarrow(scope: number, wanted: number): boolean {
  return scope > wanted;
}

function select6(
  interfaces: Iterable<NetInterface>,
  iface: NetInterface,
  destination: IpAddress,
): IpAddress | null {
  let best: InterfaceAddress | null = null;
  const consider = (entry: InterfaceAddress) => {
    if (!entry.address.isV4 && (best === null || better(entry, best, destination))) best = entry;
  };
  for (const entry of iface.addresses) consider(entry);
  // A destination of wider scope may be reached from an address of another interface.
  if (best === null && scope6(destination) > LINK) {
    for (const other of interfaces) for (const entry of other.addresses) consider(entry);
  }
  return best === null ? null : (best as InterfaceAddress).address;
}

const HOST = 1;
const LINK = 2;
const GLOBAL = 14;

function scope6(address: IpAddress): number {
  if (address.isMulticast) return (address.w0 >>> 16) & 15;
  if (address.isLoopback) return HOST;
  return address.isLinkLocal ? LINK : GLOBAL;
}

function better(a: InterfaceAddress, b: InterfaceAddress, destination: IpAddress): boolean {
  if (a.address.equals(destination)) return true;
  if (b.address.equals(destination)) return false;
  const scopeA = scope6(a.address);
  const scopeB = scope6(b.address);
  if (scopeA !== scopeB) {
    const wanted = scope6(destination);
    return scopeA < scopeB ? scopeA >= wanted : scopeB < wanted;
  }
  const old = (entry: InterfaceAddress) => (entry.flags & IFA_F_DEPRECATED) !== 0;
  if (old(a) !== old(b)) return old(b);
  return commonBits(a.address, destination) > commonBits(b.address, destination);
}

function commonBits(a: IpAddress, b: IpAddress): number {
  const pairs = [
    [a.w0, b.w0],
    [a.w1, b.w1],
    [a.w2, b.w2],
    [a.w3, b.w3],
  ];
  let bits = 0;
  for (const [x, y] of pairs) {
    const same = Math.clz32(x ^ y);
    bits += same;
    if (same < 32) break;
  }
  return bits;
}
