import {
  EADDRNOTAVAIL,
  EEXIST,
  EINVAL,
  ENETDOWN,
  ENETUNREACH,
  ENODEV,
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  IFAPROT_KERNEL_LL,
  IFAPROT_KERNEL_LO,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  RT_SCOPE_LINK,
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_UNICAST,
} from '@sandbox/abi';
import { IpAddress } from './core/address.js';
import { getU16 } from './core/bytes.js';
import type { StackHost } from './core/host.js';
import { OUTGOING, type Packet, TO_BROADCAST, TO_HOST, TO_MULTICAST, TO_OTHER } from './core/packet.js';
import { Timer, Timers } from './core/timers.js';
import { Addresses, type NewAddress } from './ip/addresses.js';
import { Arp } from './ip/arp.js';
import type { PacketFilter } from './ip/filter.js';
import { Icmp4 } from './ip/icmp4.js';
import { Icmp6 } from './ip/icmp6.js';
import { type InterfaceAddress, NetInterface } from './ip/interface.js';
import { Ipv4 } from './ip/ipv4.js';
import { Ipv6 } from './ip/ipv6.js';
import { Multicast } from './ip/multicast.js';
import { Ndp } from './ip/ndp.js';
import { type Neighbour, Neighbours } from './ip/neighbours.js';
import type { Path } from './ip/path.js';
import { PathMtus } from './ip/path-mtu.js';
import type { IcmpError, TransportProtocol } from './ip/protocol.js';
import type { Route } from './ip/route-table.js';
import { RouteQuery, Routes } from './ip/routes.js';
import { selectSource } from './ip/source-address.js';
import type { Link } from './link/link.js';
import { LoopbackLink } from './link/loopback.js';
import { StackCounters, StackSettings } from './settings.js';
import { PacketSockets } from './socket/packet.js';
import { PingProtocol } from './socket/ping.js';
import { RawProtocol } from './socket/raw.js';
import type { TcpEndpoint } from './socket/tcp/endpoint.js';
import { TcpProtocol } from './socket/tcp/protocol.js';
import { UdpProtocol } from './socket/udp.js';
import { BROADCAST_MAC, multicastMac, sameMac, writeEthernet } from './wire/ethernet.js';
import { IPV4 } from './wire/ipv4.js';
import { writeChecksums } from './wire/offload.js';

/** Hears what changes (rtnetlink notifications). All are optional. */
export interface StackMonitor {
  interfaceChanged?(iface: NetInterface, what: 'added' | 'removed' | 'changed'): void;
  addressChanged?(iface: NetInterface, address: InterfaceAddress, added: boolean): void;
  routeChanged?(route: Route, added: boolean): void;
  neighbourChanged?(neighbour: Neighbour, removed: boolean): void;
  /** Somebody listens. */
  listening?(endpoint: TcpEndpoint): void;
  /** Nobody listens on `port` any more. */
  notListening?(port: number): void;
}

/** What `setInterface` may change. */
export interface InterfaceChange {
  up?: boolean;
  mtu?: number;
  name?: string;
  mac?: Uint8Array;
  txQueueLength?: number;
  promiscuity?: number;
}

/** Packets one entry into the stack works off at most; the rest waits for a timer, so that nobody is kept for ever. */
const MOST_AT_ONCE = 4096;
/** Packets waiting at most (net.core.netdev_max_backlog, larger because nothing else drains it meanwhile). */
const MOST_WAITING = 16384;

/**
 * A TCP/IP stack: interfaces, routes, protocols and endpoints. Synchronous: what a call sends over loopback has arrived, and its
 * receiver's observer has been told, when the call returns.
 */
export class NetStack {
  readonly settings = new StackSettings();
  readonly counters = new StackCounters();
  readonly timers: Timers;
  readonly interfaces: NetInterface[] = [];
  readonly routes4 = new Routes(this, true);
  readonly routes6 = new Routes(this, false);
  readonly addresses: Addresses;
  readonly neighbours: Neighbours;
  readonly pathMtu = new PathMtus();
  readonly multicast: Multicast;
  readonly ipv4: Ipv4;
  readonly ipv6: Ipv6;
  readonly icmp4: Icmp4;
  readonly icmp6: Icmp6;
  readonly arp: Arp;
  readonly ndp: Ndp;
  readonly udp: UdpProtocol;
  readonly udpLite: UdpProtocol;
  readonly tcp: TcpProtocol;
  readonly raw: RawProtocol;
  readonly ping: PingProtocol;
  readonly packets: PacketSockets;
  readonly protocols4: (TransportProtocol | undefined)[] = new Array(256).fill(undefined);
  readonly protocols6: (TransportProtocol | undefined)[] = new Array(256).fill(undefined);
  readonly monitors = new Set<StackMonitor>();
  /** Packet filter and address translation; null: none. */
  filter: PacketFilter | null = null;
  readonly loopback: NetInterface;

  private readonly byIndex = new Map<number, NetInterface>();
  private nextIndex = 1;
  private linkGeneration = 0;
  private depth = 0;
  private time = 0;
  private head: Packet | null = null;
  private tail: Packet | null = null;
  private waiting = 0;
  private readonly drainTimer = new Timer({ onTimer: () => {} });
  private lastPath: Path | null = null;
  private readonly query = new RouteQuery();

  constructor(readonly host: StackHost) {
    this.timers = new Timers(
      host,
      (work) => {
        this.enter();
        try {
          work();
        } finally {
          this.leave();
        }
      },
      () => this.now(),
    );
    this.addresses = new Addresses(this.routes4, this.routes6, () => this.now());
    this.addresses.onChange = (iface, address, added) => {
      this.linkGeneration++;
      for (const monitor of this.monitors) monitor.addressChanged?.(iface, address, added);
    };
    for (const routes of [this.routes4, this.routes6]) {
      routes.onChange = (route, added) => {
        for (const monitor of this.monitors) monitor.routeChanged?.(route, added);
      };
    }
    this.pathMtu.onChange = (destination) => {
      this.linkGeneration++;
      this.tcp.pathMtuChanged(destination);
    };
    this.neighbours = new Neighbours(this.neighbourOutput());
    this.ipv4 = new Ipv4(this);
    this.ipv6 = new Ipv6(this);
    this.icmp4 = new Icmp4(this);
    this.icmp6 = new Icmp6(this);
    this.arp = new Arp(this);
    this.ndp = new Ndp(this);
    this.multicast = new Multicast(this);
    this.udp = new UdpProtocol(this);
    this.udpLite = new UdpProtocol(this, IPPROTO_UDPLITE);
    this.tcp = new TcpProtocol(this);
    this.raw = new RawProtocol(this);
    this.ping = new PingProtocol(this);
    this.packets = new PacketSockets(this);
    this.protocols4[IPPROTO_ICMP] = this.icmp4;
    this.protocols6[IPPROTO_ICMPV6] = this.icmp6;
    this.protocols4[IPPROTO_IGMP] = this.multicast;
    this.protocols4[IPPROTO_UDP] = this.protocols6[IPPROTO_UDP] = this.udp;
    this.protocols4[IPPROTO_UDPLITE] = this.protocols6[IPPROTO_UDPLITE] = this.udpLite;
    this.protocols4[IPPROTO_TCP] = this.protocols6[IPPROTO_TCP] = this.tcp;
    this.loopback = this.addInterface('lo', new LoopbackLink()) as NetInterface;
  }

  /** Counts everything that may make a `Path` found earlier wrong. */
  get generation(): number {
    return this.routes4.generation + this.routes6.generation + this.linkGeneration;
  }

  // Entries

  /** Every entry from outside is bracketed by `enter` and `leave`; they nest. `leave` works off what is waiting. */
  enter(): void {
    if (this.depth++ !== 0) return;
    this.time = this.host.now();
    this.host.enter?.();
  }

  /** Monotonic ms. It stands still within an entry: looking at the clock costs more than most of what is done. */
  now(): number {
    return this.depth > 0 ? this.time : this.host.now();
  }

  leave(): void {
    if (this.depth === 1) {
      if (this.head !== null) this.drain();
      this.depth = 0;
      this.host.leave?.();
    } else this.depth--;
  }

  private drain(): void {
    for (let n = 0; this.head !== null; n++) {
      if (n === MOST_AT_ONCE) {
        this.timers.armIn(this.drainTimer, 0);
        return;
      }
      const packet = this.head;
      this.head = packet.next;
      if (this.head === null) this.tail = null;
      packet.next = null;
      this.waiting--;
      const iface = this.byIndex.get(packet.ifindex);
      if (iface === undefined) packet.release();
      else this.input(packet, iface);
    }
  }

  /** Stop: timers, links, and every endpoint's traffic. */
  close(): void {
    for (const iface of this.interfaces) {
      iface.link.attach(null);
      iface.link.close?.();
    }
    this.ipv4.fragments.clear();
    this.ipv6.fragments.clear();
    this.timers.clear();
    while (this.head !== null) {
      const packet = this.head;
      this.head = packet.next;
      packet.release();
    }
    this.tail = null;
    this.waiting = 0;
  }

  // Interfaces

  interfaceByIndex(index: number): NetInterface | undefined {
    return this.byIndex.get(index);
  }

  interfaceByName(name: string): NetInterface | undefined {
    return this.interfaces.find((iface) => iface.name === name);
  }

  /** A new interface, down and without addresses. -EEXIST, -EINVAL (the name). `index`: the number it shall have. */
  addInterface(name: string, link: Link, index?: number): NetInterface | number {
    if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..') return -EINVAL;
    if (this.interfaceByName(name) !== undefined) return -EEXIST;
    const number = index ?? this.nextIndex;
    if (this.byIndex.has(number)) return -EEXIST;
    this.nextIndex = Math.max(this.nextIndex, number + 1);
    const iface = new NetInterface(this, number, name, link, link instanceof LoopbackLink);
    this.interfaces.push(iface);
    this.byIndex.set(number, iface);
    this.linkGeneration++;
    for (const monitor of this.monitors) monitor.interfaceChanged?.(iface, 'added');
    return iface;
  }

  /** 0, -EINVAL (loopback stays). */
  removeInterface(iface: NetInterface): number {
    if (iface === this.loopback) return -EINVAL;
    if (iface.adminUp) this.setInterface(iface, { up: false });
    for (const entry of [...iface.addresses]) this.addresses.remove(iface, entry.address, entry.prefixLength);
    this.multicast.removeInterface(iface);
    this.interfaces.splice(this.interfaces.indexOf(iface), 1);
    this.byIndex.delete(iface.index);
    iface.link.attach(null);
    this.linkGeneration++;
    for (const monitor of this.monitors) monitor.interfaceChanged?.(iface, 'removed');
    return 0;
  }

  /** Change an interface. 0, -EINVAL (MTU, name), -EEXIST (name). */
  setInterface(iface: NetInterface, change: InterfaceChange): number {
    const { mtu: usual, maxMtu = usual } = iface.link;
    if (change.mtu !== undefined && (change.mtu < 68 || change.mtu > Math.max(65536, maxMtu))) return -EINVAL;
    if (change.name !== undefined && change.name !== iface.name) {
      if (!/^[^\s/:]{1,15}$/.test(change.name)) return -EINVAL;
      if (this.interfaceByName(change.name) !== undefined) return -EEXIST;
      iface.name = change.name;
    }
    if (change.mtu !== undefined) iface.mtu = Math.min(change.mtu, maxMtu);
    if (change.mac !== undefined) iface.mac = Uint8Array.from(change.mac);
    if (change.txQueueLength !== undefined) iface.txQueueLength = change.txQueueLength;
    if (change.promiscuity !== undefined) iface.promiscuity = change.promiscuity;
    this.linkGeneration++;
    if (change.up !== undefined && change.up !== iface.adminUp) this.setUp(iface, change.up);
    else for (const monitor of this.monitors) monitor.interfaceChanged?.(iface, 'changed');
    return 0;
  }

  private setUp(iface: NetInterface, up: boolean): void {
    iface.adminUp = up;
    iface.link.interfaceUp?.(up);
    for (const monitor of this.monitors) monitor.interfaceChanged?.(iface, 'changed');
    if (!up) {
      this.addresses.down(iface);
      this.neighbours.removeInterface(iface);
      return;
    }
    if (iface.loopback) {
      // Linux gives loopback its addresses by itself (inetdev_event), unless it has some of IPv4.
      if (!iface.addresses.some((entry) => entry.address.isV4))
        this.addresses.add(iface, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
      if (!this.settings.disableIpv6 && iface.findAddress(IpAddress.LOOPBACK6) === undefined) {
        this.addresses.add(iface, {
          address: IpAddress.LOOPBACK6,
          prefixLength: 128,
          protocol: IFAPROT_KERNEL_LO,
        });
      }
    } else if (!this.settings.disableIpv6 && iface.mac !== null) {
      const address = linkLocalOf(iface.mac);
      if (iface.findAddress(address) === undefined) {
        this.addresses.add(iface, {
          address,
          prefixLength: 64,
          scope: RT_SCOPE_LINK,
          protocol: IFAPROT_KERNEL_LL,
        });
      }
    }
    this.addresses.up(iface);
  }

  /** Give an interface an address. 0, -EEXIST, -EINVAL. Routes to it and its network come by themselves. */
  addAddress(iface: NetInterface, address: NewAddress): number {
    return this.addresses.add(iface, address);
  }

  /** 0 or -EADDRNOTAVAIL. `prefixLength` -1: any. */
  removeAddress(iface: NetInterface, address: IpAddress, prefixLength = -1): number {
    return this.addresses.remove(iface, address, prefixLength);
  }

  /** The routes of a family. */
  routesFor(address: IpAddress): Routes {
    return address.isV4 ? this.routes4 : this.routes6;
  }

  /** @internal */
  interfaceChanged(iface: NetInterface): void {
    this.linkGeneration++;
    for (const monitor of this.monitors) monitor.interfaceChanged?.(iface, 'changed');
  }

  /** @internal */
  interfaceLost(iface: NetInterface): void {
    this.removeInterface(iface);
  }

  // Paths

  /**
   * The way to `destination`. `source`: the address it shall come from, null: to be chosen; `oif`: the interface it must leave by, 0:
   * any; `iif`: the one it came in by, when it is forwarded. -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL, -ENETDOWN, -EADDRNOTAVAIL.
   */
  resolve(
    destination: IpAddress,
    source: IpAddress | null,
    oif = 0,
    mark = 0,
    tos = 0,
    iif = 0,
  ): Path | number {
    const routes = destination.isV4 ? this.routes4 : this.routes6;
    if (oif !== 0) {
      const iface = this.byIndex.get(oif);
      if (iface === undefined) return destination.isV4 ? -ENODEV : -ENETUNREACH;
      if (!iface.adminUp) return -ENETDOWN;
      // Groups and the limited broadcast go out by the interface asked for, route or not.
      if (destination.isMulticast || destination.isLimitedBroadcast) {
        const from = source ?? this.sourceFor(iface, destination, destination) ?? anyOf(destination);
        return this.onLink(iface, destination, from);
      }
    }
    const query = this.query.reset(source, oif, mark, tos);
    query.iif = iif;
    const route = routes.lookup(destination, query);
    if (typeof route === 'number') {
      // Bound to an interface, IPv4 destinations are taken for neighbours on it (ip_route_output_key_hash).
      const iface =
        oif !== 0 && destination.isV4 && route === -ENETUNREACH ? this.byIndex.get(oif) : undefined;
      if (iface === undefined) return route;
      const from = source ?? this.sourceFor(iface, destination, destination);
      return from === null ? -ENETUNREACH : this.onLink(iface, destination, from);
    }
    return this.pathBy(route, destination, source, iif !== 0);
  }

  private pathBy(
    route: Route,
    destination: IpAddress,
    source: IpAddress | null,
    forward: boolean,
  ): Path | number {
    const local = route.type === RTN_LOCAL;
    const out = this.byIndex.get(route.ifindex);
    if (out === undefined) return -ENETUNREACH;
    const iface = local ? this.loopback : out;
    const nextHop = route.gateway ?? destination;
    let from = source ?? route.source;
    if (local && source === null)
      from = destination.isV4 && destination.isAny ? IpAddress.LOOPBACK4 : destination;
    if (from === null) from = this.sourceFor(out, destination, nextHop);
    if (from === null) {
      if (!forward && !destination.isMulticast) return destination.isV4 ? -ENETUNREACH : -EADDRNOTAVAIL;
      from = anyOf(destination);
    }
    // IPv4 packets have no more than 65535 bytes, whatever loopback could take.
    const most = destination.isV4 ? 65535 : 65575;
    let mtu = Math.min(route.mtu || most, iface.mtu, most);
    const told = local ? 0 : this.pathMtu.get(destination, this.now());
    if (told > 0 && told < mtu) mtu = told;
    const broadcast = destination.isLimitedBroadcast && !local;
    const type = destination.isMulticast ? RTN_MULTICAST : broadcast ? RTN_BROADCAST : route.type;
    return this.path(destination, iface, nextHop, from, mtu, type, local);
  }

  /** A path; the one before again when they say the same, as those of a server's many connections do. */
  private path(
    destination: IpAddress,
    iface: NetInterface,
    nextHop: IpAddress,
    source: IpAddress,
    mtu: number,
    type: number,
    local: boolean,
  ): Path {
    const last = this.lastPath;
    const { generation } = this;
    if (
      last !== null &&
      last.generation === generation &&
      last.iface === iface &&
      last.mtu === mtu &&
      last.type === type &&
      last.local === local &&
      last.destination.equals(destination) &&
      last.nextHop.equals(nextHop) &&
      last.source.equals(source)
    ) {
      return last;
    }
    return (this.lastPath = { destination, iface, nextHop, source, mtu, type, local, generation });
  }

  /** The path to a neighbour, whatever the routes say. */
  onLink(iface: NetInterface, destination: IpAddress, source: IpAddress): Path {
    const type = destination.isMulticast
      ? RTN_MULTICAST
      : destination.isLimitedBroadcast
        ? RTN_BROADCAST
        : RTN_UNICAST;
    const { mtu } = iface;
    const { generation } = this;
    return { destination, iface, nextHop: destination, source, mtu, type, local: iface.loopback, generation };
  }

  /** The address to send from by `iface`; null: there is none. */
  sourceFor(iface: NetInterface, destination: IpAddress, nextHop: IpAddress): IpAddress | null {
    return selectSource(this.interfaces, iface, destination, nextHop);
  }

  /** Is it an address of this host (all of 127/8 included), or one datagrams may be received for? `null`: no. */
  localType(address: IpAddress): 'local' | 'broadcast' | 'multicast' | null {
    if (address.isMulticast) return 'multicast';
    if (this.addresses.owner(address) !== undefined) return 'local';
    if (address.isLimitedBroadcast) return 'broadcast';
    const route = this.routesFor(address).lookup(address, this.query.reset());
    if (typeof route === 'number') return null;
    return route.type === RTN_LOCAL ? 'local' : route.type === RTN_BROADCAST ? 'broadcast' : null;
  }

  // Frames out

  /** Send an IP packet, header written, along its path. Given away. 0 or -ENOBUFS, -ENETDOWN. */
  transmit(path: Path, packet: Packet): number {
    const { iface } = path;
    if (packet.trusted && !iface.link.trusted) this.completeChecksum(packet);
    if (!iface.running) {
      packet.release();
      return iface.adminUp ? 0 : -ENETDOWN;
    }
    if (!iface.resolves) {
      if (this.packets.active) this.packets.tap(packet, iface, OUTGOING, packet.start);
      iface.transmit(packet);
      return 0;
    }
    if (path.type === RTN_MULTICAST) this.sendFrame(iface, packet, multicastMac(path.destination));
    else if (path.type === RTN_BROADCAST) this.sendFrame(iface, packet, BROADCAST_MAC);
    else if (iface.link.noArp) this.sendFrame(iface, packet, NO_MAC);
    else return this.neighbours.send(iface, path.nextHop, packet);
    return 0;
  }

  /** Put an Ethernet header in front and send. Given away. */
  sendFrame(iface: NetInterface, packet: Packet, to: Uint8Array): void {
    const network = packet.start;
    packet.start -= ETH_HLEN;
    writeEthernet(packet.bytes, packet.start, to, iface.mac!, packet.etherType);
    if (this.packets.active) this.packets.tap(packet, iface, OUTGOING, network);
    iface.transmit(packet);
  }

  /** A copy of an outgoing multicast or broadcast packet for this host's own listeners. The packet stays the caller's. */
  loopBack(packet: Packet, iface: NetInterface): void {
    const copy = packet.clone();
    copy.addressed = packet.etherType === ETH_P_IP && !isGroup4(copy) ? TO_BROADCAST : TO_MULTICAST;
    copy.trusted = true;
    copy.looped = true;
    copy.ifindex = iface.index;
    this.enqueue(copy);
  }

  private enqueue(packet: Packet): void {
    if (this.waiting >= MOST_WAITING) {
      packet.release();
      return;
    }
    packet.next = null;
    if (this.tail === null) this.head = packet;
    else this.tail.next = packet;
    this.tail = packet;
    this.waiting++;
  }

  // Frames in

  /** @internal A link received something. */
  interfaceReceived(iface: NetInterface, packet: Packet): void {
    packet.ifindex = iface.index;
    packet.owner = null;
    // On loopback a packet stays what it was to its connection.
    if (!iface.loopback) packet.connectionInfo = 0;
    if (packet.shared) {
      // The sender keeps a reference: headers are written in place on the way up and back.
      const copy = packet.clone();
      packet.release();
      packet = copy;
      packet.ifindex = iface.index;
    }
    this.enter();
    this.enqueue(packet);
    this.leave();
  }

  private input(packet: Packet, iface: NetInterface): void {
    if (!iface.adminUp) {
      packet.release();
      return;
    }
    const { statistics } = iface;
    statistics.rxPackets++;
    statistics.rxBytes += packet.end - packet.start;
    const frame = packet.start;
    if (iface.resolves && !packet.looped) {
      if (!this.readEthernet(packet, iface)) {
        statistics.rxErrors++;
        packet.release();
        return;
      }
    }
    if (this.packets.active) {
      const network = packet.start;
      packet.start = frame;
      this.packets.tap(packet, iface, packet.addressed, network);
      packet.start = network;
    }
    if (packet.addressed === TO_OTHER) {
      packet.release();
      return;
    }
    switch (packet.etherType) {
      case ETH_P_IP:
        this.ipv4.receive(packet, iface);
        return;
      case ETH_P_IPV6:
        this.ipv6.receive(packet, iface);
        return;
      case ETH_P_ARP:
        this.arp.receive(packet, iface);
    }
    packet.release();
  }

  private readEthernet(packet: Packet, iface: NetInterface): boolean {
    const { bytes, start } = packet;
    if (packet.end - start < ETH_HLEN) return false;
    packet.etherType = getU16(bytes, start + 12);
    if (iface.mac !== null && sameMac(bytes, start, iface.mac)) packet.addressed = TO_HOST;
    else if ((bytes[start] & 1) === 0) packet.addressed = TO_OTHER;
    else packet.addressed = sameMac(bytes, start, BROADCAST_MAC) ? TO_BROADCAST : TO_MULTICAST;
    packet.start = start + ETH_HLEN;
    return true;
  }

  /** @internal Copies for raw sockets. true: somebody took one. */
  rawDeliver(
    packet: Packet,
    protocol: number,
    source: IpAddress,
    destination: IpAddress,
    iface: NetInterface,
  ): boolean {
    return this.raw.active && this.raw.deliver(packet, protocol, source, destination, iface);
  }

  /** @internal */
  rawError(protocol: number, error: IcmpError): void {
    if (this.raw.active) this.raw.icmpError(protocol, error);
  }

  /** Write the checksums a trusted packet goes without. */
  completeChecksum(packet: Packet): void {
    packet.trusted = false;
    writeChecksums(packet.bytes, packet.etherType, packet.network, packet.end);
  }

  private neighbourOutput() {
    const stack = this;
    return {
      now: () => stack.now(),
      timers: stack.timers,
      get maxNeighbours() {
        return stack.settings.maxNeighbours;
      },
      solicit(neighbour: Neighbour, unicast: boolean) {
        const { iface, address } = neighbour;
        if (address.isV4) stack.arp.solicit(iface, address, unicast ? neighbour.mac : null);
        else stack.ndp.solicit(iface, address, unicast);
      },
      sendFrame(iface: NetInterface, packet: Packet, mac: Uint8Array) {
        stack.sendFrame(iface, packet, mac);
      },
      unreachable(_neighbour: Neighbour, packet: Packet) {
        if (packet.etherType === ETH_P_IP) stack.ipv4.unreachable(packet);
        else if (packet.etherType === ETH_P_IPV6) stack.ipv6.unreachable(packet);
        else packet.release();
      },
      neighbourChanged(neighbour: Neighbour, removed: boolean) {
        for (const monitor of stack.monitors) monitor.neighbourChanged?.(neighbour, removed);
      },
    };
  }
}

const NO_MAC = new Uint8Array(6);

function anyOf(address: IpAddress): IpAddress {
  return address.isV4 ? IpAddress.ANY4 : IpAddress.ANY6;
}

function isGroup4(packet: Packet): boolean {
  return packet.bytes[packet.network + IPV4.destination] >>> 4 === 14;
}

/** fe80:: with the interface identifier made of a hardware address (RFC 4291 appendix A). */
function linkLocalOf(mac: Uint8Array): IpAddress {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xfe;
  bytes[1] = 0x80;
  bytes.set([mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]], 8);
  return IpAddress.fromBytes6(bytes);
}
