import {
  EEXIST,
  EINVAL,
  EOPNOTSUPP,
  IFF_UP,
  IFINFOMSG,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NET_NS_PID,
  IFLA_TXQLEN,
  VETH_INFO_PEER,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import {
  DummyLink,
  type Link,
  NetInterface,
  parseAttributes,
  stringOf,
  u32At,
  u32Of,
  VethLink,
} from '@sandbox/net';
import { networkIn } from '../lookup.js';
import type { Network } from '../network.js';
import type { NetlinkReply } from './domain.js';
import { mayPutInto, namedNamespace } from './namespace.js';

type Attributes = Map<number, Uint8Array>;

/** Interfaces one namespace may have: each costs the embedder memory. */
const MOST_INTERFACES = 4096;
const MOST_MTU = 65535;

/** What a new interface is to be like, and where. */
interface Wish {
  readonly network: Network;
  readonly name: string;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly index: number;
  readonly up: boolean;
  readonly txQueueLength: number | undefined;
}

/** A hardware address of one's own (eth_random_addr). */
function randomMac(network: Network): Uint8Array {
  const { random } = network.kernel;
  const [a, b] = [random.uint32(), random.uint32()];
  return Uint8Array.of((a & 0xfc) | 2, a >>> 8, a >>> 16, a >>> 24, b, b >>> 8);
}

/** NAME0, NAME1: the first that is free. */
function freeName(network: Network, pattern: string): string {
  for (let n = 0; ; n++) {
    const name = pattern.replace('%d', String(n));
    if (network.stack.interfaceByName(name) === undefined) return name;
  }
}

/** What a message's `struct ifinfomsg` and attributes ask for; -errno. */
function readWish(
  network: Network,
  message: Uint8Array,
  attributes: Attributes,
  pattern: string,
  caller: Task,
): Wish | number {
  const ns = namedNamespace(attributes, IFLA_NET_NS_PID, IFLA_NET_NS_FD, caller);
  if (typeof ns === 'number') return ns;
  const target = ns === null ? network : networkIn(ns);
  if (ns !== null) {
    const r = mayPutInto(ns, caller);
    if (r < 0) return r;
  }
  const mac = attributes.get(IFLA_ADDRESS);
  if (mac !== undefined && (mac.length !== 6 || (mac[0]! & 1) !== 0)) return -EINVAL;
  const mtu = u32Of(attributes, IFLA_MTU, 1500);
  if (mtu < 68 || mtu > MOST_MTU) return -EINVAL;
  const asked = stringOf(attributes, IFLA_IFNAME);
  const name =
    asked === undefined ? freeName(target, pattern) : asked.includes('%d') ? freeName(target, asked) : asked;
  const { stack } = target;
  if (stack.interfaceByName(name) !== undefined) return -EEXIST;
  if (stack.interfaces.length >= MOST_INTERFACES) return -EEXIST;
  return {
    network: target,
    name,
    mac: mac === undefined ? randomMac(network) : Uint8Array.from(mac),
    mtu,
    index: u32At(message, IFINFOMSG.ifi_index),
    up: (u32At(message, IFINFOMSG.ifi_flags) & IFF_UP) !== 0,
    txQueueLength: attributes.has(IFLA_TXQLEN) ? u32Of(attributes, IFLA_TXQLEN) : undefined,
  };
}

function add(wish: Wish, link: Link): NetInterface | number {
  const { stack } = wish.network;
  const iface = stack.addInterface(wish.name, link, wish.index > 0 ? wish.index : undefined);
  if (typeof iface === 'number') return iface;
  if (wish.txQueueLength !== undefined) stack.setInterface(iface, { txQueueLength: wish.txQueueLength });
  return iface;
}

/** RTM_NEWLINK for an interface that is not there: `ip link add`. */
export function makeLink(
  network: Network,
  message: Uint8Array,
  attributes: Attributes,
  reply: NetlinkReply,
  caller: Task,
): number {
  const info = attributes.get(IFLA_LINKINFO);
  const details: Attributes = info === undefined ? new Map() : parseAttributes(info, 0);
  const kind = stringOf(details, IFLA_INFO_KIND);
  if (kind === undefined) return -EINVAL;
  if (kind !== 'veth' && kind !== 'dummy') return reply.refuse(EOPNOTSUPP, 'Unknown device type');
  const wish = readWish(network, message, attributes, `${kind}%d`, caller);
  if (typeof wish === 'number') return wish;
  if (kind === 'veth') return makePair(network, wish, details.get(IFLA_INFO_DATA), caller);
  const iface = add(wish, new DummyLink(wish.mac, wish.mtu));
  if (typeof iface === 'number') return iface;
  return wish.up ? wish.network.stack.setInterface(iface, { up: true }) : 0;
}

/** Both ends of a veth(4), the peer first, as Linux does. */
function makePair(network: Network, wish: Wish, data: Uint8Array | undefined, caller: Task): number {
  const peerInfo = data === undefined ? undefined : parseAttributes(data, 0).get(VETH_INFO_PEER);
  if (peerInfo !== undefined && peerInfo.length < IFINFOMSG.SIZE) return -EINVAL;
  const message = peerInfo ?? new Uint8Array(IFINFOMSG.SIZE);
  const peerWish = readWish(network, message, parseAttributes(message, IFINFOMSG.SIZE), 'veth%d', caller);
  if (typeof peerWish === 'number') return peerWish;
  const [link, peerLink] = VethLink.pair(wish.mac, peerWish.mac, wish.mtu, peerWish.mtu);
  const peer = add(peerWish, peerLink);
  if (typeof peer === 'number') return peer;
  const first = peerWish.name === wish.name && peerWish.network === wish.network ? -EEXIST : add(wish, link);
  if (typeof first === 'number') {
    peerWish.network.stack.removeInterface(peer);
    return first;
  }
  if (peerWish.up) peerWish.network.stack.setInterface(peer, { up: true });
  return wish.up ? wish.network.stack.setInterface(first, { up: true }) : 0;
}

/**
 * Put `iface` into another namespace, down and without addresses (dev_change_net_namespace). -EINVAL: it
 * stays where it is; -EEXIST.
 */
export function moveLink(from: Network, iface: NetInterface, to: Network, name = iface.name): number {
  if (iface.loopback) return -EINVAL;
  if (from === to) return 0;
  if (to.stack.interfaceByName(name) !== undefined) return -EEXIST;
  const { link, mtu, mac, txQueueLength, alias, index } = iface;
  from.stack.removeInterface(iface);
  const free = to.stack.interfaceByIndex(index) === undefined;
  const moved = to.stack.addInterface(name, link, free ? index : undefined);
  if (typeof moved === 'number') return moved;
  moved.alias = alias;
  return to.stack.setInterface(moved, { mtu, txQueueLength, ...(mac === null ? {} : { mac }) });
}

/**
 * What the embedder put into a namespace that ends is in the first one again; devices of guests go with it.
 */
export function returnLinks(from: Network, to: Network): void {
  for (const iface of [...from.stack.interfaces]) {
    if (iface.loopback || iface.link.kind !== undefined) continue;
    const taken = to.stack.interfaceByName(iface.name) !== undefined;
    moveLink(from, iface, to, taken ? freeName(to, 'dev%d') : iface.name);
  }
}

/** The interface at the other end of a veth; null: it is none. */
export function peerOf(iface: NetInterface): NetInterface | null {
  const peer = iface.link instanceof VethLink ? iface.link.peer : null;
  return peer instanceof NetInterface ? peer : null;
}
