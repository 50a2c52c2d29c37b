import {
  AF_INET,
  AF_INET6,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  EINVAL,
  ENETUNREACH,
  ENODEV,
  ENOENT,
  ENOTCONN,
} from '@sandbox/abi';
import { IpAddress, SocketAddress } from '../core/address.js';
import type { Path } from '../ip/path.js';
import type { IpStack } from '../ip/stack.js';
import { Endpoint, type SocketFilter } from './endpoint.js';
import { type PortUser, setSelector } from './ports.js';

/** What endpoints over IP share: two ends, and the way between them. */
export abstract class InetEndpoint extends Endpoint implements PortUser {
  /** Local address as bound, IPv4 in IPv4 form; port 0: not bound. */
  readonly local: SocketAddress;
  /** The other end once connected. */
  readonly remote: SocketAddress;
  connected = false;
  isClosed = false;
  /** bind(2) named an address (SOCK_BINDADDR_LOCK), a port (SOCK_BINDPORT_LOCK). */
  protected addressLocked = false;
  protected portLocked = false;
  /** The source to use: the bound address, or what connecting chose. */
  private path: Path | null = null;

  constructor(
    protected readonly stack: IpStack,
    family: number,
    protocol: number,
  ) {
    super(family, protocol);
    const any = family === AF_INET ? IpAddress.ANY4 : IpAddress.ANY6;
    this.local = new SocketAddress(any);
    this.remote = new SocketAddress(any);
    if (stack.settings.bindV6Only) this.changeOptions().v6Only = true;
  }

  get isV6(): boolean {
    return this.family === AF_INET6;
  }
  /** Its other end is an IPv4 address, mapped where IPv6 is spoken. */
  get reachesIpv4(): boolean {
    return this.remote.address.isV4;
  }
  /** IPV6_ADDRFORM: of IPv4 from now on, as both ends are. */
  becomeIpv4(): void {
    this.family = AF_INET;
    if (this.local.address.isAny) this.local.address = IpAddress.ANY4;
  }

  /** Those that share its port; none before it has one. */
  protected get portMates(): Iterable<InetEndpoint> {
    return [];
  }
  /**
   * SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF: what picks one of the group that shares a port, for
   * all of them. 0, -EINVAL (it shares none), -ENOENT (there is nothing to take away).
   */
  setSelector(selector: SocketFilter | null): number {
    if (!this.options.reusePort) return -EINVAL;
    if (selector === null && this.selector === null) return -ENOENT;
    setSelector(this.portMates, this, selector);
    return 0;
  }

  // PortUser
  get boundAddress(): IpAddress {
    return this.local.address;
  }
  get dualStack(): boolean {
    return this.isV6 && !this.options.v6Only;
  }
  get reuseAddress(): boolean {
    return this.options.reuseAddress;
  }
  get reusePort(): boolean {
    return this.options.reusePort;
  }
  get boundInterface(): number {
    return this.options.boundInterface;
  }
  get listening(): boolean {
    return false;
  }

  /**
   * May `address` be bound to? It is stored in IPv4 form when it is one. 0, -EAFNOSUPPORT, -EINVAL,
   * -EADDRNOTAVAIL, -ENODEV.
   */
  protected checkBind(address: SocketAddress): number {
    const given = address.address;
    if (given.isV4 && this.isV6) return -EINVAL;
    if (!given.isV4 && !this.isV6) return -EAFNOSUPPORT;
    const plain = given.unmapped;
    if (given.isMapped && this.options.v6Only) return -EINVAL;
    if (plain.isAny) return 0;
    if (this.isV6 && !plain.isV4 && (plain.isLinkLocal || plain.isLinkLocalMulticast)) {
      // A link-local address needs its link.
      const scope = address.scopeId || this.options.boundInterface;
      if (scope === 0) return -EINVAL;
      if (this.options.boundInterface !== 0 && this.options.boundInterface !== scope) return -EINVAL;
      if (this.stack.interfaceByIndex(scope) === undefined) return -ENODEV;
      this.changeOptions().boundInterface = scope;
    }
    const type = this.stack.localType(plain);
    if (type === 'local') return 0;
    if (type !== null && this.bindsToGroups) return 0;
    return this.options.freeBind || this.options.transparent || this.stack.settings.nonlocalBind
      ? 0
      : -EADDRNOTAVAIL;
  }

  /** Datagram sockets may be bound to multicast and broadcast addresses. */
  protected get bindsToGroups(): boolean {
    return true;
  }

  /**
   * The destination a caller gave, in the form it is routed in. The wildcard stands for this host.
   * -EAFNOSUPPORT, -ENETUNREACH: an IPv6 socket that has an address of one family does not reach the other.
   */
  protected target(address: IpAddress): IpAddress | number {
    const own = this.local.address;
    if (!this.isV6) {
      if (!address.isV4) return -EAFNOSUPPORT;
      return address.isAny ? IpAddress.LOOPBACK4 : address;
    }
    let to = address.unmapped;
    if (to.isAny) to = to.isV4 || own.isV4 ? IpAddress.LOOPBACK4 : IpAddress.LOOPBACK6;
    if (to.isV4) {
      const bound = this.addressLocked && !own.isV4 && !own.isAny;
      return this.options.v6Only || bound ? -ENETUNREACH : to;
    }
    return own.isV4 ? -EAFNOSUPPORT : to;
  }

  /**
   * The address that connecting goes out from: the one bound to, or that an earlier connect(2) chose; null:
   * to be chosen.
   */
  protected sourceTo(to: IpAddress): IpAddress | null {
    const { address } = this.local;
    return address.isAny || address.isMulticast || address.isV4 !== to.isV4 ? null : address;
  }

  /**
   * The way to `destination`, the last one again while it stands. `source` null: the bound address, or one
   * that fits.
   */
  protected pathTo(
    destination: IpAddress,
    source: IpAddress | null,
    oif: number,
    mark = this.options.mark,
  ): Path | number {
    const known = this.path;
    if (
      known !== null &&
      known.generation === this.stack.generation &&
      known.destination.equals(destination) &&
      (source === null || source.equals(known.source)) &&
      (oif === 0 || oif === known.iface.index) &&
      mark === this.options.mark
    ) {
      return known;
    }
    const path = this.stack.resolve(destination, source, oif, mark, this.options.tos);
    this.path = typeof path === 'number' || mark !== this.options.mark ? null : path;
    return path;
  }

  /** What was found of the way does not hold any more: an option changed it. */
  forgetPath(): void {
    this.path = null;
  }

  name(out: SocketAddress): number {
    this.show(out, this.local);
    return 0;
  }

  peerName(out: SocketAddress): number {
    if (!this.connected) return -ENOTCONN;
    this.show(out, this.remote);
    return 0;
  }

  /** An address as this family shows it: IPv4 ones mapped on IPv6 sockets. */
  protected show(out: SocketAddress, address: SocketAddress): void {
    this.showAs(out, address.address, address.port, address.scopeId, address.flowInfo);
  }

  protected showAs(out: SocketAddress, address: IpAddress, port: number, scopeId = 0, flowInfo = 0): void {
    if (!this.isV6) out.set(address, port);
    else out.set(address.mapped, port, scopeId, flowInfo);
  }
}
