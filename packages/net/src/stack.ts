import { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '@sandbox/abi';
import type { StackHost } from './core/host.js';
import { IpStack } from './ip/stack.js';
import { PacketSockets } from './socket/packet.js';
import { PingProtocol } from './socket/ping.js';
import { RawProtocol } from './socket/raw.js';
import { TcpProtocol } from './socket/tcp/protocol.js';
import { UdpProtocol } from './socket/udp.js';

/** A TCP/IP stack: the IP layer, and the protocols and endpoints over it. */
export class NetStack extends IpStack {
  readonly udp: UdpProtocol;
  readonly udpLite: UdpProtocol;
  readonly tcp: TcpProtocol;
  override readonly raw: RawProtocol;
  override readonly ping: PingProtocol;
  override readonly packets: PacketSockets;

  constructor(host: StackHost) {
    super(host);
    this.udp = new UdpProtocol(this);
    this.udpLite = new UdpProtocol(this, IPPROTO_UDPLITE);
    this.tcp = new TcpProtocol(this);
    this.raw = new RawProtocol(this);
    this.ping = new PingProtocol(this);
    this.packets = new PacketSockets(this);
    this.protocols4[IPPROTO_UDP] = this.protocols6[IPPROTO_UDP] = this.udp;
    this.protocols4[IPPROTO_UDPLITE] = this.protocols6[IPPROTO_UDPLITE] = this.udpLite;
    this.protocols4[IPPROTO_TCP] = this.protocols6[IPPROTO_TCP] = this.tcp;
  }
}
