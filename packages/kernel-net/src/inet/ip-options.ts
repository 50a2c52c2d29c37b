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
import {
  bool,
  type NumberOption,
  number,
  type OptionTable,
  range,
  refuse,
  toggle,
  told,
} from './option-table.js';

const DEFAULT_TTL = 64;
/** Bits of the TOS byte that are not the user's on a stream (INET_ECN_MASK). */
const ECN = 3;

const flag: NumberOption = { initial: 0, check: bool };
const rawOnly: NumberOption['check'] = (value, owner) =>
  owner.type === SOCK_RAW ? bool(value) : refuse(ENOPROTOOPT);

/** IP_HDRINCL, IPV6_HDRINCL: what is sent has its header. */
export const headerIncluded: NumberOption = toggle('headerIncluded', {
  // Unset: whoever speaks no particular protocol brings headers of his own.
  initial: -1,
  show: (v, owner) => (v >= 0 ? v : owner.type === SOCK_RAW && owner.protocol === IPPROTO_RAW ? 1 : 0),
  check: rawOnly,
});

/** Who may send from addresses that are not this host's (IP_TRANSPARENT, IPV6_TRANSPARENT). */
export const privileged: NumberOption['check'] = (value, { network }, cred) =>
  value !== 0 && !network.may(cred, CAP_NET_RAW) && !network.may(cred, CAP_NET_ADMIN)
    ? refuse(EPERM)
    : bool(value);

/** The index of an interface in network byte order (IP_UNICAST_IF, IPV6_UNICAST_IF). */
export const swappedInterface: NumberOption['check'] = (value, owner) => {
  const index = swap(value);
  return index !== 0 && !owner.hasInterface(index) ? refuse(EADDRNOTAVAIL) : value;
};

/** ip(7): the options of SOL_IP that are numbers. */
export const IP_NUMBERS: OptionTable = new Map<number, NumberOption>([
  [IP_TOS, number('tos', { check: (v, owner) => (owner.type === SOCK_STREAM ? v & 0xff & ~ECN : v & 0xff) })],
  [
    IP_TTL,
    number('ttl', {
      initial: -1,
      needsValue: true,
      check: (v) => (v !== -1 && (v < 1 || v > 255) ? refuse(EINVAL) : v),
      show: (v) => (v < 0 ? DEFAULT_TTL : v),
    }),
  ],
  [IP_HDRINCL, headerIncluded],
  [IP_NODEFRAG, { initial: 0, check: rawOnly }],
  [IP_MTU_DISCOVER, number('mtuDiscover', { initial: IP_PMTUDISC_WANT, check: range(0, 5) })],
  [IP_RECVERR, toggle('receiveErrors')],
  [IP_RECVERR_RFC4884, { initial: 0, check: range(0, 1) }],
  [IP_ROUTER_ALERT, { initial: 0, check: rawOnly }],
  [IP_PKTINFO, told('pktInfo')],
  [IP_RECVTTL, told('ttl')],
  [IP_RECVTOS, told('tos')],
  [IP_RECVOPTS, told('options')],
  [IP_RETOPTS, told('returnOptions')],
  [IP_PASSSEC, flag],
  [IP_RECVORIGDSTADDR, told('originalDestination')],
  [IP_CHECKSUM, told('checksum')],
  [
    IP_RECVFRAGSIZE,
    { initial: 0, check: (v, owner) => (owner.type === SOCK_STREAM ? refuse(EINVAL) : bool(v)) },
  ],
  [IP_FREEBIND, toggle('freeBind', { needsValue: true })],
  [
    IP_TRANSPARENT,
    toggle('transparent', {
      needsValue: true,
      check: privileged,
    }),
  ],
  [IP_MINTTL, number('minTtl', { needsValue: true, check: range(0, 255) })],
  [IP_BIND_ADDRESS_NO_PORT, toggle('bindAddressNoPort')],
  [
    IP_MULTICAST_TTL,
    number('multicastTtl', {
      initial: 1,
      needsValue: true,
      check: (v, owner) => {
        if (owner.type === SOCK_STREAM) return refuse(EINVAL);
        const ttl = v === -1 ? 1 : v;
        return ttl < 0 || ttl > 255 ? refuse(EINVAL) : ttl;
      },
    }),
  ],
  [IP_MULTICAST_LOOP, toggle('multicastLoop', { initial: 1, needsValue: true })],
  [
    IP_MULTICAST_ALL,
    toggle('multicastAll', {
      // An IPv6 socket asks IPV6_MULTICAST_ALL.
      initial: 1,
      needsValue: true,
      check: range(0, 1),
    }),
  ],
  [
    IP_UNICAST_IF,
    {
      initial: 0,
      needsValue: true,
      check: swappedInterface,
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
