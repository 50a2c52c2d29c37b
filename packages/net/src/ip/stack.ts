import { ETH_P_IP, ETH_P_IPV6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IGMP } from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { StackHost } from '../core/host.js';
import type { Packet } from '../core/packet.js';
import { Timers } from '../core/timers.js';
import type { Link } from '../link/link.js';
import { LoopbackLink } from '../link/loopback.js';
import { StackCounters, StackSettings } from '../settings.js';
import { writeChecksums } from '../wire/offload.js';
import { Addresses, type NewAddress } from './addresses.js';
import { Arp } from './arp.js';
import type { PacketFilter } from './filter.js';
import { Frames } from './frames.js';
import { Icmp4 } from './icmp4.js';
import { Icmp6 } from './icmp6.js';
import type { NetInterface } from './interface.js';
import { type InterfaceChange, Interfaces } from './interfaces.js';
import { Ipv4 } from './ipv4.js';
import { Ipv6 } from './ipv6.js';
import type { StackMonitor } from './monitor.js';
import { Multicast } from './multicast.js';
import { Ndp } from './ndp.js';
import { type Neighbour, type NeighbourOutput, Neighbours } from './neighbours.js';
import type { Path } from './path.js';
import { PathMtus } from './path-mtu.js';
import { Paths } from './paths.js';
import type { TransportProtocol } from './protocol.js';
import { Routes } from './routes.js';
import type { PacketTaps, PingSockets, RawSockets } from './sockets.js';

/**
 * The IP layer: interfaces, addresses, routes, neighbours, IPv4, IPv6, ICMP and groups, put together.
 * `NetStack` adds the protocols and sockets above it. Synchronous: what a call sends over loopback has
 * arrived, and its receiver's observer has been called, when the call returns.
 */
export abstract class IpStack {
  readonly settings = new StackSettings();
  readonly counters = new StackCounters();
  readonly timers: Timers;
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
  /** By number of the protocol; null: nobody speaks it. */
  readonly protocols4: (TransportProtocol | undefined)[] = new Array(256).fill(undefined);
  readonly protocols6: (TransportProtocol | undefined)[] = new Array(256).fill(undefined);
  readonly monitors = new Set<StackMonitor>();
  /** Packet filter and address translation; null: none. */
  filter: PacketFilter | null = null;
  readonly loopback: NetInterface;
  /** @internal */
  readonly frames: Frames;
  private readonly table: Interfaces;
  private readonly paths: Paths;

  abstract readonly raw: RawSockets;
  abstract readonly ping: PingSockets;
  abstract readonly packets: PacketTaps;

  /** Counts what changed in addresses and path MTUs. */
  private changes = 0;
  private depth = 0;
  private time = 0;

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
    this.table = new Interfaces(this);
    this.frames = new Frames(this);
    this.addresses = new Addresses(this.routes4, this.routes6, () => this.now());
    this.addresses.onChange = (iface, address, added) => {
      this.changes++;
      for (const monitor of this.monitors) monitor.addressChanged?.(iface, address, added);
    };
    for (const routes of [this.routes4, this.routes6]) {
      routes.onChange = (route, added) => {
        for (const monitor of this.monitors) monitor.routeChanged?.(route, added);
      };
    }
    this.pathMtu.onChange = () => {
      this.changes++;
    };
    this.neighbours = new Neighbours(neighbourOutput(this));
    this.ipv4 = new Ipv4(this);
    this.ipv6 = new Ipv6(this);
    this.icmp4 = new Icmp4(this);
    this.icmp6 = new Icmp6(this);
    this.arp = new Arp(this);
    this.ndp = new Ndp(this);
    this.multicast = new Multicast(this);
    this.protocols4[IPPROTO_ICMP] = this.icmp4;
    this.protocols6[IPPROTO_ICMPV6] = this.icmp6;
    this.protocols4[IPPROTO_IGMP] = this.multicast;
    this.loopback = this.table.add('lo', new LoopbackLink()) as NetInterface;
    this.paths = new Paths(this);
  }

  /** Counts everything that may make a `Path` found earlier wrong. */
  get generation(): number {
    return this.routes4.generation + this.routes6.generation + this.table.generation + this.changes;
  }

  // Entries

  /**
   * Every entry from outside is bracketed by `enter` and `leave`; they nest. `leave` works off what is
   * waiting.
   */
  enter(): void {
    if (this.depth++ !== 0) return;
    this.time = this.host.now();
    this.host.enter?.();
  }

  /**
   * Monotonic ms. It stands still within an entry: looking at the clock costs more than most of what is done.
   */
  now(): number {
    return this.depth > 0 ? this.time : this.host.now();
  }

  leave(): void {
    if (this.depth === 1) {
      if (this.frames.pending) this.frames.drain();
      this.depth = 0;
      this.host.leave?.();
    } else this.depth--;
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
    this.frames.clear();
  }

  // Interfaces and addresses

  get interfaces(): readonly NetInterface[] {
    return this.table.list;
  }

  interfaceByIndex(index: number): NetInterface | undefined {
    return this.table.at(index);
  }

  interfaceByName(name: string): NetInterface | undefined {
    return this.table.named(name);
  }

  /**
   * A new interface, down and without addresses. -EEXIST, -EINVAL (the name). `index`: the number it is to
   * have.
   */
  addInterface(name: string, link: Link, index?: number): NetInterface | number {
    return this.table.add(name, link, index);
  }

  /** 0, -EINVAL (loopback stays). */
  removeInterface(iface: NetInterface): number {
    return this.table.remove(iface);
  }

  /** Change an interface. 0, -EINVAL (MTU, name), -EEXIST (name). */
  setInterface(iface: NetInterface, change: InterfaceChange): number {
    return this.table.change(iface, change);
  }

  /** Give an interface an address. 0, -EEXIST, -EINVAL. Routes to it and its network come by themselves. */
  addAddress(iface: NetInterface, address: NewAddress): number {
    return this.addresses.add(iface, address);
  }

  /** 0 or -EADDRNOTAVAIL. `prefixLength` -1: any. */
  removeAddress(iface: NetInterface, address: IpAddress, prefixLength = -1): number {
    return this.addresses.remove(iface, address, prefixLength);
  }

  // Paths

  /** The routes of a family. */
  routesFor(address: IpAddress): Routes {
    return address.isV4 ? this.routes4 : this.routes6;
  }

  /**
   * The way to `destination`. -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL, -ENETDOWN, -EADDRNOTAVAIL.
   *
   * @param source the address to come from; null: it is chosen
   * @param oif the interface to leave by; 0: any
   * @param iif the interface by which a forwarded packet came in; 0: the packet is this host's own
   */
  resolve(
    destination: IpAddress,
    source: IpAddress | null,
    oif = 0,
    mark = 0,
    tos = 0,
    iif = 0,
  ): Path | number {
    return this.paths.resolve(destination, source, oif, mark, tos, iif);
  }

  /** The path to a neighbour, whatever the routes say. */
  onLink(iface: NetInterface, destination: IpAddress, source: IpAddress): Path {
    return this.paths.onLink(iface, destination, source);
  }

  /** The address to send from by `iface`; null: there is none. */
  sourceFor(iface: NetInterface, destination: IpAddress, nextHop: IpAddress): IpAddress | null {
    return this.paths.sourceFor(iface, destination, nextHop);
  }

  /**
   * Is it an address of this host (all of 127/8 included), or one datagrams may be received for? `null`: no.
   */
  localType(address: IpAddress): 'local' | 'broadcast' | 'multicast' | null {
    return this.paths.localType(address);
  }

  /** Write the checksums a trusted packet goes without. */
  completeChecksum(packet: Packet): void {
    packet.trusted = false;
    writeChecksums(packet.bytes, packet.etherType, packet.network, packet.end);
  }
}

/** What the neighbours of `stack` need of it. */
function neighbourOutput(stack: IpStack): NeighbourOutput {
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
      stack.frames.sendFrame(iface, packet, mac);
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
