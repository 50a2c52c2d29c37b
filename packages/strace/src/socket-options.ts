import { SOL_IP, SOL_IPV6, SOL_NETLINK, SOL_PACKET, SOL_SOCKET, SOL_TCP, SOL_UDP } from '@sandbox/abi';
import { except, hex, type Names, named, oneOf } from './names.js';

/** Values of options, and names that are not the first of a number. */
const TCP_VALUES =
  /^TCP_(MSS_|AO_MAX|AO_KEYF|MD5SIG_(MAX|FLAG)|REPAIR_O(N|FF)|RECEIVE_|ENCAP_|RESERVED|DATA_OFF|(NO|RECV|SEND)_QUEUE|QUEUES_NR|CM_INQ)/;
const TCP_STATES =
  /^TCP_(ESTABLISHED|SYN_SENT|SYN_RECV|FIN_WAIT[12]|TIME_WAIT|CLOSE|CLOSE_WAIT|LAST_ACK|LISTEN|CLOSING|NEW_SYN_RECV|BOUND_INACTIVE|MAX_STATES|FLAG_\w+|CA_\w+|NLA_\w+|FASTOPEN_CLIENT_FAIL|TFO_\w+)$/;
const IP_VALUES = /^IP_(PMTUDISC|DEFAULT|RECVRETOPTS|RECVORIGDSTADDR)/;
const IPV6_VALUES = /^IPV6_(FL_|FLOWINFO_(FLOW|PRIO)|PRIORITY|TLV|PMTUDISC|PREFER|RECVORIGDSTADDR)/;

const groups = named('MCAST_', except('MCAST_EXCLUDE', 'MCAST_INCLUDE'));

const OPTIONS: ReadonlyMap<number, Names> = new Map<number, Names>([
  [SOL_SOCKET, named('SO_', (name) => !name.startsWith('SO_EE_'))],
  [SOL_TCP, named('TCP_', (name) => !TCP_VALUES.test(name) && !TCP_STATES.test(name))],
  [SOL_IP, [...named('IP_', (name) => !IP_VALUES.test(name)), ...groups]],
  [SOL_IPV6, [...named('IPV6_', (name) => !IPV6_VALUES.test(name)), ...groups]],
  [SOL_UDP, named('UDP_', (name) => !/^UDP_ENCAP_/.test(name))],
  [
    SOL_NETLINK,
    named('NETLINK_', /^NETLINK_(ADD_|DROP_|PKTINFO|BROADCAST_|NO_|LISTEN_|LIST_|CAP_|EXT_|GET_)/),
  ],
  [
    SOL_PACKET,
    named('PACKET_', (name) => !/^PACKET_(HOST|BROADCAST|MULTICAST|OTHERHOST|OUTGOING|MR_\w+)$/.test(name)),
  ],
]);

/** The name of an option of a level, as strace(1) spells it; in hex what has none. */
export function optionName(level: number, name: number): string {
  const names = OPTIONS.get(level);
  if (names === undefined) return hex(name);
  const text = oneOf(names, name);
  return level === SOL_SOCKET ? text.replace(/_(OLD|NEW)$/, '') : text;
}
