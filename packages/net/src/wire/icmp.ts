/** ICMP (RFC 792, 1122, 1191, 4884) and ICMPv6 (RFC 4443) messages, and what they mean to sockets. */
import {
  EACCES,
  ECONNREFUSED,
  EHOSTDOWN,
  EHOSTUNREACH,
  EMSGSIZE,
  ENETUNREACH,
  ENONET,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPROTO,
} from '@sandbox/abi';

export const ICMP_HEADER = 8;

export const ICMP_ECHOREPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;
export const ICMP_TIMESTAMP = 13;
export const ICMP_TIMESTAMPREPLY = 14;
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROT_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_PKT_FILTERED = 13;
export const ICMP_EXC_TTL = 0;
export const ICMP_EXC_FRAGTIME = 1;

export const ICMPV6_DEST_UNREACH = 1;
export const ICMPV6_PKT_TOOBIG = 2;
export const ICMPV6_TIME_EXCEED = 3;
export const ICMPV6_PARAMPROB = 4;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const MLD_QUERY = 130;
export const NDP_NEIGHBOUR_SOLICITATION = 135;
export const NDP_NEIGHBOUR_ADVERTISEMENT = 136;
export const MLD2_REPORT = 143;
export const ICMPV6_NOROUTE = 0;
export const ICMPV6_ADM_PROHIBITED = 1;
export const ICMPV6_ADDR_UNREACH = 3;
export const ICMPV6_PORT_UNREACH = 4;
export const ICMPV6_EXC_HOPLIMIT = 0;
export const ICMPV6_EXC_FRAGTIME = 1;
export const ICMPV6_UNK_NEXTHDR = 1;
export const ICMPV6_UNK_OPTION = 2;

/** Is the type an error about another packet, which must never be answered with an error? */
export function isIcmpError(type: number, isV4: boolean): boolean {
  if (!isV4) return type < 128;
  return (
    type === ICMP_DEST_UNREACH ||
    type === ICMP_SOURCE_QUENCH ||
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETERPROB
  );
}

/** errno of a destination unreachable's code, negative when it is not fatal (icmp_err_convert). */
const UNREACHABLE4 = [
  -ENETUNREACH,
  -EHOSTUNREACH,
  ENOPROTOOPT,
  ECONNREFUSED,
  -EMSGSIZE,
  -EOPNOTSUPP,
  ENETUNREACH,
  EHOSTDOWN,
  ENONET,
  ENETUNREACH,
  EHOSTUNREACH,
  -ENETUNREACH,
  -EHOSTUNREACH,
  EHOSTUNREACH,
  EHOSTUNREACH,
  EHOSTUNREACH,
];
/**
 * As above (icmpv6_err_convert): no route, prohibited, beyond scope, address, port, source policy, reject
 * route.
 */
const UNREACHABLE6 = [-ENETUNREACH, EACCES, -EHOSTUNREACH, -EHOSTUNREACH, ECONNREFUSED, EACCES, EACCES];

/**
 * What an error message stands for. `errno` is positive; `hard`: it ends a connection attempt or is told
 * without IP_RECVERR.
 */
export class IcmpMeaning {
  errno = 0;
  hard = false;

  set(isV4: boolean, type: number, code: number): this {
    const value = isV4 ? meaning4(type, code) : meaning6(type, code);
    this.errno = Math.abs(value);
    this.hard = value > 0;
    return this;
  }
}

function meaning4(type: number, code: number): number {
  if (type === ICMP_DEST_UNREACH) return UNREACHABLE4[code] ?? EHOSTUNREACH;
  if (type === ICMP_PARAMETERPROB) return EPROTO;
  return -EHOSTUNREACH;
}

function meaning6(type: number, code: number): number {
  if (type === ICMPV6_DEST_UNREACH) return UNREACHABLE6[code] ?? EPROTO;
  if (type === ICMPV6_PKT_TOOBIG) return -EMSGSIZE;
  if (type === ICMPV6_PARAMPROB) return EPROTO;
  return type === ICMPV6_TIME_EXCEED ? -EHOSTUNREACH : EPROTO;
}
