import { AF_INET, AF_INET6 } from '@sandbox/abi';
import {
  BytesSink,
  BytesSource,
  ReceiveRequest,
  SendRequest,
  SocketAddress,
  type TcpEndpoint,
} from '@sandbox/net';
import type { Network } from '../../net/network.js';
import type { EndName, EndpointIo, GuestSocket } from './guest-socket.js';

const nothing = new Uint8Array(0);
const sink = new BytesSink(nothing);
const source = new BytesSource(nothing);
const received = new ReceiveRequest();
const sent = new SendRequest();
const address = new SocketAddress();

function shown(result: number): EndName | null {
  return result < 0 ? null : { address: String(address.address.unmapped), port: address.port };
}

/** Bytes and names of the stack's endpoints. */
export const stackIo: EndpointIo = {
  receive: (endpoint, into) => endpoint.receive(received.reset(sink.reset(into))),
  send: (endpoint, bytes) => endpoint.send(sent.reset(source.reset(bytes))),
  local: (endpoint) => shown(endpoint.name(address)),
  remote: (endpoint) => shown(endpoint.peerName(address)),
};

/** Have `socket` connect to `to` from within the guest's network. */
export function connectGuest(network: Network, socket: GuestSocket, to: SocketAddress): TcpEndpoint {
  const endpoint = network.stack.tcp.open(to.address.isV4 ? AF_INET : AF_INET6);
  socket.open(stackIo, endpoint, () => endpoint.connect(to));
  return endpoint;
}
