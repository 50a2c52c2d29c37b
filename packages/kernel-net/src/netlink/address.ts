import {
  AF_INET,
  AF_INET6,
  EADDRNOTAVAIL,
  EEXIST,
  EINVAL,
  ENODEV,
  EOPNOTSUPP,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_CACHEINFO,
  IFA_CACHEINFO_STRUCT,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  IFA_PROTO,
  IFADDRMSG,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_NEWADDR,
} from '@sandbox/abi';
import {
  addressOf,
  type InterfaceAddress,
  type NetInterface,
  type NetlinkWriter,
  parseAttributes,
  stringOf,
  u32At,
  u32Of,
} from '@sandbox/net';
import type { Network } from '../network.js';
import type { NetlinkReply, NetlinkRequest } from './domain.js';
import { wantsFamily } from './families.js';

const FOREVER = 0xffffffff;

/** struct ifaddrmsg and attributes. `now`: monotonic ms. */
export function writeAddressMessage(
  w: NetlinkWriter,
  iface: NetInterface,
  entry: InterfaceAddress,
  now: number,
): void {
  const at = w.header(IFADDRMSG.SIZE);
  const { isV4 } = entry.address;
  w.set8(at, isV4 ? AF_INET : AF_INET6);
  w.set8(at + IFADDRMSG.ifa_prefixlen, entry.prefixLength);
  w.set8(at + IFADDRMSG.ifa_flags, entry.flags & 0xff);
  w.set8(at + IFADDRMSG.ifa_scope, entry.scope);
  w.set32(at + IFADDRMSG.ifa_index, iface.index);
  w.address(IFA_ADDRESS, isV4 ? entry.peer : entry.address);
  if (isV4) {
    w.address(IFA_LOCAL, entry.address);
    if (entry.broadcast !== null) w.address(IFA_BROADCAST, entry.broadcast);
    w.string(IFA_LABEL, entry.label);
  }
  const cache = w.attribute(IFA_CACHEINFO, IFA_CACHEINFO_STRUCT.SIZE);
  const age = Math.floor((now - entry.changed) / 1000);
  const left = (lifetime: number): number => (lifetime === FOREVER ? FOREVER : Math.max(0, lifetime - age));
  w.set32(cache, left(entry.preferredLifetime));
  w.set32(cache + 4, left(entry.validLifetime));
  w.set32(cache + 8, entry.created / 10);
  w.set32(cache + 12, entry.changed / 10);
  w.u32(IFA_FLAGS, entry.flags);
  if (entry.protocol !== 0) w.u8(IFA_PROTO, entry.protocol);
}

/** RTM_GETADDR: the addresses of a family, perhaps of one interface. */
export function dumpAddresses(network: Network, request: NetlinkRequest, reply: NetlinkReply): number {
  const asked = request.payload[0] ?? 0;
  const index = request.payload.length >= IFADDRMSG.SIZE ? u32At(request.payload, IFADDRMSG.ifa_index) : 0;
  reply.dump();
  const { stack } = network;
  const families = [AF_INET, AF_INET6].filter((family) => wantsFamily(asked, family));
  for (const family of families) {
    for (const iface of stack.interfaces) {
      if (index !== 0 && iface.index !== index) continue;
      for (const entry of iface.addresses) {
        if (entry.address.family !== family) continue;
        writeAddressMessage(reply.begin(RTM_NEWADDR), iface, entry, stack.host.now());
        reply.end();
      }
    }
  }
  return 0;
}

/** RTM_NEWADDR */
export function newAddress(network: Network, request: NetlinkRequest): number {
  const { payload } = request;
  if (payload.length < IFADDRMSG.SIZE) return -EINVAL;
  const family = payload[0]!;
  if (family !== AF_INET && family !== AF_INET6) return -EOPNOTSUPP;
  const attributes = parseAttributes(payload, IFADDRMSG.SIZE);
  const iface = network.stack.interfaceByIndex(u32At(payload, IFADDRMSG.ifa_index));
  if (iface === undefined) return -ENODEV;
  const address = addressOf(attributes, IFA_LOCAL, family) ?? addressOf(attributes, IFA_ADDRESS, family);
  if (address === null) return -EINVAL;
  const peer = addressOf(attributes, IFA_ADDRESS, family) ?? address;
  const prefixLength = payload[IFADDRMSG.ifa_prefixlen]!;
  if (prefixLength > address.bits) return -EINVAL;
  const cache = attributes.get(IFA_CACHEINFO);
  const label = stringOf(attributes, IFA_LABEL);
  const known = iface.addresses.find((a) => a.address.equals(address) && a.prefixLength === prefixLength);
  const preferredLifetime = cache === undefined ? FOREVER : u32At(cache, 0);
  const validLifetime = cache === undefined ? FOREVER : u32At(cache, 4);
  if (preferredLifetime > validLifetime || validLifetime === 0) return -EINVAL;
  if (known !== undefined) {
    if ((request.flags & NLM_F_EXCL) !== 0 || (request.flags & NLM_F_REPLACE) === 0) return -EEXIST;
    known.preferredLifetime = preferredLifetime;
    known.validLifetime = validLifetime;
    known.changed = network.stack.host.now();
    return 0;
  }
  return network.stack.addAddress(iface, {
    address,
    prefixLength,
    peer,
    broadcast: addressOf(attributes, IFA_BROADCAST, family),
    scope: payload[IFADDRMSG.ifa_scope]!,
    flags: u32Of(attributes, IFA_FLAGS, payload[IFADDRMSG.ifa_flags]!),
    ...(label === undefined ? {} : { label }),
    validLifetime,
    preferredLifetime,
    protocol: attributes.get(IFA_PROTO)?.[0] ?? 0,
  });
}

/** RTM_DELADDR */
export function deleteAddress(network: Network, request: NetlinkRequest): number {
  const { payload } = request;
  if (payload.length < IFADDRMSG.SIZE) return -EINVAL;
  const family = payload[0]!;
  const attributes = parseAttributes(payload, IFADDRMSG.SIZE);
  const iface = network.stack.interfaceByIndex(u32At(payload, IFADDRMSG.ifa_index));
  if (iface === undefined) return -ENODEV;
  const address = addressOf(attributes, IFA_LOCAL, family) ?? addressOf(attributes, IFA_ADDRESS, family);
  if (address === null) return -EADDRNOTAVAIL;
  return network.stack.removeAddress(iface, address, payload[IFADDRMSG.ifa_prefixlen]!);
}
