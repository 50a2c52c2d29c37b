/** Vectors, ready sets, socket addresses, messages. */
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  CMSGHDR,
  EPOLL_EVENT,
  IOVEC,
  MSGHDR,
  POLLFD,
  SCM_RIGHTS,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOCKADDR_NL,
  SOL_SOCKET,
} from '@sandbox/abi';
import { type Call, hex64, num64, pointer, structAt } from './call.js';
import { bits, except, hex, named, oneOf } from './names.js';
import { latin1, quote, untilNul } from './text.js';

/** Most elements shown of an array. */
const MAX_ELEMENTS = 32;

/** `count` elements of `size` bytes each, in brackets. */
function array(
  c: Call,
  addr: number,
  count: number,
  size: number,
  print: (view: DataView, offset: number) => string | null,
): string {
  if (count === 0) return '[]';
  const shown = Math.min(count, MAX_ELEMENTS);
  return structAt(c, addr, shown * size, (v) => {
    const parts: string[] = [];
    for (let k = 0; k < shown; k++) {
      const text = print(v, k * size);
      if (text !== null) parts.push(text);
    }
    if (count > shown) parts.push('...');
    return `[${parts.join(', ')}]`;
  });
}

/** An array of `int` (descriptors, group ids). */
export function ints(c: Call, addr: number, count: number): string {
  return array(c, addr, count, 4, (v, k) => String(v.getInt32(k, true)));
}

/** An iovec array; `moved` bounds what is shown of the bytes (what a read got). */
export function iovec(c: Call, addr: number, count: number, moved = Number.POSITIVE_INFINITY): string {
  let left = moved;
  return array(c, addr, count, IOVEC.SIZE, (v, k) => {
    const base = num64(v, k + IOVEC.iov_base);
    const length = num64(v, k + IOVEC.iov_len);
    const shown = Math.min(length, left);
    left -= shown;
    return `{iov_base=${c.buffer(base, shown)}, iov_len=${length}}`;
  });
}

const POLL_EVENTS = named('POLL', (name) => !name.includes('_') && name !== 'POLLREMOVE');

export function pollfds(c: Call, addr: number, count: number): string {
  return array(c, addr, count, POLLFD.SIZE, (v, k) => {
    const fd = v.getInt32(k + POLLFD.fd, true);
    if (fd < 0) return `{fd=${fd}}`;
    return `{fd=${fd}, events=${bits(POLL_EVENTS, v.getUint16(k + POLLFD.events, true))}}`;
  });
}

/** Those that are ready. */
export function readyPollfds(c: Call, addr: number, count: number): string {
  return array(c, addr, count, POLLFD.SIZE, (v, k) => {
    const revents = v.getUint16(k + POLLFD.revents, true);
    return revents === 0
      ? null
      : `{fd=${v.getInt32(k + POLLFD.fd, true)}, revents=${bits(POLL_EVENTS, revents)}}`;
  });
}

const EPOLL_EVENTS = named('EPOLL', (name) => !name.includes('_'));

function epollEvent(v: DataView, k: number): string {
  const events = bits(EPOLL_EVENTS, v.getUint32(k + EPOLL_EVENT.events, true));
  return `{events=${events}, data=${hex64(v, k + EPOLL_EVENT.data)}}`;
}

export function oneEpollEvent(c: Call, i: number): string {
  return structAt(c, c.u64(i), EPOLL_EVENT.SIZE, (v) => epollEvent(v, 0));
}
export function epollEvents(c: Call, addr: number, count: number): string {
  return array(c, addr, count, EPOLL_EVENT.SIZE, epollEvent);
}

/** The descriptors in an fd_set below `nfds`. */
export function fdset(c: Call, addr: number, nfds: number): string {
  if (addr === 0) return 'NULL';
  const count = Math.max(0, Math.min(nfds, 1024));
  return structAt(c, addr, Math.ceil(count / 64) * 8, (v) => {
    const fds: number[] = [];
    for (let fd = 0; fd < count; fd++) if ((v.getUint8(fd >> 3) & (1 << (fd & 7))) !== 0) fds.push(fd);
    return `[${fds.join(' ')}]`;
  });
}

// Sockets ---------------------------------------------------------------------------------------------------

export const FAMILIES = named('AF_', except('AF_MAX', 'AF_LOCAL', 'AF_FILE', 'AF_ROUTE'));

/** A socket address of `length` bytes. */
export function sockaddr(c: Call, addr: number, length: number): string {
  if (addr === 0) return 'NULL';
  const bytes = length < 2 ? null : c.bytes(addr, Math.min(length, 128));
  if (bytes === null) return pointer(addr);
  const v = new DataView(bytes.buffer);
  const family = v.getUint16(0, true);
  return `{sa_family=${oneOf(FAMILIES, family)}${addressFields(family, bytes, v)}}`;
}

function addressFields(family: number, bytes: Uint8Array, v: DataView): string {
  if (family === AF_UNIX) return bytes.length > 2 ? `, sun_path=${unixPath(bytes.subarray(2))}` : '';
  if (family === AF_INET && bytes.length >= SOCKADDR_IN.SIZE) {
    const address = [0, 1, 2, 3].map((k) => bytes[SOCKADDR_IN.sin_addr + k]).join('.');
    return `, sin_port=htons(${v.getUint16(SOCKADDR_IN.sin_port)}), sin_addr=inet_addr("${address}")`;
  }
  if (family === AF_INET6 && bytes.length >= SOCKADDR_IN6.SIZE) {
    const words = Array.from({ length: 8 }, (_, k) => v.getUint16(SOCKADDR_IN6.sin6_addr + 2 * k));
    return `, sin6_port=htons(${v.getUint16(SOCKADDR_IN6.sin6_port)}), sin6_flowinfo=htonl(${v.getUint32(SOCKADDR_IN6.sin6_flowinfo)}), inet_pton(AF_INET6, "${ipv6(words)}", &sin6_addr), sin6_scope_id=${v.getUint32(SOCKADDR_IN6.sin6_scope_id, true)}`;
  }
  if (family === AF_NETLINK && bytes.length >= SOCKADDR_NL.SIZE) {
    const groups = v.getUint32(SOCKADDR_NL.nl_groups, true).toString(16).padStart(8, '0');
    return `, nl_pid=${v.getUint32(SOCKADDR_NL.nl_pid, true)}, nl_groups=${groups}`;
  }
  return `, sa_data=${quote(latin1(bytes.subarray(2)))}`;
}

function unixPath(path: Uint8Array): string {
  return path[0] === 0 ? `@${quote(latin1(path.subarray(1)))}` : quote(untilNul(path));
}

/** Eight words, the longest run of zeros (two at least) as '::'. */
function ipv6(words: number[]): string {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (part: number[]): string => part.map((w) => w.toString(16)).join(':');
  if (best.start < 0) return text(words);
  return `${text(words.slice(0, best.start))}::${text(words.slice(best.start + best.length))}`;
}

const MESSAGE_FLAGS = named(
  'MSG_',
  (name) => name !== 'MSG_TRYHARD' && !/RMID|STAT|INFO|EXCEPT|COPY/.test(name),
);
export const messageFlags = (value: number): string => bits(MESSAGE_FLAGS, value);

/** A msghdr; for a received one `moved` bounds the bytes shown. */
export function msghdr(c: Call, addr: number, moved = Number.POSITIVE_INFINITY): string {
  return structAt(c, addr, MSGHDR.SIZE, (v) => {
    const name = num64(v, MSGHDR.msg_name);
    const length = v.getUint32(MSGHDR.msg_namelen, true);
    const count = num64(v, MSGHDR.msg_iovlen);
    const control = num64(v, MSGHDR.msg_control);
    const controlLength = num64(v, MSGHDR.msg_controllen);
    const parts = [
      `msg_name=${sockaddr(c, name, length)}`,
      `msg_namelen=${length}`,
      `msg_iov=${iovec(c, num64(v, MSGHDR.msg_iov), count, moved)}`,
      `msg_iovlen=${count}`,
    ];
    if (control !== 0 && controlLength > 0)
      parts.push(`msg_control=${controlMessages(c, control, controlLength)}`);
    parts.push(
      `msg_controllen=${controlLength}`,
      `msg_flags=${messageFlags(v.getUint32(MSGHDR.msg_flags, true))}`,
    );
    return `{${parts.join(', ')}}`;
  });
}

function controlMessages(c: Call, addr: number, length: number): string {
  const bytes = c.bytes(addr, Math.min(length, 4096));
  if (bytes === null) return pointer(addr);
  const v = new DataView(bytes.buffer);
  const parts: string[] = [];
  for (let k = 0; k + CMSGHDR.SIZE <= bytes.length && parts.length < MAX_ELEMENTS; ) {
    const size = num64(v, k + CMSGHDR.cmsg_len);
    if (size < CMSGHDR.SIZE || k + size > bytes.length) break;
    const level = v.getInt32(k + CMSGHDR.cmsg_level, true);
    const type = v.getInt32(k + CMSGHDR.cmsg_type, true);
    const rights = level === SOL_SOCKET && type === SCM_RIGHTS;
    const data: number[] = [];
    for (let d = k + CMSGHDR.SIZE; rights && d + 4 <= k + size; d += 4) data.push(v.getInt32(d, true));
    const tail = rights ? `, cmsg_data=[${data.join(', ')}]` : '';
    parts.push(
      `{cmsg_len=${size}, cmsg_level=${level === SOL_SOCKET ? 'SOL_SOCKET' : hex(level)}, cmsg_type=${level === SOL_SOCKET ? oneOf(SCM, type) : hex(type)}${tail}}`,
    );
    k += Math.ceil(size / 8) * 8;
  }
  return `[${parts.join(', ')}]`;
}

const SCM = named('SCM_', (name) => !/OPT|PKT/.test(name));
