import {
  AF_INET6,
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CMSGHDR,
  EINVAL,
  ENODEV,
  EPERM,
  IP_PKTINFO,
  IP_RETOPTS,
  IP_TOS,
  IP_TTL,
  IPPROTO_UDP,
  IPV6_2292HOPLIMIT,
  IPV6_2292PKTINFO,
  IPV6_DONTFRAG,
  IPV6_DSTOPTS,
  IPV6_HOPLIMIT,
  IPV6_HOPOPTS,
  IPV6_PKTINFO,
  IPV6_RTHDR,
  IPV6_RTHDRDSTOPTS,
  IPV6_TCLASS,
  SCM_CREDENTIALS,
  SCM_RIGHTS,
  SO_MARK,
  SO_PRIORITY,
  SO_TIMESTAMPING_NEW,
  SO_TIMESTAMPING_OLD,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  UDP_SEGMENT,
} from '@sandbox/abi';
import { cmsgAlign } from '@sandbox/kernel-core/files';
import type { Task } from '@sandbox/kernel-core/process';
import { IpAddress, type SendRequest } from '@sandbox/net';
import type { InetSocket } from './socket.js';

const HEADER = CMSGHDR.SIZE;

/**
 * What sendmsg's ancillary data says about how a message is to be sent (ip(7), ipv6(7), udp(7)), into `into`.
 * 0 or -errno.
 */
export function parseControl(
  socket: InetSocket,
  t: Task,
  bytes: Uint8Array,
  length: number,
  into: SendRequest,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let at = 0;
  while (length - at >= HEADER) {
    const size = view.getUint32(at, true);
    if (view.getUint32(at + 4, true) !== 0 || size < HEADER || size > length - at) return -EINVAL;
    const level = view.getInt32(at + CMSGHDR.cmsg_level, true);
    const type = view.getInt32(at + CMSGHDR.cmsg_type, true);
    const data = { view, at: at + HEADER, size: size - HEADER };
    let r = 0;
    if (level === SOL_SOCKET) r = socketLevel(socket, t, type, data, into);
    else if (level === SOL_IP && socket.domain !== AF_INET6) r = ipLevel(socket, type, data, into);
    else if (level === SOL_IPV6 && socket.domain === AF_INET6) r = ipv6Level(socket, type, data, into);
    else if (level === SOL_UDP && socket.protocol === IPPROTO_UDP) r = udpLevel(type, data, into);
    if (r < 0) return r;
    at += cmsgAlign(size);
  }
  return 0;
}

interface Data {
  readonly view: DataView;
  readonly at: number;
  readonly size: number;
}

function int(data: Data): number {
  return data.size < 4 ? Number.NaN : data.view.getInt32(data.at, true);
}

function socketLevel(socket: InetSocket, t: Task, type: number, data: Data, into: SendRequest): number {
  switch (type) {
    case SO_MARK:
      if (!socket.network.may(t.cred, CAP_NET_RAW) && !socket.network.may(t.cred, CAP_NET_ADMIN))
        return -EPERM;
      if (data.size !== 4) return -EINVAL;
      into.mark = int(data) >>> 0;
      return 0;
    case SO_TIMESTAMPING_OLD:
    case SO_TIMESTAMPING_NEW:
    case SO_PRIORITY:
      return data.size === 4 ? 0 : -EINVAL;
    // A Unix socket's matter, passed over (__sock_cmsg_send).
    case SCM_RIGHTS:
    case SCM_CREDENTIALS:
      return 0;
    default:
      return -EINVAL;
  }
}

function ipLevel(socket: InetSocket, type: number, data: Data, into: SendRequest): number {
  const { view, at, size } = data;
  switch (type) {
    case IP_PKTINFO: {
      if (size !== 12) return -EINVAL;
      const index = view.getInt32(at, true);
      if (index !== 0) into.ifindex = index;
      const source = IpAddress.v4(view.getUint32(at + 4));
      into.from = source.isAny ? null : source;
      return 0;
    }
    case IP_TTL: {
      if (size !== 4) return -EINVAL;
      const ttl = int(data);
      if (ttl < 1 || ttl > 255) return -EINVAL;
      into.ttl = ttl;
      return 0;
    }
    case IP_TOS: {
      const tos = size === 4 ? int(data) : size === 1 ? view.getUint8(at) : -1;
      if (tos < 0 || tos > 255) return -EINVAL;
      into.tos = tos;
      return 0;
    }
    case IP_RETOPTS:
      if (size > 40) return -EINVAL;
      into.ipOptions = new Uint8Array(view.buffer, view.byteOffset + at, size).slice();
      return 0;
    default:
      return socket.protocol === -1 ? 0 : -EINVAL;
  }
}

function ipv6Level(socket: InetSocket, type: number, data: Data, into: SendRequest): number {
  const { view, at, size } = data;
  const slice = (): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + at, size).slice();
  switch (type) {
    case IPV6_PKTINFO:
    case IPV6_2292PKTINFO: {
      if (size < 20) return -EINVAL;
      const source = IpAddress.fromBytes6(slice());
      const index = view.getInt32(at + 16, true);
      if (index !== 0) {
        if (!socket.hasInterface(index)) return -ENODEV;
        into.ifindex = index;
      }
      into.from = source.isAny ? null : source;
      return 0;
    }
    case IPV6_HOPLIMIT:
    case IPV6_2292HOPLIMIT: {
      if (size !== 4) return -EINVAL;
      const hops = int(data);
      if (hops < -1 || hops > 255) return -EINVAL;
      into.ttl = hops;
      return 0;
    }
    case IPV6_TCLASS: {
      if (size !== 4) return -EINVAL;
      const tos = int(data);
      if (tos < -1 || tos > 255) return -EINVAL;
      into.tos = tos;
      return 0;
    }
    case IPV6_DONTFRAG:
      if (size !== 4 || int(data) < 0 || int(data) > 1) return -EINVAL;
      into.dontFragment = int(data);
      return 0;
    case IPV6_HOPOPTS:
      if (size < 8) return -EINVAL;
      into.hopOptions = slice();
      return 0;
    case IPV6_DSTOPTS:
    case IPV6_RTHDRDSTOPTS:
      if (size < 8) return -EINVAL;
      into.destinationOptions = slice();
      return 0;
    case IPV6_RTHDR:
      if (size < 8) return -EINVAL;
      into.routingHeader = slice();
      return 0;
    default:
      return -EINVAL;
  }
}

function udpLevel(type: number, data: Data, into: SendRequest): number {
  if (type !== UDP_SEGMENT) return 0;
  if (data.size !== 2) return -EINVAL;
  into.segment = data.view.getUint16(data.at, true);
  return 0;
}
