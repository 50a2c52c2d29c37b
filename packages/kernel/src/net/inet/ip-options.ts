import {
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  EADDRNOTAVAIL,
  EINVAL,
  ENOPROTOOPT,
  EPERM,
  IP_BIND_ADDRESS_NO_PORT,
  IP_CHECKSUM,
  IP_FREEBIND,
  IP_HDRINCL,
  IP_MINTTL,
  IP_MTU_DISCOVER,
  IP_MULTICAST_ALL,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_NODEFRAG,
  IP_PASSSEC,
  IP_PKTINFO,
  IP_PMTUDISC_WANT,
  IP_RECVERR,
  IP_RECVERR_RFC4884,
  IP_RECVFRAGSIZE,
  IP_RECVOPTS,
  IP_RECVORIGDSTADDR,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_RETOPTS,
  IP_ROUTER_ALERT,
  IP_TOS,
  IP_TRANSPARENT,
  IP_TTL,
  IP_UNICAST_IF,
  IPPROTO_RAW,
  SOCK_RAW,
  SOCK_STREAM,
} from '@sandbox/abi';
import { bool, type NumberOption, type OptionTable, range, refuse } from './option-table.js';

const DEFAULT_TTL = 64;
/** Bits of the TOS byte that are not the user's on a stream (INET_ECN_MASK). */
const ECN = 3;

const flag: NumberOption = { initial: 0, check: bool };
const rawOnly: NumberOption['check'] = (value, owner) =>
  owner.type === SOCK_RAW ? bool(value) : refuse(ENOPROTOOPT);

/** ip(7): the options of SOL_IP that are numbers. */
export const IP_NUMBERS: OptionTable = new Map<number, NumberOption>([
  [
    IP_TOS,
    {
      initial: 0,
      check: (v, owner) => (owner.type === SOCK_STREAM ? v & 0xff & ~ECN : v & 0xff),
      apply: (o, v) => {
        o.tos = v;
      },
    },
  ],
  [
    IP_TTL,
    {
      initial: -1,
      needsValue: true,
      check: (v) => (v !== -1 && (v < 1 || v > 255) ? refuse(EINVAL) : v),
      show: (v) => (v < 0 ? DEFAULT_TTL : v),
      apply: (o, v) => {
        o.ttl = v;
      },
    },
  ],
  [
    IP_HDRINCL,
    {
      // Unset: whoever speaks no particular protocol brings headers of his own.
      initial: -1,
      show: (v, owner) => (v >= 0 ? v : owner.type === SOCK_RAW && owner.protocol === IPPROTO_RAW ? 1 : 0),
      check: rawOnly,
      apply: (o, v) => {
        o.headerIncluded = v !== 0;
      },
    },
  ],
  [IP_NODEFRAG, { initial: 0, check: rawOnly }],
  [
    IP_MTU_DISCOVER,
    {
      initial: IP_PMTUDISC_WANT,
      check: range(0, 5),
      apply: (o, v) => {
        o.mtuDiscover = v;
      },
    },
  ],
  [
    IP_RECVERR,
    {
      initial: 0,
      check: bool,
      apply: (o, v) => {
        o.receiveErrors = v !== 0;
      },
    },
  ],
  [IP_RECVERR_RFC4884, { initial: 0, check: range(0, 1) }],
  [IP_ROUTER_ALERT, { initial: 0, check: rawOnly }],
  [IP_PKTINFO, flag],
  [IP_RECVTTL, flag],
  [IP_RECVTOS, flag],
  [IP_RECVOPTS, flag],
  [IP_RETOPTS, flag],
  [IP_PASSSEC, flag],
  [IP_RECVORIGDSTADDR, flag],
  [IP_CHECKSUM, flag],
  [
    IP_RECVFRAGSIZE,
    { initial: 0, check: (v, owner) => (owner.type === SOCK_STREAM ? refuse(EINVAL) : bool(v)) },
  ],
  [
    IP_FREEBIND,
    {
      initial: 0,
      needsValue: true,
      check: bool,
      apply: (o, v) => {
        o.freeBind = v !== 0;
      },
    },
  ],
  [
    IP_TRANSPARENT,
    {
      initial: 0,
      needsValue: true,
      check: (v, { network }, cred) =>
        v !== 0 && !network.may(cred, CAP_NET_RAW) && !network.may(cred, CAP_NET_ADMIN)
          ? refuse(EPERM)
          : bool(v),
      apply: (o, v) => {
        o.transparent = v !== 0;
      },
    },
  ],
  [
    IP_MINTTL,
    {
      initial: 0,
      needsValue: true,
      check: range(0, 255),
      apply: (o, v) => {
        o.minTtl = v;
      },
    },
  ],
  [
    IP_BIND_ADDRESS_NO_PORT,
    {
      initial: 0,
      check: bool,
      apply: (o, v) => {
        o.bindAddressNoPort = v !== 0;
      },
    },
  ],
  [
    IP_MULTICAST_TTL,
    {
      initial: 1,
      needsValue: true,
      check: (v, owner) => {
        if (owner.type === SOCK_STREAM) return refuse(EINVAL);
        const ttl = v === -1 ? 1 : v;
        return ttl < 0 || ttl > 255 ? refuse(EINVAL) : ttl;
      },
      apply: (o, v) => {
        o.multicastTtl = v;
      },
    },
  ],
  [
    IP_MULTICAST_LOOP,
    {
      initial: 1,
      needsValue: true,
      check: bool,
      apply: (o, v) => {
        o.multicastLoop = v !== 0;
      },
    },
  ],
  [
    IP_MULTICAST_ALL,
    {
      // An IPv6 socket asks IPV6_MULTICAST_ALL.
      initial: 1,
      needsValue: true,
      check: range(0, 1),
      apply: (o, v) => {
        o.multicastAll = v !== 0;
      },
    },
  ],
  [
    IP_UNICAST_IF,
    {
      initial: 0,
      needsValue: true,
      // The index comes in network byte order.
      check: (v, owner) => {
        const index = swap(v);
        return index !== 0 && !owner.hasInterface(index) ? refuse(EADDRNOTAVAIL) : v;
      },
      apply: (o, v) => {
        o.unicastInterface = swap(v);
      },
    },
  ],
]);

/** ntohl. */
export function swap(v: number): number {
  return (((v & 0xff) << 24) | ((v & 0xff00) << 8) | ((v >> 8) & 0xff00) | ((v >> 24) & 0xff)) >>> 0;
}
