import {
  AF_INET,
  CAP_NET_RAW,
  EADDRNOTAVAIL,
  EFAULT,
  EINVAL,
  ENOPROTOOPT,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPROTO,
  IPV6_2292PKTOPTIONS,
  IPV6_ADD_MEMBERSHIP,
  IPV6_ADDRFORM,
  IPV6_AUTOFLOWLABEL,
  IPV6_CHECKSUM,
  IPV6_DONTFRAG,
  IPV6_DROP_MEMBERSHIP,
  IPV6_DSTOPTS,
  IPV6_FLOWLABEL_MGR,
  IPV6_HDRINCL,
  IPV6_HOPOPTS,
  IPV6_JOIN_ANYCAST,
  IPV6_LEAVE_ANYCAST,
  IPV6_MTU,
  IPV6_PATHMTU,
  IPV6_PKTINFO,
  IPV6_RTHDR,
  IPV6_RTHDRDSTOPTS,
  IPV6_V6ONLY,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_IPV6,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { InetEndpoint, IpAddress } from '@sandbox/net';
import { IPV6_NUMBERS } from './ipv6-options.js';
import { changeMembership, intAt, setMulticastOption } from './multicast-options.js';
import { getNumber, setNumber } from './option-table.js';
import type { InetSocket } from './socket.js';

/** Numbers that may be left away: no value is zero. */
const OPTIONAL: ReadonlySet<number> = new Set([IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL]);

const MRT6_FIRST = 200;
const MRT6_LAST = 210;

/** setsockopt(2) at SOL_IPV6. Without memory behind it a value is zero; a short one is refused. */
export function setIpv6Option(
  socket: InetSocket,
  t: Task,
  name: number,
  value: Uint8Array | null,
  length: number,
): number {
  if (name >= MRT6_FIRST && name <= MRT6_LAST) return -EOPNOTSUPP;
  const option = IPV6_NUMBERS.get(name);
  if (option === undefined) return setStruct(socket, t, name, value, length);
  if (length < 4 && !OPTIONAL.has(name)) {
    // What does not exist on this kind of socket is told first.
    const r = option.check?.(0, socket, t.cred) ?? 0;
    if (r < 0 && r !== -1) {
      const refused = setNumber(IPV6_NUMBERS, socket.values, SOL_IPV6, name, 0, socket, t.cred);
      if (refused === -ENOPROTOOPT) return refused;
    }
    return -EINVAL;
  }
  const number = value === null || length < 4 ? 0 : intAt(value, 0);
  if (name === IPV6_V6ONLY && socket.hasPort) return -EINVAL;
  return setNumber(IPV6_NUMBERS, socket.values, SOL_IPV6, name, number, socket, t.cred);
}

function setStruct(
  socket: InetSocket,
  t: Task,
  name: number,
  value: Uint8Array | null,
  length: number,
): number {
  const group = setMulticastOption(socket, SOL_IPV6, name, value, length);
  if (group !== null) return group;
  switch (name) {
    case IPV6_ADD_MEMBERSHIP:
    case IPV6_DROP_MEMBERSHIP: {
      if (socket.type === SOCK_STREAM) return -EPROTO;
      if (length < 20) return -EINVAL;
      if (value === null) return -EFAULT;
      const group = IpAddress.fromBytes6(value);
      const index = intAt(value, 16);
      return changeMembership(socket, name === IPV6_ADD_MEMBERSHIP, group, null, index);
    }
    case IPV6_PKTINFO: {
      // Its address only fills what is reported; the interface is the one to send by.
      if (length < 20 || value === null) return -EINVAL;
      const index = intAt(value, 16);
      const bound = socket.stackOptions.boundInterface;
      if (bound !== 0 && index !== bound) return -EINVAL;
      socket.changeStackOptions().stickyInterface6 = index;
      return 0;
    }
    case IPV6_ADDRFORM:
      return value === null || length < 4 || intAt(value, 0) !== AF_INET ? -EINVAL : becomeIpv4(socket);
    case IPV6_JOIN_ANYCAST:
    case IPV6_LEAVE_ANYCAST:
      return -EADDRNOTAVAIL;
    case IPV6_HOPOPTS:
    case IPV6_DSTOPTS:
    case IPV6_RTHDR:
    case IPV6_RTHDRDSTOPTS:
      return setHeader(socket, t, name, value, length);
    default:
      return -ENOPROTOOPT;
  }
}

/** IPV6_ADDRFORM: a socket connected to an IPv4 address is one of AF_INET from now on. */
function becomeIpv4(socket: InetSocket): number {
  if (socket.type === SOCK_RAW || !(socket.endpoint instanceof InetEndpoint)) return -ENOPROTOOPT;
  if (!socket.connected) return -ENOTCONN;
  if (socket.stackOptions.v6Only || !socket.endpoint.reachesIpv4) return -EADDRNOTAVAIL;
  socket.endpoint.becomeIpv4();
  socket.domain = AF_INET;
  socket.changeControl().clear6();
  return 0;
}

/**
 * Extension headers of all that a socket sends (RFC 3542 section 4.2, ipv6_set_opt_hdr). -EPERM (all but
 * routing headers want CAP_NET_RAW), -EINVAL.
 */
function setHeader(
  socket: InetSocket,
  t: Task,
  name: number,
  value: Uint8Array | null,
  length: number,
): number {
  if (name !== IPV6_RTHDR && !socket.network.may(t.cred, CAP_NET_RAW)) return -EPERM;
  const options = socket.changeStackOptions();
  let header: Uint8Array = new Uint8Array(0);
  if (length !== 0) {
    if (value === null || length < 8 || (length & 7) !== 0 || length > 8 * 255) return -EINVAL;
    const size = (value[1]! + 1) * 8;
    if (size > length || size > value.length) return -EINVAL;
    header = value.slice(0, size);
  }
  if (name === IPV6_RTHDR) {
    if (length === 0) return 0;
    // Segment routing is the one kind there still is.
    if (header[2] === IPV6_SRCRT_TYPE_4)
      t.kernel.reporter.unimplemented(t, 'setsockopt', 'IPV6_RTHDR with segments');
    return -EINVAL;
  }
  if (socket.type === SOCK_STREAM && length !== 0) {
    t.kernel.reporter.unimplemented(t, 'setsockopt', 'IPv6 extension headers of a stream');
    return -ENOPROTOOPT;
  }
  if (name === IPV6_HOPOPTS) options.hopOptions = header;
  else if (name === IPV6_DSTOPTS) options.destinationOptions = header;
  else options.routingDestinationOptions = header;
  return 0;
}

function headerOf(socket: InetSocket, name: number): Uint8Array {
  const options = socket.stackOptions;
  if (name === IPV6_HOPOPTS) return options.hopOptions;
  return name === IPV6_DSTOPTS ? options.destinationOptions : options.routingDestinationOptions;
}

/** Segment routing (RFC 8754). */
const IPV6_SRCRT_TYPE_4 = 4;

/** getsockopt(2) at SOL_IPV6: bytes stored in `out`. */
export function getIpv6Option(socket: InetSocket, name: number, out: Uint8Array, room: number): number {
  const view = new DataView(out.buffer, out.byteOffset);
  const number = (value: number): number => {
    view.setInt32(0, value, true);
    return 4;
  };
  if (name === IPV6_MTU) {
    const mtu = socket.pathMtu;
    return mtu === 0 ? -ENOTCONN : number(mtu);
  }
  if ((name === IPV6_CHECKSUM || name === IPV6_HDRINCL) && socket.type !== SOCK_RAW) return -ENOPROTOOPT;
  const value = getNumber(IPV6_NUMBERS, socket.values, SOL_IPV6, name, socket);
  if (value !== undefined) return number(value);
  switch (name) {
    case IPV6_ADDRFORM:
      return socket.type === SOCK_RAW || !socket.connected ? -ENOTCONN : number(AF_INET);
    case IPV6_2292PKTOPTIONS:
      return socket.type === SOCK_STREAM ? 0 : -ENOPROTOOPT;
    case IPV6_HOPOPTS:
    case IPV6_DSTOPTS:
    case IPV6_RTHDRDSTOPTS: {
      const header = headerOf(socket, name).subarray(0, out.length);
      out.set(header);
      return header.length;
    }
    case IPV6_RTHDR:
      return 0;
    case IPV6_PATHMTU:
      return -ENOTCONN;
    case IPV6_FLOWLABEL_MGR:
      return -EINVAL;
    default:
      return name >= MRT6_FIRST && name <= MRT6_LAST ? -EOPNOTSUPP : -ENOPROTOOPT;
  }
}
