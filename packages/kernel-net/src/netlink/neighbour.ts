import {
  AF_INET,
  AF_INET6,
  EAFNOSUPPORT,
  EEXIST,
  EINVAL,
  ENOBUFS,
  ENODEV,
  ENOENT,
  NDA_CACHEINFO,
  NDA_DST,
  NDA_LLADDR,
  NDA_PROBES,
  NDMSG,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NUD_NOARP,
  NUD_PERMANENT,
  RTM_NEWNEIGH,
  RTN_UNICAST,
} from '@sandbox/abi';
import { addressOf, type Neighbour, type NetlinkWriter, parseAttributes, u16At, u32At } from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkReply, NetlinkRequest } from './domain.js';
import { wantsFamily } from './families.js';

const CACHEINFO_SIZE = 16;
/** Clock ticks a second, as programs count them. */
const TICK_MS = 10;

/** struct ndmsg and attributes. `now`: monotonic ms. */
export function writeNeighbour(w: NetlinkWriter, entry: Neighbour, now: number): void {
  const at = w.header(NDMSG.SIZE);
  w.set8(at, entry.address.family);
  w.set32(at + NDMSG.ndm_ifindex, entry.iface.index);
  w.set16(at + NDMSG.ndm_state, entry.currentState(now));
  w.set8(at + NDMSG.ndm_flags, entry.flags | (entry.isRouter ? 0x80 : 0));
  w.set8(at + NDMSG.ndm_type, RTN_UNICAST);
  w.address(NDA_DST, entry.address);
  if (entry.mac !== null) w.data(NDA_LLADDR, entry.mac);
  const cache = w.attribute(NDA_CACHEINFO, CACHEINFO_SIZE);
  w.set32(cache, Math.floor((now - entry.confirmed) / TICK_MS));
  w.set32(cache + 4, Math.floor((now - entry.used) / TICK_MS));
  w.set32(cache + 8, Math.floor((now - entry.updated) / TICK_MS));
  w.u32(NDA_PROBES, entry.probes);
}

/** RTM_GETNEIGH: the table, or one entry. */
export function getNeighbours(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  const { payload } = request;
  const asked = payload[0] ?? 0;
  const { stack } = network;
  const now = stack.host.now();
  if ((request.flags & NLM_F_DUMP) === 0) {
    const found = find(network, request);
    if (typeof found === 'number') return found;
    writeNeighbour(reply.begin(RTM_NEWNEIGH), found, now);
    reply.end();
    return 0;
  }
  const index = payload.length >= NDMSG.SIZE ? u32At(payload, NDMSG.ndm_ifindex) : 0;
  reply.dump();
  for (const entry of stack.neighbours.all()) {
    if (!wantsFamily(asked, entry.address.family)) continue;
    if (index !== 0 && entry.iface.index !== index) continue;
    writeNeighbour(reply.begin(RTM_NEWNEIGH), entry, now);
    reply.end();
  }
  return 0;
}

function find(network: Network, request: NetlinkRequest): Neighbour | number {
  const { payload } = request;
  if (payload.length < NDMSG.SIZE) return -EINVAL;
  const family = payload[0]!;
  if (family !== AF_INET && family !== AF_INET6) return -EAFNOSUPPORT;
  const address = addressOf(parseAttributes(payload, NDMSG.SIZE), NDA_DST, family);
  if (address === null) return -EINVAL;
  const iface = network.stack.interfaceByIndex(u32At(payload, NDMSG.ndm_ifindex));
  if (iface === undefined) return -ENODEV;
  return network.stack.neighbours.find(iface, address) ?? -ENOENT;
}

/** RTM_NEWNEIGH */
export function newNeighbour(network: Network, request: NetlinkRequest): number {
  const { payload, flags } = request;
  const known = find(network, request);
  if (typeof known === 'number' && known !== -ENOENT) return known;
  if (known === -ENOENT && (flags & NLM_F_CREATE) === 0) return -ENOENT;
  if (known !== -ENOENT && (flags & NLM_F_EXCL) !== 0) return -EEXIST;
  if (known !== -ENOENT && (flags & NLM_F_REPLACE) === 0 && (flags & NLM_F_CREATE) !== 0) return 0;
  const attributes = parseAttributes(payload, NDMSG.SIZE);
  const iface = network.stack.interfaceByIndex(u32At(payload, NDMSG.ndm_ifindex))!;
  const address = addressOf(attributes, NDA_DST, payload[0]!)!;
  const mac = attributes.get(NDA_LLADDR) ?? null;
  const state = u16At(payload, NDMSG.ndm_state) || NUD_PERMANENT;
  if (mac !== null && mac.length !== 6) return -EINVAL;
  if (mac === null && (state & (NUD_PERMANENT | NUD_NOARP)) !== 0 && iface.resolves) return -EINVAL;
  return network.stack.neighbours.set(iface, address, mac, state) === null ? -ENOBUFS : 0;
}

/** RTM_DELNEIGH */
export function deleteNeighbour(network: Network, request: NetlinkRequest): number {
  const found = find(network, request);
  if (typeof found === 'number') return found;
  network.stack.neighbours.remove(found);
  return 0;
}
