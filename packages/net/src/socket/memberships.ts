import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOBUFS, ENODEV } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { NetInterface } from '../ip/interface.js';
import type { IpStack } from '../ip/stack.js';

/** net.ipv4.igmp_max_memberships is 20 for IPv4; IPv6 is bounded by memory there. */
const MOST_GROUPS = 20;
const MOST_GROUPS6 = 256;
/** net.ipv4.igmp_max_msf, net.ipv6.mld_max_msf: sources of one membership. */
export const MOST_SOURCES = 10;
export const MOST_SOURCES6 = 64;

/** `exclude`: all sources but those listed are heard; `include`: those listed only. */
export type FilterMode = 'exclude' | 'include';
/** IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_UNBLOCK_SOURCE. */
export type SourceChange = 'include' | 'drop' | 'block' | 'unblock';

/** A group an endpoint joined. */
export interface GroupMembership {
  readonly group: IpAddress;
  readonly ifindex: number;
  mode: FilterMode;
  /** null: never had any, and so the mode is still open. */
  sources: IpAddress[] | null;
}

/** The multicast groups of one endpoint (IP_ADD_MEMBERSHIP, MCAST_JOIN_GROUP and their kin). */
export class Memberships {
  readonly entries: GroupMembership[] = [];

  constructor(private readonly stack: IpStack) {}

  /** The interface a membership is meant for: by index, by an address of it, or by the route to the group. */
  interfaceFor(group: IpAddress, ifindex: number, address: IpAddress | null): NetInterface | undefined {
    if (ifindex !== 0) return this.stack.interfaceByIndex(ifindex);
    if (address !== null && !address.isAny) return this.stack.addresses.owner(address);
    const path = this.stack.resolve(group, null);
    if (typeof path !== 'number') return path.local ? this.stack.loopback : path.iface;
    return undefined;
  }

  /** 0, -EINVAL (no group), -ENODEV, -EADDRINUSE (joined already), -ENOBUFS. */
  join(group: IpAddress, ifindex: number, address: IpAddress | null): number {
    if (!group.isMulticast) return -EINVAL;
    const iface = this.interfaceFor(group, ifindex, address);
    if (iface === undefined) return -ENODEV;
    if (this.find(group, iface.index) !== undefined) return -EADDRINUSE;
    if (this.entries.length >= (group.isV4 ? MOST_GROUPS : MOST_GROUPS6)) return -ENOBUFS;
    this.entries.push({ group, ifindex: iface.index, mode: 'exclude', sources: null });
    this.stack.multicast.join(iface, group);
    return 0;
  }

  /** 0, -EINVAL, -ENODEV, -EADDRNOTAVAIL (not joined). */
  leave(group: IpAddress, ifindex: number, address: IpAddress | null): number {
    if (!group.isMulticast) return group.isV4 ? -EADDRNOTAVAIL : -EINVAL;
    const iface = this.interfaceFor(group, ifindex, address);
    if (iface === undefined) return group.isV4 ? -ENODEV : -EADDRNOTAVAIL;
    const entry = this.find(group, iface.index);
    if (entry === undefined) return -EADDRNOTAVAIL;
    this.drop(entry);
    return 0;
  }

  /**
   * Change the sources of a membership (ip_mc_source, ip6_mc_source). 0, -EINVAL (no group, not joined, the
   * membership is of the other mode), -ENODEV, -EADDRNOTAVAIL (listed already, not listed), -ENOBUFS.
   */
  source(
    change: SourceChange,
    group: IpAddress,
    source: IpAddress,
    ifindex: number,
    address: IpAddress | null,
  ): number {
    if (!group.isMulticast) return -EINVAL;
    const iface = this.interfaceFor(group, ifindex, address);
    if (iface === undefined) return -ENODEV;
    let entry = this.find(group, iface.index);
    if (change === 'include' && entry === undefined) {
      const r = this.join(group, iface.index, null);
      if (r < 0) return r;
      entry = this.find(group, iface.index)!;
      entry.mode = 'include';
    }
    if (entry === undefined) return -EINVAL;
    const mode = change === 'include' || change === 'drop' ? 'include' : 'exclude';
    if (entry.sources === null) entry.mode = mode;
    else if (entry.mode !== mode) return -EINVAL;
    const sources = entry.sources ?? [];
    const at = sources.findIndex((other) => other.equals(source));
    if (change === 'include' || change === 'block') {
      if (sources.length >= (group.isV4 ? MOST_SOURCES : MOST_SOURCES6)) return -ENOBUFS;
      if (at >= 0) return -EADDRNOTAVAIL;
      sources.push(source);
      entry.sources = sources;
      return 0;
    }
    if (at < 0) return -EADDRNOTAVAIL;
    // To hear nobody is to have left.
    if (change === 'drop' && sources.length === 1) this.drop(entry);
    else sources.splice(at, 1);
    return 0;
  }

  /**
   * Replace mode and sources at once (ip_mc_msfilter, ip6_mc_msfilter). 0, -EINVAL (no group, not joined),
   * -ENODEV.
   */
  setFilter(
    group: IpAddress,
    ifindex: number,
    address: IpAddress | null,
    mode: FilterMode,
    sources: IpAddress[],
  ): number {
    if (!group.isMulticast) return -EINVAL;
    const iface = this.interfaceFor(group, ifindex, address);
    if (iface === undefined) return -ENODEV;
    if (mode === 'include' && sources.length === 0) return this.leave(group, iface.index, null);
    const entry = this.find(group, group.isV4 ? iface.index : ifindex);
    if (entry === undefined) return -EINVAL;
    entry.mode = mode;
    entry.sources = sources.length === 0 ? null : sources;
    return 0;
  }

  /**
   * Is a packet from `source` to `group` wanted? `all`: also when somebody else on this host joined
   * (IP_MULTICAST_ALL).
   */
  wants(group: IpAddress, source: IpAddress, ifindex: number, all: boolean): boolean {
    const entry = this.find(group, ifindex);
    if (entry === undefined) return all;
    const listed = entry.sources?.some((other) => other.equals(source)) ?? false;
    return entry.mode === 'include' ? listed : !listed;
  }

  /** The endpoint is closed. */
  clear(): void {
    for (const entry of [...this.entries]) this.drop(entry);
  }

  /** The membership of a group on this very interface. */
  find(group: IpAddress, ifindex: number): GroupMembership | undefined {
    return this.entries.find((entry) => entry.ifindex === ifindex && entry.group.equals(group));
  }

  private drop(entry: GroupMembership): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
    const iface = this.stack.interfaceByIndex(entry.ifindex);
    if (iface !== undefined) this.stack.multicast.leave(iface, entry.group);
  }
}
