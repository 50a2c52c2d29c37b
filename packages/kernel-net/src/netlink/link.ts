import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  ARPHRD_LOOPBACK,
  EEXIST,
  EINVAL,
  ENODEV,
  EOPNOTSUPP,
  IFF_ALLMULTI,
  IFF_PROMISC,
  IFF_UP,
  IFINFOMSG,
  IFLA_ADDRESS,
  IFLA_AF_SPEC,
  IFLA_ALLMULTI,
  IFLA_BROADCAST,
  IFLA_CARRIER,
  IFLA_CARRIER_CHANGES,
  IFLA_CARRIER_DOWN_COUNT,
  IFLA_CARRIER_UP_COUNT,
  IFLA_EXT_MASK,
  IFLA_GRO_IPV4_MAX_SIZE,
  IFLA_GRO_MAX_SIZE,
  IFLA_GROUP,
  IFLA_GSO_IPV4_MAX_SIZE,
  IFLA_GSO_MAX_SEGS,
  IFLA_GSO_MAX_SIZE,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INET_CONF,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INET6_FLAGS,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_LINKMODE,
  IFLA_MAX_MTU,
  IFLA_MIN_MTU,
  IFLA_MTU,
  IFLA_NET_NS_FD,
  IFLA_NET_NS_PID,
  IFLA_NUM_RX_QUEUES,
  IFLA_NUM_TX_QUEUES,
  IFLA_OPERSTATE,
  IFLA_PROMISCUITY,
  IFLA_PROTO_DOWN,
  IFLA_QDISC,
  IFLA_STATS,
  IFLA_STATS64,
  IFLA_TSO_MAX_SEGS,
  IFLA_TSO_MAX_SIZE,
  IFLA_TXQLEN,
  IFLA_XDP,
  IFLA_XDP_ATTACHED,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_NEWLINK,
} from '@sandbox/abi';
import type { Task } from '@sandbox/kernel-core/process';
import { type NetInterface, type NetlinkWriter, parseAttributes, stringOf, u32At, u32Of } from '@sandbox/net';
import { namespaceOfInterface, networkIn } from '../lookup.js';
import type { Network } from '../network.js';
import { operationalState } from '../operational-state.js';
import { makeLink, moveLink, peerOf } from './devices.js';
import type { NetlinkReply, NetlinkRequest } from './domain.js';
import { mayPutInto, namedNamespace, namespaceNumber } from './namespace.js';
import { disciplineOf } from './traffic.js';

const GSO_MAX_SIZE = 65536;
const GSO_MAX_SEGS = 65535;
const TSO_MAX_SIZE = 524280;
/** Words of struct rtnl_link_stats64: packets and bytes, then counters nothing here counts. */
const STATS_FIELDS = 25;
const STATS32_FIELDS = 24;
/** Entries of ipv4_devconf that IFLA_INET_CONF shows. */
const DEVCONF_FIELDS = 33;
const DEVCONF_FORWARDING = 1;

/** The attributes of a link, behind struct ifinfomsg. */
export function writeLink(w: NetlinkWriter, network: Network, iface: NetInterface, mask = 0): void {
  const at = w.header(IFINFOMSG.SIZE);
  w.set8(at, AF_UNSPEC);
  w.set16(at + IFINFOMSG.ifi_type, iface.type);
  w.set32(at + IFINFOMSG.ifi_index, iface.index);
  w.set32(at + IFINFOMSG.ifi_flags, iface.flags);
  w.string(IFLA_IFNAME, iface.name);
  w.u32(IFLA_TXQLEN, iface.txQueueLength);
  w.u8(IFLA_OPERSTATE, operationalState(iface).code);
  w.u8(IFLA_LINKMODE, 0);
  w.u32(IFLA_MTU, iface.mtu);
  w.u32(IFLA_MIN_MTU, iface.loopback ? 0 : 68);
  w.u32(IFLA_MAX_MTU, iface.loopback ? 0 : 65535);
  w.u32(IFLA_GROUP, 0);
  w.u32(IFLA_PROMISCUITY, iface.promiscuity);
  w.u32(IFLA_ALLMULTI, iface.allMulti);
  w.u32(IFLA_NUM_TX_QUEUES, 1);
  w.u32(IFLA_GSO_MAX_SEGS, GSO_MAX_SEGS);
  w.u32(IFLA_GSO_MAX_SIZE, GSO_MAX_SIZE);
  w.u32(IFLA_GRO_MAX_SIZE, GSO_MAX_SIZE);
  w.u32(IFLA_GSO_IPV4_MAX_SIZE, GSO_MAX_SIZE);
  w.u32(IFLA_GRO_IPV4_MAX_SIZE, GSO_MAX_SIZE);
  w.u32(IFLA_TSO_MAX_SIZE, TSO_MAX_SIZE);
  w.u32(IFLA_TSO_MAX_SEGS, GSO_MAX_SEGS);
  w.u32(IFLA_NUM_RX_QUEUES, 1);
  w.u8(IFLA_CARRIER, iface.link.up ? 1 : 0);
  w.string(IFLA_QDISC, disciplineOf(iface));
  w.u32(IFLA_CARRIER_CHANGES, iface.loopback ? 0 : 1);
  w.u32(IFLA_CARRIER_UP_COUNT, iface.loopback ? 0 : 1);
  w.u32(IFLA_CARRIER_DOWN_COUNT, 0);
  w.u8(IFLA_PROTO_DOWN, 0);
  if (iface.alias !== '') w.string(IFLA_IFALIAS, iface.alias);
  writeKind(w, network, iface);
  writeHardware(w, iface);
  if ((mask & RTEXT_FILTER_SKIP_STATS) === 0) writeStatistics(w, iface);
  const xdp = w.nest(IFLA_XDP);
  w.u8(IFLA_XDP_ATTACHED, 0);
  w.endNest(xdp);
  writeFamilies(w, iface);
}

/** What kind of device it is and, of a pair, which the other end is and where. */
function writeKind(w: NetlinkWriter, network: Network, iface: NetInterface): void {
  const { kind } = iface.link;
  if (kind === undefined) return;
  const info = w.nest(IFLA_LINKINFO);
  w.string(IFLA_INFO_KIND, kind);
  w.endNest(info);
  const peer = peerOf(iface);
  if (peer === null) return;
  w.u32(IFLA_LINK, peer.index);
  const elsewhere = namespaceOfInterface(network.kernel, peer);
  if (elsewhere !== null && elsewhere !== network.ns)
    w.u32(IFLA_LINK_NETNSID, namespaceNumber(network, elsewhere, true));
}

function writeHardware(w: NetlinkWriter, iface: NetInterface): void {
  if (iface.mac !== null) {
    w.data(IFLA_ADDRESS, iface.mac);
    w.data(IFLA_BROADCAST, new Uint8Array(6).fill(255));
  } else if (iface.type === ARPHRD_LOOPBACK) {
    w.data(IFLA_ADDRESS, new Uint8Array(6));
    w.data(IFLA_BROADCAST, new Uint8Array(6));
  }
}

function counters(iface: NetInterface): number[] {
  const s = iface.statistics;
  return [
    s.rxPackets,
    s.txPackets,
    s.rxBytes,
    s.txBytes,
    s.rxErrors,
    s.txErrors,
    s.rxDropped,
    s.txDropped,
    s.multicast,
  ];
}

function writeStatistics(w: NetlinkWriter, iface: NetInterface): void {
  const values = counters(iface);
  let at = w.attribute(IFLA_STATS64, STATS_FIELDS * 8);
  values.forEach((value, i) => {
    w.set64(at + i * 8, value);
  });
  at = w.attribute(IFLA_STATS, STATS32_FIELDS * 4);
  values.forEach((value, i) => {
    w.set32(at + i * 4, value);
  });
}

function writeFamilies(w: NetlinkWriter, iface: NetInterface): void {
  const spec = w.nest(IFLA_AF_SPEC);
  const v4 = w.nest(AF_INET);
  const at = w.attribute(IFLA_INET_CONF, DEVCONF_FIELDS * 4);
  w.set32(at + (DEVCONF_FORWARDING - 1) * 4, iface.forwarding === true ? 1 : 0);
  w.endNest(v4);
  const v6 = w.nest(AF_INET6);
  w.u32(IFLA_INET6_FLAGS, 0x80000000);
  w.u8(IFLA_INET6_ADDR_GEN_MODE, 0);
  w.endNest(v6);
  w.endNest(spec);
}

/** The interface a request names, by index or name. */
function find(
  network: Network,
  request: NetlinkRequest,
  attributes: Map<number, Uint8Array>,
): NetInterface | undefined {
  const index = u32At(request.payload, IFINFOMSG.ifi_index) | 0;
  if (index > 0) return network.stack.interfaceByIndex(index);
  const name = stringOf(attributes, IFLA_IFNAME);
  return name === undefined ? undefined : network.stack.interfaceByName(name);
}

/** RTM_GETLINK: one interface, or all. */
export function getLink(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  const attributes = parseAttributes(request.payload, IFINFOMSG.SIZE);
  const mask = u32Of(attributes, IFLA_EXT_MASK);
  const emit = (iface: NetInterface): void => {
    writeLink(reply.begin(RTM_NEWLINK), network, iface, mask);
    reply.end();
  };
  if ((request.flags & NLM_F_DUMP) !== 0) {
    reply.dump();
    for (const iface of network.stack.interfaces) emit(iface);
    return 0;
  }
  if (request.payload.length < IFINFOMSG.SIZE) return -EINVAL;
  const iface = find(network, request, attributes);
  if (iface === undefined) return -ENODEV;
  emit(iface);
  return 0;
}

/** RTM_NEWLINK and RTM_SETLINK: make an interface, change or move it. */
export function changeLink(
  network: Network,
  request: NetlinkRequest,
  reply: NetlinkReply,
  caller: Task,
): number {
  const { payload } = request;
  if (payload.length < IFINFOMSG.SIZE) return -EINVAL;
  const attributes = parseAttributes(payload, IFINFOMSG.SIZE);
  const iface = find(network, request, attributes);
  if (iface === undefined) {
    if ((request.flags & NLM_F_CREATE) === 0) return -ENODEV;
    return makeLink(network, payload, attributes, reply, caller);
  }
  if ((request.flags & NLM_F_EXCL) !== 0) return -EEXIST;
  const target = namedNamespace(attributes, IFLA_NET_NS_PID, IFLA_NET_NS_FD, caller);
  if (typeof target === 'number') return target;
  if (target !== null) {
    const r = mayPutInto(target, caller);
    if (r >= 0 && iface.loopback) return reply.refuse(EINVAL, 'The interface netns is immutable');
    return r < 0 ? r : moveLink(network, iface, networkIn(target), stringOf(attributes, IFLA_IFNAME));
  }
  const change = u32At(payload, IFINFOMSG.ifi_change) || 0xffffffff;
  const flags = u32At(payload, IFINFOMSG.ifi_flags);
  const mtu = attributes.get(IFLA_MTU);
  const mac = attributes.get(IFLA_ADDRESS);
  const name = stringOf(attributes, IFLA_IFNAME);
  const queue = attributes.get(IFLA_TXQLEN);
  if (mac !== undefined && (iface.mac === null || mac.length !== 6)) return -EOPNOTSUPP;
  const asked = u32At(payload, IFINFOMSG.ifi_change) !== 0 || flags !== 0;
  const alias = stringOf(attributes, IFLA_IFALIAS);
  if (alias !== undefined) iface.alias = alias.slice(0, 255);
  if (asked && (change & IFF_ALLMULTI) !== 0) iface.allMulti = (flags & IFF_ALLMULTI) !== 0 ? 1 : 0;
  return network.stack.setInterface(iface, {
    ...(mtu === undefined ? {} : { mtu: u32At(mtu, 0) }),
    ...(name === undefined ? {} : { name }),
    ...(mac === undefined ? {} : { mac }),
    ...(queue === undefined ? {} : { txQueueLength: u32At(queue, 0) }),
    ...(asked && (change & IFF_PROMISC) !== 0 ? { promiscuity: (flags & IFF_PROMISC) !== 0 ? 1 : 0 } : {}),
    ...(asked && (change & IFF_UP) !== 0 ? { up: (flags & IFF_UP) !== 0 } : {}),
  });
}

/** RTM_DELLINK */
export function deleteLink(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  if (request.payload.length < IFINFOMSG.SIZE) return -EINVAL;
  const iface = find(network, request, parseAttributes(request.payload, IFINFOMSG.SIZE));
  if (iface === undefined) return -ENODEV;
  // What the embedder put in is the embedder's.
  if (iface.link.kind === undefined) return reply.refuse(EOPNOTSUPP, 'Operation not supported');
  network.stack.removeInterface(iface);
  iface.link.close?.();
  return 0;
}
