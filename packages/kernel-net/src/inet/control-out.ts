import {
  AF_INET,
  AF_INET6,
  IP_CHECKSUM,
  IP_ORIGDSTADDR,
  IP_PKTINFO,
  IP_RECVERR,
  IP_RECVOPTS,
  IP_RETOPTS,
  IP_TOS,
  IP_TTL,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ROUTING,
  IPV6_2292DSTOPTS,
  IPV6_2292HOPLIMIT,
  IPV6_2292HOPOPTS,
  IPV6_2292PKTINFO,
  IPV6_2292RTHDR,
  IPV6_DSTOPTS,
  IPV6_FLOWINFO,
  IPV6_HOPLIMIT,
  IPV6_HOPOPTS,
  IPV6_ORIGDSTADDR,
  IPV6_PKTINFO,
  IPV6_RECVERR,
  IPV6_RTHDR,
  IPV6_TCLASS,
  MSG_ERRQUEUE,
  SCM_TIMESTAMP,
  SCM_TIMESTAMPING,
  SCM_TIMESTAMPNS,
  SO_MARK,
  SO_RCVMARK,
  SO_RXQ_OVFL,
  SO_TIMESTAMP_NEW,
  SO_TIMESTAMP_OLD,
  SO_TIMESTAMPING_NEW,
  SO_TIMESTAMPNS_NEW,
  SO_TIMESTAMPNS_OLD,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOF_TIMESTAMPING_OPT_RX_FILTER,
  SOF_TIMESTAMPING_RX_SOFTWARE,
  SOF_TIMESTAMPING_SOFTWARE,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_TCP,
  TCP_CM_INQ,
} from '@sandbox/abi';
import type { ControlWriter, ReceiveMessage } from '@sandbox/kernel-core/files';
import type { Task } from '@sandbox/kernel-core/process';
import type { IpAddress, ReceiveRequest } from '@sandbox/net';
import type { ControlFlags } from './control-flags.js';
import type { InetSocket } from './socket.js';

/** `struct scm_timestamping`: three times. */
const STAMPS_SIZE = 48;

const bytes = new Uint8Array(64);
const view = new DataView(bytes.buffer);

/**
 * Everything that is known of the message received last and that the socket's options ask for, in Linux's
 * order.
 */
export function writeControl(
  socket: InetSocket,
  request: ReceiveRequest,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
): void {
  writeTime(socket, request, t, writer, message);
  if (socket.options.get(SO_RXQ_OVFL) === 1 && request.dropped > 0)
    writer.putU32(t, message, SOL_SOCKET, SO_RXQ_OVFL, request.dropped);
  if (socket.options.get(SO_RCVMARK) === 1) writer.putU32(t, message, SOL_SOCKET, SO_MARK, 0);
  const { control } = socket;
  if (control.inq) {
    writer.putU32(t, message, SOL_TCP, TCP_CM_INQ, socket.endpoint.readable);
    return;
  }
  if (socket.domain === AF_INET6 && !isMapped(request.to.address))
    write6(socket, request, t, writer, message);
  else write4(socket, request, t, writer, message);
  if ((message.flags & MSG_ERRQUEUE) !== 0) writeError(socket, request, t, writer, message);
}

function isMapped(address: IpAddress): boolean {
  return address.isV4 || address.isMapped;
}

/** SO_TIMESTAMP, SO_TIMESTAMPNS and SO_TIMESTAMPING: CLOCK_REALTIME at which it came in. */
function writeTime(
  socket: InetSocket,
  request: ReceiveRequest,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
): void {
  const { options } = socket;
  const nanoseconds = options.get(SO_TIMESTAMPNS_OLD) === 1 || options.get(SO_TIMESTAMPNS_NEW) === 1;
  const told = nanoseconds || options.get(SO_TIMESTAMP_OLD) === 1 || options.get(SO_TIMESTAMP_NEW) === 1;
  // Packets get times only while somebody asks for them.
  const asks =
    (options.stamping & SOF_TIMESTAMPING_RX_SOFTWARE) !== 0 ||
    (told && (options.stamping & SOF_TIMESTAMPING_OPT_RX_FILTER) === 0);
  const stamped = (options.stamping & SOF_TIMESTAMPING_SOFTWARE) !== 0 && asks;
  if (!told && !stamped) return;
  const { clock } = t.kernel;
  let sec = clock.realtimeSec();
  let nsec = clock.realtimeNsec - Math.max(0, clock.monotonic() - request.time * 1e6);
  while (nsec < 0) {
    sec--;
    nsec += 1e9;
  }
  view.setUint32(0, sec >>> 0, true);
  view.setUint32(4, Math.floor(sec / 4294967296), true);
  view.setUint32(8, nanoseconds ? Math.floor(nsec) : Math.floor(nsec / 1000), true);
  view.setUint32(12, 0, true);
  if (told) tellTime(socket, nanoseconds, t, writer, message);
  if (!stamped) return;
  // The software's, one that is no longer used, and the device's.
  view.setUint32(8, Math.floor(nsec), true);
  bytes.fill(0, 16, STAMPS_SIZE);
  const type = options.stampingIsNew ? SO_TIMESTAMPING_NEW : SCM_TIMESTAMPING;
  writer.putBytes(t, message, SOL_SOCKET, type, bytes, STAMPS_SIZE);
}

function tellTime(
  socket: InetSocket,
  nanoseconds: boolean,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
): void {
  const { options } = socket;
  const fresh = options.get(nanoseconds ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMP_NEW) === 1;
  const old = nanoseconds ? SCM_TIMESTAMPNS : SCM_TIMESTAMP;
  const type = fresh ? (nanoseconds ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMP_NEW) : old;
  writer.putBytes(t, message, SOL_SOCKET, type, bytes, 16);
}

function write4(
  socket: InetSocket,
  request: ReceiveRequest,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
): void {
  const { control } = socket;
  if (control.pktInfo) {
    view.setInt32(0, request.ifindex, true);
    (request.local ?? request.to.address).unmapped.toBytes(bytes, 4);
    request.to.address.unmapped.toBytes(bytes, 8);
    writer.putBytes(t, message, SOL_IP, IP_PKTINFO, bytes, 12);
  }
  if (control.ttl) writer.putU32(t, message, SOL_IP, IP_TTL, request.ttl);
  if (control.tos) {
    bytes[0] = request.tos;
    writer.putBytes(t, message, SOL_IP, IP_TOS, bytes, 1);
  }
  if (control.options && request.ipOptions.length > 0)
    writer.putBytes(t, message, SOL_IP, IP_RECVOPTS, request.ipOptions);
  if (control.returnOptions && request.ipOptions.length > 0)
    writer.putBytes(t, message, SOL_IP, IP_RETOPTS, request.ipOptions);
  if (control.originalDestination) {
    store4(request.to.address, request.to.port);
    writer.putBytes(t, message, SOL_IP, IP_ORIGDSTADDR, bytes, SOCKADDR_IN.SIZE);
  }
  if (control.checksum) writer.putU32(t, message, SOL_IP, IP_CHECKSUM, 0);
  // A mapped message on an IPv6 socket tells of these in IPv6's terms.
  if (control.pktInfo6) writePktInfo6(request, t, writer, message, IPV6_PKTINFO);
}

function write6(
  socket: InetSocket,
  request: ReceiveRequest,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
): void {
  const { control } = socket;
  if (control.pktInfo6) writePktInfo6(request, t, writer, message, IPV6_PKTINFO);
  if (control.hopLimit6) writer.putU32(t, message, SOL_IPV6, IPV6_HOPLIMIT, request.ttl);
  if (control.trafficClass6) writer.putU32(t, message, SOL_IPV6, IPV6_TCLASS, request.tos);
  if (control.flowInfo6 && request.flowInfo !== 0) {
    view.setUint32(0, request.flowInfo);
    writer.putBytes(t, message, SOL_IPV6, IPV6_FLOWINFO, bytes, 4);
  }
  const headers = control.headers6 && request.ipOptions.length > 0;
  if (headers) writeHeaders(request, t, writer, message, (next) => headerType(control, next));
  if (control.oldPktInfo6) writePktInfo6(request, t, writer, message, IPV6_2292PKTINFO);
  if (control.oldHopLimit6) writer.putU32(t, message, SOL_IPV6, IPV6_2292HOPLIMIT, request.ttl);
  if (headers) writeHeaders(request, t, writer, message, (next) => oldHeaderType(control, next));
  if (control.originalDestination6) {
    store6(request.to.address, request.to.port);
    writer.putBytes(t, message, SOL_IPV6, IPV6_ORIGDSTADDR, bytes, SOCKADDR_IN6.SIZE);
  }
}

/** What the ancillary data of an extension header is called where its reader wants it; 0: he does not. */
function headerType(control: Readonly<ControlFlags>, next: number): number {
  if (next === IPPROTO_HOPOPTS) return control.hopOptions6 ? IPV6_HOPOPTS : 0;
  if (next === IPPROTO_DSTOPTS) return control.destinationOptions6 ? IPV6_DSTOPTS : 0;
  return next === IPPROTO_ROUTING && control.routing6 ? IPV6_RTHDR : 0;
}

/** The same in the names of RFC 2292. */
function oldHeaderType(control: Readonly<ControlFlags>, next: number): number {
  if (next === IPPROTO_HOPOPTS) return control.oldHopOptions6 ? IPV6_2292HOPOPTS : 0;
  if (next === IPPROTO_DSTOPTS) return control.oldDestinationOptions6 ? IPV6_2292DSTOPTS : 0;
  return next === IPPROTO_ROUTING && control.oldRouting6 ? IPV6_2292RTHDR : 0;
}

/** The extension headers that are wanted, in the order they came in (RFC 3542 section 4). */
function writeHeaders(
  request: ReceiveRequest,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
  typeOf: (next: number) => number,
): void {
  const headers = request.ipOptions;
  let next = request.firstHeader;
  for (let at = 0; at + 8 <= headers.length; ) {
    const size = next === IPPROTO_FRAGMENT ? 8 : Math.min((headers[at + 1]! + 1) * 8, headers.length - at);
    const type = typeOf(next);
    if (type !== 0) writer.putBytes(t, message, SOL_IPV6, type, headers.subarray(at, at + size));
    next = headers[at]!;
    at += size;
  }
}

function writePktInfo6(
  request: ReceiveRequest,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
  type: number,
): void {
  request.to.address.mapped.toBytes(bytes, 0);
  view.setInt32(16, request.ifindex, true);
  writer.putBytes(t, message, SOL_IPV6, type, bytes, 20);
}

function store4(address: IpAddress, port: number, at = 0): void {
  bytes.fill(0, at, at + SOCKADDR_IN.SIZE);
  view.setUint16(at, AF_INET, true);
  view.setUint16(at + 2, port);
  address.unmapped.toBytes(bytes, at + 4);
}

function store6(address: IpAddress, port: number, at = 0): void {
  bytes.fill(0, at, at + SOCKADDR_IN6.SIZE);
  view.setUint16(at, AF_INET6, true);
  view.setUint16(at + 2, port);
  address.mapped.toBytes(bytes, at + 8);
}

/** struct sock_extended_err and the address of whoever told of the error (IP_RECVERR). */
function writeError(
  socket: InetSocket,
  request: ReceiveRequest,
  t: Task,
  writer: ControlWriter,
  message: ReceiveMessage,
): void {
  const { error } = request;
  if (error === null) return;
  view.setUint32(0, error.errno, true);
  bytes[4] = error.origin;
  bytes[5] = error.type;
  bytes[6] = error.code;
  bytes[7] = 0;
  view.setUint32(8, error.info >>> 0, true);
  view.setUint32(12, error.data >>> 0, true);
  if (socket.domain === AF_INET) {
    if (error.offender === null) bytes.fill(0, 16, 32);
    else store4(error.offender, 0, 16);
    writer.putBytes(t, message, SOL_IP, IP_RECVERR, bytes, 32);
  } else {
    if (error.offender === null) bytes.fill(0, 16, 44);
    else store6(error.offender, 0, 16);
    writer.putBytes(t, message, SOL_IPV6, IPV6_RECVERR, bytes, 44);
  }
}
