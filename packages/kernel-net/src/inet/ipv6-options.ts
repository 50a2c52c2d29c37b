import {
  EINVAL,
  ENODEV,
  ENOPROTOOPT,
  ENOTCONN,
  IPV6_2292DSTOPTS,
  IPV6_2292HOPLIMIT,
  IPV6_2292HOPOPTS,
  IPV6_2292PKTINFO,
  IPV6_2292RTHDR,
  IPV6_ADDR_PREFERENCES,
  IPV6_AUTOFLOWLABEL,
  IPV6_CHECKSUM,
  IPV6_DONTFRAG,
  IPV6_FLOWINFO,
  IPV6_FLOWINFO_SEND,
  IPV6_FREEBIND,
  IPV6_HDRINCL,
  IPV6_MINHOPCOUNT,
  IPV6_MTU,
  IPV6_MTU_DISCOVER,
  IPV6_MULTICAST_ALL,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_IF,
  IPV6_MULTICAST_LOOP,
  IPV6_RECVDSTOPTS,
  IPV6_RECVERR,
  IPV6_RECVERR_RFC4884,
  IPV6_RECVFRAGSIZE,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVHOPOPTS,
  IPV6_RECVORIGDSTADDR,
  IPV6_RECVPATHMTU,
  IPV6_RECVPKTINFO,
  IPV6_RECVRTHDR,
  IPV6_RECVTCLASS,
  IPV6_ROUTER_ALERT,
  IPV6_ROUTER_ALERT_ISOLATE,
  IPV6_TCLASS,
  IPV6_TRANSPARENT,
  IPV6_UNICAST_HOPS,
  IPV6_UNICAST_IF,
  IPV6_V6ONLY,
  SOCK_RAW,
  SOCK_STREAM,
} from '@sandbox/abi';
import { headerIncluded, privileged, swap, swappedInterface } from './ip-options.js';
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

const DEFAULT_HOPS = 64;
const MIN_MTU = 1280;
/** IPV6_PREFER_SRC_*: what a fresh socket shows, and which bits exclude each other. */
const PREFER_TMP = 0x1;
const PREFER_PUBLIC = 0x2;
const PREFER_PUBTMP_DEFAULT = 0x100;
const PREFER_COA = 0x4;
const PREFER_HOME = 0x400;
const PREFER_CGA = 0x8;
const PREFER_NONCGA = 0x800;

const flag: NumberOption = { initial: 0, check: bool };

/** -1 is the default. */
function byteOr(fallback: number): (value: number) => number {
  return (v) => (v < -1 || v > 255 ? refuse(EINVAL) : v === -1 ? fallback : v);
}

function preferences(v: number): number {
  if ((v & (PREFER_PUBLIC | PREFER_TMP | PREFER_PUBTMP_DEFAULT)) !== 0) {
    const which = v & (PREFER_PUBLIC | PREFER_TMP | PREFER_PUBTMP_DEFAULT);
    if (which !== PREFER_PUBLIC && which !== PREFER_TMP && which !== PREFER_PUBTMP_DEFAULT)
      return refuse(EINVAL);
  }
  const home = v & (PREFER_HOME | PREFER_COA);
  if (home === (PREFER_HOME | PREFER_COA)) return refuse(EINVAL);
  if ((v & (PREFER_CGA | PREFER_NONCGA)) === (PREFER_CGA | PREFER_NONCGA)) return refuse(EINVAL);
  const source = v & (PREFER_TMP | PREFER_PUBLIC);
  return source | (home === PREFER_COA ? PREFER_COA : 0);
}

function shownPreferences(v: number): number {
  let shown = v & (PREFER_TMP | PREFER_PUBLIC);
  if (shown === 0) shown = PREFER_PUBTMP_DEFAULT;
  return shown | ((v & PREFER_COA) !== 0 ? PREFER_COA : PREFER_HOME);
}

/** ipv6(7): the options of SOL_IPV6 that are numbers. */
export const IPV6_NUMBERS: OptionTable = new Map<number, NumberOption>([
  [IPV6_2292PKTINFO, told('oldPktInfo6')],
  [IPV6_2292HOPOPTS, told('oldHopOptions6')],
  [IPV6_2292DSTOPTS, told('oldDestinationOptions6')],
  [IPV6_2292RTHDR, told('oldRouting6')],
  [IPV6_2292HOPLIMIT, told('oldHopLimit6')],
  [
    IPV6_CHECKSUM,
    number('checksumOffset', {
      initial: -1,
      check: (v, owner) =>
        owner.type !== SOCK_RAW
          ? refuse(ENOPROTOOPT)
          : v > 0 && (v & 1) !== 0
            ? refuse(EINVAL)
            : v < 0
              ? -1
              : v,
    }),
  ],
  [IPV6_HDRINCL, headerIncluded],
  [IPV6_FLOWINFO, told('flowInfo6')],
  [
    IPV6_UNICAST_HOPS,
    number('hopLimit', {
      initial: -1,
      check: (v) => (v < -1 || v > 255 ? refuse(EINVAL) : v),
      show: (v) => (v < 0 ? DEFAULT_HOPS : v),
    }),
  ],
  [
    IPV6_MULTICAST_IF,
    number('multicastInterface6', {
      check: (v, owner) =>
        owner.type === SOCK_STREAM
          ? refuse(ENOPROTOOPT)
          : v !== 0 && !owner.hasInterface(v)
            ? refuse(ENODEV)
            : v,
    }),
  ],
  [
    IPV6_MULTICAST_HOPS,
    number('multicastHops', {
      initial: 1,
      check: (v, owner) => (owner.type === SOCK_STREAM ? refuse(ENOPROTOOPT) : byteOr(1)(v)),
    }),
  ],
  [IPV6_MULTICAST_LOOP, toggle('multicastLoop6', { initial: 1, check: range(0, 1) })],
  [IPV6_ROUTER_ALERT, { initial: 0, check: (v, o) => (o.type === SOCK_RAW ? bool(v) : refuse(ENOPROTOOPT)) }],
  [IPV6_ROUTER_ALERT_ISOLATE, flag],
  [IPV6_MTU_DISCOVER, number('mtuDiscover6', { initial: 1, check: range(0, 5) })],
  [
    IPV6_MTU,
    number('mtu6', {
      initial: -1,
      check: (v) => (v !== 0 && v < MIN_MTU ? refuse(EINVAL) : v),
      // What it shows is the path's, once there is one.
      show: (v, owner) => (owner.connected ? v : -ENOTCONN),
    }),
  ],
  [IPV6_RECVERR, toggle('receiveErrors6')],
  [IPV6_RECVERR_RFC4884, { initial: 0, check: range(0, 1) }],
  [IPV6_MULTICAST_ALL, toggle('multicastAll6', { initial: 1 })],
  [IPV6_FLOWINFO_SEND, toggle('flowInfoSend')],
  [IPV6_RECVPKTINFO, told('pktInfo6')],
  [IPV6_RECVHOPLIMIT, told('hopLimit6')],
  [IPV6_RECVHOPOPTS, told('hopOptions6')],
  [IPV6_RECVRTHDR, told('routing6')],
  [IPV6_RECVDSTOPTS, told('destinationOptions6')],
  [IPV6_RECVPATHMTU, flag],
  [IPV6_DONTFRAG, toggle('dontFragment')],
  [IPV6_RECVTCLASS, told('trafficClass6')],
  [IPV6_TCLASS, number('trafficClass', { check: byteOr(0) })],
  [IPV6_AUTOFLOWLABEL, toggle('autoFlowLabel', { initial: 1 })],
  [IPV6_ADDR_PREFERENCES, { initial: 0, check: preferences, show: shownPreferences }],
  [IPV6_MINHOPCOUNT, number('minHopCount', { check: range(0, 255) })],
  [IPV6_RECVORIGDSTADDR, told('originalDestination6')],
  [
    IPV6_TRANSPARENT,
    toggle('transparent', {
      check: privileged,
    }),
  ],
  [
    IPV6_UNICAST_IF,
    {
      initial: 0,
      check: swappedInterface,
      apply: (o, v) => {
        o.unicastInterface6 = swap(v);
      },
    },
  ],
  [IPV6_RECVFRAGSIZE, flag],
  [IPV6_FREEBIND, toggle('freeBind')],
  [IPV6_V6ONLY, toggle('v6Only')],
]);
