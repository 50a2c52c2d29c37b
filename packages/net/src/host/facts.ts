import {
  AF_INET,
  AF_INET6,
  ARPHRD_ETHER,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_F_DADFAILED,
  IFA_F_TENTATIVE,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  IFADDRMSG,
  IFF_UP,
  IFINFOMSG,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_MTU,
  RT_TABLE_LOCAL,
  RTA_DST,
  RTA_GATEWAY,
  RTA_METRICS,
  RTA_OIF,
  RTA_PREFSRC,
  RTA_PRIORITY,
  RTA_TABLE,
  RTAX_MTU,
  RTM_F_CLONED,
  RTMSG,
  RTN_UNICAST,
  RTPROT_KERNEL,
} from '@sandbox/abi';
import { IpAddress } from '../core/address.js';
import type { NewAddress } from '../ip/addresses.js';
import { makeRoute, type Route } from '../ip/route-table.js';
import { addressOf, parseAttributes, stringOf, u16At, u32At, u32Of } from '../wire/netlink.js';

/** An interface of the host's. */
export interface HostLinkFacts {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  readonly mac: Uint8Array;
  /** As its administrator wants it. */
  readonly up: boolean;
}

/** RTM_NEWLINK's payload; null: not an Ethernet interface. */
export function readLink(payload: Uint8Array): HostLinkFacts | null {
  if (payload.length < IFINFOMSG.SIZE || u16At(payload, IFINFOMSG.ifi_type) !== ARPHRD_ETHER) return null;
  const attributes = parseAttributes(payload, IFINFOMSG.SIZE);
  const mac = attributes.get(IFLA_ADDRESS);
  const name = stringOf(attributes, IFLA_IFNAME);
  if (mac === undefined || mac.length !== 6 || name === undefined) return null;
  return {
    index: u32At(payload, IFINFOMSG.ifi_index),
    name,
    mtu: u32Of(attributes, IFLA_MTU, 1500),
    mac: Uint8Array.from(mac),
    up: (u32At(payload, IFINFOMSG.ifi_flags) & IFF_UP) !== 0,
  };
}

/** An address of an interface of the host's. */
export interface HostAddress extends NewAddress {
  readonly ifindex: number;
}

/** RTM_NEWADDR's payload; null: of another family. */
export function readAddress(payload: Uint8Array): HostAddress | null {
  if (payload.length < IFADDRMSG.SIZE) return null;
  const family = payload[0];
  if (family !== AF_INET && family !== AF_INET6) return null;
  const attributes = parseAttributes(payload, IFADDRMSG.SIZE);
  const peer = addressOf(attributes, IFA_ADDRESS, family);
  const address = addressOf(attributes, IFA_LOCAL, family) ?? peer;
  if (address === null || payload[IFADDRMSG.ifa_prefixlen] > address.bits) return null;
  const label = stringOf(attributes, IFA_LABEL);
  return {
    ifindex: u32At(payload, IFADDRMSG.ifa_index),
    address,
    prefixLength: payload[IFADDRMSG.ifa_prefixlen],
    peer: peer ?? address,
    broadcast: addressOf(attributes, IFA_BROADCAST, family),
    scope: payload[IFADDRMSG.ifa_scope],
    // Whether somebody else has it is the stack's to find out.
    flags: u32Of(attributes, IFA_FLAGS, payload[IFADDRMSG.ifa_flags]) & ~(IFA_F_TENTATIVE | IFA_F_DADFAILED),
    ...(label === undefined ? {} : { label }),
  };
}

/**
 * RTM_NEWROUTE's payload; null: one that comes by itself with an address, or of a kind the stack does
 * without.
 */
export function readRoute(payload: Uint8Array): Route | null {
  if (payload.length < RTMSG.SIZE) return null;
  const family = payload[0];
  if (family !== AF_INET && family !== AF_INET6) return null;
  const attributes = parseAttributes(payload, RTMSG.SIZE);
  const table = u32Of(attributes, RTA_TABLE, payload[RTMSG.rtm_table]);
  const destination =
    addressOf(attributes, RTA_DST, family) ?? (family === AF_INET ? IpAddress.ANY4 : IpAddress.ANY6);
  const cloned = (u32At(payload, RTMSG.rtm_flags) & RTM_F_CLONED) !== 0;
  const prefixLength = payload[RTMSG.rtm_dst_len];
  const wanted =
    payload[RTMSG.rtm_type] === RTN_UNICAST && payload[RTMSG.rtm_protocol] !== RTPROT_KERNEL && !cloned;
  if (!wanted || table === RT_TABLE_LOCAL || prefixLength > destination.bits) return null;
  const metrics = attributes.get(RTA_METRICS);
  return makeRoute({
    destination,
    prefixLength,
    table,
    gateway: addressOf(attributes, RTA_GATEWAY, family),
    ifindex: u32Of(attributes, RTA_OIF),
    source: addressOf(attributes, RTA_PREFSRC, family),
    metric: u32Of(attributes, RTA_PRIORITY),
    scope: payload[RTMSG.rtm_scope],
    protocol: payload[RTMSG.rtm_protocol],
    tos: payload[RTMSG.rtm_tos],
    mtu: metrics === undefined ? 0 : u32Of(parseAttributes(metrics, 0), RTAX_MTU),
    flags: u32At(payload, RTMSG.rtm_flags),
  });
}
