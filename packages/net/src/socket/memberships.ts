import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, ENOBUFS, ENODEV } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { NetInterface } from '../ip/interface.js';
import type { NetStack } from '../stack.js';

/** net.ipv4.igmp_max_memberships is 20 for IPv4; IPv6 is bounded by memory there. */
const MOST_GROUPS = 20;
const MOST_GROUPS6 = 256;
const MOST_SOURCES = 10;

/** A group an endpoint joined. */
export interface GroupMembership {
  readonly group: IpAddress;
  readonly ifindex: number;
  /** `exclude`: all sources but those listed; `include`: those listed only. */
  mode: 'exclude' | 'include';
  sources: IpAddress[];
}

/** The multicast groups of one endpoint (IP_ADD_MEMBERSHIP, MCAST_JOIN_GROUP and their kin). */
export class Memberships {
  readonly entries: GroupMembership[] = [];

  constructor(private readonly stack: NetStack) {}

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
    this.entries.push({ group, ifindex: iface.index, mode: 'exclude', sources: [] });
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
   * IP_ADD_SOURCE_MEMBERSHIP (`include`), IP_DROP_SOURCE_MEMBERSHIP (`drop`), IP_BLOCK_SOURCE and IP_UNBLOCK_SOURCE. -EINVAL: the membership is
   * of the other mode.
   */
  source(
    change: 'include' | 'drop' | 'block' | 'unblock',
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
    if (entry === undefined) return change === 'drop' ? -EADDRNOTAVAIL : -EINVAL;
    const wanted = change === 'include' || change === 'drop' ? 'include' : 'exclude';
    if (entry.mode !== wanted) return -EINVAL;
    const at = entry.sources.findIndex((other) => other.equals(source));
    if (change === 'include' || change === 'block') {
      if (at >= 0) return -EADDRNOTAVAIL;
      if (entry.sources.length >= MOST_SOURCES) return -ENOBUFS;
      entry.sources.push(source);
      return 0;
    }
    if (at < 0) return -EADDRNOTAVAIL;
    entry.sources.splice(at, 1);
    if (change === 'drop' && entry.sources.length === 0) this.drop(entry);
    return 0;
  }

  /** Is a packet from `source` to `group` wanted? `all`: also when somebody else on this host joined (IP_MULTICAST_ALL). */
  wants(group: IpAddress, source: IpAddress, ifindex: number, all: boolean): boolean {
    const entry = this.find(group, ifindex);
    if (entry === undefined) return all;
    const listed = entry.sources.some((other) => other.equals(source));
    return entry.mode === 'include' ? listed : !listed;
  }

  /** The endpoint is closed. */
  clear(): void {
    for (const entry of [...this.entries]) this.drop(entry);
  }

  private find(group: IpAddress, ifindex: number): GroupMembership | undefined {
    return this.entries.find((entry) => entry.ifindex === ifindex && entry.group.equals(group));
  }

  private drop(entry: GroupMembership): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
    const iface = this.stack.interfaceByIndex(entry.ifindex);
    if (iface !== undefined) this.stack.multicast.leave(iface, entry.group);
  }
}
