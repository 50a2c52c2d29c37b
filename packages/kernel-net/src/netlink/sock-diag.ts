import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  EINVAL,
  ENOENT,
  ESTALE,
  INET_DIAG_CONG,
  INET_DIAG_INFO,
  INET_DIAG_MEMINFO,
  INET_DIAG_SHUTDOWN,
  INET_DIAG_SKMEMINFO,
  INET_DIAG_SKV6ONLY,
  IPPROTO_TCP,
  IPPROTO_UDP,
  major,
  minor,
  NLM_F_DUMP,
  SOCK_DGRAM,
  SOCK_DIAG_BY_FAMILY,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  UDIAG_SHOW_ICONS,
  UDIAG_SHOW_NAME,
  UDIAG_SHOW_PEER,
  UDIAG_SHOW_RQLEN,
  UDIAG_SHOW_UID,
  UDIAG_SHOW_VFS,
  UNIX_DIAG_ICONS,
  UNIX_DIAG_NAME,
  UNIX_DIAG_PEER,
  UNIX_DIAG_RQLEN,
  UNIX_DIAG_SHUTDOWN,
  UNIX_DIAG_UID,
  UNIX_DIAG_VFS,
} from '@sandbox/abi';
import { STATE_ESTABLISHED, STATE_LISTEN, type UnixSocket } from '@sandbox/kernel-core/files';
import { unixSockets } from '@sandbox/kernel-core/views';
import { type NetlinkWriter, type TcpInfo, u16At, u32At } from '@sandbox/net';
import { datagramSockets, type ListedSocket, listedAddress, tcpSockets } from '../connections.js';
import { storeTcpInfo } from '../inet/tcp-info.js';
import type { Network } from '../network.js';
import type { NetlinkReply, NetlinkRequest, NetlinkService } from './domain.js';

/** struct inet_diag_req_v2, struct inet_diag_msg and the struct inet_diag_sockid in both. */
const REQUEST_SIZE = 56;
const MESSAGE_SIZE = 72;
const ID_AT = 4;
const UNIX_REQUEST_SIZE = 24;
const UNIX_MESSAGE_SIZE = 16;
const NO_COOKIE = 0xffffffff;

const info = new Uint8Array(512);

/** NETLINK_SOCK_DIAG (sock_diag(7)): lists of sockets, for ss(8). */
export class SockDiagService implements NetlinkService {
  constructor(private readonly network: Network) {}

  serve(request: NetlinkRequest, reply: NetlinkReply): number {
    if (request.type !== SOCK_DIAG_BY_FAMILY) return -EINVAL;
    if (request.payload.length < 2) return -EINVAL;
    const family = request.payload[0]!;
    if (family === AF_INET || family === AF_INET6) return this.inet(request, reply, family);
    if (family === AF_UNIX) return this.unix(request, reply);
    return -ENOENT;
  }

  private sockets(protocol: number): Iterable<ListedSocket> | null {
    if (protocol === IPPROTO_TCP) return tcpSockets(this.network);
    if (protocol === IPPROTO_UDP) return datagramSockets(this.network, SOCK_DGRAM, IPPROTO_UDP);
    return null;
  }

  private inet(request: NetlinkRequest, reply: NetlinkReply, family: number): number {
    const { payload } = request;
    if (payload.length < REQUEST_SIZE) return -EINVAL;
    const sockets = this.sockets(payload[1]!);
    if (sockets === null) return -ENOENT;
    const extensions = payload[2]!;
    const states = u32At(payload, 4);
    if ((request.flags & NLM_F_DUMP) === 0) return this.one(request, reply, family, sockets, extensions);
    const port = be16(payload, 8);
    const peerPort = be16(payload, 10);
    reply.dump();
    for (const socket of sockets) {
      if (socket.family !== family || (states & (1 << socket.state)) === 0) continue;
      if (port !== 0 && socket.localPort !== port) continue;
      if (peerPort !== 0 && socket.remotePort !== peerPort) continue;
      write(reply.begin(SOCK_DIAG_BY_FAMILY), socket, extensions);
      reply.end();
    }
    return 0;
  }

  private one(
    request: NetlinkRequest,
    reply: NetlinkReply,
    family: number,
    sockets: Iterable<ListedSocket>,
    extensions: number,
  ): number {
    const { payload } = request;
    const cookie = u32At(payload, 48);
    for (const socket of sockets) {
      if (socket.family !== family || socket.localPort !== be16(payload, 8)) continue;
      if (socket.state !== TCP_LISTEN && socket.remotePort !== be16(payload, 10)) continue;
      if (cookie !== NO_COOKIE && cookie !== socket.inode) continue;
      write(reply.begin(SOCK_DIAG_BY_FAMILY), socket, extensions);
      reply.end();
      return 0;
    }
    return -ENOENT;
  }

  private unix(request: NetlinkRequest, reply: NetlinkReply): number {
    const { payload } = request;
    if (payload.length < UNIX_REQUEST_SIZE) return -EINVAL;
    const states = u32At(payload, 4);
    const show = u32At(payload, 12);
    const sockets = unixSockets(this.network.kernel, this.network.ns);
    if ((request.flags & NLM_F_DUMP) !== 0) {
      reply.dump();
      for (const socket of sockets) {
        if ((states & (1 << unixState(socket))) !== 0) writeUnix(reply, socket, show);
      }
      return 0;
    }
    const wanted = u32At(payload, 8);
    const cookie = u32At(payload, 16);
    if (wanted === 0) return -EINVAL;
    for (const socket of sockets) {
      if (socket.inode.ino !== wanted) continue;
      if (cookie !== NO_COOKIE && cookie !== wanted) return -ESTALE;
      writeUnix(reply, socket, show);
      return 0;
    }
    return -ENOENT;
  }
}

/** As TCP's states. */
function unixState(socket: UnixSocket): number {
  if (socket.state === STATE_LISTEN) return TCP_LISTEN;
  return socket.state === STATE_ESTABLISHED ? TCP_ESTABLISHED : TCP_CLOSE;
}

/** struct unix_diag_msg, and what `show` (UDIAG_SHOW_*) asks for. */
function writeUnix(reply: NetlinkReply, socket: UnixSocket, show: number): void {
  const w = reply.begin(SOCK_DIAG_BY_FAMILY);
  const at = w.header(UNIX_MESSAGE_SIZE);
  const { ino } = socket.inode;
  w.set8(at, AF_UNIX);
  w.set8(at + 1, socket.type);
  w.set8(at + 2, unixState(socket));
  w.set32(at + 4, ino);
  w.set32(at + 8, ino);
  const name = socket.boundName;
  if ((show & UDIAG_SHOW_NAME) !== 0 && name !== null) {
    const shown = name.charCodeAt(0) === 0 ? name : name.replace(/\0.*$/s, '');
    w.data(UNIX_DIAG_NAME, Buffer.from(shown, 'latin1'));
  }
  const where = socket.boundAt;
  if ((show & UDIAG_SHOW_VFS) !== 0 && where !== null) {
    const vfs = w.attribute(UNIX_DIAG_VFS, 8);
    w.set32(vfs, where.ino);
    // The kernel's own form of a device number: 12 bits of major, 20 of minor.
    w.set32(vfs + 4, (major(where.dev) << 20) | minor(where.dev));
  }
  if ((show & UDIAG_SHOW_PEER) !== 0 && socket.peer !== null) w.u32(UNIX_DIAG_PEER, socket.peer.inode.ino);
  const { arrivals } = socket;
  const listens = socket.state === STATE_LISTEN;
  if ((show & UDIAG_SHOW_ICONS) !== 0 && listens) {
    const list = w.attribute(UNIX_DIAG_ICONS, arrivals.length * 4);
    arrivals.forEach((end, i) => {
      w.set32(list + i * 4, end.peer?.inode.ino ?? 0);
    });
  }
  if ((show & UDIAG_SHOW_RQLEN) !== 0) {
    const lengths = w.attribute(UNIX_DIAG_RQLEN, 8);
    w.set32(lengths, listens ? arrivals.length : socket.toReceive);
    w.set32(lengths + 4, listens ? socket.arrivalsLimit : socket.sent);
  }
  w.u8(UNIX_DIAG_SHUTDOWN, socket.shutdownMask);
  if ((show & UDIAG_SHOW_UID) !== 0) w.u32(UNIX_DIAG_UID, socket.inode.uid);
  reply.end();
}

function be16(bytes: Uint8Array, at: number): number {
  const v = u16At(bytes, at);
  return ((v & 0xff) << 8) | (v >> 8);
}

/** struct inet_diag_msg, and what `extensions` (bit n - 1 for INET_DIAG n) ask for. */
function write(w: NetlinkWriter, socket: ListedSocket, extensions: number): void {
  const at = w.header(MESSAGE_SIZE);
  w.set8(at, socket.family);
  w.set8(at + 1, socket.state);
  w.set8(at + 2, socket.timer);
  w.set8(at + 3, socket.retransmits);
  w.setBe16(at + ID_AT, socket.localPort);
  w.setBe16(at + ID_AT + 2, socket.remotePort);
  listedAddress(socket.local, socket.family).toBytes(w.bytes, at + ID_AT + 4);
  listedAddress(socket.remote, socket.family).toBytes(w.bytes, at + ID_AT + 20);
  w.set32(at + ID_AT + 36, socket.ifindex);
  w.set32(at + ID_AT + 40, socket.inode);
  w.set32(at + 52, Math.max(0, Math.round(socket.timerLeft)));
  w.set32(at + 56, socket.receiveQueue);
  w.set32(at + 60, socket.sendQueue);
  w.set32(at + 64, socket.uid);
  w.set32(at + 68, socket.inode);
  const wants = (extension: number): boolean => (extensions & (1 << (extension - 1))) !== 0;
  w.u8(INET_DIAG_SHUTDOWN, 0);
  if (socket.family === AF_INET6) w.u8(INET_DIAG_SKV6ONLY, socket.tcp?.options.v6Only === true ? 1 : 0);
  if (wants(INET_DIAG_MEMINFO)) w.attribute(INET_DIAG_MEMINFO, 16);
  if (wants(INET_DIAG_SKMEMINFO)) {
    const memory = w.attribute(INET_DIAG_SKMEMINFO, 36);
    w.set32(memory + 4, socket.tcp?.tcp.receiveBuffer ?? 0);
    w.set32(memory + 12, socket.tcp?.tcp.sendBuffer ?? 0);
    w.set32(memory + 32, socket.drops);
  }
  if (socket.tcp === null) return;
  if (wants(INET_DIAG_INFO)) {
    const fields: TcpInfo = {};
    socket.tcp.info(fields);
    info.fill(0);
    w.data(INET_DIAG_INFO, info.subarray(0, storeTcpInfo(fields, info)));
  }
  if (wants(INET_DIAG_CONG)) w.string(INET_DIAG_CONG, socket.tcp.tcp.congestion);
}
