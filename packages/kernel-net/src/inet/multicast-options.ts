import {
  AF_INET,
  AF_INET6,
  EADDRNOTAVAIL,
  EFAULT,
  EINVAL,
  ENOBUFS,
  ENODEV,
  EPROTO,
  IP_ADD_MEMBERSHIP,
  IP_ADD_SOURCE_MEMBERSHIP,
  IP_BLOCK_SOURCE,
  IP_DROP_MEMBERSHIP,
  IP_DROP_SOURCE_MEMBERSHIP,
  IP_MSFILTER,
  IP_UNBLOCK_SOURCE,
  MCAST_BLOCK_SOURCE,
  MCAST_EXCLUDE,
  MCAST_INCLUDE,
  MCAST_JOIN_GROUP,
  MCAST_JOIN_SOURCE_GROUP,
  MCAST_LEAVE_GROUP,
  MCAST_LEAVE_SOURCE_GROUP,
  MCAST_MSFILTER,
  MCAST_UNBLOCK_SOURCE,
  SOCK_STREAM,
  SOL_IP,
  SOL_IPV6,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { IpAddress, Memberships, MOST_SOURCES, MOST_SOURCES6, type SourceChange } from '@sandbox/net';
import type { InetSocket } from './socket.js';

/** struct sockaddr_storage, and where group_req and its kin have one behind their index. */
const STORAGE = 128;
const GROUP_AT = 8;
const SOURCE_AT = GROUP_AT + STORAGE;
const GROUP_REQ_SIZE = SOURCE_AT;
const GROUP_SOURCE_REQ_SIZE = SOURCE_AT + STORAGE;
/** struct group_filter and struct ip_msfilter up to their lists: (mode, count) are the last of it. */
const GROUP_FILTER_SIZE = SOURCE_AT + 8;
const MSFILTER_SIZE = 16;
/** net.core.optmem_max: the longest list a caller may bring. */
const MOST_BYTES = 131072;

const CHANGES: ReadonlyMap<number, SourceChange> = new Map([
  [IP_ADD_SOURCE_MEMBERSHIP, 'include'],
  [IP_DROP_SOURCE_MEMBERSHIP, 'drop'],
  [IP_BLOCK_SOURCE, 'block'],
  [IP_UNBLOCK_SOURCE, 'unblock'],
  [MCAST_JOIN_SOURCE_GROUP, 'include'],
  [MCAST_LEAVE_SOURCE_GROUP, 'drop'],
  [MCAST_BLOCK_SOURCE, 'block'],
  [MCAST_UNBLOCK_SOURCE, 'unblock'],
]);

/** An int of an option's value. */
export function intAt(value: Uint8Array, at: number): number {
  return value[at]! | (value[at + 1]! << 8) | (value[at + 2]! << 16) | (value[at + 3]! << 24);
}

/** The addresses of one family: how they are read, and where a struct sockaddr has them. */
interface Family {
  readonly number: number;
  readonly addressAt: number;
  readonly mostSources: number;
  read(bytes: Uint8Array, at: number): IpAddress;
}
const INET: Family = {
  number: AF_INET,
  addressAt: 4,
  mostSources: MOST_SOURCES,
  read: (bytes, at) => IpAddress.fromBytes4(bytes, at),
};
const INET6: Family = {
  number: AF_INET6,
  addressAt: 8,
  mostSources: MOST_SOURCES6,
  read: (bytes, at) => IpAddress.fromBytes6(bytes, at),
};

const familyOf = (level: number): Family => (level === SOL_IPV6 ? INET6 : INET);

/** The address of a sockaddr_storage; null: of another family. */
function storedAddress(family: Family, bytes: Uint8Array, at: number): IpAddress | null {
  const stored = bytes[at]! | (bytes[at + 1]! << 8);
  return stored === family.number ? family.read(bytes, at + family.addressAt) : null;
}

/** setsockopt(2) at SOL_IP or SOL_IPV6 with a struct about a group. null: some other option. */
export function setMulticastOption(
  socket: InetSocket,
  level: number,
  name: number,
  value: Uint8Array | null,
  length: number,
): number | null {
  switch (name) {
    case MCAST_JOIN_GROUP:
    case MCAST_LEAVE_GROUP:
      return groupRequest(socket, level, name === MCAST_JOIN_GROUP, value, length);
    case MCAST_JOIN_SOURCE_GROUP:
    case MCAST_LEAVE_SOURCE_GROUP:
    case MCAST_BLOCK_SOURCE:
    case MCAST_UNBLOCK_SOURCE:
      return groupSourceRequest(socket, level, CHANGES.get(name)!, value, length);
  }
  if (level === SOL_IPV6) return null;
  if (name === IP_ADD_MEMBERSHIP || name === IP_DROP_MEMBERSHIP)
    return membership(socket, name === IP_ADD_MEMBERSHIP, value, length);
  return CHANGES.has(name) ? sourceMembership(socket, CHANGES.get(name)!, value, length) : null;
}

/** Join a group or leave it, on the interface of this index, or the one that has `address`. */
export function changeMembership(
  socket: InetSocket,
  join: boolean,
  group: IpAddress,
  address: IpAddress | null,
  index: number,
): number {
  const { memberships } = socket;
  if (memberships === null) return -EPROTO;
  return join ? memberships.join(group, index, address) : memberships.leave(group, index, address);
}

/** struct ip_mreqn or ip_mreq: the group, and the interface by address and index. */
function membership(socket: InetSocket, join: boolean, value: Uint8Array | null, length: number): number {
  if (socket.type === SOCK_STREAM) return -EPROTO;
  if (length < 8) return -EINVAL;
  if (value === null) return -EFAULT;
  const index = length >= 12 ? intAt(value, 8) : 0;
  return changeMembership(socket, join, IpAddress.fromBytes4(value), IpAddress.fromBytes4(value, 4), index);
}

/** struct ip_mreq_source: group, interface, source. */
function sourceMembership(
  socket: InetSocket,
  change: SourceChange,
  value: Uint8Array | null,
  length: number,
): number {
  if (length !== 12) return -EINVAL;
  if (value === null) return -EFAULT;
  const { memberships } = socket;
  if (memberships === null) return -EPROTO;
  const group = IpAddress.fromBytes4(value);
  return memberships.source(change, group, IpAddress.fromBytes4(value, 8), 0, IpAddress.fromBytes4(value, 4));
}

/** struct group_req: an index, padding, a sockaddr. */
function groupRequest(
  socket: InetSocket,
  level: number,
  join: boolean,
  value: Uint8Array | null,
  length: number,
): number {
  if (length < GROUP_REQ_SIZE) return -EINVAL;
  if (value === null) return -EFAULT;
  if (socket.type === SOCK_STREAM) return -EPROTO;
  const group = storedAddress(familyOf(level), value, GROUP_AT);
  if (group === null) return level === SOL_IPV6 ? -EADDRNOTAVAIL : -EINVAL;
  return changeMembership(socket, join, group, null, intAt(value, 0));
}

/** struct group_source_req: a group_req, and the source. */
function groupSourceRequest(
  socket: InetSocket,
  level: number,
  change: SourceChange,
  value: Uint8Array | null,
  length: number,
): number {
  if (length < GROUP_SOURCE_REQ_SIZE) return -EINVAL;
  if (value === null) return -EFAULT;
  const family = familyOf(level);
  const group = storedAddress(family, value, GROUP_AT);
  const source = storedAddress(family, value, SOURCE_AT);
  if (group === null || source === null) return -EADDRNOTAVAIL;
  const { memberships } = socket;
  if (memberships === null) return -EPROTO;
  return memberships.source(change, group, source, intAt(value, 0), null);
}

/** Is it an option whose value is a list of sources, which may be long and is read before it is written? */
export function isSourceFilter(level: number, name: number): boolean {
  return name === MCAST_MSFILTER
    ? level === SOL_IP || level === SOL_IPV6
    : name === IP_MSFILTER && level === SOL_IP;
}

/** A struct ip_msfilter (`short`) or group_filter: where its parts are. */
interface FilterLayout {
  readonly short: boolean;
  readonly family: Family;
  readonly headSize: number;
  /** Bytes of a source. */
  readonly step: number;
}

function layoutOf(level: number, name: number): FilterLayout {
  const short = name === IP_MSFILTER;
  return {
    short,
    family: familyOf(level),
    headSize: short ? MSFILTER_SIZE : GROUP_FILTER_SIZE,
    step: short ? 4 : STORAGE,
  };
}

function groupOf(layout: FilterLayout, bytes: Uint8Array): IpAddress | null {
  return layout.short ? IpAddress.fromBytes4(bytes) : storedAddress(layout.family, bytes, GROUP_AT);
}

/** setsockopt(2) of IP_MSFILTER and MCAST_MSFILTER: mode and sources at once. */
export function setSourceFilter(
  socket: InetSocket,
  t: Task,
  level: number,
  name: number,
  addr: number,
  length: number,
): number {
  const layout = layoutOf(level, name);
  const { headSize, step, family } = layout;
  if (length < headSize) return -EINVAL;
  if (length > MOST_BYTES) return -ENOBUFS;
  const bytes = new Uint8Array(length);
  if (t.mm.copyIn(addr, bytes, 0, length) < 0) return -EFAULT;
  const count = intAt(bytes, headSize - 4) >>> 0;
  if (count > family.mostSources) return -ENOBUFS;
  if (headSize + count * step > length) return -EINVAL;
  const memberships = membershipsOf(socket);
  const group = groupOf(layout, bytes);
  if (group === null) return family === INET6 ? -EINVAL : -EADDRNOTAVAIL;
  const sources: IpAddress[] = [];
  for (let i = 0; i < count; i++) {
    const at = headSize + i * step;
    // Only IPv4 looks at what families the sources are of (set_mcast_msfilter).
    const source =
      layout.short || family === INET6
        ? family.read(bytes, layout.short ? at : at + family.addressAt)
        : storedAddress(family, bytes, at);
    if (source === null) return -EADDRNOTAVAIL;
    sources.push(source);
  }
  const mode = intAt(bytes, headSize - 8);
  if (!group.isMulticast || (mode !== MCAST_INCLUDE && mode !== MCAST_EXCLUDE)) return -EINVAL;
  return memberships.setFilter(
    group,
    layout.short ? 0 : intAt(bytes, 0),
    layout.short ? IpAddress.fromBytes4(bytes, 4) : null,
    mode === MCAST_INCLUDE ? 'include' : 'exclude',
    sources,
  );
}

/**
 * getsockopt(2) of IP_MSFILTER and MCAST_MSFILTER: the caller names the group and says how many sources it
 * has room for.
 */
export function getSourceFilter(
  socket: InetSocket,
  t: Task,
  level: number,
  name: number,
  addr: number,
  lengthAddr: number,
): number {
  const room = t.mm.load32(lengthAddr);
  if (room < 0) return -EFAULT;
  const layout = layoutOf(level, name);
  const { headSize, step, family } = layout;
  if ((room | 0) < headSize) return -EINVAL;
  const head = new Uint8Array(headSize);
  if (t.mm.copyIn(addr, head, 0, headSize) < 0) return -EFAULT;
  const memberships = membershipsOf(socket);
  const group = groupOf(layout, head);
  if (group === null) return family === INET6 ? -EADDRNOTAVAIL : -EINVAL;
  if (!group.isMulticast) return -EINVAL;
  const index = layout.short ? indexFor(memberships, group, head) : intAt(head, 0);
  if (index < 0) return index;
  const entry = memberships.find(group, index);
  if (entry === undefined) return -EADDRNOTAVAIL;
  const sources = entry.sources ?? [];
  const shown = Math.min(sources.length, intAt(head, headSize - 4) >>> 0);
  const out = new Uint8Array(headSize + shown * step);
  const view = new DataView(out.buffer);
  out.set(head);
  view.setUint32(headSize - 8, entry.mode === 'include' ? MCAST_INCLUDE : MCAST_EXCLUDE, true);
  view.setUint32(headSize - 4, sources.length, true);
  for (let i = 0; i < shown; i++) {
    const at = headSize + i * step;
    if (!layout.short) view.setUint16(at, family.number, true);
    sources[i]!.toBytes(out, layout.short ? at : at + family.addressAt);
  }
  if (t.mm.store32(lengthAddr, out.length) < 0) return -EFAULT;
  return t.mm.copyOut(addr, out, 0, out.length) < 0 ? -EFAULT : 0;
}

/** Streams may ask as well, and are in no group. */
function membershipsOf(socket: InetSocket): Memberships {
  return socket.memberships ?? new Memberships(socket.network.stack);
}

/** The interface a struct ip_msfilter names by an address of it. -ENODEV. */
function indexFor(memberships: Memberships, group: IpAddress, head: Uint8Array): number {
  return memberships.interfaceFor(group, 0, IpAddress.fromBytes4(head, 4))?.index ?? -ENODEV;
}
