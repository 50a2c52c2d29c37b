import { AF_INET6, IPPROTO_TCP, TCP_CLOSE, TCP_ESTABLISHED, TCP_TIME_WAIT } from '@sandbox/abi';
import { IpAddress, TcpEndpoint } from '@sandbox/net';
import { DatagramSocket } from './inet/datagram.js';
import { TcpSocket } from './inet/tcp.js';
import type { Network } from './network.js';

/** A socket as listings show it (/proc/net/tcp, sock_diag(7)). */
export interface ListedSocket {
  readonly family: number;
  readonly protocol: number;
  readonly state: number;
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  readonly ifindex: number;
  readonly uid: number;
  /** 0: nobody has it open. */
  readonly inode: number;
  /** Bytes to be read; connections to be accepted. */
  readonly receiveQueue: number;
  /** Bytes not acknowledged; the backlog of a listener. */
  readonly sendQueue: number;
  /** 0 none, 1 retransmission, 2 keepalive, 3 TIME_WAIT, 4 zero window probe; and its ms. */
  readonly timer: number;
  readonly timerLeft: number;
  readonly retransmits: number;
  readonly drops: number;
  /** The endpoint, for more. Null: what is left of a connection. */
  readonly tcp: TcpEndpoint | null;
}

function listTcp(endpoint: TcpEndpoint, inode: number): ListedSocket {
  const { machine, backlog, state } = endpoint;
  return {
    family: endpoint.family,
    protocol: IPPROTO_TCP,
    state,
    local: endpoint.local.address,
    localPort: endpoint.local.port,
    remote: endpoint.remote.address,
    remotePort: endpoint.remote.port,
    ifindex: endpoint.options.boundInterface,
    uid: endpoint.uid,
    inode,
    receiveQueue: backlog !== null ? backlog.ready : endpoint.readable,
    sendQueue: backlog !== null ? backlog.limit : endpoint.unsent,
    timer: machine?.timerKind ?? 0,
    timerLeft: machine?.timerLeft ?? 0,
    retransmits: machine?.retransmits ?? 0,
    drops: 0,
    tcp: endpoint,
  };
}

/**
 * Every TCP socket that is listening or connected, and what is left of those that were. Unbound ones are in
 * no list.
 */
export function* tcpSockets(network: Network): Generator<ListedSocket> {
  const seen = new Set<TcpEndpoint>();
  for (const socket of network.sockets) {
    if (!(socket instanceof TcpSocket) || socket.tcp.state === TCP_CLOSE) continue;
    seen.add(socket.tcp);
    yield listTcp(socket.tcp, socket.inode.ino);
  }
  for (const flow of network.stack.tcp.flows.all()) {
    if (flow instanceof TcpEndpoint) {
      if (!seen.has(flow)) yield listTcp(flow, 0);
      continue;
    }
    yield {
      family: flow.localAddress.family,
      protocol: IPPROTO_TCP,
      state: TCP_TIME_WAIT,
      local: flow.localAddress,
      localPort: flow.localPort,
      remote: flow.remoteAddress,
      remotePort: flow.remotePort,
      ifindex: 0,
      uid: 0,
      inode: 0,
      receiveQueue: 0,
      sendQueue: 0,
      timer: 3,
      timerLeft: 0,
      retransmits: 0,
      drops: 0,
      tcp: null,
    };
  }
}

/** Datagram sockets of a protocol and type that have a name. */
export function* datagramSockets(
  network: Network,
  type: number,
  protocol: number | null,
): Generator<ListedSocket> {
  for (const socket of network.sockets) {
    if (!(socket instanceof DatagramSocket) || socket.type !== type) continue;
    if (protocol !== null && socket.protocol !== protocol) continue;
    const { datagrams } = socket;
    if (datagrams.local.port === 0 && protocol !== null) continue;
    yield {
      family: socket.domain,
      protocol: socket.protocol,
      state: datagrams.connected ? TCP_ESTABLISHED : TCP_CLOSE,
      local: datagrams.local.address,
      localPort: protocol === null ? socket.protocol : datagrams.local.port,
      remote: datagrams.remote.address,
      remotePort: datagrams.remote.port,
      ifindex: datagrams.options.boundInterface,
      uid: datagrams.uid,
      inode: socket.inode.ino,
      receiveQueue: datagrams.readable,
      sendQueue: 0,
      timer: 0,
      timerLeft: 0,
      retransmits: 0,
      drops: datagrams.drops,
      tcp: null,
    };
  }
}

/** An address in the form its family's listings have: IPv6 sockets show IPv4 ends mapped. */
export function listedAddress(address: IpAddress, family: number): IpAddress {
  if (family !== AF_INET6) return address;
  return address.isV4 && address.isAny ? IpAddress.ANY6 : address.mapped;
}
