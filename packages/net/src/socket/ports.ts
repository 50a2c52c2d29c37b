import { EADDRINUSE, EADDRNOTAVAIL } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import type { Endpoint, SocketFilter } from './endpoint.js';

/** What the port table needs to know of an endpoint. */
export interface PortUser {
  /** Local address, an IPv4 one in IPv4 form; `isAny`: the wildcard. */
  readonly boundAddress: IpAddress;
  /** The wildcard takes in both families. */
  readonly dualStack: boolean;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly uid: number;
  readonly boundInterface: number;
  /** In state LISTEN: SO_REUSEADDR does not help others then. */
  readonly listening: boolean;
}

/** Do the two take packets to a common address? (inet_rcv_saddr_equal) */
export function addressesOverlap(a: PortUser, b: PortUser): boolean {
  const anyA = a.boundAddress.isAny;
  const anyB = b.boundAddress.isAny;
  if (!anyA && !anyB) return a.boundAddress.equals(b.boundAddress);
  if (anyA && anyB) {
    return a.dualStack || b.dualStack || a.boundAddress.isV4 === b.boundAddress.isV4;
  }
  const wild = anyA ? a : b;
  const other = anyA ? b : a;
  return wild.dualStack || wild.boundAddress.isV4 === other.boundAddress.isV4;
}

/** Do the two share their port as one group (SO_REUSEPORT)? */
function inOneGroup(a: PortUser, b: PortUser): boolean {
  return (
    a.reusePort &&
    b.reusePort &&
    a.uid === b.uid &&
    a.boundInterface === b.boundInterface &&
    a.dualStack === b.dualStack &&
    a.boundAddress.equals(b.boundAddress)
  );
}

/** `joins` has come to the port: a group it belongs to now has its program already, whatever `joins` had. */
export function joinGroup<T extends PortUser & Endpoint>(there: Iterable<T>, joins: T): void {
  for (const other of there) if (other !== joins && inOneGroup(other, joins)) joins.selector = other.selector;
}

/** The program of `user`, and of everybody in its group. */
export function setSelector<T extends PortUser & Endpoint>(
  there: Iterable<T>,
  user: T,
  selector: SocketFilter | null,
): void {
  user.selector = selector;
  for (const other of there) if (inOneGroup(other, user)) other.selector = selector;
}

/**
 * Which of the `size` members of the group of `first` a packet is for: its program says, else a hash of where
 * it comes from.
 */
export function memberOf(
  first: Endpoint,
  packet: Packet | null,
  start: number,
  source: IpAddress,
  sourcePort: number,
  size: number,
): number {
  if (first.selector !== null && packet !== null) {
    const index = first.selector(packet, start);
    if (index < size) return index;
  }
  return (Math.imul(source.hash ^ sourcePort, 0x9e3779b1) >>> 8) % size;
}

/** The ports of one protocol, and who has them. */
export class PortTable<T extends PortUser> {
  /** Most ports have one user, a connection that went out from there: a set is made for a second one. */
  private readonly users = new Map<number, T | Set<T>>();

  constructor(
    private readonly random32: () => number,
    /**
     * TCP lets sockets with SO_REUSEADDR share a port with one that does not listen; UDP with any that has it
     * too.
     */
    private readonly tcp: boolean,
  ) {}

  /** Everybody at `port`. */
  at(port: number): Iterable<T> {
    const there = this.users.get(port);
    return there === undefined ? [] : there instanceof Set ? there : [there];
  }

  *all(): Iterable<T> {
    for (const there of this.users.values()) {
      if (there instanceof Set) yield* there;
      else yield there;
    }
  }

  /** Would `user` at `port` be in somebody's way? */
  conflict(port: number, user: T): boolean {
    for (const other of this.at(port)) {
      if (other === user) continue;
      if (
        user.boundInterface !== 0 &&
        other.boundInterface !== 0 &&
        user.boundInterface !== other.boundInterface
      ) {
        continue;
      }
      if (user.reuseAddress && other.reuseAddress && !(this.tcp && other.listening)) continue;
      if (user.reusePort && other.reusePort && user.uid === other.uid) continue;
      if (addressesOverlap(user, other)) return true;
    }
    return false;
  }

  /** Take `port` for `user`. 0 or -EADDRINUSE. */
  claim(port: number, user: T): number {
    if (this.conflict(port, user)) return -EADDRINUSE;
    this.add(port, user);
    return 0;
  }

  /** Without asking: an accepted connection shares its listener's port. */
  add(port: number, user: T): void {
    const there = this.users.get(port);
    if (there === undefined) this.users.set(port, user);
    else if (there instanceof Set) there.add(user);
    else if (there !== user) this.users.set(port, new Set([there, user]));
  }

  release(port: number, user: T): void {
    const there = this.users.get(port);
    if (there === user || (there instanceof Set && there.delete(user) && there.size === 0))
      this.users.delete(port);
  }

  /**
   * A free port between `low` and `high`, both included, from a random place on: even distances first, as
   * Linux leaves odd ones to bind(2) and even ones to connect(2). `free` says whether a port in use will do
   * nevertheless. -EADDRINUSE, -EADDRNOTAVAIL (`free` given).
   */
  pick(low: number, high: number, user: T, free?: (port: number) => boolean): number {
    const count = high - low + 1;
    const offset = this.random32() % count;
    const parity = free === undefined ? 1 : 0;
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < count; i++) {
        const port = low + ((offset + i) % count);
        if (count > 1 && (port - low) % 2 !== (round === 0 ? parity : 1 - parity)) continue;
        if (free === undefined ? !this.conflict(port, user) : free(port)) return port;
      }
    }
    return free === undefined ? -EADDRINUSE : -EADDRNOTAVAIL;
  }
}
