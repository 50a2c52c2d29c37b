import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  EACCES,
  EAFNOSUPPORT,
  EINVAL,
  IPPROTO_TCP,
  type LANDLOCK_ACCESS_NET_BIND_TCP,
  LANDLOCK_ACCESS_NET_CONNECT_TCP,
  SOCK_STREAM,
} from '@sandbox/abi';
import type { LandlockDomain } from '../../process/landlock/domain.js';
import { LayerMasks } from '../../process/landlock/layers.js';
import type { SocketAddress } from './address.js';
import type { SocketFile } from './socket-file.js';

const SOCKADDR_IN_SIZE = 16;
/** A sockaddr_in6 without its scope, which RFC 2133 did not know yet. */
const SOCKADDR_IN6_MIN = 24;

const masks = new LayerMasks();

/**
 * May `domain` use `socket` with this address (current_check_access_socket)? It is about TCP alone, and about
 * ports. 0, or -EACCES, and what bind and connect would find wrong with the address.
 */
export function checkSocket(
  domain: LandlockDomain | null,
  socket: SocketFile,
  address: SocketAddress,
  access: typeof LANDLOCK_ACCESS_NET_BIND_TCP | typeof LANDLOCK_ACCESS_NET_CONNECT_TCP,
): number {
  if (domain === null || !domain.net.some((bits) => bits !== 0)) return 0;
  const family = socket.domain;
  if ((family !== AF_INET && family !== AF_INET6) || socket.type !== SOCK_STREAM) return 0;
  if (socket.protocol !== IPPROTO_TCP) return 0;
  if (address.length < 2) return -EINVAL;
  const given = address.family;
  if (given === AF_UNSPEC) {
    // It ends a connection, which is always allowed; as a name it stands for 0.0.0.0.
    if (access === LANDLOCK_ACCESS_NET_CONNECT_TCP) return 0;
    const size = family === AF_INET ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_MIN;
    if (address.length < size) return -EINVAL;
    if (family !== AF_INET || address.bytes.subarray(4, 8).some((b) => b !== 0)) return -EAFNOSUPPORT;
  } else if (given === AF_INET) {
    if (address.length < SOCKADDR_IN_SIZE) return -EINVAL;
  } else if (given === AF_INET6) {
    if (address.length < SOCKADDR_IN6_MIN) return -EINVAL;
  } else return 0;
  if (given !== family && given !== AF_UNSPEC) return -EINVAL;
  const port = (address.bytes[2]! << 8) | address.bytes[3]!;
  const asked = masks.init(domain.net, access);
  return masks.grant(domain.table.forPort(port), asked) ? 0 : -EACCES;
}
