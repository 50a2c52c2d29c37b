import { EEXIST, EINVAL, IFAPROT_KERNEL_LL, IFAPROT_KERNEL_LO, RT_SCOPE_LINK } from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import type { Packet } from '../core/packet.js';
import type { Link } from '../link/link.js';
import { LoopbackLink } from '../link/loopback.js';
import { type InterfaceOwner, NetInterface } from './interface.js';
import type { IpStack } from './stack.js';

/** What `Interfaces.change` may change. */
export interface InterfaceChange {
  up?: boolean;
  mtu?: number;
  name?: string;
  mac?: Uint8Array;
  txQueueLength?: number;
  promiscuity?: number;
}

const NAME = /^[^\s/:]{1,15}$/;
/** No MTU below this is allowed (RFC 791: every link carries 68 bytes). */
const LEAST_MTU = 68;

/** The network interfaces of a stack, by name and by number. */
export class Interfaces implements InterfaceOwner {
  /** In the order in which they came. */
  readonly list: NetInterface[] = [];
  /** Counts the changes that may make a path found earlier wrong. */
  generation = 0;
  private readonly byIndex = new Map<number, NetInterface>();
  private nextIndex = 1;

  constructor(private readonly stack: IpStack) {}

  at(index: number): NetInterface | undefined {
    return this.byIndex.get(index);
  }

  named(name: string): NetInterface | undefined {
    return this.list.find((iface) => iface.name === name);
  }

  /**
   * A new interface, down and without addresses. -EEXIST, -EINVAL (the name). `index`: the number it is to
   * have.
   */
  add(name: string, link: Link, index?: number): NetInterface | number {
    if (!NAME.test(name) || name === '.' || name === '..') return -EINVAL;
    if (this.named(name) !== undefined) return -EEXIST;
    const number = index ?? this.nextIndex;
    if (this.byIndex.has(number)) return -EEXIST;
    this.nextIndex = Math.max(this.nextIndex, number + 1);
    const iface = new NetInterface(this, number, name, link, link instanceof LoopbackLink);
    this.list.push(iface);
    this.byIndex.set(number, iface);
    this.generation++;
    this.report(iface, 'added');
    return iface;
  }

  /** 0, -EINVAL (loopback stays). */
  remove(iface: NetInterface): number {
    const { stack } = this;
    if (iface === stack.loopback) return -EINVAL;
    if (iface.adminUp) this.change(iface, { up: false });
    for (const entry of [...iface.addresses])
      stack.addresses.remove(iface, entry.address, entry.prefixLength);
    stack.multicast.removeInterface(iface);
    this.list.splice(this.list.indexOf(iface), 1);
    this.byIndex.delete(iface.index);
    iface.link.attach(null);
    this.generation++;
    this.report(iface, 'removed');
    return 0;
  }

  /** Change an interface. 0, -EINVAL (MTU, name), -EEXIST (name). */
  change(iface: NetInterface, change: InterfaceChange): number {
    const { mtu: usual, maxMtu = usual } = iface.link;
    if (change.mtu !== undefined && (change.mtu < LEAST_MTU || change.mtu > Math.max(65536, maxMtu)))
      return -EINVAL;
    if (change.name !== undefined && change.name !== iface.name) {
      if (!NAME.test(change.name)) return -EINVAL;
      if (this.named(change.name) !== undefined) return -EEXIST;
      iface.name = change.name;
    }
    if (change.mtu !== undefined) iface.mtu = Math.min(change.mtu, maxMtu);
    if (change.mac !== undefined) iface.mac = Uint8Array.from(change.mac);
    if (change.txQueueLength !== undefined) iface.txQueueLength = change.txQueueLength;
    if (change.promiscuity !== undefined) iface.promiscuity = change.promiscuity;
    this.generation++;
    if (change.up !== undefined && change.up !== iface.adminUp) this.setUp(iface, change.up);
    else this.report(iface, 'changed');
    return 0;
  }

  private setUp(iface: NetInterface, up: boolean): void {
    const { stack } = this;
    iface.adminUp = up;
    iface.link.interfaceUp?.(up);
    this.report(iface, 'changed');
    if (!up) {
      stack.addresses.down(iface);
      stack.neighbours.removeInterface(iface);
      return;
    }
    if (iface.loopback) {
      // Linux gives loopback its addresses by itself (inetdev_event), unless it has some of IPv4.
      if (!iface.addresses.some((entry) => entry.address.isV4))
        stack.addresses.add(iface, { address: IpAddress.LOOPBACK4, prefixLength: 8 });
      if (!stack.settings.disableIpv6 && iface.findAddress(IpAddress.LOOPBACK6) === undefined) {
        stack.addresses.add(iface, {
          address: IpAddress.LOOPBACK6,
          prefixLength: 128,
          protocol: IFAPROT_KERNEL_LO,
        });
      }
    } else if (!stack.settings.disableIpv6 && iface.mac !== null) {
      const address = linkLocalOf(iface.mac);
      if (iface.findAddress(address) === undefined) {
        stack.addresses.add(iface, {
          address,
          prefixLength: 64,
          scope: RT_SCOPE_LINK,
          protocol: IFAPROT_KERNEL_LL,
        });
      }
    }
    stack.addresses.up(iface);
  }

  private report(iface: NetInterface, what: 'added' | 'removed' | 'changed'): void {
    for (const monitor of this.stack.monitors) monitor.interfaceChanged?.(iface, what);
  }

  // InterfaceOwner

  interfaceReceived(iface: NetInterface, packet: Packet): void {
    this.stack.frames.receive(iface, packet);
  }

  interfaceChanged(iface: NetInterface): void {
    this.generation++;
    this.report(iface, 'changed');
  }

  interfaceLost(iface: NetInterface): void {
    this.remove(iface);
  }
}

/** fe80:: with the interface identifier made of a hardware address (RFC 4291 appendix A). */
function linkLocalOf(mac: Uint8Array): IpAddress {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xfe;
  bytes[1] = 0x80;
  bytes.set([mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]], 8);
  return IpAddress.fromBytes6(bytes);
}
