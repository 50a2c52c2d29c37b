import {
  AF_INET,
  ARPHRD_LOOPBACK,
  CAP_NET_ADMIN,
  EADDRNOTAVAIL,
  EFAULT,
  EINVAL,
  ENOBUFS,
  ENODEV,
  ENOENT,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
  IFCONF,
  IFF_ALLMULTI,
  IFF_PROMISC,
  IFF_UP,
  IFNAMSIZ,
  IFREQ,
  NUD_PERMANENT,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RTN_UNICAST,
  RTPROT_BOOT,
  SIOCADDRT,
  SIOCDARP,
  SIOCDELRT,
  SIOCETHTOOL,
  SIOCGARP,
  SIOCGIFADDR,
  SIOCGIFBRDADDR,
  SIOCGIFCONF,
  SIOCGIFDSTADDR,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFINDEX,
  SIOCGIFMAP,
  SIOCGIFMETRIC,
  SIOCGIFMTU,
  SIOCGIFNAME,
  SIOCGIFNETMASK,
  SIOCGIFTXQLEN,
  SIOCGSTAMP,
  SIOCGSTAMPNS,
  SIOCSARP,
  SIOCSIFADDR,
  SIOCSIFBRDADDR,
  SIOCSIFDSTADDR,
  SIOCSIFFLAGS,
  SIOCSIFHWADDR,
  SIOCSIFMETRIC,
  SIOCSIFMTU,
  SIOCSIFNAME,
  SIOCSIFNETMASK,
  SIOCSIFTXQLEN,
} from '@sandbox/abi';
import { type InterfaceAddress, IpAddress, makeRoute, type NetInterface } from '@sandbox/net';
import type { IoctlCaller } from '@sandbox/vfs';
import type { Network } from '../network.js';

const SIZE = IFREQ.SIZE;
const bytes = new Uint8Array(SIZE);
const view = new DataView(bytes.buffer);
const DATA = IFREQ.ifr_addr;
/** Flags of an interface a user may change; others follow from what it is. */
const SETTABLE = IFF_UP | IFF_PROMISC | IFF_ALLMULTI;
/** An ioctl of this range concerns an interface by name. */
const RTENTRY_SIZE = 120;
const ARPREQ_SIZE = 68;
const RTF_GATEWAY = 2;
const RTF_HOST = 4;

/**
 * netdevice(7): ioctls about interfaces, routes and neighbours, on a socket of any family. Null: none of
 * these.
 */
export function interfaceIoctl(
  network: Network,
  cmd: number,
  arg: number,
  caller: IoctlCaller,
): number | null {
  switch (cmd) {
    case SIOCGIFCONF:
      return listAddresses(network, arg, caller);
    case SIOCGIFNAME:
      return nameOf(network, arg, caller);
    case SIOCADDRT:
    case SIOCDELRT:
      return changeRoute(network, cmd === SIOCADDRT, arg, caller);
    case SIOCGARP:
    case SIOCSARP:
    case SIOCDARP:
      return neighbour(network, cmd, arg, caller);
    case SIOCGSTAMP:
    case SIOCGSTAMPNS:
      return -ENOENT;
  }
  if (cmd < 0x8910 || cmd > 0x897f) return null;
  if (caller.memory.copyIn(arg, bytes, 0, SIZE) < 0) return -EFAULT;
  const name = text();
  const iface = network.stack.interfaceByName(name.replace(/:.*$/s, ''));
  if (iface === undefined) return -ENODEV;
  const read = get(network, cmd, iface, name);
  if (read !== null) return read < 0 ? read : caller.memory.copyOut(arg, bytes, 0, SIZE) < 0 ? -EFAULT : 0;
  return set(network, cmd, iface, caller);
}

/** ifr_name, up to its NUL. */
function text(): string {
  let name = '';
  for (let i = 0; i < IFNAMSIZ - 1 && bytes[i] !== 0; i++) name += String.fromCharCode(bytes[i]!);
  return name;
}

/** A sockaddr_in at ifr_addr. */
function putAddress(address: IpAddress): void {
  bytes.fill(0, DATA, DATA + 16);
  view.setUint16(DATA, AF_INET, true);
  address.toBytes(bytes, DATA + 4);
}

function netmask(prefixLength: number): IpAddress {
  return IpAddress.v4(prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0);
}

function firstAddress(iface: NetInterface, label: string): InterfaceAddress | undefined {
  return iface.addresses.find((a) => a.address.isV4 && a.label === label);
}

/** Ioctls that tell: 0 with the answer in `bytes`, -errno; null: none of these. */
function get(network: Network, cmd: number, iface: NetInterface, label: string): number | null {
  switch (cmd) {
    case SIOCGIFFLAGS:
      view.setInt16(DATA, ((iface.flags & 0xffff) << 16) >> 16, true);
      return 0;
    case SIOCGIFINDEX:
      view.setInt32(DATA, iface.index, true);
      return 0;
    case SIOCGIFMTU:
      view.setInt32(DATA, iface.mtu, true);
      return 0;
    case SIOCGIFMETRIC:
      view.setInt32(DATA, 0, true);
      return 0;
    case SIOCGIFTXQLEN:
      view.setInt32(DATA, iface.txQueueLength, true);
      return 0;
    case SIOCGIFHWADDR:
      bytes.fill(0, DATA, DATA + 16);
      view.setUint16(DATA, iface.type, true);
      if (iface.mac !== null) bytes.set(iface.mac, DATA + 2);
      return 0;
    case SIOCGIFMAP:
      bytes.fill(0, DATA, SIZE);
      return 0;
    case SIOCETHTOOL:
      return -EOPNOTSUPP;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
      return getAddress(network, cmd, iface, label);
    default:
      return null;
  }
}

function getAddress(_network: Network, cmd: number, iface: NetInterface, label: string): number {
  const entry = firstAddress(iface, label);
  if (entry === undefined) return -EADDRNOTAVAIL;
  if (cmd === SIOCGIFADDR) putAddress(entry.address);
  else if (cmd === SIOCGIFDSTADDR) putAddress(entry.peer);
  else if (cmd === SIOCGIFBRDADDR) putAddress(entry.broadcast ?? IpAddress.ANY4);
  else putAddress(netmask(entry.prefixLength));
  return 0;
}

/** Ioctls that change: CAP_NET_ADMIN. */
function set(network: Network, cmd: number, iface: NetInterface, caller: IoctlCaller): number {
  const { stack } = network;
  if (!SETTERS.has(cmd)) return -EINVAL;
  if (!network.may(caller.cred, CAP_NET_ADMIN)) return -EPERM;
  switch (cmd) {
    case SIOCSIFFLAGS: {
      const flags = view.getUint16(DATA, true) & SETTABLE;
      iface.allMulti = (flags & IFF_ALLMULTI) !== 0 ? 1 : 0;
      return stack.setInterface(iface, {
        up: (flags & IFF_UP) !== 0,
        promiscuity: (flags & IFF_PROMISC) !== 0 ? 1 : 0,
      });
    }
    case SIOCSIFMTU:
      return stack.setInterface(iface, { mtu: view.getInt32(DATA, true) });
    case SIOCSIFTXQLEN:
      return view.getInt32(DATA, true) < 0
        ? -EINVAL
        : stack.setInterface(iface, { txQueueLength: view.getInt32(DATA, true) });
    case SIOCSIFMETRIC:
      return -EOPNOTSUPP;
    case SIOCSIFNAME: {
      let name = '';
      for (let i = DATA; i < DATA + IFNAMSIZ - 1 && bytes[i] !== 0; i++)
        name += String.fromCharCode(bytes[i]!);
      return stack.setInterface(iface, { name });
    }
    case SIOCSIFHWADDR:
      if (iface.type === ARPHRD_LOOPBACK || iface.mac === null) return -EOPNOTSUPP;
      return stack.setInterface(iface, { mac: bytes.slice(DATA + 2, DATA + 8) });
    default:
      return setAddress(network, cmd, iface);
  }
}

const SETTERS: ReadonlySet<number> = new Set([
  SIOCSIFFLAGS,
  SIOCSIFMTU,
  SIOCSIFTXQLEN,
  SIOCSIFMETRIC,
  SIOCSIFNAME,
  SIOCSIFHWADDR,
  SIOCSIFADDR,
  SIOCSIFNETMASK,
  SIOCSIFBRDADDR,
  SIOCSIFDSTADDR,
]);

/** Prefix length of old address classes, as SIOCSIFADDR assumes it. */
function classLength(address: IpAddress): number {
  const first = address.w3 >>> 24;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

function maskLength(mask: IpAddress): number {
  const inverted = ~mask.w3 >>> 0;
  return (inverted & (inverted + 1)) !== 0 ? -1 : Math.clz32(inverted);
}

function setAddress(network: Network, cmd: number, iface: NetInterface): number {
  const { stack } = network;
  if (view.getUint16(DATA, true) !== AF_INET) return -EINVAL;
  const given = IpAddress.fromBytes4(bytes, DATA + 4);
  const old = iface.addresses.find((a) => a.address.isV4);
  if (cmd === SIOCSIFADDR) {
    if (old !== undefined) {
      if (old.address.equals(given)) return 0;
      stack.removeAddress(iface, old.address, old.prefixLength);
    }
    if (given.isAny) return 0;
    const prefixLength = iface.loopback && given.isLoopback ? 8 : classLength(given);
    const broadcast = iface.loopback ? null : given.broadcastOf(prefixLength);
    const r = stack.addAddress(iface, { address: given, prefixLength, broadcast });
    if (r === 0 && !iface.adminUp) stack.setInterface(iface, { up: true });
    return r;
  }
  if (old === undefined) return -EADDRNOTAVAIL;
  let { prefixLength } = old;
  if (cmd === SIOCSIFNETMASK) {
    prefixLength = maskLength(given);
    if (prefixLength < 0) return -EINVAL;
  }
  const broadcast =
    cmd === SIOCSIFBRDADDR ? given : old.broadcast === null ? null : old.address.broadcastOf(prefixLength);
  const peer = cmd === SIOCSIFDSTADDR ? given : old.peer;
  stack.removeAddress(iface, old.address, old.prefixLength);
  return stack.addAddress(iface, { address: old.address, prefixLength, broadcast, peer, label: old.label });
}

/** SIOCGIFCONF: the IPv4 addresses, one struct ifreq each; without a buffer how much room they take. */
function listAddresses(network: Network, arg: number, caller: IoctlCaller): number {
  const head = new Uint8Array(IFCONF.SIZE);
  if (caller.memory.copyIn(arg, head, 0, IFCONF.SIZE) < 0) return -EFAULT;
  const headView = new DataView(head.buffer);
  const room = headView.getInt32(IFCONF.ifc_len, true);
  const buffer =
    headView.getUint32(IFCONF.ifc_buf, true) + headView.getUint32(IFCONF.ifc_buf + 4, true) * 4294967296;
  let used = 0;
  for (const iface of network.stack.interfaces) {
    for (const entry of iface.addresses) {
      if (!entry.address.isV4) continue;
      if (buffer !== 0) {
        if (room - used < SIZE) break;
        bytes.fill(0);
        for (let i = 0; i < entry.label.length; i++) bytes[i] = entry.label.charCodeAt(i);
        putAddress(entry.address);
        if (caller.memory.copyOut(buffer + used, bytes, 0, SIZE) < 0) return -EFAULT;
      }
      used += SIZE;
    }
  }
  headView.setInt32(IFCONF.ifc_len, used, true);
  return caller.memory.copyOut(arg, head, 0, IFCONF.SIZE) < 0 ? -EFAULT : 0;
}

/** SIOCGIFNAME: the name of an index. */
function nameOf(network: Network, arg: number, caller: IoctlCaller): number {
  if (caller.memory.copyIn(arg, bytes, 0, SIZE) < 0) return -EFAULT;
  const iface = network.stack.interfaceByIndex(view.getInt32(DATA, true));
  if (iface === undefined) return -ENODEV;
  bytes.fill(0, 0, IFNAMSIZ);
  for (let i = 0; i < iface.name.length; i++) bytes[i] = iface.name.charCodeAt(i);
  return caller.memory.copyOut(arg, bytes, 0, SIZE) < 0 ? -EFAULT : 0;
}

/** SIOCADDRT, SIOCDELRT: struct rtentry (route(8)). */
function changeRoute(network: Network, add: boolean, arg: number, caller: IoctlCaller): number {
  if (!network.may(caller.cred, CAP_NET_ADMIN)) return -EPERM;
  const entry = new Uint8Array(RTENTRY_SIZE);
  if (caller.memory.copyIn(arg, entry, 0, RTENTRY_SIZE) < 0) return -EFAULT;
  const v = new DataView(entry.buffer);
  if (v.getUint16(8, true) !== AF_INET) return -EINVAL;
  const flags = v.getUint16(56, true);
  const destination = IpAddress.fromBytes4(entry, 12);
  const prefixLength = (flags & RTF_HOST) !== 0 ? 32 : maskLength(IpAddress.fromBytes4(entry, 44));
  if (prefixLength < 0) return -EINVAL;
  const gateway = (flags & RTF_GATEWAY) !== 0 ? IpAddress.fromBytes4(entry, 28) : null;
  const iface = routeDevice(network, v.getUint32(88, true) + v.getUint32(92, true) * 4294967296, caller);
  if (typeof iface === 'number') return iface;
  const { routes4: routes } = network.stack;
  if (!add) {
    const found = [...routes.all()].find(
      (r) =>
        r.type === RTN_UNICAST &&
        r.prefixLength === prefixLength &&
        r.destination.equals(destination) &&
        (gateway === null || r.gateway?.equals(gateway)),
    );
    return found === undefined ? -ESRCH : routes.remove(found);
  }
  const via = gateway === null ? null : network.stack.resolve(gateway, null);
  if (typeof via === 'number') return via;
  const ifindex = iface?.index ?? via?.iface.index;
  if (ifindex === undefined) return -ENODEV;
  const metric = Math.max(0, v.getInt16(72, true) - 1);
  const scope = gateway === null ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  return routes.add(
    makeRoute({ destination, prefixLength, gateway, ifindex, metric, scope, protocol: RTPROT_BOOT }),
  );
}

/** The interface rt_dev names; null: none. */
function routeDevice(network: Network, addr: number, caller: IoctlCaller): NetInterface | null | number {
  if (addr === 0) return null;
  if (caller.memory.copyIn(addr, bytes, 0, IFNAMSIZ - 1) < 0) return -EFAULT;
  return network.stack.interfaceByName(text()) ?? -ENODEV;
}

/** SIOCGARP, SIOCSARP, SIOCDARP: struct arpreq (arp(7)). */
function neighbour(network: Network, cmd: number, arg: number, caller: IoctlCaller): number {
  if (cmd !== SIOCGARP && !network.may(caller.cred, CAP_NET_ADMIN)) return -EPERM;
  const request = new Uint8Array(ARPREQ_SIZE);
  if (caller.memory.copyIn(arg, request, 0, ARPREQ_SIZE) < 0) return -EFAULT;
  const v = new DataView(request.buffer);
  if (v.getUint16(0, true) !== AF_INET) return -EINVAL;
  const address = IpAddress.fromBytes4(request, 4);
  bytes.set(request.subarray(52, 68), 0);
  const named = network.stack.interfaceByName(text());
  const path = named === undefined ? network.stack.resolve(address, null) : null;
  const iface = named ?? (path !== null && typeof path !== 'number' ? path.iface : undefined);
  if (iface === undefined) return -ENXIO;
  const { neighbours } = network.stack;
  if (cmd === SIOCSARP)
    return neighbours.set(iface, address, request.slice(18, 24), NUD_PERMANENT) === null ? -ENOBUFS : 0;
  const entry = neighbours.find(iface, address);
  if (entry === undefined || entry.mac === null) return -ENXIO;
  if (cmd === SIOCDARP) {
    neighbours.remove(entry);
    return 0;
  }
  v.setUint16(16, iface.type, true);
  request.set(entry.mac, 18);
  v.setInt32(32, (entry.state & NUD_PERMANENT) !== 0 ? 6 : 2, true);
  return caller.memory.copyOut(arg, request, 0, ARPREQ_SIZE) < 0 ? -EFAULT : 0;
}
