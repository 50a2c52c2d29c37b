import { EventEmitter } from 'node:events';
import { AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, RT_SCOPE_HOST, RTN_LOCAL } from '@sandbox/abi';
import { IpAddress, parseCidr, SocketAddress } from '../core/address.js';
import { BytesSink, BytesSource, getU16 } from '../core/bytes.js';
import type { StackHost } from '../core/host.js';
import type { Packet } from '../core/packet.js';
import { type ConnectionTaker, StackServer } from '../embed/server.js';
import type { StackSocket } from '../embed/socket.js';
import type { PacketFilter } from '../ip/filter.js';
import type { NetInterface } from '../ip/interface.js';
import { makeRoute } from '../ip/route-table.js';
import { RULE_TABLE } from '../ip/routes.js';
import { type SwitchPort, VirtualSwitch } from '../link/switch.js';
import { ReceiveRequest, SendRequest } from '../socket/request.js';
import type { UdpEndpoint } from '../socket/udp.js';
import { NetStack } from '../stack.js';
import { ICMP_ECHO, ICMPV6_ECHO_REQUEST } from '../wire/icmp.js';
import { IPV4 } from '../wire/ipv4.js';
import { IPV6 } from '../wire/ipv6.js';
import type { NatBackend } from './backend.js';
import { BuiltInNames, DnsForwarder } from './dns.js';
import { EgressPolicy, type FlowProtocol } from './policy.js';
import { TcpRelays } from './tcp-relays.js';
import { UdpFlows } from './udp-flows.js';

/** Table of the routes that make everything local for what comes in from guests. */
const EVERYTHING_TABLE = 100;
const DNS_PORT = 53;
const DNS_LARGEST = 65535;
const MOST_TCP_QUERIES = 64;

export interface GatewayOptions {
  /** Time and randomness of the gateway's stack. */
  host: StackHost;
  /** The world outside: `nodeBackend()`. */
  backend: NatBackend;
  /** What may leave (see `EgressPolicy`); nothing by default. */
  allow?: readonly string[];
  /** The network inside: its .2 is the gateway, .3 the DNS server, .15 and on are guests'. */
  subnet?: string;
  subnet6?: string;
  mtu?: number;
}

/** A flow that was not allowed, or (with `flow`) one that was. */
export interface FlowEvent {
  protocol: FlowProtocol | 'dns';
  source: string;
  /** An address; of DNS: the address that was left out of an answer, or ''. */
  destination: string;
  port: number;
  /** The name that was asked for, or whose answer led to the address. */
  name?: string;
}

/** Addresses for one guest. */
export interface GuestNetwork {
  link: SwitchPort;
  address: IpAddress;
  prefixLength: number;
  gateway: IpAddress;
  dns: IpAddress;
  address6: IpAddress;
  prefixLength6: number;
  gateway6: IpAddress;
  dns6: IpAddress;
}

/**
 * A router in user space: guests on its switch reach the world behind its backend as far as the policy
 * allows, without privileges. It ends their TCP connections in a stack of its own and relays bytes; UDP
 * travels through one socket for each of a guest's; echo requests are answered here; DNS is answered here
 * too, and what it answers is what names stand for.
 */
export class NatGateway extends EventEmitter<{ denied: [FlowEvent]; flow: [FlowEvent] }> {
  readonly stack: NetStack;
  readonly names = new BuiltInNames();
  readonly policy: EgressPolicy;
  readonly address: IpAddress;
  readonly dnsAddress: IpAddress;
  readonly address6: IpAddress;
  readonly dnsAddress6: IpAddress;
  private readonly lan: VirtualSwitch;
  private readonly iface: NetInterface;
  private readonly subnet: { address: IpAddress; prefixLength: number };
  private readonly subnet6: { address: IpAddress; prefixLength: number };
  private readonly relays: TcpRelays;
  private readonly udp: UdpFlows;
  private readonly dns: DnsForwarder;
  private readonly servers: StackServer[] = [];
  private readonly sockets: UdpEndpoint[] = [];
  private nextGuest = 15;
  private nextService = 100;
  private tcpQueries = 0;

  /** Throws a `TypeError` for a malformed subnet or rule. */
  constructor(options: GatewayOptions) {
    super();
    this.subnet = subnetOf(options.subnet ?? '10.0.2.0/24', 24);
    this.subnet6 = subnetOf(options.subnet6 ?? 'fd00:5a::/64', 64);
    this.policy = new EgressPolicy(options.allow ?? [], () => options.host.now());
    this.stack = new NetStack(options.host);
    this.lan = new VirtualSwitch(options.mtu ?? 65520);
    this.address = this.numbered(2);
    this.dnsAddress = this.numbered(3);
    this.address6 = this.numbered6(2);
    this.dnsAddress6 = this.numbered6(3);
    this.iface = this.setUp();
    this.relays = new TcpRelays(this.stack, options.backend, this.iface);
    this.udp = new UdpFlows(this.stack, options.backend);
    this.dns = new DnsForwarder(this.names, this.policy, options.backend, (name, address) => {
      this.emit('denied', {
        protocol: 'dns',
        source: '',
        destination: address?.toString() ?? '',
        port: DNS_PORT,
        name,
      });
    });
    this.stack.tcp.fallback = (packet, source, destination) => this.onSegment(packet, source, destination);
    this.stack.udp.fallback = (packet, source, destination) => this.onDatagram(packet, source, destination);
    this.stack.filter = this.filter();
    for (const address of [this.dnsAddress, this.dnsAddress6]) this.serveDns(address);
  }

  private numbered(n: number): IpAddress {
    return IpAddress.v4(this.subnet.address.w3 + n);
  }
  private numbered6(n: number): IpAddress {
    const { w0, w1, w2 } = this.subnet6.address;
    return IpAddress.v6(w0, w1, w2, n);
  }

  private setUp(): NetInterface {
    const { stack } = this;
    const iface = stack.addInterface('eth0', this.lan.port()) as NetInterface;
    for (const n of [2, 3]) {
      stack.addAddress(iface, { address: this.numbered(n), prefixLength: this.subnet.prefixLength });
      stack.addAddress(iface, { address: this.numbered6(n), prefixLength: this.subnet6.prefixLength });
    }
    stack.addAddress(stack.loopback, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
    stack.setInterface(stack.loopback, { up: true });
    stack.setInterface(iface, { up: true });
    // What comes in from guests is for here, whatever its destination; what goes out finds the guests.
    for (const [routes, any] of [
      [stack.routes4, IpAddress.ANY4],
      [stack.routes6, IpAddress.ANY6],
    ] as const) {
      routes.add(
        makeRoute({
          destination: any,
          prefixLength: 0,
          type: RTN_LOCAL,
          scope: RT_SCOPE_HOST,
          table: EVERYTHING_TABLE,
          ifindex: stack.loopback.index,
        }),
      );
      routes.addRule({
        priority: 1,
        action: RULE_TABLE,
        table: EVERYTHING_TABLE,
        source: null,
        sourceLength: 0,
        destination: null,
        destinationLength: 0,
        iif: iface.name,
        oif: '',
        mark: 0,
        markMask: 0,
        tos: 0,
        invert: false,
      });
    }
    return iface;
  }

  /** A place for one more guest: its link and what to configure. */
  join(mac?: Uint8Array): GuestNetwork {
    const n = this.nextGuest++;
    return {
      link: this.lan.port(mac),
      address: this.numbered(n),
      prefixLength: this.subnet.prefixLength,
      gateway: this.address,
      dns: this.dnsAddress,
      address6: this.numbered6(n),
      prefixLength6: this.subnet6.prefixLength,
      gateway6: this.address6,
      dns6: this.dnsAddress6,
    };
  }

  /**
   * Serve inside: guests reach `taker` (a `node:http` server, or a function) as `name`:`port`, by a name of
   * the built-in DNS and an address of its own. Nobody outside can. Throws a `StackError`.
   */
  serve(name: string, port: number, taker: ConnectionTaker | ((socket: StackSocket) => void)): StackServer {
    let address = this.names.get(name)?.find((known) => known.isV4);
    if (address === undefined) {
      const n = this.nextService++;
      address = this.numbered(n);
      this.stack.addAddress(this.iface, { address, prefixLength: this.subnet.prefixLength });
      this.names.add(name, address);
    }
    const server = new StackServer(this.stack, new SocketAddress(address, port));
    if (typeof taker === 'function') server.on('connection', taker);
    else server.handOver(taker);
    this.servers.push(server);
    return server;
  }

  // Flows

  private judge(protocol: FlowProtocol, source: IpAddress, destination: IpAddress, port: number): boolean {
    const verdict = this.policy.check(protocol, destination, port);
    const event: FlowEvent = {
      protocol,
      source: source.toString(),
      destination: destination.toString(),
      port,
      ...(verdict.name === undefined ? {} : { name: verdict.name }),
    };
    this.emit(verdict.allowed ? 'flow' : 'denied', event);
    return verdict.allowed;
  }

  /** Is it the gateway's own, where what is not served does not exist? */
  private isOwn(address: IpAddress): boolean {
    return this.stack.addresses.owner(address) !== undefined;
  }

  private onSegment(packet: Packet, source: IpAddress, destination: IpAddress): boolean {
    const { bytes, transport } = packet;
    const syn = (bytes[transport + 13] & 0x17) === 2;
    if (!syn || this.isOwn(destination)) return false;
    if (this.relays.isPending(packet, source, destination)) return true;
    if (!this.judge('tcp', source, destination, getU16(bytes, transport + 2))) return false;
    return this.relays.begin(packet, source, destination);
  }

  private onDatagram(packet: Packet, source: IpAddress, destination: IpAddress): boolean {
    if (this.isOwn(destination) || destination.isMulticast) return false;
    const port = getU16(packet.bytes, packet.transport + 2);
    const known = this.policy.check('udp', destination, port);
    if (!known.allowed) {
      this.judge('udp', source, destination, port);
      this.prohibit(packet);
      return true;
    }
    this.udp.send(packet, source, destination);
    return true;
  }

  /** Tell the sender that the administrator does not want it. */
  private prohibit(packet: Packet): void {
    const { icmp4, icmp6 } = this.stack;
    if (packet.bytes[packet.network] >>> 4 === 4) icmp4.sendError(packet, this.iface, 3, 13, 0);
    else icmp6.sendError(packet, this.iface, 1, 1, 0);
  }

  /** Echo requests to others are answered only as far as the policy lets them go. */
  private filter(): PacketFilter {
    const pass = () => true;
    return {
      prerouting: pass,
      forward: pass,
      output: pass,
      postrouting: pass,
      input: (packet) => {
        const { bytes, network, transport } = packet;
        const isV4 = bytes[network] >>> 4 === 4;
        const protocol = isV4 ? bytes[network + IPV4.protocol] : IPPROTO_ICMPV6;
        const type = bytes[transport];
        const echo = isV4
          ? protocol === IPPROTO_ICMP && type === ICMP_ECHO
          : protocol === IPPROTO_ICMPV6 &&
            type === ICMPV6_ECHO_REQUEST &&
            bytes[network + IPV6.nextHeader] === protocol;
        if (!echo) return true;
        const destination = isV4
          ? IpAddress.fromBytes4(bytes, network + IPV4.destination)
          : IpAddress.fromBytes6(bytes, network + IPV6.destination);
        const source = isV4
          ? IpAddress.fromBytes4(bytes, network + IPV4.source)
          : IpAddress.fromBytes6(bytes, network + IPV6.source);
        if (
          this.isOwn(destination) ||
          destination.isMulticast ||
          this.judge('icmp', source, destination, 0)
        ) {
          return true;
        }
        this.prohibit(packet);
        packet.release();
        return false;
      },
    };
  }

  // DNS

  private serveDns(address: IpAddress): void {
    const at = new SocketAddress(address, DNS_PORT);
    const endpoint = this.stack.udp.open(address.isV4 ? AF_INET : AF_INET6);
    endpoint.bind(at);
    this.sockets.push(endpoint);
    let scheduled = false;
    endpoint.observer = {
      onEvents: () => {
        if (scheduled) return;
        scheduled = true;
        queueMicrotask(() => {
          scheduled = false;
          this.readQueries(endpoint);
        });
      },
    };
    const server = new StackServer(this.stack, at);
    server.on('connection', (socket) => this.serveTcpQueries(socket));
    this.servers.push(server);
  }

  private readQueries(endpoint: UdpEndpoint): void {
    const request = new ReceiveRequest();
    for (;;) {
      const buffer = new Uint8Array(4096);
      const n = endpoint.receive(request.reset(new BytesSink(buffer)));
      if (n < 0) return;
      const to = new SocketAddress(request.from.address, request.from.port, request.from.scopeId);
      void this.dns.answer(buffer.subarray(0, n), false).then((answer) => {
        if (answer !== null && !endpoint.isClosed) {
          endpoint.send(new SendRequest().reset(new BytesSource(answer), 0, to));
        }
      });
    }
  }

  /** Queries over TCP have their length in front (RFC 1035 section 4.2.2). */
  private serveTcpQueries(socket: StackSocket): void {
    let held = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.setTimeout(30_000, () => socket.destroy());
    socket.on('data', (part: Buffer) => {
      held = Buffer.concat([held, part]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const query = held.subarray(2, 2 + held.readUInt16BE(0));
        held = held.subarray(2 + query.length);
        if (this.tcpQueries >= MOST_TCP_QUERIES) {
          socket.destroy();
          return;
        }
        this.tcpQueries++;
        void this.dns.answer(query, true).then((answer) => {
          this.tcpQueries--;
          if (answer === null || answer.length > DNS_LARGEST || socket.destroyed) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([length, answer]));
        });
      }
    });
    socket.on('end', () => socket.end());
  }

  /** End everything: flows, services, the switch's own port. */
  close(): void {
    this.relays.close();
    this.udp.close();
    for (const server of this.servers) server.close(true);
    for (const endpoint of this.sockets) endpoint.close();
    this.stack.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function subnetOf(text: string, prefixLength: number): { address: IpAddress; prefixLength: number } {
  const parsed = parseCidr(text);
  const fits =
    parsed !== null && parsed.prefixLength === prefixLength && parsed.address.isV4 === (prefixLength === 24);
  if (!fits) throw new TypeError(`not a /${prefixLength} network: ${text}`);
  return { address: parsed.address.masked(prefixLength), prefixLength };
}
