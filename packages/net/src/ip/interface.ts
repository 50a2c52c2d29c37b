import {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ARPHRD_NONE,
  IFF_BROADCAST,
  IFF_LOOPBACK,
  IFF_LOWER_UP,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_POINTOPOINT,
  IFF_RUNNING,
  IFF_UP,
} from '@sandbox/abi';
import type { IpAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import type { Link, LinkReceiver } from '../link/link.js';

/** An address an interface has. */
export interface InterfaceAddress {
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** The other end of a point-to-point link; else `address`. */
  readonly peer: IpAddress;
  /** IPv4 only; null: none. */
  readonly broadcast: IpAddress | null;
  /** RT_SCOPE_UNIVERSE, RT_SCOPE_LINK or RT_SCOPE_HOST. */
  readonly scope: number;
  /** IFA_F_*. */
  flags: number;
  /** Who gave it (IFAPROT_*); 0: nobody says. */
  readonly protocol: number;
  /** IPv4 only: what ifconfig(8) lists it under, `eth0:1`. */
  readonly label: string;
  /** Seconds; 0xffffffff: for ever. */
  validLifetime: number;
  preferredLifetime: number;
  /** Monotonic ms. */
  readonly created: number;
  changed: number;
}

/** Counters of an interface (struct rtnl_link_stats64, /proc/net/dev). */
export class InterfaceStatistics {
  rxPackets = 0;
  txPackets = 0;
  rxBytes = 0;
  txBytes = 0;
  rxErrors = 0;
  txErrors = 0;
  rxDropped = 0;
  txDropped = 0;
  multicast = 0;
}

/** Who works for an interface: the stack. */
export interface InterfaceOwner {
  /** A packet came in; it belongs to the owner now. */
  interfaceReceived(iface: NetInterface, packet: Packet): void;
  interfaceChanged(iface: NetInterface): void;
  /** The device is gone. */
  interfaceLost(iface: NetInterface): void;
}

/** A network interface: a link with a name, a number and addresses. Made by `IpStack.addInterface`. */
export class NetInterface implements LinkReceiver {
  /** What the administrator wants: `ip link set up`. Change it with `IpStack.setInterface`. */
  adminUp = false;
  mtu: number;
  mac: Uint8Array | null;
  /** In the order they were given; both families. */
  readonly addresses: InterfaceAddress[] = [];
  readonly statistics = new InterfaceStatistics();
  /** Packet sockets and administrators that want everything. */
  promiscuity = 0;
  allMulti = 0;
  txQueueLength: number;
  /** /proc/sys/net/ipv4/conf/NAME/forwarding and its IPv6 sibling; null: as `all`. */
  forwarding: boolean | null = null;
  forwarding6: boolean | null = null;
  alias = '';

  constructor(
    private readonly owner: InterfaceOwner,
    readonly index: number,
    public name: string,
    readonly link: Link,
    readonly loopback: boolean,
  ) {
    this.mtu = link.mtu;
    this.mac = link.mac;
    this.txQueueLength = 1000;
    link.attach(this);
  }

  /** Can it send now? */
  get running(): boolean {
    return this.adminUp && this.link.up;
  }
  /** ARPHRD_*. */
  get type(): number {
    if (this.loopback) return ARPHRD_LOOPBACK;
    return this.link.framing === 'ethernet' ? ARPHRD_ETHER : ARPHRD_NONE;
  }
  /** Neighbours have hardware addresses that must be found out. */
  get resolves(): boolean {
    return this.link.framing === 'ethernet' && !this.loopback;
  }
  /** IFF_*. */
  get flags(): number {
    let flags = 0;
    if (this.adminUp) flags |= IFF_UP;
    if (this.running) flags |= IFF_LOWER_UP;
    if (this.running) flags |= IFF_RUNNING;
    if (this.loopback) return flags | IFF_LOOPBACK;
    if (this.link.framing === 'ethernet')
      return flags | IFF_BROADCAST | (this.link.noArp ? IFF_NOARP : IFF_MULTICAST);
    return flags | IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
  }

  receive(packet: Packet): void {
    this.owner.interfaceReceived(this, packet);
  }

  linkChanged(): void {
    this.owner.interfaceChanged(this);
  }

  linkRemoved(): void {
    this.owner.interfaceLost(this);
  }

  /** Hand a finished frame to the link. */
  transmit(packet: Packet): void {
    this.statistics.txPackets++;
    this.statistics.txBytes += packet.end - packet.start;
    this.link.send(packet);
  }

  /** The address object of `address`, if it is one of this interface. */
  findAddress(address: IpAddress): InterfaceAddress | undefined {
    return this.addresses.find((candidate) => candidate.address.equals(address));
  }
}
