/** What the embedder's side of the network needs once there is one; loaded with it. */
export { IpAddress, SocketAddress } from '@sandbox/net';
export { GuestListener } from './guest-listener.js';
export { publishTcp, publishUdp } from './published.host.js';
export { connectGuest } from './stack-io.js';
