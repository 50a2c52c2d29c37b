import { AF_INET, AF_INET6, AF_UNSPEC, EAFNOSUPPORT, EINVAL, SOCKADDR_IN, SOCKADDR_IN6 } from '@sandbox/abi';
import type { SocketAddress } from '@sandbox/kernel-core/files';
import { IpAddress, type SocketAddress as NetAddress } from '@sandbox/net';

/** Without sin6_scope_id, as RFC 2133 had it (SIN6_LEN_RFC2133). */
const SIN6_OLD_SIZE = 24;

/** The bytes of a struct sockaddr_in. `length` has been checked. */
function read4(from: SocketAddress, into: NetAddress): void {
  const b = from.bytes;
  into.set(IpAddress.fromBytes4(b, SOCKADDR_IN.sin_addr), (b[2]! << 8) | b[3]!);
}

function read6(from: SocketAddress, into: NetAddress): void {
  const b = from.bytes;
  const address = IpAddress.fromBytes6(b, SOCKADDR_IN6.sin6_addr);
  const scope =
    from.length >= SOCKADDR_IN6.SIZE ? (b[24]! | (b[25]! << 8) | (b[26]! << 16) | (b[27]! << 24)) >>> 0 : 0;
  const flow = ((b[4]! << 24) | (b[5]! << 16) | (b[6]! << 8) | b[7]!) >>> 0;
  into.set(address, (b[2]! << 8) | b[3]!, scope, flow & 0x0fffffff);
}

/**
 * A socket address a caller gave for bind(2), of a socket of `domain`. 0, -EINVAL (too short), -EAFNOSUPPORT.
 * IPv4 takes AF_UNSPEC for the wildcard, as programs of old have it (inet_bind).
 */
export function readBindAddress(domain: number, from: SocketAddress, into: NetAddress): number {
  const { family } = from;
  if (domain === AF_INET) {
    if (from.length < SOCKADDR_IN.SIZE) return -EINVAL;
    read4(from, into);
    if (family !== AF_INET && !(family === AF_UNSPEC && into.address.isAny)) return -EAFNOSUPPORT;
    return 0;
  }
  if (from.length < SIN6_OLD_SIZE) return -EINVAL;
  if (family !== AF_INET6) return -EAFNOSUPPORT;
  read6(from, into);
  return 0;
}

/**
 * A destination for connect(2): 0, -EINVAL, -EAFNOSUPPORT. IPv6 datagram sockets (`mixed`) take IPv4 ones,
 * too.
 */
export function readPeerAddress(
  domain: number,
  mixed: boolean,
  from: SocketAddress,
  into: NetAddress,
): number {
  const { family } = from;
  if (domain === AF_INET) {
    if (from.length < SOCKADDR_IN.SIZE) return -EINVAL;
    if (family !== AF_INET) return -EAFNOSUPPORT;
    read4(from, into);
    return 0;
  }
  if (mixed && family === AF_INET) {
    if (from.length < SOCKADDR_IN.SIZE) return -EINVAL;
    read4(from, into);
    into.address = into.address.mapped;
    return 0;
  }
  if (from.length < SIN6_OLD_SIZE) return -EINVAL;
  if (family !== AF_INET6) return -EAFNOSUPPORT;
  read6(from, into);
  return 0;
}

/** Write `from` as a socket of `domain` shows it: IPv4 addresses mapped on an IPv6 one. */
export function writeAddress(domain: number, from: NetAddress, into: SocketAddress): void {
  const b = into.bytes;
  into.setFamily(domain);
  b[2] = from.port >>> 8;
  b[3] = from.port;
  if (domain === AF_INET) {
    writeBytes4(from.address, b, SOCKADDR_IN.sin_addr);
    b.fill(0, 8, SOCKADDR_IN.SIZE);
    into.length = SOCKADDR_IN.SIZE;
    return;
  }
  const flow = from.flowInfo;
  b[4] = flow >>> 24;
  b[5] = flow >>> 16;
  b[6] = flow >>> 8;
  b[7] = flow;
  from.address.mapped.toBytes(b, SOCKADDR_IN6.sin6_addr);
  const scope = from.scopeId;
  b[24] = scope;
  b[25] = scope >>> 8;
  b[26] = scope >>> 16;
  b[27] = scope >>> 24;
  into.length = SOCKADDR_IN6.SIZE;
}

function writeBytes4(address: IpAddress, bytes: Uint8Array, at: number): void {
  address.unmapped.toBytes(bytes, at);
}
